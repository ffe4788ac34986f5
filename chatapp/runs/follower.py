"""One reader of one thread, from the first frame to the last: what both doors, socket and HTTP, send to a page.

A follower knows what its page shows (the last message, and for each run it follows the number of the last step) and
yields the frames that bring it up to date and keep it so. It is woken by its feed and by hints; what it sends never
depends on what a hint said, only on the database and the feed. So hints may be lost, doubled or late.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import Error

from chatapp.conf import settings
from chatapp.inputs import InputUpdate
from chatapp.rendering import fragments, renderer
from chatapp.rendering.fragments import Fragment

from . import pages
from .feed import SNAPSHOT, Feed
from .hub import Hub
from .pages import Found, PageState

logger = logging.getLogger("chatapp.runs")


def read_revision(values: Sequence[str]) -> int:
    """What the address of a page's connection says of its `revision`; 0 for anything else."""
    text = values[0] if values else ""
    return int(text) if text.isdecimal() and len(text) < 10 else 0


class Gone(Exception):
    """The thread is not there any more, or not for this person."""


class Unhandled(Exception):
    """An answer that the page followed has failed, and its assistant wants the page to be disconnected then."""


@dataclass(frozen=True, slots=True)
class Frame:
    """HTML for the page, and where the page stands after it: step `seq` of `run` (None: of none)."""

    html: str
    run: UUID | None = None
    seq: int = 0


