/* The list of conversations beyond its first page: more is loaded before its end comes into view, and stays true.

   Pages are stretches of one order, named by where they begin and end (see runs/listing.py), and lie end to end. A frame
   renews the first one only. Then the others are old: each is asked for again, by its ends, once somebody sees it. So
   nothing is missing or there twice, however much has moved, and the place where one looks stays where it is.

   One ES module, loaded with a first page that is not all. Without it "Show more" is a link to a page. */

const find = (id) => document.getElementById(id);
const getLink = (page) => page.querySelector(":scope > [data-chat-end]");
const getEnd = (page) => getLink(page)?.dataset.chatEnd ?? "";
const hasMore = (page) => "chatModule" in (getLink(page)?.dataset ?? {});
const listPages = () => [find("chat-threads"), ...find("chat-threads-rest").children];
let isLoading = false;

async function fetchPage(link, { after, until }) {
  const address = new URL(link.href);
  address.searchParams.set("after", after);
  if (until) address.searchParams.set("until", until);
  address.searchParams.set("current", find("chat").dataset.chatThread);
  const response = await fetch(address, { headers: { "HX-Request": "true" } });
  if (!response.ok || response.redirected) throw new Error(response.statusText);
  return response.text();
}

/** The page after the last one. */
async function loadNext() {
  const last = listPages().at(-1);
  if (isLoading || !hasMore(last)) return;
  isLoading = true;
  const after = getEnd(last);
  try {
    const html = await fetchPage(getLink(last), { after });
    if (listPages().at(-1) !== last || getEnd(last) !== after) return; // a frame came first; the observer looks again
    const page = Object.assign(document.createElement("div"), { className: "chat-threads-page", innerHTML: html });
    page.dataset.chatAfter = after;
    drawn.set(page, html);
    if (getLink(page)) find("chat-threads-rest").append(page);
    else delete getLink(last).dataset.chatModule; // nothing is left after it
  } catch {
    // No network: the link is still there, and the next look tries again.
  } finally {
    isLoading = false;
    settle();
  }
}

const drawn = new WeakMap(); // page: the HTML that it was made of, as long as nothing was taken out

/** Puts in other rows, but keeps those that are the same, the focus, and what is in view where it is. */
function redraw(page, html) {
  const list = find("chat-list");
  const top = list.getBoundingClientRect().top;
  const rows = new Map([...page.querySelectorAll("[data-chat-item]")].map((row) => [row.dataset.chatItem, row]));
  const line = [...rows.values()].find((row) => row.getBoundingClientRect().bottom > top);
  const before = line?.getBoundingClientRect().top;
  const active = page.contains(document.activeElement) ? document.activeElement : null;
  const focused = active?.closest("[data-chat-item]")?.dataset.chatItem;
  const kind = active?.localName;
  const template = Object.assign(document.createElement("template"), { innerHTML: html });
  for (const row of template.content.querySelectorAll("[data-chat-item]")) {
    const same = rows.get(row.dataset.chatItem);
    if (same?.outerHTML === row.outerHTML) row.replaceWith(same);
  }
  page.replaceChildren(template.content);
  drawn.set(page, html);
  const getRow = (id) => id && page.querySelector(`[data-chat-item="${id}"]`);
  getRow(focused)?.querySelector(kind)?.focus({ preventScroll: true });
  const now = getRow(line?.dataset.chatItem);
  if (now) list.scrollTop += now.getBoundingClientRect().top - before;
}

/** A page that is old, as it is now. */
async function renew(page) {
  delete page.dataset.chatOld;
  const { chatAfter } = page.dataset;
  const isLast = page === listPages().at(-1);
  try {
    const html = await fetchPage(getLink(page), { after: chatAfter, until: isLast ? "" : getEnd(page) });
    if (!page.isConnected || page.dataset.chatAfter !== chatAfter) return;
    if (drawn.get(page) !== html) redraw(page, html);
    settle();
  } catch {
    page.dataset.chatOld = "";
  }
}

/** Makes the pages lie end to end again after one has changed. */
function settle() {
  const seen = new Set();
  let before = null;
  let heading = "";
  for (const page of listPages()) {
    const isOver = before && (!getLink(page) || getEnd(page) >= getEnd(before) || !getEnd(before));
    if (isOver) {
      page.remove(); // what was in it is in the page before, or nowhere
      continue;
    }
    if (before && page.dataset.chatAfter !== getEnd(before)) {
      page.dataset.chatAfter = getEnd(before);
      page.dataset.chatOld = "";
    }
    for (const row of page.querySelectorAll("[data-chat-item]")) {
      if (seen.has(row.dataset.chatItem)) {
        row.remove();
        drawn.delete(page);
      }
      seen.add(row.dataset.chatItem);
    }
    for (const title of page.querySelectorAll("h2")) {
      title.hidden = title.textContent === heading;
      heading = title.textContent;
    }
    if (before && getLink(before)) getLink(before).hidden = true;
    before = page;
  }
  const last = getLink(before);
  if (last) last.hidden = !hasMore(before);
  watch();
}

const observer = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      if (target.matches(".chat-threads-page")) renew(target);
      else loadNext();
    }
  },
  { root: find("chat-list"), rootMargin: "800px 0px" },
);

/** Observing anew tells at once what is in view already. */
function watch() {
  observer.disconnect();
  for (const page of document.querySelectorAll(".chat-threads-page[data-chat-old]")) observer.observe(page);
  const last = getLink(listPages().at(-1));
  if (last && !last.hidden) observer.observe(last);
}

new MutationObserver(() => {
  for (const page of find("chat-threads-rest").children) page.dataset.chatOld = "";
  settle();
}).observe(find("chat-threads"), { childList: true });

document.addEventListener("click", (event) => {
  if (!event.target.closest(".chat-threads-more")) return;
  event.preventDefault();
  loadNext();
});

settle();
