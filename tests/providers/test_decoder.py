"""From bytes to deltas: recorded streams of several servers, at any cuts."""

import asyncio
import itertools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chatapp.events import Delta, Finish, FinishReason, ModelCall, ThinkingDelta, Usage
from chatapp.providers.answer import AnswerDecoder
from chatapp.providers.decoder import ChatDecoder
from chatapp.providers.openai import OpenAIProvider
from chatapp.providers.responses import ResponsesProvider
from chatapp.providers.responses_decoder import ResponsesDecoder
from tests.faults.exchange import write_chunk, write_event

from .conftest import ask, listen

RECORDINGS = Path(__file__).parent / "recordings"


@dataclass(frozen=True)
class Said:
    """What a stream says, however it was cut."""

    text: str = ""
    thinking: str = ""
    usage: Usage | None = None
    calls: tuple[ModelCall, ...] = ()
    finish: FinishReason | None = None
    code: str | None = None


def find_parcel(order: int, call_id: str) -> ModelCall:
    """A call of the tool that all recordings have."""
    return ModelCall(name="find_parcel", arguments=f'{{"order_number":{order}}}', id=call_id)


EXPECTED = {
    "openai": Said(
        text="Paris is in France 🇫🇷.",
        usage=Usage(input_tokens=21, output_tokens=142, reasoning_tokens=128),
        finish="stop",
    ),
    "azure": Said(text="Certainly not", finish="filtered"),
    "ollama": Said(
        text="1 + 1 = 2", thinking="Okay, two.", usage=Usage(input_tokens=17, output_tokens=11), finish="stop"
    ),
    "deepseek": Said(
        text="**9.8** is greater",
        thinking="9.11 < 9.8",
        usage=Usage(input_tokens=14, output_tokens=40, cached_tokens=8),
        finish="length",
    ),
    "mistral": Said(
        text="There are three.",
        thinking="Count the letters.",
        usage=Usage(input_tokens=12, output_tokens=18),
        finish="stop",
    ),
    "vllm": Said(text="Hi!", usage=Usage(input_tokens=5, output_tokens=2), finish="stop"),
    "groq": Said(
        text="Hello you.",
        thinking="Short greeting.",
        usage=Usage(input_tokens=78, output_tokens=31),
        finish="stop",
    ),
    "openrouter": Said(
        text="Bern.",
        thinking="A capital city.",
        usage=Usage(input_tokens=40, output_tokens=24, cached_tokens=32, reasoning_tokens=9),
        finish="stop",
    ),
    "google-tools": Said(
        text="One moment. ",
        usage=Usage(input_tokens=90, output_tokens=220, reasoning_tokens=184),
        calls=(find_parcel(17, "function-call-1"), find_parcel(18, "function-call-2")),
        finish="tool_calls",
    ),
    "anthropic-tools": Said(
        text="I will look.",
        usage=Usage(input_tokens=395, output_tokens=60),
        calls=(ModelCall(name="find_parcel", arguments='{"order_number": 17}', id="toolu_01"),),
        finish="tool_calls",
    ),
    "databricks": Said(
        text="In Bern.",
        thinking="A parcel?",
        usage=Usage(input_tokens=44, output_tokens=21),
        finish="stop",
    ),
    "xai": Said(
        text="42",
        thinking="Hm.",
        usage=Usage(input_tokens=12, output_tokens=387, cached_tokens=5, reasoning_tokens=386),
        finish="stop",
    ),
    "responses": Said(
        text="Hello 👋.",
        thinking="**Greeting**\n\nSay hello.",
        usage=Usage(input_tokens=37, output_tokens=75, cached_tokens=32, reasoning_tokens=64),
        finish="stop",
    ),
    "responses-tools": Said(
        usage=Usage(input_tokens=37, output_tokens=75),
        calls=(find_parcel(17, "call_0"), find_parcel(18, "call_1")),
        finish="tool_calls",
    ),
    "responses-incomplete": Said(text="Once upon", usage=Usage(input_tokens=9, output_tokens=16), finish="length"),
}


