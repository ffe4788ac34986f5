"""Where the formulas of a text are.

Delimiters: `$$…$$`, `\\(…\\)`, `\\[…\\]`, and a single `$…$` that cannot be money. The parser knows only dollars, and
would read `_` and `*` between the others as emphasis and a line `=` as a heading. So formulas are found first, outside
code, links and raw HTML. For the parser they are masked by letters, byte for byte, then put in place of these letters.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from .maths import Formula

_DELIMITER = re.compile(rb"\\[\\$()\[\]]|\$\$?|\n[ \t>]*(?=\n)")
_CLOSING = {b"\\(": b"\\)", b"\\[": b"\\]", b"$$": b"$$", b"$": b"$"}
_QUOTES = re.compile(rb"[ \t]*(?:>[ \t]*)*")
_TEX = re.compile(rb"\\[a-zA-Z]|[\^{]")

Range = tuple[int, int]


class Place(NamedTuple):
    """A formula in its text: bytes from `start` up to `end`, delimiters included."""

    start: int
    end: int
    formula: Formula


class Misplaced(Exception):
    """The parser does not see the formula as text of one block; `place` says which."""

    def __init__(self, place: Place) -> None:
        self.place = place


class Found(NamedTuple):
    """What `find` found."""

    places: list[Place]
    unclosed: int | None
    """Where a formula begins whose end may still come; None if there is none."""


def may_have_formulas(text: str) -> bool:
    """Whether it is worth looking."""
    return "$" in text or "\\(" in text or "\\[" in text


class Outline(NamedTuple):
    """What the parser says of a text before its formulas are known, as ranges of bytes in order."""

    code: list[Range]
    """Code, and blocks of raw HTML."""
    marked: list[Range]
    """Links, images and raw tags: what looks like a delimiter in them is none."""
    lines: list[Range]
    """Headings and rows of tables, which end with their line."""


def make_outline(events: Iterable[tuple[Any, Mapping[str, int]]], data: bytes) -> Outline:
    """The outline of `data`, which the events were read from."""
    outline = Outline([], [], [])
    for event, position in events:
        if isinstance(event, str):
            continue
        place = (position["start"], position["end"])
        for kind, value in event.items():
            if kind == "Start":
                name = value if isinstance(value, str) else next(iter(value))
                if name in ("CodeBlock", "HtmlBlock"):
                    outline.code.append(place)
                elif name in ("Link", "Image"):
                    outline.marked.append(place)
                # An underlined heading may be a formula with a line `=`: that one has more than its line.
                elif name in ("TableHead", "TableRow") or (
                    name == "Heading" and b"\n" not in data[slice(*place)].strip()
                ):
                    outline.lines.append(place)
            elif kind == "Code":
                outline.code.append(place)
            elif kind == "InlineHtml":
                outline.marked.append(place)
    return outline


def find(data: bytes, outline: Outline) -> Found:
    """The formulas in `data`. None reaches over a blank line, out of a heading or a row, or over code."""
    places: list[Place] = []
    skip = _Ranges(sorted([*outline.code, *outline.marked]))
    lines = _Ranges(outline.lines)
    chunk: list[tuple[int, bytes]] = []
    line: Range | None = None
    for match in _DELIMITER.finditer(data):
        token = match[0]
        current = lines.get(match.start())
        if token[:1] == b"\n" or current != line:
            places += _find_in_chunk(data, chunk, outline.code)[0]
            chunk = []
            line = current
        if token[:1] != b"\n" and token not in (b"\\\\", b"\\$") and not skip.get(match.start()):
            chunk.append((match.start(), token))
    last, unclosed = _find_in_chunk(data, chunk, outline.code)
    return Found([*places, *last], unclosed if line is None else None)


def _find_in_chunk(
    data: bytes, tokens: Sequence[tuple[int, bytes]], code: Sequence[Range]
) -> tuple[list[Place], int | None]:
    """Formulas between two blank lines, and where the first one begins that has no end.

    Each search ends at the next delimiter of the same kind, so that all of them together are linear.
    """
    places: list[Place] = []
    unclosed: int | None = None
    without_end: set[bytes] = set()
    index = 0
    while index < len(tokens):
        start, token = tokens[index]
        index += 1
        closing = _CLOSING.get(token)
        if closing is None or token in without_end:
            continue
        close = next((i for i in range(index, len(tokens)) if tokens[i][1] in (closing, token)), None)
        if close is None:
            without_end.add(token)
            if token != b"$" and unclosed is None:
                unclosed = start
        elif tokens[close][1] == closing and (token != b"$" or _is_no_money(data, start, tokens[close][0])):
            place = _make_place(data, start, tokens[close][0] + len(closing), code)
            if place is not None:
                places.append(place)
                index = close + 1
    return places, unclosed


def _is_no_money(data: bytes, start: int, end: int) -> bool:
    """Whether the dollars at `start` and `end` are a formula's: `$5-$6`, `US$5 and US$6`, `$a and $b` are not."""
    before, content, after = data[start - 1 : start], data[start + 1 : end], data[end + 1 : end + 2]
    if not content or content != content.strip() or b"\n" in content or before.isalnum() or after.isalnum():
        return False
    return not content[:1].isdigit() or _TEX.search(content) is not None


