"""Stretches of the message that is being said, which can be said anew: what `message_stream()` gives.

    async with turn.message_stream() as message:
        await message.append("Looking")
        await message.replace("Found it.")

A stretch begins where the message stands when it is entered, and has no end of its own: the message goes on after it.
Inside of another one it is a checkpoint of the same message. Two that do not stand in one another come one after the
other, whoever opens them: the second waits until the first has been left, so that they never interleave, and neither do
the words that the assistant yields meanwhile.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Self, TypeVar

from chatapp.errors import ChatappError
from chatapp.events import Mark, Rewind
from chatapp.handlers import resolve

_Result = TypeVar("_Result")


class Speech:
    """The message of one run while it is being said; whoever runs it gives `say`, which takes what may be yielded."""

    def __init__(self, say: Callable[[Any], Awaitable[None]]) -> None:
        self.lock = asyncio.Lock()
        """Held while a stretch is open, or something is added."""
        self._say: Callable[[Any], Awaitable[None]] | None = say
        self._loop = asyncio.get_running_loop()

    @property
    def speech(self) -> "Speech":
        """Itself, as of every stretch of it."""
        return self

    async def take(self, item: Any) -> None:
        """Add what the assistant has yielded, once nobody else's stretch is open."""
        here = self.find_innermost()
        if not here.lock.locked():
            return await self.say(item)
        async with here.lock:
            await self.say(item)

    async def say(self, item: Any) -> None:
        """Add this now. Raises ChatappError if the message has ended."""
        if self._say is None:
            raise ChatappError("this answer has ended; nothing can be added to it any more")
        await self._say(item)

    def end(self) -> None:
        """From now on nothing can be added."""
        self._say = None  # It holds the message, and memory would wait for a search for cycles.

    def find_innermost(self) -> "Speech | MessageStream":
        """The innermost stretch in which the caller stands; itself if there is none."""
        here = _current.get()
        return here if here is not None and here.speech is self else self

    async def at_home(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """What `work` gives, done in the loop of the run, also for a thread, whose `async_to_sync` has its own."""
        if asyncio.get_running_loop() is self._loop:
            return await work
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    def release(self, lock: asyncio.Lock) -> None:
        """Release a lock of the run's loop, from whichever thread."""
        if asyncio.get_running_loop() is self._loop:
            lock.release()
        else:
            self._loop.call_soon_threadsafe(lock.release)


class MessageStream:
    """A stretch of a message, to be entered with `async with`; see `Turn.message_stream`."""

    def __init__(self, speech: Speech) -> None:
        self.speech = speech
        self.parent: Speech | MessageStream = speech
        self.lock = asyncio.Lock()
        self._mark: Mark | None = None
        self._outside: Speech | MessageStream | None = None

    async def __aenter__(self) -> Self:
        if self._mark is not None:
            raise ChatappError("this stream was entered before; open another one with message_stream()")
        self.parent, self._outside = self.speech.find_innermost(), _current.get()
        await self.speech.at_home(self._begin())
        _current.set(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _current.set(self._outside)
        self._mark = None
        self.speech.release(self.parent.lock)

    async def append(self, *said: Any) -> None:
        """Add whatever may be yielded: strings, parts, events. Raises what yielding it would."""
        await self.speech.at_home(self._say(said))

    async def replace(self, *said: Any) -> None:
        """Say this in place of all that was said since the stream was entered, of whatever kind it was.

        With "" or nothing the message is again what it was then. What stands before is not touched.
        """
        await self.speech.at_home(self._say((Rewind(self._get_mark()), *said)))

    async def _begin(self) -> None:
        await self.parent.lock.acquire()
        try:
            self._mark = Mark()
            await self.speech.say(self._mark)
        except BaseException:
            self.parent.lock.release()
            raise

    async def _say(self, said: tuple[Any, ...]) -> None:
        self._get_mark()
        inside = self._list_inside()
        if not inside:
            async with self.lock:
                return await self._say_now(said)
        # The caller stands in a stretch inside of this one, and must not wait for itself.
        await self._say_now(said)
        for stretch in inside:
            await self.speech.say(stretch._get_mark())  # What it said is said, or gone: it begins here anew.

    async def _say_now(self, said: tuple[Any, ...]) -> None:
        for item in said:
            for piece in await resolve(item):
                await self.speech.say(piece)

    def _get_mark(self) -> Mark:
        if self._mark is None:
            raise ChatappError("this stream is not open; use it inside of `async with … as message`")
        return self._mark

    def _list_inside(self) -> list["MessageStream"]:
        """The stretches inside of this one in which the caller stands, the outermost first."""
        inside = []
        here = self.speech.find_innermost()
        while isinstance(here, MessageStream) and here is not self:
            inside.append(here)
            here = here.parent
        return inside[::-1] if here is self else []


_current: ContextVar[Speech | MessageStream | None] = ContextVar("chatapp_speech", default=None)
"""Where whoever runs at this moment stands: in which message, and in which stretch of it."""


def enter(speech: Speech) -> None:
    """From now on this task, and what it calls and starts, says this message."""
    _current.set(speech)


def message_stream() -> MessageStream:
    """A stretch of the message that is being said, for code that has no turn at hand, such as a tool; see
    Turn.message_stream.

    Raises ChatappError where nothing is being said.
    """
    here = _current.get()
    if here is None:
        raise ChatappError("no answer is being said here; message_stream() is for what an assistant calls")
    return MessageStream(here.speech)
