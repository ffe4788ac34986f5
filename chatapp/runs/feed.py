"""The numbered steps of one live run, which tabs follow.

A feed is drawn only while somebody reads it: `publish` says that there is news, and the first reader who takes it has
it drawn. Readers come with a cursor, the number of the last step they have; they get everything after it as one list of
fragments, coalesced: appended blocks joined, of the live block only the newest. A slow reader gets fewer, newer frames.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from uuid import UUID

from chatapp.rendering import fragments
from chatapp.rendering.fragments import Fragment

SNAPSHOT = -1
"""Cursor of a reader who has nothing of the run, or something too old."""


class _Live:
    """What stands in an element that is filled again and again, and what was added to its open code fence."""

    __slots__ = ("added", "html", "seq")

    def __init__(self, seq: int, html: str) -> None:
        self.seq = seq
        self.html = html
        self.added: list[tuple[int, str]] = []

    def since(self, cursor: int, target: str) -> Fragment | None:
        if self.seq > cursor:
            if not self.added:
                return fragments.fill(target, self.html)
            head, tag, tail = self.html.rpartition("</code>")
            return fragments.fill(target, "".join([head, *(html for _, html in self.added), tag, tail]))
        at = bisect_right(self.added, cursor, key=lambda item: item[0])
        new = "".join(html for _, html in self.added[at:])
        return fragments.extend(target, new) if new else None


class Feed:
    """The steps of one run, from the process that runs it or mirrored from another one.

    `draw` gives the fragments for what came since it was last called; a mirror has none and is fed by `add`.
    """

    def __init__(self, run_id: UUID, draw: Callable[[], list[Fragment]] | None = None) -> None:
        self.run_id = run_id
        self.run_name = str(run_id)
        """The same as text, written once: it is in each frame of each reader."""
        self.seq = 0
        """Number of the newest step."""
        self.drawn_seq = SNAPSHOT
        """Number of the newest step that was drawn; SNAPSHOT: nobody has read yet."""
        self.is_done = False
        self._draw = draw
        self._wakers: list[Callable[[], None]] = []
        self._appended: list[tuple[int, Fragment]] = []
        self._steps: list[int] = []
        """Numbers of the steps as they came here. A mirror may get several of its owner's as one."""
        self._live: dict[str, _Live] = {}

    # ---- for the owner or the mirror

    def publish(self, seq: int) -> None:
        """There is news: step `seq`. Nothing is drawn yet."""
        self.seq = seq
        self._wake()

    def add(self, seq: int, changed: Sequence[Fragment], *, is_snapshot: bool = False) -> None:
        """A step that was drawn, here or elsewhere. A snapshot begins anew: what was there before is forgotten."""
        if is_snapshot:
            self._appended.clear()
            self._live.clear()
            self._steps.clear()
        self._steps.append(seq)
        for fragment in changed:
            if fragment.verb == "fill" and fragment.target.endswith(
                ("-live", "-status", "-head", "-body", "-foot", "-mark")
            ):
                self._live[fragment.target] = _Live(seq, fragment.html)
            elif fragment.verb == "extend" and (live := self._live.get(fragment.target)) is not None:
                live.added.append((seq, fragment.html))
            else:
                if fragment.verb in ("replace", "delete"):
                    self._forget_inside(fragment.target)
                self._appended.append((seq, fragment))
        self.seq = max(self.seq, seq)
        self.drawn_seq = seq

    def finish(self) -> None:
        """The run ended and is stored. Readers take what is left and look at the database for the rest."""
        if self.drawn_seq != SNAPSHOT:
            self._catch_up()
        self.is_done = True
        # It holds the whole message, and the run holds us: memory would wait for a search for cycles.
        self._draw = None
        self._wake()

    # ---- for readers

    def attach(self, wake: Callable[[], None]) -> None:
        """Call `wake` whenever there is news. Wake-ups are not counted: several steps may be one call."""
        self._wakers.append(wake)

    def detach(self, wake: Callable[[], None]) -> None:
        """Stop calling `wake`."""
        if wake in self._wakers:
            self._wakers.remove(wake)

    @property
    def has_readers(self) -> bool:
        """Whether anybody follows."""
        return bool(self._wakers)

    def knows(self, cursor: int) -> bool:
        """Whether what came after this step can be told from what came before.

        Not if a reader comes from another process, where there was a step that is only a part of one here: with all of
        that it would get twice what it has.
        """
        at = bisect_left(self._steps, cursor)
        return at < len(self._steps) and self._steps[at] == cursor

    def take(self, cursor: int) -> tuple[int, list[Fragment]]:
        """The number of the newest step that was drawn, and the fragments for everything after `cursor`."""
        known, new = self.drawn_seq, self._catch_up()
        if cursor == known != SNAPSHOT and self.drawn_seq != known:
            return self.drawn_seq, new  # Nearly always: one reader, who has all but this step.
        if not self.knows(cursor):
            cursor = SNAPSHOT
        if cursor >= self.drawn_seq:
            # Not `seq`: a run that ended before anybody read it was never drawn, and its reader has nothing of it.
            return max(self.drawn_seq, 0), []
        return self.drawn_seq, self._since(cursor)

    def _catch_up(self) -> list[Fragment]:
        """Have drawn what is new; the fragments of that step."""
        if self._draw is None or self.drawn_seq >= self.seq or self.is_done:
            return []
        is_first = self.drawn_seq == SNAPSHOT
        changed = self._draw()
        self.add(self.seq, changed, is_snapshot=is_first)
        return changed

    def _since(self, cursor: int) -> list[Fragment]:
        at = bisect_right(self._appended, cursor, key=lambda item: item[0])
        groups: list[tuple[str, str, list[str]]] = []
        joined: dict[str, list[str]] = {}
        for _, (verb, target, html) in self._appended[at:]:
            if verb == "append" and target in joined:
                joined[target].append(html)
                continue
            if verb != "append":
                joined.clear()  # What follows may be meant for what this makes: no joining across it.
            groups.append((verb, target, pieces := [html]))
            if verb == "append":
                joined[target] = pieces
        changed = [Fragment(verb, target, "".join(pieces)) for verb, target, pieces in groups]
        live = (entry.since(cursor, target) for target, entry in self._live.items())
        return [*changed, *(fragment for fragment in live if fragment is not None)]

    def _forget_inside(self, target: str) -> None:
        for inner in [name for name in self._live if name.startswith(f"{target}-")]:
            del self._live[inner]

    def _wake(self) -> None:
        for wake in tuple(self._wakers):
            wake()
