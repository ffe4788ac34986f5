"""The socket door: a command in, a fragment out.

Two short jobs. `receive` turns a frame into an action and is done; it never waits for an answer, so Stop and disconnect
are heard at once. The pump sends what the follower yields, no faster than the page acknowledges.
"""

import asyncio
import logging
import time
from collections import deque
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, Final
from urllib.parse import parse_qs
from uuid import UUID

from channels.consumer import get_handler_name
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.contrib.auth import get_user
from django.utils.translation import gettext as _

from chatapp import actions, answering, branching, finding, protocol, queueing
from chatapp.conf import settings
from chatapp.errors import Refused
from chatapp.models.calls import in_database
from chatapp.origins import is_own_origin
from chatapp.protocol import BadFrame, CloseCode
from chatapp.rendering.renderer import render_notice, render_taken
from chatapp.runs.follower import Follower, Frame, Gone, Unhandled, read_revision
from chatapp.runs.hub import get_hub
from chatapp.runs.runner import get_runner

logger = logging.getLogger("chatapp.sockets")

MAX_BAD_FRAMES: Final = 20
"""Frames in a row that cannot be understood, before the socket is closed."""

STALL_SECONDS: Final = 1.0
"""Pause between frames to a page that has not acknowledged what is under way."""

STALL_WINDOWS: Final = 3
"""How many windows (MAX_UNACKNOWLEDGED_BYTES) may be under way at that slow pace; then nothing more is sent."""


class ThreadConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels has no types
    """One open page of one thread."""

    # The hub has the process's one mailbox; a channel for each socket would cost a layer delivery each.
    channel_layer_alias = "chatapp-has-none"

    async def connect(self) -> None:
        """Accept, also to close at once what may not be here: only then does the page learn the reason."""
        self._pump: asyncio.Task[None] | None = None
        self._follower: Follower | None = None
        self._closing = False
        self._bad_frames = 0
        self._window = Window()
        self._frames = Meter()
        self._checked_at = time.monotonic()
        self._thread_id = UUID(self.scope["url_route"]["kwargs"]["thread_id"])
        query = parse_qs(self.scope.get("query_string", b"").decode())
        self._assistant = (query.get("assistant") or [""])[0]
        self._is_temporary = "temporary" in query
        visit, menu = (query.get("visit") or [None])[0], (query.get("menu") or [None])[0]
        revision = read_revision(query.get("revision", []))
        refusal, has_begun = await self._enter()
        await self.accept()
        if refusal is not None:
            return await self._refuse(refusal)
        hub = get_hub()
        if settings.LIMITS and hub.count_readers(str(self._user.pk)) >= settings.SOCKETS_PER_PERSON:
            return await self._refuse(CloseCode.TOO_MANY)
        self._follower = Follower(
            hub,
            user=self._user,
            thread_id=self._thread_id,
            is_new=not has_begun,
            visit=visit,
            menu=menu,
            revision=revision,
            has_list="alone" not in query,
        )
        self._follower.on_sign_out = self._on_sign_out
        self._follower.on_drain = self._on_drain
        await hub.join(self._follower)
        self._pump = asyncio.get_running_loop().create_task(self._run_pump(self._follower))
        if get_runner().is_draining:
            self._on_drain()  # It came too late to be told with the others.

    async def _enter(self) -> tuple[CloseCode | None, bool]:
        """Why the page may not be here, if so; and whether its thread has begun."""
        if not is_own_origin(self.scope):
            return CloseCode.FOREIGN_ORIGIN, False
        self._user, has_begun = await _find_user_and_thread(*self._get_session(), self._thread_id)
        if self._user is None:
            return CloseCode.SIGNED_OUT, False
        if has_begun is None:
            return CloseCode.NO_SUCH_THREAD, False
        return None, has_begun

    async def disconnect(self, code: int) -> None:
        """The page is gone; what is being said goes on without it."""
        self._closing = True
        # Taken out: both know this consumer, and a frame that was under way would wait for a search for cycles.
        pump, self._pump = self._pump, None
        follower, self._follower = self._follower, None
        if pump is not None:
            pump.cancel()
            await asyncio.gather(pump, return_exceptions=True)
        if follower is not None:
            await get_hub().leave(follower)

    async def dispatch(self, message: dict[str, Any]) -> None:
        """As Channels does, but without its look at old connections: each call into the database gives them back."""
        await getattr(self, get_handler_name(message))(message)

    async def websocket_disconnect(self, message: dict[str, Any]) -> None:
        """As Channels does, again without the look at old connections; and this socket is in no groups."""
        await self.disconnect(message["code"])
        raise StopConsumer

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """One frame in. Whatever it is, the socket stays open and nothing is raised."""
        if self._follower is None or self._closing:
            return
        try:
            frame = self._parse(text_data)
        except BadFrame as error:
            self._bad_frames += 1
            if self._bad_frames >= MAX_BAD_FRAMES:
                return await self._refuse(CloseCode.NONSENSE)
            if settings.LIMITS and not self._frames.has_room(settings.FRAMES_PER_MINUTE):
                return await self._refuse(CloseCode.TOO_MANY)
            return self._follower.notify(render_notice(str(error)))
        self._bad_frames = 0
        if frame.is_counted and settings.LIMITS and not self._frames.has_room(settings.FRAMES_PER_MINUTE):
            return await self._refuse(CloseCode.TOO_MANY)
        try:
            await self._do(frame, self._follower)
        except Refused as error:
            refused = str(frame.client_id) if isinstance(frame, protocol.Post | protocol.Edit) else ""
            self._follower.notify(render_notice(str(error), refused=refused))
        except Exception:
            logger.exception("frame %s of thread %s failed", frame.type, self._thread_id)
            refused = str(frame.client_id) if isinstance(frame, protocol.Post | protocol.Edit) else ""
            sentence = _("That could not be done. Please try again.")
            self._follower.notify(render_notice(sentence, level="error", refused=refused))

    def _parse(self, text: str | None) -> protocol.Frame:
        if text is None:
            raise BadFrame(_("The page sent something that is not text."))
        if len(text) > settings.MAX_FRAME_BYTES or len(text.encode(errors="replace")) > settings.MAX_FRAME_BYTES:
            limit = settings.MAX_FRAME_BYTES // 1024
            raise BadFrame(_("That was too long: at most %(limit)s KiB can be sent at once.") % {"limit": limit})
        return protocol.parse_frame(text)

    async def _do(self, frame: protocol.Frame, follower: Follower) -> None:
        if isinstance(frame, protocol.Ack):
            return self._window.acknowledge(frame.seq)
        # What changes nothing may rely on the last answer for a while.
        is_write = not isinstance(frame, protocol.Resume)
        if (is_write or self._is_check_due) and not await self._is_still_allowed():
            return await self._refuse(CloseCode.SIGNED_OUT)
        match frame:
            case protocol.Resume():
                follower.resume(frame.cursors, frame.last)
            case protocol.Post():
                posted = await actions.post_message(
                    self._user,
                    self._thread_id,
                    text=frame.text,
                    client_id=frame.client_id,
                    assistant=self._assistant,
                    attachments=frame.attachments,
                    mentions=frame.mentions,
                    temporary=self._is_temporary,
                )
                if not posted.is_shown:
                    follower.notify(render_taken(frame.client_id, posted.notice, posted.download))
            case protocol.Stop():
                await actions.stop(self._user, self._thread_id)
            case protocol.Retry():
                await actions.retry(self._user, self._thread_id, frame.message, model=frame.model)
            case protocol.Edit():
                await branching.edit_message(
                    self._user, self._thread_id, frame.message, text=frame.text, client_id=frame.client_id
                )
            case protocol.Answer():
                await answering.answer(self._user, self._thread_id, frame.request, frame.value)
            case protocol.Unqueue():
                await queueing.unqueue(self._user, self._thread_id, frame.message)

    # ---- the pump

    async def _run_pump(self, follower: Follower) -> None:
        frames = follower.frames()
        try:
            async for frame in frames:
                if self._is_check_due and not await self._is_still_allowed():
                    return await self._refuse(CloseCode.SIGNED_OUT)
                await self._window.wait_for_room(len(frame.html))
                self._window.sent(frame)
                try:
                    await self.send(text_data=frame.html)
                except (OSError, RuntimeError):
                    return  # How uvicorn and daphne say that the page has gone; `disconnect` comes next.
        except Gone:
            await self._refuse(CloseCode.NO_SUCH_THREAD)
        except Unhandled:
            await self._refuse(CloseCode.UNHANDLED)
        except asyncio.CancelledError:
            raise
        except Exception:
            if not self._closing:
                logger.exception("the pump of thread %s failed", self._thread_id)
                await self._refuse(CloseCode.COME_BACK)
        finally:
            await frames.aclose()

    # ---- who is there

    @property
    def _is_check_due(self) -> bool:
        """Whether nobody has asked for SESSION_CHECK_SECONDS if the person is still signed in."""
        return time.monotonic() - self._checked_at >= settings.SESSION_CHECK_SECONDS

    async def _is_still_allowed(self) -> bool:
        """Whether the person is still signed in."""
        self._checked_at = time.monotonic()
        user = await _afind_user(*self._get_session())
        return user is not None and user.pk == self._user.pk

    def _get_session(self) -> tuple[type, str | None]:
        """The class of the site's sessions and the key of this one."""
        session = self.scope.get("session")
        return session.__class__, getattr(session, "session_key", None)

    def _on_sign_out(self, session: str) -> None:
        if session in ("-", self.scope["session"].session_key):
            get_hub().spawn(self._refuse(CloseCode.SIGNED_OUT))

    def _on_drain(self) -> None:
        get_hub().spawn(self._refuse(CloseCode.COME_BACK))

    async def _refuse(self, code: CloseCode) -> None:
        if not self._closing:
            self._closing = True
            with suppress(OSError, RuntimeError):  # The page was faster.
                await self.close(code=int(code))


