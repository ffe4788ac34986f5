"""Streams outside of chats: what a site says to one person, or one visitor, at a named place of its own pages.

A stream is a thread that no door to conversations opens, and in which only code writes: each time something is streamed
that is one message and one run. So everything that follows, stores, stops and mends answers does so here too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Self
from uuid import UUID

from django.contrib.sessions.backends.base import SessionBase
from django.utils.crypto import salted_hmac

from chatapp.models import Run, Thread
from chatapp.models.calls import in_database
from chatapp.policy import get_policy
from chatapp.rendering import fragments, streams
from chatapp.rendering.renderer import MessageView

from . import changes, transcript
from .follower import Follower
from .hub import Hub
from .pages import Found, PageState, draw_changes, move_cursors

StreamStatus = Literal["initial", "running", "success", "error", "cancelled"]

MAX_SHOWN: Final = 10_000
"""Pieces of a stream on a page: there is no way to earlier ones."""

_STATUS: Final[Mapping[str, StreamStatus]] = {
    Run.State.COMPLETE: "success",
    Run.State.STOPPED: "cancelled",
    Run.State.FAILED: "error",
    Run.State.INTERRUPTED: "error",
}


@dataclass(frozen=True, slots=True)
class Viewer:
    """Whose streams: a person who is signed in, or a visitor who is known by their session only."""

    user: Any = None
    guest_key: str = ""

    @classmethod
    def find(cls, user: Any = None, session: SessionBase | str | None = None) -> Self:
        """The viewer that this user is, or who has this session (or session key) if nobody is signed in.

        Raises ValueError if there is neither.
        """
        if user is not None and user.is_authenticated:
            return cls(user=user)
        key = session.session_key if isinstance(session, SessionBase) else session
        if not key:
            raise ValueError("a stream needs whom it is for: a user, or a session that is stored (session.create())")
        return cls(guest_key=salted_hmac("chatapp.guest", key, algorithm="sha256").hexdigest())

    @property
    def person(self) -> str:
        """Their name between processes."""
        return str(self.user.pk) if self.user is not None else f"guest-{self.guest_key[:40]}"

    def get_id(self, name: str) -> UUID:
        """Id of their stream of this name, which nobody can guess: it is known before there is a row."""
        return UUID(bytes=salted_hmac("chatapp.stream", f"{self.person}:{name}", algorithm="sha256").digest()[:16])

    def is_admitted(self) -> bool:
        """Whether the site's policy lets them have streams."""
        return get_policy().can_follow_streams(self.user)

    def find_stream(self, name: str) -> Thread | None:
        """Their stream of this name, with its last piece; None if nothing was ever streamed to it."""
        if not self.is_admitted():
            return None
        mine = get_policy().get_streams(self.user, self.guest_key).select_related(*changes.WITH_HEAD)
        return mine.filter(pk=self.get_id(name)).first()


def get_run(stream: Thread | None) -> Run | None:
    """The run that streams to it, or was the last to do so."""
    return getattr(stream.head, "run", None) if stream is not None else None


def get_status(run: Run | None) -> StreamStatus:
    """Where a stream stands whose latest run this is. One that was cancelled runs until its last words are stored."""
    if run is None:
        return "initial"
    return "running" if run.is_live else _STATUS[run.state]


def load_pieces(stream: Thread) -> list[MessageView]:
    """What was streamed, as it is stored."""
    return transcript.load_views(stream, transcript.get_path(stream)[-MAX_SHOWN:])


class StreamFollower(Follower):
    """Follows a stream for one page, as Follower follows a thread."""

    def __init__(self, hub: Hub, viewer: Viewer, name: str) -> None:
        self._place = fragments.stream_id(viewer.get_id(name))
        super().__init__(hub, user=viewer.user, thread_id=viewer.get_id(name), person=viewer.person)
        self.cursor_id = f"{self._place}-cursor"
        self._viewer, self._name = viewer, name

    async def _find(self, page: PageState, *, with_list: bool) -> Found:
        return await _find(self._viewer, self._name, self._place, page)


@in_database
def _find(viewer: Viewer, name: str, place: str, page: PageState) -> Found:
    stream = viewer.find_stream(name)
    if stream is None:
        return Found([], page, is_there=False)
    found = changes.find_changes(stream, last=page.last, cursors=page.cursors, page_size=MAX_SHOWN)
    changed = draw_changes(found, f"{place}-log", streams)
    cursors, moved = move_cursors(found, page.cursors, f"{place}-cursor")
    status = get_status(get_run(stream))
    if page.title != status:
        changed.append(fragments.text(f"{place}-status", status))
    shown = PageState(last=found.last, cursors=cursors, title=status, is_live=found.live_run is not None)
    mark = changes.get_mark(stream, found.live_run)
    return Found([*changed, *moved], shown, found.live_run, mark, is_unhandled=found.is_unhandled)
