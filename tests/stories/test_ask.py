"""Somebody asks in a terminal: `manage.py chatapp_ask`, as a process of its own. See also tests/test_asking.py."""

import asyncio
import os
import pty
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from tests.faults.exchange import HELLO
from tests.site import ROOT, Site

from .provider import Provider
from .stored import Stored

PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


class Shell:
    """Calls the command on a site that nobody serves. Its one person is "ada"."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.stored = Stored(site)

    async def start(self, *arguments: str, **streams: Any) -> asyncio.subprocess.Process:
        """Begin; what is typed and printed goes through pipes, unless other streams are given."""
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), asyncio.subprocess.PIPE)
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "manage.py", "chatapp_ask", *arguments),
            **{**pipes, **streams},
            cwd=ROOT,
            env=self.site.env,
        )

    async def call(self, *arguments: str, typed: str = "") -> Done:
        """Call it, with this piped in, to its end."""
        process = await self.start(*arguments)
        async with asyncio.timeout(PATIENCE_SECONDS):
            out, err = await process.communicate(typed.encode())
        assert process.returncode is not None
        return Done(process.returncode, out.decode(), err.decode())

    def get_threads(self) -> list[UUID]:
        """All that are stored, the newest first."""
        rows = self.stored.query("SELECT id FROM chatapp_thread ORDER BY created_at DESC")
        return [UUID(row[0]) for row in rows]


class Person:
    """Somebody at a terminal of their own."""

    def __init__(self, fd: int, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.seen = ""
        self._fd = fd
        self._news = asyncio.Event()
        asyncio.get_running_loop().add_reader(fd, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._fd, 65_536)
        except OSError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._fd)
        self.seen += data.decode()
        self._news.set()

    async def sees(self, pattern: str) -> None:
        """Wait until this is on the screen, below what was waited for before."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while (found := re.search(pattern, self.seen)) is None:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"{pattern!r} never came; on the screen is {self.seen!r}") from None
        self.seen = self.seen[found.end() :]

    def types(self, text: str) -> None:
        """Press these keys."""
        os.write(self._fd, text.encode())

    async def leaves(self) -> int:
        """Wait for the end; its exit code."""
        return await asyncio.wait_for(self.process.wait(), PATIENCE_SECONDS)


@pytest.fixture(scope="module")
def ask_site(provider: Provider, empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A database with one person, and a provider."""
    site = Site(folder=tmp_path_factory.mktemp("ask"), chatapp={}, env=provider.env)
    shutil.copy(empty_database, site.folder / "db.sqlite3")
    site.sign_in(["ada"])
    return site


@pytest.fixture
def shell(ask_site: Site) -> Shell:
    """A shell on that site."""
    return Shell(ask_site)


@pytest_asyncio.fixture
async def sit_down(shell: Shell) -> AsyncIterator[Callable[..., Any]]:
    """Begins the command at a terminal."""
    people: list[tuple[int, asyncio.subprocess.Process]] = []

    async def begin(*arguments: str) -> Person:
        ours, theirs = pty.openpty()
        process = await shell.start(*arguments, stdin=theirs, stdout=theirs, stderr=theirs)
        people.append((ours, process))
        os.close(theirs)
        return Person(ours, process)

    yield begin
    for fd, process in people:
        asyncio.get_running_loop().remove_reader(fd)
        os.close(fd)
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_question_is_answered_and_the_conversation_is_stored(shell: Shell) -> None:
    done = await shell.call("Hello? fault:ok")
    (thread, *_) = shell.get_threads()
    again = await shell.call("--thread", str(thread), "--user", "ada", typed="And now?\nfault:echo\n")

    assert (done.code, done.out, done.err) == (0, f"{HELLO}\n", "")
    assert (again.code, again.out, again.err) == (0, "And now?\nfault:echo\n", "")
    assert [message.text for message in shell.stored.messages(thread)] == [
        "Hello? fault:ok",
        HELLO,
        "And now?\nfault:echo",
        "And now?\nfault:echo",
    ]


async def test_the_first_words_come_before_the_end_and_ctrl_c_closes_the_connection(
    shell: Shell, provider: Provider
) -> None:
    before = (await provider.get_stats("hang-mid-stream"))["aborted"]
    process = await shell.start("Go on and on. fault:hang-mid-stream")
    assert process.stdout

    first = await asyncio.wait_for(process.stdout.read(6), PATIENCE_SECONDS)
    process.send_signal(signal.SIGINT)
    await provider.until("hang-mid-stream", lambda stats: stats["aborted"] > before)
    rest, err = await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)

    (run,) = shell.stored.runs(shell.get_threads()[0])
    assert (first + rest, err) == (b"Hello \n", b"Stopped.\n")
    assert (process.returncode, run.state, run.is_finished) == (130, "stopped", True)


async def test_a_conversation_at_a_terminal(sit_down: Callable[..., Any], shell: Shell) -> None:
    person = await sit_down("--assistant", "teller")

    await person.sees("> ")
    person.types("refund\n")
    await person.sees("Allow Refund an order?")
    await person.sees(r'"order_number": 17')
    await person.sees(r"\? ")
    person.types("perhaps\n")
    await person.sees("Please choose one of the options.")
    person.types("y\n")
    await person.sees("✓ refund: Refunded 17.")
    await person.sees(r"All done\.\r\n> ")
    person.types("count_parcels\n")
    await person.sees("Go on")
    await person.sees(r"\? ")
    person.process.send_signal(signal.SIGINT)
    await person.sees(r"Stopped\..*\r\n> ")
    person.types("find_parcel\n")
    await person.sees(r"17 is in Bern for ada\.")
    await person.sees(r"All done\.\r\n> ")
    person.types("\x04")

    assert await person.leaves() == 0
    assert len(shell.stored.messages(shell.get_threads()[0])) == 6


async def test_ctrl_c_at_a_terminal_stops_the_answer_then_the_conversation(sit_down: Callable[..., Any]) -> None:
    person = await sit_down()

    await person.sees("> ")
    person.types("Go on and on. fault:hang-mid-stream\n")
    await person.sees("Hello ")
    person.process.send_signal(signal.SIGINT)
    await person.sees(r"Stopped\..*\r\n> ")
    person.types("And now? fault:thinking\n")
    await person.sees("\x1b\\[2mThe person")
    await person.sees(f"{HELLO}\r\n> ")
    person.process.send_signal(signal.SIGINT)

    assert await person.leaves() == 130
