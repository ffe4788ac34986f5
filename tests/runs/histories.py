"""Random histories of a thread: two processes, mail that is lost, readers whose connections are cut, stops, deaths.

What happens in one is said by the test (`act`); here is where it happens, and what must hold at its end: whoever read,
however badly, gets to the page that a fresh load shows. Each is repeatable by its seed.
"""

import asyncio
import difflib
import os
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from unittest import mock
from uuid import UUID, uuid4

from asgiref.sync import sync_to_async
from channels.layers import InMemoryChannelLayer

from chatapp import actions, answering, branching, rating
from chatapp.models import Message, Run, Thread
from chatapp.questions import InputRequest
from chatapp.rendering import renderer
from chatapp.rendering.activity import render_todos
from chatapp.runs import hub as hub_module
from chatapp.runs import journal, transcript
from chatapp.runs.follower import Follower
from chatapp.runs.hub import Hub
from chatapp.runs.runner import Runner
from chatapp.testing import Page
from chatapp.todos import load_todos

DAY = timedelta(days=1)
HISTORIES = int(os.environ.get("CHATAPP_EXAMPLES", "60"))
FIRST_SEED = int(os.environ.get("CHATAPP_SEED", "1"))

SETTINGS: Final = {
    "TITLES": "words",
    "LIMITS": False,
    "FLUSH_SECONDS": 0.0001,
    "WATCH_SECONDS": 0.05,
    "CHECKPOINT_SECONDS": 0.05,
    "SHOW_USAGE": "cost",
    "PRICES": {"script": {"input": 1, "output": 2}},
}
"""Everything in a history takes milliseconds."""


class LossyLayer(InMemoryChannelLayer):  # type: ignore[misc]  # channels has no types
    """Loses a share of everything."""

    def __init__(self, chance: random.Random, share: float) -> None:
        super().__init__()
        self._chance, self._share = chance, share

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        if self._chance.random() >= self._share:
            await super().send(channel, message)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        if self._chance.random() >= self._share:
            await super().group_send(group, message)


class Reader:
    """A tab: a page and, while it is connected, a follower in one of the processes."""

    def __init__(self, chance: random.Random, hubs: list[Hub], user: Any, thread_id: UUID) -> None:
        self._chance, self._hubs, self._user, self._thread_id = chance, hubs, user, thread_id
        self.page = Page()

    async def begin(self) -> None:
        """Have the page with which it begins: an empty one."""

    async def reload(self) -> None:
        """Load the page anew."""
        self.page = await self.load()

    async def load(self) -> Page:
        """The page as a fresh load shows it."""
        return Page(await draw_page(self._thread_id))

    async def follow(self, hub: Hub) -> Follower:
        """Who follows the thread for it in this process."""
        return Follower(hub, user=self._user, thread_id=self._thread_id)

    def show(self, page: Page) -> str:
        """What of a page must be equal after all: the log, and the plan above the composer."""
        return page.thread + page.html_of("chat-todos")

    async def live(self) -> None:
        """Connect, read, be cut off, again and again. Cancelled by the history."""
        while True:
            if self._chance.random() < 0.2:
                await self.reload()
            await self.connect(self._chance.randint(0, 12))
            for _ in range(self._chance.randint(0, 5)):
                await asyncio.sleep(0)

    async def connect(self, frames: int) -> None:
        """Take so many frames; the one after them is lost with the connection."""
        hub = self._chance.choice(self._hubs)
        follower = await self.follow(hub)
        await hub.join(follower)
        cursors = {UUID(run): seq for run, seq in self.page.cursors.items()}
        follower.resume(cursors, UUID(self.page.last) if self.page.last else None)
        try:
            async with aclosing(follower.frames()) as coming:
                async for frame in coming:
                    if frames == 0:
                        return
                    self.page.apply(frame.html)
                    frames -= 1
                    for _ in range(self._chance.choice([0, 0, 0, 1, 20])):
                        await asyncio.sleep(0)  # a slow reader: steps pile up
        finally:
            await hub.leave(follower)

    async def catch_up(self) -> str:
        """Connect for good; where the page differs from a fresh one, "" nowhere. Raises what ended the connection."""
        expected = self.show(await self.load())
        reading = asyncio.ensure_future(self.connect(10_000))
        try:
            async with asyncio.timeout(10):
                while self.show(self.page) != expected:
                    done, _ = await asyncio.wait({reading}, timeout=0.01)
                    if done:
                        reading.result()
                        return show_difference(expected, self.show(self.page))
        except TimeoutError:
            return show_difference(expected, self.show(self.page))
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        return ""


