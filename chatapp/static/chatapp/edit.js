/* A question is edited where it stands: its bubble becomes a box. Without this file the button leads to a page with the same
   form. What comes in meanwhile leaves the box alone, unless its message goes. */

const find = (id) => document.getElementById(id);
const isCoarse = matchMedia("(pointer: coarse)");
const PATIENCE = 10_000; // milliseconds until a frame that nobody answered is sent again, over HTTP

/** A version 4 UUID. crypto.randomUUID would be missing on plain http. */
function makeId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

const say = (text, level = "warning") => document.dispatchEvent(new CustomEvent("chat:say", { detail: { text, level } }));
const getForm = (article) => article?.querySelector(":scope > .chat-body > .chat-editor");

function grow(box) {
  if (CSS.supports("field-sizing", "content")) return;
  box.style.height = "auto";
  box.style.height = `${box.scrollHeight}px`;
}

function open(article, text = article.querySelector("template[data-chat-source]")?.content.textContent ?? "") {
  if (getForm(article)) return getForm(article).elements.text.focus();
  const form = find("chat-editor").content.firstElementChild.cloneNode(true);
  form.elements.message.value = article.dataset.chatMessage;
  form.elements.client_id.value = makeId();
  form.elements.text.value = text;
  article.querySelector(".chat-body").append(form);
  article.classList.add("chat-editing");
  grow(form.elements.text);
  form.elements.text.focus({ preventScroll: true });
  form.elements.text.setSelectionRange(text.length, text.length);
  form.scrollIntoView({ block: "nearest" });
  guard(article, form);
}

/** The log may be drawn anew while somebody writes: what they wrote goes into the new bubble of the same message. */
function guard(article, form) {
  const observer = new MutationObserver(() => {
    if (article.isConnected && form.isConnected) return;
    observer.disconnect();
    if (article.isConnected || form.hasAttribute("aria-busy")) return; // it was closed, or taken
    const again = find(article.id);
    if (again) return open(again, form.elements.text.value);
    const box = find("chat-text"); // its message went with what was written in it
    if (!box || box.value.trim()) return;
    box.value = form.elements.text.value;
    box.dispatchEvent(new Event("input", { bubbles: true }));
  });
  observer.observe(find("chat-thread"), { childList: true });
}

function close(form) {
  const article = form.closest("[data-chat-message]");
  article.classList.remove("chat-editing");
  form.remove();
  article.querySelector('[form="chat-edit"]')?.focus({ preventScroll: true });
}

function setBusy(form, isBusy) {
  form.toggleAttribute("aria-busy", isBusy);
  form.elements.text.readOnly = isBusy;
  for (const button of form.querySelectorAll("button")) button.toggleAttribute("disabled", isBusy);
  if (!isBusy && form.isConnected) form.elements.text.focus({ preventScroll: true });
}

function ask(form) {
  const text = form.elements.text.value;
  const most = Number(find("chat-composer").dataset.chatMax);
  if (!text.trim()) return close(form);
  if (text.length > most && [...text].length > most) return say(find("chat-words").dataset.tooLong, "info");
  setBusy(form, true);
  document.dispatchEvent(new CustomEvent("chat:follow", { detail: true }));
  const { message, client_id: client } = form.elements;
  const detail = { type: "edit", message: message.value, text, client_id: client.value };
  const isSent = !document.dispatchEvent(new CustomEvent("chat:send", { detail, cancelable: true }));
  if (!isSent) return post(form);
  const isWaiting = () => form.isConnected && form.hasAttribute("aria-busy") && client.value === detail.client_id;
  setTimeout(() => isWaiting() && post(form), PATIENCE);
}

/** The way where no socket is open; the same client_id makes it the same edit. */
async function post(form) {
  try {
    const response = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { "HX-Request": "true" } });
    if (response.ok) return; // the new version comes with the events
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    say(page.querySelector(".chat-toast p")?.textContent ?? find("chat-words").dataset.notSaved);
  } catch {
    say(find("chat-words").dataset.notSaved, "error");
  }
  setBusy(form, false);
}

/** The site did not take it: a toast says why, and names the client_id. */
function watchRefusals() {
  const holder = find("chat-notice");
  if (!holder) return;
  new MutationObserver(() => {
    for (const { dataset } of holder.querySelectorAll("[data-chat-refused]")) {
      const form = [...document.querySelectorAll(".chat-editor[aria-busy]")].find((each) =>
        each.elements.client_id.value === dataset.chatRefused);
      if (!form) continue;
      form.elements.client_id.value = makeId();
      setBusy(form, false);
    }
  }).observe(holder, { childList: true });
}
watchRefusals();
document.addEventListener("chat:page", watchRefusals);

document.addEventListener("submit", (event) => {
  const { target, submitter } = event;
  if (target.id === "chat-edit" && submitter) {
    event.preventDefault();
    open(submitter.closest("[data-chat-message]"));
  } else if (target.matches(".chat-editor")) {
    event.preventDefault();
    if (!target.hasAttribute("aria-busy")) ask(target);
  }
});
document.addEventListener("click", ({ target }) => {
  const cancel = target.closest?.("[data-chat-cancel-edit]");
  if (cancel) close(cancel.closest(".chat-editor"));
});
document.addEventListener("input", ({ target }) => target.matches?.(".chat-editor textarea") && grow(target));

// Before anybody else: Escape in the box is about the box, and does not stop an answer.
document.addEventListener("keydown", (event) => {
  if (!event.target.matches?.(".chat-editor textarea") || event.isComposing || event.keyCode === 229) return;
  const { form } = event.target;
  if (event.key === "Escape") {
    event.preventDefault();
    if (!form.hasAttribute("aria-busy")) close(form);
  } else if (event.key === "Enter") {
    const isSure = event.ctrlKey || event.metaKey;
    const isPlain = !(event.shiftKey || event.altKey || isCoarse.matches || find("chat-composer").dataset.chatSubmitKey === "ctrl+enter");
    if (!isSure && !isPlain) return;
    event.preventDefault();
    form.requestSubmit();
  }
}, true);
