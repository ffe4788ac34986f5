/* Copies a whole conversation as Markdown, exactly as its file has it.

   An ES module, loaded when somebody first touches the page. Without it the files of the same menu can be downloaded. */

const say = (text, level) => document.dispatchEvent(new CustomEvent("chat:say", { detail: { text, level } }));
const getMenu = () => document.getElementById("chat-take-out");

async function load(address) {
  const answer = await fetch(address, { redirect: "error" });
  if (!answer.ok) throw new Error(answer.statusText);
  return answer.text();
}

/** Where there is no clipboard (plain http), as it was done before there was one. */
function copyByHand(text) {
  const box = document.createElement("textarea");
  box.value = text;
  box.className = "chat-unseen";
  document.querySelector(".chat").append(box);
  box.select();
  const isCopied = document.execCommand("copy");
  box.remove();
  if (!isCopied) throw new Error("not copied");
}

async function copy(button) {
  const words = document.getElementById("chat-words").dataset;
  const text = load(button.dataset.chatCopyAll);
  try {
    if (!navigator.clipboard) copyByHand(await text);
    else {
      // The promise is handed over at once: some browsers allow only what was begun by the click itself.
      const blob = text.then((said) => new Blob([said], { type: "text/plain" }));
      await navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
    }
    say(words.copied, "info");
  } catch {
    say(words.notCopied, "error");
  }
}

document.addEventListener("click", ({ target }) => {
  const button = target.closest?.("[data-chat-copy-all]");
  if (button) copy(button);
  if (target.closest?.("#chat-take-out :is(a, button)")) getMenu().hidePopover();
});

// On the window, before it gets to those who stop an answer with it.
addEventListener(
  "keydown",
  (event) => {
    if (event.key !== "Escape" || !getMenu()?.matches(":popover-open")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    getMenu().hidePopover();
  },
  { capture: true },
);
