"""The stream over HTTP, as server-sent events, where websockets are blocked. The same follower, the same frames."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.views.decorators.http import require_GET

from chatapp import finding, protocol
from chatapp.conf import settings
from chatapp.runs.follower import Follower, Frame, Gone, Unhandled, read_revision
from chatapp.runs.hub import get_hub

from .access import private

HEARTBEAT_SECONDS: Final = 15.0
"""Longest silence: proxies cut what is silent for longer."""

MAX_BYTES: Final = 512 * 1024
"""What one response carries. An event source does not acknowledge, so the response ends here, and the browser comes
back with its cursor: no server buffers more than this for a client that does not read."""


@private
@require_GET
async def live(request: HttpRequest, thread_id: UUID) -> HttpResponseBase:
    """Follow a thread. `?last=<message>` and `?cursor=<run>:<seq>` (or Last-Event-ID) say what the page has."""
    user = await request.auser()
    has_begun = await finding.ahas_begun(user, thread_id)
    if has_begun is None:
        raise finding.not_found()
    visit, menu = request.GET.get("visit"), request.GET.get("menu")
    follower = Follower(
        get_hub(),
        user=user,
        thread_id=thread_id,
        is_new=not has_begun,
        visit=visit,
        menu=menu,
        revision=read_revision(request.GET.getlist("revision")),
        has_list="alone" not in request.GET,
    )
    resume(follower, request)
    return stream_events(follower, request.session.session_key)


def stream_events(follower: Follower, session: str | None) -> StreamingHttpResponse:
    """What the follower yields, as server-sent events, as long as this session lasts."""
    response = StreamingHttpResponse(_write_events(follower, session), content_type="text/event-stream")
    response["X-Accel-Buffering"] = "no"
    return response


async def _write_events(follower: Follower, session: str | None) -> AsyncIterator[str]:
    hub = get_hub()
    ended = asyncio.Event()

    def end(ended_session: str = "-") -> None:
        if ended_session in ("-", session):
            ended.set()

    follower.on_sign_out, follower.on_drain = end, end
    await hub.join(follower)
    frames = follower.frames()
    size, begun = 0, time.monotonic()
    try:
        yield "retry: 1000\n\n"
        # Closed by name: it may be waiting for the next frame, and `frames` cannot be closed under its hands.
        async with aclosing(_with_heartbeats(frames, ended)) as beats:
            async for frame in beats:
                if frame is None:
                    yield ": \n\n"
                else:
                    size += len(frame.html)
                    yield _write_event(frame, follower.last)
                if size > MAX_BYTES or time.monotonic() - begun > settings.SESSION_CHECK_SECONDS:
                    return  # The browser comes back at once, and is asked anew who it is.
    except Gone:
        yield f"event: close\ndata: {int(protocol.CloseCode.NO_SUCH_THREAD)}\n\n"
    except Unhandled:
        yield f"event: close\ndata: {int(protocol.CloseCode.UNHANDLED)}\n\n"
    finally:
        await frames.aclose()
        await hub.leave(follower)


async def _with_heartbeats(frames: Any, ended: asyncio.Event) -> AsyncGenerator[Frame | None, None]:
    """The frames, and None whenever there was none for HEARTBEAT_SECONDS; until `ended` is set."""
    end = asyncio.ensure_future(ended.wait())
    coming: asyncio.Future[Frame] | None = None
    try:
        while not ended.is_set():
            coming = coming or asyncio.ensure_future(anext(frames))
            done, _ = await asyncio.wait({coming, end}, timeout=HEARTBEAT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if coming in done:
                frame = coming.result()
                coming = None
                yield frame
            elif not done:
                yield None
    finally:
        end.cancel()
        if coming is not None:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)


def _write_event(frame: Frame, last: UUID | None) -> str:
    position = f"id: {frame.run}:{frame.seq}:{last or ''}\n" if frame.run else ""
    lines = "\n".join(f"data: {line}" for line in frame.html.split("\n"))
    return f"{position}{lines}\n\n"


def resume(follower: Follower, request: HttpRequest) -> None:
    """Tell the follower what the page has, as far as it says so."""
    last, cursors = _read_position(request.headers.get("Last-Event-ID") or request.GET.get("cursor", ""))
    follower.resume(cursors, last or _to_uuid(request.GET.get("last", "")))


def _read_position(text: str) -> tuple[UUID | None, dict[UUID, int]]:
    """What an event id of ours, or the page's cursor, says; nothing for anything else."""
    run, _, rest = text.partition(":")
    seq, _, last = rest.partition(":")
    run_id = _to_uuid(run)
    cursors = {run_id: int(seq)} if run_id is not None and seq.isdecimal() and len(seq) < 10 else {}
    return _to_uuid(last), cursors


def _to_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
