"""A provider that says what a script tells it to: for tests, and the base of the guide.

    provider = ScriptedProvider(["Hello ", gate("mid"), "world"])
    with replace_provider(provider):
        ...
        await provider.reached("mid")       # "Hello " is out, the stream stands still
        provider.release("mid")

Nothing sleeps: a test waits for what has happened and says when it goes on.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from chatapp.events import Delta, Finish, FinishReason, ModelCall, Usage

from .base import ModelRequest, Provider

PATIENCE_SECONDS: Final = 10.0  # of a test that waits for what never happens


@dataclass(frozen=True, slots=True)
class Gate:
    """A place in a script where the stream stands still until `release(name)`."""

    name: str


def gate(name: str) -> Gate:
    """See Gate."""
    return Gate(name)


def call(name: str, /, *, id: str = "", **arguments: Any) -> ModelCall:
    """The model calls this tool."""
    return ModelCall(name=name, arguments=json.dumps(arguments), id=id)


Item = Delta | Gate | BaseException | type[BaseException]
"""A line of a script: a delta to yield, a gate to wait at, or an exception to raise."""

Script = Iterable[Item] | Callable[[ModelRequest], Iterable[Item]]
"""The same lines for each request, or a function that writes them for one."""


def split_rounds(items: Iterable[Item]) -> list[list[Item]]:
    """One script as one for each request: the model waits for the results of its calls before it says what follows."""
    rounds: list[list[Item]] = [[]]
    for item in items:
        if rounds[-1] and isinstance(rounds[-1][-1], ModelCall) and not isinstance(item, ModelCall | Usage | Finish):
            rounds.append([])
        rounds[-1].append(item)
    return rounds


class ScriptedProvider(Provider):
    """Plays a script for each request: the first for the first one, and so on; the last is played again and again.

    A script that neither raises nor names its Finish ends with `Finish("stop")`, or "tool_calls" after a ModelCall; an
    exception in it plays a failure.
    """

    name = "scripted"
    model = "script"

    def __init__(self, *scripts: Script, script: Script = (), delay: float = 0.0, model: str = "") -> None:
        """`script` is for OPTIONS, where arguments have names; `delay` is the pause before each text, in seconds."""
        super().__init__(model=model)
        self.scripts: list[Script] = [each if callable(each) else tuple(each) for each in scripts or (script,)]
        self.delay = delay

        self.requests: list[ModelRequest] = []
        """Every request, in the order in which its stream was started."""

        self.closed = 0
        """Streams that have ended, however they did."""

        self._happened: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._released: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    @property
    def open(self) -> int:
        """Streams that are under way."""
        return len(self.requests) - self.closed

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Delta, None]:
        script = self.scripts[min(len(self.requests), len(self.scripts) - 1)]
        self.requests.append(request)
        self._happened[f"request {len(self.requests)}"].set()
        reason: FinishReason = "stop"
        try:
            for item in script(request) if callable(script) else script:
                if isinstance(item, Gate):
                    self._happened[f"gate {item.name}"].set()
                    await self._released[item.name].wait()
                elif isinstance(item, BaseException) or (isinstance(item, type) and issubclass(item, BaseException)):
                    raise item
                elif isinstance(item, Finish):
                    yield item
                    return
                else:
                    # Also without a delay, as a network would: the loop has its turn before each delta.
                    await asyncio.sleep(self.delay)
                    reason = "tool_calls" if isinstance(item, ModelCall) else reason
                    yield item
            yield Finish(reason)
        finally:
            self.closed += 1
            self._happened[f"end {self.closed}"].set()

    def release(self, name: str) -> None:
        """Open a gate, for the streams that stand there and for those that come."""
        self._released[name].set()

    async def reached(self, name: str) -> None:
        """Wait until a stream stands at the gate `name`. Raises AssertionError after PATIENCE_SECONDS."""
        await self._until(f"gate {name}")

    async def requested(self, count: int = 1) -> None:
        """Wait until `count` streams were started. See reached."""
        await self._until(f"request {count}")

    async def ended(self, count: int = 1) -> None:
        """Wait until `count` streams have ended and cleaned up. See reached."""
        await self._until(f"end {count}")

    async def _until(self, what: str) -> None:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._happened[what].wait()
        except TimeoutError:
            seen = ", ".join(name for name, event in self._happened.items() if event.is_set()) or "nothing"
            raise AssertionError(f"the script never came to {what!r}; what happened: {seen}") from None
