/* What the page of a thread does beside htmx: the connection, the composer, following the end, copying, drawer, keys.

   One ES module, no build step. Everything is found by id or by a data-chat-… attribute, and listens by delegation, so that
   what a frame swaps in needs no set-up. Without this file every form still posts.

   The way of a frame: htmx's extension receives it -> Connection keeps it for the next beat and swaps it, or has htmx swap
   it -> afterFrames() mends focus and title -> the browser lays out, once -> Follower's ResizeObserver looks where the reader
   is and moves to the end. Nothing on this way searches the document or asks for a layout that would not happen anyway.

   Another thread takes the place of <main> without a page load; see navigation.js. "chat:leave" says that it is about to,
   and ends all that startPage() has begun; "chat:page" says that it has, and begins anew. */

const find = (id) => document.getElementById(id);
const make = (tag, properties) => Object.assign(document.createElement(tag), properties);
const jitter = (tries) => 500 + Math.random() * Math.min(29_500, 1000 * 2 ** Math.min(tries, 6)); // milliseconds
const app = find("chat");
const words = find("chat-words")?.dataset ?? {};
const isCoarse = matchMedia("(pointer: coarse)");

/* ------------------------------------------------------------------ states and announcements */

let isLoaded = false; // from then on a change of state is news

/** Says a sentence to screen readers. Tokens never come here. */
function announce(sentence) {
  const region = find("chat-status");
  if (region && sentence) region.textContent = sentence;
}

/** <chat-state value="complete"> in the foot of a message puts its value on the message, which no swap could do without
    replacing nodes that are settled. */
class ChatState extends HTMLElement {
  connectedCallback() {
    const message = this.closest("[data-chat-message]");
    const value = this.getAttribute("value");
    if (!message || !value) return;
    const isNews = isLoaded && message.dataset.chatRole !== "user";
    if (isNews && !/streaming|waiting/.test(value)) bookmark("response");
    if (isNews && value === "streaming") announce(words.answering);
    else if (isNews && message.dataset.chatState !== value) announce(words[value]);
    if (message.dataset.chatState !== value) message.dataset.chatState = value;
  }
}
customElements.define("chat-state", ChatState);

/* ------------------------------------------------------------------ copy buttons and toasts */

/** Puts a copy button into each code block that has none. Its icon has no text: the text stays what was said. */
function addCopyButtons(element) {
  const template = find("chat-copy-button");
  if (!template) return;
  const blocks = element.matches(".chat-code") ? [element] : element.getElementsByClassName("chat-code");
  for (const block of blocks) {
    if (!block.querySelector(":scope > [data-chat-copy]")) block.append(template.content.cloneNode(true));
  }
}

function showToast(text, level = "warning") {
  const toast = find("chat-toast")?.content.firstElementChild.cloneNode(true);
  if (!toast || !text) return;
  toast.classList.add(`chat-toast-${level}`);
  toast.querySelector("p").textContent = text;
  find("chat-notice").append(toast);
}

function dismissLater(toast) {
  setTimeout(() => (toast.matches(":hover, :focus-within") ? dismissLater(toast) : toast.remove()), 9000);
}

/* ------------------------------------------------------------------ following the end */

/** Keeps the end of the thread in view until the reader moves up, and from when they are at the end again.

    Decided from where the view is when something new has been laid out, not from scroll events alone, which may be late; and
    a hand on the wheel counts before the first pixel has moved. */
class Follower {
  static NEAR = 8; // pixels from the end that count as the end
  static BACK = 64; // ... while moving down, because the end runs ahead of whoever scrolls to it
  static HAND = 250; // milliseconds for which a hand that moves up is believed

  isOn = true;
  #mark = 0; // where the view was when we last looked
  #handUp = -Follower.HAND;

