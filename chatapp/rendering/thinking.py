"""Thinking that a model writes into its answer, between `<thinking>` and `</thinking>`.

The tag counts at the start of a line only, with nothing but blanks before it; the end tag counts anywhere. In fenced
code and in inline code both are literal. Up to two newlines after the end tag are dropped. What is never ended stays
thinking.
"""

import re
from typing import Literal

Kind = Literal["text", "thinking"]

_START = "<thinking>"
_END = "</thinking>"
_PIECES = re.compile(r"\n|`+|~+|[^\n`~]+")
_FENCE_HEAD = re.compile(r"[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?")
_MAX_BLANKS = 64  # kept back at the start of a line; with more of them the line is none that begins with a tag


class ThinkingSplitter:
    """Splits an answer while it comes. Where it is cut does not matter; only what may become a tag is kept back."""

    def __init__(self) -> None:
        self._kind: Kind = "text"
        self._held = ""
        self._code = _Code()
        self._newlines_to_drop = 0
        self._pieces: list[tuple[Kind, str]] = []

    def feed(self, text: str) -> list[tuple[Kind, str]]:
        """What is known to be text or thinking now, in order; no empty piece."""
        text, self._held = self._held + text, ""
        while text:
            if self._newlines_to_drop:
                text = self._drop_newline(text)
            elif self._kind == "text":
                text = self._take_text(text)
            else:
                text = self._take_thinking(text)
        return self._take_pieces()

    def finish(self) -> list[tuple[Kind, str]]:
        """What was kept back; nothing more will come."""
        if self._held and not self._newlines_to_drop:
            self._give(self._held)
        self._held = ""
        return self._take_pieces()

    def _take_pieces(self) -> list[tuple[Kind, str]]:
        pieces, self._pieces = self._pieces, []
        return pieces

    def _give(self, text: str) -> None:
        if not text:
            return
        self._code.feed(text)
        if self._pieces and self._pieces[-1][0] == self._kind:
            self._pieces[-1] = (self._kind, self._pieces[-1][1] + text)
        else:
            self._pieces.append((self._kind, text))

    def _switch(self, kind: Kind) -> None:
        self._kind = kind
        self._code = _Code()

    def _take_text(self, text: str) -> str:
        """Give the text up to the next place where a tag may stand; returns what is left to be looked at."""
        if self._code.is_at_start and not self._code.is_code:
            bare = text.lstrip(" \t")
            if self._code.blanks + len(text) - len(bare) <= _MAX_BLANKS:
                if bare.startswith(_START):
                    self._switch("thinking")
                    return bare[len(_START) :]
                if _START.startswith(bare):
                    self._held = text
                    return ""
        # The next line that begins with a tag; a tag elsewhere is literal and needs no look.
        position = text.find("\n") + 1
        while 0 < position < len(text) and text[position] not in " \t<":
            position = text.find("\n", position) + 1
        position = position or len(text)
        self._give(text[:position])
        return text[position:]

    def _take_thinking(self, text: str) -> str:
        position = text.find(_END)
        if position < 0:
            # Only the end of what is there can be the beginning of the tag.
            kept = next((size for size in range(min(len(_END) - 1, len(text)), 0, -1) if text.endswith(_END[:size])), 0)
            self._give(text[: len(text) - kept])
            self._held = text[len(text) - kept :]
            return ""
        self._give(text[:position])
        if self._code.is_fenced or (self._code.is_code and not self._code.is_at_start):
            self._give(_END)
        else:
            self._switch("text")
            self._newlines_to_drop = 2
        return text[position + len(_END) :]

    def _drop_newline(self, text: str) -> str:
        if text == "\r":
            self._held = text
            return ""
        for newline in ("\n", "\r\n"):
            if text.startswith(newline):
                self._newlines_to_drop -= 1
                return text[len(newline) :]
        self._newlines_to_drop = 0
        return text


class _Code:
    """Whether the end of a text is in code, and how its last line begins. Looks at each character once."""

    def __init__(self) -> None:
        self._fence = ""
        """The run that opened the fenced code we are in."""
        self._span = 0
        """Length of the run of backticks that opened inline code."""
        self._run = ""
        """The run of backticks or tildes that the text ends in."""
        self._start_line()

    def _start_line(self) -> None:
        self.blanks = 0
        """Blanks at the start of the line."""
        self.is_at_start = True
        """Whether the line has nothing but blanks; a carriage return is none."""
        self._is_blank_line = True
        self._head = ""
        self._first_run = ""
        """A run that may open or close fenced code."""
        self._has_tick_after = False
        self._has_text_after = False

    @property
    def is_fenced(self) -> bool:
        """Whether the text ends in fenced code."""
        return bool(self._fence)

    @property
    def is_code(self) -> bool:
        """Whether the text ends in code of either kind. Ask where no run can go on."""
        self._end_run()
        return bool(self._fence) or self._span > 0

    def feed(self, text: str) -> None:
        """Take more text."""
        for piece in _PIECES.findall(text):
            if piece[0] in "`~" and self._run[:1] in ("", piece[0]):
                self._run += piece
                self.is_at_start = self._is_blank_line = False
                continue
            self._end_run()
            if piece == "\n":
                self._end_line()
            elif piece[0] in "`~":
                self._run = piece
                self.is_at_start = self._is_blank_line = False
            else:
                self._feed_plain(piece)

    def _feed_plain(self, piece: str) -> None:
        is_blank = not piece.strip(" \t\r")
        self._is_blank_line &= is_blank
        if self.is_at_start:
            bare = piece.lstrip(" \t")
            self.blanks += len(piece) - len(bare)
            self.is_at_start = not bare
        if self._first_run:
            self._has_text_after |= not is_blank
        elif len(self._head) <= _MAX_BLANKS:
            self._head += piece

    def _end_run(self) -> None:
        run, self._run = self._run, ""
        if not run:
            return
        if self._first_run:
            self._has_text_after = True
            self._has_tick_after |= run[0] == "`"
        elif len(run) >= 3 and _FENCE_HEAD.fullmatch(self._head):
            self._first_run = run
        else:
            self._head += run
        if run[0] == "`" and not self._fence:
            self._span = 0 if self._span == len(run) else self._span or len(run)

    def _end_line(self) -> None:
        run = self._first_run
        if self._fence:
            if run.startswith(self._fence) and not self._has_text_after:
                self._fence = ""
        elif run and not (run[0] == "`" and self._has_tick_after):
            self._fence, self._span = run, 0
        elif self._is_blank_line:
            # A blank line ends the paragraph, and no inline code reaches over it.
            self._span = 0
        self._start_line()