def _make_place(data: bytes, start: int, end: int, code: Sequence[Range]) -> Place | None:
    after = bisect_right(code, start, key=lambda place: place[1])
    if after < len(code) and code[after][0] < end:
        return None
    source = data[start:end]
    if b"\n" in source:
        first, *rest = source.split(b"\n")
        depth = _get_quote_depth(data, start)
        bare = [_split_quotes(line, depth) for line in rest]
        if None in bare:
            return None
        source = b"\n".join([first, *(part[1] for part in bare if part)])
    width = 1 if data[start : start + 2] not in _CLOSING else 2
    tex = source[width:-width].decode().strip()
    return Place(start, end, Formula(tex, data[start : start + 2] in (b"$$", b"\\["), source.decode())) if tex else None


def _get_quote_depth(data: bytes, position: int) -> int:
    """In how many block quotes the line of `position` is."""
    match = _QUOTES.match(data, data.rfind(b"\n", 0, position) + 1, position)
    return match[0].count(b">") if match else 0


def _split_quotes(line: bytes, depth: int) -> tuple[bytes, bytes] | None:
    """What a line of a block quote of that depth begins with, and the rest. None: it is not in that quote."""
    match = re.match(rb"(?:[ \t]*>){%d}[ \t]*" % depth if depth else rb"[ \t]*", line)
    return (match[0], line[match.end() :]) if match else None


def mask(data: bytes, places: Iterable[Place]) -> bytes:
    """`data` with letters for the formulas; line breaks and what makes a line part of its block quote stay."""
    pieces: list[bytes] = []
    position = 0
    for place in places:
        pieces.append(data[position : place.start])
        first, *rest = data[place.start : place.end].split(b"\n")
        pieces.append(b"x" * len(first))
        depth = _get_quote_depth(data, place.start) if rest else 0
        for line in rest:
            prefix, tex = _split_quotes(line, depth) or (b"", line)
            pieces.append(b"\n" + prefix + b"x" * len(tex))
        position = place.end
    return b"".join([*pieces, data[position:]])


def weave(events: Iterable[tuple[Any, Mapping[str, int]]], data: bytes, places: Sequence[Place]) -> Iterator[Any]:
    """The events of the masked `data` with each formula in place of its letters; neighbouring texts are one.

    Raises Misplaced where these letters are not plain text of one block.
    """
    texts: list[str] = []
    for event in _put_in_place(events, data, places):
        if isinstance(event, dict) and "Text" in event:
            texts.append(event["Text"])
            continue
        if texts:
            yield {"Text": "".join(texts)}
            texts.clear()
        yield event


def _put_in_place(
    events: Iterable[tuple[Any, Mapping[str, int]]], data: bytes, places: Sequence[Place]
) -> Iterator[Any]:
    upcoming = iter(places)
    place = next(upcoming, None)
    within: Place | None = None
    for event, position in events:
        start, end = position["start"], position["end"]
        is_end = isinstance(event, dict) and "End" in event
        is_text = isinstance(event, dict) and "Text" in event
        if within is not None and (end < within.end if is_end else start < within.end):
            if is_end or not (is_text or event in ("SoftBreak", "HardBreak")):
                raise Misplaced(within)
            if end <= within.end:
                continue
            start = within.end
        if not is_text or place is None or end <= place.start:
            if is_text and start != position["start"]:
                event = {"Text": data[start:end].decode()}
            yield event
            continue
        if place.start < start or event["Text"].encode() != data[position["start"] : end]:
            raise Misplaced(place)
        while place is not None and place.start < end:
            if place.start > start:
                yield {"Text": data[start : place.start].decode()}
            yield {"Formula": place.formula}
            within, start = place, min(place.end, end)
            place = next(upcoming, None)
        if start < end:
            yield {"Text": data[start:end].decode()}
    if place is not None:
        raise Misplaced(place)


class _Ranges:
    """Ranges in order; asked about positions in order."""

    def __init__(self, ranges: Sequence[Range]) -> None:
        self._ranges = ranges
        self._index = 0

    def get(self, position: int) -> Range | None:
        """The range that `position` is in. Positions must not go back."""
        while self._index < len(self._ranges) and self._ranges[self._index][1] <= position:
            self._index += 1
        if self._index < len(self._ranges) and self._ranges[self._index][0] <= position:
            return self._ranges[self._index]
        return None