  constructor({ scroller, thread, jump, focusElsewhere, signal }) {
    Object.assign(this, { scroller, thread, jump, focusElsewhere });
    this.isAnchored = scroller.dataset.chatScroll === "anchor"; // the end is not followed; see places.js
    if (thread.querySelector('[data-chat-role="user"]')) this.toEnd();
    else this.isOn = false; // a welcome, or a greeting, opens at its top

    const quietly = { passive: true, signal };
    scroller.addEventListener("scroll", () => this.#look(), quietly);
    scroller.addEventListener("wheel", (event) => event.ctrlKey || this.#feel(event.deltaY), quietly); // Ctrl: it zooms
    let touchY = 0;
    scroller.addEventListener("touchstart", (event) => (touchY = event.touches[0].clientY), quietly);
    scroller.addEventListener("touchmove", (event) => {
      const way = touchY - event.touches[0].clientY;
      if (Math.abs(way) > 3) this.#feel(way); // a finger trembles
    }, quietly);
    const keys = { ArrowUp: -1, PageUp: -1, Home: -1, ArrowDown: 1, PageDown: 1, End: 1 };
    scroller.addEventListener("keydown", (event) => this.#feel(keys[event.key] ?? 0), { signal });
    jump.addEventListener("click", () => {
      this.isOn = true;
      scroller.scrollTo({ top: scroller.scrollHeight, behavior: "smooth" });
    }, { signal });
    // Called after a layout, so it forces none: messages grew, or the composer took some of the room.
    const observer = new ResizeObserver(() => this.#look() && this.toEnd());
    observer.observe(thread);
    observer.observe(scroller);
    signal.addEventListener("abort", () => observer.disconnect());
  }

  /** Decides whether to follow, and gives that back. */
  #look() {
    const top = this.scroller.scrollTop;
    const rest = this.scroller.scrollHeight - this.scroller.clientHeight - top;
    const near = top > this.#mark ? Follower.BACK : Follower.NEAR;
    if (top < this.#mark - 1 && rest > Follower.NEAR) this.isOn = false;
    else if (!this.isAnchored && rest <= near && performance.now() - this.#handUp > Follower.HAND) this.isOn = true;
    this.#mark = top;
    this.#showJump(rest);
    return this.isOn;
  }

  toEnd() {
    this.isOn = true;
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.#mark = this.scroller.scrollTop;
    this.#showJump(0);
  }

  /** A hand moves the view, up if `direction` is below 0. */
  #feel(direction) {
    if (direction > 0) this.#handUp = -Follower.HAND;
    if (direction >= 0 || this.scroller.scrollTop <= 0) return; // or there is nothing above to go to
    this.#handUp = performance.now();
    this.isOn = false;
  }

  #showJump(rest) {
    const isHidden = this.isOn || rest <= Follower.BACK || !this.thread.firstElementChild;
    if (this.jump.hidden === isHidden) return;
    if (isHidden && document.activeElement === this.jump) this.focusElsewhere();
    this.jump.hidden = isHidden;
  }
}

/* ------------------------------------------------------------------ the connection */

/** The one owner of connecting: htmx opens the socket, but when and whether to come back is decided here, with one timer.
    Where websockets never open, the same frames come as server-sent events. */
class Connection {
  static NEVER = 2 ** 31 - 1; // milliseconds, the longest that setTimeout knows
  static ACK_CHARS = 64 * 1024;
  static BEAT = 100; // milliseconds between two paints of a stream: a paint costs more than what is painted
  static FIRST = /^<div hx-swap-oob="innerHTML:#chat-cursor">[^<]+:0</; // of several frames, of which each needs the one before
  static INNER = /^(innerHTML|beforeend):(#(?:chat-cursor|m-[\w-]+-(?:done|live|text|status))(?: code)?)$/;

  static #socket = null; // the one that htmx has opened last for a thread
  static #isOurClose = false;

  #wrapper = null; // htmx's interface to the socket
  #events = null; // the EventSource, where websockets do not get through
  #triesLeft = 2; // sockets to try before events, while none has ever opened
  #hasOpened = false;
  #failures = 0; // in a row
  #isOver = false; // refused for good
  #timer = 0;
  #received = 0; // characters over this socket since the last acknowledgement
  #seen = 0; // number of the last step of the run that is followed
  #ackTimer = 0;
  #lastFrame = 0;
  #lastSwap = -Connection.BEAT;
  #held = []; // frames that wait for the next beat
  #beatTimer = 0;
  #lastSync = 0;
  #hiddenSince = 0;

  /** `afterFrames`: after what was swapped in one go. `onBlock`: with each node that came to stay in a message. `onUp`,
      `onOver`: when it has opened, when it was refused for good. */
  constructor({ stage, thread, cursor, banner, hooks, signal }) {
    Object.assign(this, { stage, thread, cursor, banner, hooks, signal });
    if (!window.htmx) return;
    signal.addEventListener("abort", () => this.#end());

    stage.addEventListener("htmx:wsOpen", (event) => {
      this.#wrapper = event.detail.socketWrapper;
      // What was sent in vain is sent again by onUp, with the same client_id; htmx's own copy would be a second one.
      this.#wrapper.queue.length = 0;
      this.#release();
      this.#received = 0;
      this.#hasOpened = true;
      this.#resume();
      this.#onUp();
    }, { signal });
    stage.addEventListener("htmx:wsClose", (event) => {
      Connection.#isOurClose = false;
      this.#wrapper = event.detail.socketWrapper;
      const closed = event.detail.event;
      if (closed.target === Connection.#socket) this.#onDown(closed.code); // else an older one, and another is under way
    }, { signal });
    stage.addEventListener("htmx:wsBeforeMessage", (event) => {
      event.preventDefault();
      this.#count(event.detail.message);
      this.#take(event.detail.message);
    }, { signal });
    // A frame for an element that is not here: this page has missed something, so it asks for everything.
    document.addEventListener("htmx:oobErrorNoTarget", () => {
      if (performance.now() - this.#lastSync < 5000) return;
      this.#lastSync = performance.now();
      this.#resume({}, null);
    }, { signal });

    addEventListener("online", () => this.#probe(), { signal });
    addEventListener("offline", () => this.isOpen || this.#sayLost(), { signal });
    addEventListener("pageshow", (event) => event.persisted && this.#probe(), { signal });
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.#hiddenSince = performance.now();
      else if (!this.isOpen || performance.now() - this.#hiddenSince > 60_000) this.#probe();
    }, { signal });
    banner.addEventListener("click", (event) => {
      if (!event.target.closest("button")) return;
      this.#isOver = false;
      this.#connect();
    }, { signal });
  }

  /** Another thread comes: nothing of this one is shown, asked or tried any more. htmx closes the socket. */
  #end() {
    for (const timer of [this.#timer, this.#ackTimer, this.#beatTimer]) clearTimeout(timer);
    this.#held.length = 0;
    this.#events?.close();
    this.#events = null;
    Connection.#socket = null;
  }

  get isOpen() {
    return !this.signal.aborted && Connection.#socket?.readyState === WebSocket.OPEN;
  }

  /** Whether frames come as events, so that what is said has to be posted. */
  get isOneWay() {
    return this.#events !== null;
  }

  /** Sends a frame over the socket; false if there is none that is open. */
  send(frame) {
    if (!this.isOpen || !this.#wrapper) return false;
    this.#wrapper.sendImmediately(JSON.stringify(frame));
    return true;
  }

  /** Gives up a socket that looks open and is deaf. */
  renew() {
    if (this.isOpen) this.#wrapper.reconnect(); // htmx closes it and opens another
    else this.#connect();
  }

  /** Swaps in frames. */
  apply(...frames) {
    this.#lastFrame = performance.now();
    const how = { swapStyle: "none", swapDelay: 0, settleDelay: 0 };
    for (const text of frames) if (!this.#applyInner(text)) window.htmx.swap(this.stage, text, how);
    if (frames.some((text) => text.includes("data-chat-module"))) loadModules();
    this.hooks.afterFrames();
  }

  /** Does what htmx would do, in a quarter of the time, for a frame that only goes on with the text of a message: nothing
      there is htmx's business (see hx-disable in the parts). False for any other frame, which is left as it is. */
  #applyInner(text) {
    if (document.activeElement?.closest(".chat-parts")) return false; // htmx tells what happens to the focus
    const template = make("template", { innerHTML: text });
    const swaps = [];
    for (const element of template.content.children) {
      const [, verb, selector] = Connection.INNER.exec(element.getAttribute("hx-swap-oob")) ?? [];
      const target = verb && document.querySelector(selector);
      if (!target) return false;
      swaps.push({ verb, target, nodes: [...element.childNodes] });
    }
    for (const { verb, target, nodes } of swaps) {
      if (verb === "innerHTML") target.replaceChildren(...nodes);
      else target.append(...nodes);
      if (target.className === "chat-done") for (const node of nodes) this.hooks.onBlock(node);
    }
    return true;
  }

  /** Swaps a frame now if it is the first one for a while, or when nobody looks; else with the next beat. What is drawn anew
      in several frames waits for a beat too: what has gone with the first of them comes back with another. */
  #take(text) {
    if (Connection.FIRST.test(text)) this.#release();
    this.#held.push(text);
    const wait = this.#lastSwap + Connection.BEAT - performance.now();
    if (document.hidden || wait <= 0) this.#release();
    else this.#beatTimer ||= setTimeout(() => this.#release(), wait);
  }

  #release() {
    clearTimeout(this.#beatTimer);
    this.#beatTimer = 0;
    this.#lastSwap = performance.now();
    if (this.#held.length) this.apply(...this.#held.splice(0));
  }

  /** Lets htmx open our sockets and never reopen them. Other sockets of the page keep htmx's ways. */
  static takeOver() {
    const { htmx } = window;
    const open = htmx.createWebSocket ?? ((url) => new WebSocket(url));
    htmx.createWebSocket = (url) => {
      const socket = open(url);
      if (!url.endsWith(app.dataset.chatSocket)) return socket;
      // Heard before htmx asks for the delay.
      socket.addEventListener("close", () => (Connection.#isOurClose ||= socket === Connection.#socket));
      // A browser complains of one that is closed before it is open.
      socket.close = (...how) => {
        const close = () => WebSocket.prototype.close.apply(socket, how);
        if (socket.readyState === WebSocket.CONNECTING) socket.addEventListener("open", close);
        else close();
      };
      return (Connection.#socket = socket);
    };
    const theirs = htmx.config.wsReconnectDelay;
    htmx.config.wsReconnectDelay = (tries) => {
      if (Connection.#isOurClose) return Connection.NEVER;
      return typeof theirs === "function" ? theirs(tries) : jitter(tries);
    };
  }

  #getCursors() {
    const cursors = {};
    for (const pair of this.cursor.textContent.trim().split(/\s+/)) {
      const at = pair.lastIndexOf(":");
      if (at > 0) cursors[pair.slice(0, at)] = Number(pair.slice(at + 1));
    }
    return cursors;
  }

  #getLast() {
    return [...this.thread.getElementsByTagName("article")].at(-1)?.dataset.chatMessage;
  }

  #resume(cursors = this.#getCursors(), last = this.#getLast()) {
    this.send({ type: "resume", cursors, last });
  }

  #count(text) {
    this.#lastFrame = performance.now();
    this.#received += text.length;
    this.#look();
    if (this.#received > Connection.ACK_CHARS) this.#ack();
    else this.#ackTimer ||= setTimeout(() => this.#ack(), 1000);
  }

  /** Remembers the step; when a run has ended there is no cursor any more. */
  #look() {
    const steps = Object.values(this.#getCursors());
    if (steps.length) this.#seen = Math.max(...steps);
  }

  /** Says what was seen, so that the site knows that somebody reads. At most once a second, or for 64 KiB. */
  #ack() {
    clearTimeout(this.#ackTimer);
    this.#ackTimer = this.#received = 0;
    this.#look();
    this.send({ type: "ack", seq: this.#seen });
  }

  #onUp() {
    if (this.#failures) announce(words.back);
    this.#failures = 0;
    this.#isOver = Connection.#isOurClose = false;
    this.#say("");
    this.hooks.onUp();
  }

  #onDown(code) {
    this.#release();
    clearTimeout(this.#ackTimer);
    this.#ackTimer = 0;
    if (code >= 4400 && code < 4500) return this.#refuse(code);
    this.#failures += 1;
    if (!this.#hasOpened && (this.#triesLeft -= 1) === 0) return this.#listen();
    this.#sayLost();
    this.#later(() => this.#connect());
  }

  #refuse(code) {
    this.#isOver = true;
    clearTimeout(this.#timer);
    // The page of the thread itself asks for the sign-in, and comes back.
    const way = { link: words[`link-${code}`], button: words[`button-${code}`] };
    this.#say(words[`closed-${code}`] ?? words["closed-4400"], way);
    this.hooks.onOver();
  }

  #later(what) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(what, jitter(Math.max(0, this.#failures - 1)));
  }

  #connect() {
    clearTimeout(this.#timer);
    const isUnderWay = Connection.#socket?.readyState === WebSocket.CONNECTING;
    if (!this.isOpen && !isUnderWay && !this.isOneWay) this.#wrapper?.reconnect();
  }

  /** Server-sent events, for networks that do not let websockets through. */
  #listen() {
    const url = new URL(app.dataset.chatLive, location.href);
    url.searchParams.set("cursor", this.cursor.textContent.trim());
    url.searchParams.set("last", this.#getLast() ?? "");
    const events = (this.#events = new EventSource(url));
    let hasBegun = false;
    const drop = () => {
      this.#release();
      events.close();
      this.#events = null;
    };
    events.onopen = () => {
      hasBegun = true;
      this.#onUp();
    };
    events.onmessage = (event) => this.#take(event.data);
    events.addEventListener("close", (event) => {
      drop();
      const code = Number(event.data);
      if (code >= 4400 && code < 4500) this.#refuse(code);
      else this.#later(() => this.#listen());
    });
    events.onerror = () => {
      drop();
      // The site ends such a response now and then; coming back at once is no loss to speak of.
      if (hasBegun) return this.#later(() => this.#listen());
      this.#triesLeft = 2; // neither works: sockets get another chance
      this.#failures += 1;
      this.#sayLost();
      this.#later(() => this.#connect());
    };
  }

  /** After sleep or a change of network a socket can be dead without knowing it: ask something, and wait for any frame. */
  #probe() {
    if (this.#isOver) return;
    if (!this.isOpen) return this.#connect();
    const asked = performance.now();
    this.#resume();
    setTimeout(() => this.#lastFrame < asked && this.isOpen && this.#wrapper.reconnect(), 5000); // an ended one is not open
  }

  #sayLost() {
    this.#say(words.lost, { isTrying: true, button: words.tryNow });
  }

  /** The line about the connection; "" takes it away. */
  #say(sentence, { isTrying = false, button = "", link = "" } = {}) {
    if (this.banner.dataset.said === sentence) return;
    this.banner.dataset.said = sentence;
    const hadFocus = this.banner.contains(document.activeElement);
    this.banner.replaceChildren();
    if (isTrying) this.banner.append(make("span", { className: "chat-spinner" }));
    if (sentence) this.banner.append(make("span", { textContent: sentence }), " ");
    if (button) this.banner.append(make("button", { type: "button", textContent: button }));
    if (link) this.banner.append(make("a", { href: app.dataset.chatUrl, textContent: link }));
    if (hadFocus) this.hooks.focusElsewhere();
  }
}

/* ------------------------------------------------------------------ what was sent and not yet seen */

/** A version 4 UUID. crypto.randomUUID would be missing on plain http. */
function makeId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** Sends a form in the background; gives back whether it was taken. */
async function postForm(form, fields = {}) {
  const body = new FormData(form);
  for (const [name, value] of Object.entries(fields)) body.set(name, value);
  try {
    const response = await fetch(form.action, { method: "POST", body, redirect: "manual" });
    if (response.ok || response.type === "opaqueredirect") return true;
  } catch {
    // Said below, like a refusal.
  }
  showToast(words.notSaved, "error");
  return false;
}

/* ------------------------------------------------------------------ the address and what a tab remembers */

/** The address names the thread from its first message on, or as CHATAPP["BOOKMARK_ON"] says. */
function bookmark(when) {
  const { chatBookmark, chatUrl } = app?.dataset ?? {};
  if ((when && chatBookmark !== when) || !chatUrl || "chatNew" in app.dataset || location.pathname === chatUrl) return;
  history.replaceState(history.state, "", chatUrl);
}

/** What this tab keeps of a thread: the text in the box, what was sent and not confirmed. */
const memory = {
  read(key) {
    try {
      return JSON.parse(sessionStorage.getItem(`chat-draft:${key}`)) ?? {};
    } catch {
      return {};
    }
  },
  write(key, { text, sent }) {
    try {
      if (text || sent.length) sessionStorage.setItem(`chat-draft:${key}`, JSON.stringify({ text, sent }));
      else sessionStorage.removeItem(`chat-draft:${key}`);
    } catch {
      // No storage, no draft.
    }
  },
  forget() {
    try {
      for (const key of Object.keys(sessionStorage)) if (key.startsWith("chat-draft:")) sessionStorage.removeItem(key);
    } catch {
      // There is nothing to forget.
    }
  },
};

/* ------------------------------------------------------------------ the page of a thread */

function startPage() {
  const leaving = new AbortController(); // ends all that the page of the thread has begun
  const { signal } = leaving;
  const threadId = app.dataset.chatThread;
  const stage = find("chat-stage");
  const thread = find("chat-thread");
  const scroller = find("chat-scroll");
  const form = find("chat-composer");
  const box = find("chat-text");
  const action = find("chat-action");
  const title = find("chat-title");
  const pending = new Map(); // client_id -> frame: sent, and not yet seen in the thread
  let freeAt = 0; // when the site takes the next message

  /** Somewhere sensible, without opening a keyboard on the screen. */
  const focusElsewhere = () => (isCoarse.matches ? thread : box).focus({ preventScroll: true });

  const observe = (observer, element, what) => {
    observer.observe(element, what);
    signal.addEventListener("abort", () => observer.disconnect());
  };

  const follower = new Follower({ scroller, thread, jump: find("chat-jump"), focusElsewhere, signal });
  const connection = new Connection({
    stage,
    thread,
    cursor: find("chat-cursor"),
    banner: find("chat-connection"),
    signal,
    hooks: {
      afterFrames,
      focusElsewhere,
      onBlock: (node) => node.nodeType === Node.ELEMENT_NODE && addCopyButtons(node),
      onUp: () => {
        freeButtons();
        for (const frame of pending.values()) send(frame);
      },
      onOver: () => [...pending.keys()].forEach(takeBack),
    },
  });

  /* ---------------------------------------------------------------- frames */

  let kept = null; // what had the focus in an element that is swapped

  document.addEventListener("htmx:oobBeforeSwap", ({ detail: { target } }) => {
    const active = document.activeElement;
    if (active === box || active === document.body || active === target || !target.contains(active)) return;
    kept = { target, href: active.getAttribute("href"), label: active.getAttribute("aria-label") };
  }, { signal });

  function afterFrames() {
    if (kept && (document.activeElement ?? document.body) === document.body) {
      const { target, href, label } = kept;
      const same = [...target.querySelectorAll("a, button, input, summary")].find((element) =>
        href === null ? element.getAttribute("aria-label") === label : element.getAttribute("href") === href);
      if (same?.isConnected) same.focus({ preventScroll: true });
      else focusElsewhere();
    }
    kept = null;
  }

  const showTitle = () => (document.title = `${title.textContent.trim()} · ${app.dataset.chatSite}`);
  observe(new MutationObserver(showTitle), title, { childList: true });

  // Each element that htmx has put in. What is still open is replaced many times a second and gets its button later.
  thread.addEventListener("htmx:load", ({ target }) => {
    if (target.parentElement?.className !== "chat-live") addCopyButtons(target);
    if (target.querySelector("[data-chat-module]")) loadModules();
  });

  // Somebody else puts the view somewhere; see places.js.
  document.addEventListener("chat:hold", () => (follower.isOn = false), { signal });

  const watch = (holder, what) =>
    observe(new MutationObserver((records) => {
      for (const { addedNodes } of records) for (const node of addedNodes) if (node.nodeType === 1) what(node);
    }), holder, { childList: true });

  watch(thread, (article) => {
    const isOwn = article.dataset.chatClient && forget(article.dataset.chatClient);
    if (isOwn && follower.isAnchored) document.dispatchEvent(new CustomEvent("chat:anchor", { detail: article }));
    else if (isOwn) follower.toEnd();
    if (!article.dataset.chatMessage || !("chatNew" in app.dataset)) return;
    delete app.dataset.chatNew; // from now on the thread exists, and a reload has to come back to it
    bookmark("message");
  });

  watch(find("chat-queue"), (row) => forget(row.dataset.chatClient));

  watch(find("chat-notice"), (toast) => {
    dismissLater(toast);
    freeButtons();
    if (toast.dataset.chatRefused) takeBack(toast.dataset.chatRefused);
    if (toast.dataset.chatTaken) {
      forget(toast.dataset.chatTaken);
      document.dispatchEvent(new CustomEvent("chat:taken", { detail: toast }));
    }
  });

  /* ---------------------------------------------------------------- sending */

  const isLive = () => action.querySelector("[data-chat-stop]") !== null;
  const isBusy = (button) => button.getAttribute("aria-disabled") === "true";
  const makeBusy = (button) => button.setAttribute("aria-disabled", "true");

  /** What was pressed can be pressed again: its frame may have been lost, or refused. */
  function freeButtons() {
    for (const button of stage.querySelectorAll('button[aria-disabled="true"]')) button.removeAttribute("aria-disabled");
  }

  /** Why this frame is not sent: null if it is, "" if nothing needs to be said, else a sentence. */
  function check({ text, attachments }) {
    if (!text.trim() && !attachments?.length) return "";
    const reason = find("chat-disabled").textContent.trim();
    if (reason) return reason;
    const mayGo = form.dataset.chatQueue || "chatAnytime" in form.dataset; // a command may need no wait
    if ((isLive() && !mayGo) || pending.size) return words.wait;
    const most = Number(form.dataset.chatMax);
    return text.length > most && [...text.trim()].length > most ? words.tooLong : null; // in characters, as the site counts
  }

  // htmx is about to send what was submitted; it sends nothing when this event is prevented.
  form.addEventListener("htmx:wsConfigSend", (event) => {
    const client = form.dataset.chatClient ?? makeId();
    const frame = { type: "post", text: box.value, client_id: client };
    // Other modules put into it what they hold, or say that it is not to be sent now.
    const isOff = !document.dispatchEvent(new CustomEvent("chat:compose", { detail: frame, cancelable: true }));
    const refusal = isOff ? "" : check(frame);
    if (refusal !== null) {
      event.preventDefault();
      showToast(refusal, "info");
      return;
    }
    pending.set(client, frame);
    showPending();
    // Too soon for the site: it waits where the person sees it.
    const wait = freeAt - performance.now();
    freeAt = Math.max(performance.now(), freeAt) + 1.25 * (form.dataset.chatCooldown ?? 0); // the second may travel faster
    if (connection.isOneWay || wait > 0) {
      event.preventDefault();
      setTimeout(() => pending.has(client) && send(frame), Math.max(0, wait));
    } else {
      event.detail.messageBody = JSON.stringify(frame);
    }
    // Open and silent for so long is dead. The next socket gets the same client_id, so nothing is said twice.
    const isSilent = () => !signal.aborted && pending.has(client) && !connection.isOneWay;
    setTimeout(() => isSilent() && connection.renew(), 10_000 + Math.max(0, wait));
    setText("");
    document.dispatchEvent(new CustomEvent("chat:composed", { detail: frame }));
    if (!isCoarse.matches) box.focus({ preventScroll: true });
    follower.toEnd();
  });

  function send(frame) {
    if (connection.isOneWay) postMessage(frame);
    else connection.send(frame);
  }

  async function postMessage({ type, ...fields }) {
    const client = fields.client_id;
    const body = new FormData(form);
    for (const name of ["attachments", "files", ...Object.keys(fields)]) body.delete(name);
    for (const [name, value] of Object.entries(fields)) for (const item of [value].flat()) body.append(name, item);
    try {
      const response = await fetch(form.action, { method: "POST", body, redirect: "manual", headers: { "HX-Request": "true" } });
      if (signal.aborted) return;
      const html = response.headers.get("content-type")?.startsWith("text/html") ? await response.text() : "";
      // The message itself comes with the events; what only this page has to know does not.
      if (!response.ok || html.includes("data-chat-taken")) connection.apply(html);
      if (response.ok) return;
      if (pending.has(client)) showToast(words.notSent, "error");
      takeBack(client);
    } catch {
      // No network: it waits, and goes out when there is a connection again.
    }
  }

  /** It is in the thread, or will not get there. Gives back whether we were waiting for it. */
  function forget(client) {
    const wasPending = pending.delete(client);
    if (wasPending) showPending();
    return wasPending;
  }

  /** The site did not take it: back into the box, before what has been typed since. */
  function takeBack(client) {
    const frame = pending.get(client);
    if (!forget(client)) return;
    setText([frame.text, box.value].filter((text) => text.trim()).join("\n\n"));
    document.dispatchEvent(new CustomEvent("chat:refused", { detail: frame }));
  }

  /** Shown only when it takes longer than a moment; see .chat-pending. */
  function showPending() {
    const line = find("chat-pending");
    line.hidden = pending.size === 0;
    line.replaceChildren();
    for (const { text } of pending.values()) {
      line.append(make("span", { textContent: text, dir: "auto" }), make("small", { textContent: words.unsent }));
    }
  }

  function stopAnswer() {
    const button = action.querySelector("[data-chat-stop]");
    if (!button || isBusy(button)) return;
    makeBusy(button);
    if (!connection.send({ type: "stop" })) postForm(find("chat-stop"));
  }

  function retryAnswer(button) {
    if (isBusy(button)) return;
    makeBusy(button);
    follower.isOn = true;
    if (!connection.send({ type: "retry", message: button.value })) postForm(button.form, { message: button.value });
  }

  app.addEventListener("submit", (event) => {
    const { target, submitter } = event;
    if (target.id === "chat-stop") {
      event.preventDefault();
      stopAnswer();
    } else if (target.id === "chat-retry" && submitter) {
      event.preventDefault();
      retryAnswer(submitter);
    } else if (target.matches("[data-chat-sign-out]")) {
      setText(""); // whoever signs in next in this tab is somebody else
      pending.clear();
      memory.forget();
    }
  }, { signal });

  /* ---------------------------------------------------------------- the message box */

  const growsByItself = CSS.supports("field-sizing", "content");

  function grow() {
    if (growsByItself) return;
    box.style.height = "auto";
    box.style.height = `${box.scrollHeight}px`;
  }

  function setText(text) {
    box.value = text;
    box.dispatchEvent(new Event("input", { bubbles: true })); // it grows, and other modules hear of it
  }

  box.addEventListener("input", grow);
  box.addEventListener("keydown", (event) => {
    // 229: the key belongs to an input method, also where isComposing is false already (Safari).
    if (event.key !== "Enter" || event.isComposing || event.keyCode === 229) return;
    const makesLine = event.shiftKey || event.altKey || isCoarse.matches || "chatModifier" in form.dataset;
    const isSend = event.ctrlKey || event.metaKey || !makesLine;
    if (!isSend) return;
    event.preventDefault();
    form.requestSubmit();
  });
  form.addEventListener("click", ({ target }) => {
    if (target === form || target.matches(".chat-composer-row")) box.focus();
  });

  /** What was typed, or sent and not confirmed, survives a reload of this tab, and another thread's turn. */
  const keepDraft = () => {
    // What went out over an open socket has made the thread, though we may not have heard of it.
    const isNew = "chatNew" in app.dataset && !(pending.size && connection.isOpen);
    memory.write(isNew ? "new" : threadId, { text: box.value, sent: [...pending] });
  };

  function takeUpDraft() {
    const { text = "", sent = [] } = memory.read("chatNew" in app.dataset ? "new" : threadId);
    const lost = sent.filter(([client]) => !app.querySelector(`[data-chat-client="${CSS.escape(client)}"]`));
    if (!box.value) setText([...lost.map(([, said]) => said.text), text].filter(Boolean).join("\n\n"));
  }

  if (/Mac|iP(hone|ad)/.test(navigator.platform)) {
    for (const key of app.querySelectorAll("[data-chat-mac]")) key.textContent = key.dataset.chatMac;
  }

  /* ---------------------------------------------------------------- what other modules ask for, and Escape */

  // Whether to go to the end with what comes; who looks at another version keeps their place.
  document.addEventListener("chat:follow", ({ detail }) => (follower.isOn = detail), { signal });
  // A frame for the socket; whoever asks learns by the prevented event that it went out.
  document.addEventListener("chat:send", (event) => connection.send(event.detail) && event.preventDefault(), { signal });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.shiftKey || event.defaultPrevented || event.isComposing || event.keyCode === 229) return;
    if (document.querySelector("dialog[open], :popover-open") || !isLive()) return; // the browser closes a dialog
    event.preventDefault();
    stopAnswer(); // everything else that is open would have closed first
  }, { signal });

  form.noValidate = true; // a blank message is simply not sent; "required" is for browsers without script
  for (const toast of find("chat-notice").children) dismissLater(toast);
  takeUpDraft();
  addEventListener("pagehide", keepDraft, { signal });
  document.addEventListener("chat:leave", () => {
    keepDraft();
    leaving.abort();
  }, { signal });
  if (isLoaded) focusElsewhere();
  else if (!isCoarse.matches) box.focus({ preventScroll: true });
}

// Parts of the site's own are drawn for everybody alike: their forms get the token of this page when they are used.
const getToken = () => find("chat-stop").elements.csrfmiddlewaretoken.value;
document.addEventListener("htmx:configRequest", ({ target, detail }) => {
  if (target.closest(".chat-parts")) detail.headers["X-CSRFToken"] = getToken();
});
document.addEventListener("submit", ({ target }) => {
  const isOurs = target.closest(".chat-parts") && new URL(target.action).origin === location.origin;
  if (!isOurs || target.method !== "post" || target.elements.csrfmiddlewaretoken) return;
  target.append(make("input", { type: "hidden", name: "csrfmiddlewaretoken", value: getToken() }));
});

/** What only some parts need is loaded with the first of them, and what only answers to a hand (data-chat-lazy) once there
    is one. The sanitiser leaves no model such attributes. */
const modules = new Map(); // address: the promise that it is being loaded, or null once it listens
let isUsed = location.hash.startsWith("#m-"); // the address names a message; see places.js
function loadModules() {
  const style = app?.dataset.chatMore;
  if (isUsed && style && !modules.has(style)) {
    const loading = new Promise((resolve) => {
      document.head.append(make("link", { rel: "stylesheet", href: style, onload: resolve, onerror: resolve }));
    });
    modules.set(style, loading.then(() => modules.set(style, null)));
  }
  for (const { dataset } of document.querySelectorAll(`[data-chat-module]${isUsed ? ", [data-chat-lazy]" : ""}`)) {
    const address = dataset.chatModule ?? dataset.chatLazy;
    if (modules.has(address)) continue;
    const loading = import(address).then(
      () => modules.set(address, null),
      () => modules.delete(address), // it is asked for again with the next part; the browser has told why
    );
    modules.set(address, loading);
  }
}

/** Whether a key may be one of those that modules listen for, and is none that a browser has to do something with. */
function isShortcut({ key, ctrlKey, metaKey, altKey, shiftKey, target }) {
  if (ctrlKey || metaKey) return /^[k/]$/i.test(key) || (shiftKey && !/^v$/i.test(key));
  if (altKey && shiftKey) return /^Arrow/.test(key);
  return key === "Escape" || (key === "ArrowUp" && target.value === "") || (/^[/?]$/.test(key) && !target.matches?.("input, textarea, select, [contenteditable]"));
}

/** What is pressed before the script that answers to it is here does what it says a moment later. */
function holdBack(event) {
  const { target } = event;
  if (!event.isTrusted) return; // no hand did it
  if (!isUsed) {
    isUsed = true;
    loadModules();
  }
  const isPlain = !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
  const isControl = event.type === "click" && target.closest?.(`button, summary, [role=button]${isPlain ? ", .chat-side a" : ""}`);
  const isKey = event.type === "keydown" && isShortcut(event);
  const loading = [...modules.values()].filter(Boolean);
  if (!loading.length || !(isControl || isKey)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const { type, clientX, clientY } = event;
  Promise.all(loading).then(() => {
    // A frame may have put another in its place meanwhile.
    const there = () => (type === "click" ? document.elementFromPoint(clientX, clientY) : document.activeElement);
    (target.isConnected ? target : there())?.dispatchEvent(new event.constructor(type, event));
  });
}
for (const type of ["pointerdown", "touchstart", "dragenter", "keydown", "input", "click"]) addEventListener(type, holdBack, { capture: true });
addEventListener("wheel", holdBack, { capture: true, passive: true, once: true });

document.addEventListener("click", ({ target }) => {
  target.closest?.("[data-chat-dismiss]")?.closest(".chat-toast")?.remove();
});
for (const holder of document.querySelectorAll(".chat")) addCopyButtons(holder);
loadModules();
if (app) {
  document.addEventListener("chat:say", ({ detail }) => showToast(detail.text, detail.level));
  document.addEventListener("chat:bookmark", ({ detail }) => bookmark(detail));
  document.addEventListener("chat:page", () => {
    addCopyButtons(app);
    loadModules();
    startPage();
  });
  if (window.htmx) Connection.takeOver();
  startPage();
}
isLoaded = true;
