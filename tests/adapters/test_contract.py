"""What is promised of every agent of another library, whichever it is, with the real library and a real connection."""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, aclosing, contextmanager
from dataclasses import replace
from typing import Any

import pytest

import chatapp
from chatapp.errors import ProviderError
from chatapp.files.chatfile import ChatFile
from chatapp.testing import ask
from chatapp.turn import ChatMessage
from tests.faults.exchange import HELLO
from tests.faults.server import FAULTS, FaultServer

from .agents import KEY, Maker, Notes, Parcels, make_turn, remember

# chatlas says so beside the reason of the end that it gives.
pytestmark = pytest.mark.filterwarnings("ignore:Response was truncated:UserWarning")

OPENED = {
    "PydanticAIAssistant.speak",
    "LangChainAssistant.speak",
    "ChatlasAssistant.speak",
    "Runnable._astream_events_v1_v2",
    "Chat.stream_async.<locals>.wrapper",
}
"""What we open, and are to close."""

PNG = b"\x89PNG\r\n\x1a\n"


async def test_it_answers_and_says_what_that_took(make_desk: Maker) -> None:
    answer = await ask(make_desk(), "fault:ok")

    assert answer.parts == [chatapp.TextPart(text=HELLO)]
    assert answer.usage == chatapp.Usage(input_tokens=3, output_tokens=9)


# LangChain's own client for such endpoints leaves thinking out; see test_langchain.
@pytest.mark.parametrize("make_desk", ["pydantic-ai", "chatlas"], indirect=True)
async def test_what_the_model_thinks_is_thinking(make_desk: Maker) -> None:
    answer = await ask(make_desk(), "fault:thinking")

    assert [part.kind for part in answer.parts] == ["thinking", "text"]
    assert (answer.parts[0].text, answer.text) == (FAULTS["thinking"].thinking, HELLO)  # type: ignore[attr-defined]


async def test_the_calls_of_its_tools_are_rows(make_desk: Maker, parcels: Parcels) -> None:
    answer = await ask(make_desk(), "fault:tools")

    # Of one round they run side by side.
    rows = sorted(
        (part for part in answer.parts if isinstance(part, chatapp.ToolCallPart)), key=lambda row: str(row.arguments)
    )
    assert sorted(parcels.asked) == [17, 18, 19]
    assert [(row.name, row.arguments, row.state, row.result, row.round) for row in rows] == [
        ("find_parcel", {"order_number": 17}, "done", "17 is in Bern.", 1),
        ("find_parcel", {"order_number": 18}, "done", "18 is in Bern.", 2),
        ("find_parcel", {"order_number": 19}, "done", "19 is in Bern.", 2),
    ]
    assert answer.text == "One moment. \n\nFound: 17 is in Bern. 18 is in Bern. 19 is in Bern."
    assert answer.usage == chatapp.Usage(input_tokens=9, output_tokens=27)


async def test_the_next_turn_gives_it_back_what_it_said_and_called_in_pairs(
    make_desk: Maker, server: FaultServer
) -> None:
    desk = make_desk(instructions="Be brief.")
    first = await ask(desk, "fault:tools")
    asked = read(server)

    await ask(desk, "fault:ok", history=remember("fault:tools", first.parts))

    now = read(server)
    calls = {call for role, _, calls in now for call in calls}
    results = sorted(content for role, content, _ in now if role == "tool")
    assert [role for role, _, _ in now] == [*(role for role, _, _ in asked), "assistant", "user"]
    assert results == ["17 is in Bern.", "18 is in Bern.", "19 is in Bern."]
    assert len(calls) == 3
    assert now[0][1] == "Be brief."


async def test_half_a_pair_never_goes_back(make_desk: Maker, server: FaultServer) -> None:
    stopped = [chatapp.ToolCallPart(tool_id="call_1", name="find_parcel", round=1, state="stopped")]

    await ask(make_desk(), "fault:ok", history=remember("Where is 17?", stopped))

    assert read(server)[-3:] == [
        ("assistant", "", ("call_1",)),
        ("tool", "The call was stopped before it gave a result.", ()),
        ("user", "fault:ok", ()),
    ]


async def test_images_and_files_of_the_question_go_along(make_desk: Maker, server: FaultServer) -> None:
    files = [
        ChatFile(name="a.png", media_type="image/png", size_bytes=8, load=lambda: PNG),
        ChatFile(name="a.csv", media_type="text/csv", text="17;Bern"),
    ]
    question = ChatMessage(role="user", content="fault:ok", attachments=files)

    await listen(replace(make_turn(make_desk(), ""), messages=[question]))

    pieces = [piece for message in server.received[-1].body["messages"] for piece in message["content"]]
    images = [piece["image_url"]["url"] for piece in pieces if isinstance(piece, dict) and "image_url" in piece]
    assert images == ["data:image/png;base64,iVBORw0KGgo="]
    assert "17;Bern" in str(pieces)


