/* What a panel of thinking does while it thinks: its head keeps each topic for a while, and it opens and closes by itself.

   One ES module, loaded with the first panel. <chat-thought> stands in the head as long as it thinks: every new topic is a
   new one, and the end takes it away. */

const TOPIC_MS = 2500; // a topic can be read before the next one comes
const OPEN_MS = 1000; // whoever thinks longer, and names no topics, is seen thinking
const CLOSE_MS = 600;

const panels = new WeakMap(); // panel -> what its head shows, and since when

function getState(panel) {
  const state = panels.get(panel) ?? { shown: "", latest: "", since: 0, topicTimer: 0, openTimer: 0, isOurs: false };
  panels.set(panel, state);
  return state;
}

const isTouched = (panel) => "chatTouched" in panel.dataset;

/** Puts the topic into the head; the one that came last, if it waited. */
function showTopic(panel, topic) {
  const state = getState(panel);
  state.topicTimer = 0;
  state.shown = topic;
  state.since = performance.now();
  const place = panel.querySelector("chat-thought b");
  if (place && place.textContent !== topic) place.textContent = topic;
}

function openUnlessToldMore(panel) {
  const state = getState(panel);
  if (isTouched(panel) || panel.open || state.latest || !panel.querySelector("chat-thought")) return;
  panel.open = state.isOurs = true;
}

class ChatThought extends HTMLElement {
  #panel = null;

  connectedCallback() {
    const panel = (this.#panel = this.closest("details"));
    if (!panel) return;
    const state = getState(panel);
    state.openTimer ||= setTimeout(openUnlessToldMore, OPEN_MS, panel);
    const place = this.querySelector("b");
    if (!place) return;
    state.latest = place.textContent;
    const wait = state.since + TOPIC_MS - performance.now();
    if (!state.shown || wait <= 0) return showTopic(panel, state.latest);
    place.textContent = state.shown;
    state.topicTimer ||= setTimeout(() => showTopic(panel, state.latest), wait);
  }

  disconnectedCallback() {
    // The next topic takes its place at once; whatever else does says that it has thought.
    queueMicrotask(() => this.#panel?.querySelector("chat-thought") || this.#end());
  }

  #end() {
    const panel = this.#panel;
    if (!panel) return;
    const state = getState(panel);
    clearTimeout(state.topicTimer);
    clearTimeout(state.openTimer);
    if (state.isOurs) setTimeout(() => isTouched(panel) || (panel.open = false), CLOSE_MS);
  }
}

// What a person has opened or closed stays as it is.
document.addEventListener("click", ({ target }) => {
  const panel = target.closest?.(".chat-thinking > summary")?.parentElement;
  if (panel) panel.dataset.chatTouched = "";
});

customElements.define("chat-thought", ChatThought);
