"""Answering a question of the assistant, through every door: once, by the owner, with what was offered."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from unittest import mock

import pytest
import pytest_asyncio
from asgiref.sync import ThreadSensitiveContext
from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet
from django.test import AsyncClient
from django.urls import reverse

import chatapp
from chatapp import answering
from chatapp.errors import Refused
from chatapp.models import Thread
from chatapp.policy import Policy
from chatapp.questions import InputRequest
from chatapp.runs.hub import get_hub
from chatapp.testing import Page, ThreadSocket
from tests.line import Line

CLOSED = "This question is not open any more."
KINDS: dict[str, dict[str, Any]] = {
    "buttons": {"kind": "buttons"},
    "radio": {"kind": "radio", "options": ["Red", "Green"]},
    "select": {"kind": "select", "options": ["Red", "Green"]},
    "text": {"kind": "text"},
}


class Asker(chatapp.Assistant):
    """Asks in the way that the message names."""

    async def respond(self, turn: chatapp.Turn) -> AsyncIterator[str]:
        """One question, and what came of it."""
        yield "Before."
        yield f"You said {await turn.ask('Well?', **KINDS.get(turn.text, KINDS['text']))}."


@pytest_asyncio.fixture
async def browser(line: Line) -> AsyncClient:
    """A browser in which the owner is signed in."""
    browser = AsyncClient()
    await browser.aforce_login(line.owner)
    return browser


async def ask(line: Line, kind: str = "buttons") -> InputRequest:
    """A question that is open in the owner's thread."""
    line.declares(Asker)
    await line.post(kind)
    return await line.asked()


async def refusal(line: Line, request: str, text: str, user: Any = None) -> tuple[str, int, str]:
    """Code, status and sentence of the refusal; afterwards the run waits on."""
    with pytest.raises(Refused) as caught:
        await answering.answer(user or line.owner, line.thread_id, request, text)
    assert (await line.run()).state == "waiting"
    return caught.value.code, caught.value.status, str(caught.value)


async def post(browser: AsyncClient, line: Line, question: InputRequest, text: str, **headers: str) -> Any:
    """What the form of the question gets."""
    fields = {"request": question.id, "value": text}
    return await browser.post(f"/chat/{line.thread_id}/answer/", fields, headers=headers)


async def load(browser: AsyncClient, line: Line) -> str:
    """The page of the thread."""
    response = await browser.get(f"/chat/{line.thread_id}/")
    assert response.status_code == 200
    return str(response.content.decode())


# ---- the action


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("buttons", "Green", ("not_an_option", 422, "Please choose one of the options.")),
        ("radio", "Yes", ("not_an_option", 422, "Please choose one of the options.")),
        ("select", "red", ("not_an_option", 422, "Please choose one of the options.")),
        ("text", " \n\x00 ", ("empty", 422, "Please write something first.")),
        (
            "text",
            "x" * 101,
            ("too_long", 422, "Your message has 101 characters; at most 100 can be sent. Please shorten it."),
        ),
    ],
)
async def test_an_answer_that_does_not_fit_gets_a_sentence_and_the_run_waits_on(
    line: Line, kind: str, text: str, expected: Any
) -> None:
    line.sets(MAX_MESSAGE_CHARS=100)
    question = await ask(line, kind)

    assert await refusal(line, question.id, text) == expected


async def test_an_unknown_question_is_refused(line: Line) -> None:
    await ask(line)

    assert await refusal(line, "input_00000000", "Yes") == ("not_open", 409, CLOSED)


async def test_a_stranger_and_a_visitor_find_no_such_conversation(line: Line, stranger: Any) -> None:
    question = await ask(line)

    for somebody in (stranger, AnonymousUser()):
        assert (await refusal(line, question.id, "Yes", somebody))[:2] == ("not_found", 404)


class OpenHouse(Policy):
    """Everybody who is signed in may read and write every thread."""

    def get_threads(self, user: Any) -> QuerySet[Thread]:
        """All of them."""
        return Thread.objects.all()


async def test_who_may_read_a_conversation_may_not_answer_for_its_owner(line: Line, stranger: Any) -> None:
    line.sets(POLICY=f"{__name__}.OpenHouse")
    question = await ask(line)

    assert (await refusal(line, question.id, "Yes", stranger))[:2] == ("not_yours", 403)


async def test_a_question_is_answered_once(line: Line) -> None:
    question = await ask(line)

    async def answer(text: str) -> None:
        async with ThreadSensitiveContext():  # A connection of its own, as each request has one.
            await line.replies(text, question)

    done = await asyncio.gather(*(answer(text) for text in ("Yes", "No", "Yes", "No")), return_exceptions=True)
    await line.ended()

    assert sorted(str(error) for error in done) == ["None", CLOSED, CLOSED, CLOSED]
    winner = ("Yes", "No", "Yes", "No")[done.index(None)]
    assert (await line.parts())[-1] == chatapp.TextPart(text=f"You said {winner}.")


async def test_where_nothing_is_said_there_is_nothing_to_answer(line: Line) -> None:
    await line.answer()

    with pytest.raises(Refused, match="not open any more"):
        await answering.answer(line.owner, line.thread_id, "input_00000000", "Yes")


async def test_what_is_written_is_trimmed_and_scrubbed(line: Line) -> None:
    question = await ask(line, "text")

    await line.replies("  Ada\r\nLovelace\x00 ", question)
    await line.ended()

    assert (await line.parts())[1] == question.answered("Ada\nLovelace")


# ---- the socket


