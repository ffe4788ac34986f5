"""Messages that code says, from views, tasks and signals."""

import asyncio
from datetime import timedelta
from typing import Any
from unittest import mock
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.db.models import QuerySet
from django.db.models.functions import Now

import chatapp
from chatapp import actions, signals
from chatapp.errors import Refused
from chatapp.models import Message, Run, Thread
from chatapp.providers.scripted import gate
from chatapp.runs import journal, transcript
from chatapp.runs.yields import UnknownYield
from tests.conftest import make_thread
from tests.line import Line
from tests.runs.test_follower import open_tab, reload


def read(thread_id: Any) -> list[str]:
    """What is said in the thread, in order."""
    thread = Thread.objects.get(pk=thread_id)
    return [view.source for view in transcript.load_views(thread, transcript.get_path(thread))]


aread = sync_to_async(read)


async def test_it_appears_in_an_open_page_and_after_a_reload(line: Line) -> None:
    await line.answer()
    async with open_tab(line) as tab:
        await tab.until(lambda page: page.texts == ["Hi", "Hello."])

        message = await chatapp.post(line.thread_id, "Your **parcel** is here.", author="Post office")

        page = await tab.until(lambda page: page.texts == ["Hi", "Hello.", "Your parcel is here."])
    assert page.thread == (await reload(line)).thread
    assert "Post office said" in page.thread
    assert message.queued_at is None


async def test_what_comes_while_an_answer_is_being_said_follows_it_in_order(line: Line) -> None:
    line.says("So far.", gate("end"), " Done.")
    await line.post()
    await line.provider.reached("end")
    async with open_tab(line) as tab:
        await tab.until(lambda page: page.text == "So far.")

        queued = await chatapp.post(line.thread_id, "One.")
        await chatapp.post(await line.thread(), "Two.")
        assert queued.queued_at is not None
        assert len(await aread(line.thread_id)) == 2
        line.provider.release("end")

        page = await tab.until(lambda page: page.texts == ["Hi", "So far. Done.", "One.", "Two."])
    assert page.thread == (await reload(line)).thread


async def test_a_stop_lets_the_queue_go_on(line: Line) -> None:
    line.says("So far.", gate("end"))
    await line.post()
    await line.provider.reached("end")
    await chatapp.post(line.thread_id, "One.")

    await actions.stop(line.owner, line.thread_id)
    await line.ended()

    assert await aread(line.thread_id) == ["Hi", "So far.", "One."]


async def test_the_queue_outlives_the_process_that_answers(line: Line) -> None:
    await sync_to_async(make_thread)(line.owner, ("Hi", "So far"), id=line.thread_id, state="running")
    await chatapp.post(line.thread_id, "One.")
    assert await aread(line.thread_id) == ["Hi", "So far"]

    await Run.objects.aupdate(heartbeat_at=Now() - timedelta(minutes=1))
    await journal.asweep()

    assert await aread(line.thread_id) == ["Hi", "So far", "One."]


async def test_an_answer_that_begins_at_the_same_moment_goes_first(line: Line) -> None:
    await line.answer()
    begun: list[bool] = []
    lock = QuerySet.select_for_update

    def begin_first(rows: Any, *args: Any, **kwargs: Any) -> Any:
        # The answer begins after the question for a live run, and before the thread is locked.
        if not begun:
            begun.append(True)
            Run.objects.filter(thread_id=line.thread_id).update(finished_at=None, state="running")
        return lock(rows, *args, **kwargs)

    with mock.patch.object(QuerySet, "select_for_update", begin_first):
        message = await chatapp.post(line.thread_id, "One.")

    assert message.queued_at is not None
    assert await aread(line.thread_id) == ["Hi", "Hello."]


async def test_the_next_question_follows_it_and_the_model_knows_it(line: Line) -> None:
    await line.answer()
    await chatapp.post(line.thread_id, "By the way.")
    provider = line.says("Fine.")

    await line.answer("And now?")

    said = [message["content"] for message in provider.requests[-1].messages if message["role"] != "system"]
    assert said == ["Hi", "Hello.", "By the way.", "And now?"]


