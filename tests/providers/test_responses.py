"""OpenAI's Responses API: what is asked in its words, and what its events say."""

import json
from typing import Any

import pytest

import chatapp
from chatapp.errors import ProviderError
from chatapp.events import Delta, Finish, ModelCall, ThinkingDelta, Usage
from chatapp.providers.base import ModelRequest
from chatapp.providers.endpoint import EndpointProvider
from chatapp.providers.responses import ResponsesProvider, write_input, write_options, write_tool
from chatapp.providers.responses_decoder import ResponsesDecoder
from tests.faults.exchange import write_event
from tests.faults.server import FAULTS, FaultServer

from .conftest import ask, listen

ran: list[int] = []


@chatapp.tool(approval="never")
def find_parcel(order_number: int) -> str:
    """Say where the parcel of an order is."""
    ran.append(order_number)
    return f"{order_number} is in Bern."


class Support(chatapp.Assistant):
    """Has one tool."""

    instructions = "Be brief."
    tools = (find_parcel,)


@pytest.fixture(autouse=True)
def _nothing_ran() -> None:
    ran.clear()


@pytest.fixture
def protocol() -> type[EndpointProvider]:
    return ResponsesProvider


async def answer(provider: ResponsesProvider, text: str) -> list[Any]:
    """What comes of a question to the faulty provider."""
    message = chatapp.ChatMessage(role="user", content=text)
    return [item async for item in chatapp.Turn(assistant=Support(), messages=[message], provider=provider).stream()]


def decode(*events: Any) -> tuple[list[Delta], ProviderError | None]:
    """What these events say."""
    decoder = ResponsesDecoder()
    deltas = [delta for event in events for delta in decoder.feed(write_event(event))]
    return deltas + decoder.end(), decoder.failure


def end(status: str = "completed", **fields: Any) -> dict[str, Any]:
    """The last event."""
    return {"type": f"response.{status}", "response": {"status": status, "output": [], **fields}}


def say(text: str) -> dict[str, Any]:
    """A piece of text."""
    return {"type": "response.output_text.delta", "output_index": 0, "delta": text}


# What is asked.


async def test_the_request_says_what_is_needed_and_no_more(provider: ResponsesProvider, server: FaultServer) -> None:
    await listen(provider, ask("fault:ok", options={"temperature": 0.2, "max_tokens": 9, "top_p": None}))

    exchange = server.received[-1]
    assert exchange.path == "/v1/responses"
    assert exchange.body == {
        "model": "m",
        "input": [{"role": "user", "content": "fault:ok"}],
        "stream": True,
        "store": False,
        "temperature": 0.2,
        "max_output_tokens": 9,
    }


def test_a_conversation_with_tools_and_images_is_written_in_items() -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "find", "arguments": '{"a": 1}'}}
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "Be brief."},
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": [{"type": "text", "text": "What is this?"}, image]},
        {"role": "assistant", "content": "One moment.", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "A cat."},
        {"role": "assistant", "content": "A cat."},
        {"role": "system", "content": "The cat has gone."},
        {"role": "user", "content": "Thanks"},
    ]

    instructions, items = write_input(messages)

    assert instructions == "Be brief.\n\nBe kind."
    assert items == [
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "What is this?"},
                {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "auto"},
            ],
        },
        {"role": "assistant", "content": "One moment."},
        {"type": "function_call", "call_id": "call_1", "name": "find", "arguments": '{"a": 1}'},
        {"type": "function_call_output", "call_id": "call_1", "output": "A cat."},
        {"role": "assistant", "content": "A cat."},
        {"role": "system", "content": "The cat has gone."},
        {"role": "user", "content": "Thanks"},
    ]


def test_a_call_without_words_is_one_item() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "find", "arguments": "{}"}}

    assert [
        item.get("type") for item in write_input([{"role": "assistant", "content": None, "tool_calls": [call]}])[1]
    ] == ["function_call"]


def test_a_tool_is_as_strict_as_it_was() -> None:
    function = {"name": "find", "description": "Find it.", "parameters": {"type": "object"}}

    assert write_tool({"type": "function", "function": function}) == {"type": "function", "strict": False, **function}
    assert write_tool({"type": "function", "function": {**function, "strict": True}})["strict"] is True
    assert write_tool({"type": "web_search"}) == {"type": "web_search"}


