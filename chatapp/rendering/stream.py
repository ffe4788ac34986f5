"""When a block of a growing document is settled, and what a page is sent for it.

Partial last lines decide nothing: `***` may still become `***bold***`. In the complete lines everything before the last
block start is settled. The open block is drawn anew at each step, but for a code fence, which grows by its text.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import zip_longest

from .blocks import OpenFence
from .document import EFFORT, Engine, Known, Rendered, Settled, join, render_document, render_notes
from .leaves import CLOSE_CODE, open_code
from .live import complete
from .prose import Prose
from .source import normalize_newlines, parse_fence, parse_language, scrub

BYTES_PER_SECOND = 100_000  # of live HTML: while a long list is open, the pace slows with its size


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a page has to do to show what came since the step before."""

    settled: str = ""
    """HTML to append to the element of settled blocks."""

    live: str | None = None
    """New inner HTML of the live element. None: as it was, but for `live_append`."""

    live_append: str = ""
    """Escaped text to append to the one `code` element in the live element: an open code fence grows."""

    corrections: dict[int, str] = field(default_factory=dict)
    """finish() only. Index among the children of the settled element, from 0: the one element that replaces it."""

    rewrite: str | None = None
    """finish() only, and rare. The whole settled HTML, because the number of its children has changed."""

    pace: float = 0.0
    """Seconds to wait at least before the next step; grows with a big open list or table."""


