"""The verbs: what happens on send, stop, retry."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Awaitable
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import uuid4

import pytest
from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.contrib.auth.models import AnonymousUser
from django.db.models.functions import Now

import chatapp
from chatapp import actions, finding, tidying
from chatapp.errors import Refused
from chatapp.models import Message, Run, Thread
from chatapp.policy import Policy
from chatapp.providers.scripted import gate
from chatapp.runs.hub import get_hub
from chatapp.runs.runner import get_runner
from tests.conftest import POSTGRES_URL, make_thread
from tests.line import Line

ROOT = Path(__file__).resolve().parent.parent


async def refused(work: Awaitable[Any]) -> Refused:
    """How it was refused. Fails if it was not."""
    with pytest.raises(Refused) as caught:
        await work
    return caught.value


async def together(*work: Awaitable[Any]) -> list[Any]:
    """What each of these gave or raised; each with a database connection of its own, as each request has one."""

    async def alone(one: Awaitable[Any]) -> Any:
        async with ThreadSensitiveContext():
            return await one

    return await asyncio.gather(*map(alone, work), return_exceptions=True)


# ---- post


async def test_no_row_exists_before_the_first_message(line: Line) -> None:
    assert await line.count() == (0, 0, 0)

    posted = await line.post("Where is my parcel?")

    assert posted.is_new
    assert await line.count() == (1, 2, 1)
    thread = await line.thread()
    assert (thread.owner_id, thread.assistant, thread.title) == (line.owner.pk, "model", "Where is my parcel?")
    run = await line.run(posted.run_id)
    assert run.prompt is not None
    assert run.reply is not None
    assert (run.prompt_id, run.prompt.text, run.reply.parent_id) == (
        posted.message_id,
        "Where is my parcel?",
        run.prompt_id,
    )
    assert thread.head_id == run.reply_id


async def test_the_first_message_chooses_the_assistant(line: Line) -> None:
    await line.answer("quiet please", assistant="shout")

    assert (await line.thread()).assistant == "shout"
    assert await line.parts() == [chatapp.TextPart(text="QUIET PLEASE")]


async def test_later_messages_stay_with_it(line: Line) -> None:
    await line.answer("one", assistant="shout")

    await line.answer("two", assistant="echo")

    assert await line.parts() == [chatapp.TextPart(text="TWO")]


async def test_the_assistant_gets_the_branch_with_the_question_last(line: Line) -> None:
    await line.answer("One?")

    await line.answer("Two?")

    assert [(message["role"], message["content"]) for message in line.provider.requests[1].messages] == [
        ("system", "Be brief."),
        ("user", "One?"),
        ("assistant", "Hello."),
        ("user", "Two?"),
    ]


async def test_the_assistant_knows_who_asks_and_what_was_chosen(line: Line) -> None:
    turns: list[chatapp.Turn] = []

    async def desk(turn: chatapp.Turn) -> None:
        turns.append(turn)

    line.declares(desk)
    await line.answer()
    chosen = {"temperature": 0.3, "model": "large", "tone": "dry"}
    await Thread.objects.filter(pk=line.thread_id).aupdate(settings=chosen)

    run = await line.answer("Again")

    turn = turns[1]
    assert (turn.user, turn.thread_id, turn.run_id, turn.text) == (line.owner, line.thread_id, run.pk, "Again")
    assert (turn.config.temperature, turn.config.model, run.model) == (0.3, "large", "large")
    assert turn.settings == chosen


async def test_text_is_trimmed_and_scrubbed(line: Line) -> None:
    posted = await line.post("  one\r\ntwo\x00\rthree \n")

    assert (await Message.objects.aget(pk=posted.message_id)).text == "one\ntwo\nthree"


@pytest.mark.parametrize(
    ("text", "code", "sentence"),
    [
        ("", "empty", "Please write something first."),
        (" \n\t\x00 ", "empty", "Please write something first."),
        (
            "x" * 101,
            "too_long",
            "Your message has 101 characters; at most 100 can be sent. Please shorten it.",
        ),
    ],
)
async def test_bad_text_gets_a_sentence_and_changes_nothing(line: Line, text: str, code: str, sentence: str) -> None:
    line.sets(MAX_MESSAGE_CHARS=100)

    error = await refused(line.post(text))

    assert (error.code, str(error), error.status) == (code, sentence, 422)
    assert await line.count() == (0, 0, 0)


async def test_the_longest_text_is_taken(line: Line) -> None:
    line.sets(MAX_MESSAGE_CHARS=100)

    assert (await line.post(f" {'x' * 100} ")).is_new


async def test_the_same_message_sent_three_times_at_once_is_one(line: Line) -> None:
    client_id = uuid4()

    posted = await together(*(line.post("Hi", client_id=client_id) for _ in range(3)))
    await line.ended()

    assert sorted(item.is_new for item in posted) == [False, False, True]
    assert len({(item.message_id, item.run_id) for item in posted}) == 1
    assert await line.count() == (1, 2, 1)
    assert len(line.provider.requests) == 1


async def test_the_same_message_again_after_its_answer_changes_nothing(line: Line) -> None:
    client_id = uuid4()
    first = await line.post("Hi", client_id=client_id)
    await line.ended()

    again = await line.post(" Hi ", client_id=client_id)

    assert (again.message_id, again.run_id, again.is_new) == (first.message_id, first.run_id, False)
    assert await line.count() == (1, 2, 1)


async def test_the_same_client_id_with_another_text_is_refused(line: Line) -> None:
    client_id = uuid4()
    await line.post("Hi", client_id=client_id)
    await line.ended()

    error = await refused(line.post("Ho", client_id=client_id))

    assert (error.code, error.status) == ("other_text", 409)
    assert await line.count() == (1, 2, 1)


async def test_a_second_message_while_answering_is_refused(line: Line) -> None:
    line.says("Hi", gate("hold"))
    await line.post()

    error = await refused(line.post("And"))

    assert (error.code, error.status) == ("answering", 409)
    assert await line.count() == (1, 2, 1)


async def test_two_messages_at_once_are_one_and_a_refusal(line: Line) -> None:
    line.plays(["Hello."], ["Hi", gate("hold")])
    await line.answer()

    said = await together(line.post("One"), line.post("Two"))

    (error,) = [item for item in said if isinstance(item, Refused)]
    assert error.code == "answering"
    assert await line.count() == (1, 4, 2)


async def test_a_thread_whose_process_died_is_free_after_the_lease(line: Line) -> None:
    await sync_to_async(make_thread)(line.owner, ("Hi", "So far"), id=line.thread_id, state="running")
    assert (await refused(line.post("And"))).code == "answering"

    await Run.objects.aupdate(heartbeat_at=Now() - timedelta(minutes=1))
    run = await line.answer("And")

    assert run.state == "complete"
    states = [run.state async for run in Run.objects.order_by("state")]
    assert states == ["complete", "interrupted"]


@pytest.mark.parametrize("person", ["stranger", "anonymous", "inactive"])
async def test_a_thread_of_somebody_else_does_not_exist(line: Line, stranger: Any, person: str) -> None:
    await line.answer()
    line.owner = {"stranger": stranger, "anonymous": AnonymousUser(), "inactive": line.owner}[person]
    line.owner.is_active = person == "stranger"
    before = await line.count()

    for work in (
        line.post("Mine now"),
        actions.stop(line.owner, line.thread_id),
        actions.retry(line.owner, line.thread_id),
        tidying.rename(line.owner, line.thread_id, "Mine"),
        tidying.delete(line.owner, line.thread_id),
    ):
        error = await refused(work)
        assert (error.code, error.status, str(error)) == ("not_found", 404, "There is no such conversation.")

    assert await line.count() == before
    assert (await line.thread()).title == "Hi"


async def test_who_is_not_signed_in_begins_nothing(line: Line) -> None:
    line.owner = AnonymousUser()

    assert (await refused(line.post())).status == 404
    assert await line.count() == (0, 0, 0)


async def test_an_assistant_that_does_not_exist_is_refused(line: Line) -> None:
    error = await refused(line.post(assistant="nobody"))

    assert (error.code, error.status) == ("no_assistant", 404)
    assert await line.count() == (0, 0, 0)


async def test_a_thread_whose_assistant_was_removed_takes_no_messages(line: Line) -> None:
    await line.answer()
    await Thread.objects.aupdate(assistant="removed-app")

    assert (await refused(line.post("And"))).code == "no_assistant"
    assert (await refused(actions.retry(line.owner, line.thread_id))).code == "no_assistant"


class Closed(Policy):
    """Nobody may use anything."""

    def can_use(self, user: Any, assistant: Any) -> bool:
        return False


async def test_an_assistant_that_is_not_for_this_person_does_not_exist(line: Line) -> None:
    await line.answer()
    line.sets(POLICY=f"{__name__}.Closed")

    assert (await refused(line.post())).status == 404
    assert (await refused(actions.retry(line.owner, line.thread_id))).status == 404


async def test_a_process_that_ends_takes_no_new_work(line: Line) -> None:
    await line.answer()
    await get_runner().drain(0)

    for work in (line.post("And"), actions.retry(line.owner, line.thread_id)):
        error = await refused(work)
        assert (error.code, error.status, error.retry_after) == ("restarting", 503, 2)
    assert await line.count() == (1, 2, 1)


# ---- limits


async def send_in_parallel(line: Line, count: int) -> tuple[int, list[Refused]]:
    """Send so many messages at once, each into a thread of its own; how many were taken, and the refusals."""
    said = await together(
        *(actions.post_message(line.owner, uuid4(), text="Hi", client_id=uuid4()) for _ in range(count))
    )
    refusals = [item for item in said if isinstance(item, Refused)]
    assert len(refusals) + sum(isinstance(item, actions.Posted) for item in said) == count, said
    return count - len(refusals), refusals


async def test_twenty_at_once_do_not_get_past_the_limit_of_messages(line: Line) -> None:
    line.sets(MESSAGES_PER_MINUTE=7, RUNS_PER_PERSON=1000)

    taken, refusals = await send_in_parallel(line, 20)

    assert taken == 7
    assert {error.code for error in refusals} == {"too_fast"}
    assert await line.count() == (7, 14, 7)


async def test_twenty_at_once_do_not_get_past_the_limit_of_answers(line: Line) -> None:
    line.sets(MESSAGES_PER_MINUTE=1000, RUNS_PER_PERSON=3)
    line.says("Hi", gate("hold"))

    taken, refusals = await send_in_parallel(line, 20)

    assert taken == 3
    assert {error.code for error in refusals} == {"too_many_runs"}
    assert await line.count() == (3, 6, 3)


async def test_asking_again_counts_as_a_message(line: Line) -> None:
    line.sets(MESSAGES_PER_MINUTE=1)
    await line.answer()

    assert (await refused(actions.retry(line.owner, line.thread_id))).code == "too_fast"


@pytest.mark.needs_postgres
def test_the_same_on_postgres() -> None:
    tests = "twenty_at_once or three_times_at_once or two_messages_at_once"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__, "-k", tests]
    environment = {**os.environ, "TEST_DATABASE_URL": POSTGRES_URL.rpartition("/")[0] + "/chatapp_actions"}
    # A few tests cover a part of the code only; whoever measures coverage does not mean them.
    environment.pop("PYTEST_ADDOPTS", None)

    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)

    assert ended.returncode == 0, ended.stdout
    assert "4 passed" in ended.stdout


# ---- stop


async def test_a_stop_of_nothing_is_nothing(line: Line) -> None:
    await line.answer()

    assert await actions.stop(line.owner, line.thread_id) is False
    assert (await line.run()).state == "complete"


async def test_a_stop_holds_even_if_the_process_that_answers_never_hears_of_it(line: Line) -> None:
    line.says("Hi", gate("hold"))
    await line.post()
    await line.provider.reached("hold")

    with mock.patch.object(get_hub(), "stop", mock.AsyncMock()):
        assert await actions.stop(line.owner, line.thread_id)

    assert (await line.run()).state == "stopped"
    assert line.provider.open == 1
    await get_runner().checkpoint()
    await line.ended()
    assert line.provider.open == 0


async def test_a_thread_that_was_stopped_takes_the_next_message(line: Line) -> None:
    line.plays(["Hi", gate("hold")], ["Hello."])
    await line.post()
    await line.provider.reached("hold")

    await actions.stop(line.owner, line.thread_id)
    await line.ended()
    run = await line.answer("Next")

    assert run.state == "complete"
    said = [message["content"] for message in line.provider.requests[1].messages]
    assert said == ["Be brief.", "Hi", "Hi", "Next"]


# ---- retry


async def test_asking_again_makes_a_sibling_that_takes_the_place(line: Line) -> None:
    line.plays(["First."], ["Second."])
    first = await line.answer("Where?")

    await actions.retry(line.owner, line.thread_id, first.reply_id)
    await line.ended(2)

    second = await line.run()
    assert second.reply is not None
    assert second.reply_id != first.reply_id
    assert (second.prompt_id, second.reply.parent_id) == (first.prompt_id, first.prompt_id)
    assert (await line.thread()).head_id == second.reply_id
    assert await line.parts() == [chatapp.TextPart(text="Second.")]
    assert [message["content"] for message in line.provider.requests[1].messages] == ["Be brief.", "Where?"]


async def test_the_answer_after_a_second_try_follows_the_second_answer(line: Line) -> None:
    line.plays(["First."], ["Second."], ["Third."])
    await line.answer("Where?")
    await actions.retry(line.owner, line.thread_id)
    await line.ended(2)

    await line.answer("And?")

    said = [message["content"] for message in line.provider.requests[2].messages]
    assert said == ["Be brief.", "Where?", "Second.", "And?"]


async def test_only_an_answer_of_the_shown_branch_can_be_tried_again(line: Line) -> None:
    first = await line.answer("One?")
    second = await line.answer("Two?")
    await actions.retry(line.owner, line.thread_id, second.reply_id)
    await line.ended(3)

    for message_id in (first.prompt_id, second.reply_id, uuid4()):
        error = await refused(actions.retry(line.owner, line.thread_id, message_id))
        assert (error.code, error.status) == ("nothing_to_retry", 409)
    assert await line.count() == (1, 5, 3)


async def test_an_answer_that_is_under_way_cannot_be_tried_again(line: Line) -> None:
    line.says("Hi", gate("hold"))
    await line.post()

    assert (await refused(actions.retry(line.owner, line.thread_id))).code == "answering"


async def test_a_thread_without_an_answer_has_nothing_to_try_again(line: Line) -> None:
    await sync_to_async(make_thread)(line.owner, id=line.thread_id)

    error = await refused(actions.retry(line.owner, line.thread_id))

    assert (error.code, error.status) == ("nothing_to_retry", 409)


# ---- who may open a page


async def test_a_page_may_be_opened_of_an_own_thread_or_of_one_that_nobody_has_begun(line: Line, stranger: Any) -> None:
    assert await finding.ahas_begun(line.owner, line.thread_id) is False
    await line.answer()

    assert await finding.ahas_begun(line.owner, line.thread_id) is True
    assert await finding.ahas_begun(stranger, line.thread_id) is None


class _Slow(Policy):
    """Lets a test cancel the request while the transaction waits."""

    asked, may_go_on = threading.Event(), threading.Event()

    def check_post(self, user: Any) -> None:
        self.asked.set()
        assert self.may_go_on.wait(10)


async def test_a_message_whose_request_is_cancelled_is_answered_all_the_same(line: Line) -> None:
    line.sets(POLICY=f"{__name__}._Slow")
    posting = asyncio.ensure_future(line.post())
    assert await asyncio.to_thread(_Slow.asked.wait, 10)

    posting.cancel()
    _Slow.may_go_on.set()
    await asyncio.gather(posting, return_exceptions=True)

    async with asyncio.timeout(10):
        while not await Run.objects.filter(state="complete").aexists():  # noqa: ASYNC110  # a row has no event
            await asyncio.sleep(0.01)
