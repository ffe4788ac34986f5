"""A network that lets no websocket through: the same frames as server-sent events, verbs as forms."""

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from uuid import uuid4

import pytest_asyncio

from chatapp.testing import Page
from tests.site import Site

from .conftest import Measured
from .events import EventStream
from .people import Person
from .provider import Provider
from .stored import Stored
from .test_reload_in_mid_answer import ask_for, count_tokens
from .test_stop import AT_MOST_SECONDS, DRIP, Watch

Listen = Callable[[Person, str], Awaitable[EventStream]]


def has_tokens(page: Page, *, count: int) -> bool:
    """Whether the answer has come so far."""
    return count_tokens(page.text) >= count


def is_at_rest(page: Page, *, answers: int) -> bool:
    """Whether so many answers have come to their end."""
    return len(page.texts) == 2 * answers and page.state == "complete" and page.cursors == {}


@pytest_asyncio.fixture
async def listen() -> AsyncIterator[Listen]:
    """Opens pages that post a question and follow the answer; they are closed at the end."""
    streams: list[EventStream] = []

    async def ask(person: Person, question: str) -> EventStream:
        thread_id = uuid4()
        answer = await person.post(f"/chat/{thread_id}/messages/", {"text": question, "client_id": str(uuid4())})
        assert answer.status == 303
        page = await person.get(f"/chat/{thread_id}/")
        stream = EventStream(person, thread_id, html=page.text)
        streams.append(stream)
        return await stream.open()

    yield ask
    for stream in streams:
        await stream.close()


async def test_an_answer_streams_as_events_and_the_page_ends_as_a_reload_would(
    person: Person, stored: Stored, listen: Listen
) -> None:
    stream = await listen(person, ask_for(80))
    await stream.until(lambda page: 5 <= count_tokens(page.text) < 80)
    tab = await person.open(stream.thread_id)

    await stream.until(lambda page: page.state == "complete" and page.cursors == {})
    await tab.until_ended()
    await tab.until(lambda page: page.cursors == {})

    fresh = await person.load(stream.thread_id)
    assert len(stream.events) > 10, "it came at once and not as a stream"
    assert stream.page.thread == tab.page.thread == fresh.thread
    assert fresh.text == stored.messages(stream.thread_id)[-1].text.strip()
    assert stream.page.missed == []


async def test_who_comes_back_with_the_last_event_id_misses_nothing_and_gets_nothing_twice(
    person: Person, listen: Listen
) -> None:
    stream = await listen(person, ask_for(120))
    await stream.until(partial(has_tokens, count=3))
    stream.events.clear()
    for token in (10, 30, 50):
        await stream.until(partial(has_tokens, count=token))
        assert count_tokens(stream.page.text) < 120
        assert stream.last_event_id
        await stream.open(by_event_id=True)

    await stream.until(lambda page: page.state == "complete" and page.cursors == {})

    fresh = await person.load(stream.thread_id)
    assert count_tokens(fresh.text) == 120
    assert stream.page.thread == fresh.thread
    assert len(stream.page.articles) == 2
    assert not any('"innerHTML:#chat-thread"' in event for event in stream.events), "it began anew"


async def test_much_text_comes_over_several_responses(person: Person, listen: Listen) -> None:
    stream = await listen(person, "Hello. fault:ok")
    await stream.until(partial(is_at_rest, answers=1))
    for answers in (2, 3):
        fields = {"text": "Everything. fault:big-delta", "client_id": str(uuid4())}
        await person.post(f"/chat/{stream.thread_id}/messages/", fields, headers={"HX-Request": "true"})
        await stream.until(partial(is_at_rest, answers=answers), 30)

    assert stream.openings > 1, "a client that does not read would be buffered for without limit"
    assert stream.page.thread == (await person.load(stream.thread_id)).thread


async def test_stop_as_a_form_ends_it(
    person: Person, stored: Stored, provider: Provider, listen: Listen, measured: Measured
) -> None:
    stream = await listen(person, DRIP)
    await stream.until(lambda page: "word3" in page.text)
    watch = Watch(provider, "slow-drip")
    await watch.begin()

    answer = await person.post(f"/chat/{stream.thread_id}/stop/", headers={"HX-Request": "true"})
    took = await watch.wait()
    await stream.until(lambda page: page.state == "stopped" and page.cursors == {})

    assert answer.status == 204
    measured("stop over HTTP, after its answer", took, "s", at_most=AT_MOST_SECONDS)
    assert [run.state for run in stored.runs(stream.thread_id)] == ["stopped"]
    assert stream.page.thread == (await person.load(stream.thread_id)).thread


async def test_the_next_message_comes_over_the_same_response(person: Person, listen: Listen) -> None:
    stream = await listen(person, "Hello. fault:ok")
    await stream.until(lambda page: page.state == "complete" and page.cursors == {})

    fields = {"text": "And again. fault:ok", "client_id": str(uuid4())}
    await person.post(f"/chat/{stream.thread_id}/messages/", fields, headers={"HX-Request": "true"})
    await stream.until(lambda page: len(page.texts) == 4 and page.state == "complete" and page.cursors == {})

    assert stream.page.thread == (await person.load(stream.thread_id)).thread


async def test_strangers_get_no_stream(
    site: Site, person: Person, newcomer: Callable[[Site], Person], listen: Listen
) -> None:
    stream = await listen(person, DRIP)
    path = f"/chat/{stream.thread_id}/live/"

    stranger = await (await newcomer(site).sign_up()).get(path)
    nobody = await newcomer(site).get(path)

    assert stranger.status == 404
    assert (nobody.status, nobody.headers["Location"]) == (302, f"/accounts/login/?next={path}")
    assert "word" not in stranger.text + nobody.text
    await person.post(f"/chat/{stream.thread_id}/stop/")


async def test_the_stream_ends_when_its_person_signs_out_or_deletes_the_thread(
    site: Site, person: Person, newcomer: Callable[[Site], Person], listen: Listen
) -> None:
    stream = await listen(person, DRIP)
    elsewhere = await newcomer(site).sign_in(person)
    other = EventStream(elsewhere, stream.thread_id)
    await other.open()
    await other.until(lambda page: "word2" in page.text)

    await elsewhere.post("/accounts/logout/")
    assert await other.until_closed(3) in (None, 4401)
    await person.post(f"/chat/{stream.thread_id}/delete/")

    assert await stream.until_closed(3) == 4404
    await other.close()
