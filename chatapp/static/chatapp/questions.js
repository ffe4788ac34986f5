/* Answers a question of the assistant without a page load: the form of parts/question.html, sent in the background.

   The answer itself comes back as a frame, in this tab and in all others. Without this file the form posts. */

const OPEN = "[data-chat-question][role]"; // a question with its form
const find = (id) => document.getElementById(id);
const findOpen = (id) => document.querySelector(`${OPEN}[data-chat-question="${CSS.escape(id)}"]`);
const sent = new Set(); // ids of questions whose answer is under way, or was taken and its frame is

/** The sentence of a refusal, as a frame; see views/verbs.py. */
function show(html) {
  window.htmx?.swap(find("chat-stage"), html, { swapStyle: "none", swapDelay: 0, settleDelay: 0 });
}

function sayFailed() {
  const toast = find("chat-toast")?.content.firstElementChild.cloneNode(true);
  if (!toast) return;
  toast.classList.add("chat-toast-error");
  toast.querySelector("p").textContent = find("chat-words").dataset.notSaved;
  find("chat-notice").append(toast);
}

/** Sends the answer; gives back whether it was taken. */
async function send(form, body) {
  try {
    const headers = { "HX-Request": "true" };
    const response = await fetch(form.action, { method: "POST", body, redirect: "manual", headers });
    if (response.ok) return true;
    const html = await response.text();
    if (html.startsWith("<div hx-")) show(html); // else a whole page, such as that of an error
    else sayFailed();
  } catch {
    sayFailed(); // no network; the form is still there
  }
  return false;
}

document.addEventListener("submit", async (event) => {
  const { target: form, submitter } = event;
  if (form.id !== "chat-answer") return;
  event.preventDefault();
  const body = new FormData(form);
  if (submitter?.name) body.set(submitter.name, submitter.value);
  const id = body.get("request");
  if (sent.has(id)) return;
  sent.add(id);
  markBusy();
  if (await send(form, body)) return;
  sent.delete(id);
  markBusy();
});

function markBusy() {
  for (const question of document.querySelectorAll(OPEN)) {
    question.ariaBusy = sent.has(question.dataset.chatQuestion) ? "true" : null;
  }
}

/* What comes first after a page load draws a live answer anew, in one frame or in several: what was chosen or typed before
   is put back as soon as the question is there again. */

const isClosed = (id) => document.querySelector(`[data-chat-question="${CSS.escape(id)}"]:not([role])`) !== null;
const list = (question) => [...question.querySelectorAll("input:not([type=hidden]), select, button")];
const kept = new Map(); // id -> the state of each control

document.addEventListener("htmx:oobBeforeSwap", ({ detail: { target } }) => {
  for (const question of target.querySelectorAll(OPEN)) {
    const controls = list(question).map((control) => [control.value, control.checked, control === document.activeElement]);
    kept.set(question.dataset.chatQuestion, controls);
  }
});

document.addEventListener("htmx:oobAfterSwap", () => {
  for (const id of [...sent, ...kept.keys()]) {
    if (!isClosed(id)) continue;
    sent.delete(id);
    kept.delete(id);
  }
  for (const [id, controls] of kept) {
    const question = findOpen(id);
    if (!question) continue;
    list(question).forEach((control, at) => putBack(control, ...controls[at]));
    kept.delete(id);
    markBusy();
  }
});

document.addEventListener("chat:page", () => kept.clear()); // another thread is shown

function putBack(control, value, checked, hadFocus) {
  if (control.type === "radio") control.checked = checked;
  else if (control.type !== "submit") control.value = value;
  if (hadFocus) control.focus({ preventScroll: true });
}