def write_stream(name: str) -> bytes:
    """A recording as its server sent it: a line is the data of an event, or a string that is sent as it is."""
    lines = (RECORDINGS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return b"".join(write_line(json.loads(line)) for line in lines)


def write_line(data: Any) -> bytes:
    if isinstance(data, str):
        return (data if data.startswith(":") else f"data: {data}").encode() + b"\n\n"
    return write_event(data, name=data.get("type", ""))


def get_decoder(name: str) -> type[AnswerDecoder]:
    """What reads this recording."""
    return ResponsesDecoder if name.startswith("responses") else ChatDecoder


def decode(stream: bytes, cuts: list[int] | None = None, kind: type[AnswerDecoder] = ChatDecoder) -> Said:
    """What a stream says when it is read in pieces."""
    decoder = kind()
    edges = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts or ())})
    deltas: list[Delta] = []
    for start, end in itertools.pairwise(edges):
        deltas += decoder.feed(stream[start:end])
        if decoder.failure is not None:
            break
    deltas += decoder.end()
    return Said(
        text="".join(delta for delta in deltas if isinstance(delta, str)),
        thinking="".join(delta.text for delta in deltas if isinstance(delta, ThinkingDelta)),
        usage=next((delta for delta in deltas if isinstance(delta, Usage)), None),
        calls=tuple(delta for delta in deltas if isinstance(delta, ModelCall)),
        finish=next((delta.reason for delta in deltas if isinstance(delta, Finish)), None),
        code=decoder.failure.code if decoder.failure else None,
    )


def test_every_recording_is_listed() -> None:
    assert {path.stem for path in RECORDINGS.glob("*.jsonl")} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
@settings(max_examples=60, deadline=None)
@given(cuts=st.lists(st.integers(0, 10_000), max_size=30))
@example(cuts=list(range(10_000)))
def test_a_recording_says_the_same_at_any_cuts(name: str, cuts: list[int]) -> None:
    assert decode(write_stream(name), cuts, get_decoder(name)) == EXPECTED[name]


@pytest.mark.parametrize("name", EXPECTED)
async def test_a_recording_says_the_same_over_a_bare_connection(name: str) -> None:
    """HTTP/1.0 in one write, ended by closing: as plain as a server can be."""

    async def replay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 200 OK\r\ncontent-type: text/plain\r\n\r\n" + write_stream(name))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(replay, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        kind = ResponsesProvider if get_decoder(name) is ResponsesDecoder else OpenAIProvider
        provider = kind(model="m", base_url=f"http://127.0.0.1:{port}/v1")
        heard = await listen(provider, ask("hello"))
        await provider.aclose()

    expected = EXPECTED[name]
    assert (heard.text, heard.thinking) == (expected.text, expected.thinking)
    assert heard.finish == [expected.finish]


@given(
    pieces=st.lists(st.text(st.characters(exclude_categories=[]), max_size=6), max_size=6),
    cuts=st.lists(st.integers(0, 10_000), max_size=20),
)
@settings(max_examples=150, deadline=None)
def test_what_is_said_can_always_be_stored(pieces: list[str], cuts: list[int]) -> None:
    stream = b"".join(write_chunk({"content": piece}) for piece in (*pieces, "end")) + write_chunk({}, "stop")

    text = decode(stream, cuts).text

    assert text.encode("utf-8").decode("utf-8") == text
    assert not any(char < " " and char not in "\n\t" for char in text)
    assert text == decode(stream).text


def test_text_that_comes_together_is_one_piece() -> None:
    decoder = ChatDecoder()

    deltas = decoder.feed(
        write_chunk({"content": "a"}) + write_chunk({"content": "b"}) + write_chunk({"reasoning": "c"})
    )

    assert deltas == ["ab", ThinkingDelta("c")]


