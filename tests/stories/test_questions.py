"""An assistant asks the person in mid-answer: in one process it waits, in the other one somebody answers."""

import asyncio
import signal
import time
from typing import Any

import pytest

from tests.site import Site

from .conftest import HERE, LEASE_SECONDS, THERE, Measured
from .people import Person, Tab
from .stored import Stored

FORM = 'form="chat-answer"'


@pytest.fixture
def site(pair: Site) -> Site:
    """Two processes, HERE and THERE."""
    return pair


async def ask(person: Person, kind: str = "buttons") -> Tab:
    """A tab, HERE, in which the assistant waits for an answer."""
    tab = await person.open(place=HERE, assistant="asker")
    await tab.post(kind)
    await tab.until(lambda page: page.state == "waiting")
    return tab


def get_question(stored: Stored, tab: Tab) -> dict[str, Any]:
    """The question as it is stored."""
    return stored.messages(tab.thread_id)[-1].parts[1]


@pytest.mark.parametrize("way", ["frame", "form"])
async def test_a_question_asked_here_is_answered_there(
    person: Person, stored: Stored, measured: Measured, way: str
) -> None:
    here = await ask(person)
    there = await person.open(here.thread_id, place=THERE)
    await there.until(lambda page: page.state == "waiting" and FORM in page.thread)
    waiting = await person.load(here.thread_id, place=THERE)
    request = get_question(stored, here)["id"]

    start = time.monotonic()
    if way == "frame":
        await there.send(type="answer", request=request, value="No")
    else:
        fields = {"request": request, "value": "No"}
        assert (await person.post(f"/chat/{here.thread_id}/answer/", fields, place=THERE)).status == 303
    tabs = [here, there]
    await asyncio.gather(*(tab.until_ended() for tab in tabs))
    took = time.monotonic() - start
    await asyncio.gather(*(tab.until(lambda page: page.cursors == {}) for tab in tabs))

    measured(f"an answer from another process, {way}", took, "s", at_most=1.0)
    fresh = await person.load(here.thread_id)
    assert FORM in waiting.thread
    assert FORM not in fresh.thread
    assert fresh.text == "Before.\nYou said No."
    assert [tab.page.thread for tab in tabs] == [fresh.thread] * 2
    assert get_question(stored, here)["answer"] == "No"
    assert [(run.state, run.is_finished) for run in stored.runs(here.thread_id)] == [("complete", True)]


async def test_answers_in_both_processes_at_once_are_one_answer(person: Person, stored: Stored) -> None:
    here = await ask(person)
    there = await person.open(here.thread_id, place=THERE)
    path, request = f"/chat/{here.thread_id}/answer/", get_question(stored, here)["id"]

    sent = [(value, place) for value in ("Yes", "No") for place in (HERE, THERE)] * 2
    answers = await asyncio.gather(
        *(person.post(path, {"request": request, "value": value}, place=place) for value, place in sent)
    )
    await asyncio.gather(here.until_ended(), there.until_ended())

    assert sorted(answer.status for answer in answers) == [303, *[409] * (len(sent) - 1)]
    winner = next(value for (value, _), answer in zip(sent, answers, strict=True) if answer.status == 303)
    assert get_question(stored, here)["answer"] == winner
    assert here.page.text == there.page.text == f"Before.\nYou said {winner}."


async def test_stop_there_while_it_waits_here(person: Person, stored: Stored) -> None:
    here = await ask(person)
    there = await person.open(here.thread_id, place=THERE)

    await there.stop()
    await asyncio.gather(*(tab.until(lambda page: page.state == "stopped") for tab in (here, there)))

    fresh = await person.load(here.thread_id)
    assert FORM not in fresh.thread
    assert here.page.thread == there.page.thread == fresh.thread
    assert get_question(stored, here)["state"] == "cancelled"


async def test_when_the_process_that_waits_is_killed_the_question_stays_without_a_form(
    site: Site, person: Person, stored: Stored
) -> None:
    here = await ask(person)
    there = await person.open(here.thread_id, place=THERE)
    await there.until(lambda page: page.state == "waiting")
    request = get_question(stored, here)["id"]

    site.processes[HERE].send(signal.SIGKILL)
    site.processes[HERE].wait()
    await there.until(lambda page: page.state == "interrupted", LEASE_SECONDS + 5)
    fields = {"request": request, "value": "Yes"}
    late = await person.post(f"/chat/{here.thread_id}/answer/", fields, place=THERE)

    fresh = await person.load(here.thread_id, place=THERE)
    assert late.status == 409
    assert there.page.thread == fresh.thread
    assert "Which way?" in fresh.thread
    assert FORM not in fresh.thread
    site.start(HERE)
