"""What objects of other libraries mean. The objects are real ones, of the libraries themselves."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pydantic_ai.messages as agent
import pytest
from django.utils.html import format_html
from django.utils.safestring import mark_safe
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import ResponseReasoningTextDeltaEvent, ResponseTextDeltaEvent, ResponseTextDoneEvent

import chatapp
from chatapp import mappers
from chatapp.handlers import iterate
from chatapp.mappers import NoMapper, map_foreign
from chatapp.runs.assembler import Assembler
from chatapp.runs.yields import UnknownYield
from tests.runs.test_assembler import assemble, say


class Parcel:
    """Something of a shop."""

    def __init__(self, number: int) -> None:
        self.number = number


class Express(Parcel):
    """A parcel in a hurry."""


class Drawn:
    """Knows its HTML."""

    def __html__(self) -> str:
        return "<b>7</b>"


class Notebook:
    """Knows how it looks in a notebook."""

    def _repr_html_(self) -> str:
        return '<table><tr><td onclick="x()">7</td></tr></table><script>x()</script>'


@pytest.fixture(autouse=True)
def _only_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mappers, "_mappers", dict(mappers._mappers))


def chunk(delta: dict[str, Any] | None, **more: Any) -> ChatCompletionChunk:
    """A chunk of Chat Completions with this delta; None: with no choice, like the first one of Azure."""
    choices = [] if delta is None else [{"index": 0, "delta": delta}]
    data = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices, **more}
    return ChatCompletionChunk.model_validate(data)


def test_chunks_of_chat_completions_are_what_they_say() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    chunks = [chunk(None), chunk({"role": "assistant"}), chunk({"content": "Hel"}), chunk({"content": "lo"})]
    assembler = Assembler()
    for item in [*chunks, chunk({"content": None}), chunk(None, usage=usage)]:
        assembler.take(item)

    assert assembler.to_parts() == [say("Hello")]
    assert assembler.usage == chatapp.Usage(input_tokens=3, output_tokens=2)


def test_reasoning_in_chunks_is_thinking() -> None:
    parts = assemble(chunk({"reasoning_content": "Hm."}), chunk({"content": "Yes."}))

    assert parts == [chatapp.ThinkingPart(text="Hm.", seconds=0.0), say("Yes.")]


def test_a_whole_completion_is_its_message() -> None:
    message = {"role": "assistant", "content": "Hello."}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    data = {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}

    assert assemble(ChatCompletion.model_validate(data)) == [say("Hello.")]


def test_only_the_deltas_of_the_responses_api_say_something() -> None:
    common = {"content_index": 0, "item_id": "i", "output_index": 0, "sequence_number": 1}
    thought = ResponseReasoningTextDeltaEvent(delta="Hm.", type="response.reasoning_text.delta", **common)
    first = ResponseTextDeltaEvent(delta="Hel", logprobs=[], type="response.output_text.delta", **common)
    second = ResponseTextDeltaEvent(delta="lo", logprobs=[], type="response.output_text.delta", **common)
    done = ResponseTextDoneEvent(text="Hello", logprobs=[], type="response.output_text.done", **common)

    assert assemble(thought, first, second, done) == [chatapp.ThinkingPart(text="Hm.", seconds=0.0), say("Hello")]


@pytest.mark.parametrize(
    "messages",
    [
        [AIMessageChunk(content="Hel"), AIMessageChunk(content="lo")],
        [AIMessage(content="Hello")],
        [HumanMessage(content="Hi"), AIMessageChunk(content=[{"type": "text", "text": "Hello"}])],
        [AIMessageChunk(content=["Hel", "lo"])],
    ],
    ids=["chunks", "message", "blocks", "strings"],
)
def test_messages_of_langchain_are_what_the_model_says_in_them(messages: list[Any]) -> None:
    assert assemble(*messages) == [say("Hello")]


def test_events_of_pydantic_ai_are_text_and_thinking() -> None:
    events = [
        agent.PartStartEvent(index=0, part=agent.ThinkingPart("H")),
        agent.PartDeltaEvent(index=0, delta=agent.ThinkingPartDelta(content_delta="m.")),
        agent.PartStartEvent(index=1, part=agent.TextPart("Hel")),
        agent.FinalResultEvent(tool_name=None, tool_call_id=None),
        agent.PartDeltaEvent(index=1, delta=agent.TextPartDelta("lo")),
        agent.PartStartEvent(index=2, part=agent.ToolCallPart("look", {})),
    ]

    assert assemble(*events) == [chatapp.ThinkingPart(text="Hm.", seconds=0.0), say("Hello")]


def test_html_that_the_site_made_is_literal_and_a_plain_string_is_markdown() -> None:
    parts = assemble("*a*", mark_safe("*b*"), format_html("<b>{}</b>", "<c>"), "*d*")

    assert parts == [
        say("*a*"),
        chatapp.HtmlPart(html="*b*", trusted=True),
        chatapp.HtmlPart(html="<b>&lt;c&gt;</b>", trusted=True),
        say("*d*"),
    ]


def test_an_object_that_knows_its_html_is_trusted_and_one_of_a_notebook_is_not() -> None:
    assert assemble(Drawn()) == [chatapp.HtmlPart(html="<b>7</b>", trusted=True)]
    (part,) = assemble(Notebook())
    assert isinstance(part, chatapp.HtmlPart)
    assert not part.trusted


def test_a_class_of_ones_own_can_be_yielded_once_it_has_a_mapper() -> None:
    @chatapp.mapper(Parcel)
    def map_parcel(parcel: Parcel) -> list[Any]:
        return [f"Parcel {parcel.number}", None, chatapp.NoticePart(code="parcel", message="On its way")]

    parts = assemble(Express(7))

    assert parts == [say("Parcel 7"), chatapp.NoticePart(code="parcel", message="On its way")]


def test_the_nearest_class_and_the_last_mapper_count() -> None:
    chatapp.mapper(Parcel)(lambda parcel: "parcel")
    chatapp.mapper(f"{__name__}.Express")(lambda parcel: "express")
    assert assemble(Express(7)) == [say("express")]

    chatapp.mapper(Express)(lambda parcel: "faster")
    assert assemble(Express(7), Parcel(7)) == [say("fasterparcel")]


async def test_what_is_returned_and_could_be_iterated_is_one_thing_if_it_has_a_mapper() -> None:
    message = AIMessage(content="Hello")

    assert [item async for item in iterate(lambda: message, {})] == [message]


def test_what_nobody_knows_says_how_it_can_become_known() -> None:
    with pytest.raises(UnknownYield, match=r"yielded tests.test_mappers.Parcel; .* say with @chatapp.mapper what"):
        assemble(Parcel(7))
    with pytest.raises(NoMapper):
        map_foreign(Parcel(7))


def test_a_mapper_that_gives_the_object_back_is_told_so() -> None:
    chatapp.mapper(Parcel)(lambda parcel: parcel)

    with pytest.raises(UnknownYield, match=r"the mapper of .*Parcel gave it back"):
        assemble(Parcel(7))


def test_a_mapper_of_something_that_is_no_class_is_refused() -> None:
    with pytest.raises(TypeError, match="classes and dotted names, not 7"):
        chatapp.mapper(7)  # type: ignore[arg-type]  # the mistake


def test_no_library_is_imported_for_its_mapper() -> None:
    code = "import chatapp, sys; print(*{'openai', 'langchain_core', 'pydantic_ai'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == []


def words() -> Iterator[str]:
    """A generator is no foreign object."""
    yield from ("a", "b")


async def test_a_generator_is_iterated() -> None:
    assert [item async for item in iterate(lambda: words(), {})] == ["a", "b"]
