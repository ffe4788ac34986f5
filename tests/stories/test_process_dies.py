"""The server process is killed, or asked to end, while it answers."""

import asyncio
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator

import pytest
import pytest_asyncio

from tests.site import Site

from .conftest import SERVERS, Measured, StartSite, find_failures
from .people import Person, Tab
from .provider import Provider
from .stored import Stored
from .test_reload_in_mid_answer import count_tokens
from .test_stop import DRIP

LEASE_SECONDS, DRAIN_SECONDS = 3, 2
SECONDS_FOR_A_TOKEN = 0.05
LOST_AT_MOST_SECONDS = 1.0
ON_ITS_WAY_SECONDS = 0.3  # A flush, a frame and a checkpoint that was being written, on a busy machine.


@pytest.fixture(params=SERVERS)
def site(request: pytest.FixtureRequest, start_site: StartSite) -> Iterator[Site]:
    """A site of one's own, to be killed."""
    site = start_site(request.param, LEASE_SECONDS=LEASE_SECONDS, DRAIN_SECONDS=DRAIN_SECONDS)
    yield site
    site.end()
    assert find_failures(site.log) == []


@pytest_asyncio.fixture
async def person(site: Site, newcomer: Callable[[Site], Person]) -> Person:
    """Somebody with a fresh account."""
    return await newcomer(site).sign_up()


def is_ready(site: Site) -> bool:
    """Whether the site says that it can work."""
    try:
        with urllib.request.urlopen(f"{site.url}/readyz", timeout=2) as answer:  # noqa: S310  # our own address
            return bool(answer.status == 200)
    except urllib.error.HTTPError as error:
        error.close()
        return False
    except OSError:  # It does not even listen.
        return False


async def wait_until_just_before_a_checkpoint(tab: Tab, stored: Stored) -> None:
    """The worst moment to be killed: found from the distance of two checkpoints, whatever it is."""
    counts = [0]
    while len(counts) < 4:
        await stored.until(lambda: count_tokens(stored.messages(tab.thread_id)[-1].said) > counts[-1])
        counts.append(count_tokens(stored.messages(tab.thread_id)[-1].said))
    due = counts[-1] + counts[-1] - counts[-2]
    await tab.until(lambda page: count_tokens(page.text) >= due - 2)


async def test_a_killed_process_loses_a_second_of_text_at_most_and_the_answer_can_be_tried_again(
    site: Site, person: Person, stored: Stored, measured: Measured
) -> None:
    tabs = [await person.ask(DRIP) for _ in range(3)]
    await wait_until_just_before_a_checkpoint(tabs[0], stored)
    site.processes[0].send(signal.SIGKILL)
    site.processes[0].wait()
    killed = time.monotonic()
    await asyncio.gather(*(tab.until_closed() for tab in tabs))
    seen = [count_tokens(tab.page.text) for tab in tabs]

    await asyncio.to_thread(site.start)
    ended = []
    for tab in tabs:
        await tab.connect()
        await tab.until(lambda page: page.state == "interrupted", LEASE_SECONDS + 10)
        ended.append(time.monotonic() - killed)

    assert min(ended) > LEASE_SECONDS - 1.5, "nobody knew so soon"
    measured("interrupted after a kill and a restart", max(ended), "s", at_most=LEASE_SECONDS + 10)
    for tab, known in zip(tabs, seen, strict=True):
        fresh = await person.load(tab.thread_id)
        assert tab.page.thread == fresh.thread
        lost = (known - count_tokens(fresh.text)) * SECONDS_FOR_A_TOKEN
        measured("text lost by a kill", lost, "s", at_most=LOST_AT_MOST_SECONDS + ON_ITS_WAY_SECONDS)
        assert [(run.state, run.is_finished) for run in stored.runs(tab.thread_id)] == [("interrupted", True)]
        assert stored.messages(tab.thread_id)[-1].text.strip() == fresh.text
    assert stored.count_live() == 0

    await tabs[0].retry()
    await tabs[0].until(lambda page: page.state == "streaming" and "word3" in page.text)
    await tabs[0].stop()
    await tabs[0].until(lambda page: page.state == "stopped")
    assert stored.count_live() == 0


