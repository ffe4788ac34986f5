"""An answer from which nothing comes any more is ended, with a reason for staff and a sentence for the person."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

import chatapp
from chatapp.providers.scripted import gate
from chatapp.runs.runner import get_runner
from tests.line import Line


class Clock:
    """Stands still, but for what a test says."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    async def go(self, seconds: float) -> None:
        """Let so much time pass, and have the runs written down as it happens all the time."""
        self.now += seconds
        await get_runner().checkpoint()


@pytest.fixture
async def clock(line: Line) -> Clock:
    """The clock of the runner of this test."""
    runner = get_runner()
    runner._clock = clock = Clock()
    return clock


class Patient(chatapp.Assistant):
    """May be silent for longer than others."""

    slug = "patient"
    stall_seconds = 300


async def test_an_answer_that_stalls_is_ended_with_a_reason(line: Line, clock: Clock) -> None:
    line.sets(STALL_SECONDS=30)
    line.says("So far.", gate("hold"))
    await line.post()
    await line.provider.reached("hold")

    await clock.go(29)
    assert line.ends == []
    await clock.go(2)
    await line.ended()

    run = await line.run()
    assert (str(run.state), run.error_code) == ("failed", "stalled")
    assert run.error == "silent for 30 s (STALL_SECONDS)"
    text, error = await line.parts()
    assert text == chatapp.TextPart(text="So far.")
    assert isinstance(error, chatapp.ErrorPart)
    assert error.message.startswith("Nothing more came for a long time")


async def test_a_handler_that_stalls_is_ended_and_its_finally_runs(line: Line, clock: Clock) -> None:
    cleaned, begun = asyncio.Event(), asyncio.Event()

    async def hangs() -> AsyncIterator[str]:
        try:
            yield "So far."
            begun.set()
            await asyncio.Event().wait()
        finally:
            cleaned.set()

    line.declares(hangs)
    await line.post()
    await begun.wait()

    await clock.go(121)
    await line.ended()

    assert cleaned.is_set()
    assert line.ends[0][1] == "failed"


async def test_whatever_comes_is_a_sign_of_life(line: Line, clock: Clock) -> None:
    line.sets(STALL_SECONDS=30)
    steps: asyncio.Queue[Any] = asyncio.Queue()

    async def works() -> AsyncIterator[Any]:
        while (item := await steps.get()) is not None:
            yield item
            steps.task_done()

    line.declares(works)
    await line.post()
    for item in (chatapp.Status("Busy"), "Text", chatapp.ThinkingDelta("Hm."), chatapp.Usage(input_tokens=1)):
        await clock.go(20)
        await steps.put(item)
        await steps.join()
    await clock.go(20)
    await steps.put(None)
    await line.ended()

    assert line.ends[0][1] == "complete"


async def test_the_time_that_the_person_takes_does_not_count(line: Line, clock: Clock) -> None:
    line.sets(STALL_SECONDS=30)
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def asks(turn: chatapp.Turn) -> AsyncIterator[str]:
        yield await turn.ask("Which way?")
        asked.set()
        await go_on.wait()

    line.declares(asks)
    await line.post()
    question = await line.asked()
    await clock.go(1000)
    clock.now += 1000
    await line.replies("Left", question)
    await asked.wait()
    await clock.go(29)
    assert line.ends == []
    go_on.set()
    await line.ended()

    assert line.ends[0][1] == "complete"


async def test_an_assistant_may_have_more_patience_than_the_site(line: Line, clock: Clock) -> None:
    line.sets(STALL_SECONDS=30)
    line.declares(Patient)
    line.says("So far.", gate("hold"))
    await line.post()
    await line.provider.reached("hold")

    await clock.go(299)
    assert line.ends == []
    await clock.go(2)
    await line.ended()

    assert (await line.run()).error_code == "stalled"


def test_no_patience_at_all_is_refused_when_it_is_registered() -> None:
    class Hasty(chatapp.Assistant):
        stall_seconds = 0

    with pytest.raises(ValueError, match="stall_seconds must be more than 0, or None, not 0"):
        Hasty()