def _find_user(store: type, key: str | None) -> Any:
    """The active person of this session, read anew; None if it has ended or its password was changed."""
    if not key:
        return None
    user = get_user(SimpleNamespace(session=store(session_key=key)))  # type: ignore[arg-type]  # all it reads is .session
    return user if user.is_authenticated and user.is_active else None


_afind_user = in_database(_find_user)


@in_database
def _find_user_and_thread(store: type, key: str | None, thread_id: UUID) -> tuple[Any, bool | None]:
    user = _find_user(store, key)
    return user, None if user is None else finding.has_begun(user, thread_id)


class Window:
    """What is under way to a page that has not acknowledged it, bounded.

    A server cannot see whether a client reads: daphne buffers without limit. So at most MAX_UNACKNOWLEDGED_BYTES go out
    unacknowledged; beyond that, one frame in STALL_SECONDS up to STALL_WINDOWS times as much, for clients that read and
    do not acknowledge; beyond that nothing, until the page says that it has seen something.
    """

    def __init__(self) -> None:
        self._sent: deque[tuple[UUID | None, int, int]] = deque()
        self._run: UUID | None = None
        self.size = 0
        """Bytes under way (characters; model text is mostly ASCII)."""
        self._seen = asyncio.Event()

    def sent(self, frame: Frame) -> None:
        """A frame goes out."""
        self._run = frame.run or self._run
        self._sent.append((self._run, frame.seq, len(frame.html)))
        self.size += len(frame.html)

    def acknowledge(self, seq: int) -> None:
        """The page has seen everything up to step `seq` of the run that it follows."""
        last = -1
        for at, (run, number, _size) in enumerate(self._sent):
            if number <= seq or run != self._run:
                last = at
        for _number in range(last + 1):
            self.size -= self._sent.popleft()[2]
        self._seen.set()

    async def wait_for_room(self, size: int) -> None:
        """Wait until so much may go out."""
        limit = settings.MAX_UNACKNOWLEDGED_BYTES
        while self.size and self.size + size > limit:
            self._seen.clear()
            is_hopeless = self.size + size > STALL_WINDOWS * limit
            try:
                async with asyncio.timeout(None if is_hopeless else STALL_SECONDS):
                    await self._seen.wait()
            except TimeoutError:
                return


class Meter:
    """Counts what happens in a minute: a bucket that fills evenly and holds a minute's worth."""

    def __init__(self) -> None:
        self._level = 0.0
        self._at = time.monotonic()

    def has_room(self, per_minute: int) -> bool:
        """Count one more, if it fits."""
        now = time.monotonic()
        self._level = max(0.0, self._level - (now - self._at) * per_minute / 60)
        self._at = now
        if self._level + 1 > per_minute:
            return False
        self._level += 1
        return True
