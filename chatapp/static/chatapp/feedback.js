/* Thumbs. A rating is stored at once; a bad one then asks why, and can be changed or taken back there. Nothing of it touches
   what is being said. Without this file the same forms post. */

const find = (id) => document.getElementById(id);
const say = (text, level = "warning") => document.dispatchEvent(new CustomEvent("chat:say", { detail: { text, level } }));

async function send(form, fields) {
  const body = new FormData(form);
  for (const [name, value] of fields) body.set(name, value);
  try {
    const response = await fetch(form.action, { method: "POST", body, headers: { "HX-Request": "true" } });
    if (response.ok) return true;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    say(page.querySelector(".chat-toast p")?.textContent ?? find("chat-words").dataset.notSaved);
  } catch {
    say(find("chat-words").dataset.notSaved, "error");
  }
  return false;
}

/** Asks why, with what was said before. */
function openDialog(article) {
  const dialog = find("chat-feedback");
  const form = dialog.querySelector("form");
  const votes = article.querySelector(".chat-votes");
  const reasons = votes.dataset.chatReasons.split(" ");
  form.reset();
  form.elements.message.value = article.dataset.chatMessage;
  form.elements.comment.value = votes.querySelector("template")?.content.textContent ?? "";
  for (const box of form.querySelectorAll('input[name="reasons"]')) box.checked = reasons.includes(box.value);
  dialog.showModal();
}

/** Back to the button; the one that had the focus may have been drawn anew meanwhile. */
function closeDialog(dialog) {
  const message = dialog.querySelector("form").elements.message.value;
  dialog.close();
  find(`m-${message}`)?.querySelector(".chat-votes button:last-of-type")?.focus({ preventScroll: true });
}

document.addEventListener("submit", async (event) => {
  const { target: form, submitter } = event;
  if (form.id === "chat-vote" && submitter) {
    event.preventDefault();
    const article = submitter.closest("[data-chat-message]");
    const isBad = submitter === article.querySelector(".chat-votes button:last-of-type");
    const wasPressed = submitter.getAttribute("aria-pressed") === "true";
    if (isBad) openDialog(article);
    if (!(isBad && wasPressed)) await send(form, [["vote", submitter.value]]);
    return;
  }
  const dialog = form.closest("#chat-feedback");
  if (!dialog) return;
  event.preventDefault();
  const isOff = submitter?.hasAttribute("data-chat-unrate");
  if (!(await send(form, [["rating", isOff ? "" : "bad"]]))) return;
  closeDialog(dialog);
});
document.addEventListener("click", ({ target }) => {
  const dialog = target.closest?.("#chat-feedback");
  if (dialog && (target === dialog || target.closest("[data-chat-close]"))) closeDialog(dialog); // the dialog itself: beside it
});
document.addEventListener("cancel", (event) => {
  if (event.target.id !== "chat-feedback") return;
  event.preventDefault();
  closeDialog(event.target);
}, true);
