/* What is done to a single message: another version is shown, a cut answer goes on, a message is deleted. Sent in the
   background, so that the page stays where it is; what comes of it arrives like any other change. Without this file the same
   forms post. */

const find = (id) => document.getElementById(id);
const SILENT = ["chat-versions", "chat-continue", "chat-delete-message", "chat-retry-with"];
const PATIENCE = 10_000; // milliseconds for which a version that was asked for is waited for
const say = (text, level = "warning") => document.dispatchEvent(new CustomEvent("chat:say", { detail: { text, level } }));
const follow = (isOn) => document.dispatchEvent(new CustomEvent("chat:follow", { detail: isOn }));

async function send(form, submitter) {
  const body = new FormData(form);
  body.set(submitter.name, submitter.value);
  try {
    const response = await fetch(form.action, { method: "POST", body, headers: { "HX-Request": "true" } });
    if (response.ok) return true;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    say(page.querySelector(".chat-toast p")?.textContent ?? find("chat-words").dataset.notSaved);
  } catch {
    say(find("chat-words").dataset.notSaved, "error");
  }
  return false;
}

/** When the version comes that was asked for, the reader's line is where it was, and the same button has the focus. */
function keepPlace(button) {
  const scroller = find("chat-scroll");
  const thread = find("chat-thread");
  const { value } = button;
  const label = button.getAttribute("aria-label");
  const hadFocus = button === document.activeElement || document.activeElement === document.body;
  const line = button.closest("[data-chat-message]").previousElementSibling; // stays: both versions follow it
  const top = line?.getBoundingClientRect().top;
  const offset = scroller.scrollTop;
  const observer = new MutationObserver(() => {
    const article = find(`m-${value}`);
    if (!article) return;
    observer.disconnect();
    follow(false);
    scroller.scrollTop = line?.isConnected ? scroller.scrollTop + line.getBoundingClientRect().top - top : offset;
    const buttons = [...article.querySelectorAll(".chat-versions button:enabled")];
    const same = buttons.find((each) => each.getAttribute("aria-label") === label) ?? buttons[0];
    if (hadFocus) same?.focus({ preventScroll: true });
  });
  observer.observe(thread, { childList: true });
  setTimeout(() => observer.disconnect(), PATIENCE);
}

document.addEventListener("submit", async (event) => {
  const { target: form, submitter } = event;
  if (!SILENT.includes(form.id) || !submitter) return;
  event.preventDefault();
  if (submitter.getAttribute("aria-disabled") === "true") return;
  submitter.setAttribute("aria-disabled", "true");
  const menu = submitter.closest("[popover]");
  if (menu) menu.hidePopover();
  if (form.id === "chat-versions") keepPlace(submitter);
  else follow(form.id !== "chat-delete-message");
  if (!(await send(form, submitter)) || menu) submitter.removeAttribute("aria-disabled");
});

/* A menu opens at its button: by itself where the browser can do that, else here. */
document.addEventListener("toggle", ({ target, newState }) => {
  if (newState !== "open" || !target.matches?.(".chat-menu") || CSS.supports("position-area", "block-end")) return;
  const button = document.querySelector(`[popovertarget="${CSS.escape(target.id)}"]`).getBoundingClientRect();
  const { offsetWidth, offsetHeight } = target;
  const isAbove = button.bottom + offsetHeight + 12 > innerHeight;
  target.style.top = `${isAbove ? Math.max(8, button.top - offsetHeight - 6) : button.bottom + 6}px`;
  target.style.left = `${Math.max(8, Math.min(button.left, innerWidth - offsetWidth - 8))}px`;
}, true);