class Stream:
    """A document that grows. Law: all `settled`, after the corrections, are what the whole document renders to."""

    engine: Engine

    def __init__(self, source: str = "") -> None:
        self._new: list[str] = []
        self._carriage_return = ""
        self._rest = ""
        self._fence: OpenFence | None = None
        self._live: str | None = ""
        self._prose = Prose()
        self._blocks: list[Settled] = []
        self._known = Known()
        self._effort = EFFORT
        self._finished: str | None = None
        self.append(source)

    @property
    def settled_html(self) -> str:
        """Everything settled so far; after finish() the whole document."""
        return "".join(block.rendered.html for block in self._blocks) if self._finished is None else self._finished

    @property
    def live_html(self) -> str:
        """Inner HTML of the live element as of the last step."""
        if self._fence is not None:
            return open_code(parse_language(self._fence.fence.info)) + self._fence.html + CLOSE_CODE
        return self._live or ""

    def append(self, text: str) -> None:
        """Add text. Costs what `text` costs; nothing is rendered."""
        if text:
            text = self._carriage_return + text
            # It may be the first half of a line ending.
            self._carriage_return = "\r" if text.endswith("\r") else ""
            self._new.append(scrub(normalize_newlines(text.removesuffix("\r"))))

    def step(self) -> Step:
        """Render what is new since the last step."""
        text = "".join(self._new)
        self._new.clear()
        if not text:
            return Step()
        count = len(self._blocks)
        if self._fence is not None:
            appended, after = self._fence.feed(text)
            if after is None:
                return Step(live_append=appended)
            self._leave_fence(after)
            self._settle_complete_lines()
        else:
            self._rest += text
            if "\n" in text:
                self._settle_complete_lines()
        settled = "".join(block.rendered.html for block in self._blocks[count:])
        if self._fence is not None:
            self._live = None
            return Step(settled=settled, live=self.live_html)
        live = self._render_live()
        is_new, self._live = live != self._live, live
        pace = max(len(live), len(self._rest)) / BYTES_PER_SECOND
        return Step(settled=settled, live=live if is_new else None, pace=pace)

    def finish(self) -> Step:
        """Settle the rest, and correct what only the end could know. Nothing may be appended afterwards."""
        if self._finished is not None:
            return Step()
        if self._carriage_return:
            self._new.append("\n")
        count = len(self._blocks)
        # Then the last look at the blocks is a look at the whole document.
        is_whole = not count and self._fence is None
        text = "".join(self._new)
        if self._fence is not None:
            _, after = self._fence.feed(text)
            self._leave_fence(after or "")
        else:
            self._rest += text
        position = 0
        for source, block in self.engine.list_blocks(self._rest, is_final=True):
            self._settle(source, block.notes)
            position += len(source)
        had_live = self._live != ""
        tail, self._rest, self._live, self._carriage_return = self._rest[position:], "", "", ""
        self._known.learn(self.engine.list_links(tail), ())
        self._new.clear()
        shown = [block.rendered.html for block in self._blocks]
        sources = [block.source for block in self._blocks]
        source = "".join([*sources, tail])
        is_canonical = is_whole or sources == [text for text, _ in self.engine.list_blocks(source, is_final=True)]
        rewrite, corrections = self._correct(source, is_canonical=is_canonical)
        notes = render_notes(self.engine, self._blocks)
        self._finished = join(self.engine, self._blocks)
        live = "" if had_live else None
        if rewrite:
            return Step(live=live, rewrite=self._finished)
        return Step(settled="".join(shown[count:]) + notes, live=live, corrections=corrections)

    def _correct(self, source: str, *, is_canonical: bool) -> tuple[bool, dict[int, str]]:
        """Make the blocks what the whole document says they are; `is_canonical` if they are its blocks.

        Whether all have to be written anew, or else the children that have changed.
        """
        shown = [block.rendered.html for block in self._blocks]
        if is_canonical:
            self._blocks = [
                block
                if not self._known.has_any(block.rendered.missing)
                else block._replace(rendered=self.engine.render_block(block.source, self._known, effort=block.effort))
                for block in self._blocks
            ]
        else:
            # Not known to happen; if it does, the page must still be right.
            self._blocks = render_document(self.engine, source)
        corrected = [block.rendered.html for block in self._blocks]
        before, after = [html for html in shown if html], [html for html in corrected if html]
        if len(before) != len(after):
            return True, {}
        return False, {index: new for index, (old, new) in enumerate(zip_longest(before, after)) if old != new}

    def _settle_complete_lines(self) -> None:
        """Settle what the complete lines of the rest decide; enter a code fence that is left open."""
        while end := self._rest.rfind("\n") + 1:
            blocks = list(self.engine.list_blocks(self._rest[:end], is_final=False))
            if not blocks:
                return
            for source, block in blocks[:-1]:
                self._settle(source, block.notes)
            source, last = blocks[-1]
            self._rest = self._rest[sum(len(text) for text, _ in blocks[:-1]) :]
            if last.kind != "Fenced" or not self._enter_fence(source):
                return

    def _enter_fence(self, source: str) -> bool:
        """Go on in the fence with which the rest begins; whether it has ended already and something may follow."""
        lines = source.splitlines(keepends=True)
        head = 0
        fence = None
        # Definitions may stand before it.
        for line in lines:
            head += len(line)
            fence = parse_fence(line.rstrip("\n"))
            if fence is not None:
                break
        if fence is None:
            return False
        self._fence = OpenFence(self._rest[:head], fence)
        _, after = self._fence.feed(self._rest[head:])
        self._rest = ""
        if after is None:
            return False
        self._leave_fence(after)
        return True

    def _leave_fence(self, after: str) -> None:
        if self._fence is not None:
            self._settle(self._fence.source, ())
            self._fence, self._rest = None, after

    def _settle(self, source: str, notes: Iterable[str]) -> None:
        self._known.learn(self.engine.list_links(source), notes)
        rendered = self.engine.render_block(source, self._known, effort=self._effort)
        self._blocks.append(Settled(source, self._effort, rendered))
        self._effort -= rendered.effort

    def _render_live(self) -> str:
        prose = self._prose.draw(self._rest)
        if prose is not None:
            return prose
        text = complete(self._rest)
        if not text.strip():
            return ""
        rendered: Rendered = self.engine.render_block(text, self._known, effort=self._effort, is_live=True)
        # The notes that are known are shown with the one that is being written: they stand together at the end.
        notes = render_notes(self.engine, self._blocks, rendered.notes) if rendered.notes else ""
        return rendered.html + notes
