/* What people do with a conversation in the list: its menu, a new name in place, a folder, deleting and taking that back.

   One ES module, loaded when somebody first touches the page, or with something that can be undone. What it does is told
   to the site; the list itself comes as a frame, to this tab as to all others. Without it the bar has the same as forms. */

const find = (id) => document.getElementById(id);
const words = find("chat-words").dataset;
const getForm = () => find("chat-arrange");
const getRow = (id) => document.querySelector(`[data-chat-item="${CSS.escape(id)}"]`);
const getCurrent = () => find("chat").dataset.chatThread;
const say = (text, level) => document.dispatchEvent(new CustomEvent("chat:say", { detail: { text, level } }));

/** Posts in the background; gives back whether it was taken. */
async function post(address, fields) {
  const body = new FormData(getForm());
  for (const [name, value] of Object.entries(fields)) body.set(name, value);
  try {
    const headers = { "HX-Request": "true" };
    const response = await fetch(address, { method: "POST", body, redirect: "manual", headers });
    if (response.ok) return true;
    if (response.headers.get("content-type")?.startsWith("text/plain")) {
      say(await response.text(), "warning");
      return false;
    }
  } catch {
    // Said below, like a refusal.
  }
  say(words.notSaved, "error");
  return false;
}

/** Does something with conversations: pin, unpin, archive, move, delete, restore. */
async function arrange(what, ids, fields = {}) {
  const isOut = what === "delete" || what === "archive";
  if (isOut) focusNextTo(ids);
  if (!(await post(getForm().action, { do: what, thread: ids.join(","), ...fields }))) return;
  const isHere = ids.includes(getCurrent());
  if (isHere && what === "delete") document.querySelector(".chat-new").click();
  if (isHere && what === "restore") location.reload(); // what is open here was closed with its conversation
}

/** What goes away leaves the focus with its neighbour. */
function focusNextTo(ids) {
  const rows = [...document.querySelectorAll("[data-chat-item]")];
  const at = rows.findIndex((row) => ids.includes(row.dataset.chatItem));
  const stays = (row) => !ids.includes(row.dataset.chatItem);
  const next = rows.slice(at + 1).find(stays) ?? rows.slice(0, Math.max(0, at)).findLast(stays);
  (next?.querySelector("a") ?? document.querySelector(".chat-new")).focus({ preventScroll: true });
}

/* ------------------------------------------------------------------ menus */

let opened = null; // { menu, item, folder }: ids, because a frame may put another row in the place of this one
let pressed = null; // the button whose menu was open when it was pressed: then the press has closed it

const getButton = ({ item, folder }) =>
  item
    ? getRow(item)?.querySelector("[data-chat-menu]")
    : document.querySelector(`[data-chat-folder="${folder}"] [data-chat-folder-menu]`);

function openMenu(button) {
  const item = button.closest("[data-chat-item]")?.dataset.chatItem;
  const folder = item ? undefined : button.closest("[data-chat-folder]").dataset.chatFolder;
  const menu = find(item ? "chat-item-menu" : "chat-folder-menu");
  if (item) {
    const { dataset } = getForm();
    const isPinned = "chatPinned" in getRow(item).dataset;
    const copy = menu.querySelector('[data-chat-do="copy"]');
    copy.dataset.chatCopy = copy.title = item;
    menu.querySelector('[data-chat-do="pin"] span').textContent = isPinned ? dataset.unpin : dataset.pin;
  }
  opened = { menu, item, folder };
  menu.setAttribute("aria-label", button.getAttribute("aria-label"));
  menu.showPopover();
  const place = button.getBoundingClientRect();
  const { width, height } = menu.getBoundingClientRect();
  const start = document.dir === "rtl" ? place.right - width : place.left;
  menu.style.left = `${Math.max(8, Math.min(start, innerWidth - width - 8))}px`;
  menu.style.top = `${place.bottom + height + 8 > innerHeight ? Math.max(8, place.top - height) : place.bottom + 2}px`;
  button.setAttribute("aria-expanded", "true");
  menu.querySelector("button").focus();
}

document.addEventListener(
  "toggle",
  ({ target, newState }) => {
    if (!target.matches?.(".chat-menu") || newState !== "closed" || opened?.menu !== target) return;
    const button = getButton(opened);
    button?.removeAttribute("aria-expanded");
    if (document.activeElement === document.body || target.contains(document.activeElement)) button?.focus();
  },
  { capture: true },
);

function choose(what) {
  const { menu, item, folder } = opened;
  const row = item && getRow(item);
  menu.hidePopover();
  getButton(opened)?.focus({ preventScroll: true });
  if (what === "rename" && row) {
    const link = row.querySelector("a");
    rename(row, link.querySelector("span"), getForm().dataset.name, (title) => post(`${link.href}rename/`, { title }));
  } else if (what === "copy") {
    // copying.js does
  } else if (what === "rename-folder") {
    const section = document.querySelector(`[data-chat-folder="${folder}"]`);
    const save = (name) => post(getFolderAddress(folder), { do: "rename", name });
    rename(section, section.querySelector("summary span"), getForm().dataset.folderName, save);
  } else if (what === "delete-folder") {
    document.querySelector(".chat-new").focus();
    post(getFolderAddress(folder), { do: "delete" });
  } else if (what === "pin") {
    arrange(row && "chatPinned" in row.dataset ? "unpin" : "pin", [item]);
  } else if (what === "move") {
    askWhere([item]);
  } else {
    arrange(what, [item]);
  }
}

const getFolderAddress = (folder) => getForm().dataset.folders.replace("/0/", `/${folder}/`);

