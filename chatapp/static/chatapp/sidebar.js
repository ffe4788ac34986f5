/* The conversations beside the thread, and what the bar above it says of this one: the drawer of a phone, light or
   dark, a new name, deleting.

   One ES module, loaded when somebody first touches the page. Without it links and forms do the same by loading pages. */

const find = (id) => document.getElementById(id);
const app = find("chat");
const words = find("chat-words").dataset;
const isDark = matchMedia("(prefers-color-scheme: dark)");
const isPhone = matchMedia("(max-width: 720px)");

const say = (text, level = "error") => document.dispatchEvent(new CustomEvent("chat:say", { detail: { text, level } }));

/** Sends a form in the background; gives back whether it was taken. */
async function postForm(form, fields = {}) {
  const body = new FormData(form);
  for (const [name, value] of Object.entries(fields)) body.set(name, value);
  try {
    const response = await fetch(form.action, { method: "POST", body, redirect: "manual" });
    if (response.ok || response.type === "opaqueredirect") return true;
  } catch {
    // Said below, like a refusal.
  }
  say(words.notSaved);
  return false;
}

/* ------------------------------------------------------------------ a new name */

// The bar belongs to the thread that is open and goes with it, so nothing of it is kept here.
const getNameField = () => app.querySelector('.chat-rename input[name="title"]');
const isNameField = (element) => element === getNameField();
const isNaming = (element) => element.matches?.(".chat-rename input, .chat-item-name"); // Escape is theirs

async function closeRename({ save, refocus = true }) {
  const field = getNameField();
  const rename = field.closest("details");
  if (!rename.open) return;
  rename.open = false;
  if (refocus) rename.querySelector("summary").focus();
  const title = find("chat-title");
  const name = field.value.trim();
  const before = title.textContent;
  if (!save || !name || name === before.trim()) return;
  title.textContent = name;
  if (!(await postForm(field.form, { title: name }))) title.textContent = before;
}

// A toggle does not bubble; on its way down it comes past here all the same.
document.addEventListener(
  "toggle",
  ({ target }) => {
    if (!target.open || !target.matches?.(".chat-rename")) return;
    const field = getNameField();
    field.value = find("chat-title").textContent.trim();
    field.focus();
    field.select();
  },
  { capture: true },
);
document.addEventListener("submit", (event) => {
  if (!event.target.matches(".chat-rename form")) return;
  event.preventDefault();
  closeRename({ save: true });
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.isComposing || !isNameField(event.target)) return;
  event.preventDefault();
  closeRename({ save: false });
});
document.addEventListener("focusout", ({ target }) => isNameField(target) && target.isConnected && closeRename({ save: true, refocus: false }));

/* ------------------------------------------------------------------ the drawer, light and dark */

const isDrawerOpen = () => app.dataset.chatDrawer === "open";

function setDrawer(isOpen, { refocus = true } = {}) {
  if (isDrawerOpen() === isOpen) return;
  if (isOpen) app.dataset.chatDrawer = "open";
  else delete app.dataset.chatDrawer;
  app.querySelector(".chat-main").inert = isOpen;
  const opener = app.querySelector('.chat-bar [data-chat-drawer="open"]');
  opener.setAttribute("aria-expanded", String(isOpen));
  if (isOpen) app.querySelector('.chat-side [data-chat-drawer="close"]').focus();
  else if (refocus) opener.focus();
}

isPhone.addEventListener("change", () => setDrawer(false, { refocus: false }));
document.addEventListener("chat:page", () => setDrawer(false, { refocus: false })); // what was looked for is shown

/** The other of light and dark, kept in a cookie so that the next page is drawn in it from its first pixel. */
function toggleTheme() {
  const { dataset } = document.documentElement;
  const system = isDark.matches ? "dark" : "light";
  const next = (dataset.theme ?? system) === "dark" ? "light" : "dark";
  if (next === system) delete dataset.theme;
  else dataset.theme = next;
  document.cookie = `chat_theme=${next}; path=/; samesite=lax; max-age=${next === system ? 0 : 31_536_000}`;
}

/* ------------------------------------------------------------------ clicks and keys */

document.addEventListener("click", (event) => {
  const { target } = event;
  const drawer = target.closest(".chat-side [data-chat-drawer], .chat-bar [data-chat-drawer], .chat-scrim");
  if (drawer) {
    event.preventDefault();
    setDrawer(drawer.dataset.chatDrawer === "open");
  } else if (target.closest("[data-chat-theme]")) {
    toggleTheme();
  }
});

/** What Escape does: the innermost thing that is open closes. Whether there was one. */
function closeInnermost(target) {
  if (document.querySelector("dialog[open], .chat-menu:popover-open, [data-chat-selecting]")) return false; // not ours
  if (target.closest?.("#chat-search, #chat-found") && find("chat-find").value) return false; // search.js clears it
  if (isDrawerOpen()) {
    setDrawer(false);
  } else {
    return false;
  }
  return true;
}

// On the window, before it gets there: chatapp.js stops the answer at the document if nothing else was open.
addEventListener(
  "keydown",
  (event) => {
    const isOurs = event.key === "Escape" && !event.shiftKey && !event.isComposing && event.keyCode !== 229;
    if (!isOurs || isNaming(event.target)) return;
    if (closeInnermost(event.target)) event.preventDefault();
  },
  { capture: true },
);

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing || event.keyCode === 229) return;
  const isTyping = event.target.matches?.("input, textarea, select, [contenteditable]");
  const hasModifier = event.ctrlKey || event.metaKey || event.altKey;
  if (event.key === "/" && !isTyping && !hasModifier) {
    event.preventDefault();
    if (isPhone.matches) setDrawer(true);
    find("chat-find").focus();
  } else if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey) {
    event.preventDefault();
    app.querySelector(".chat-new").click();
  } else if (event.key === " " && event.target.matches?.('a[role="button"]')) {
    event.preventDefault(); // a link that acts as a button answers the space bar too
    event.target.click();
  }
});
