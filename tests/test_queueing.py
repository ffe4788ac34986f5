"""What becomes of a message that is sent during an answer: refused, sent after it, or sent in its place."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.core.exceptions import ImproperlyConfigured
from django.db.models.functions import Now
from django.test import AsyncClient

import chatapp
from chatapp import actions, queueing
from chatapp.conf import read_settings
from chatapp.errors import ProviderError, Refused
from chatapp.models import Message, Run, Thread
from chatapp.providers.scripted import gate
from chatapp.runs import queue, transcript
from chatapp.runs.hub import get_hub
from chatapp.runs.runner import get_runner
from tests.conftest import make_thread
from tests.line import Line
from tests.runs.test_follower import open_tab
from tests.test_posting import aread


class Queues(chatapp.Assistant):
    """Lets people send on."""

    slug = "queues"
    while_running = "queue"


class Stops(chatapp.Assistant):
    """Is stopped by the next message."""

    slug = "stops"
    while_running = "stop"


async def begin(line: Line, *more: Any, assistant: type[chatapp.Assistant] = Queues) -> Run:
    """An answer that holds at the gate "first"; the model says what follows to the next questions."""
    line.declares(assistant)
    line.plays(["So far.", gate("first"), " Done."], *more)
    posted = await line.post("One?")
    await line.provider.reached("first")
    return await line.run(posted.run_id)


@sync_to_async
def list_waiting(line: Line) -> list[str]:
    """What waits in the thread, as it is stored."""
    return [message.text for message in queue.list_waiting(Thread.objects.get(pk=line.thread_id))]


def test_how_an_assistant_takes_messages_meanwhile_is_checked_when_it_is_registered() -> None:
    class Wrong(chatapp.Assistant):
        while_running = "wait"  # type: ignore[assignment]  # what is tested

    with pytest.raises(ValueError, match="while_running 'wait' is not known; known are block, disable, stop, queue"):
        Wrong()
    with pytest.raises(ImproperlyConfigured, match="WHILE_RUNNING"):
        read_settings({"WHILE_RUNNING": "wait"})


def test_an_assistant_does_as_the_site_says_unless_it_says_something_else(settings: Any) -> None:
    assert chatapp.Assistant().get_while_running() == "block"
    settings.CHATAPP = {"WHILE_RUNNING": "queue"}
    assert chatapp.Assistant().get_while_running() == "queue"
    assert Stops().get_while_running() == "stop"


@pytest.mark.parametrize("mode", ["block", "disable"])
async def test_a_second_message_during_an_answer_is_refused_and_changes_nothing(line: Line, mode: str) -> None:
    line.sets(WHILE_RUNNING=mode)
    line.says("So far.", gate("hold"))
    await line.post()
    await line.provider.reached("hold")
    before = await line.count()

    with pytest.raises(Refused, match="Please wait for the answer") as refusal:
        await line.post("Two?")

    assert refusal.value.status == 409
    assert await line.count() == before
    line.provider.release("hold")


async def test_what_is_sent_meanwhile_waits_and_is_sent_in_order_when_the_answer_ends(line: Line) -> None:
    await begin(line, ["Second."], ["Third."])

    posted = [await line.post("Two?"), await line.post("Three?")]
    assert [item.run_id for item in posted] == [None, None]
    assert await list_waiting(line) == ["Two?", "Three?"]
    line.provider.release("first")
    await line.ended(3)

    assert await aread(line.thread_id) == ["One?", "So far. Done.", "Two?", "Second.", "Three?", "Third."]
    assert await list_waiting(line) == []
    runs = [run async for run in Run.objects.filter(thread_id=line.thread_id).order_by("started_at")]
    assert [(str(run.state), run.prompt_id) for run in runs[1:]] == [("complete", item.message_id) for item in posted]


async def test_a_question_that_waited_is_asked_with_the_answer_before_it(line: Line) -> None:
    await begin(line, ["Second."])
    await line.post("Two?")
    line.provider.release("first")
    await line.ended(2)

    said = [message["content"] for message in line.provider.requests[-1].messages]
    assert said == ["One?", "So far. Done.", "Two?"]


async def test_a_message_that_waits_is_shown_in_every_tab_and_after_a_reload_until_it_is_sent(line: Line) -> None:
    await begin(line, ["Second."])
    browser = AsyncClient()
    await browser.aforce_login(line.owner)
    async with AsyncExitStack() as stack:
        tabs = [await stack.enter_async_context(open_tab(line)) for _ in range(2)]
        for tab in tabs:
            await tab.until(lambda page: page.text == "So far.")

        await line.post("<b>Two?</b>")

        for tab in tabs:
            page = await tab.until(lambda page: "Two?" in page.html_of("chat-queue"))
            assert page.texts == ["One?", "So far."]
        response = await browser.get(f"/chat/{line.thread_id}/")
        html = response.content.decode()
        shown = html[html.index('id="chat-queue"') : html.index('id="chat-composer"')]
        assert "&lt;b&gt;Two?&lt;/b&gt;" in shown
        line.provider.release("first")
        for tab in tabs:
            page = await tab.until(lambda page: page.text == "Second." and page.state == "complete")
            assert "Two?" not in page.html_of("chat-queue")
            assert page.texts == ["One?", "So far. Done.", "<b>Two?</b>", "Second."]
            assert page.missed == []


async def test_a_page_that_was_away_while_the_queue_was_sent_does_not_show_it_any_more(line: Line) -> None:
    await begin(line, ["Second."])
    await line.post("Two?")
    async with open_tab(line) as tab:
        page = await tab.until(lambda page: "Two?" in page.html_of("chat-queue"))
    line.provider.release("first")
    await line.ended(2)

    async with open_tab(line, page) as tab:
        await tab.until(lambda page: page.text == "Second.")

    assert "Two?" not in page.html_of("chat-queue")


async def test_a_message_that_is_sent_three_times_waits_once(line: Line) -> None:
    await begin(line, ["Second."])
    client_id = uuid4()

    posted = [await line.post("Two?", client_id=client_id) for _ in range(3)]
    line.provider.release("first")
    await line.ended(2)
    posted.append(await line.post("Two?", client_id=client_id))

    assert len({item.message_id for item in posted}) == 1
    assert [item.is_new for item in posted] == [True, False, False, False]
    with pytest.raises(Refused, match="with another text"):
        await line.post("Other", client_id=client_id)
    assert await line.count() == (1, 4, 2)


async def test_what_waits_can_be_taken_back(line: Line) -> None:
    await begin(line, ["Third."])
    second, _third = await line.post("Two?"), await line.post("Three?")
    async with open_tab(line) as tab:
        await tab.until(lambda page: "Two?" in page.html_of("chat-queue"))

        await queueing.unqueue(line.owner, line.thread_id, second.message_id)

        await tab.until(lambda page: "Two?" not in page.html_of("chat-queue"))
        assert "Three?" in tab.page.html_of("chat-queue")
    with pytest.raises(Refused, match="does not wait any more") as refusal:
        await queueing.unqueue(line.owner, line.thread_id, second.message_id)
    assert refusal.value.status == 409
    line.provider.release("first")
    await line.ended(2)
    assert await aread(line.thread_id) == ["One?", "So far. Done.", "Three?", "Third."]


async def test_a_stranger_takes_nothing_back(line: Line, stranger: Any) -> None:
    await begin(line)
    posted = await line.post("Two?")

    with pytest.raises(Refused) as refusal:
        await queueing.unqueue(stranger, line.thread_id, posted.message_id)

    assert refusal.value.status == 404
    assert await list_waiting(line) == ["Two?"]
    await queueing.unqueue(line.owner, line.thread_id, posted.message_id)
    line.provider.release("first")


async def test_what_stands_in_the_conversation_is_nothing_that_waits(line: Line) -> None:
    run = await begin(line)

    with pytest.raises(Refused) as refusal:
        await queueing.unqueue(line.owner, line.thread_id, run.prompt_id)  # type: ignore[arg-type]  # it has one

    assert refusal.value.status == 409
    line.provider.release("first")


@pytest.mark.parametrize("end", ["stop", "failure"])
async def test_the_queue_goes_on_however_the_answer_ends(line: Line, end: str) -> None:
    line.declares(Queues)
    failing: list[Any] = ["So far.", gate("first"), ProviderError("cut_off", "somewhere")]
    line.plays(failing, ["Second."])
    await line.post("One?")
    await line.provider.reached("first")
    await line.post("Two?")

    if end == "stop":
        await actions.stop(line.owner, line.thread_id)
    else:
        line.provider.release("first")
    await line.ended(2)

    assert [state for _, state in line.ends] == [{"stop": "stopped", "failure": "failed"}[end], "complete"]
    assert (await aread(line.thread_id))[-2:] == ["Two?", "Second."]


async def test_the_queue_goes_on_when_the_process_that_answered_has_died(line: Line) -> None:
    line.declares(Queues)
    line.says("Second.")
    await sync_to_async(make_thread)(
        line.owner, ("One?", "So far"), id=line.thread_id, state="running", assistant="queues"
    )
    await line.post("Two?")
    assert await list_waiting(line) == ["Two?"]
    await Run.objects.aupdate(heartbeat_at=Now() - timedelta(minutes=1))

    async with open_tab(line) as tab:
        await get_hub().look()
        await tab.until(lambda page: page.text == "Second." and page.state == "complete")

    assert await aread(line.thread_id) == ["One?", "So far", "Two?", "Second."]
    assert [str(run.state) async for run in Run.objects.order_by("started_at")] == ["interrupted", "complete"]


async def test_a_question_stored_at_the_moment_the_answer_ends_is_sent(line: Line) -> None:
    await begin(line, ["Second."])
    stored = asyncio.Event()

    async def end_first(sender: Any, **kwargs: Any) -> None:
        # The answer ends, and looks for the queue, before whoever stored the question has said so.
        if not stored.is_set():
            stored.set()
            line.provider.release("first")
            await line.ended(1)

    chatapp.signals.message_created.connect(end_first)
    try:
        await line.post("Two?")
        await line.ended(2)
    finally:
        chatapp.signals.message_created.disconnect(end_first)

    assert (await aread(line.thread_id))[-2:] == ["Two?", "Second."]


async def test_two_who_go_on_with_the_queue_at_once_send_it_once(line: Line) -> None:
    line.declares(Queues)
    line.says("Second.")
    await sync_to_async(make_thread)(line.owner, ("One?", "So far"), id=line.thread_id, assistant="queues")
    thread = await line.thread()
    question = Message(thread=thread, role="user", text="Two?", parts=[], client_id=uuid4())
    assert await sync_to_async(queue.put)(thread, question)

    await asyncio.gather(*(queueing.send_next(line.thread_id) for _ in range(4)))
    await line.ended(1)

    assert await Run.objects.filter(prompt=question.pk).acount() == 1


async def test_a_process_that_is_about_to_end_leaves_the_queue_to_the_others(line: Line) -> None:
    await begin(line, ["Second."])
    await line.post("Two?")
    get_runner().is_draining = True

    line.provider.release("first")
    await line.ended(1)

    assert await list_waiting(line) == ["Two?"]
    assert await sync_to_async(transcript.get_live_run)(await line.thread()) is None


async def test_too_many_messages_do_not_wait(line: Line) -> None:
    await begin(line)
    posted = [await line.post(f"{number}?") for number in range(queue.MAX_WAITING)]

    with pytest.raises(Refused, match="Too many messages are waiting") as refusal:
        await line.post("One more?")

    assert refusal.value.status == 429
    assert len(await list_waiting(line)) == queue.MAX_WAITING
    for item in posted:
        await queueing.unqueue(line.owner, line.thread_id, item.message_id)
    line.provider.release("first")


async def test_a_message_that_stops_the_answer_is_sent_next(line: Line) -> None:
    await begin(line, ["Second."], assistant=Stops)

    await line.post("Two?")
    await line.ended(2)

    assert [state for _, state in line.ends] == ["stopped", "complete"]
    assert await aread(line.thread_id) == ["One?", "So far.", "Two?", "Second."]


async def test_what_code_says_follows_the_answer_and_comes_before_what_waits(line: Line) -> None:
    await begin(line, ["Second."])
    await line.post("Two?")
    await chatapp.post(line.thread_id, "A parcel is here.")

    line.provider.release("first")
    await line.ended(2)

    assert await aread(line.thread_id) == ["One?", "So far. Done.", "A parcel is here.", "Two?", "Second."]


async def test_without_script_a_message_waits_and_is_taken_back_by_forms(line: Line) -> None:
    await begin(line)
    browser = AsyncClient()
    await browser.aforce_login(line.owner)
    path = f"/chat/{line.thread_id}/"

    posted = await browser.post(f"{path}messages/", {"text": "Two?", "client_id": str(uuid4())})
    assert (posted.status_code, posted.headers["Location"]) == (303, path)
    message = await Message.objects.aget(text="Two?")
    assert f'name="message" value="{message.pk}"' in (await browser.get(path)).content.decode()
    taken = await browser.post(f"{path}unqueue/", {"message": str(message.pk)})

    assert (taken.status_code, taken.headers["Location"]) == (303, path)
    assert await list_waiting(line) == []
    line.provider.release("first")
