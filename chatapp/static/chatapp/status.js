/* Tells the rest of the page how the answer of the chat stands: the event chat:status, and the elements of {% chat_status %}
   and {% chat_cancel %}, wherever they are.

   The event is dispatched on the chat and bubbles. Its detail: `run` and `message` (ids), `state` (that of the message; "" if
   there is no answer yet) and `status`: initial, running, success, error or cancelled. */

const STATUS = { streaming: "running", waiting: "running", complete: "success", stopped: "cancelled" };
const chat = document.getElementById("chat");
let answers = []; // of the thread that is shown, live
let told = null; // the message and state that were told last
let isOurCancel = false; // somebody pressed a button of ours, and the answer has not ended yet

function look() {
  const { chatRun: run = "", chatMessage: message = "", chatState: state = "" } =
    [...answers].findLast(({ dataset }) => dataset.chatRun)?.dataset ?? {};
  if (told === `${message} ${state}`) return;
  told = `${message} ${state}`;
  const status = STATUS[state] ?? (state ? "error" : "initial");
  for (const element of document.querySelectorAll("[data-chat-follows]")) {
    element.dataset.chatFollows = status;
    element.textContent = element.dataset[status] ?? "";
  }
  for (const button of document.querySelectorAll("[data-chat-cancel]")) button.disabled = status !== "running";
  if (isOurCancel && status === "cancelled") showNotice();
  if (status !== "running") isOurCancel = false;
  chat.dispatchEvent(new CustomEvent("chat:status", { bubbles: true, detail: { run, message, state, status } }));
}

function showNotice() {
  const toast = document.getElementById("chat-toast")?.content.firstElementChild.cloneNode(true);
  const sentence = document.querySelector("[data-chat-cancel]")?.dataset.chatCancel;
  if (!toast || !sentence) return;
  toast.classList.add("chat-toast-warning");
  toast.querySelector("p").textContent = sentence;
  document.getElementById("chat-notice").append(toast);
}

document.addEventListener("click", ({ target }) => {
  if (target.closest?.("[data-chat-cancel]")) isOurCancel = true;
});

// Two, because one cannot look for messages at the top and for states below: their words are none of our business.
const messages = new MutationObserver(look);
const states = new MutationObserver(look);

function watch() {
  messages.disconnect();
  states.disconnect();
  const thread = document.getElementById("chat-thread");
  if (!thread) return;
  answers = thread.getElementsByTagName("article");
  messages.observe(thread, { childList: true });
  states.observe(thread, { attributeFilter: ["data-chat-state"], subtree: true });
  isOurCancel = false;
  look();
}

watch();
document.addEventListener("chat:page", watch); // another thread is shown
