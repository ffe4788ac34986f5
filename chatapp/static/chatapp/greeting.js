/* Asks for the greeting of an empty chat, once somebody sees the page. What it says comes as frames, to all open pages.

   One ES module, loaded with the first page that wants a greeting. Without it such a page shows its cards only. */

const WANTED = "[data-chat-greet]";
const app = document.getElementById("chat");
const asked = new WeakSet();
let holder = null;
let isInView = false;

async function ask(wanted) {
  asked.add(wanted);
  const { chatThread } = app.dataset; // another one may be shown when the site answers
  const { elements } = document.getElementById("chat-composer");
  const body = new FormData();
  body.set("assistant", elements.assistant.value);
  body.set("csrfmiddlewaretoken", elements.csrfmiddlewaretoken.value);
  try {
    const headers = { "HX-Request": "true" };
    const response = await fetch(wanted.dataset.chatGreet, { method: "POST", body, redirect: "manual", headers });
    if (response.ok && app.dataset.chatThread === chatThread && "chatNew" in app.dataset) {
      // The thread exists from now on, and a reload has to come back to it.
      delete app.dataset.chatNew;
      document.dispatchEvent(new CustomEvent("chat:bookmark", { detail: "message" }));
    }
  } catch {
    asked.delete(wanted); // no network; the next look asks again
  }
}

function look() {
  const wanted = holder?.querySelector(WANTED);
  if (wanted && isInView && document.visibilityState === "visible" && !asked.has(wanted)) ask(wanted);
}

const views = new IntersectionObserver((entries) => {
  isInView = entries.at(-1).isIntersecting;
  look();
});
const changes = new MutationObserver(look);

/** Looks after the greeting of the page that is shown; its place is swapped with the thread. */
function watch() {
  views.disconnect();
  changes.disconnect();
  isInView = false;
  holder = document.getElementById("chat-greeting");
  if (!holder) return;
  views.observe(holder);
  changes.observe(holder, { childList: true });
}

watch();
document.addEventListener("chat:page", watch);
document.addEventListener("visibilitychange", look);
addEventListener("online", look);
