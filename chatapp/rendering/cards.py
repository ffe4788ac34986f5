"""Lists of suggestions as cards.

A top-level list in which every item holds one suggestion and nothing else becomes a grid of buttons. Whether it does is
known at its end, so while it may still happen the page shows blank cards, and neither bullets nor buttons flash by.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from .elements import Event
from .source import escape
from .tags import Suggestion, Tag, parse_tag

CLOSE_CARD = "</span></button></li>\n"
_INNER = frozenset({"Emphasis", "Strong", "Strikethrough"})
_LEAVES = frozenset({"Text", "Code", "Formula", "End"})


class Card(NamedTuple):
    """One item of such a list."""

    suggestion: Suggestion
    body: Sequence[Event]
    """What it shows under its title."""


def take_list(start: Event, events: Iterator[Event]) -> list[Event]:
    """The events of the list that begins with `start`, to its end."""
    taken = [start]
    depth = 1
    while depth:
        event = next(events)
        taken.append(event)
        if isinstance(event, dict):
            depth += ("Start" in event) - ("End" in event)
    return taken


def read_cards(events: Sequence[Event]) -> list[Card] | None:
    """The cards that a list is; None if it is a list."""
    cards: list[Card] = []
    for item in _list_items(events):
        card = _read_item(item)
        if card is None:
            return None
        cards.append(card)
    return cards


def count_pending(events: Sequence[Event]) -> int:
    """How many cards a list, whose last item is still being said, may become; 0 if it will stay a list."""
    count = 0
    before: Sequence[Event] | None = None
    for item in _list_items(events):
        if before is not None and _read_item(before) is None:
            return 0
        before = item
        count += 1
    may_be = before is not None and (_read_item(before) is not None or _has_begun(before, is_first=count == 1))
    return count if may_be else 0


def write_blank_cards(count: int) -> str:
    """What the page shows while cards come."""
    return f'<ul class="chat-cards">{"<li></li>" * count}</ul>\n'


def write_heads(cards: Sequence[Card], first: int | None) -> Iterator[str]:
    """For each card what stands before its body, with its number if `first` is that of the first one.

    One card of a grid is reached with Tab, the others with the arrow keys.
    """
    for index, card in enumerate(cards):
        number = "" if first is None else f"{first + index}."
        heading = " ".join(filter(None, (number, card.suggestion.title)))
        place = ' tabindex="-1"' if index else ' tabindex="0"'
        button = card.suggestion.open(css_class="chat-suggestion chat-card", more=place)
        yield f"<li>{button}{f'<strong>{escape(heading)}</strong> ' if heading else ''}<span>"


def _list_items(events: Sequence[Event]) -> Iterator[Sequence[Event]]:
    """What stands in each item of the list, without the paragraph around it if that is all there is."""
    depth = start = 0
    for index, event in enumerate(events):
        if not isinstance(event, dict):
            continue
        if "Start" in event:
            depth += 1
            if depth == 2:
                start = index + 1
        elif "End" in event:
            depth -= 1
            if depth == 1:
                yield _unwrap(events[start:index])


def _unwrap(item: Sequence[Event]) -> Sequence[Event]:
    if len(item) >= 2 and item[0] == {"Start": "Paragraph"} and _is_end(item[-1]):
        return item[1:-1]
    return item


def _is_end(event: Event) -> bool:
    return isinstance(event, dict) and "End" in event


def _read_item(item: Sequence[Event]) -> Card | None:
    first, last = (_get_tag(item[0]), _get_tag(item[-1])) if len(item) > 2 else (None, None)
    if first is None or last is None or first.suggestion is None or not last.is_end or last.name != first.name:
        return None
    body = item[1:-1]
    is_plain = all(_may_be_in_card(event, first.name) for event in body)
    has_words = any(isinstance(event, dict) and any(map(_is_said, event.items())) for event in body)
    return Card(first.suggestion, body) if is_plain and has_words else None


def _is_said(item: tuple[str, Any]) -> bool:
    kind, value = item
    return kind == "Formula" or (kind in ("Text", "Code") and bool(value.strip()))


def _has_begun(item: Sequence[Event], *, is_first: bool) -> bool:
    """Whether the item may become a card when more of it comes."""
    if not item:
        return not is_first
    tag = _get_tag(item[0])
    return bool(tag and tag.suggestion) and all(_may_be_in_card(event, tag.name if tag else "") for event in item[1:])


def _get_tag(event: Event) -> Tag | None:
    html = event.get("InlineHtml") if isinstance(event, dict) else None
    return parse_tag(html) if isinstance(html, str) else None


def _may_be_in_card(event: Event, name: str) -> bool:
    """Whether this may stand in a button, and leaves it whole. `name` is the element that becomes the button."""
    if not isinstance(event, dict):
        return event in ("SoftBreak", "HardBreak")
    ((kind, value),) = event.items()
    if kind == "Start":
        return value in _INNER if isinstance(value, str) else False
    if kind == "InlineHtml":
        tag = _get_tag(event)
        return tag is None or (tag.name != name and tag.suggestion is None)
    return kind in _LEAVES and not (kind == "Text" and "://" in value)
