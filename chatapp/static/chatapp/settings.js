/* The dialog "Settings": each change is stored when it is made, and what others change comes in as a frame, which takes
   nothing from under the hands of whoever is setting something.

   The dialog itself opens and closes without this file, and its form posts as a whole. */

const find = (id) => document.getElementById(id);
const getForm = () => find("chat-settings-form");
const isOurs = (control) => control.form === getForm() && control.name?.startsWith("set.");
const say = (text) => document.dispatchEvent(new CustomEvent("chat:say", { detail: { text, level: "error" } }));

let isWriting = false; // the control that has the focus was changed and its value is not stored yet
const sending = new Map(); // by setting, one after the other: the last word counts

/** Posts one setting; gives back null if it was taken, else the sentence that says why not. */
async function post(form, fields) {
  const body = new FormData();
  for (const name of ["csrfmiddlewaretoken", "assistant"]) body.set(name, form.elements[name].value);
  for (const [name, value] of Object.entries(fields)) body.set(name, value);
  try {
    const headers = { "HX-Request": "true" };
    // What is under way arrives although the page goes.
    const response = await fetch(form.action, { method: "POST", body, redirect: "manual", headers, keepalive: true });
    if (response.ok) return null;
    if (response.headers.get("Content-Type")?.startsWith("text/plain")) return await response.text();
  } catch {
    // No network.
  }
  return find("chat-words").dataset.notSaved;
}

function showProblem(control, sentence) {
  const problem = find(`${control.id}-problem`);
  if (!problem) return;
  problem.textContent = sentence ?? "";
  control.toggleAttribute("aria-invalid", false);
  if (sentence) control.setAttribute("aria-invalid", "true");
}

function clamp(control) {
  if (control.type !== "number" || control.value === "") return;
  const { min, max } = control;
  if (min !== "" && control.valueAsNumber < Number(min)) control.value = min;
  if (max !== "" && control.valueAsNumber > Number(max)) control.value = max;
}

function save(control) {
  clamp(control);
  isWriting = false;
  const form = getForm();
  if (control.validity.badInput) return showProblem(control, control.validationMessage);
  const scope = form.elements.scope?.checked ? "person" : "thread";
  const value = control.type === "checkbox" ? (control.checked ? "on" : "off") : control.value;
  const fields = { key: control.name.slice(4), value, scope };
  const send = async () => showProblem(find(control.id) ?? control, await post(form, fields));
  sending.set(fields.key, sending.has(fields.key) ? sending.get(fields.key).then(send) : send());
}

document.addEventListener("input", ({ target }) => {
  if (!isOurs(target)) return;
  isWriting = target.type === "number" || target.type === "range";
  const number = find(`${target.id}-number`);
  if (number) number.textContent = target.value;
});

document.addEventListener("change", ({ target }) => {
  if (isOurs(target)) save(target);
});

document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  if (key !== "Enter" || event.isComposing || !isOurs(target) || target.type !== "number") return;
  event.preventDefault();
  if (isWriting) save(target);
  find("chat-settings").hidePopover();
});

// On the window, before it gets there: at the document Escape stops the answer if nothing was open but that.
addEventListener(
  "keydown",
  (event) => {
    const dialog = find("chat-settings");
    if (event.key !== "Escape" || event.isComposing || !dialog?.matches(":popover-open")) return;
    event.preventDefault();
    dialog.hidePopover();
  },
  { capture: true },
);

document.addEventListener("submit", async (event) => {
  const { target: form, submitter } = event;
  if (form.id === "chat-settings-form") return event.preventDefault();
  if (form.id !== "chat-settings-action" || !submitter) return;
  event.preventDefault();
  find("chat-settings").hidePopover();
  const sentence = await post(form, { key: submitter.value });
  if (sentence) say(sentence);
});

/* ------------------------------------------------------------------ what comes from elsewhere */

/** Puts what the new row says into the old one, whose control somebody has their hands on. */
function follow(old, fresh) {
  const control = old.querySelector('[id][name^="set."]');
  const other = fresh.querySelector('[id][name^="set."]');
  if (!control || !other || isWriting) return;
  control.disabled = other.disabled;
  if (control.type === "checkbox") control.checked = other.checked;
  else control.value = other.value;
  const number = find(`${control.id}-number`);
  if (number) number.textContent = control.value;
}

document.addEventListener("htmx:oobBeforeSwap", ({ detail }) => {
  const { target, fragment } = detail;
  if (target?.id !== "chat-settings-body") return;
  const busy = [...target.children].find((row) => row.contains(document.activeElement));
  if (!busy) return;
  const fresh = [...fragment.children];
  if (fresh.map(({ id }) => id).join() !== [...target.children].map(({ id }) => id).join()) return; // other items
  detail.shouldSwap = false;
  for (const row of fresh) {
    const old = find(row.id);
    if (old === busy) follow(old, row);
    else old.replaceWith(row);
  }
});