/** Arrows, Home and End inside a menu; Tab and Escape leave it. */
function moveInMenu(event, menu) {
  const items = [...menu.querySelectorAll("button")];
  const at = items.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
  if (to !== undefined) items.at(to % items.length).focus();
  else if (event.key === "Escape" || event.key === "Tab") menu.hidePopover();
  else return;
  event.preventDefault();
}

addEventListener(
  "keydown",
  (event) => {
    const menu = event.isComposing ? null : document.querySelector(".chat-menu:popover-open");
    if (menu) moveInMenu(event, menu);
  },
  { capture: true },
);

/* ------------------------------------------------------------------ a name in place */

let hasMissed = false; // a list came while somebody was writing in it

/** Writes over the label; Enter and leaving save, Escape does not, and nothing is saved as an empty name. */
function rename(holder, label, name, save) {
  const before = label.textContent.trim();
  const field = Object.assign(document.createElement("input"), {
    className: "chat-item-name",
    value: before,
    maxLength: 120,
    autocomplete: "off",
    dir: "auto",
    ariaLabel: name,
  });
  let isOver = false;
  async function end(isKept) {
    if (isOver) return;
    isOver = true;
    const hadFocus = document.activeElement === field;
    const text = field.value.trim();
    field.remove();
    if (hadFocus) holder.querySelector("a, summary").focus({ preventScroll: true });
    if (isKept && text && text !== before) {
      label.textContent = text;
      if (!(await save(text))) label.textContent = before;
    }
    if (hasMissed) refresh();
  }
  field.addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === 229 || (event.key !== "Enter" && event.key !== "Escape")) return;
    event.preventDefault();
    event.stopPropagation();
    end(event.key === "Enter");
  });
  field.addEventListener("blur", () => end(true));
  holder.append(field);
  field.focus();
  field.select();
}

document.addEventListener("htmx:oobBeforeSwap", (event) => {
  if (event.detail.target.id !== "chat-threads" || !document.querySelector(".chat-item-name")) return;
  event.preventDefault();
  hasMissed = true;
});

/** Asks for the first page of the list, which a frame would have brought. */
function refresh() {
  hasMissed = false;
  const address = `${getForm().action.replace(/arrange\/$/, "")}?current=${getCurrent()}`;
  window.htmx?.ajax("GET", address, { target: "#chat-threads", swap: "innerHTML" });
}

/* ------------------------------------------------------------------ folders */

let moving = [];

function askWhere(ids) {
  moving = ids;
  const dialog = find("chat-move");
  const folders = dialog.querySelector(".chat-move-folders");
  const here = ids.length === 1 ? getRow(ids[0])?.closest("[data-chat-folder]")?.dataset.chatFolder : "";
  while (folders.children.length > 1) folders.lastChild.remove();
  for (const section of document.querySelectorAll("[data-chat-folder]")) {
    const choice = folders.firstElementChild.cloneNode(true);
    choice.querySelector("input").value = section.dataset.chatFolder;
    choice.querySelector("span").textContent = section.querySelector("summary span").textContent;
    choice.querySelector("span").dir = "auto";
    folders.append(choice);
  }
  for (const radio of folders.querySelectorAll("input")) radio.checked = radio.value === (here ?? "");
  dialog.querySelector('input[name="name"]').value = "";
  dialog.showModal();
}

document.addEventListener("submit", (event) => {
  const { target, submitter } = event;
  if (target.parentElement?.id === "chat-move") {
    event.preventDefault();
    const { folder, name } = Object.fromEntries(new FormData(target));
    target.parentElement.close();
    arrange("move", moving, { folder, name });
  } else if (target.id === "chat-restore" && submitter) {
    event.preventDefault();
    arrange("restore", submitter.value.split(","));
  }
});

/* ------------------------------------------------------------------ clicks, and what other modules ask for */

document.addEventListener("pointerdown", ({ target }) => {
  const button = target.closest("[data-chat-menu], [data-chat-folder-menu]");
  pressed = button?.getAttribute("aria-expanded") === "true" ? button : null;
}, { capture: true });

document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-chat-menu], [data-chat-folder-menu]");
  const summary = target.closest(".chat-folder summary");
  if (button && button !== pressed) openMenu(button);
  else if (target.closest(".chat-menu")) choose(target.closest("button")?.dataset.chatDo);
  else if (target.closest("dialog [data-chat-close]")) target.closest("dialog").close();
  else if (summary) {
    const { chatFolder } = summary.closest("[data-chat-folder]").dataset;
    post(getFolderAddress(chatFolder), { do: summary.parentElement.open ? "close" : "open" }); // it is about to be the other
  }
  pressed = null;
});

document.addEventListener("chat:arrange", ({ detail: { what, threads } }) =>
  what === "move" ? askWhere(threads) : arrange(what, threads));

// Another conversation took the place of the one that was open.
document.addEventListener("chat:page", () => {
  for (const link of find("chat-list").querySelectorAll("a[aria-current]")) link.removeAttribute("aria-current");
  getRow(getCurrent())?.querySelector("a").setAttribute("aria-current", "page");
});

/* ------------------------------------------------------------------ what can be undone goes away in time */

function endLater() {
  for (const toast of find("chat-undo").querySelectorAll("[data-chat-seconds]:not([data-chat-ends])")) {
    toast.dataset.chatEnds = "";
    setTimeout(() => {
      if (toast.contains(document.activeElement)) find("chat-text")?.focus({ preventScroll: true });
      toast.remove();
    }, Number(toast.dataset.chatSeconds) * 1000);
  }
}
new MutationObserver(endLater).observe(find("chat-undo"), { childList: true });
endLater();
