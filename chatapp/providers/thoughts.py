"""Thoughts in tags at the beginning of an answer, as open models write them where the server does not take them out.

`<think>` is what most were taught, `<thought>` is Google's. Only the very beginning counts: later on they are words.
"""

from typing import Final

_TAGS: Final = {"<think>": "</think>", "<thought>": "</thought>"}

Piece = tuple[bool, str]
"""Whether it is text (else it is thinking), and what it says."""


class OpeningThoughts:
    """Splits the thoughts off while the answer comes. Where it is cut does not matter; what may be a tag is held back.

    White space before the thoughts and newlines around them are dropped.
    """

    __slots__ = ("_drops_newlines", "_end", "_held", "is_done")

    def __init__(self) -> None:
        self.is_done = False
        """Whether all that comes is text."""

        self._held = ""
        self._end: str | None = None  # the tag that ends the thoughts; empty: it came
        self._drops_newlines = False

    def feed(self, text: str) -> list[Piece]:
        """What is known to be thinking or text now, in order; no empty piece."""
        if self.is_done:
            return [(True, text)]
        text, self._held = self._held + text, ""
        pieces = self._begin(text) if self._end is None else self._go_on(text)
        return [piece for piece in pieces if piece[1]]

    def finish(self) -> list[Piece]:
        """What was held back. Thoughts that were never ended stay thoughts."""
        held, self._held, self.is_done = self._held, "", True
        return [(not self._end, held)] if held else []

    def _begin(self, text: str) -> list[Piece]:
        begun = text.lstrip()
        tag = next((tag for tag in _TAGS if begun.startswith(tag)), None)
        if tag is not None:
            self._end, self._drops_newlines = _TAGS[tag], True
            return self._go_on(begun[len(tag) :])
        if any(tag.startswith(begun) for tag in _TAGS):
            self._held = text
            return []
        self.is_done = True
        return [(True, text)]

    def _go_on(self, text: str) -> list[Piece]:
        if self._drops_newlines:
            text = text.lstrip("\n")
            self._drops_newlines = not text
        if not text or not self._end:
            self.is_done = not self._end and not self._drops_newlines
            return [(True, text)]
        thought, found, rest = text.partition(self._end)
        if found:
            self._end, self._drops_newlines = "", True
            return [(False, thought), *self._go_on(rest)]
        kept = next((size for size in range(len(self._end) - 1, 0, -1) if text.endswith(self._end[:size])), 0)
        thought, self._held = text[: len(text) - kept], text[len(text) - kept :]
        return [(False, thought)]
