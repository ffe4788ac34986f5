/* Files for the message that is being written: by the paperclip, dropped, or pasted. Each goes to the site at once and is
   a pill in the tray; the message names what lies there. Without this file the form sends them along.

   A pill is drawn by the site, once the file is there; until then it is ours and shows how far it is. */

const find = (id) => document.getElementById(id);
const say = (text, level = "warning") => document.dispatchEvent(new CustomEvent("chat:say", { detail: { text, level } }));
const fill = (sentence, name) => sentence.replace("%(name)s", () => name);

const MAX_PASTED_CHARS = 1000; // a longer text is a file
const MAX_AT_ONCE = 3;

const uploads = new Map(); // pill: { file, request }, until the file is there
const sent = new Map(); // client_id: the pills of a message that was not confirmed yet
let isWaiting = false; // to send, until all files are there

const getPills = () => [...(find("chat-tray")?.children ?? [])];
const getExtension = (name) => (name.lastIndexOf(".") > 0 ? name.slice(name.lastIndexOf(".") + 1).toLowerCase() : "");

/* ------------------------------------------------------------------ putting something in */

/** Why this file cannot be sent: a sentence, or "". */
function check(file, tray) {
  const { extensions, mostFiles, mostBytes, mostTotal, badType, tooLarge, tooMany, tooMuch } = tray.dataset;
  const pills = getPills();
  const total = pills.reduce((sum, pill) => sum + Number(pill.dataset.size ?? 0), file.size);
  if (!extensions.split(" ").includes(getExtension(file.name))) return fill(badType, file.name);
  if (file.size > Number(mostBytes)) return fill(tooLarge, file.name);
  if (pills.length >= Number(mostFiles)) return tooMany;
  return total > Number(mostTotal) ? tooMuch : "";
}

function add(files) {
  const tray = find("chat-tray");
  if (!tray) return;
  const refusals = new Set();
  for (const file of files) {
    const refusal = check(file, tray);
    if (refusal) refusals.add(refusal);
    else addPill(file, tray);
  }
  for (const refusal of refusals) say(refusal);
  startUploads();
  find("chat-text").focus({ preventScroll: true });
}

function addPill(file, tray) {
  const pill = find("chat-pill").content.firstElementChild.cloneNode(true);
  pill.querySelector("bdi").textContent = file.name;
  pill.ariaLabel = file.name;
  const button = pill.querySelector("[data-chat-remove]");
  button.ariaLabel = fill(button.ariaLabel, file.name);
  pill.dataset.size = file.size;
  uploads.set(pill, { file, request: null });
  tray.append(pill);
}

/** A few at once; the others wait. */
function startUploads() {
  const underWay = [...uploads.values()].filter(({ request }) => request).length;
  const waiting = [...uploads].filter(([, { request }]) => !request);
  for (const [pill, upload] of waiting.slice(0, MAX_AT_ONCE - underWay)) start(pill, upload);
}

function start(pill, upload) {
  const { elements } = find("chat-composer");
  const request = (upload.request = new XMLHttpRequest());
  const body = new FormData();
  body.append("assistant", elements.assistant?.value ?? "");
  body.append("files", upload.file, upload.file.name);
  const bar = pill.querySelector("progress");
  request.upload.addEventListener("progress", ({ loaded, total }) => (bar.value = (100 * loaded) / total));
  request.addEventListener("loadend", () => uploads.has(pill) && finish(pill, upload));
  request.open("POST", find("chat-tray").dataset.url);
  request.setRequestHeader("HX-Request", "true");
  request.setRequestHeader("X-CSRFToken", elements.csrfmiddlewaretoken.value);
  request.send(body);
}

function finish(pill, { file, request }) {
  uploads.delete(pill);
  startUploads();
  let answer = {};
  try {
    answer = JSON.parse(request.responseText);
  } catch {
    // No answer, or not ours: the sentence below.
  }
  const done = answer.files?.[0];
  if (!done) {
    isWaiting = false;
    drop(pill);
    const isPlain = request.status === 413 && request.getResponseHeader("content-type")?.startsWith("text/plain");
    return say(answer.error ?? (isPlain ? request.responseText : fill(find("chat-tray").dataset.failed, file.name)), "error");
  }
  if (done.notice) say(done.notice, "info");
  const twin = getPills().find((other) => other.dataset.chatFile === done.id);
  const hadFocus = pill.contains(document.activeElement);
  if (twin) drop(pill); // the same file was there
  else pill.outerHTML = done.html;
  if (hadFocus) (twin ?? getPills().find((other) => other.dataset.chatFile === done.id))?.focus();
  sendIfWaiting();
}

/* ------------------------------------------------------------------ taking something out */

/** Takes a pill away; a focus in it goes to its neighbour, or to the message box. */
function drop(pill) {
  const hadFocus = pill.contains(document.activeElement);
  const neighbour = pill.nextElementSibling ?? pill.previousElementSibling;
  pill.remove();
  if (hadFocus) (neighbour ?? find("chat-text")).focus({ preventScroll: true });
}

