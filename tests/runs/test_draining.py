"""A process ends cleanly: no new work, readers go elsewhere, answers may finish."""

import asyncio
import signal
import sys
from types import ModuleType
from typing import Any
from unittest import mock

import pytest
from django.test import override_settings

import chatapp
from chatapp.providers import base
from chatapp.providers.scripted import PATIENCE_SECONDS, gate
from chatapp.runs.draining import drain, hear_of_the_end, hold_exit_of_daphne
from chatapp.runs.hub import get_hub
from chatapp.runs.runner import get_runner
from tests.line import Line
from tests.runs.test_hub import Tab


async def test_readers_are_sent_away_and_answers_may_finish(line: Line) -> None:
    provider = line.says("So far.", gate("hold"), " Done.")
    tab = Tab()
    await get_hub().join(tab)
    await line.post()
    await provider.reached("hold")

    draining = asyncio.ensure_future(drain())
    await tab.until("away")
    assert get_runner().is_draining
    provider.release("hold")
    await draining

    assert (await line.run()).state == "complete"
    assert await line.parts() == [chatapp.TextPart(text="So far. Done.")]


async def test_what_does_not_finish_in_time_is_interrupted(line: Line) -> None:
    line.sets(DRAIN_SECONDS=0.01)
    provider = line.says("So far.", gate("never"))
    await line.post()
    await provider.reached("never")

    await drain()

    assert (await line.run()).state == "interrupted"
    assert await line.parts() == [chatapp.TextPart(text="So far.")]
    assert provider.open == 0


async def test_nothing_under_way_is_no_wait() -> None:
    with override_settings(CHATAPP={"DRAIN_SECONDS": 1000}):
        async with asyncio.timeout(PATIENCE_SECONDS):
            await drain()


async def test_connections_to_providers_are_closed() -> None:
    with mock.patch.object(base.get_provider(), "aclose") as aclose:
        await drain()

    assert aclose.await_count == 1


class Reactor(ModuleType):
    """As much of Twisted's reactor as daphne's exit needs."""

    def __init__(self, *, running: bool) -> None:
        super().__init__("twisted.internet.reactor")
        self.running = running
        self.triggers: list[Any] = []

    def addSystemEventTrigger(self, phase: str, event: str, function: Any) -> None:  # Twisted's name
        self.triggers.append((phase, event, function))


async def test_daphne_waits_for_the_drain_before_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    reactor = Reactor(running=True)
    monkeypatch.setitem(sys.modules, "twisted.internet.reactor", reactor)

    hold_exit_of_daphne()
    hold_exit_of_daphne()

    ((phase, event, function),) = reactor.triggers
    assert (phase, event) == ("before", "shutdown")
    async with asyncio.timeout(PATIENCE_SECONDS):
        await function().asFuture(asyncio.get_running_loop())
    assert get_runner().is_draining


@pytest.mark.parametrize("running", [True, False])
async def test_a_server_without_a_reactor_is_left_alone(monkeypatch: pytest.MonkeyPatch, running: bool) -> None:
    if running:
        monkeypatch.delitem(sys.modules, "twisted.internet.reactor", raising=False)
        hold_exit_of_daphne()
        return
    reactor = Reactor(running=False)
    monkeypatch.setitem(sys.modules, "twisted.internet.reactor", reactor)

    hold_exit_of_daphne()

    assert reactor.triggers == []


@pytest.fixture
def signals() -> Any:
    """The signals that a server got; its handlers are put back afterwards."""
    got: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda number, frame: got.append(number)) for number in numbers]
    yield got
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_readers_go_as_soon_as_the_signal_comes_and_the_server_hears_it_too(
    signals: list[int], number: signal.Signals
) -> None:
    tab = Tab()
    await get_hub().join(tab)
    hear_of_the_end()

    signal.raise_signal(number)
    await tab.until("away")

    assert signals == [number]
    assert get_runner().is_draining
    await get_hub().leave(tab)
    await get_hub().close()


async def test_outside_the_main_thread_no_signal_is_touched(signals: list[int]) -> None:
    before = signal.getsignal(signal.SIGTERM)

    await asyncio.to_thread(asyncio.run, _hear_in_thread())

    assert signal.getsignal(signal.SIGTERM) is before


async def _hear_in_thread() -> None:
    hear_of_the_end()


async def test_a_signal_that_nobody_handles_in_python_is_left_alone(signals: list[int]) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)

    hear_of_the_end()

    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
