/* Two things that tools and sources can do in a page. Without this file the one is in its row and the other a link.

   A source marks the words that it proves: what a citation says in data-chat-claim, where it stands exactly so in the text
   part before it. A highlight changes no element, so the page stays what the server drew.

   The button data-chat-full shows the result of a tool on the whole screen, as a copy in a dialog of its own. */

const NAME = "chat-claim";
const PAUSE = 200; // milliseconds: an answer that streams is looked at a few times a second
const marked = new WeakMap(); // citation -> its Range

/** The text part before an element, or nothing. */
function findText(element) {
  do element = element.previousElementSibling;
  while (element && !element.matches("[data-chat-text]"));
  return element;
}

/** Where these words stand in the element, or nothing. */
function findRange(element, words) {
  const start = element.textContent.indexOf(words);
  if (start < 0) return null;
  const range = document.createRange();
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  let at = 0;
  let hasBegun = false;
  while (walker.nextNode()) {
    const { currentNode: node } = walker;
    const end = at + node.length;
    if (!hasBegun && start < end) {
      range.setStart(node, start - at);
      hasBegun = true;
    }
    if (hasBegun && start + words.length <= end) {
      range.setEnd(node, start + words.length - at);
      return range;
    }
    at = end;
  }
  return null;
}

function mark() {
  const ranges = [];
  for (const citation of document.querySelectorAll("[data-chat-claim]")) {
    let range = marked.get(citation);
    // A block that was drawn anew has left nothing of its range.
    if (!range || range.collapsed || !range.startContainer.isConnected) {
      const text = findText(citation);
      range = text && findRange(text, citation.dataset.chatClaim);
      if (range) marked.set(citation, range);
    }
    if (range) ranges.push(range);
  }
  CSS.highlights.set(NAME, new Highlight(...ranges));
}

if (globalThis.CSS?.highlights) {
  let timer;
  const observer = new MutationObserver(() => {
    timer ??= setTimeout(() => {
      timer = undefined;
      mark();
    }, PAUSE);
  });
  const watch = () => {
    observer.disconnect();
    observer.observe(document.querySelector(".chat-thread") ?? document.body, { childList: true, subtree: true });
    mark();
  };
  watch();
  document.addEventListener("chat:page", watch); // another thread is shown
}

/** Shows the row's body in a dialog; the button in it closes it, and so do Escape and a click beside it. */
function showFull(button) {
  const dialog = Object.assign(document.createElement("dialog"), { className: "chat-full" });
  const body = button.closest(".chat-tool-body").cloneNode(true);
  for (const element of [body, ...body.querySelectorAll("[id]")]) element.removeAttribute("id");
  const close = body.querySelector("[data-chat-full]");
  close.setAttribute("aria-label", close.dataset.chatFull);
  dialog.setAttribute("aria-label", button.closest(".chat-tool").querySelector("summary b").textContent);
  dialog.append(body);
  dialog.addEventListener("click", ({ target }) => {
    if (target === dialog || target.closest("[data-chat-full]")) dialog.close();
  });
  dialog.addEventListener("close", () => {
    dialog.remove();
    button.focus({ preventScroll: true });
  });
  button.closest(".chat").append(dialog);
  dialog.showModal();
}

document.addEventListener("click", ({ target }) => {
  const button = target.closest?.("[data-chat-full]");
  if (button && !button.closest("dialog")) showFull(button);
});
