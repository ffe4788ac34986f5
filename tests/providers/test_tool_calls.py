"""Calls of tools in a stream: put together from pieces of any shape, and given out only when the model has finished."""

from typing import Any

import pytest

import chatapp
from chatapp.errors import ProviderError
from chatapp.events import Finish, ModelCall
from chatapp.providers.base import ModelRequest
from chatapp.providers.calls import MAX_ARGUMENT_CHARS, MAX_CALLS, CallReader
from chatapp.providers.decoder import ChatDecoder
from chatapp.providers.openai import OpenAIProvider
from tests.faults.exchange import write_chunk
from tests.faults.server import FaultServer
from tests.faults.tools import make_piece

from .conftest import ask

ran: list[int] = []


@chatapp.tool(approval="never")
def find_parcel(order_number: int) -> str:
    """Say where the parcel of an order is."""
    ran.append(order_number)
    return f"{order_number} is in Bern."


class Support(chatapp.Assistant):
    """Has one tool."""

    tools = (find_parcel,)


@pytest.fixture(autouse=True)
def _nothing_ran() -> None:
    ran.clear()


async def answer(provider: OpenAIProvider, text: str) -> list[Any]:
    """What comes of a question to the faulty provider."""
    turn = chatapp.Turn(
        assistant=Support(), messages=[chatapp.ChatMessage(role="user", content=text)], provider=provider
    )
    return [item async for item in turn.stream()]


def read(*deltas: Any) -> list[tuple[str, str, str]]:
    """Id, name and arguments of what these pieces make."""
    reader = CallReader()
    for delta in deltas:
        reader.feed(delta["tool_calls"])
    return [(call.id, call.name, call.arguments) for call in reader.finish()]


async def test_two_rounds_of_calls_in_pieces_and_then_text(provider: OpenAIProvider, server: FaultServer) -> None:
    events = await answer(provider, "fault:tools")

    said = "".join(item for item in events if isinstance(item, str))
    assert said == "One moment. Found: 17 is in Bern. 18 is in Bern. 19 is in Bern."
    assert ran[0] == 17
    assert sorted(ran) == [17, 18, 19]
    bodies = [exchange.body for exchange in server.received]
    assert [[message["role"] for message in body["messages"]] for body in bodies] == [
        ["user"],
        ["user", "assistant", "tool"],
        ["user", "assistant", "tool", "assistant", "tool", "tool"],
    ]
    assert all(body["tools"] == [find_parcel.definition] for body in bodies)
    ids = [call["id"] for message in bodies[2]["messages"] for call in message.get("tool_calls", ())]
    assert len(set(ids)) == 3


async def test_calls_without_an_index_without_an_id_or_with_the_same_one_run_once_each(
    provider: OpenAIProvider,
) -> None:
    await answer(provider, "fault:tool-shapes")

    assert sorted(ran) == [1, 2, 3]


async def test_a_complete_call_of_a_stream_that_was_cut_off_never_runs(provider: OpenAIProvider) -> None:
    with pytest.raises(ProviderError) as failure:
        await answer(provider, "fault:tool-reset")

    assert (failure.value.code, ran) == ("cut_off", [])


async def test_a_call_that_was_cut_off_at_the_length_limit_never_runs(provider: OpenAIProvider) -> None:
    events = await answer(provider, "fault:tool-length")

    assert (events[-1], ran) == (Finish("length"), [])


async def test_arguments_that_are_no_json_are_asked_for_again_twice_at_most(
    provider: OpenAIProvider, server: FaultServer
) -> None:
    await answer(provider, "fault:tool-json")

    assert (len(server.received), ran) == (3, [])


async def test_a_model_that_calls_for_ever_ends_after_eight_rounds(
    provider: OpenAIProvider, server: FaultServer
) -> None:
    await answer(provider, "fault:tool-loop")

    assert (len(server.received), len(ran)) == (9, 8)


async def test_a_request_without_tools_names_none(provider: OpenAIProvider, server: FaultServer) -> None:
    request: ModelRequest = ask("fault:tools")

    async for _ in provider.stream(request):
        pass

    assert "tools" not in server.received[-1].body


def test_pieces_belong_to_the_call_of_their_index() -> None:
    assert read(
        make_piece(1, id="b", name="two", arguments="{"),
        make_piece(0, id="a", name="one"),
        make_piece(1, arguments="}"),
        make_piece(0, arguments='{"x": 1}'),
    ) == [("b", "two", "{}"), ("a", "one", '{"x": 1}')]


def test_whole_calls_that_are_numbered_alike_are_told_apart_by_their_ids() -> None:
    assert read(make_piece(0, id="a", name="one"), make_piece(0, id="b", name="two")) == [
        ("a", "one", "{}"),
        ("b", "two", "{}"),
    ]


def test_pieces_without_an_index_belong_to_the_last_call() -> None:
    assert read(make_piece(None, name="one", arguments="{"), make_piece(None, arguments="}")) == [("", "one", "{}")]


def test_what_is_no_call_is_left_out() -> None:
    reader = CallReader()
    for nonsense in ("x", [None, 7, {}, {"function": "x"}, {"function": {"name": 3}}], {"index": 0}):
        reader.feed(nonsense)
    reader.feed_legacy("x")

    assert reader.finish() == []


def test_what_is_kept_is_bounded() -> None:
    reader = CallReader()
    for _ in range(3):
        reader.feed(make_piece(0, name="one", arguments="x" * MAX_ARGUMENT_CHARS)["tool_calls"])
    for index in range(1, 2 * MAX_CALLS):
        reader.feed(make_piece(index, name="one")["tool_calls"])

    calls = reader.finish()
    assert (len(calls), len(calls[0].arguments)) == (MAX_CALLS, MAX_ARGUMENT_CHARS + 1)


def test_a_whole_answer_that_is_no_stream_may_call_tools() -> None:
    decoder = ChatDecoder()
    message = {"content": None, "tool_calls": [{"id": "a", "function": {"name": "one", "arguments": "{}"}}]}
    chunk = write_chunk(None, choices=[{"index": 0, "message": message, "finish_reason": "tool_calls"}])

    deltas = [*decoder.feed(chunk.removeprefix(b"data: ").strip()), *decoder.end()]

    assert deltas == [ModelCall(name="one", arguments="{}", id="a"), Finish("tool_calls")]