async def test_each_request_is_written_down_once(make_desk: Maker) -> None:
    notes = Notes()

    await listen(make_turn(make_desk(), "fault:tools", ledger=notes))

    assert [call.alias for call in notes.calls] == [make_desk().alias] * 3
    assert [call.usage for call in notes.calls] == [chatapp.Usage(input_tokens=3, output_tokens=9)] * 3
    assert [call.finish for call in notes.calls] == ["tool_calls", "tool_calls", "stop"]
    assert all(0 <= (call.first_token_seconds or 0) <= call.seconds for call in notes.calls)


@pytest.mark.parametrize(
    "name",
    ["http-401", "http-402", "http-404", "http-500", "context-too-long", "reset-mid-stream", "reset-before-text"],
)
async def test_a_failure_is_the_one_that_our_own_provider_tells(make_desk: Maker, name: str) -> None:
    notes = Notes()

    with pytest.raises(ProviderError) as caught:
        await listen(make_turn(make_desk(), f"fault:{name}", ledger=notes))

    assert caught.value.code == FAULTS[name].code
    assert [call.error_code for call in notes.calls] == [FAULTS[name].code]
    assert KEY not in f"{caught.value} {caught.value.cause}"


async def test_an_endpoint_that_is_not_there_is_unreachable(make_desk: Maker, server: FaultServer) -> None:
    desk = make_desk()
    server._server.close()

    with pytest.raises(ProviderError) as caught:
        await listen(make_turn(desk, "fault:ok"))

    assert caught.value.code == "unreachable"


async def test_an_answer_that_was_cut_off_says_so(make_desk: Maker) -> None:
    answer = await ask(make_desk(), "fault:finish-length")

    assert [part.kind for part in answer.parts] == ["text", "notice"]


async def test_a_stop_closes_the_connection_at_once(make_desk: Maker, server: FaultServer) -> None:
    notes = Notes()
    turn = make_turn(make_desk(), "fault:hang-mid-stream", ledger=notes)
    has_begun = asyncio.Event()

    async def say() -> None:
        async with aclosing(turn.assistant.answer(turn)) as said:
            async for item in said:
                if isinstance(item, str):
                    has_begun.set()

    task = asyncio.create_task(say())
    await has_begun.wait()
    began = time.monotonic()
    task.cancel()
    await server.until(lambda: server.get_stats("hang-mid-stream").aborted == 1)

    assert time.monotonic() - began < 0.5
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [(call.finish, call.error_code) for call in notes.calls] == [(None, "")]


@pytest.fixture
def dropped() -> Callable[[], AbstractContextManager[list[str]]]:
    """Within the block: names of generators that are left to the garbage collector, which may come late."""

    @contextmanager
    def watch() -> Iterator[list[str]]:
        names: list[str] = []
        hooks = sys.get_asyncgen_hooks()

        def note(generator: Any) -> None:
            names.append(generator.__qualname__)
            if hooks.finalizer is not None:
                hooks.finalizer(generator)

        sys.set_asyncgen_hooks(firstiter=hooks.firstiter, finalizer=note)
        try:
            yield names
        finally:
            sys.set_asyncgen_hooks(*hooks)

    return watch


async def test_leaving_it_closes_the_connection_and_what_is_between(
    make_desk: Maker, server: FaultServer, dropped: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    turn = make_turn(make_desk(), "fault:hang-mid-stream")

    with dropped() as names:
        async with aclosing(turn.assistant.answer(turn)) as said:
            async for item in said:
                if isinstance(item, str):
                    break

    await server.until(lambda: server.get_stats("hang-mid-stream").aborted == 1)
    assert OPENED & set(names) == set()


async def test_one_agent_answers_many_people_at_once_and_mixes_nothing(make_desk: Maker, server: FaultServer) -> None:
    desk = make_desk()

    answers = await asyncio.gather(*(ask(desk, f"fault:echo;n={number}") for number in range(5)))

    assert [answer.text for answer in answers] == [f"fault:echo;n={number}" for number in range(5)]
    assert all(len(exchange.body["messages"]) == 1 for exchange in server.received)


async def listen(turn: chatapp.Turn) -> list[Any]:
    """All that is said to a turn."""
    async with aclosing(turn.assistant.answer(turn)) as said:
        return [item async for item in said]


def read(server: FaultServer) -> list[tuple[str, str, tuple[str, ...]]]:
    """Role, text and ids of calls of each message of the last request."""
    return [
        (
            "system" if message["role"] == "developer" else message["role"],
            _get_text(message.get("content")),
            tuple(call["id"] for call in message.get("tool_calls") or ()),
        )
        for message in server.received[-1].body["messages"]
    ]


def _get_text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(piece["text"] for piece in content or ())