@pytest.mark.parametrize("site", ["uvicorn"], indirect=True)
async def test_a_page_loaded_after_the_lease_says_interrupted_without_anybody_watching(
    site: Site, person: Person, stored: Stored
) -> None:
    tab = await person.ask(DRIP)
    await tab.until(lambda page: count_tokens(page.text) >= 25)
    site.processes[0].send(signal.SIGKILL)
    site.processes[0].wait()
    killed = time.monotonic()
    await tab.until_closed()
    await asyncio.to_thread(site.start)

    started = time.monotonic()
    while (page := await person.load(tab.thread_id)).state != "interrupted":
        assert page.state == "streaming"  # For all that anybody can know.
        assert time.monotonic() < max(killed + LEASE_SECONDS, started) + 3

    assert [run.state for run in stored.runs(tab.thread_id)] == ["interrupted"]
    assert count_tokens(page.text) > 0


async def test_a_process_that_is_asked_to_end_lets_answers_finish_and_stores_the_rest(
    site: Site, person: Person, stored: Stored, provider: Provider, measured: Measured
) -> None:
    short = await person.ask("Be brief. fault:slow-drip;n=40;delay=0.05")
    long = await person.ask(DRIP)
    for tab in (short, long):
        await tab.until(lambda page: "word20" in page.text)
    aborted = (await provider.get_stats("slow-drip"))["aborted"]
    assert is_ready(site)

    process = site.processes[0]
    process.send(signal.SIGTERM)
    start = time.monotonic()
    codes = await asyncio.gather(short.until_closed(2), long.until_closed(2))
    assert not await asyncio.to_thread(is_ready, site)
    exit_code = await asyncio.to_thread(process.wait, 20)

    measured("end after SIGTERM, beyond the drain", time.monotonic() - start - DRAIN_SECONDS, "s", at_most=5)
    assert set(codes) <= {1012, 4012}
    assert exit_code in (0, -signal.SIGTERM)
    assert [[(run.state, run.is_finished) for run in stored.runs(tab.thread_id)] for tab in (short, long)] == [
        [("complete", True)],
        [("interrupted", True)],
    ]
    assert count_tokens(stored.messages(short.thread_id)[-1].text) == 40
    assert count_tokens(stored.messages(long.thread_id)[-1].text) >= 21 + DRAIN_SECONDS / SECONDS_FOR_A_TOKEN * 0.5
    # A server hears of it when it writes the next token.
    await provider.until("slow-drip", lambda stats: stats["aborted"] == aborted + 1)

    await asyncio.to_thread(site.start)
    for tab, state in ((short, "complete"), (long, "interrupted")):
        await tab.connect()
        await tab.until_ended(state)
        assert tab.page.thread == (await person.load(tab.thread_id)).thread


async def test_a_process_that_has_nothing_to_do_ends_at_once(site: Site, person: Person, measured: Measured) -> None:
    tab = await person.ask("Hello. fault:ok")
    await tab.until_ended()

    start = time.monotonic()
    site.processes[0].send(signal.SIGTERM)
    code = await tab.until_closed(5)
    await asyncio.to_thread(site.processes[0].wait, 20)

    measured("end after SIGTERM with nothing to do", time.monotonic() - start, "s", at_most=5)
    assert code in (1012, 4012)


async def test_a_page_that_follows_over_http_does_not_hold_the_end_up(
    site: Site, person: Person, measured: Measured
) -> None:
    tab = await person.ask("Hello. fault:ok")
    await tab.until_ended()
    async with person.http.get(f"{site.url}/chat/{tab.thread_id}/live/") as response:
        await response.content.readuntil(b"Hello")

        start = time.monotonic()
        site.processes[0].send(signal.SIGTERM)
        await response.content.read()
        await asyncio.to_thread(site.processes[0].wait, 20)

    measured("end after SIGTERM with an event stream", time.monotonic() - start, "s", at_most=5)
