"""Somebody presses Stop: here, in another tab, without script, before the first token."""

import asyncio
import time

import pytest

from .conftest import Measured
from .people import Person, Tab
from .provider import Provider
from .stored import Stored

AT_MOST_SECONDS = 0.5
DRIP = "Count slowly. fault:slow-drip;n=400;delay=0.05"
SILENCE = "Think first. fault:hang-after-headers"
NOTHING_AT_ALL = "Do not even begin. fault:hang-before-headers"


class Watch:
    """Sees when the provider's connection is closed."""

    def __init__(self, provider: Provider, fault: str) -> None:
        self.provider = provider
        self.fault = fault

    async def begin(self) -> None:
        """From now on a connection that closes counts."""
        self._before = (await self.provider.get_stats(self.fault))["aborted"]

    async def wait(self) -> float:
        """Wait until one has been closed; after how many seconds."""
        return await self.provider.until(self.fault, lambda stats: stats["aborted"] > self._before)


async def check_stopped(tabs: list[Tab], stored: Stored, *, kept: str) -> None:
    """What everybody sees afterwards, and what is stored."""
    for tab in tabs:
        await tab.until(lambda page: page.state == "stopped" and page.cursors == {})
    thread_id = tabs[0].thread_id
    fresh = await tabs[0].person.load(thread_id)
    assert fresh.text.startswith(kept)
    assert [tab.page.thread for tab in tabs] == [fresh.thread] * len(tabs)
    assert [sum(frame.count('chat-state value="stopped"') for frame in tab.frames) for tab in tabs] == [1] * len(tabs)
    assert [(run.state, run.is_finished) for run in stored.runs(thread_id)] == [("stopped", True)]
    assert stored.messages(thread_id)[-1].text.strip() == fresh.text


@pytest.mark.parametrize("where", ["same tab", "other tab", "form without script"])
async def test_stop_closes_the_providers_connection_and_keeps_the_text(
    person: Person, stored: Stored, provider: Provider, measured: Measured, where: str
) -> None:
    tab = await person.ask(DRIP)
    await tab.until(lambda page: "word9" in page.text)
    other = await person.open(tab.thread_id)
    await other.until(lambda page: len(page.texts) == 2)
    watch = Watch(provider, "slow-drip")
    await watch.begin()

    seen = tab.page.text
    start = time.monotonic()
    if where == "form without script":
        stopping = asyncio.create_task(person.post(f"/chat/{tab.thread_id}/stop/"))
        await watch.wait()
        took = time.monotonic() - start
        assert (await stopping).status == 303
    else:
        await (tab if where == "same tab" else other).stop()
        await watch.wait()
        took = time.monotonic() - start

    measured(f"stop, {where}", took, "s", at_most=AT_MOST_SECONDS)
    await check_stopped([tab, other], stored, kept=seen)


@pytest.mark.parametrize("question", [SILENCE, NOTHING_AT_ALL], ids=["after the headers", "before the headers"])
async def test_stop_before_the_first_token_closes_the_connection_too(
    person: Person, stored: Stored, provider: Provider, measured: Measured, question: str
) -> None:
    fault = question.partition("fault:")[2]
    before = (await provider.get_stats(fault))["requests"]
    tab = await person.ask(question)
    await tab.until(lambda page: page.state == "streaming")
    await provider.until(fault, lambda stats: stats["requests"] > before)
    watch = Watch(provider, fault)
    await watch.begin()

    start = time.monotonic()
    await tab.stop()
    await watch.wait()

    measured("stop before the first token", time.monotonic() - start, "s", at_most=AT_MOST_SECONDS)
    await check_stopped([tab], stored, kept="")
    assert (await provider.get_stats(fault))["requests"] == before + 1


async def test_the_next_message_can_be_sent_at_once(person: Person, stored: Stored) -> None:
    tab = await person.ask(DRIP)
    await tab.until(lambda page: "word3" in page.text)

    await tab.stop()
    await tab.until(lambda page: page.state == "stopped")
    await tab.post("And now? fault:ok")
    await tab.until_ended("complete", answers=2)

    assert [run.state for run in stored.runs(tab.thread_id)] == ["stopped", "complete"]
    assert tab.page.notices == []
    assert tab.page.thread == (await person.load(tab.thread_id)).thread


async def test_stop_pressed_many_times_in_many_places_is_one_stop(person: Person, stored: Stored) -> None:
    tab = await person.ask(DRIP)
    other = await person.open(tab.thread_id)
    await tab.until(lambda page: "word3" in page.text)

    presses = [each.stop() for each in (tab, other) for _ in range(5)]
    answers = [person.post(f"/chat/{tab.thread_id}/stop/") for _ in range(5)]
    await asyncio.gather(*presses, *answers)

    await check_stopped([tab, other], stored, kept="word0")


async def test_stop_when_nothing_is_said_changes_nothing(person: Person, stored: Stored) -> None:
    tab = await person.ask("Hello. fault:ok")
    await tab.until_ended()
    before = stored.messages(tab.thread_id), stored.runs(tab.thread_id)

    await tab.stop()
    answer = await person.post(f"/chat/{tab.thread_id}/stop/")

    assert answer.status == 303
    assert (stored.messages(tab.thread_id), stored.runs(tab.thread_id)) == before
    assert tab.is_open
