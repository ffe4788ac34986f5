"""A model calls tools behind real processes: rounds, then text; a person who allows elsewhere; a process that dies."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import REDIS_URL
from tests.site import Site

from .conftest import HERE, LEASE_SECONDS, THERE, StartSite, find_failures
from .people import Person, Tab
from .provider import Provider
from .stored import Stored
from .test_questions import FORM

pytestmark = [pytest.mark.needs_postgres, pytest.mark.needs_redis]


@pytest.fixture(scope="module")
def site(start_site: StartSite, postgres: str, provider: Provider) -> Iterator[Site]:
    """Two processes, HERE and THERE, that ask the faulty provider."""
    env = {"DATABASE_URL": postgres, "REDIS_URL": REDIS_URL, **provider.env}
    site = start_site("uvicorn", processes=2, env=env, LEASE_SECONDS=LEASE_SECONDS, TITLES="off")
    yield site
    site.end()


@pytest.fixture(autouse=True)
def _nothing_fails_unseen(site: Site) -> Iterator[None]:
    before = len(site.log)
    yield
    assert find_failures(site.log[before:]) == []


def get_parts(stored: Stored, tab: Tab, kind: str) -> list[dict[str, Any]]:
    """The parts of this kind of the last answer, as they are stored."""
    return [part for part in stored.messages(tab.thread_id)[-1].parts if part["kind"] == kind]


async def use(person: Person, tool: str) -> Tab:
    """A tab, HERE, in which the assistant waits for its person in the middle of this tool, or before it."""
    tab = await person.open(place=HERE, assistant="teller")
    await tab.post(tool)
    await tab.until(lambda page: page.state == "waiting" and FORM in page.thread)
    return tab


async def test_two_rounds_of_tools_and_then_text(person: Person, stored: Stored) -> None:
    tab = await person.open(assistant="clerk")
    await tab.post("Where are they? fault:tools")
    await tab.until_ended()
    await tab.until(lambda page: page.cursors == {})

    name = person.name
    fresh = await person.load(tab.thread_id)
    assert tab.page.state == "complete"
    assert tab.page.thread == fresh.thread
    found = f"17 is in Bern for {name}. 18 is in Bern for {name}. 19 is in Bern for {name}."
    assert fresh.text == f"One moment.\nFound: {found}"
    calls = get_parts(stored, tab, "tool")
    assert [(call["arguments"]["order_number"], call["state"], call["round"]) for call in calls] == [
        (17, "done", 1),
        (18, "done", 2),
        (19, "done", 2),
    ]
    assert [(run.state, run.is_finished) for run in stored.runs(tab.thread_id)] == [("complete", True)]


async def test_a_tool_that_is_asked_for_here_is_allowed_there(person: Person, stored: Stored) -> None:
    here = await use(person, "refund")
    there = await person.open(here.thread_id, place=THERE)
    await there.until(lambda page: page.state == "waiting" and FORM in page.thread)
    (card,) = get_parts(stored, here, "approval")

    fields = {"request": card["id"], "value": "allow"}
    answers = await asyncio.gather(
        *(person.post(f"/chat/{here.thread_id}/answer/", fields, place=place) for place in (HERE, THERE, THERE))
    )
    await asyncio.gather(here.until_ended(), there.until_ended())
    await asyncio.gather(*(tab.until(lambda page: page.cursors == {}) for tab in (here, there)))

    assert sorted(answer.status for answer in answers) == [303, 409, 409]
    (decided,) = get_parts(stored, here, "approval")
    (call,) = get_parts(stored, here, "tool")
    assert (decided["answer"], decided["decided_by"]) == ("allow", person.name)
    assert (call["state"], call["result"]) == ("done", "Refunded 17.")
    fresh = await person.load(here.thread_id)
    assert FORM not in fresh.thread
    assert [tab.page.thread for tab in (here, there)] == [fresh.thread] * 2


async def test_nobody_else_can_allow_it_and_neither_can_a_forged_form(
    site: Site, person: Person, newcomer: Callable[[Site], Person], stored: Stored
) -> None:
    tab = await use(person, "refund")
    stranger = await newcomer(site).sign_up()
    (card,) = get_parts(stored, tab, "approval")
    path, fields = f"/chat/{tab.thread_id}/answer/", {"request": card["id"], "value": "allow"}

    refused = [
        (await stranger.post(path, fields)).status,
        (await person.post(path, {**fields, "csrfmiddlewaretoken": "forged"})).status,
        (await person.post(path, {**fields, "value": "allow everything"})).status,
        (await person.post(path, {**fields, "request": card["id"][:-1] + "x"})).status,
    ]

    assert refused == [404, 403, 422, 409]
    assert get_parts(stored, tab, "tool") == []
    await tab.stop()
    await tab.until(lambda page: page.state == "stopped")
    assert get_parts(stored, tab, "approval")[0]["state"] == "cancelled"


async def test_of_a_tool_whose_process_was_killed_the_outcome_is_not_known_and_it_is_not_run_again(
    site: Site, person: Person, stored: Stored
) -> None:
    here = await use(person, "count_parcels")
    there = await person.open(here.thread_id, place=THERE)
    await there.until(lambda page: page.state == "waiting")
    assert get_parts(stored, here, "tool")[0]["state"] == "running"

    site.processes[HERE].send(signal.SIGKILL)
    site.processes[HERE].wait()
    await there.until(lambda page: page.state == "interrupted", LEASE_SECONDS + 5)

    fresh = await person.load(here.thread_id, place=THERE)
    assert there.page.thread == fresh.thread
    assert "outcome not known" in fresh.thread
    assert [run.state for run in stored.runs(here.thread_id)] == ["interrupted"]
    site.start(HERE)
