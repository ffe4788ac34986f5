"""Clients that open a socket and never read from it, while megabytes of frames are due."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final
from uuid import UUID, uuid4

import aiohttp

from tests.site import Process, Site

from .conftest import Measured
from .people import Person
from .wire import Wire

QUESTION: Final = "Read me the whole book. fault:big-delta"
ROUNDS: Final = 6
DUE_BYTES: Final = 4_000_000
CLIENTS: Final = 10
MEGABYTE: Final = 1_000_000

_END: Final = re.compile(r'innerHTML:#m-([0-9a-f-]+)-foot"><chat-state value="complete"')
_STEP: Final = re.compile(r'innerHTML:#chat-cursor">[0-9a-f-]+:(\d+)<')


class Reader:
    """A client that reads and acknowledges everything at once, and looks at nothing: it costs this process little."""

    def __init__(self, person: Person, thread_id: UUID) -> None:
        self.received = 0
        self._ended: set[str] = set()
        self._news = asyncio.Event()
        self._person = person
        self._url = f"{person.site.url}/ws/chatapp/threads/{thread_id}/"

    async def __aenter__(self) -> "Reader":
        headers = {"Origin": self._person.site.url}
        self.socket = await self._person.http.ws_connect(self._url, headers=headers, max_msg_size=0)
        await self.send(type="resume", cursors={})
        self._task = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *exception: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self.socket.close()

    async def send(self, **frame: object) -> None:
        """Send a frame."""
        await self.socket.send_str(json.dumps(frame))

    async def until_answered(self, count: int) -> None:
        """Wait until so many answers have been given."""
        async with asyncio.timeout(30):
            while len(self._ended) < count:
                await self._news.wait()
                self._news.clear()

    async def _read(self) -> None:
        seen = 0
        async for message in self.socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                self.received += len(message.data)
                self._ended.update(_END.findall(message.data))
                seen = max(map(int, _STEP.findall(message.data)), default=seen)
                await self.send(type="ack", seq=seen)
                self._news.set()


@asynccontextmanager
async def watch_memory(process: Process) -> AsyncIterator[list[int]]:
    """The resident memory of a process, looked at all the time."""
    seen = [process.get_memory_bytes()]

    async def look() -> None:
        while True:
            seen.append(process.get_memory_bytes())
            await asyncio.sleep(0.02)

    task = asyncio.create_task(look())
    yield seen
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def converse(person: Person, *, others: int, read: bool) -> tuple[int, int]:
    """A conversation of ROUNDS answers that `others` have open too: highest memory of the server, bytes that came."""
    thread_id = uuid4()
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(Reader(person, thread_id))
        for _ in range(others):
            if read:
                await stack.enter_async_context(Reader(person, thread_id))
            else:
                wire = await Wire.open(person, thread_id)
                stack.push_async_callback(wire.close)
                await wire.send(json.dumps({"type": "resume", "cursors": {}}).encode())
                wire.pause()
        async with watch_memory(person.site.processes[0]) as memory:
            await one.send(type="post", text=QUESTION, client_id=str(uuid4()))
            await one.until_answered(1)
            # Tried again, and not asked again: what the model is sent does not grow.
            for number in range(2, ROUNDS + 1):
                answer = await person.post(f"/chat/{thread_id}/retry/")
                assert answer.status == 303
                await one.until_answered(number)
        return max(memory), one.received


async def test_a_client_that_never_reads_costs_the_server_two_megabytes_at_most_and_nobody_else_waits(
    site: Site, newcomer: Callable[[Site], Person], measured: Measured
) -> None:
    person = await newcomer(site).sign_up()
    # Twice: what is allocated for those that come first is there for all that come later.
    conversations = [await converse(person, others=CLIENTS, read=True) for _ in range(2)]
    with_readers, received = max(conversations)

    with_deaf_ones, received_beside_them = await converse(person, others=CLIENTS, read=False)

    assert received > DUE_BYTES
    assert received_beside_them > DUE_BYTES
    growth = (with_deaf_ones - with_readers) / CLIENTS / MEGABYTE
    measured(f"memory for a client that never reads, {site.server}", growth, "MB", at_most=2)


async def test_who_begins_to_read_again_has_everything(person: Person) -> None:
    tab = await person.open()
    wire = await Wire.open(person, tab.thread_id)
    await wire.send(json.dumps({"type": "resume", "cursors": {}}).encode())
    wire.pause()
    await tab.post(QUESTION)
    await tab.until_ended()
    await wire.close()

    back = await person.open(tab.thread_id)
    await back.until(lambda page: page.cursors == {})

    assert back.page.thread == tab.page.thread
