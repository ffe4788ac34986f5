"""Two processes whose channel layer loses everything, or is down: pages become right all the same, only later."""

import asyncio
import time
from collections.abc import Callable, Iterator

import pytest
import pytest_asyncio

from tests.site import Site

from .conftest import HERE, THERE, Measured, StartSite, find_failures
from .people import Person, Tab
from .provider import Provider
from .stored import Stored
from .test_reload_in_mid_answer import ask_for, count_tokens
from .test_stop import DRIP, Watch

WATCH_SECONDS = 1.0
A_LOOK_SECONDS = 1.5
"""A look at the database and a frame, on a busy machine."""

LATE = WATCH_SECONDS + A_LOOK_SECONDS


@pytest.fixture(scope="module", params=["DeafLayer", "DownLayer"])
def site(request: pytest.FixtureRequest, start_site: StartSite) -> Iterator[Site]:
    """Two processes that cannot hear each other."""
    env = {"SITE_LAYER": f"tests.stories.layers.{request.param}"}
    site = start_site("uvicorn", processes=2, env=env, WATCH_SECONDS=WATCH_SECONDS)
    yield site
    site.end()
    if request.param == "DeafLayer":  # One that is down is a failure, and is logged as one.
        assert find_failures(site.log) == []


@pytest_asyncio.fixture
async def person(site: Site, newcomer: Callable[[Site], Person]) -> Person:
    """Somebody with a fresh account."""
    return await newcomer(site).sign_up()


async def ask_here_and_look_there(person: Person, question: str) -> tuple[Tab, Tab]:
    """A tab on each process, with an answer that has begun."""
    here = await person.ask(question, place=HERE)
    there = await person.open(here.thread_id, place=THERE)
    await here.until(lambda page: "word2" in page.text)
    return here, there


async def test_a_page_elsewhere_shows_the_question_and_the_answer_soon_after(
    person: Person, stored: Stored, measured: Measured
) -> None:
    here = await person.open(place=HERE)
    there = person.tab(here.thread_id, place=THERE, html=here.html)
    await there.connect()

    await here.post(ask_for(80))
    await here.until(lambda page: page.texts)
    start = time.monotonic()
    await there.until(lambda page: page.texts)
    measured("question seen elsewhere without hints", time.monotonic() - start, "s", at_most=LATE)
    await here.until_ended()
    start = time.monotonic()
    await there.until_ended()
    await there.until(lambda page: page.cursors == {})

    measured("answer seen elsewhere without hints", time.monotonic() - start, "s", at_most=LATE)
    fresh = await person.load(here.thread_id)
    assert count_tokens(fresh.text) == 80
    assert here.page.thread == there.page.thread == fresh.thread
    assert fresh.text == stored.messages(here.thread_id)[-1].text.strip()


async def test_stop_elsewhere_still_stops(
    person: Person, stored: Stored, provider: Provider, measured: Measured
) -> None:
    here, there = await ask_here_and_look_there(person, DRIP)
    watch = Watch(provider, "slow-drip")
    await watch.begin()

    start = time.monotonic()
    await there.stop()
    await watch.wait()
    measured("stop elsewhere without hints", time.monotonic() - start, "s", at_most=LATE)
    for tab in (here, there):
        await tab.until(lambda page: page.state == "stopped" and page.cursors == {})

    fresh = await person.load(here.thread_id)
    assert here.page.thread == there.page.thread == fresh.thread
    assert [(run.state, run.is_finished) for run in stored.runs(here.thread_id)] == [("stopped", True)]


async def test_a_thread_deleted_elsewhere_is_gone_soon_after(
    person: Person, stored: Stored, provider: Provider
) -> None:
    here, there = await ask_here_and_look_there(person, DRIP)
    watch = Watch(provider, "slow-drip")
    await watch.begin()

    await person.post(f"/chat/{here.thread_id}/delete/", place=THERE)

    assert set(await asyncio.gather(here.until_closed(LATE), there.until_closed(LATE))) == {4404}
    await watch.wait()
    assert [run.state for run in stored.runs(here.thread_id)] == ["stopped"]


async def test_a_title_given_elsewhere_is_seen_soon_after(person: Person) -> None:
    here, there = await ask_here_and_look_there(person, "Count. fault:slow-drip;n=5")
    await asyncio.gather(here.until_ended(), there.until_ended())

    await person.post(f"/chat/{here.thread_id}/rename/", {"title": "Counting to five"}, place=THERE)

    await here.until(lambda page: ">Counting to five<" in page.html_of("chat-title"), LATE)


async def test_who_signs_out_elsewhere_gets_no_more_of_the_answer(
    site: Site, person: Person, stored: Stored, newcomer: Callable[[Site], Person]
) -> None:
    visitor = await newcomer(site).sign_in(person)
    tab = await visitor.ask(DRIP, place=HERE)
    await tab.until(lambda page: "word2" in page.text)

    await visitor.post("/accounts/logout/", place=THERE)

    assert await tab.until_closed(LATE) == 4401
    assert [run.state for run in stored.runs(tab.thread_id)] == ["running"]
    await person.post(f"/chat/{tab.thread_id}/stop/")


async def test_the_next_message_is_answered_wherever_it_is_sent(person: Person, stored: Stored) -> None:
    here, there = await ask_here_and_look_there(person, "Count. fault:slow-drip;n=5")
    await asyncio.gather(here.until_ended(), there.until_ended())

    await there.post("And now? fault:ok")
    await asyncio.gather(here.until_ended(answers=2), there.until_ended(answers=2))

    assert [run.state for run in stored.runs(here.thread_id)] == ["complete", "complete"]
    fresh = await person.load(here.thread_id)
    await here.until(lambda page: page.thread == fresh.thread)
    await there.until(lambda page: page.thread == fresh.thread)