@sync_to_async
def draw_page(thread_id: UUID) -> str:
    """A fresh page of this thread."""
    thread = Thread.objects.select_related("owner").filter(pk=thread_id).first()
    live = transcript.get_live_run(thread) if thread else None
    views = transcript.load_views(thread, transcript.get_path(thread), user=thread.owner) if thread else []
    html = renderer.render_messages(views, thread_id=thread_id)
    cursors = f"{live.pk}:0" if live else ""
    todos = render_todos(load_todos(thread.todos) if thread else ())
    empty = '<h1 id="chat-title"></h1><p id="chat-action"></p><div id="chat-threads"></div><div id="chat-undo"></div>'
    empty += f'<div id="chat-greeting"></div><div id="chat-todos">{todos}</div>'
    return f'<i id="chat-cursor">{cursors}</i>{empty}<div id="chat-thread">{html}</div>'


def show_difference(expected: str, found: str) -> str:
    """Where two documents differ, tag by tag."""
    reloaded, streamed = (text.replace("<", "\n<").splitlines() for text in (expected, found))
    return "\n".join(difflib.unified_diff(reloaded, streamed, "reloaded", "streamed", n=2, lineterm=""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Where a history happens: one thread, two processes, and chance."""

    chance: random.Random
    user: Any
    hubs: list[Hub]
    runners: list[Runner]
    thread_id: UUID = field(default_factory=uuid4)

    @contextmanager
    def at(self, place: int) -> Iterator[None]:
        """What is done in the block is done in this process."""
        with (
            mock.patch.object(actions, "get_hub", return_value=self.hubs[place]),
            mock.patch.object(answering, "get_hub", return_value=self.hubs[place]),
            mock.patch.object(branching, "get_hub", return_value=self.hubs[place]),
            mock.patch.object(rating, "get_hub", return_value=self.hubs[place]),
            mock.patch.object(actions, "get_runner", return_value=self.runners[place]),
        ):
            yield

    async def is_answering(self) -> bool:
        """Whether a run of the thread is unfinished."""
        return await Run.objects.filter(thread_id=self.thread_id, finished_at__isnull=True).aexists()

    async def find_open(self) -> InputRequest | None:
        """The question that is open, as it is stored."""
        message = (
            await Message.objects.filter(thread_id=self.thread_id, role="assistant").order_by("created_at").alast()
        )
        parts = message.load_parts() if message else []
        return next((part for part in parts if isinstance(part, InputRequest) and part.is_open), None)

    async def pause(self, most: int) -> None:
        """Let the others have a few turns."""
        for _ in range(self.chance.randint(0, most)):
            await asyncio.sleep(0)

    async def kill(self, place: int) -> None:
        """The process ends without a word, and somebody looks after the lease."""
        runner, hub = self.runners[place], self.hubs[place]
        for feed in list(hub.feeds.values()):
            hub.feeds.pop(feed.run_id)
        for live in list(runner._live.values()):
            assert live.task is not None
            live.is_ending = True
            live.task.cancel()
        runner._live.clear()
        with mock.patch.object(journal, "timedelta", return_value=-1 * DAY):
            await journal.asweep(self.thread_id)


async def play(
    seed: int,
    user: Any,
    act: Callable[[Scene], Awaitable[None]],
    *,
    most: int,
    reader: type[Reader] = Reader,
    settle: Callable[[Scene], Awaitable[None]] | None = None,
) -> Page:
    """One history of up to `most` acts, and its end: each reader gets to the page of a fresh load, which comes back.

    `settle` is awaited after the acts, while the readers still come and go.
    """
    chance = random.Random(seed)
    layer = LossyLayer(chance, chance.choice([0, 0, 0.1, 0.5]))
    with mock.patch.object(hub_module, "get_channel_layer", return_value=layer):
        hubs = [Hub(), Hub()]
        for hub in hubs:
            await hub.open()
        scene = Scene(chance=chance, user=user, hubs=hubs, runners=[Runner(hub) for hub in hubs])
        readers = [reader(chance, hubs, user, scene.thread_id) for _ in range(chance.randint(1, 3))]
        for each in readers:
            await each.begin()
        tasks = [asyncio.ensure_future(each.live()) for each in readers]
        try:
            for _ in range(chance.randint(1, most)):
                await act(scene)
            if settle is not None:
                await settle(scene)
        finally:
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
    for end in ends:
        if not isinstance(end, asyncio.CancelledError):
            raise AssertionError(f"seed {seed}: a reader failed") from (end if isinstance(end, Exception) else None)
    try:
        for each in readers:
            if difference := await each.catch_up():
                runs = [run async for run in Run.objects.filter(thread_id=scene.thread_id).values("pk", "state", "seq")]
                where = f"seed {seed}: the page stands at {each.page.cursors}, stored is {runs}"
                raise AssertionError(f"{where}\n{difference}")
            assert each.page.missed == [], f"seed {seed}"
        return await readers[0].load()
    finally:
        for runner, hub in zip(scene.runners, hubs, strict=True):
            await runner.drain(0)
            await hub.close()
