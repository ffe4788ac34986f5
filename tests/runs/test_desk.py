"""A run asks its person, waits, and goes on with the answer: stored before it is shown, and answered once."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from asgiref.sync import async_to_sync
from django.db import DatabaseError
from django.db.models.functions import Now

import chatapp
from chatapp import actions, answering
from chatapp.errors import Refused
from chatapp.models import Run
from chatapp.parts import Part
from chatapp.questions import InputRequest
from chatapp.rendering import renderer
from chatapp.runs import journal
from chatapp.runs.hub import get_hub
from chatapp.runs.runner import get_runner
from chatapp.testing import Page, ThreadSocket
from tests.line import Line
from tests.runs.histories import draw_page

FORM = 'form="chat-answer"'


async def proceeds(turn: chatapp.Turn) -> AsyncIterator[str]:
    """Asks between two texts."""
    yield "Before."
    answer = await turn.ask("Proceed?", kind="buttons")
    yield f"You said {answer}."


async def patient(turn: chatapp.Turn) -> AsyncIterator[str]:
    """Gives the person a moment only."""
    answer = await turn.ask("Your name?", timeout=0.05)
    yield f"<{answer}>"


def show(parts: list[Part]) -> list[Any]:
    """Texts, and of questions what became of them."""
    return [
        (part.prompt, part.state, part.answer) if isinstance(part, InputRequest) else getattr(part, "text", part.kind)
        for part in parts
    ]


async def load(line: Line) -> str:
    """The log of a freshly loaded page."""
    return Page(await draw_page(line.thread_id)).thread


async def test_an_assistant_goes_on_with_the_answer(line: Line) -> None:
    line.declares(proceeds)
    await line.post()
    question = await line.asked()

    await line.replies("Yes", question)
    await line.ended()

    run = await line.run()
    assert (run.state, run.error_code) == ("complete", "")
    assert show(await line.parts()) == ["Before.", ("Proceed?", "answered", "Yes"), "You said Yes."]
    assert run.reply is not None
    assert run.reply.text == "Before.\n\nProceed?\n\n> Yes\n\nYou said Yes."


async def test_while_it_waits_the_question_is_stored_and_the_run_says_so(line: Line) -> None:
    line.declares(proceeds)
    await line.post()

    question = await line.asked()

    run = await line.run()
    assert (run.state, run.finished_at) == ("waiting", None)
    assert show(await line.parts()) == ["Before.", ("Proceed?", "open", None)]
    assert (question.input_type, question.options) == ("buttons", ("Yes", "No"))


async def test_a_question_that_is_yielded_sets_the_run_to_waiting_until_somebody_answers(line: Line) -> None:
    async def yields(turn: chatapp.Turn) -> AsyncIterator[Any]:
        yield chatapp.InputRequest(prompt="Colour?", input_type="radio", options=["Red", "Green"])
        yield f"{await turn.wait_for_input()} it is."

    line.declares(yields)
    await line.post()
    question = await line.asked()

    await line.replies("Green", question)
    await line.ended()

    assert show(await line.parts()) == [("Colour?", "answered", "Green"), "Green it is."]


async def test_one_question_may_follow_the_other_even_the_same_object(line: Line) -> None:
    question = chatapp.InputRequest(prompt="Again?", input_type="buttons")

    async def stubborn(turn: chatapp.Turn) -> AsyncIterator[Any]:
        for _ in range(2):
            yield question
            yield await turn.wait_for_input()

    line.declares(stubborn)
    await line.post()
    first = await line.asked()
    await line.replies("Yes", first)
    second = await line.asked()
    await line.replies("No", second)
    await line.ended()

    assert first.id != second.id
    assert show(await line.parts()) == [("Again?", "answered", "Yes"), "Yes", ("Again?", "answered", "No"), "No"]


async def test_a_sync_generator_asks_from_its_thread(line: Line) -> None:
    def sync(turn: chatapp.Turn) -> Iterator[str]:
        yield async_to_sync(turn.ask)("Name?")

    line.declares(sync)
    await line.post()

    await line.replies("Ada", await line.asked())
    await line.ended()

    assert show(await line.parts()) == [("Name?", "answered", "Ada"), "Ada"]


async def test_a_thread_that_waits_ends_with_a_stop(line: Line) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    def sync(turn: chatapp.Turn) -> Iterator[str]:
        try:
            yield async_to_sync(turn.ask)("Name?")
        finally:
            loop.call_soon_threadsafe(ended.set)

    line.declares(sync)
    await line.post()
    await line.asked()

    await actions.stop(line.owner, line.thread_id)
    await line.ended()

    async with asyncio.timeout(5):
        await ended.wait()
    assert show(await line.parts()) == [("Name?", "cancelled", None)]


async def test_stop_while_it_waits_ends_the_run_and_closes_the_question(line: Line) -> None:
    line.declares(proceeds)
    await line.post()
    question = await line.asked()

    await actions.stop(line.owner, line.thread_id)
    await line.ended()

    assert (await line.run()).state == "stopped"
    assert show(await line.parts()) == ["Before.", ("Proceed?", "cancelled", None)]
    with pytest.raises(Refused, match="not open any more"):
        await line.replies("Yes", question)


async def test_an_answer_that_was_stored_before_the_stop_is_not_lost(line: Line) -> None:
    line.declares(proceeds)
    await line.post()
    question = await line.asked()
    with mock.patch.object(get_hub(), "answer_run"):
        await line.replies("Yes", question)

    await actions.stop(line.owner, line.thread_id)
    await line.ended()

    assert (await line.run()).state == "stopped"
    assert show(await line.parts())[:2] == ["Before.", ("Proceed?", "answered", "Yes")]


async def test_nobody_in_time_is_an_empty_answer_and_a_closed_question(line: Line) -> None:
    line.declares(patient)

    run = await line.answer()

    assert run.state == "complete"
    assert show(await line.parts()) == [("Your name?", "expired", None), "<>"]


async def test_after_its_time_is_up_the_run_goes_on_and_nobody_can_answer_any_more(line: Line) -> None:
    end = asyncio.Event()

    async def slow(turn: chatapp.Turn) -> AsyncIterator[str]:
        yield await turn.ask("Your name?", timeout=0.05) or "Nobody."
        await end.wait()

    line.declares(slow)
    async with ThreadSocket(line.owner, line.thread_id) as socket:
        await socket.post("Hi")
        await socket.until(lambda page: page.text == "Nobody.")

        assert (await line.run()).state == "running"
        end.set()
        await line.ended()


async def test_an_answer_in_the_last_moment_counts(line: Line) -> None:
    # The time is up, and the answer was stored by another process of which this one has not heard.
    close = journal.aclose_question

    async def answer_first(run_id: Any, reply_id: Any, request_id: str) -> InputRequest | None:
        with mock.patch.object(get_hub(), "answer_run"):
            await answering.answer(line.owner, line.thread_id, request_id, "Ada")
        return await close(run_id, reply_id, request_id)

    line.declares(patient)
    line.enters(mock.patch.object(journal, "aclose_question", answer_first))

    await line.answer()

    assert show(await line.parts()) == [("Your name?", "answered", "Ada"), "<Ada>"]


async def test_an_answer_whose_mail_was_lost_is_found_at_the_next_checkpoint(line: Line) -> None:
    line.declares(proceeds)
    await line.post()
    question = await line.asked()
    with mock.patch.object(get_hub(), "answer_run"):
        await line.replies("Yes", question)
    assert len(line.ends) == 0

    await get_runner().checkpoint()
    await line.ended()

    assert show(await line.parts()) == ["Before.", ("Proceed?", "answered", "Yes"), "You said Yes."]


async def test_a_checkpoint_never_takes_back_an_answer(line: Line) -> None:
    async def talkative(turn: chatapp.Turn) -> AsyncIterator[Any]:
        yield chatapp.InputRequest(prompt="Go?", input_type="buttons")
        yield "Meanwhile."
        await turn.wait_for_input()

    line.declares(talkative)
    await line.post()
    question = await line.asked()
    (live,) = get_runner()._live.values()
    checkpoint = live.get_checkpoint(get_hub().mailbox, is_asking=True)
    with mock.patch.object(get_hub(), "answer_run"):
        await line.replies("Yes", question)

    late = journal.Checkpoint(
        run_id=checkpoint.run_id,
        reply_id=checkpoint.reply_id,
        hub=checkpoint.hub,
        seq=checkpoint.seq + 1,
        parts=checkpoint.parts,
        is_waiting=True,
    )

    assert await journal.awrite([late]) == [True]
    assert show(await line.parts())[0] == ("Go?", "answered", "Yes")


async def test_the_time_limit_of_an_answer_stands_still_while_somebody_thinks(line: Line) -> None:
    line.sets(TOTAL_SECONDS=0.2)
    line.declares(proceeds)
    await line.post()
    question = await line.asked()
    (live,) = get_runner()._live.values()

    assert live.desk.limit is not None
    assert live.desk.limit.when() is None
    await line.replies("Yes", question)
    await line.ended()

    assert (await line.run()).state == "complete"


async def test_the_lease_is_renewed_while_it_waits(line: Line) -> None:
    line.declares(proceeds)
    await line.post()
    await line.asked()
    run = await line.run()
    await line.change(run, heartbeat_at=run.started_at)

    await get_runner().checkpoint()

    assert (await line.run()).heartbeat_at > run.started_at
    assert (await line.run()).state == "waiting"


async def test_a_process_that_dies_while_it_waits_leaves_a_question_without_a_form(line: Line) -> None:
    line.declares(proceeds)
    await line.post()
    question = await line.asked()
    get_runner()._live.clear()  # It is dead: nobody writes any more.
    await Run.objects.aupdate(heartbeat_at=Now() - timedelta(days=1))

    await journal.asweep()

    async with ThreadSocket(line.owner, line.thread_id) as socket:
        page = await socket.until(lambda page: page.state == "interrupted")
    assert "Proceed?" in page.thread
    assert FORM not in page.thread
    with pytest.raises(Refused, match="not open any more"):
        await line.replies("Yes", question)


async def test_an_assistant_that_does_not_wait_ends_and_closes_its_question(line: Line) -> None:
    async def hasty(turn: chatapp.Turn) -> AsyncIterator[Any]:
        yield chatapp.InputRequest(prompt="Name?")
        yield "Never mind."

    line.declares(hasty)

    run = await line.answer()

    assert run.state == "complete"
    assert show(await line.parts()) == [("Name?", "cancelled", None), "Never mind."]


async def test_waiting_without_a_question_fails_with_the_reason_for_staff(line: Line) -> None:
    async def confused(turn: chatapp.Turn) -> str:
        return await turn.wait_for_input()

    line.declares(confused)

    run = await line.answer()

    assert run.state == "failed"
    assert "nothing was asked; yield an InputRequest first, or use turn.ask()" in run.error


async def test_a_second_question_before_the_first_is_answered_fails_and_keeps_what_was_said(line: Line) -> None:
    async def impatient(turn: chatapp.Turn) -> AsyncIterator[Any]:
        yield "One."
        yield chatapp.InputRequest(prompt="First?")
        yield chatapp.InputRequest(prompt="Second?")

    line.declares(impatient)

    run = await line.answer()

    assert run.state == "failed"
    assert "'First?' is still open; await turn.wait_for_input() first" in run.error
    assert show(await line.parts()) == ["One.", ("First?", "cancelled", None), "error"]


async def test_a_question_that_cannot_be_asked_fails_with_what_would_be_right(line: Line) -> None:
    async def wrong(turn: chatapp.Turn) -> AsyncIterator[str]:
        yield "One."
        yield await turn.ask("Which?", kind="radio")

    line.declares(wrong)

    run = await line.answer()

    assert run.state == "failed"
    assert "radio needs options" in run.error
    assert show(await line.parts()) == ["One.", "error"]


async def test_a_database_that_is_away_is_asked_again_before_anything_is_shown(line: Line) -> None:
    ask, tries = journal.aask, []

    async def away_once(checkpoint: journal.Checkpoint) -> bool:
        tries.append(len(get_hub().feeds[checkpoint.run_id]._live))
        if len(tries) == 1:
            raise DatabaseError("away")
        return await ask(checkpoint)

    line.sets(CHECKPOINT_SECONDS=0.01)
    line.declares(proceeds)
    line.enters(mock.patch.object(journal, "aask", away_once))
    await line.post()

    await line.replies("No", await line.asked())
    await line.ended()

    assert len(tries) == 2
    assert show(await line.parts())[-1] == "You said No."


async def test_the_next_request_to_the_model_knows_the_question_and_the_answer(line: Line) -> None:
    class Both(chatapp.Assistant):
        async def respond(self, turn: chatapp.Turn) -> AsyncIterator[Any]:
            if len(turn.messages) == 1:
                yield await turn.ask("Size?", kind="select", options=["S", "L"])
            else:
                async for delta in turn.stream():
                    yield delta

    line.declares(Both)
    await line.post("First")
    await line.replies("L", await line.asked())
    await line.ended()

    await line.answer("Second")

    assert line.provider.requests[-1].messages[1] == {"role": "assistant", "content": "Size?\n\n> L\n\nL"}


async def test_the_page_that_follows_equals_the_page_that_is_loaded_at_every_step(line: Line, owner: Any) -> None:
    ask, end = asyncio.Event(), asyncio.Event()

    async def slow(turn: chatapp.Turn) -> AsyncIterator[str]:
        yield "Before."
        await ask.wait()
        yield f"You said {await turn.ask('Proceed?', kind='buttons')}."
        await end.wait()

    line.declares(slow)
    async with ThreadSocket(owner, line.thread_id) as socket:
        await socket.post("Hi")
        await socket.until(lambda page: page.state == "streaming" and page.text == "Before.")
        ask.set()
        await socket.until(lambda page: page.state == "waiting")
        waiting, loaded = socket.page.thread, await load(line)
        async with ThreadSocket(owner, line.thread_id) as second:
            shown = (await second.until(lambda page: page.state == "waiting")).thread
            await line.replies("Yes", await line.asked())
            for tab in (socket, second):
                await tab.until(lambda page: page.state == "streaming" and FORM not in page.thread)
            end.set()
            for tab in (socket, second):
                await tab.until(lambda page: page.state == "complete" and page.cursors == {})

    assert waiting == loaded == shown
    assert waiting.count(FORM) == 3
    assert socket.page.missed == second.page.missed == []
    assert socket.page.thread == second.page.thread == await load(line)
    assert FORM not in socket.page.thread


def test_a_question_is_drawn_without_a_form_where_nobody_can_answer() -> None:
    question = InputRequest(prompt="Go <b>?", input_type="buttons", options=["<i>", '"'])

    live = renderer.render_part(question, "m-1", can_answer=True)
    stored = renderer.render_part(question, "m-1")

    assert "Go &lt;b&gt;?" in live
    assert 'value="&lt;i&gt;"' in live
    assert "button" not in stored
    assert "Not answered." in stored