async def test_the_frame_answers_and_both_tabs_see_it(line: Line) -> None:
    question = await ask(line)
    async with ThreadSocket(line.owner, line.thread_id) as one, ThreadSocket(line.owner, line.thread_id) as two:
        await two.until(lambda page: page.state == "waiting")

        await one.send(type="answer", request=question.id, value="No")
        for tab in (one, two):
            await tab.until(lambda page: page.state == "complete" and page.cursors == {})

    assert one.page.thread == two.page.thread
    assert one.page.text == "Before.\nYou said No."


async def test_a_second_frame_gets_a_notice_and_changes_nothing(line: Line) -> None:
    question = await ask(line)
    async with ThreadSocket(line.owner, line.thread_id) as socket:
        await socket.send(type="answer", request=question.id, value="No")
        await socket.send(type="answer", request=question.id, value="Yes")
        page = await socket.until(lambda page: page.notices and page.state == "complete")

    assert page.notices == [CLOSED]
    assert page.text == "Before.\nYou said No."


@pytest.mark.parametrize("frame", [{"request": "r"}, {"value": "Yes"}, {"request": "", "value": "Yes"}, {"request": 1}])
async def test_a_frame_without_question_or_answer_is_not_understood(line: Line, frame: dict[str, Any]) -> None:
    await ask(line)
    async with ThreadSocket(line.owner, line.thread_id) as socket:
        await socket.send(type="answer", **frame)
        page = await socket.until(lambda page: page.notices)

    assert "is not understood" in page.notices[0]
    assert (await line.run()).state == "waiting"


# ---- the form


@pytest.mark.parametrize(
    ("kind", "pieces"),
    [
        (
            "buttons",
            [
                '<button class="chat-button" type="submit" form="chat-answer" name="value" value="Yes"',
                '<button class="chat-button" type="submit" form="chat-answer" name="value" value="No"',
            ],
        ),
        (
            "radio",
            [
                'role="radiogroup"',
                '<input type="radio" form="chat-answer" name="value" value="Red" checked>',
                '<input type="radio" form="chat-answer" name="value" value="Green">',
                ">Submit</button>",
            ],
        ),
        ("select", ['<select form="chat-answer"', '<option value="Green">Green</option>', ">Submit</button>"]),
        ("text", ['placeholder="Type your response…"', 'type="text" form="chat-answer" name="value" required']),
    ],
)
async def test_a_loaded_page_has_a_form_that_works_without_script(
    line: Line, browser: AsyncClient, kind: str, pieces: list[str]
) -> None:
    question = await ask(line, kind)

    html = await load(browser, line)
    response = await post(browser, line, question, (question.options or ("Ada",))[-1])
    await line.ended()

    assert [piece for piece in pieces if piece not in html] == []
    assert f'<form id="chat-answer" method="post" action="/chat/{line.thread_id}/answer/" hidden>' in html
    assert f'<input type="hidden" name="request" value="{question.id}" form="chat-answer">' in html
    assert Page(html).state == "waiting"
    assert "data-chat-stop" in html  # The composer stays as it is while an answer is under way.
    assert (response.status_code, response["Location"]) == (303, f"/chat/{line.thread_id}/")
    assert (await line.parts())[1] == question.answered((question.options or ("Ada",))[-1])
    assert "data-chat-module" not in await load(browser, line)


async def test_a_refused_form_comes_back_with_a_sentence(line: Line, browser: AsyncClient) -> None:
    question = await ask(line)

    page = await post(browser, line, question, "Perhaps")
    fragment = await post(browser, line, question, "Perhaps", **{"HX-Request": "true"})

    assert (page.status_code, fragment.status_code) == (422, 422)
    assert "Please choose one of the options." in page.content.decode()
    assert Page(page.content.decode()).state == "waiting"
    assert fragment.content.decode().startswith('<div hx-swap-oob="beforeend:#chat-notice">')
    assert (await line.run()).state == "waiting"


async def test_a_form_that_is_sent_in_the_background_gets_nothing_but_its_frames(
    line: Line, browser: AsyncClient
) -> None:
    question = await ask(line)

    response = await post(browser, line, question, "Yes", **{"HX-Request": "true"})
    again = await post(browser, line, question, "Yes", **{"HX-Request": "true"})

    assert (response.status_code, response.content) == (204, b"")
    assert again.status_code == 409


async def test_a_form_of_somebody_else_changes_nothing(line: Line, stranger: Any) -> None:
    question = await ask(line)
    theirs, nobody, forged = AsyncClient(), AsyncClient(), AsyncClient(enforce_csrf_checks=True)
    await theirs.aforce_login(stranger)
    await forged.aforce_login(line.owner)

    answers = [await post(one, line, question, "Yes") for one in (theirs, nobody, forged)]

    assert [answer.status_code for answer in answers] == [404, 302, 403]
    assert (await line.run()).state == "waiting"


# ---- staff


async def test_staff_see_the_question_and_that_the_run_waits_but_no_form(line: Line, staff: Any) -> None:
    await ask(line)
    browser = AsyncClient()
    await browser.aforce_login(staff)
    reply = (await line.run()).reply

    runs = await browser.get(reverse("admin:chatapp_run_changelist"), {"state": "waiting"})
    pages = [
        await browser.get(reverse("admin:chatapp_thread_change", args=[line.thread_id])),
        await browser.get(reverse("admin:chatapp_message_change", args=[reply.pk if reply else None])),
    ]

    assert "1 run" in runs.content.decode()
    for page in pages:
        html = page.content.decode()
        assert "Well?" in html
        assert 'data-chat-state="waiting"' in html
        assert "chat-answer" not in html


async def test_the_answer_holds_even_if_its_mail_goes_nowhere(line: Line) -> None:
    question = await ask(line)

    with mock.patch.object(get_hub(), "answer_run"):
        await line.replies("Yes", question)

    run = await line.run()
    assert run.state == "running"
    assert run.reply is not None
    assert run.reply.load_parts()[1] == question.answered("Yes")
