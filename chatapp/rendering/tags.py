"""Raw HTML that a model may use. Everything else it writes in angle brackets is text.

A tag is never passed on: a known one is read and written anew, with attributes of ours only.
"""

import html
import re
from typing import NamedTuple

from .source import escape_attribute, scrub

_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)((?:[^<>\"']|\"[^\"]*\"|'[^']*')*?)/?>")
_ATTRIBUTE = re.compile(r"([^\s\"'<>/=]+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'=<>`]+)))?")
_KNOWN = re.compile(r"</?(?:br|sub|sup|kbd|mark|span|details|summary)(?=[\s/>])(?:[^<>\"']|\"[^\"]*\"|'[^']*')*>", re.I)
_DETAILS = re.compile(r"<(/?)details(?=[\s/>])", re.IGNORECASE)
_UNFINISHED = re.compile(
    r"</?(?:([a-zA-Z]{0,7})|(?:br|sub|sup|kbd|mark|span|details|summary)\s(?:[^<>\n\"']|\"[^<\n\"]*(?:\"|$)|'[^<\n']*(?:'|$))*>?)$",
    re.IGNORECASE,
)
_INLINE = frozenset({"sub", "sup", "kbd", "mark"})
_BLOCK = frozenset({"details", "summary"})
_NAMES = ("br", "span", *sorted(_INLINE | _BLOCK))


class Suggestion(NamedTuple):
    """What a suggestion of a model says about itself (features.md, section 6)."""

    text: str
    """What is filled in or sent. Empty: what the element holds."""
    submits: bool
    title: str
    """Heading of its card, if it becomes one."""

    def open(self, *, more: str = "", css_class: str = "chat-suggestion") -> str:
        """The tag of our button for it."""
        submit = ' data-submit=""' if self.submits else ""
        text = escape_attribute(self.text)
        return f'<button type="button" class="{css_class}" data-suggestion="{text}"{submit}{more}>'


class Tag(NamedTuple):
    """One allowed tag as we write it."""

    name: str
    is_end: bool = False
    opening: str = ""
    """What the tag becomes when its end is found. Empty: it stays text but takes its end tag along."""

    closing: str = ""
    suggestion: Suggestion | None = None

    @property
    def is_block(self) -> bool:
        """Whether it may hold paragraphs, and stands between them only."""
        return self.name in _BLOCK

    @property
    def is_button(self) -> bool:
        """Whether it can be pressed, and so must hold nothing else that can."""
        return self.closing == "</button>"


def parse_tag(text: str) -> Tag | None:
    """The allowed tag that `text` is. None: it is something else, and text."""
    match = _TAG.fullmatch(text)
    if match is None:
        return None
    name = match[2].lower()
    is_end = bool(match[1])
    if name == "br":
        return None if is_end else Tag(name, opening="<br>")
    suggestion = None if is_end or name in _BLOCK else _parse_suggestion(match[3])
    if suggestion:
        return Tag(name, False, suggestion.open(), "</button>", suggestion)
    if name in _INLINE or name in _BLOCK:
        return Tag(name, is_end, f"<{name}>", f"</{name}>")
    return Tag(name, is_end) if name == "span" else None


def _parse_suggestion(attributes: str) -> Suggestion | None:
    """The suggestion that an element with these attributes is, if it is one."""
    if "suggestion" not in attributes.lower() and "&" not in attributes:
        return None
    # What an entity hides is scrubbed as what was said openly.
    values = {
        found[1].lower(): scrub(html.unescape(found[2] or found[3] or found[4] or ""))
        for found in _ATTRIBUTE.finditer(attributes)
    }
    classes = values.get("class", "").split()
    if "suggestion" not in classes and "data-suggestion" not in values:
        return None
    submits = "submit" in classes or values.get("data-suggestion-submit", "no").strip().lower() in ("", "true")
    return Suggestion(values.get("data-suggestion", "").strip(), submits, " ".join(values.get("title", "").split()))


def split_tags(text: str) -> list[tuple[str, Tag | None]]:
    """Pieces of a block of raw HTML, in order: its allowed tags, and all else as text with None."""
    pieces: list[tuple[str, Tag | None]] = []
    position = 0
    for match in _KNOWN.finditer(text):
        tag = parse_tag(match[0])
        if tag is None:
            continue
        if match.start() > position:
            pieces.append((text[position : match.start()], None))
        pieces.append((match[0], tag))
        position = match.end()
    if position < len(text):
        pieces.append((text[position:], None))
    return pieces


def list_details(text: str) -> list[bool]:
    """For each `<details>` and each `</details>` in raw HTML, in order, whether it is the end."""
    return [match[1] == "/" for match in _DETAILS.finditer(text)]


def cut_unfinished_tag(text: str) -> str:
    """`text` without a tag at its end that has only begun or holds nothing yet, so that none flashes by."""
    position = text.rfind("<", max(0, len(text) - 1000))
    match = _UNFINISHED.match(text, position) if position >= 0 else None
    if match is None:
        return text
    beginning = (match[1] or "").lower()
    return text[:position] if any(name.startswith(beginning) for name in _NAMES) else text
