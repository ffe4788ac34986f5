/* What a click on a suggestion does: those of a model in its text, its cards, and the cards of a new chat.

   One ES module, loaded before chatapp.js. Everything listens by delegation, so that what a frame swaps in needs no set-up.
   The text of a suggestion goes into the message box, and from there the way of everything that is typed: what may not be
   sent now is refused there. Without this file the cards of a new chat still post. */

const SUGGESTION = ".chat-suggestion, .chat-card";

const find = (id) => document.getElementById(id);

/** The suggestion that an event is about; null if there is none, or no box that it could go into. */
const getSuggestion = ({ target }) => (find("chat-text") && target.closest?.(SUGGESTION)) ?? null;

/** What it says: its own words for it, or what it shows without the heading. */
function read(suggestion) {
  const shown = suggestion.querySelector(":scope > strong ~ span") ?? suggestion;
  return suggestion.value || suggestion.dataset.suggestion || shown.textContent.replace(/\s+/g, " ").trim();
}

function setText(box, text) {
  box.value = text;
  box.dispatchEvent(new Event("input", { bubbles: true })); // the box grows with it
}

function fillIn(text) {
  const box = find("chat-text");
  setText(box, text);
  box.focus();
  box.setSelectionRange(text.length, text.length);
}

/** Goes the way of what is typed, and what was being typed comes back. */
function send(text) {
  const box = find("chat-text");
  const draft = box.value;
  setText(box, text);
  box.form.requestSubmit();
  setText(box, draft);
}

/** With Ctrl or Cmd it is always sent, with Alt only filled in; else as it says itself. */
function use(suggestion, { ctrlKey, metaKey, altKey }) {
  const text = read(suggestion);
  if (!text) return;
  remember(suggestion);
  suggestion.closest("[popover]")?.hidePopover(); // a menu has been chosen from
  const isSent = suggestion.type === "submit" || "submit" in suggestion.dataset;
  if (ctrlKey || metaKey || (isSent && !altKey)) send(text);
  else fillIn(text);
}

/** Tab comes back to this card of its grid. The cards of a new chat are reached one by one. */
function remember(card) {
  if (!card.hasAttribute("tabindex")) return;
  for (const other of card.closest(".chat-cards")?.querySelectorAll(".chat-card") ?? []) other.tabIndex = other === card ? 0 : -1;
}

/** The card that an arrow, Home or End leads to; null for any other key. */
function findNext(card, key) {
  const cards = [...(card.closest(".chat-cards")?.querySelectorAll(".chat-card") ?? [])];
  const forth = getComputedStyle(card).direction === "rtl" ? "ArrowLeft" : "ArrowRight";
  const back = forth === "ArrowRight" ? "ArrowLeft" : "ArrowRight";
  const index = cards.indexOf(card);
  if (key === "Home") return cards[0] ?? null;
  if (key === "End") return cards.at(-1) ?? null;
  if (key === forth || key === "ArrowDown") return cards[(index + 1) % cards.length] ?? null;
  if (key === back || key === "ArrowUp") return cards.at(index - 1) ?? null;
  return null;
}

document.addEventListener("click", (event) => {
  const suggestion = getSuggestion(event);
  if (!suggestion) return;
  event.preventDefault(); // a card of a new chat is a form of its own where there is no script
  if (event.detail < 2) use(suggestion, event); // the second click of a double one says nothing new
});

document.addEventListener("keydown", (event) => {
  const suggestion = getSuggestion(event);
  if (!suggestion) return;
  const { key } = event;
  // By itself a browser would do nothing with Ctrl held.
  if (key === "Enter" || key === " ") {
    event.preventDefault();
    if (!event.repeat) use(suggestion, event);
  } else if (!(event.ctrlKey || event.metaKey || event.altKey || event.shiftKey)) {
    const next = findNext(suggestion, key);
    if (!next) return;
    event.preventDefault(); // nothing scrolls
    next.focus();
  }
});

document.addEventListener("keyup", (event) => {
  if (event.key === " " && getSuggestion(event)) event.preventDefault(); // its key down has done it
});

document.addEventListener("focusin", (event) => {
  const suggestion = getSuggestion(event);
  if (suggestion) remember(suggestion);
});
