/* What the message box does beside sending: earlier messages by Up and Down, how many characters there are, and being off
   while nothing can be sent.

   One ES module, loaded when somebody first touches the page. The box is found anew each time: it may be another one. */

const find = (id) => document.getElementById(id);
const isBox = (element) => element?.id === "chat-text";

/* ------------------------------------------------------------------ earlier messages */

/** Where the person is among what they said: the id of a message, or "" for what they were writing; `texts` has by these ids
    what they made of each. Null until they go there. */
let recall = null;

const listSaid = () => {
  const read = (message) => [...message.querySelectorAll("[data-chat-text]")].map((part) => part.textContent).join("\n\n");
  const said = [...document.querySelectorAll('#chat-thread [data-chat-role="user"]')].map((message) => [message.id, read(message)]);
  return [...said.filter(([, text]) => text), ["", ""]];
};

function isAtEnd({ selectionStart, selectionEnd, value }) {
  return selectionStart === selectionEnd && selectionEnd === value.length;
}

/** Shows the entry that is `step` away; whether there was one to go to. */
function move(box, step) {
  const said = listSaid();
  recall ??= { at: "", texts: new Map() };
  const place = said.findIndex(([id]) => id === recall.at);
  const next = said[place + step];
  if (!next) return recall.at !== ""; // at an end the caret stays where it is
  recall.texts.set(recall.at, box.value);
  recall.at = next[0];
  box.value = recall.texts.get(next[0]) ?? next[1];
  box.dispatchEvent(new Event("input", { bubbles: true }));
  box.setSelectionRange(box.value.length, box.value.length);
  return true;
}

document.addEventListener("keydown", (event) => {
  const { key, target: box } = event;
  if (!isBox(box) || (key !== "ArrowUp" && key !== "ArrowDown") || event.defaultPrevented) return;
  if (event.isComposing || event.keyCode === 229 || event.shiftKey || event.ctrlKey || event.altKey || event.metaKey) return;
  if (box.ariaExpanded === "true") return; // a list under the box is walked through
  const isActive = Boolean(recall?.at);
  if (isActive ? !isAtEnd(box) : box.value !== "" || key === "ArrowDown") return;
  if (move(box, key === "ArrowUp" ? -1 : 1)) event.preventDefault();
});

// The composer has emptied its box by now if this was sent.
document.addEventListener("htmx:wsConfigSend", ({ target }) => {
  if (target.id === "chat-composer" && !find("chat-text").value) recall = null;
});

/* ------------------------------------------------------------------ how many characters */

function count(box) {
  const { chatMax: limit, chatCountFrom: from } = box.form.dataset;
  const holder = find("chat-count");
  // The number of UTF-16 units is never below that of characters, and costs nothing.
  const characters = box.value.length < Number(from) ? 0 : [...box.value.trim()].length;
  const isShown = characters >= Number(from);
  const format = (number) => Number(number).toLocaleString(document.documentElement.lang || undefined);
  holder.textContent = isShown
    ? holder.dataset.chatWords.replace("{count}", format(characters)).replace("{limit}", format(limit))
    : "";
  const isOver = characters > Number(limit);
  holder.toggleAttribute("data-chat-over", isOver);
  if (isOver) box.ariaInvalid = "true";
  else box.removeAttribute("aria-invalid");
}

document.addEventListener("input", ({ target }) => isBox(target) && count(target));

/* ------------------------------------------------------------------ nothing can be sent */

/** A frame says in #chat-disabled why nothing can be sent, or that it can again. */
function mindReason() {
  const box = find("chat-text");
  const { childElementCount, dataset } = find("chat-disabled");
  const isOff = childElementCount > 0;
  if (isOff === ("chatOff" in dataset)) return;
  if (isOff) dataset.chatOff = "";
  else delete dataset.chatOff;
  box.disabled = isOff;
  const isFree = document.activeElement === document.body && !matchMedia("(pointer: coarse)").matches;
  if (!isOff && isFree) box.focus({ preventScroll: true });
}

const observer = new MutationObserver(mindReason);

function startPage() {
  recall = null;
  observer.disconnect();
  if (!find("chat-text")) return;
  observer.observe(find("chat-disabled"), { childList: true });
  mindReason();
  count(find("chat-text"));
}

document.addEventListener("chat:page", startPage);
startPage();
