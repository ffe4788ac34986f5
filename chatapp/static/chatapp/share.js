/* Sharing a conversation: the form in a dialog, and the link into the clipboard.

   One ES module, loaded when somebody first touches the page. Without it the same form is a page of its own. */

const tell = (holder, text) => (holder.querySelector(".chat-share-said").textContent = text);
const ask = (url, body) => fetch(url, { method: body ? "POST" : "GET", body, headers: { "HX-Request": "true" } });
const say = (text, level = "error") => document.dispatchEvent(new CustomEvent("chat:say", { detail: { text, level } }));
const words = () => document.getElementById("chat-words").dataset;

/** Puts what the site answers into the dialog; gives back whether there was something to put in. */
function fill(holder, html) {
  const content = document.createRange().createContextualFragment(html);
  holder.replaceChildren(content);
  prepare(holder);
}

/** Which group is asked for only where a group may read. */
function prepare(holder) {
  const scope = holder.querySelector('select[name="scope"]');
  const group = holder.querySelector("[data-chat-share-group]");
  if (group) group.hidden = scope.value !== "group";
  const copy = holder.querySelector("[data-chat-share-copy]");
  if (copy) copy.hidden = false;
}

async function open(link) {
  const response = await ask(link.href).catch(() => null);
  if (!response?.ok || response.redirected) return location.assign(link.href);
  const dialog = Object.assign(document.createElement("dialog"), { className: "chat-dialog chat-share-dialog" });
  const title = Object.assign(document.createElement("h2"), { textContent: link.dataset.chatShareTitle });
  const holder = document.createElement("div");
  dialog.ariaLabel = title.textContent;
  dialog.append(title, holder);
  fill(holder, await response.text());
  link.closest(".chat").append(dialog);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close());
  dialog.showModal();
  dialog.querySelector("select, input:not([type=hidden])")?.focus();
}

async function copyLink(holder) {
  const field = holder.querySelector("#chat-share-link");
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    if (!document.execCommand("copy")) return tell(holder, words().notCopied); // plain http
  }
  tell(holder, words().copied);
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("[data-chat-share]");
  if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    open(link);
  } else if (event.target.closest?.("[data-chat-share-copy]")) {
    copyLink(event.target.closest("dialog, main"));
  }
});

document.addEventListener("change", ({ target }) => {
  if (target.matches?.('.chat-share-form select[name="scope"]')) prepare(target.form);
});

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const holder = form.matches(".chat-share-form") && form.closest("dialog") ? form.parentElement : null;
  if (!holder) return;
  event.preventDefault();
  const button = form.querySelector("button[type=submit]");
  button.disabled = true;
  const response = await ask(form.action, new FormData(form)).catch(() => null);
  button.disabled = false;
  if (!response || response.redirected) return say(words().notSaved);
  fill(holder, await response.text());
  if (response.ok) copyLink(holder);
  holder.querySelector("input:not([type=hidden]), select")?.focus();
});

for (const holder of document.querySelectorAll(".chat-sheet-page")) prepare(holder);
