/* Tells the frames of charts whether the page is light or dark: they have no origin, and cannot see it themselves.

   Chatapp.js loads this with the first chart; see data-chat-module. The other end is chart-frame.js. */

const dark = matchMedia("(prefers-color-scheme: dark)");

function tell(frame) {
  const schemes = getComputedStyle(frame).colorScheme;
  const isDark = schemes.includes("dark") && (!schemes.includes("light") || dark.matches);
  // To whoever is in there: a page without an origin has no address to send it to, and this is no secret.
  frame.contentWindow?.postMessage({ chart: isDark ? "dark" : "light" }, "*");
}

const findFrames = () => [...document.querySelectorAll("iframe[data-chat-chart]")];
const tellAll = () => findFrames().forEach(tell);

addEventListener("message", ({ data, source }) => {
  const frame = data?.chart === "?" && findFrames().find((one) => one.contentWindow === source);
  if (frame) tell(frame);
});
dark.addEventListener("change", tellAll);
new MutationObserver(tellAll).observe(document.documentElement, { subtree: true, attributeFilter: ["data-theme"] });
tellAll();
