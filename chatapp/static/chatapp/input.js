/* Does to the message box what code says: <i data-chat-input="…"> in #chat-input is one change, and is taken out again.

   One ES module, loaded with the first of them. A text that is to be sent goes the way of what is typed, once: of the tabs
   of a browser the first one sends it, and the site takes the same id from all browsers together once. */

const CLAIMED = "chat-input";
const find = (id) => document.getElementById(id);
const waiting = new Map(); // id -> text: to be sent when nothing is being said any more

function setText(text) {
  const box = find("chat-text");
  box.value = text;
  box.dispatchEvent(new Event("input", { bubbles: true })); // the box grows with it
}

/** Whether it is for this page to send. */
function claim(id) {
  if (document.querySelector(`[data-chat-client="${CSS.escape(id)}"]`)) return false;
  try {
    if (localStorage.getItem(CLAIMED) === id) return false;
    localStorage.setItem(CLAIMED, id);
  } catch {
    // No storage: every tab sends it, and the site takes it once.
  }
  return true;
}

/** Goes the way of what is typed. What was being typed comes back, and the focus. */
function send(id, text) {
  const box = find("chat-text");
  const { form, value: draft } = box;
  const active = document.activeElement;
  setText(text);
  form.dataset.chatClient = id;
  form.requestSubmit();
  delete form.dataset.chatClient;
  setText(draft);
  if (active !== box) active?.focus({ preventScroll: true });
}

const isBusy = () => find("chat-action").querySelector("[data-chat-stop]") !== null || !find("chat-pending").hidden;

function sendNext() {
  for (const [id, text] of waiting) {
    if (isBusy()) return;
    waiting.delete(id);
    if (claim(id)) send(id, text);
  }
}

function take(update) {
  const { chatInput: id, value, placeholder, submit, focus } = update.dataset;
  const box = find("chat-text");
  update.remove();
  if (placeholder !== undefined) box.placeholder = placeholder;
  if (submit !== undefined) waiting.set(id, value);
  else if (value !== undefined) setText(value);
  if (focus !== undefined) box.focus();
  sendNext();
}

const takeAll = () => [...(find("chat-input")?.children ?? [])].forEach(take);
const changes = new MutationObserver(takeAll);
const pauses = new MutationObserver(sendNext);

function watch() {
  changes.disconnect();
  pauses.disconnect();
  if (!find("chat-input")) return;
  changes.observe(find("chat-input"), { childList: true });
  pauses.observe(find("chat-action"), { childList: true });
  pauses.observe(find("chat-pending"), { attributeFilter: ["hidden"] });
  takeAll();
}

watch();
// What was to be sent in a thread is sent by those who look at it.
document.addEventListener("chat:leave", () => waiting.clear());
document.addEventListener("chat:page", watch);