async function remove(pill) {
  const upload = uploads.get(pill);
  const way = pill.querySelector("[formaction]")?.formAction;
  uploads.delete(pill);
  upload?.request?.abort();
  drop(pill);
  startUploads();
  sendIfWaiting();
  if (!way) return;
  const token = find("chat-composer").elements.csrfmiddlewaretoken.value;
  try {
    await fetch(way, { method: "POST", headers: { "X-CSRFToken": token, "HX-Request": "true" } });
  } catch {
    // No network: it is purged in a day.
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("#chat-tray [data-chat-remove]");
  if (!button) return;
  event.preventDefault();
  const pill = button.closest(".chat-pill");
  if (!pill.contains(document.activeElement)) pill.focus({ preventScroll: true }); // Safari gives a button no focus
  remove(pill);
});

document.addEventListener("keydown", (event) => {
  const pill = event.target.closest?.("#chat-tray .chat-pill");
  if (!pill) return;
  const rest = { ArrowLeft: "previousElementSibling", ArrowRight: "nextElementSibling" }[event.key];
  if (event.key === "Delete" || event.key === "Backspace") remove(pill);
  else if (rest && pill[rest]) pill[rest].focus();
  else return;
  event.preventDefault();
});

/* ------------------------------------------------------------------ paperclip, drop, paste */

document.addEventListener("change", ({ target }) => {
  if (target.id !== "chat-files") return;
  add([...target.files]);
  target.value = ""; // the form is not to send them once more
});

const hasFiles = ({ dataTransfer }) => find("chat-tray") && [...(dataTransfer?.types ?? [])].includes("Files");
let depth = 0; // of elements that a dragged file is over

function showDrop(isShown) {
  if (!isShown) depth = 0;
  const overlay = find("chat-drop");
  if (overlay) overlay.hidden = !isShown;
}

document.addEventListener("dragenter", (event) => {
  if (!hasFiles(event) || !event.target.closest?.("#chat-stage")) return;
  depth += 1;
  showDrop(true);
});
document.addEventListener("dragleave", (event) => {
  if (!hasFiles(event) || !event.target.closest?.("#chat-stage")) return;
  depth -= 1;
  if (depth <= 0) showDrop(false);
});
document.addEventListener("dragover", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault(); // elsewhere too: the browser would leave the page for the file
  event.dataTransfer.dropEffect = event.target.closest?.("#chat-stage") ? "copy" : "none";
});
document.addEventListener("drop", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  showDrop(false);
  if (event.target.closest?.("#chat-stage")) add([...event.dataTransfer.files]);
});

document.addEventListener("paste", (event) => {
  const tray = find("chat-tray");
  if (!tray || event.target.id !== "chat-text") return;
  const files = [...event.clipboardData.files];
  const text = event.clipboardData.getData("text/plain");
  if (files.length && !text) {
    event.preventDefault();
    add(files);
  } else if ([...text].length > MAX_PASTED_CHARS && tray.dataset.extensions.split(" ").includes("txt")) {
    event.preventDefault();
    add([new File([text], nameText(tray.dataset.pasted), { type: "text/plain" })]);
  }
});

/** "Pasted text.txt", and a number if there is one already. */
function nameText(words) {
  const names = getPills().map((pill) => pill.querySelector("bdi").textContent);
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? `${words}.txt` : `${words} ${number}.txt`;
    if (!names.includes(name)) return name;
  }
}

/* ------------------------------------------------------------------ sending */

document.addEventListener("chat:compose", (event) => {
  const { chatClient, chatTyped } = find("chat-composer").dataset;
  if (chatClient ?? chatTyped !== undefined) return; // what code sends, and a command, takes nothing along
  isWaiting = uploads.size > 0;
  if (isWaiting) return event.preventDefault(); // sent when all are there
  const ids = getPills().map((pill) => pill.dataset.chatFile).filter(Boolean);
  if (ids.length) event.detail.attachments = ids;
});

function sendIfWaiting() {
  if (!isWaiting || uploads.size) return;
  isWaiting = false;
  find("chat-composer").requestSubmit();
}

document.addEventListener("chat:composed", ({ detail: { client_id, attachments } }) => {
  if (!attachments) return;
  const pills = getPills().filter((pill) => attachments.includes(pill.dataset.chatFile));
  sent.set(client_id, pills);
  for (const pill of pills) pill.remove();
});

document.addEventListener("chat:refused", ({ detail }) => {
  find("chat-tray")?.prepend(...(sent.get(detail.client_id) ?? []));
  sent.delete(detail.client_id);
});

// Another conversation is shown: what was under way belongs to the one before.
document.addEventListener("chat:page", () => {
  for (const { request } of uploads.values()) request?.abort();
  uploads.clear();
  sent.clear();
  isWaiting = false;
});
