"""The same message arrives several times: doubled clicks, resends after a reconnect, a form beside a socket."""

import asyncio
import json
from uuid import UUID, uuid4

import pytest

from .people import Answer, Person, Tab
from .provider import Provider
from .stored import Stored

TEXT = "Say it once. fault:slow-drip;n=20;delay=0.02"


async def open_twice(person: Person) -> tuple[Tab, Tab]:
    """Two tabs with the same new chat."""
    first = await person.open()
    second = person.tab(first.thread_id, html=first.html)
    await second.connect()
    return first, second


async def send_form(person: Person, thread_id: UUID, text: str, client_id: UUID, **headers: str) -> Answer:
    """Post it without a socket."""
    fields = {"text": text, "client_id": str(client_id)}
    return await person.post(f"/chat/{thread_id}/messages/", fields, headers=headers)


@pytest.mark.parametrize("times", [1, 13])
async def test_sent_over_two_sockets_and_http_at_once_it_is_one_message(
    person: Person, stored: Stored, provider: Provider, times: int
) -> None:
    before = (await provider.get_stats("slow-drip"))["requests"]
    tabs = await open_twice(person)
    client_id = uuid4()

    frames = [tab.post(TEXT, client_id) for tab in tabs for _ in range(times)]
    forms = [send_form(person, tabs[0].thread_id, TEXT, client_id) for _ in range(times)]
    _, answers = await asyncio.gather(asyncio.gather(*frames), asyncio.gather(*forms))
    for tab in tabs:
        await tab.until_ended()

    assert {(answer.status, answer.headers["Location"]) for answer in answers} == {(303, f"/chat/{tabs[0].thread_id}/")}
    assert [message.role for message in stored.messages(tabs[0].thread_id)] == ["user", "assistant"]
    assert [run.state for run in stored.runs(tabs[0].thread_id)] == ["complete"]
    assert (await provider.get_stats("slow-drip"))["requests"] == before + 1
    fresh = await person.load(tabs[0].thread_id)
    assert len(fresh.articles) == 2
    assert [tab.page.thread for tab in tabs] == [fresh.thread, fresh.thread]
    assert [tab.page.notices for tab in tabs] == [[], []]


async def test_sent_again_after_the_answer_it_changes_nothing(person: Person, stored: Stored) -> None:
    tab = await person.open()
    client_id = await tab.post(TEXT)
    await tab.until_ended()
    before = stored.messages(tab.thread_id), tab.page.thread

    await tab.disconnect()
    await tab.connect()
    await tab.post(TEXT, client_id)
    answer = await send_form(person, tab.thread_id, TEXT, client_id)
    await tab.post("Another one. fault:ok")
    await tab.until_ended(answers=2)

    assert answer.status == 303
    assert stored.messages(tab.thread_id)[:2] == before[0]
    assert len(stored.runs(tab.thread_id)) == 2
    assert tab.page.notices == []


async def test_the_same_id_with_another_text_is_refused_and_says_so(person: Person, stored: Stored) -> None:
    tab = await person.open()
    client_id = await tab.post(TEXT)
    await tab.until_ended()
    before = stored.messages(tab.thread_id)

    await tab.post("Something else", client_id)
    page = await tab.until(lambda page: page.notices)
    form = await send_form(person, tab.thread_id, "Something else", client_id)
    fragment = await send_form(person, tab.thread_id, "Something else", client_id, **{"HX-Request": "true"})

    sentence = "This message was sent before with another text"
    assert sentence in page.notices[0]
    assert f'data-chat-refused="{client_id}"' in tab.frames[-1]
    assert (form.status, fragment.status) == (409, 409)
    assert sentence in form.text
    assert "Something else" in form.text, "what was written is lost"
    assert sentence in fragment.text
    assert stored.messages(tab.thread_id) == before


async def test_two_messages_at_once_are_never_interleaved(person: Person, stored: Stored) -> None:
    tabs = await open_twice(person)

    await asyncio.gather(*(tab.post(TEXT) for tab in tabs))
    for tab in tabs:
        await tab.until_ended()

    assert [message.role for message in stored.messages(tabs[0].thread_id)] == ["user", "assistant"]
    notices = [notice for tab in tabs for notice in tab.page.notices]
    assert len(notices) == 1
    assert "Please wait for the answer to finish" in notices[0]


async def test_who_says_it_again_after_a_lost_socket_is_answered_once(person: Person, stored: Stored) -> None:
    tab = await person.open()
    client_id = uuid4()
    for _ in range(5):
        await tab.connect()
        await tab.send_raw(json.dumps({"type": "post", "text": TEXT, "client_id": str(client_id)}))
        await tab.disconnect()

    await tab.connect()
    await tab.post(TEXT, client_id)
    await tab.until_ended()

    assert [message.role for message in stored.messages(tab.thread_id)] == ["user", "assistant"]
    assert tab.page.thread == (await person.load(tab.thread_id)).thread
