/* Streams outside of chats: follows each {% chatapp_stream %} of the page. All that such a page needs; no htmx.

   The frames are those of a chat. They come as server-sent events over one connection for each stream, which is given up
   while nobody looks. The element has the status (initial, running, success, error, cancelled) as data-chat-status, and
   tells of each change by the event chat:status, which bubbles. */

const NEAR = 8; // pixels from the end that count as the end

/** The nearest box around the element that scrolls, or the page. */
function findScroller(element) {
  for (let box = element; box; box = box.parentElement) {
    if (/auto|scroll/.test(getComputedStyle(box).overflowY)) return box;
  }
  return document.scrollingElement;
}

class Stream {
  #events = null;
  #failures = 0; // in a row
  #timer = 0;
  #ending = new AbortController();

  constructor(root) {
    this.root = root;
    const { chatWidth, chatHeight } = root.dataset;
    if (chatWidth) root.style.width = chatWidth;
    if (chatHeight) root.style.height = chatHeight;
    if (!root.dataset.chatLive) return; // the site's policy gives this visitor no streams
    const { signal } = this.#ending;
    root.addEventListener("submit", (event) => this.#cancel(event));
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#close() : this.#open()), { signal });
    addEventListener("pageshow", (event) => event.persisted && this.#open(), { signal });
    addEventListener("pagehide", () => this.#close(), { signal });
    loadModules(root);
    if (!document.hidden) this.#open();
  }

  #find(selector) {
    return this.root.querySelector(selector);
  }

  /** Says what the page has, and takes what it lacks from then on. `isFresh`: it has nothing that can be relied on. */
  #open({ isFresh = false } = {}) {
    this.#close();
    if (this.#ending.signal.aborted) return;
    const url = new URL(this.root.dataset.chatLive, location.href);
    const pieces = this.root.querySelectorAll("[data-chat-message]");
    if (!isFresh) {
      url.searchParams.set("cursor", this.#find("[data-chat-cursor]").textContent.trim());
      url.searchParams.set("last", pieces[pieces.length - 1]?.dataset.chatMessage ?? "");
    }
    const events = (this.#events = new EventSource(url));
    events.onmessage = ({ data }) => {
      this.#failures = 0;
      this.#apply(data);
    };
    events.addEventListener("close", () => this.#close()); // it is not there, or not any more for this person
    events.onerror = () => {
      // The site ends such a response now and then, and the browser would come back with an old place.
      this.#close();
      const wait = Math.min(30_000, 500 * 2 ** this.#failures++);
      this.#timer = setTimeout(() => this.#open(), wait * (0.5 + Math.random()));
    };
  }

  /** Its element has gone with the thread that was shown. */
  end() {
    this.#ending.abort();
    this.#close();
  }

  #close() {
    clearTimeout(this.#timer);
    this.#events?.close();
    this.#events = null;
  }

  #apply(html) {
    const isFollowing = "chatFollow" in this.root.dataset;
    const scroller = isFollowing ? findScroller(this.root) : null;
    const wasAtEnd = isFollowing && scroller.scrollHeight - scroller.clientHeight - scroller.scrollTop <= NEAR;
    const template = Object.assign(document.createElement("template"), { innerHTML: html });
    for (const fragment of [...template.content.children]) {
      if (!this.#swap(fragment)) return this.#open({ isFresh: true }); // this page has missed something
    }
    if (wasAtEnd) scroller.scrollTop = scroller.scrollHeight;
    loadModules(this.root);
    this.#tell(this.#find("[data-chat-said-status]").textContent);
  }

  /** Does with one fragment what htmx does with it in a chat; whether there was a place for it. */
  #swap(fragment) {
    const [verb, selector] = fragment.getAttribute("hx-swap-oob").split(/:(.*)/s);
    const target = this.#find(selector);
    if (!target) return verb === "delete";
    fragment.removeAttribute("hx-swap-oob");
    if (verb === "innerHTML") target.replaceChildren(...fragment.childNodes);
    else if (verb === "beforeend") target.append(...fragment.childNodes);
    else if (verb === "outerHTML") target.replaceWith(fragment);
    else target.remove();
    return true;
  }

  #tell(status) {
    const { dataset } = this.root;
    if (dataset.chatStatus === status) return;
    dataset.chatStatus = status;
    this.root.ariaBusy = status === "running" ? "true" : null;
    const detail = { name: dataset.chatStream, status };
    this.root.dispatchEvent(new CustomEvent("chat:status", { bubbles: true, detail }));
  }

  async #cancel(event) {
    event.preventDefault();
    const body = new FormData(event.target);
    body.delete("next");
    event.submitter?.setAttribute("aria-disabled", "true");
    try {
      await fetch(event.target.action, { method: "POST", body });
    } finally {
      event.submitter?.removeAttribute("aria-disabled");
    }
  }
}

/** What only some parts need comes with the first of them, as in a chat. */
function loadModules(root) {
  for (const { dataset } of root.querySelectorAll("[data-chat-module]")) import(dataset.chatModule);
}

const streams = new Map(); // element: what follows it

function look() {
  for (const [root, stream] of streams) {
    if (root.isConnected) continue;
    stream.end();
    streams.delete(root);
  }
  for (const root of document.querySelectorAll("[data-chat-stream]")) {
    if (!streams.has(root)) streams.set(root, new Stream(root));
  }
}

look();
document.addEventListener("chat:page", look); // another thread is shown, where there are threads
