/* The composer while an answer comes, where the assistant says another thing than "block": the box that takes no text
   meanwhile, and the messages that wait: each can be taken back, for good or into the box.

   What waits comes as a frame, in all tabs. Without this file the forms post. */

const find = (id) => document.getElementById(id);
const composer = find("chat-composer");
const box = find("chat-text");
const action = find("chat-action");
const list = find("chat-queue");

/* ------------------------------------------------------------------ the box that is off meanwhile */

let hadFocus = false;

function mindBox() {
  const isOff = action.querySelector("[data-chat-stop]") !== null || find("chat-disabled").childElementCount > 0;
  if (isOff === box.disabled) return;
  if (isOff) hadFocus = document.activeElement === box;
  box.disabled = isOff;
  if (!isOff && hadFocus && document.activeElement === document.body) box.focus({ preventScroll: true });
}

if (composer.dataset.chatWhileRunning === "disable") {
  new MutationObserver(mindBox).observe(action, { childList: true });
  mindBox();
}

/* ------------------------------------------------------------------ taking back what waits */

list.dataset.chatListens = ""; // only now a button that needs us is shown

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
  const text = button.closest("li").querySelector("span").textContent;
  const isBack = await takeBack(id);
  button.ariaDisabled = null;
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

list.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-chat-take-back]");
  if (button) press(button, button.dataset.chatTakeBack);
});
