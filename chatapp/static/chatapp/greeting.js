/* Asks for the greeting of an empty chat, once somebody sees the page. What it says comes as frames, to all open pages.

   One ES module, loaded with the first page that wants a greeting. Without it such a page shows its cards only. */

const WANTED = "[data-chat-greet]";
const holder = document.getElementById("chat-greeting");
const app = document.getElementById("chat");
const asked = new WeakSet();
let isInView = false;

async function ask(wanted) {
  asked.add(wanted);
  const { elements } = document.getElementById("chat-composer");
  const body = new FormData();
  body.set("assistant", elements.assistant.value);
  body.set("csrfmiddlewaretoken", elements.csrfmiddlewaretoken.value);
  try {
    const headers = { "HX-Request": "true" };
    const response = await fetch(wanted.dataset.chatGreet, { method: "POST", body, redirect: "manual", headers });
    if (response.ok && "chatNew" in app.dataset) {
      // The thread exists from now on, and a reload has to come back to it.
      delete app.dataset.chatNew;
      history.replaceState(history.state, "", app.dataset.chatUrl);
    }
  } catch {
    asked.delete(wanted); // no network; the next look asks again
  }
}

function look() {
  const wanted = holder.querySelector(WANTED);
  if (wanted && isInView && document.visibilityState === "visible" && !asked.has(wanted)) ask(wanted);
}

new IntersectionObserver((entries) => {
  isInView = entries.at(-1).isIntersecting;
  look();
}).observe(holder);
new MutationObserver(look).observe(holder, { childList: true });
document.addEventListener("visibilitychange", look);
addEventListener("online", look);
