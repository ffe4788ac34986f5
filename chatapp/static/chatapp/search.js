/* Finding conversations while one types: what is found stands in place of the list, and arrow keys walk through it.

   An ES module, loaded when somebody first touches the page. Without it Enter opens a page with the same results. */

const find = (id) => document.getElementById(id);
const WAIT = 150; // ms after the last key
let timer = 0;
let asked = null; // the request that is under way
let shown = ""; // the query whose results are shown

const getBox = () => find("chat-find");
const getHits = () => [...find("chat-found").querySelectorAll("a")];
const isInside = (target) => Boolean(target?.closest?.("#chat-search, #chat-found"));

function showList() {
  shown = "";
  find("chat-list").hidden = false;
  find("chat-found").hidden = true;
  find("chat-found").replaceChildren();
  find("chat-none-found").textContent = "";
}

/** Asks the site; a later question makes it forget this one. */
async function search() {
  clearTimeout(timer);
  asked?.abort();
  const box = getBox();
  const query = box.value;
  if (!query.trim()) return showList();
  const request = (asked = new AbortController());
  const address = `${box.form.action}?${new URLSearchParams({ q: query })}`;
  try {
    const answer = await fetch(address, { headers: { "HX-Request": "true" }, signal: request.signal, redirect: "error" });
    if (!answer.ok) throw new Error(answer.statusText);
    const html = await answer.text();
    if (request !== asked) return;
    const found = find("chat-found");
    found.innerHTML = html; // the site's own, all text in it escaped
    found.scrollTop = 0;
    found.hidden = false;
    find("chat-list").hidden = true;
    shown = query;
    find("chat-none-found").textContent = found.querySelector("[data-chat-said]")?.dataset.chatSaid ?? "";
  } catch (error) {
    if (error.name !== "AbortError" && request === asked) find("chat-none-found").textContent = find("chat-words").dataset.notSaved;
  }
}

function clear() {
  clearTimeout(timer);
  asked?.abort();
  asked = null;
  const box = getBox();
  box.value = "";
  showList();
  box.focus();
}

document.addEventListener("input", ({ target }) => {
  if (target !== getBox()) return;
  clearTimeout(timer);
  timer = setTimeout(search, target.value.trim() ? WAIT : 0);
});

document.addEventListener("submit", async (event) => {
  if (event.target.id !== "chat-search") return;
  event.preventDefault();
  if (getBox().value !== shown) await search();
  if (getBox().value === shown) getHits()[0]?.click();
});

document.addEventListener("keydown", (event) => {
  if (!isInside(event.target) || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (!["ArrowDown", "ArrowUp", "Home", "End"].includes(event.key) || find("chat-found").hidden) return;
  const stops = [getBox(), ...getHits()];
  const at = stops.indexOf(document.activeElement);
  const isAtBox = at === 0;
  if (isAtBox && event.key !== "ArrowDown") return; // the keys of a text field
  const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 1, End: stops.length - 1 }[event.key];
  event.preventDefault();
  stops[next]?.focus();
});

// On the window, before it gets to those who close or stop something else with it.
addEventListener(
  "keydown",
  (event) => {
    if (event.key !== "Escape" || event.isComposing || event.keyCode === 229 || !isInside(event.target)) return;
    if (!getBox().value) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    clear();
  },
  { capture: true },
);

if (getBox()?.value) search(); // typed before this was loaded
