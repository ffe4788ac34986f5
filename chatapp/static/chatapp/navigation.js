/* Another thread without a page load: its page is fetched as it is, and its <main> takes the place of ours.

   One ES module, loaded when somebody first touches the page. The list beside it stays, so that its place, its search and
   what is open in it do. "chat:leave" is dispatched on the document while the old thread is still there, "chat:page" once
   the new one is; whoever sets something up for a page does it again then. Whatever is odd is left to the browser: another
   origin, an error, the page for signing in, files of another version. Without this file links load pages. */

const PAGES = /^(?:new\/[\w-]+\/|[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\/)?$/; // below data-chat-base
const app = document.getElementById("chat");
let shown = location.pathname; // path of the page of a new chat, whose thread has no address yet
let coming = null; // ends the request that is under way

/* ------------------------------------------------------------------ is it one of ours, is it as it should be */

/** Whether the address is that of a thread, or of a new one. */
function isThread({ origin, pathname }) {
  const { chatBase } = app.dataset;
  return origin === location.origin && pathname.startsWith(chatBase) && PAGES.test(pathname.slice(chatBase.length));
}

/** Whether the page that is shown has this path. */
const isShown = (pathname) => pathname === ("chatNew" in app.dataset ? shown : app.dataset.chatUrl);

/** The files that a page is made of, each by its name without the digest of its content. */
function listFiles(page) {
  const elements = page.querySelectorAll("link[rel=stylesheet], script[src], [data-chat-lazy], [data-chat-module]");
  return [...elements].map((element) => {
    const { chatLazy, chatModule } = element.dataset;
    const address = new URL(chatLazy ?? chatModule ?? element.getAttribute("href") ?? element.getAttribute("src"), location.href).href;
    return [address.replace(/\.[\da-f]{12}(?=\.\w+$)/, ""), address];
  });
}

const files = new Map(listFiles(document));

/** The new page, if it can take the place of this one: it is a chat, made of files of the same version. */
async function read(response) {
  const isPage = response.ok && response.headers.get("content-type")?.startsWith("text/html");
  if (!isPage || !isThread(new URL(response.url))) return null;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  if (!page.querySelector("#chat > .chat-main")) return null;
  const found = listFiles(page);
  if (found.some(([name, address]) => (files.get(name) ?? address) !== address)) return null;
  for (const [name, address] of found) files.set(name, address);
  return page;
}

/* ------------------------------------------------------------------ going there */

/** Shows the page at this address. `isNew`: it is not one that the history has already. */
async function go(address, { isNew = true } = {}) {
  const url = new URL(address, location.href);
  coming?.abort();
  const { signal } = (coming = new AbortController());
  app.ariaBusy = "true";
  let page = null;
  try {
    const response = await fetch(url, { headers: { "Chat-Switch": app.matches(".chat-alone") ? "alone" : "1" }, signal });
    page = await read(response);
  } catch {
    // No network, or another one is wanted by now.
  }
  if (signal.aborted) return;
  coming = app.ariaBusy = null;
  if (!page) return load(url);
  const isAgain = isShown(url.pathname);
  document.dispatchEvent(new CustomEvent("chat:leave"));
  if (isNew) history[isAgain ? "replaceState" : "pushState"](null, "", url);
  shown = url.pathname;
  swap(page);
}

/** As the browser does it. */
function load(url) {
  if (url.href === location.href) location.reload();
  else location.assign(url);
}

function swap(page) {
  const { htmx } = window;
  const old = app.querySelector(":scope > .chat-main");
  htmx?.swap(old, "", { swapStyle: "innerHTML", swapDelay: 0, settleDelay: 0 }); // its sockets and listeners go
  const fresh = document.importNode(page.querySelector("#chat > .chat-main"), true);
  const { chatDrawer, ...before } = app.dataset;
  for (const name of Object.keys(before)) delete app.dataset[name];
  Object.assign(app.dataset, page.getElementById("chat").dataset);
  document.title = page.title;
  old.replaceWith(fresh);
  markCurrent();
  document.dispatchEvent(new CustomEvent("chat:page"));
  htmx?.process(fresh);
}

/** Says in the list which thread is shown. What comes over its socket draws the list anew, with the same mark. */
function markCurrent() {
  for (const link of app.querySelectorAll(".chat-side a[href]")) {
    const isCurrent = link.matches(".chat-threads a") && new URL(link.href).pathname === app.dataset.chatUrl;
    if (isCurrent) link.ariaCurrent = "page";
    else if (link.ariaCurrent === "page") link.ariaCurrent = null;
  }
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  const isPlain = !(event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
  if (!link || !isPlain || event.defaultPrevented || !app.contains(link) || link.closest(".chat-parts")) return;
  if (link.target || link.hasAttribute("download") || !isThread(link)) return;
  if (link.hash && isShown(link.pathname)) return; // to a message of this thread: the browser does it, and places.js
  event.preventDefault();
  go(link.href);
});

addEventListener("popstate", () => {
  if (isThread(location) && !isShown(location.pathname)) go(location.href, { isNew: false });
  else if (coming) coming = app.ariaBusy = coming.abort() ?? null; // back to where we still are
});
