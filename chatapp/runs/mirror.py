"""The two ends of a feed between processes: relayed by the process that runs it, mirrored where it is read."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

from chatapp import protocol
from chatapp.rendering.fragments import Fragment

from .feed import SNAPSHOT, Feed


class Mirror(Feed):
    """The feed of a run that another process runs."""

    def __init__(self, run_id: UUID, owner: str) -> None:
        super().__init__(run_id)
        self.owner = owner
        self.has_come = False
        """Whether anything came since the last look."""

    def accept(self, steps: protocol.Steps) -> bool:
        """Add steps that came; False if there is a gap before them."""
        self.has_come = True
        if steps.unknown:
            self.finish()
        elif steps.after != SNAPSHOT and steps.after != self.drawn_seq:
            return steps.seq <= self.drawn_seq
        else:
            self.add(steps.seq, [Fragment(*op) for op in steps.ops], is_snapshot=steps.after == SNAPSHOT)
            if steps.done:
                self.is_done = True
            self._wake()
        return True


async def relay_steps(feed: Feed, watch: protocol.Watch, tell: Callable[[str, protocol.Mail], Awaitable[None]]) -> None:
    """Send another process the steps of a feed of ours, at its pace, until it ends or nobody there reads it.

    Each message says after which step it comes, so the other end sees a gap and asks again from there.
    """
    news = asyncio.Event()
    news.set()
    feed.attach(news.set)
    cursor, is_first = watch.cursor, True
    try:
        while True:
            await news.wait()
            news.clear()
            is_done = feed.is_done
            seq, changed = feed.take(cursor)
            after = cursor if feed.knows(cursor) else SNAPSHOT
            if changed or is_first or is_done:
                ops = [tuple(fragment) for fragment in changed]
                steps = protocol.Steps(run=feed.run_id, after=after, seq=seq, ops=ops, done=is_done)
                await tell(watch.reply_to, steps)
                cursor, is_first = seq, False
            if is_done:
                return
    finally:
        feed.detach(news.set)
