"""Two server processes on one PostgreSQL and one Redis: what is done in one is seen in the other."""

import asyncio
import signal
import time
from collections.abc import Callable
from uuid import uuid4

import msgpack  # type: ignore[import-untyped]  # it brings no types
import pytest

from chatapp import protocol
from tests.site import Site

from .conftest import HERE, LEASE_SECONDS, THERE, Measured
from .people import Person
from .provider import Provider
from .stored import Stored
from .test_reload_in_mid_answer import ask_for, count_tokens
from .test_stop import AT_MOST_SECONDS, DRIP, Watch, check_stopped


@pytest.fixture
def site(pair: Site) -> Site:
    """Two processes, HERE and THERE."""
    return pair


async def test_an_answer_asked_here_is_followed_there_from_the_middle(person: Person, stored: Stored) -> None:
    here = await person.ask(ask_for(80), place=HERE)
    await here.until(lambda page: count_tokens(page.text) >= 15)

    start = time.monotonic()
    there = await person.open(here.thread_id, place=THERE)
    await there.until(lambda page: count_tokens(page.text) >= 15)
    took = time.monotonic() - start
    second_there = await person.open(here.thread_id, place=THERE)
    tabs = [here, there, second_there]
    await asyncio.gather(*(tab.until_ended() for tab in tabs))
    await asyncio.gather(*(tab.until(lambda page: page.cursors == {}) for tab in tabs))

    pages = [await person.load(here.thread_id, place=place) for place in (HERE, THERE)]
    assert took < 1.0
    assert len(there.frames) > 10, "it came at once and not as a stream"
    assert count_tokens(pages[HERE].text) == 80
    assert {tab.page.thread for tab in tabs} == {page.thread for page in pages} == {pages[HERE].thread}
    assert pages[HERE].text == stored.messages(here.thread_id)[-1].text.strip()
    assert [tab.page.missed for tab in tabs] == [[], [], []]


@pytest.mark.parametrize("fault", ["ok-markdown", "big-delta"])
async def test_what_is_seen_there_is_what_is_seen_here(person: Person, fault: str) -> None:
    here = await person.open(place=HERE)
    there = person.tab(here.thread_id, place=THERE, html=here.html)
    await there.connect()
    await here.post(f"Say it. fault:{fault}")

    await asyncio.gather(here.until_ended(), there.until_ended())
    await asyncio.gather(*(tab.until(lambda page: page.cursors == {}) for tab in (here, there)))

    assert here.page.thread == there.page.thread == (await person.load(here.thread_id)).thread


async def test_stop_there_closes_the_connection_here(
    person: Person, stored: Stored, provider: Provider, measured: Measured
) -> None:
    here = await person.ask(DRIP, place=HERE)
    there = await person.open(here.thread_id, place=THERE)
    await there.until(lambda page: "word9" in page.text)
    seen = there.page.text
    watch = Watch(provider, "slow-drip")
    await watch.begin()

    start = time.monotonic()
    await there.stop()
    await watch.wait()

    measured("stop from another process", time.monotonic() - start, "s", at_most=AT_MOST_SECONDS)
    await check_stopped([here, there], stored, kept=seen)


async def test_an_answer_stopped_here_is_tried_again_there(person: Person, stored: Stored) -> None:
    here = await person.ask(f"{ask_for(60)} again", place=HERE)
    there = await person.open(here.thread_id, place=THERE)
    await here.until(lambda page: "word5" in page.text)
    await here.stop()
    await asyncio.gather(*(tab.until(lambda page: page.state == "stopped") for tab in (here, there)))
    former = there.page.last

    await there.retry()
    await asyncio.gather(*(tab.until(lambda page: page.last != former) for tab in (here, there)))
    await asyncio.gather(here.until_ended(), there.until_ended())

    assert count_tokens(here.page.text) == 60
    assert here.page.thread == there.page.thread == (await person.load(here.thread_id)).thread
    assert [(run.state, run.is_finished) for run in stored.runs(here.thread_id)] == [
        ("stopped", True),
        ("complete", True),
    ]


async def test_a_thread_deleted_there_ends_quietly_here(person: Person, stored: Stored, provider: Provider) -> None:
    here = await person.ask(DRIP, place=HERE)
    there = await person.open(here.thread_id, place=THERE)
    await there.until(lambda page: "word3" in page.text)
    watch = Watch(provider, "slow-drip")
    await watch.begin()

    answer = await person.post(f"/chat/{here.thread_id}/delete/", place=THERE)

    assert answer.status == 303
    assert await watch.wait() < AT_MOST_SECONDS
    assert [await here.until_closed(), await there.until_closed()] == [4404, 4404]
    assert [(await person.get(f"/chat/{here.thread_id}/", place=place)).status for place in (HERE, THERE)] == [404, 404]
    assert [run.state for run in stored.runs(here.thread_id)] == ["stopped"]
    await stored.until(lambda: stored.count_live() == 0)


