/* The keyboard shortcuts, and the dialog that lists them. Both are the rows of _shortcuts.html: data-chat-keys says which
   keys, data-chat-does what they do; Mod is Ctrl, and on a Mac the command key. Rows without keys are done elsewhere.

   One ES module, loaded when somebody first touches the page; see data-chat-lazy. */

const find = (id) => document.getElementById(id);
const words = () => find("chat-words")?.dataset ?? {};
const dialog = () => find("chat-shortcuts");

/** Goes to the conversation so many places further down the list; from one that is not in it, to its first or last. */
function step(places) {
  const links = [...find("chat-threads").querySelectorAll("a[href]")].filter((link) => !link.closest("[hidden]"));
  const at = links.findIndex((link) => link.ariaCurrent === "page");
  const next = at < 0 ? links.at(places < 0 ? -1 : 0) : links[at + places];
  next?.click();
  next?.scrollIntoView({ block: "nearest" });
}

function copyLast() {
  const answer = [...document.querySelectorAll('#chat-thread > [data-chat-role="assistant"]')].at(-1);
  const button = answer?.querySelector(".chat-actions [data-chat-copy]");
  if (!button) return;
  button.click();
  document.dispatchEvent(new CustomEvent("chat:say", { detail: { text: words().copied, level: "info" } }));
}

const DOES = {
  new: () => document.querySelector(".chat-new")?.click(),
  next: () => step(1),
  previous: () => step(-1),
  write: () => find("chat-text").focus(),
  copy: copyLast,
  help: () => dialog().showModal(),
};

/** Whether these keys, such as Mod+Shift+O, are the ones that are pressed. */
function isPressed(keys, event) {
  const [key, ...modifiers] = keys.split(/\+(?=.)/).reverse();
  if (event.key.toLowerCase() !== key.toLowerCase() || event.altKey !== modifiers.includes("Alt")) return false;
  if ((event.ctrlKey || event.metaKey) !== modifiers.includes("Mod")) return false;
  // Where a sign is on the keyboard, and whether it needs Shift, is for the keyboard to say.
  return /^[/?]$/.test(key) || event.shiftKey === modifiers.includes("Shift");
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing || event.keyCode === 229 || document.querySelector("dialog[open]")) return;
  const isTyping = event.target.matches?.("input, textarea, select, [contenteditable]");
  const row = [...dialog().querySelectorAll("[data-chat-keys]")].find(({ dataset }) =>
    dataset.chatKeys.split(" ").some((keys) => isPressed(keys, event) && !(isTyping && keys.length === 1)),
  );
  if (!row) return;
  event.preventDefault();
  DOES[row.dataset.chatDoes]();
});

document.addEventListener("click", ({ target }) => {
  if (target === dialog()) dialog().close(); // beside it
  else if (target.closest?.("[data-chat-help]")) dialog().showModal();
});