@pytest.mark.parametrize(
    ("options", "written"),
    [
        ({"reasoning_effort": "low"}, {"reasoning": {"effort": "low"}}),
        (
            {"reasoning_effort": "low", "reasoning": {"summary": "auto"}},
            {"reasoning": {"effort": "low", "summary": "auto"}},
        ),
        ({"verbosity": "low"}, {"text": {"verbosity": "low"}}),
        ({"response_format": {"type": "json_object"}}, {"text": {"format": {"type": "json_object"}}}),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "A", "schema": {}, "strict": True}}},
            {"text": {"format": {"type": "json_schema", "name": "A", "schema": {}, "strict": True}}},
        ),
        ({"tool_choice": "required"}, {"tool_choice": "required"}),
        (
            {"tool_choice": {"type": "function", "function": {"name": "f"}}},
            {"tool_choice": {"type": "function", "name": "f"}},
        ),
        ({"store": True, "metadata": {"a": "b"}}, {"store": True, "metadata": {"a": "b"}}),
    ],
)
def test_an_option_has_the_shape_that_the_api_wants(options: Any, written: Any) -> None:
    assert write_options(options) == written


def test_what_the_api_does_not_have_is_not_sent() -> None:
    provider = ResponsesProvider(model="m", base_url="https://llm.example.com/v1", options={"seed": 7, "stop": ["END"]})

    body = provider._write_body(
        ModelRequest(messages=[], options={"top_k": 4, "frequency_penalty": 1, "presence_penalty": 1, "top_p": 0.5})
    )

    assert body == {"model": "m", "input": [], "stream": True, "store": False, "top_p": 0.5}


async def test_two_rounds_of_calls_in_pieces_and_then_text(provider: ResponsesProvider, server: FaultServer) -> None:
    said = "".join([item for item in await answer(provider, "fault:tools") if isinstance(item, str)])

    assert ran == [17, 18, 19]
    assert said.endswith("Found: 17 is in Bern. 18 is in Bern. 19 is in Bern.")
    body = server.received[-1].body
    assert body["instructions"].startswith("Be brief.")
    assert [(tool["type"], tool["name"], tool["strict"]) for tool in body["tools"]] == [
        ("function", "find_parcel", False)
    ]


async def test_a_complete_call_of_a_stream_that_was_cut_off_never_runs(provider: ResponsesProvider) -> None:
    with pytest.raises(ProviderError, match="cut_off"):
        await answer(provider, "fault:tool-reset")

    assert ran == []


async def test_a_call_that_was_cut_off_at_the_length_limit_never_runs(provider: ResponsesProvider) -> None:
    events = await answer(provider, "fault:tool-length")

    assert Finish("length") in events
    assert ran == []


async def test_an_answer_that_is_asked_for_as_a_whole_is_read(provider: ResponsesProvider) -> None:
    heard = await listen(provider, ask("fault:ok", options={"stream": False}))

    assert (heard.text, heard.finish) == (FAULTS["ok"].text, ["stop"])


# What the events say.


@pytest.mark.parametrize(
    ("status", "more", "reason"),
    [
        ("completed", {}, "stop"),
        ("incomplete", {"incomplete_details": {"reason": "max_output_tokens"}}, "length"),
        ("incomplete", {"incomplete_details": {"reason": "content_filter"}}, "filtered"),
        ("incomplete", {"incomplete_details": None}, "length"),
    ],
)
def test_an_answer_ends_in_one_of_these_ways(status: str, more: Any, reason: Any) -> None:
    assert decode(say("a"), end(status, **more)) == (["a", Finish(reason)], None)


