"""What a browser shows after the frames that came."""

from xml.etree.ElementTree import Element

import html5lib

_EMPTY_PAGE = (
    '<div id="chat-threads"></div><div id="chat-undo"></div><h1 id="chat-title"></h1>'
    '<div id="chat-greeting"></div><div id="chat-thread"></div>'
    '<i id="chat-cursor"></i><div id="chat-input"></div><div id="chat-notice"></div><div id="chat-todos"></div>'
    '<ul id="chat-queue"></ul><span id="chat-action"></span>'
)


class Page:
    """What a browser shows: a document that frames are applied to, by the rules of htmx's out-of-band swaps."""

    def __init__(self, html: str = "") -> None:
        self._root: Element = html5lib.parse(html or _EMPTY_PAGE, namespaceHTMLElements=False)
        self.missed: list[str] = []
        """Selectors of fragments that had no place in the page. There should be none."""

    def apply(self, frame: str) -> None:
        """Swap the fragments of a frame in, one after the other."""
        for fragment in html5lib.parseFragment(frame, namespaceHTMLElements=False):
            verb, _, selector = fragment.attrib.pop("hx-swap-oob").partition(":")
            targets = self._select(selector)
            if not targets:
                self.missed.append(selector)
            for target in targets:
                self._swap(verb, target, fragment)

    @property
    def cursors(self) -> dict[str, int]:
        """Where the page stands, for the resume frame."""
        pairs = (pair.rpartition(":") for pair in "".join(self._by_id("chat-cursor").itertext()).split())
        return {run: int(seq) for run, _, seq in pairs}

    @property
    def last(self) -> str | None:
        """Id of the last message."""
        return self.articles[-1].get("data-chat-message") if self.articles else None

    @property
    def articles(self) -> list[Element]:
        """The messages."""
        return list(self._by_id("chat-thread").iter("article"))

    @property
    def state(self) -> str | None:
        """State of the last answer."""
        states = [item.get("data-chat-state") for item in self.articles if item.get("data-chat-role") == "assistant"]
        return states[-1] if states else None

    @property
    def texts(self) -> list[str]:
        """What each message says."""
        return [
            "\n".join(_text(node) for node in item.iter() if "data-chat-text" in node.attrib) for item in self.articles
        ]

    @property
    def text(self) -> str:
        """What the last message says."""
        return self.texts[-1] if self.texts else ""

    @property
    def thread(self) -> str:
        """The log in a form that is equal for equal documents."""
        return _canonical(self._by_id("chat-thread"))

    @property
    def notices(self) -> list[str]:
        """The notices, as text."""
        return [" ".join(_text(item).split()) for item in self._by_id("chat-notice")]

    def html_of(self, element_id: str) -> str:
        """The element in a form that is equal for equal documents."""
        return _canonical(self._by_id(element_id))

    def _by_id(self, element_id: str) -> Element:
        found = self._select(f"#{element_id}")
        if not found:
            raise AssertionError(f"the page has no #{element_id}")
        return found[0]

    def _select(self, selector: str) -> list[Element]:
        base, child, inner = selector.partition(" > :nth-child(")
        base, _, tag = base.partition(" ")
        found = [item for item in self._root.iter() if item.get("id") == base.removeprefix("#")]
        if child:
            place = int(inner.rstrip(")")) - 1
            found = [item[place] for item in found if place < len(item)]
        return [node for item in found for node in item.iter(tag)] if tag else found

    def _swap(self, verb: str, target: Element, fragment: Element) -> None:
        parents = {child: parent for parent in self._root.iter() for child in parent}
        if verb == "innerHTML":
            for child in list(target):
                target.remove(child)
            target.text = None
        if verb in ("innerHTML", "beforeend"):
            _add_text(target, fragment.text)
            for child in list(fragment):
                target.append(child)
            self._let_states_speak(target, parents)
            return
        parent = parents[target]
        place = list(parent).index(target)
        parent.remove(target)
        if verb == "outerHTML":
            fragment.tail = target.tail
            parent.insert(place, fragment)
        elif target.tail:
            before = parent[place - 1] if place else None
            if before is None:
                parent.text = (parent.text or "") + target.tail
            else:
                before.tail = (before.tail or "") + target.tail

    def _let_states_speak(self, target: Element, parents: dict[Element, Element]) -> None:
        # As the custom element of chatapp.js does: the state in the foot becomes an attribute of the article.
        for article in [*_ancestors(target, parents), *target.iter("article")]:
            if article.tag == "article":
                for state in article.iter("chat-state"):
                    article.set("data-chat-state", state.get("value", ""))


def _ancestors(node: Element, parents: dict[Element, Element]) -> list[Element]:
    found = [node]
    while found[-1] in parents:
        found.append(parents[found[-1]])
    return found


def _add_text(target: Element, text: str | None) -> None:
    if text and len(target):
        target[-1].tail = (target[-1].tail or "") + text
    elif text:
        target.text = (target.text or "") + text


def _text(node: Element) -> str:
    return "".join(node.itertext())


def _canonical(node: Element) -> str:
    attributes = "".join(f' {name}="{value}"' for name, value in sorted(node.attrib.items()))
    pieces = [f"<{node.tag}{attributes}>", _visible(node.text)]
    for child in node:
        pieces += [_canonical(child), _visible(child.tail)]
    return "".join([*pieces, f"</{node.tag}>"])


def _visible(text: str | None) -> str:
    return text if text and text.strip() else ""