class Follower:
    """Follows a thread for one page. `resume` says what the page has; `frames` yields what it lacks, as it comes."""

    cursor_id = fragments.CURSOR
    """Element id of where the page keeps its cursor."""

    def __init__(
        self,
        hub: Hub,
        *,
        user: Any,
        thread_id: UUID,
        is_new: bool = False,
        person: str = "",
        visit: str | None = None,
        menu: str | None = None,
        revision: int = 0,
        has_list: bool = True,
    ) -> None:
        """`is_new`: nobody has begun the thread, so there is nothing to look for until somebody does.

        `person`: who reads, if it is no user. `visit`: the page is of the visit in which the thread was begun (see
        runs.greetings), and was loaded with a welcome of this digest. None: it is not. `menu`: the page was loaded
        with settings of this digest. None: nobody knows. `revision`: the thread's when the page was loaded.
        `has_list`: the list of conversations is beside it.
        """
        self.thread_id = thread_id
        self.person = person or str(user.pk)
        self.on_sign_out: Callable[[str], None] = lambda session: None
        """Called with the key of a session of this person that ended."""
        self.on_drain: Callable[[], None] = lambda: None
        """Called when the process is about to end."""
        self.mark: Any = None
        """See hub.Reader."""
        self._user = user
        self._hub = hub
        self._page = PageState(visit=visit, menu=menu, revision=revision)
        self._news = asyncio.Event()
        self._feed: Feed | None = None
        self._is_new = is_new
        self._has_list = has_list
        self._has_resumed = False
        self._is_stale = False
        self._list_is_stale = False
        self._was_there = self._is_gone = self._is_unhandled = False
        self._notices: list[Fragment] = []

    @property
    def last(self) -> UUID | None:
        """Last message that the page shows, as far as we know."""
        return self._page.last

    # ---- what wakes it

    def resume(self, cursors: dict[UUID, int], last: UUID | None) -> None:
        """The page shows messages up to `last` and has these runs up to these steps; with neither it wants everything.

        Said again over the same connection it only asks for another look: what was sent since is still under way to
        the page, and must not be sent twice.
        """
        if not self._has_resumed or (last is None and not cursors):
            visit, revision = self._page.visit, self._page.revision
            self._page = PageState(
                last=last,
                cursors=dict(cursors),
                visit=visit,
                menu=self._page.menu,
                revision=revision,
                is_new=self._is_new,
            )
        self._has_resumed = True
        if self._is_new:
            self._notices.append(fragments.no_cursor(self.cursor_id))  # The page hears that it is up to date.
        else:
            self._is_stale = True
        self._news.set()

    def thread_changed(self) -> None:
        """Hint: look at the thread."""
        self._is_new = False
        self._is_stale = True
        self._news.set()

    def person_changed(self, ended_session: str) -> None:
        """Hint: look at the thread list, or a session of this person ended."""
        if ended_session:
            self.on_sign_out(ended_session)
        else:
            self._list_is_stale = True
            self._news.set()

    def send_away(self) -> None:
        """The process is about to end."""
        self.on_drain()

    def notify(self, html: str) -> None:
        """Send a notice to this page."""
        self._notices.append(fragments.notice(html))
        self._news.set()

    def input_changed(self, update: InputUpdate) -> None:
        """Code changes the message box of this page."""
        self._notices.append(fragments.append(fragments.INPUT, renderer.render_input(update)))
        self._news.set()

    # ---- what it yields

    async def frames(self) -> AsyncGenerator[Frame, None]:
        """The frames for the page, in order, for ever.

        Raises Gone when there is no such thread (any more), and Unhandled after the last frame of an answer that failed
        so.

        Nothing is prepared ahead: while the caller is busy sending, news pile up and become one frame.
        """
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                async for frame in self._catch_up():
                    yield frame
        finally:
            await self._unfollow()

    async def _catch_up(self) -> AsyncIterator[Frame]:
        if self._notices:
            said, self._notices = self._notices, []
            for html in fragments.write_frames(said):
                yield Frame(html)
        # Who wants everything gets the messages first, and then what is being said in them.
        wants_all = self._is_stale and self._page.last is None and not self._page.cursors
        if self._feed is not None and not wants_all:
            for frame in self._take_steps(self._feed):
                yield frame
            if self._feed.is_done:
                await self._unfollow()
                self._is_stale = True
        # Before the page has said what it shows, nobody knows what it lacks.
        if self._has_resumed and (self._is_stale or self._list_is_stale):
            for frame in await self._compare():
                yield frame
        if self._is_gone:
            raise Gone
        if self._is_unhandled:
            raise Unhandled

    def _take_steps(self, feed: Feed) -> list[Frame]:
        # 0: the page has the message, perhaps with parts of an older checkpoint, but no step of it.
        cursor = self._page.cursors.get(feed.run_id) or SNAPSHOT
        seq, changed = feed.take(cursor)
        self._page.cursors[feed.run_id] = seq
        if not changed:
            return []
        here = fragments.cursor(feed.run_name, seq, self.cursor_id)
        frames = fragments.write_frames([*changed, here])
        if len(frames) > 1:
            # Cut off between two of them a page must not get the first one again, but everything anew.
            frames = fragments.write_frames([fragments.cursor(feed.run_name, 0, self.cursor_id), *changed, here])
        return [*(Frame(html, feed.run_id, 0) for html in frames[:-1]), Frame(frames[-1], feed.run_id, seq)]

    async def _compare(self) -> list[Frame]:
        """Bring the page in line with the database, and follow the run that is live."""
        with_list, self._is_stale, self._list_is_stale = self._list_is_stale, False, False
        page = self._page
        try:
            found = await self._find(page, with_list=with_list)
        except Error:
            logger.warning("could not look at thread %s; trying again", self.thread_id, exc_info=True)
            self._list_is_stale |= with_list
            asyncio.get_running_loop().call_later(settings.WATCH_SECONDS, self.thread_changed)
            return []
        if self._page is not page:
            self._list_is_stale |= with_list
            return []  # The page has come back meanwhile, with something else; `resume` asked for another look.
        self.mark = found.mark
        if not found.is_there:
            self._is_gone = self._was_there
            # A new chat: no row exists before the first message. The list beside it is there all the same.
            return [Frame(html) for html in fragments.write_frames(found.changed)]
        self._was_there = True
        self._page = found.page
        self._is_unhandled |= found.is_unhandled
        frames = [Frame(html) for html in fragments.write_frames(found.changed)]
        run = found.live_run
        if run is None or (self._feed is not None and self._feed.run_id != run.pk):
            await self._unfollow()
        if run is not None and self._feed is None:
            # Read and attach without an await in between, or a step could fall between the two.
            self._feed = await self._hub.follow(run, self._news.set)
            if self._feed is not None:
                frames += self._take_steps(self._feed)
                if self._feed.is_done:
                    self._news.set()
            else:
                # Its process does not answer; the sweep will end it, and the watch will wake us.
                self._page.is_live = True
        elif self._feed is not None and not self._page.cursors.get(self._feed.run_id):
            frames += self._take_steps(self._feed)
            self._news.set()  # It may have ended meanwhile.
        return frames

    async def _find(self, page: PageState, *, with_list: bool) -> Found:
        """What the page lacks, drawn."""
        return await pages.find(
            self._user, self.thread_id, page, is_stale=with_list, with_list=with_list and self._has_list
        )

    async def _unfollow(self) -> None:
        feed, self._feed = self._feed, None
        if feed is not None:
            await self._hub.unfollow(feed, self._news.set)
