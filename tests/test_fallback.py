"""What a person sees when the provider of an assistant fails and another one takes over: two servers, one page."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

import chatapp
from chatapp import actions
from chatapp.providers.base import close_providers
from chatapp.testing import ThreadSocket
from tests.faults.exchange import HELLO
from tests.faults.server import FaultServer
from tests.line import Line

BACKEND = "chatapp.providers.openai.OpenAIProvider"


class Desk(chatapp.Assistant):
    """Asks the provider "main"."""

    provider = "main"
    model = "large"


def configure(line: Line, main: FaultServer, spare: FaultServer, **values: Any) -> None:
    """The assistant asks the one server, and where that fails the other."""
    line.declares(Desk)
    entries = {
        alias: {"BACKEND": BACKEND, "OPTIONS": {"model": f"{alias}-own", "base_url": server.base_url}}
        for alias, server in (("main", main), ("spare", spare))
    }
    line.sets(PROVIDERS={**entries, "main": {**entries["main"], "FALLBACK": ["spare"]}}, **values)


@pytest_asyncio.fixture
async def spare() -> AsyncIterator[FaultServer]:
    """Another server, which answers."""
    async with FaultServer() as server:
        yield server
        await close_providers()


@pytest.mark.parametrize(
    "fault", ["http-401", "http-429-long", "http-429-quota", "html-200", "error-event-first", "whitespace-only"]
)
async def test_a_person_gets_the_answer_of_the_other_provider_and_hears_of_no_failure(
    line: Line, spare: FaultServer, fault: str
) -> None:
    async with FaultServer(always=fault) as main, ThreadSocket(line.owner, line.thread_id) as socket:
        configure(line, main, spare)
        await socket.post("Hello?")
        page = await socket.until(lambda page: page.state == "complete" and not page.cursors)

    run = await line.run()
    assert page.text == HELLO
    assert page.notices == []
    assert (run.state, run.error_code, run.error) == ("complete", "", "")
    assert main.received[0].body["model"] == "large"
    assert spare.received[0].body["model"] == "spare-own"


async def test_what_is_stored_names_who_answered(line: Line, spare: FaultServer) -> None:
    async with FaultServer(always="http-429-long") as main:
        configure(line, main, spare)
        run = await line.answer()

    assert (run.provider, run.model) == ("spare", "spare-own")


async def test_an_answer_that_has_begun_is_never_said_by_two(line: Line, spare: FaultServer) -> None:
    async with FaultServer(always="truncated") as main, ThreadSocket(line.owner, line.thread_id) as socket:
        configure(line, main, spare)
        await socket.post("Hello?")
        page = await socket.until(lambda page: page.state == "failed" and not page.cursors)

    assert page.text != ""
    assert len(spare.received) == 0


async def test_a_stop_while_the_other_one_speaks_leaves_no_connection_open(line: Line, spare: FaultServer) -> None:
    spare.always = "fault:slow-drip;n=400;delay=0.05"
    async with FaultServer(always="http-429-long") as main, ThreadSocket(line.owner, line.thread_id) as socket:
        configure(line, main, spare)
        await socket.post("Count.")
        await socket.until(lambda page: "word3" in page.text)
        await actions.stop(line.owner, line.thread_id)
        await spare.until(lambda: spare.get_stats("slow-drip").aborted == 1)
        page = await socket.until(lambda page: page.state == "stopped" and not page.cursors)

    assert page.text.startswith("word0 word1")
    assert spare.open_connections == 0


async def test_a_stop_while_the_first_one_is_silent_asks_nobody_else(line: Line, spare: FaultServer) -> None:
    async with FaultServer(always="hang-before-headers") as main, ThreadSocket(line.owner, line.thread_id) as socket:
        configure(line, main, spare)
        await socket.post("Hello?")
        await main.until(lambda: main.get_stats("hang-before-headers").in_flight == 1)
        await actions.stop(line.owner, line.thread_id)
        await main.until(lambda: main.get_stats("hang-before-headers").aborted == 1)
        await socket.until(lambda page: page.state == "stopped")

    assert len(spare.received) == 0


async def test_when_both_fail_the_person_reads_one_sentence_and_staff_both_causes(
    line: Line, spare: FaultServer
) -> None:
    spare.always = "fault:http-401"
    async with FaultServer(always="http-429-quota") as main:
        configure(line, main, spare)
        run = await line.answer()

    assert (run.state, run.error_code) == ("failed", "quota")
    assert "main: quota: HTTP 429" in run.error
    assert "spare: refused: HTTP 401" in run.error