def test_text_is_not_held_back() -> None:
    decoder = ChatDecoder()

    assert [decoder.feed(write_chunk({"content": piece})) for piece in ("a", "b\r", "\nc")] == [["a"], ["b"], ["\nc"]]


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("stop", "stop"),
        ("STOP", "stop"),
        ("eos", "stop"),
        ("length", "length"),
        ("max_tokens", "length"),
        ("content_filter", "filtered"),
        ("tool_calls", "tool_calls"),
    ],
)
def test_a_finish_reason_has_a_meaning(reason: str, finish: FinishReason) -> None:
    assert decode(write_chunk({"content": "a"}) + write_chunk({}, reason)).finish == finish


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        (b"", Said(code="empty")),
        (b"\n\n  \n", Said(code="empty")),
        (b"upstream connect error", Said(code="empty")),
        (b": comment\n\n", Said(code="empty")),
        (b"data: [DONE]\n\n", Said(code="empty")),
        (b"data: 17\n\n", Said(code="garbled")),
        (b"data: {}\n\ndata: [DONE]\n\n", Said(code="empty")),
        (b'data: {"choices": {}}\n\n', Said(code="empty")),
        (b'data: {"choices": [null, 5, {"delta": 5}, {"delta": {"content": 5}}]}\n\n', Said(code="empty")),
        (b"<html>", Said(code="garbled")),
        (b"  \n<html>", Said(code="garbled")),
        (b"{", Said(code="garbled")),
        (b"[]", Said(code="garbled")),
        (b'{"error": "model is loading"}', Said(code="failed")),
        (b'data: {"error": {"code": "context_length_exceeded"}}\n\n', Said(code="context")),
        # A line end is missing at the end, a byte order mark is there at the start, and nobody minds.
        (b'\xef\xbb\xbfdata:{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}', Said("a", finish="stop")),
        # JSON over several lines of one event.
        (b'data: {"choices":\ndata: [{"delta":{"content":"a"},"finish_reason":"stop"}]}\n\n', Said("a", finish="stop")),
        (b'{"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}]}', Said("a", finish="stop")),
        (b'{"choices": [{"message": {"content": "a"}, "finish_reason": null}]}', Said("a", code="cut_off")),
        (write_chunk({"content": "a"}, "") + write_chunk({}, "stop"), Said("a", finish="stop")),
        (write_chunk({"content": "a"}, choices=[], x_groq={"error": "over capacity"}), Said(code="busy")),
    ],
)
def test_an_odd_body_says_what_can_be_made_of_it(stream: bytes, said: Said) -> None:
    assert decode(stream) == said
    assert decode(stream, list(range(len(stream)))) == said


def test_what_breaks_after_the_finish_breaks_nothing() -> None:
    whole = write_chunk({"content": "a"}) + write_chunk({}, "stop")

    for rest in (
        b"data: {\n\n",
        b'data: {"error": {"message": "late"}}\n\n',
        b"data: " + b"x" * 3_000_000,
        b"data: \xff\n\n",
    ):
        assert decode(whole + rest) == Said("a", finish="stop")


def test_a_broken_connection_after_the_finish_breaks_nothing() -> None:
    decoder = ChatDecoder()
    decoder.feed(write_chunk({"content": "a"}) + write_chunk({}, "stop"))

    assert decoder.cut("cut_off", "reset") == [Finish("stop")]
    assert decoder.failure is None


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (None, None),
        ({}, None),
        ("many", None),
        ({"prompt_tokens": 0, "completion_tokens": 0}, None),
        ({"prompt_tokens": -1, "completion_tokens": 4}, Usage(output_tokens=4)),
        ({"prompt_tokens": 3, "completion_tokens": 10**12}, Usage(input_tokens=3)),
        ({"prompt_tokens": 3.5, "completion_tokens": "4"}, None),
        ({"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 10**12}, Usage(input_tokens=3, output_tokens=4)),
        ({"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 5}, Usage(input_tokens=3, output_tokens=4)),
        ({"completion_tokens": 4, "total_tokens": 9}, Usage(output_tokens=4)),
    ],
)
def test_a_count_that_cannot_be_true_is_unknown(usage: Any, expected: Usage | None) -> None:
    assert decode(write_chunk({"content": "a"}, "stop", usage=usage)).usage == expected
