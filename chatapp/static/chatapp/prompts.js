/* Prompts with blanks: {{customer}} and others are filled in before the text goes into the message box.

   One ES module, loaded when somebody first touches a page that has a menu of prompts. Any other module puts a prompt into
   the box with the event chat:prompt and {title, text}. Without this file the entries of the menu are links to a form. */

const BLANK = /\{\{([\p{L}\p{N}_]+)\}\}/gu; // as in chatapp/prompts.py
const find = (id) => document.getElementById(id);

/** The names of the blanks, each once, in the order in which they first come. */
const findBlanks = (text) => [...new Set([...text.matchAll(BLANK)].map(([, name]) => name))];

/** The text with these values; a blank that has none stays as it is, and a value is never read again. */
const fill = (text, values) => text.replace(BLANK, (blank, name) => values.get(name)?.trim() || blank);

function putIntoBox(text) {
  const box = find("chat-text");
  box.value = text;
  box.dispatchEvent(new Event("input", { bubbles: true }));
  box.focus();
  box.setSelectionRange(text.length, text.length);
}

function openForm(title, text) {
  const template = find("chat-prompt-form");
  const { activeElement } = document;
  const isFromMenu = activeElement === document.body || find("chat-prompts")?.contains(activeElement);
  const opener = isFromMenu ? find("chat-prompts-button") : activeElement;
  const dialog = template.content.firstElementChild.cloneNode(true);
  const form = dialog.querySelector("form");
  const [head, preview] = [form.querySelector("h2"), form.querySelector(".chat-prompt-preview")];
  const prototype = form.querySelector("label");
  const submit = form.querySelector('[type="submit"]');
  const inputs = new Map(findBlanks(text).map((name) => {
    const label = prototype.cloneNode(true);
    const input = label.querySelector("input");
    label.querySelector("span").textContent = name;
    input.name = name;
    prototype.before(label);
    return [name, input];
  }));
  prototype.remove();
  head.textContent = title;
  head.hidden = !title;
  if (!title) dialog.setAttribute("aria-label", submit.textContent);

  const read = () => new Map([...inputs].map(([name, input]) => [name, input.value]));
  const show = () => {
    preview.textContent = fill(text, read());
    submit.disabled = [...inputs.values()].some((input) => !input.value.trim()); // which keeps Enter from submitting too
  };
  let isUsed = false;
  form.addEventListener("input", show);
  form.addEventListener("submit", () => (isUsed = true)); // method="dialog": the browser closes it
  dialog.querySelector("[data-chat-prompt-cancel]").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    const result = fill(text, read());
    dialog.remove();
    if (isUsed) putIntoBox(result);
    else (opener?.isConnected ? opener : find("chat-text")).focus({ preventScroll: true });
  });
  show();
  find("chat").append(dialog);
  dialog.showModal();
  inputs.values().next().value.focus();
}

function use({ title = "", text }) {
  const hasBlanks = findBlanks(text).length > 0;
  if (hasBlanks && find("chat-prompt-form")) openForm(title, text);
  else putIntoBox(text);
}

document.addEventListener("chat:prompt", (event) => {
  if (event.defaultPrevented) return; // somebody else has it
  event.preventDefault();
  use(event.detail);
});

document.addEventListener("click", (event) => {
  const entry = event.target.closest?.("[data-chat-prompt]");
  if (!entry) return;
  event.preventDefault();
  use({ title: entry.dataset.chatTitle, text: entry.dataset.chatPrompt });
  entry.closest("[popover]")?.hidePopover();
});
