"""Streams outside of chats: code says something at a named place of a page that is no chat.

`{% chatapp_stream "name" %}` is the place; `stream_to` fills it for one person, in all their tabs, whichever process
serves them. What is said comes as Markdown, as an answer does, and is stored as one.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args
from uuid import UUID

from asgiref.sync import SyncToAsync, async_to_sync
from django.contrib.sessions.backends.base import SessionBase
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.safestring import SafeString

from chatapp import handlers
from chatapp.actions import get_ready
from chatapp.activity import ToolCall, ToolCallPart, ToolProgress, ToolResult
from chatapp.approvals import ApprovalRequest
from chatapp.assistants import Assistant
from chatapp.conf import OnError
from chatapp.events import PartDelta, PartStart
from chatapp.mappers import is_foreign
from chatapp.models import Message, Run, Thread
from chatapp.models.calls import in_database, win_races
from chatapp.parts import Part, RawPart
from chatapp.questions import InputRequest
from chatapp.runs import journal, transcript
from chatapp.runs.hub import get_hub
from chatapp.runs.live import Job
from chatapp.runs.results import wait_for_run
from chatapp.runs.streams import StreamStatus, Viewer, get_run, get_status
from chatapp.todos import TodoUpdate
from chatapp.turn import Turn

ContentType = Literal["markdown", "html", "text"]

_NAME: Final = re.compile(r"[-a-zA-Z0-9_]{1,100}\Z")
_UNFINISHED: Final = Q(run__isnull=False, run__finished_at__isnull=True) | Q(
    answers__isnull=False, answers__finished_at__isnull=True
)  # what is being said, and what it answers
_OF_CHATS: Final = (ToolCall, ToolCallPart, ToolProgress, ToolResult, TodoUpdate, InputRequest)
_KINDS_OF_CHATS: Final = (ToolCallPart.kind, InputRequest.kind, ApprovalRequest.kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamState:
    """Where a stream stands, and what it has said."""

    status: StreamStatus
    """initial as long as nothing was streamed, running, success, error or cancelled: of what was streamed last."""

    result: str | list[Part] = ""
    """What was said so far by what was streamed last: the text if it is nothing but text, else its parts in order."""

    run_id: UUID | None = None
    """Of what was streamed last."""

    error_reference: str = ""
    """With status error: what the person sees, and staff search for."""


async def stream_to(
    name: str,
    content: Any,
    *,
    user: Any = None,
    session: SessionBase | str | None = None,
    clear: bool = True,
    content_type: ContentType = "markdown",
    on_error: OnError | Literal[""] = "",
) -> Run:
    """Stream to the place of this name in the pages of this user, or of the visitor with this session.

    `content` is whatever an assistant may return or yield, or a function that gives it: a string, a part, a sync or
    async iterable, a generator. It is taken in the background: the run comes back as soon as it has begun, and
    `chatapp.runs.results.wait_for_run(run.pk)` waits for its end. What was there is replaced, and what still streams
    there is cancelled; with `clear` false this is appended, once what still streams there has ended.

    With `content_type` "html" strings are HTML that is sanitised, with "text" they are shown as they are. A string
    that Django calls safe is literal HTML with any of them. Nobody is asked whether they may: that is for the caller to
    know. `on_error` says what they see if it fails, as Assistant.on_error does: empty is CHATAPP["ERRORS"].

    Raises TypeError for content that cannot be streamed, ValueError for a name that is no slug, for an unknown
    `on_error` or without whom it is for, Refused if the process is ending. What goes wrong later ends the run as
    failed, with a sentence in the page.
    """
    check(name, content, content_type)
    if on_error not in ("", *get_args(OnError)):
        raise ValueError(f"on_error {on_error!r} is not known; known are {', '.join(get_args(OnError))}")
    viewer = await _find_viewer(user, session)
    hub, runner = await get_ready()
    job = _Streaming(content, content_type, on_error)

    async def begin() -> Run | UUID:
        begun, cancelled = await _store(viewer, name, clear, hub.mailbox)
        if cancelled is not None:
            await hub.stop(cancelled)
        if isinstance(begun, Run) and begun.reply_id is not None:
            turn = Turn(assistant=job, messages=(), user=viewer.user, thread_id=begun.thread_id, run_id=begun.pk)
            runner.start(
                Job(
                    run_id=begun.pk,
                    reply_id=begun.reply_id,
                    thread_id=begun.thread_id,
                    person="",  # No list of theirs shows it.
                    assistant=job,
                    turn=turn,
                )
            )
            await hub.thread_changed(begun.thread_id)
        return begun

    while not isinstance(begun := await hub.see_through(begin()), Run):
        try:
            await wait_for_run(begun)
        except Run.DoesNotExist:
            continue  # Somebody has cleared the stream meanwhile.
    return begun


async def clear_stream(name: str, *, user: Any = None, session: SessionBase | str | None = None) -> Run:
    """Empty the place of this name; see stream_to. The run that comes back says nothing and succeeds."""
    return await stream_to(name, None, user=user, session=session)


async def cancel_stream(name: str, *, user: Any = None, session: SessionBase | str | None = None) -> bool:
    """Cancel what streams to this place, wherever it runs; whether anything did. What was said stays."""
    hub = get_hub()
    await hub.open()
    run = await _store_stop(await _find_viewer(user, session), name)
    if run is not None:
        await hub.stop(run)
    return run is not None


async def get_stream(name: str, *, user: Any = None, session: SessionBase | str | None = None) -> StreamState:
    """Where the stream of this name stands for this user or session."""
    return await _load(await _find_viewer(user, session), name)


cancel_stream_sync = async_to_sync(cancel_stream)
"""See cancel_stream; for code that is not async."""

get_stream_sync = async_to_sync(get_stream)
"""See get_stream; for code that is not async."""


def stream_to_sync(name: str, content: Any, **options: Any) -> Run:
    """See stream_to; for code that is not async.

    Within a server this comes back as soon as it has begun. Elsewhere, as in a command or a worker of tasks, nobody
    would be left to go on with it, so it comes back when it has ended.
    """
    return async_to_sync(_stream_from)(_has_server(), name, content, options)


def clear_stream_sync(name: str, **options: Any) -> Run:
    """See clear_stream; for code that is not async."""
    return stream_to_sync(name, None, **options)


def _has_server() -> bool:
    """Whether there is an event loop that goes on when this call from sync code has come back."""
    loop: asyncio.AbstractEventLoop | None = getattr(SyncToAsync.threadlocal, "main_event_loop", None)
    return loop is not None and loop.is_running()


async def _stream_from(has_server: bool, name: str, content: Any, options: Mapping[str, Any]) -> Run:
    run = await stream_to(name, content, **options)
    return run if has_server else await wait_for_run(run.pk)


def check(name: str, content: Any, content_type: str) -> None:
    """Raises ValueError or TypeError for what stream_to would not take."""
    if not _NAME.match(name):
        raise ValueError(f"stream name {name!r} is not usable; use letters, digits, hyphens and underscores")
    if content_type not in ("markdown", "html", "text"):
        raise ValueError(f"content_type {content_type!r} is not known; known are markdown, html and text")
    is_one = content is None or isinstance(content, str | Part | Mapping) or is_foreign(content)
    if not (is_one or isinstance(content, AsyncIterable | Iterable) or callable(content)):
        raise TypeError(
            f"{type(content).__qualname__} cannot be streamed; give a string, a part, an iterable of them of either "
            "colour, or a function that gives one"
        )


class _Streaming(Assistant):
    """What is streamed once, in the shape in which a runner takes it."""

    slug = "stream"

    def __init__(self, content: Any, content_type: ContentType, on_error: OnError | Literal[""]) -> None:
        self._content, self._content_type = content, content_type
        self.on_error = on_error  # type: ignore[misc]  # of this one stream
        super().__init__()

    def answer(self, turn: Turn) -> Any:
        """The content, one item after the other."""
        return _say(self._content, self._content_type)


async def _say(content: Any, content_type: ContentType) -> AsyncGenerator[Any, None]:
    said = handlers.iterate(content, {}) if callable(content) else handlers.walk(content)
    number, is_open = 0, False
    async with aclosing(said) as items:
        async for item in items:
            _refuse_of_chats(item)
            if content_type == "markdown" or not isinstance(item, str) or isinstance(item, SafeString):
                is_open = False
                for piece in await handlers.resolve(item):
                    yield piece
                continue
            if not is_open:
                number, is_open = number + 1, True
                yield PartStart(RawPart(content_type=content_type), key=f"raw:{number}")
            yield PartDelta(item, key=f"raw:{number}")


def _refuse_of_chats(item: Any) -> None:
    what = item.part if isinstance(item, PartStart) else item
    kind = what.get("kind", "") if isinstance(what, Mapping) else ""
    if isinstance(what, _OF_CHATS) or kind in _KINDS_OF_CHATS:
        raise ValueError(
            f"{kind or type(what).__qualname__} belongs to a conversation; a stream outside of chats cannot show it"
        )


@in_database
def _find_viewer(user: Any, session: SessionBase | str | None) -> Viewer:
    return Viewer.find(user, session)


@in_database
def _store(viewer: Viewer, name: str, clear: bool, mailbox: str) -> tuple[Run | UUID, Run | None]:
    """The run that begins, and the one that it replaces; or the id of the one for whose end it has to wait."""
    return win_races(lambda: _try_store(viewer, name, clear, mailbox))


def lock_stream(viewer: Viewer, name: str) -> Thread:
    """Their stream of this name, locked; made if nothing was ever streamed there. Raises IntegrityError: see win_races.

    Asks no policy.
    """
    stream_id = viewer.get_id(name)
    stream = Thread.objects.select_for_update().filter(pk=stream_id).first()
    if stream is None:
        stream = Thread(
            id=stream_id,
            owner=viewer.user,
            guest_key=viewer.guest_key,
            stream=name,
            title=name,
            title_is_manual=True,
            updated_at=Now(),
        )
        stream.save(force_insert=True)  # Somebody may be faster: then the row is there the next time.
    return stream


def _try_store(viewer: Viewer, name: str, clear: bool, mailbox: str) -> tuple[Run | UUID, Run | None]:
    stream = lock_stream(viewer, name)
    live = transcript.get_live_run(stream)
    if live is not None and not clear:
        return live.pk, None
    if live is not None:
        journal.request_stop(live.pk)
    if clear:
        # What still has last words to write is not on the branch any more, and goes the next time.
        said = Message.objects.filter(thread=stream)
        kept = list(said.filter(_UNFINISHED).values_list("pk", flat=True))
        said.filter(pk__in=kept).update(parent=None)
        said.exclude(pk__in=kept).delete()
    parent_id = None if clear else stream.head_id
    reply = Message.objects.create(thread=stream, parent_id=parent_id, role=Message.Role.ASSISTANT)
    run = Run(thread=stream, reply=reply, hub=mailbox, started_at=Now(), heartbeat_at=Now())
    run.save(force_insert=True)
    Thread.objects.filter(pk=stream.pk).update(head=reply, updated_at=Now())
    return run, live


@in_database
def _store_stop(viewer: Viewer, name: str) -> Run | None:
    stream = viewer.find_stream(name)
    run = get_run(stream)
    return run if run is not None and journal.request_stop(run.pk) else None


@in_database
def _load(viewer: Viewer, name: str) -> StreamState:
    run = get_run(viewer.find_stream(name))
    if run is None:
        return StreamState(status="initial")
    return StreamState(
        status=get_status(run), result=run.get_result(), run_id=run.pk, error_reference=run.error_reference
    )
