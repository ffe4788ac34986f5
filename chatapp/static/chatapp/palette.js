/* What opens above the message box after "/" and "@": commands and prompts, and what can be mentioned; the pills of what was
   mentioned; and the event chat:slash of each command that is sent.

   One ES module, loaded when somebody first touches the page. Everything is found at the moment of use. Without it a command
   that is typed is done all the same: the site knows them. */

const find = (id) => document.getElementById(id);
const getBox = () => find("chat-text");
const getPalette = () => find("chat-palette");
const isIme = (event) => event.isComposing || event.keyCode === 229; // Safari ends a composition before its last key

let kind = ""; // "commands" or "sources" while something is typed that asks for it
let dismissed = null; // what was typed when Escape closed the palette: it stays closed until that changes
let asked = 0; // number of the last request
let isLoading = false;
let commands = null; // name: its row, as they were when the palette was last filled; null: nobody has asked yet
const sent = new Map(); // client_id: pills that went with a message which may come back

/* ------------------------------------------------------------------ what is typed */

/** What asks for the palette, before the caret: its kind, and what to look for; null if nothing does. */
function read(box) {
  const { value, selectionStart: caret, selectionEnd } = box;
  const slash = /^\/(\S*)$/.exec(value);
  if (slash) return { kind: "commands", query: slash[1] };
  if (!("chatMentions" in getPalette().dataset) || caret !== selectionEnd) return null;
  const mention = /(?:^|\s)@([^\s@]*)$/.exec(value.slice(0, caret));
  return mention && { kind: "sources", query: mention[1], start: caret - mention[1].length - 1 };
}

const getShown = () => [...getPalette().querySelectorAll('[role="option"]:not([hidden])')];
const getActive = () => getPalette().querySelector('[aria-selected="true"]');

function setActive(row, { scroll = true } = {}) {
  getActive()?.setAttribute("aria-selected", "false");
  row?.setAttribute("aria-selected", "true");
  if (row) getBox().setAttribute("aria-activedescendant", row.id);
  else getBox().removeAttribute("aria-activedescendant");
  if (row && scroll) row.scrollIntoView({ block: "nearest" });
}

function close() {
  asked += 1;
  kind = "";
  isLoading = false;
  const box = getBox();
  const palette = getPalette();
  if (!box || !palette || palette.hidden) return;
  palette.hidden = true;
  box.setAttribute("aria-expanded", "false");
  setActive(null);
}

/** Opens, fills and filters the palette by what is typed, or closes it. */
async function look() {
  const box = getBox();
  if (!box || !getPalette()) return;
  const wanted = document.activeElement === box ? read(box) : null;
  if (!wanted || dismissed === box.value) return close();
  dismissed = null;
  const isNew = kind !== wanted.kind;
  kind = wanted.kind;
  // They are asked for once, when the palette opens; sources are searched for with each letter.
  if (!isNew && kind === "commands") return isLoading || filter(wanted);
  const number = (asked += 1);
  isLoading = true;
  const html = await load(wanted);
  if (number !== asked) return;
  isLoading = false;
  if (html === null) return close();
  fill(html);
  const now = getBox() && read(getBox());
  if (now?.kind === kind) filter(now);
  else close();
}

async function load({ kind: what, query }) {
  const url = new URL(getPalette().dataset.chatPalette, location.href);
  url.searchParams.set("for", what);
  if (what === "sources") url.searchParams.set("q", query);
  try {
    const response = await fetch(url, { headers: { "HX-Request": "true" }, redirect: "error" });
    return response.ok ? await response.text() : null;
  } catch {
    return null; // no network: what is typed can be sent all the same
  }
}

/** Our own site's HTML, in which everything that people and models said is escaped. */
function fill(html, what = kind) {
  find("chat-palette-rows").innerHTML = html;
  if (what !== "commands") return;
  commands = new Map([...getPalette().querySelectorAll("[data-chat-command]")].map((row) => [row.dataset.chatCommand, row]));
}

