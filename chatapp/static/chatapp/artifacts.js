/* Copying an artifact, and showing it on the whole screen. Listens by delegation: artifacts come and go.

   Chatapp.js loads this with the first artifact; see data-chat-module. */

const COPIED = 2000; // milliseconds for which the button says so

/** Puts text that has yet to come on the clipboard; Safari wants to be asked while the click lasts. */
async function copy(coming) {
  try {
    if (window.ClipboardItem) {
      const blob = coming.then((text) => new Blob([text], { type: "text/plain" }));
      await navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
    } else {
      await navigator.clipboard.writeText(await coming);
    }
    return true;
  } catch {
    return copyBySelection(await coming.catch(() => ""));
  }
}

/** The old way, for plain http and browsers that ask for a permission. */
function copyBySelection(text) {
  if (!text) return false;
  const before = document.activeElement;
  const area = Object.assign(document.createElement("textarea"), { className: "chat-unseen", value: text });
  (document.querySelector("dialog[open]") ?? document.querySelector(".chat") ?? document.body).append(area);
  area.select();
  const isDone = document.execCommand("copy");
  area.remove();
  before?.focus({ preventScroll: true });
  return isDone;
}

async function fetchSource(artifact) {
  const response = await fetch(`${artifact.dataset.chatArtifact}?source=1`);
  if (!response.ok) throw new Error(response.status);
  return response.text();
}

async function copySource(button) {
  if (!(await copy(fetchSource(button.closest("[data-chat-artifact]"))))) {
    const { notCopied } = document.getElementById("chat-words")?.dataset ?? {};
    const status = document.getElementById("chat-status");
    if (status && notCopied) status.textContent = notCopied;
    return;
  }
  const status = document.getElementById("chat-status");
  if (status) status.textContent = document.getElementById("chat-words")?.dataset.copied ?? "";
  button.classList.add("chat-copied");
  setTimeout(() => button.classList.remove("chat-copied"), COPIED);
}

/** A copy of what the artifact shows, in a dialog; whoever closes it is back at the button. */
function showFull(button) {
  const artifact = button.closest("[data-chat-artifact]");
  const sheet = artifact.querySelector(".chat-sheet");
  const dialog = artifact.querySelector(":scope > template").content.firstElementChild.cloneNode(true);
  const shown = sheet.cloneNode(true);
  for (const frame of shown.querySelectorAll("iframe")) frame.loading = "eager";
  dialog.append(shown);
  (document.querySelector(".chat") ?? document.body).append(dialog);
  dialog.addEventListener("click", ({ target }) => {
    if (target === dialog || target.closest("[data-artifact-close]")) dialog.close();
  });
  dialog.addEventListener("close", () => {
    dialog.remove();
    // The artifact may have been drawn anew meanwhile.
    const now = button.isConnected ? button : document.getElementById(artifact.id)?.querySelector("[data-artifact-full]");
    now?.focus();
  });
  dialog.showModal();
}

document.addEventListener("click", ({ target }) => {
  const copier = target.closest?.("[data-artifact-copy]");
  const opener = target.closest?.("[data-artifact-full]");
  if (copier) copySource(copier);
  if (opener) showFull(opener);
});
