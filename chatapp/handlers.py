"""Call a function of any shape and iterate what it gives. The only file that asks whether a callable is sync or async.

`respond` may be a function, a coroutine function, a generator or an async generator; it may return a string, a part, an
event, an iterable or an async iterable of these, or nothing. What it returns and nobody knows is shown as its `str()`;
what it yields must be known. It may take `turn`, or any of the named arguments of `ARGUMENTS`, or none.
"""

import asyncio
import contextvars
import inspect
import threading
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import Any, Final, TypeVar

from asgiref.sync import sync_to_async
from django.db import connections

from chatapp.mappers import is_foreign, is_slow, map_foreign, map_returned
from chatapp.parts import Part

ARGUMENTS: Final = ("turn", "text", "messages", "config", "attachments")
"""Names a `respond` may take. All but `turn` are attributes of the turn."""

_END: Final = object()
_Result = TypeVar("_Result")


def check_arguments(
    respond: Callable[..., Any], where: str, *, known: Sequence[str] = ARGUMENTS, name: str = "respond"
) -> tuple[str, ...]:
    """The names that `respond` takes, in order, without `self`; `name` is what it is called.

    Raises TypeError that says which names would be right, so that a typo fails when the assistant is registered and not
    when the first person writes.
    """
    names: list[str] = []
    for taken, parameter in inspect.signature(respond).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if taken in known:
            names.append(taken)
        elif parameter.default is parameter.empty:
            raise TypeError(f"{where}: {name}() takes {taken!r}, which is not known; it may take {', '.join(known)}")
    return tuple(names)


def get_values(names: Iterable[str], turn: Any) -> dict[str, Any]:
    """The arguments for these names, taken from the turn."""
    return {name: turn if name == "turn" else getattr(turn, name) for name in names}


async def call(function: Callable[..., _Result], *args: Any, **kwargs: Any) -> Any:
    """The result of a function of either colour; a sync one runs in a thread, so that it may use the ORM and block."""
    if inspect.iscoroutinefunction(function):
        return await function(*args, **kwargs)
    return await sync_to_async(function, thread_sensitive=True)(*args, **kwargs)


async def iterate(respond: Callable[..., Any], arguments: Mapping[str, Any]) -> AsyncGenerator[Any, None]:
    """Everything that `respond` says, one yield after the other, whatever its shape.

    When the caller closes this generator, or is cancelled, `respond` is closed too and its `finally` blocks run: those
    of an async one at its next await, of a sync one at its next yield.
    """
    if inspect.isasyncgenfunction(respond):
        said: Any = respond(**arguments)
    elif inspect.iscoroutinefunction(respond):
        said = await respond(**arguments)
    elif inspect.isgeneratorfunction(respond):
        said = respond(**arguments)
    else:
        said = await sync_to_async(_call_in_thread, thread_sensitive=False)(respond, arguments)
        if inspect.isawaitable(said):
            said = await said
    # Closed by name: `async for` alone would leave that to the garbage collector, after the caller has gone on.
    async with aclosing(walk(said)) as items:
        async for item in items:
            for piece in await resolve(item):
                yield piece


async def resolve(item: Any) -> list[Any]:
    """The item, or what it means if its mapper takes so long that it wants a thread."""
    if isinstance(item, str) or not is_slow(item):
        return [item]
    meant = await sync_to_async(map_foreign, thread_sensitive=False)(item)
    return meant if isinstance(meant, list) else [meant]


def _call_in_thread(respond: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    try:
        return respond(**arguments)
    finally:
        # Nobody else looks after the connections of this thread: kept, they would go stale.
        connections.close_all()


@dataclass(frozen=True, slots=True)
class Returned:
    """What a function gave back, apart from what it yielded before."""

    value: Any


async def perform(function: Callable[..., Any], arguments: Mapping[str, Any]) -> AsyncGenerator[Any, None]:
    """Everything that the function yields, if it does, and last what it gives back, as Returned.

    An async generator gives nothing back. A sync function of any kind has a thread of its own, which nobody waits for
    when the caller closes this generator or is cancelled. See iterate for what is closed then.
    """
    if inspect.isasyncgenfunction(function):
        async with aclosing(function(**arguments)) as items:
            async for item in items:
                yield item
    elif inspect.iscoroutinefunction(function):
        yield Returned(await function(**arguments))
    else:
        async with aclosing(_walk_in_thread(_call_as_generator(function, arguments))) as items:
            async for item in items:
                if isinstance(item, Returned) and inspect.isawaitable(item.value):
                    item = Returned(await item.value)
                yield item


def _call_as_generator(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Iterator[Any]:
    given = function(**arguments)
    yield Returned((yield from given) if inspect.isgenerator(given) else given)


async def walk(said: Any) -> AsyncGenerator[Any, None]:
    """What was given, one item after the other: a string or a part is one, an iterable of either colour is many."""
    if said is None:
        return
    if isinstance(said, str | Part | Mapping) or is_foreign(said):  # Some foreign objects can be iterated, to no avail.
        yield said
    elif isinstance(said, AsyncIterable):
        iterator = aiter(said)
        try:
            async for item in iterator:
                yield item
        finally:
            if isinstance(iterator, AsyncGenerator):
                await iterator.aclose()
    elif isinstance(said, Iterable):
        async with aclosing(_walk_in_thread(iter(said))) as items:
            async for item in items:
                yield item
    else:
        yield map_returned(said)


async def _walk_in_thread(iterator: Iterator[Any]) -> AsyncGenerator[Any, None]:
    """Iterate in one thread of its own: a sync generator may block, and may use the ORM's connection of its thread."""
    context = contextvars.copy_context()
    thread = _Thread()

    def take_next() -> Any:
        return context.run(next, iterator, _END)

    try:
        while (item := await asyncio.wrap_future(thread.submit(take_next))) is not _END:
            yield item
    finally:
        # Queued behind a `next` that may still be running; the generator gets GeneratorExit in its own thread.
        thread.submit(context.run, _close, iterator)
        thread.end()


class _Thread:
    """A thread that does one thing after the other. Nobody waits for it: for those of a pool the process waits before
    it ends, and code that hangs would keep it for ever."""

    def __init__(self) -> None:
        self._work: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        threading.Thread(target=self._run, name="chatapp-respond", daemon=True).start()

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        """What the function gives, once it was its turn."""
        future: Future[Any] = Future()
        self._work.put((future, partial(function, *args)))
        return future

    def end(self) -> None:
        """Let it end after what it was given."""
        self._work.put(None)

    def _run(self) -> None:
        while (item := self._work.get()) is not None:
            future, function = item
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(function())
                except BaseException as error:
                    future.set_exception(error)
            del item, future, function  # or what was said last would live until something is said again


def _close(iterator: Iterator[Any]) -> None:
    try:
        if inspect.isgenerator(iterator):
            iterator.close()
    finally:
        connections.close_all()
