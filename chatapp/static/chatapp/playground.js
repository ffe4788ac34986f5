/* The playground: sends its form without a page load. What is said comes by streams.js, which follows both sides.

   Without this file the form posts, and the page that comes back shows all the same. */

const find = (id) => document.getElementById(id);
const root = document.querySelector(".chat-playground");
const form = find("chat-playground-form");
const box = find("playground-text");
const notice = find("chat-playground-notice");
const words = find("chat-playground-words").dataset;
const beginnings = JSON.parse(root.dataset.chatBeginnings);
const sides = [...root.querySelectorAll("[data-chat-side]")];
const isMac = /Mac|iP(hone|ad|od)/.test(navigator.platform);

for (const key of root.querySelectorAll("[data-chat-mac]")) if (isMac) key.textContent = key.dataset.chatMac;

/* ---- sending */

let isSending = false;

async function post(target, body) {
  const headers = { "HX-Request": "true" };
  const response = await fetch(target.action, { method: "POST", body, redirect: "manual", headers });
  const isOurs = response.headers.get("Content-Type")?.startsWith("application/json");
  return { isDone: response.ok && isOurs, said: isOurs ? await response.json() : { notice: words.failed } };
}

function showProblems(problems = {}) {
  for (const place of root.querySelectorAll(".chat-playground-problem")) {
    const id = place.id.replace(/_error$/, "");
    place.textContent = problems[id] ?? "";
    const control = find(id);
    if (problems[id]) control.setAttribute("aria-invalid", "true");
    else control.removeAttribute("aria-invalid");
  }
  const first = find(Object.keys(problems)[0] ?? "");
  if (!first) return;
  const fold = first.closest("details");
  if (fold) fold.open = true;
  first.focus();
}

async function send(submitter) {
  if (isSending) return;
  isSending = true;
  const verb = submitter?.value ?? "send";
  const text = box.value;
  const first = sides.filter((side) => !hasQuestion(side));
  notice.textContent = "";
  root.setAttribute("aria-busy", "true");
  try {
    const body = new FormData(form);
    body.set("do", verb);
    const { isDone, said } = await post(form, body);
    notice.textContent = said.notice ?? "";
    showProblems(said.problems);
    for (const [side, snippet] of Object.entries(said.snippets ?? {})) showSnippet(side, snippet);
    if (isDone && verb === "send") {
      if (box.value === text) box.value = "";
      show(first);
    }
  } catch {
    notice.textContent = words.failed; // no network; what was typed is still there
  } finally {
    isSending = false;
    root.removeAttribute("aria-busy");
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  send(event.submitter);
});

root.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing || event.target.form !== form) return;
  const isSend = event.ctrlKey || event.metaKey;
  if (!isSend && event.target.tagName !== "INPUT") return;
  event.preventDefault(); // Enter in a number would send half a thought
  if (isSend) send();
});

const hasQuestion = (side) => side.querySelector(".chat-streamed-question") !== null;

/** The first question folds what was set up, so that there is room for what is said; the end of it is in view. */
function show(first) {
  for (const side of first) side.querySelector(".chat-playground-setup").open = false;
  for (const side of sides) side.scrollTop = side.scrollHeight;
}

/* Both sides may ask at once, and share a form: only the question whose button was pressed goes with it. */
document.addEventListener(
  "submit",
  ({ target, submitter }) => {
    const asked = target.id === "chat-answer" && submitter?.closest("[data-chat-question]");
    if (!asked) return;
    const others = [...target.elements].filter((control) => control.name !== "csrfmiddlewaretoken" && !asked.contains(control) && !control.disabled);
    for (const control of others) control.disabled = true;
    setTimeout(() => {
      for (const control of others) control.disabled = false;
    });
  },
  true,
);

/* ---- what is tried */

function getField(side, name) {
  return find(`playground-${side.dataset.chatSide}-${name}`);
}

function begin(side) {
  const beginning = beginnings[getField(side, "who").value];
  if (!beginning) return;
  for (const [name, value] of Object.entries(beginning.values)) getField(side, name).value = value ?? "";
  const options = beginning.models.map((value) => Object.assign(document.createElement("option"), { value }));
  getField(side, "models").replaceChildren(...options);
  getField(side, "tools").hidden = !beginning.tools;
  getField(side, "with_tools").checked = false;
}

for (const side of sides) {
  getField(side, "who").addEventListener("change", () => begin(side));
  side.querySelector("[data-chat-copy-snippet]").addEventListener("click", ({ target }) => copy(side, target));
}

function showSnippet(name, text) {
  const place = find(`playground-${name}-snippet`);
  place.querySelector("code").textContent = text;
  place.querySelector("[data-chat-copy-snippet]").hidden = !navigator.clipboard;
  place.hidden = false;
  place.querySelector("pre").focus();
}

async function copy(side, button) {
  const before = button.textContent;
  try {
    await navigator.clipboard.writeText(side.querySelector(".chat-playground-snippet code").textContent);
    button.textContent = words.copied;
    setTimeout(() => (button.textContent = before), 2000);
  } catch {
    notice.textContent = words.failed;
  }
}
