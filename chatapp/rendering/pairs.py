"""Raw tags become real in pairs, at the same place of the tree. One that is left alone stays text.

So nothing that a model forgets to close swallows what follows, and the HTML is balanced before the sanitiser sees it.
"""

from typing import NamedTuple

from .tags import Tag

MAX_OPEN = 20
"""Tags that wait for their end at once; a further one is text. Bounds the depth and the search."""


class _Open(NamedTuple):
    tag: Tag
    out: list[str]
    place: int
    depth: int


class TagPairs:
    """The raw tags of a block that wait for their end. `depth` is the number of elements around the place."""

    def __init__(self, *, is_live: bool) -> None:
        self._is_live = is_live
        self._open: list[_Open] = []
        self._last_pressable = -1
        self.has_details = False
        """Whether a `<details>` outside everything else has become real."""

    @property
    def are_waiting(self) -> bool:
        """Whether there are any."""
        return bool(self._open)

    def note_pressable(self, index: int) -> None:
        """A link was written at `index`: no button may hold it."""
        self._last_pressable = index

    def is_open(self, name: str, depth: int) -> bool:
        """Whether a tag of that name waits at this place."""
        return any(opened.tag.name == name and opened.depth == depth for opened in self._open)

    def open(self, tag: Tag, text: str, out: list[str], depth: int) -> None:
        """Write `text` for now; the tag, once its end is found."""
        if len(self._open) < MAX_OPEN:
            self._open.append(_Open(tag, out, len(out), depth))
        out.append(text)

    def close(self, end: Tag, text: str, out: list[str], depth: int) -> None:
        """Make the last open tag of that name real if it waits here, those in between stay text; else write `text`."""
        for position in range(len(self._open) - 1, -1, -1):
            opened = self._open[position]
            if opened.depth < depth:
                break
            if opened.tag.name == end.name:
                del self._open[position:]
                out.append(self._realize(opened) or text)
                return
        out.append(text)

    def drop(self, depth: int, out: list[str]) -> None:
        """Forget the tags that were opened deeper than `depth`; while it streams, end them here instead."""
        while self._open and self._open[-1].depth > depth:
            opened = self._open.pop()
            if self._is_live:
                out.append(self._realize(opened))

    def _realize(self, opened: _Open) -> str:
        """Turn an open tag from text into itself. Its end tag, or "" if it has to stay text."""
        tag = opened.tag
        if not tag.opening or (tag.is_button and self._last_pressable >= opened.place):
            return ""
        if tag.is_button:
            self._last_pressable = opened.place
        self.has_details |= tag.name == "details" and not opened.depth
        opened.out[opened.place] = tag.opening
        return tag.closing
