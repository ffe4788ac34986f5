/* The composer while an answer comes, where the assistant says another thing than "block": the box that takes no text
   meanwhile, and the messages that wait: each can be taken back, for good or into the box.

   What waits comes as a frame, in all tabs. Without this file the forms post. */

const find = (id) => document.getElementById(id);

/* ------------------------------------------------------------------ the box that is off meanwhile */

let hadFocus = false;

function mindBox() {
  const box = find("chat-text");
  const isOff = find("chat-action").querySelector("[data-chat-stop]") !== null || find("chat-disabled").childElementCount > 0;
  if (isOff === box.disabled) return;
  if (isOff) hadFocus = document.activeElement === box;
  box.disabled = isOff;
  if (!isOff && hadFocus && document.activeElement === document.body) box.focus({ preventScroll: true });
}

const buttons = new MutationObserver(mindBox);

/** Again for each thread that is shown: what this is about is swapped with it. */
function watch() {
  buttons.disconnect();
  hadFocus = false;
  const mode = find("chat-composer")?.dataset.chatWhileRunning ?? "block";
  if (mode !== "block") find("chat-queue").dataset.chatListens = ""; // only now a button that needs us is shown
  if (mode !== "disable") return;
  buttons.observe(find("chat-action"), { childList: true });
  mindBox();
}

watch();
document.addEventListener("chat:page", watch);

/* ------------------------------------------------------------------ taking back what waits */

/** Takes a message out of the queue; gives back whether it was there. */
async function takeBack(id) {
  const form = find("chat-unqueue");
  const body = new FormData(form);
  body.set("message", id);
  try {
    const headers = { "HX-Request": "true" };
    const response = await fetch(form.action, { method: "POST", body, redirect: "manual", headers });
    if (response.ok) return true;
    const html = await response.text();
    const how = { swapStyle: "none", swapDelay: 0, settleDelay: 0 };
    if (html.startsWith("<div hx-")) window.htmx?.swap(find("chat-stage"), html, how); // the sentence of the site
  } catch {
    // No network: it waits on, and so does the button.
  }
  return false;
}

async function press(button, id) {
  if (button.ariaDisabled) return;
  button.ariaDisabled = "true";
  const thread = find("chat").dataset.chatThread;
  const text = button.closest("li").querySelector("span").textContent;
  const isBack = await takeBack(id);
  button.ariaDisabled = null;
  const box = find("chat-text");
  if (find("chat").dataset.chatThread !== thread) return; // another one is shown by now
  if (!isBack || !button.dataset.chatTakeBack) return box.focus({ preventScroll: true });
  box.value = box.value.trim() ? `${text}\n\n${box.value}` : text;
  box.dispatchEvent(new Event("input", { bubbles: true }));
  box.focus({ preventScroll: true });
}

document.addEventListener("submit", (event) => {
  const { target, submitter } = event;
  if (target.id !== "chat-unqueue" || !submitter) return;
  event.preventDefault();
  press(submitter, submitter.value);
});

document.addEventListener("click", ({ target }) => {
  const button = target.closest?.("[data-chat-take-back]");
  if (button) press(button, button.dataset.chatTakeBack);
});
