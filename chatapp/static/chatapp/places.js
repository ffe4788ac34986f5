/* Where one reads: what comes in above moves no line, a thread that is shown again opens where one was, an address may name
   a message (#m-<id>), and where the assistant says scroll = "anchor" one's own message goes to the top of the view.

   One ES module, loaded with the link to earlier messages, with such an address, or when somebody first touches the page.
   Following the end is the business of chatapp.js, which looks where the view is. A module that is about to have messages
   exchanged dispatches "chat:hold", and the view stays at its offset. */

const EDGE = 12; // pixels above a message that is put at the top of the view
const END = 8; // pixels from the end that count as the end
const FRAMES = 12; // for so long sizes may change after something came in
const FOUND = 2500; // milliseconds for which a message that was looked for is marked
const HOLD = 5000; // milliseconds to wait for the messages that are to be exchanged

const find = (id) => document.getElementById(id);
const places = new Map(); // thread: the message at the top of the view, and where it was
let keeping = 0; // number of the line that is kept now

/** The upper edge of an element below that of the view, in pixels. */
const getTop = (element) => element.getBoundingClientRect().top - find("chat-scroll").getBoundingClientRect().top;

const isAtEnd = ({ scrollTop, scrollHeight, clientHeight }) => scrollHeight - clientHeight - scrollTop <= END;

/** Keeps a line where it is in the view while what is above it changes, and for some frames after. Gives back what mends
    its place at once. Only what has grown is made up for: who scrolls meanwhile gets where they want. */
function keep(line) {
  const scroller = find("chat-scroll");
  const number = ++keeping;
  const getPlace = () => line.getBoundingClientRect().top + scroller.scrollTop;
  let place = getPlace();
  let frames = 0;
  const mend = () => {
    if (number !== keeping || !line.isConnected) return;
    const now = getPlace();
    if (now !== place) scroller.scrollTop += now - place;
    place = now;
  };
  const watch = () => {
    mend();
    if (number !== keeping) return;
    if (++frames < FRAMES && line.isConnected) requestAnimationFrame(watch);
    else scroller.style.overflowAnchor = "";
  };
  scroller.style.overflowAnchor = "none"; // or a browser that can do it would do it as well
  requestAnimationFrame(watch);
  return mend;
}

/** Puts a message `top` pixels below the upper edge of the view. */
function moveTo(message, top) {
  document.dispatchEvent(new CustomEvent("chat:hold", { detail: "ours" }));
  const move = () => (find("chat-scroll").scrollTop += getTop(message) - top);
  move();
  move(); // what the first has brought into view has got its size only now
  keep(message);
}

/* ------------------------------------------------------------------ earlier messages */

// The reader's line stays where it is while earlier messages come in above it.
document.addEventListener("htmx:beforeSwap", ({ target }) => {
  const line = target.matches?.(".chat-older") && !isAtEnd(find("chat-scroll")) ? target.nextElementSibling : null;
  if (line) document.addEventListener("htmx:afterSwap", keep(line), { once: true });
});

/** Loads earlier messages until this one is among them, and shows it. */
async function show(id, top, { isMarked = false } = {}) {
  const { chatThread } = find("chat").dataset;
  let message;
  while (!(message = find(`m-${id}`))) {
    const older = document.querySelector("#chat-thread > .chat-older");
    const response = older && (await fetch(`${older.getAttribute("hx-get")}&upto=${id}`).catch(() => null));
    const html = response?.ok && (await response.text());
    if (!html || find("chat").dataset.chatThread !== chatThread) return;
    if (older.isConnected) window.htmx.swap(older, html, { swapStyle: "outerHTML", swapDelay: 0, settleDelay: 0 });
  }
  moveTo(message, top);
  if (!isMarked) return;
  message.classList.add("chat-found");
  setTimeout(() => message.classList.remove("chat-found"), FOUND);
}

/** Shows the message that the address names; whether it names one. */
function showNamed() {
  const [, id] = /^#m-([\da-f-]{36})$/.exec(location.hash) ?? [];
  if (id) show(id, EDGE, { isMarked: true });
  return Boolean(id);
}

addEventListener("hashchange", showNamed);

/* ------------------------------------------------------------------ a thread that is shown again */

document.addEventListener("chat:leave", () => {
  const { chatThread } = find("chat").dataset;
  const line = [...find("chat-thread").querySelectorAll(":scope > [data-chat-message]")].find(
    (one) => getTop(one) + one.offsetHeight > 0,
  );
  if (!line || isAtEnd(find("chat-scroll"))) places.delete(chatThread); // it opens at its end by itself
  else places.set(chatThread, { id: line.dataset.chatMessage, top: getTop(line) });
});

document.addEventListener("chat:page", () => {
  const place = places.get(find("chat").dataset.chatThread);
  if (!showNamed() && place) show(place.id, place.top);
});

/* ------------------------------------------------------------------ messages that are exchanged */

document.addEventListener("chat:hold", ({ detail }) => {
  if (detail === "ours") return;
  const scroller = find("chat-scroll");
  const top = scroller.scrollTop;
  const observer = new MutationObserver(() => {
    observer.disconnect();
    scroller.scrollTop = top;
  });
  observer.observe(find("chat-thread"), { childList: true });
  setTimeout(() => observer.disconnect(), HOLD);
});

/* ------------------------------------------------------------------ one's own message at the top */

document.addEventListener("chat:anchor", ({ detail: message }) => {
  const scroller = find("chat-scroll");
  const thread = find("chat-thread");
  const above = getTop(message) - getTop(thread);
  const around = scroller.scrollHeight - thread.offsetHeight; // what stands over and under the messages
  const over = getTop(thread) + scroller.scrollTop;
  // Room for an answer of a view's height, which then grows without moving anything.
  thread.style.minHeight = `${Math.max(0, above + scroller.clientHeight - EDGE - (around - over))}px`;
  moveTo(message, EDGE);
});

showNamed();