async def test_signing_out_there_closes_the_sockets_of_that_session_here(
    site: Site, person: Person, newcomer: Callable[[Site], Person]
) -> None:
    here = await person.ask(DRIP, place=HERE)
    elsewhere = await newcomer(site).sign_in(person)
    still_there = await elsewhere.open(here.thread_id, place=HERE)

    answer = await person.post("/accounts/logout/", place=THERE)

    assert answer.status == 302
    assert await here.until_closed(2) == 4401
    seen = still_there.page.text
    await still_there.until(lambda page: page.text != seen)
    await still_there.stop()
    await still_there.until(lambda page: page.state == "stopped")


async def test_one_message_sent_in_both_processes_at_once_is_one_message(
    person: Person, stored: Stored, provider: Provider
) -> None:
    here = await person.open(place=HERE)
    there = person.tab(here.thread_id, place=THERE, html=here.html)
    await there.connect()
    client_id = uuid4()
    before = (await provider.get_stats("ok"))["requests"]

    path, fields = f"/chat/{here.thread_id}/messages/", {"text": "Once. fault:ok", "client_id": str(client_id)}
    frames = [tab.post("Once. fault:ok", client_id) for tab in (here, there) for _ in range(8)]
    forms = [person.post(path, fields, place=place) for place in (HERE, THERE) for _ in range(4)]
    _, answers = await asyncio.gather(asyncio.gather(*frames), asyncio.gather(*forms))
    await asyncio.gather(here.until_ended(), there.until_ended())

    assert {answer.status for answer in answers} == {303}
    assert [message.role for message in stored.messages(here.thread_id)] == ["user", "assistant"]
    assert len(stored.runs(here.thread_id)) == 1
    assert (await provider.get_stats("ok"))["requests"] == before + 1
    assert here.page.notices == there.page.notices == []
    assert here.page.thread == there.page.thread == (await person.load(here.thread_id)).thread


async def test_pages_opened_there_while_the_thread_begins_here_are_let_in(person: Person) -> None:
    here = await person.open(place=HERE)
    tabs = [person.tab(here.thread_id, place=THERE, html=here.html) for _ in range(12)]

    await asyncio.gather(*(tab.connect() for tab in tabs[:4]))
    await asyncio.gather(here.post("Now. fault:ok"), *(tab.connect() for tab in tabs[4:]))
    await asyncio.gather(*(tab.until_ended() for tab in [here, *tabs]))

    fresh = await person.load(here.thread_id)
    assert {tab.page.thread for tab in [here, *tabs]} == {fresh.thread}


async def test_when_a_process_is_killed_its_readers_elsewhere_are_told_after_the_lease(
    site: Site, person: Person, stored: Stored, measured: Measured
) -> None:
    here = await person.ask(DRIP, place=HERE)
    there = await person.open(here.thread_id, place=THERE)
    await there.until(lambda page: count_tokens(page.text) >= 30)

    site.processes[HERE].send(signal.SIGKILL)
    site.processes[HERE].wait()
    start, seen = time.monotonic(), count_tokens(there.page.text)
    await there.until(lambda page: page.state == "interrupted", LEASE_SECONDS + 5)

    measured("interrupted after a kill, beyond the lease", time.monotonic() - start - LEASE_SECONDS, "s", at_most=2)
    (run,) = stored.runs(here.thread_id)
    fresh = await person.load(here.thread_id, place=THERE)
    assert (run.state, run.is_finished) == ("interrupted", True)
    assert there.page.thread == fresh.thread
    assert count_tokens(fresh.text) >= seen - 26  # a second of text, and what was under way
    await there.retry()
    await there.until(lambda page: page.state == "streaming" and "word2" in page.text)
    await there.stop()
    await there.until(lambda page: page.state == "stopped")
    assert stored.count_live() == 0
    site.start(HERE)


@pytest.mark.parametrize("text", ["a", "ü", "𝕏", '"', "\\", "<", "\n"])
def test_mail_between_processes_stays_below_64_kib_and_comes_whole(text: str) -> None:
    run = uuid4()
    ops = [("fill", f"m-{run}-0-live", text * 150_000), ("append", f"m-{run}-0-done", text * 150_000)]
    mail = protocol.Steps(run=run, after=3, seq=4, ops=ops)

    pieces = protocol.pack_mail(mail)

    assert len(pieces) > 10
    # As channels_redis writes it, with a channel name and the sender that the hub adds.
    longest = max(len(msgpack.packb({**piece, "from": "x" * 100, "__asgi_channel__": "x" * 100})) for piece in pieces)
    assert longest < 64 * 1024
    reader = protocol.MailReader()
    assert [reader.read(piece) for piece in pieces] == [None] * (len(pieces) - 1) + [mail]
