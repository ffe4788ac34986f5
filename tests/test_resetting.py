"""A conversation is begun anew by code, in four ways."""

from typing import Any
from uuid import UUID

import pytest
from asgiref.sync import sync_to_async

import chatapp
from chatapp.errors import Refused
from chatapp.files.parts import FilePart
from chatapp.models import Attachment, Message, Thread
from chatapp.providers.scripted import gate
from chatapp.testing import Page, ThreadSocket
from tests.line import Line

NEW = [{"role": "user", "content": "Where were we?"}, {"role": "assistant", "content": "Here."}]


async def load(client: Any, line: Line) -> Page:
    """The thread on a freshly loaded page."""
    return Page((await sync_to_async(client.get)(f"/chat/{line.thread_id}/")).content.decode())


@pytest.mark.parametrize(
    ("mode", "messages", "shown", "known"),
    [
        ("clear", None, [], []),
        ("set", NEW, ["Where were we?", "Here."], ["Where were we?", "Here."]),
        ("append", NEW, ["Where were we?", "Here."], ["One?", "Hello.", "Where were we?", "Here."]),
        ("append", ["Welcome back."], ["Welcome back."], ["One?", "Hello.", "Welcome back."]),
        ("keep", None, [], ["One?", "Hello."]),
        ("set", [], [], []),
    ],
    ids=["clear", "set", "append", "append a string", "keep", "set to nothing"],
)
async def test_what_people_see_and_what_the_model_knows(
    line: Line, owner_client: Any, mode: Any, messages: Any, shown: list[str], known: list[str]
) -> None:
    await line.answer("One?")
    async with ThreadSocket(line.owner, line.thread_id) as socket:
        await socket.until(lambda page: page.texts == ["One?", "Hello."])

        await chatapp.reset(line.thread_id, mode=mode, messages=messages)

        await socket.until(lambda page: page.texts == shown)
        fresh = await load(owner_client, line)
        await socket.post("Two?")
        live = await socket.until(lambda page: page.texts == [*shown, "Two?", "Hello."] and not page.cursors)
    told = [message["content"] for message in line.provider.requests[-1].messages if message["role"] != "system"]

    assert fresh.texts == shown
    assert live.texts == (await load(owner_client, line)).texts
    assert told == [*known, "Two?"]


@pytest.mark.parametrize(
    ("mode", "messages", "sentence"),
    [
        ("set", None, "mode 'set' needs messages; to forget everything use 'clear'"),
        ("append", None, "mode 'append' needs messages"),
        ("clear", NEW, "mode 'clear' takes no messages; to show some use 'set' or 'append'"),
        ("keep", [], "mode 'keep' takes no messages"),
        ("forget", None, "mode 'forget' is not known; known are clear, set, append, keep"),
        ("set", [{"role": "nobody", "content": "Hi"}], "message 1 has the role 'nobody'"),
    ],
)
async def test_what_does_not_go_together_is_refused_and_changes_nothing(
    line: Line, mode: Any, messages: Any, sentence: str
) -> None:
    await line.answer("One?")

    with pytest.raises(ValueError, match=sentence):
        await chatapp.reset(line.thread_id, mode=mode, messages=messages)

    assert len(await chatapp.get_messages(line.thread_id)) == 2


@pytest.mark.parametrize(("mode", "messages"), [("clear", None), ("set", NEW), ("append", NEW), ("keep", None)])
async def test_during_an_answer_it_is_refused_with_a_sentence_for_people(line: Line, mode: Any, messages: Any) -> None:
    provider = line.says("So far", gate("mid"), ".")
    await line.post("One?")
    await provider.reached("mid")

    with pytest.raises(Refused, match=r"Please wait for the answer to finish, or stop it first\.") as raised:
        await chatapp.reset(line.thread_id, mode=mode, messages=messages)
    provider.release("mid")
    await line.ended()

    assert (raised.value.code, raised.value.status) == ("answering", 409)
    assert [message.content for message in await chatapp.get_messages(line.thread_id)] == ["One?", "So far."]


async def test_an_assistant_that_tries_it_in_its_answer_shows_the_sentence(line: Line) -> None:
    async def forgetful(turn: chatapp.Turn) -> str:
        assert turn.thread_id
        await chatapp.reset(turn.thread_id)
        return "never said"

    line.declares(forgetful)

    await line.answer("One?")

    (error,) = await line.parts()
    assert isinstance(error, chatapp.ErrorPart)
    assert error.message == "Please wait for the answer to finish, or stop it first."


async def test_what_is_kept_for_the_model_has_its_files_and_tools(line: Line, tmp_path: Any) -> None:
    line.sets(CONTEXT_ALLOWED_ROOTS=[str(tmp_path)])
    (tmp_path / "note.txt").write_text("The code is 17.")
    await line.answer("One?")
    thread = await line.thread()
    call = chatapp.ToolCallPart(tool_id="call_1", name="look", arguments={"at": 1}, result="17", state="done")
    await chatapp.post(thread, await chatapp.attach_path(thread, tmp_path / "note.txt"), role="user")
    await chatapp.post(thread, call, "It is 17.")
    before = await chatapp.get_turns(thread)

    await chatapp.reset(thread, mode="keep")
    await line.answer("Two?")

    kept = [part async for message in Message.objects.filter(visible=False) for part in message.load_parts()]
    (file,) = [part for part in kept if isinstance(part, FilePart)]
    assert (await chatapp.get_turns(thread))[: len(before)] == before
    assert (await Attachment.objects.aget(pk=file.attachment)).text == "The code is 17."
    assert "The code is 17." in str(line.provider.requests[-1].messages)


async def test_with_the_greeting_the_chat_begins_as_a_new_one(line: Line) -> None:
    await line.answer("One?")

    await chatapp.reset(line.thread_id, greeting=True)

    assert (await line.thread()).greeting is None


async def test_a_thread_that_is_not_there_cannot_be_reset(line: Line) -> None:
    with pytest.raises(Thread.DoesNotExist):
        await chatapp.reset(UUID(int=1))


async def test_code_that_is_not_async_has_a_twin(line: Line) -> None:
    await line.answer("One?")

    await sync_to_async(chatapp.reset_sync, thread_sensitive=False)(line.thread_id, mode="set", messages=["Welcome."])

    assert [message.content for message in await chatapp.get_messages(line.thread_id)] == ["Welcome."]