async def test_what_is_not_for_the_model_is_shown_and_what_is_hidden_is_told(line: Line) -> None:
    await line.answer()
    await chatapp.post(line.thread_id, "Only for people.", for_model=False)
    await chatapp.post(line.thread_id, "Only for the model.", role="user", visible=False)
    await chatapp.post(line.thread_id, "A rule.", role="system")
    provider = line.says("Fine.")

    await line.answer("And now?")

    said = [(message["role"], message["content"]) for message in provider.requests[-1].messages]
    assert ("user", "Only for the model.") in said
    assert ("system", "A rule.") in said
    assert "Only for people." not in str(said)
    assert await aread(line.thread_id) == ["Hi", "Hello.", "Only for people.", "And now?", "Fine."]


async def test_parts_and_whatever_an_assistant_may_yield_can_be_posted(line: Line) -> None:
    await line.answer()

    message = await chatapp.post(line.thread_id, "Look:", chatapp.NoticePart(code="a", message="b"), {"content": "c"})

    stored = await Message.objects.aget(pk=message.pk)
    assert [part.kind for part in stored.load_parts()] == ["text", "notice", "text"]
    assert stored.text == "Look:\n\nc"


async def test_it_cannot_be_tried_again(line: Line) -> None:
    await line.answer()
    message = await chatapp.post(line.thread_id, "By the way.")

    with pytest.raises(Refused, match="There is no answer to try again"):
        await actions.retry(line.owner, line.thread_id, message.pk)
    views = await sync_to_async(transcript.load_views)(await line.thread(), [message.pk])
    assert [view.can_retry for view in views] == [False]


async def test_code_that_is_not_async_has_a_twin(line: Line) -> None:
    await line.answer()

    message = await sync_to_async(chatapp.post_sync)(line.thread_id, "From a task.")

    assert message.text == "From a task."
    assert (await aread(line.thread_id))[-1] == "From a task."


async def test_others_hear_of_it_by_the_signal(line: Line) -> None:
    await line.answer()
    heard: list[Message] = []

    def hear(message: Message, **kwargs: Any) -> None:
        heard.append(message)

    signals.message_created.connect(hear)
    message = await chatapp.post(line.thread_id, "One.")
    signals.message_created.disconnect(hear)

    assert heard == [message]


@pytest.mark.parametrize(
    ("said", "options", "error", "sentence"),
    [
        ([], {}, ValueError, "nothing was said"),
        ([""], {}, ValueError, "nothing was said"),
        (["a"], {"role": "boss"}, ValueError, "role 'boss' is not known; known are user, assistant, system, tool"),
        (["a", 7], {}, UnknownYield, "builtins.int"),
    ],
    ids=["nothing", "empty", "role", "yield"],
)
async def test_what_cannot_be_posted_says_why_and_leaves_nothing(
    line: Line, said: list[Any], options: dict[str, Any], error: type[Exception], sentence: str
) -> None:
    await line.answer()

    with pytest.raises(error, match=sentence):
        await chatapp.post(line.thread_id, *said, **options)
    assert await aread(line.thread_id) == ["Hi", "Hello."]


async def test_a_thread_that_is_not_there_is_said_to_be_missing(line: Line) -> None:
    with pytest.raises(Thread.DoesNotExist):
        await chatapp.post(uuid4(), "One.")


async def test_many_at_once_are_one_after_the_other(line: Line) -> None:
    await line.answer()

    await asyncio.gather(*(chatapp.post(line.thread_id, str(number)) for number in range(5)))

    assert sorted((await aread(line.thread_id))[2:]) == ["0", "1", "2", "3", "4"]


def test_there_is_no_other_name_to_be_fetched_late() -> None:
    with pytest.raises(AttributeError, match="no attribute 'pots'"):
        _ = chatapp.pots
