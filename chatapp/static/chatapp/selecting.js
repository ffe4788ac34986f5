/* Several conversations at once: boxes to tick beside them, and a bar with what can be done.

   One ES module, loaded when somebody first touches the page. threads.js does what is asked for (chat:arrange). */

const find = (id) => document.getElementById(id);
const app = find("chat");
const words = find("chat-arrange").dataset;
const chosen = new Set();
const isOn = () => "chatSelecting" in app.dataset;

/** Gives each row that has none its box. */
function addBoxes() {
  if (!isOn()) return;
  for (const row of find("chat-list").querySelectorAll("[data-chat-item]:not(:has(> input[type=checkbox]))")) {
    const box = Object.assign(document.createElement("input"), { type: "checkbox", className: "chat-tick" });
    box.ariaLabel = words.select.replace("%s", row.querySelector("a").textContent.trim());
    box.checked = chosen.has(row.dataset.chatItem);
    row.prepend(box);
  }
}

function show() {
  find("chat-selected-count").textContent = words.selected.replace("%s", chosen.size);
  for (const button of find("chat-selected").querySelectorAll("[data-chat-bulk]")) {
    button.disabled = chosen.size === 0 && button.dataset.chatBulk !== "leave";
  }
}

function enter() {
  app.dataset.chatSelecting = "";
  find("chat-selected").hidden = false;
  addBoxes();
  show();
  find("chat-list").querySelector(".chat-tick")?.focus();
}

function leave() {
  delete app.dataset.chatSelecting;
  chosen.clear();
  for (const box of find("chat-list").querySelectorAll(".chat-tick")) box.remove();
  find("chat-selected").hidden = true;
  document.querySelector("[data-chat-select]").focus();
}

function toggle(row, isChosen) {
  if (isChosen) chosen.add(row.dataset.chatItem);
  else chosen.delete(row.dataset.chatItem);
  row.querySelector(".chat-tick").checked = isChosen;
  show();
}

// On its way down: the link of a row leads nowhere while one selects.
document.addEventListener(
  "click",
  (event) => {
    const link = isOn() && event.target.closest("[data-chat-item] > a");
    if (!link) return;
    event.preventDefault();
    event.stopPropagation();
    toggle(link.parentElement, !chosen.has(link.parentElement.dataset.chatItem));
  },
  { capture: true },
);

document.addEventListener("change", ({ target }) => {
  if (target.matches(".chat-tick")) toggle(target.parentElement, target.checked);
});

document.addEventListener("click", ({ target }) => {
  const what = target.closest("[data-chat-bulk]")?.dataset.chatBulk;
  if (target.closest("[data-chat-select]")) {
    if (isOn()) leave();
    else enter();
  } else if (what) {
    const threads = [...chosen];
    leave();
    if (what !== "leave") document.dispatchEvent(new CustomEvent("chat:arrange", { detail: { what, threads } }));
  }
});

addEventListener(
  "keydown",
  (event) => {
    if (event.key !== "Escape" || event.isComposing || !isOn() || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    leave();
  },
  { capture: true },
);

new MutationObserver(addBoxes).observe(find("chat-list"), { childList: true, subtree: true });
