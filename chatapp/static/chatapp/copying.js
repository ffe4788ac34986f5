/* Copying: what a button names, the code around it, or the source of a message.

   One ES module, loaded when somebody first touches the page; see data-chat-lazy. Listens by delegation. */

const find = (id) => document.getElementById(id);
const say = (text) => document.dispatchEvent(new CustomEvent("chat:say", { detail: { text, level: "warning" } }));

async function writeClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // No clipboard on plain http, or no permission: the old way, through a selection.
    const before = document.activeElement;
    const area = Object.assign(document.createElement("textarea"), { className: "chat-unseen", value: text });
    (document.querySelector("dialog[open]") ?? find("chat") ?? document.body).append(area);
    area.select();
    const isDone = document.execCommand("copy");
    area.remove();
    before?.focus?.({ preventScroll: true });
    return isDone;
  }
}

/** Copies the text that the button names in data-chat-copy, the code around it, or the source of the message. */
async function copyFrom(button) {
  const block = button.closest(".chat-code");
  const message = button.closest("[data-chat-message]");
  const source = block ? block.querySelector("code") : message?.querySelector("template[data-chat-source]")?.content;
  const text = button.dataset.chatCopy || source?.textContent;
  if (!text) return;
  const { copied, notCopied } = find("chat-words")?.dataset ?? {};
  if (!(await writeClipboard(text))) return say(notCopied);
  const region = find("chat-status");
  if (region && copied) region.textContent = copied;
  button.classList.add("chat-copied");
  setTimeout(() => button.classList.remove("chat-copied"), 2000);
}


document.addEventListener("click", ({ target }) => {
  const button = target.closest?.("[data-chat-copy]");
  if (button) copyFrom(button);
});
