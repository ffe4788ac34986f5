"""Messages that code says bit by bit: `async with chatapp.message_stream(thread)`."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from django.utils import timezone

import chatapp
from chatapp import actions
from chatapp.errors import ChatappError, Refused
from chatapp.models import Message, Thread
from chatapp.providers.scripted import gate
from tests.line import Line
from tests.runs.test_follower import open_tab, reload
from tests.test_posting import aread


async def test_a_message_appears_on_entering_and_is_stored_on_leaving(line: Line) -> None:
    await line.answer()
    async with open_tab(line) as tab:
        await tab.until(lambda page: page.texts == ["Hi", "Hello."])

        async with chatapp.message_stream(line.thread_id, author="Post office", icon="truck") as message:
            await tab.until(lambda page: len(page.articles) == 3 and page.state == "streaming")
            await message.append("Packing")
            await tab.until(lambda page: page.text == "Packing")
            async with chatapp.message_stream() as inner:
                await inner.append(" slowly")
                await inner.replace(" **fast**")
            await message.append(".")

        assert (await aread(line.thread_id))[-1] == "Packing **fast**."
        page = await tab.until(lambda page: page.state == "complete")
    assert page.text == "Packing fast."
    assert page.thread == (await reload(line)).thread
    assert "Post office said" in page.thread
    assert "chat-icon-truck" in page.thread
    with pytest.raises(ChatappError, match="no answer is being said here"):
        chatapp.message_stream()


async def test_what_was_said_is_stored_also_when_the_body_of_it_raises(line: Line) -> None:
    await line.answer()

    async def say() -> None:
        async with chatapp.message_stream(await line.thread()) as message:
            await message.append("So far.")
            raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        await say()

    assert [part.kind for part in await line.parts()] == ["text", "error"]
    assert (await line.parts())[0] == chatapp.TextPart(text="So far.")
    assert str((await line.run()).state) == "failed"


async def test_who_is_cancelled_leaves_what_was_said(line: Line) -> None:
    await line.answer()
    said = asyncio.Event()

    async def say() -> None:
        async with chatapp.message_stream(line.thread_id) as message:
            await message.append("So far.")
            said.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(say())
    await said.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert (await aread(line.thread_id))[-1] == "So far."
    assert str((await line.run()).state) == "stopped"


async def test_a_person_stops_what_code_says(line: Line) -> None:
    await line.answer()

    async def say() -> None:
        async with chatapp.message_stream(line.thread_id) as message:
            await message.append("So far.")
            await actions.stop(line.owner, line.thread_id)
            await line.ended(2)
            await message.append("Not this.")

    with pytest.raises(ChatappError, match="this answer has ended"):
        await say()

    assert (await aread(line.thread_id))[-1] == "So far."


async def test_it_waits_for_the_answer_that_is_being_said(line: Line) -> None:
    line.says("So far.", gate("hold"), " Done.")
    await line.post()
    await line.provider.reached("hold")

    async def say(text: str) -> None:
        async with chatapp.message_stream(line.thread_id) as message:
            await message.append(text[:2])
            await asyncio.sleep(0)
            await message.append(text[2:])

    tasks = [asyncio.create_task(say(text)) for text in ("Packed.", "Sent.")]
    line.provider.release("hold")
    await asyncio.gather(*tasks)

    said = await aread(line.thread_id)
    assert said[:2] == ["Hi", "So far. Done."]
    assert sorted(said[2:]) == ["Packed.", "Sent."]


async def test_an_assistant_says_something_in_another_thread(line: Line) -> None:
    now = timezone.now()
    other = await Thread.objects.acreate(owner=line.owner, assistant="model", updated_at=now)

    async def tells() -> AsyncIterator[str]:
        yield "Told. "
        async with chatapp.message_stream(other) as message:
            await message.append("From over there.")
        async with chatapp.message_stream() as here:
            await here.append("Here.")

    line.declares(tells)
    await line.post("Tell them")
    await line.ended(2)

    assert (await aread(line.thread_id))[-1] == "Told. Here."
    assert (await Message.objects.aget(thread=other)).text == "From over there."


async def test_what_code_said_is_no_answer_to_try_again(line: Line) -> None:
    await line.answer()
    async with chatapp.message_stream(line.thread_id) as message:
        await message.append("Sent.")

    with pytest.raises(Refused) as refusal:
        await actions.retry(line.owner, line.thread_id)

    assert refusal.value.status == 409
    last = (await reload(line)).thread.rpartition("<article")[2]
    assert 'form="chat-retry"' not in last


async def test_a_thread_that_is_not_there_is_an_error(line: Line) -> None:
    with pytest.raises(Thread.DoesNotExist):
        async with chatapp.message_stream(line.thread_id):
            pass