/** Shows the rows that begin with what is typed. Sources were searched for by the site. */
function filter({ kind: what, query }) {
  const palette = getPalette();
  const wanted = query.toLocaleLowerCase();
  for (const row of palette.querySelectorAll('[role="option"]')) {
    const name = (row.dataset.chatCommand ?? row.dataset.chatTitle ?? "").toLocaleLowerCase();
    row.hidden = what === "commands" && !name.startsWith(wanted);
  }
  for (const group of palette.querySelectorAll('[role="group"]')) group.hidden = !group.querySelector('[role="option"]:not([hidden])');
  const rows = getShown();
  const isEmpty = !rows.length;
  if (isEmpty && (what === "sources" || !palette.querySelector('[role="option"]'))) return close();
  find("chat-palette-rows").hidden = isEmpty;
  find("chat-palette-none").hidden = !isEmpty;
  palette.hidden = false;
  getBox().setAttribute("aria-expanded", "true");
  setActive(rows.includes(getActive()) ? getActive() : (rows[0] ?? null));
}

/* ------------------------------------------------------------------ picking */

function setText(text, caret = text.length) {
  const box = getBox();
  box.value = text;
  box.focus();
  box.setSelectionRange(caret, caret);
  box.dispatchEvent(new Event("input", { bubbles: true })); // the box grows with it
}

function pick(row) {
  const { chatCommand, chatTitle: title, chatText: text, chatSourceId } = row.dataset;
  const box = getBox();
  const typed = read(box);
  close();
  if (chatCommand !== undefined) {
    setText(`/${chatCommand} `);
  } else if (title !== undefined) {
    setText("");
    const asks = new CustomEvent("chat:prompt", { detail: { title, text }, cancelable: true });
    if (document.dispatchEvent(asks)) setText(text); // nobody has another way for it
  } else if (typed?.kind === "sources") {
    const { value, selectionStart } = box;
    setText(value.slice(0, typed.start) + value.slice(selectionStart), typed.start);
    addPill(chatSourceId, row.dataset.chatName, row.dataset.chatRemove);
  }
}

/* ------------------------------------------------------------------ what is mentioned */

const getPills = () => [...(find("chat-mentions")?.children ?? [])];

function addPill(id, name, label) {
  if (getPills().some((pill) => pill.dataset.chatMention === id)) return;
  const pill = find("chat-mention").content.firstElementChild.cloneNode(true);
  pill.dataset.chatMention = id;
  pill.ariaLabel = pill.title = label;
  pill.querySelector("span").textContent = name;
  find("chat-mentions").append(pill);
}

function removePill(pill) {
  const next = pill.nextElementSibling ?? pill.previousElementSibling ?? getBox();
  pill.remove();
  next.focus();
}

document.addEventListener("click", ({ target }) => {
  const pill = target.closest?.("[data-chat-mention]");
  if (pill) removePill(pill);
});

/* ------------------------------------------------------------------ sending */

const COMMAND = /^\/([\w-]+)(?:\s+([^]*))?$/;

/** The command in a text, as far as this page knows: its row and what stands after its name. */
function readCommand(text) {
  const [, name, rest = ""] = COMMAND.exec(text.trim()) ?? [];
  const row = name && commands?.get(name.toLowerCase());
  return row ? { row, name: name.toLowerCase(), text: rest.trim() } : null;
}

/** Sends the text once it is known which commands there are; what is typed meanwhile stays. */
async function sendLater(form, text) {
  const client = form.dataset.chatClient;
  const html = await load({ kind: "commands" });
  if (!kind && html !== null) fill(html, "commands");
  commands ??= new Map(); // no network: the site knows them
  const box = getBox();
  if (box?.form !== form) return;
  const draft = box.value.trim() === text.trim() ? "" : box.value;
  box.value = text;
  if (client) form.dataset.chatClient = client;
  form.requestSubmit();
  delete form.dataset.chatClient;
  if (draft) setText(draft);
}