@pytest.mark.parametrize(
    ("last", "code"),
    [
        (end("failed", error={"code": "server_error", "message": "Oops"}), "cut_off"),
        (end("failed", error={"code": "rate_limit_exceeded", "message": "Slow down"}), "busy"),
        (end("failed", error={"code": "insufficient_quota", "message": "Pay"}), "quota"),
        (end("failed", error=None), "cut_off"),
        (end("cancelled"), "cut_off"),
        ({"type": "error", "code": "server_error", "message": "Oops", "param": None}, "cut_off"),
        ({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, "busy"),
        ({"type": "response.completed", "response": None}, None),
        ({"type": "response.completed"}, None),
        ({"type": "response.completed", "response": {"status": "in_progress"}}, "cut_off"),
        ({"type": "response.queued"}, "cut_off"),
        ({"type": ["response.completed"]}, "cut_off"),
    ],
)
def test_what_was_said_before_it_broke_is_kept(last: Any, code: str | None) -> None:
    deltas, failure = decode(say("a"), last)

    assert deltas[0] == "a"
    assert (failure.code if failure else None) == code


def test_what_a_server_says_only_at_its_end_is_taken_from_there() -> None:
    output = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}], "content": None},
        {
            "type": "message",
            "content": [{"type": "output_text", "text": "Hello"}, {"type": "output_text", "text": "!"}],
        },
        {"type": "message", "content": [{"type": "refusal", "refusal": "No more."}, None]},
        {"type": "function_call", "call_id": "a", "name": "find", "arguments": "{}"},
        {"type": "web_search_call"},
        None,
    ]

    deltas, failure = decode(end(output=output, usage={"input_tokens": 3, "output_tokens": 4}))

    assert failure is None
    assert deltas == [
        ThinkingDelta("Hm."),
        "Hello!",
        "\n\nNo more.",
        ModelCall(name="find", arguments="{}", id="a"),
        Usage(input_tokens=3, output_tokens=4),
        Finish("tool_calls"),
    ]


def test_a_second_message_is_a_new_paragraph() -> None:
    message = {"type": "response.output_item.added", "item": {"type": "message"}}

    deltas, _ = decode(message, say("First."), message, say("Second."), message, end())

    assert deltas == ["First.", "\n\nSecond.", Finish("stop")]


def test_calls_are_told_apart_by_their_items_where_nobody_numbers_them() -> None:
    calls = []
    for number in (1, 2):
        item = {"id": f"fc_{number}", "type": "function_call", "call_id": f"c{number}", "name": "find"}
        calls += [
            {"type": "response.output_item.added", "item": item},
            {"type": "response.function_call_arguments.delta", "item_id": item["id"], "delta": '{"n":'},
            {"type": "response.function_call_arguments.delta", "item_id": item["id"], "delta": f"{number}}}"},
        ]

    deltas, _ = decode(*calls[::3], calls[1], calls[4], calls[5], calls[2], end())

    assert deltas[:2] == [ModelCall(name="find", arguments=f'{{"n":{n}}}', id=f"c{n}") for n in (1, 2)]


def test_the_whole_arguments_win_over_their_pieces() -> None:
    item = {"id": "fc_1", "type": "function_call", "call_id": "c1", "name": "find", "arguments": '{"n":1}'}

    deltas, _ = decode(
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": '{"n":1}'},
        {"type": "response.function_call_arguments.done", "output_index": 0, "arguments": '{"n":1}'},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        end(),
    )

    assert deltas[0] == ModelCall(name="find", arguments='{"n":1}', id="c1")


@pytest.mark.parametrize(
    "event",
    [
        {"type": "response.output_item.added"},
        {"type": "response.output_item.added", "item": 5},
        {"type": "response.output_item.done", "item": {"type": "function_call", "name": 5}},
        {"type": "response.output_text.delta", "delta": None},
        {"type": "response.function_call_arguments.delta", "output_index": "a", "delta": {}},
        {"type": "response.something.new", "delta": "a"},
        {"no": "type"},
        end(output=[{"type": "message", "content": "text"}, {"type": "reasoning", "summary": {"a": 1}}]),
    ],
)
def test_an_event_of_no_shape_says_nothing(event: Any) -> None:
    deltas, failure = decode(event, end())

    assert deltas == []
    assert failure is not None
    assert failure.code == "empty"


def test_a_whole_answer_is_json() -> None:
    decoder = ResponsesDecoder()
    message = {"type": "message", "content": [{"type": "output_text", "text": "Hello"}]}

    deltas = decoder.feed(json.dumps({"object": "response", "error": None, "output": [message]}).encode())

    assert deltas + decoder.end() == ["Hello", Finish("stop")]
