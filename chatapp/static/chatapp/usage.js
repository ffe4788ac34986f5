/* Says in the menu of a conversation what it took so far, each time the menu is opened.

   An ES module, loaded when somebody first touches the page. Without it the same line leads to a page that says it. */

async function tell(link) {
  const answer = await fetch(link.href, { headers: { "HX-Request": "true" }, redirect: "error" }).catch(() => null);
  if (answer?.ok) link.querySelector("span").textContent = await answer.text();
}

document.addEventListener(
  "toggle",
  ({ target, newState }) => {
    const link = newState === "open" && target.querySelector?.("[data-chat-usage]");
    if (link) tell(link);
  },
  { capture: true },
);

// The menu may have been opened by the very touch that loaded this.
const open = document.querySelector(":popover-open [data-chat-usage]");
if (open) tell(open);