// Before htmx hears of it: the page may do the command itself, and some need not wait for the end of an answer.
document.addEventListener("submit", (event) => {
  const { target: form } = event;
  if (form.id !== "chat-composer") return;
  close();
  const typed = getBox().value;
  if (commands === null && COMMAND.test(typed.trim())) {
    event.preventDefault();
    event.stopImmediatePropagation();
    return void sendLater(form, typed);
  }
  const command = readCommand(typed);
  form.toggleAttribute("data-chat-anytime", command !== null && "chatAnytime" in command.row.dataset);
  form.toggleAttribute("data-chat-typed", command !== null); // a command takes nothing along
  if (!command) return;
  const detail = { name: command.name, text: command.text, echo: "chatEcho" in command.row.dataset };
  if (document.dispatchEvent(new CustomEvent("chat:slash", { detail, cancelable: true }))) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  setText("");
}, { capture: true });

// A message is about to be sent: what was mentioned goes with it. A command takes none.
document.addEventListener("chat:compose", ({ detail: frame }) => {
  if (!("chatTyped" in getBox().form.dataset)) frame.mentions = getPills().map((pill) => pill.dataset.chatMention);
});

document.addEventListener("chat:composed", ({ detail: frame }) => {
  if (!frame.mentions?.length) return;
  const pills = getPills();
  sent.set(frame.client_id, pills);
  if (sent.size > 8) sent.delete(sent.keys().next().value); // what is so old has been taken
  for (const pill of pills) pill.remove();
});

document.addEventListener("chat:refused", ({ detail: { client_id } }) => {
  const pills = sent.get(client_id) ?? [];
  sent.delete(client_id);
  for (const pill of pills) addPill(pill.dataset.chatMention, pill.textContent.trim(), pill.ariaLabel);
});

/* ------------------------------------------------------------------ hands and keys */

document.addEventListener("input", ({ target }) => target.id === "chat-text" && look());
document.addEventListener("selectionchange", () => {
  if (kind === "sources" && document.activeElement === getBox()) look();
});

document.addEventListener("pointerdown", (event) => {
  const palette = getPalette();
  if (!palette || palette.hidden) return;
  if (palette.contains(event.target)) event.preventDefault(); // the focus stays in the box
  else if (event.target !== getBox()) close();
});
document.addEventListener("pointermove", ({ target }) => {
  const row = target.closest?.("#chat-palette [role=option]");
  if (row && row !== getActive()) setActive(row, { scroll: false });
});
document.addEventListener("click", ({ target }) => {
  const row = target.closest?.("#chat-palette [role=option]");
  if (row) pick(row);
});
document.addEventListener("focusout", ({ target, relatedTarget }) => {
  if (target.id === "chat-text" && relatedTarget && !getPalette()?.contains(relatedTarget)) close();
});

/** What a key does while the palette is open; whether it did something. */
function steer(key) {
  const rows = getShown();
  const at = rows.indexOf(getActive());
  if (key === "Escape") {
    dismissed = getBox().value;
    close();
  } else if (key === "ArrowDown" && rows.length) {
    setActive(rows[(at + 1) % rows.length]);
  } else if (key === "ArrowUp" && rows.length) {
    setActive(rows.at(at <= 0 ? -1 : at - 1));
  } else if ((key === "Enter" || key === "Tab") && at >= 0) {
    pick(rows[at]);
  } else {
    return false;
  }
  return true;
}

// On the window, before anybody else: a key that is for the palette sends nothing and stops no answer.
addEventListener("keydown", (event) => {
  if (isIme(event) || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  const { key, target } = event;
  const pill = target.closest?.("[data-chat-mention]");
  if (pill && (key === "Delete" || key === "Backspace")) {
    event.preventDefault();
    return removePill(pill);
  }
  if (target !== getBox() || !getPalette() || getPalette().hidden) return;
  // A whole command is sent as it stands, unless another one was chosen.
  const isWhole = key === "Enter" && getActive()?.dataset.chatCommand === getBox().value.slice(1).toLowerCase();
  if (isWhole || !steer(key)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
}, { capture: true });

document.addEventListener("chat:page", () => {
  kind = "";
  commands = null;
  look();
});

// What was sent was taken, and is not in the thread: a command, which may have made a file.
document.addEventListener("chat:taken", ({ detail: toast }) => toast.querySelector("[data-chat-download]")?.click());

look(); // what was typed while this was on its way
