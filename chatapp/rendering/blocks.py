"""A document as a row of top-level blocks, and a code block that is still open.

A block reaches from the end of the one before it to its own last line, so blocks are a partition of the source, and the
definitions between two of them belong to the second. What comes after a block has begun cannot change those before it;
that is why they can be settled while the rest is still to come.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from .source import Fence, escape
from .tags import list_details

MAX_DETAILS = 32_768
"""Bytes. A `<details>` whose end is further away, or never comes, is text; until then nothing after it is settled."""


_DEFINITION = re.compile(rb"\n ?\[[^\n]*\]:")


class Block(NamedTuple):
    """One top-level block, as bytes of its source."""

    start: int
    """Where the line begins on which it begins; between the end of the block before and here stand definitions."""
    end: int
    kind: str
    """Name of the parser's event. "Fenced" for a code block with a fence."""
    notes: list[str]
    """Labels of the footnotes that are defined in it."""


def list_blocks(events: Iterable[tuple[Any, Mapping[str, int]]], data: bytes) -> list[Block]:
    """The top-level blocks of `data`, which the events with their ranges were read from."""
    blocks: list[Block] = []
    notes: list[str] = []
    depth = start = content = 0
    kind = ""
    for event, position in events:
        if isinstance(event, dict) and "Start" in event:
            tag = event["Start"]
            if not isinstance(tag, str) and "FootnoteDefinition" in tag:
                notes.append(tag["FootnoteDefinition"])
            if not depth:
                kind, start, content = _get_kind(tag), position["start"], 0
            depth += 1
            content = max(content, position["start"] + 1)
            continue
        if isinstance(event, dict) and "End" in event:
            depth -= 1
        else:
            content = position["end"]
            if not depth:
                kind, start = str(event), position["start"]
        if depth:
            continue
        if blocks and position["end"] <= blocks[-1].end:
            # Footnotes may be defined one after the other on one line.
            blocks[-1].notes.extend(notes)
        else:
            blocks.append(_make_block(kind, start, content, position["end"], data, notes))
        notes = []
    return blocks


def _get_kind(tag: Any) -> str:
    if isinstance(tag, str):
        return tag
    kind = str(next(iter(tag)))
    return "Fenced" if kind == "CodeBlock" and isinstance(tag[kind], dict) else kind


def _make_block(kind: str, start: int, content: int, end: int, data: bytes, notes: list[str]) -> Block:
    line = data.rfind(b"\n", 0, end) + 1
    if not data[line:end].strip():
        # A list may end behind the blanks with which the next block begins.
        end = line
    else:
        line_end = data.find(b"\n", end)
        end = line_end + 1 if line_end >= 0 else len(data)
    if kind == "List" and content < end:
        # A list takes the definitions along that follow it, which may still become text of the next block. With two
        # blanks or more they are in its last item.
        definition = _DEFINITION.search(data, content - 1, end)
        end = definition.start() + 1 if definition else end
    return Block(data.rfind(b"\n", 0, start) + 1, end, kind, notes)


def drop_uncertain(blocks: list[Block], data: bytes, unclosed: int | None) -> list[Block]:
    """`blocks` without those at the end that further lines may still undo.

    `unclosed` is where a formula begins whose end may come: until a blank line tells, its lines may look like blocks,
    and its own line like the head of a table. A paragraph that begins with a bracket may be a definition, and one that
    begins with a quote right after another line the title of one.
    """
    if unclosed is not None:
        line = data.rfind(b"\n", 0, unclosed) + 1
        blocks = [block for block in blocks if block.start < line]
    return blocks[:-1] if blocks and _may_be_definition(blocks[-1], data) else blocks


def _may_be_definition(block: Block, data: bytes) -> bool:
    first = data[block.start : block.end].lstrip()[:1] if block.kind == "Paragraph" else b""
    if first == b"[" or first not in (b'"', b"'", b"("):
        return first == b"["
    line_before = data[data.rfind(b"\n", 0, max(0, block.start - 1)) + 1 : block.start]
    return bool(line_before.strip())


def join_details(blocks: list[Block], data: bytes, *, is_final: bool) -> list[Block]:
    """`blocks` with those from a `<details>` to its end as one. If more may come, one that may still end takes all."""
    ends, without_end = _match_details(blocks, data)
    if not ends and not without_end:
        return blocks
    joined: list[Block] = []
    index = 0
    while index < len(blocks):
        first, last = blocks[index], index
        if index in without_end:
            last = index if is_final or len(data) - first.start > MAX_DETAILS else len(blocks) - 1
        elif index in ends and blocks[ends[index]].end - first.start <= MAX_DETAILS:
            last = ends[index]
        notes = [note for block in blocks[index : last + 1] for note in block.notes]
        joined.append(first if last == index else Block(first.start, blocks[last].end, "Details", notes))
        index = last + 1
    return joined


def _match_details(blocks: list[Block], data: bytes) -> tuple[dict[int, int], set[int]]:
    """For each block that opens `<details>`: the block that ends them; and those that are never ended."""
    ends: dict[int, int] = {}
    opened: list[int] = []
    for index, block in enumerate(blocks):
        if block.kind == "HtmlBlock":
            for is_end in list_details(data[block.start : block.end].decode()):
                if not is_end:
                    opened.append(index)
                elif opened:
                    first = opened.pop()
                    if first != index:
                        ends[first] = index
    return ends, set(opened)


class OpenFence:
    """A fenced code block at top level whose end has not come. Costs what the text costs that is fed, not the code."""

    def __init__(self, head: str, fence: Fence) -> None:
        self.fence = fence
        self._source = [head]
        self._shown: list[str] = []
        self._beginning = ""
        self._is_in_line = False

    @property
    def source(self) -> str:
        """The block so far, with everything from its first line."""
        return "".join(self._source) + self._beginning

    @property
    def html(self) -> str:
        """The code so far, escaped."""
        return "".join(self._shown)

    def feed(self, text: str) -> tuple[str, str | None]:
        """Take more text: the escaped code to show for it, and what follows the block if it has ended.

        The beginning of a line is kept back as long as it may become the end of the block.
        """
        new: list[str] = []
        position = 0
        while position < len(text):
            line_end = text.find("\n", position) + 1 or len(text)
            has_ended = self._feed_line(text[position:line_end], new)
            position = line_end
            if has_ended:
                break
        else:
            has_ended = False
        html = escape("".join(new))
        self._shown.append(html)
        return html, text[position:] if has_ended else None

    def _feed_line(self, piece: str, new: list[str]) -> bool:
        """Take a line, or a piece of it. Whether it ends the block."""
        is_complete = piece.endswith("\n")
        if not self._is_in_line:
            piece = self._beginning + piece
            self._beginning = ""
            if not is_complete and self.fence.may_be_closed_by(piece):
                self._beginning = piece
                return False
            if is_complete and self.fence.is_closed_by(piece):
                self._source.append(piece)
                return True
        new.append(piece if self._is_in_line else self.fence.code(piece))
        self._source.append(piece)
        self._is_in_line = not is_complete
        return False
