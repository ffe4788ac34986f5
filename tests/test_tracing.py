"""Spans say what was asked of whom and what it took, and never what was said."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

import chatapp
from chatapp import actions, tracing
from chatapp.events import Finish, Usage
from chatapp.providers.base import replace_provider
from chatapp.providers.openai import OpenAIProvider
from chatapp.providers.scripted import gate
from chatapp.testing import call
from tests.faults.server import FaultServer
from tests.line import Line


class Spans:
    """What was exported."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    @property
    def all(self) -> list[ReadableSpan]:
        """All of them, in the order in which they began."""
        return sorted(self._exporter.get_finished_spans(), key=lambda span: span.start_time or 0)

    def get(self, beginning: str) -> ReadableSpan:
        """The only one whose name begins so."""
        (found,) = (span for span in self.all if span.name.startswith(beginning))
        return found


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spans]:
    """A site that exports spans."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "_tracer", provider.get_tracer("chatapp"))
    yield Spans(exporter)
    provider.shutdown()


def read(span: ReadableSpan) -> dict[str, Any]:
    """Its attributes."""
    return dict(span.attributes or {})


async def test_a_request_says_whom_it_asked_for_what_and_what_it_took(line: Line, spans: Spans) -> None:
    usage = Usage(input_tokens=12, output_tokens=7, cached_tokens=5)
    line.says("Hello.", usage, Finish("length"))
    line.declares(type("Desk", (chatapp.Assistant,), {"options": {"temperature": 0.5, "max_tokens": 100}}))

    run = await line.answer("My secret question")

    found = read(spans.get("chat "))
    assert found.pop("gen_ai.response.time_to_first_chunk") >= 0
    assert found == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "scripted",
        "gen_ai.request.model": "script",
        "gen_ai.request.stream": True,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 100,
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 7,
        "gen_ai.usage.cache_read.input_tokens": 5,
        "gen_ai.response.finish_reasons": ("length",),
    }
    assert read(spans.get("invoke_agent ")) == {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.id": "desk",
        "gen_ai.agent.name": "Desk",
        "gen_ai.conversation.id": str(line.thread_id),
        "chatapp.run.id": str(run.pk),
    }


async def test_an_answer_is_one_trace_with_its_requests_and_tools(line: Line, spans: Spans) -> None:
    @chatapp.tool(approval="never")
    def find_parcel(order: int) -> str:
        """Say where it is."""
        with tracing._tracer.start_as_current_span("of the site"):
            return "secret Bern"

    line.plays([call("find_parcel", order=4711)], ["It is there."])
    line.declares(type("Desk", (chatapp.Assistant,), {"tools": [find_parcel]}))

    await line.answer("My secret question")

    assert [span.name for span in spans.all] == [
        "invoke_agent desk",
        "chat script",
        "execute_tool find_parcel",
        "of the site",
        "chat script",
    ]
    answer, first, tool, inner, second = spans.all
    assert [span.parent and span.parent.span_id for span in (first, tool, second)] == [answer.context.span_id] * 3
    assert inner.parent is not None
    assert inner.parent.span_id == tool.context.span_id
    assert read(first)["gen_ai.response.finish_reasons"] == ("tool_call",)
    assert read(tool)["gen_ai.tool.name"] == "find_parcel"
    assert tool.status.status_code == StatusCode.UNSET


async def test_what_fails_says_so_in_one_word(line: Line, spans: Spans) -> None:
    line.says("So far.", chatapp.ProviderError("busy", "429 for a secret at https://api.example"))

    await line.answer()

    for span in (spans.get("chat "), spans.get("invoke_agent ")):
        assert read(span)["error.type"] == "busy"
        assert span.status.status_code == StatusCode.ERROR
        assert span.status.description is None
        assert span.events == ()


async def test_a_tool_that_fails_says_so_and_not_why(line: Line, spans: Spans) -> None:
    @chatapp.tool(approval="never")
    def find_parcel(order: int) -> str:
        """Say where it is."""
        raise RuntimeError("a secret")

    line.plays([call("find_parcel", order=4711)], ["I do not know."])
    line.declares(type("Desk", (chatapp.Assistant,), {"tools": [find_parcel]}))

    await line.answer()

    tool = spans.get("execute_tool ")
    assert read(tool)["error.type"] == "failed"
    assert tool.events == ()


async def test_what_is_stopped_ends_without_an_error(line: Line, spans: Spans) -> None:
    line.says("So far.", gate("hold"))
    await line.post()
    await line.provider.reached("hold")

    await actions.stop(line.owner, line.thread_id)
    await line.ended()

    for span in (spans.get("chat "), spans.get("invoke_agent ")):
        assert "error.type" not in read(span)
        assert span.status.status_code == StatusCode.UNSET


async def test_the_address_of_the_server_is_told_without_its_path(line: Line, spans: Spans) -> None:
    async with FaultServer() as server:
        provider = OpenAIProvider(model="m", base_url=server.base_url, api_key="sk-test-0123456789")
        line.enters(replace_provider(provider))
        await line.answer("fault:ok")
        await provider.aclose()

    found = read(spans.get("chat m"))
    assert (found["server.address"], found["server.port"]) == ("127.0.0.1", server.port)
    assert found["gen_ai.provider.name"] == "openai"


async def test_no_span_has_anything_that_was_said(line: Line, spans: Spans) -> None:
    @chatapp.tool(approval="never")
    def find_parcel(order: str) -> str:
        """Say where it is."""
        return "secret Bern"

    line.plays([call("find_parcel", order="secret order")], ["A secret answer."])
    line.declares(type("Desk", (chatapp.Assistant,), {"tools": [find_parcel], "instructions": "secret instructions"}))

    await line.answer("My secret question")

    assert spans.all
    for span in spans.all:
        assert "secret" not in span.to_json()


def test_without_the_library_nothing_is_imported_and_nothing_is_done() -> None:
    program = """
import sys
sys.modules["opentelemetry"] = None
from uuid import uuid4
from chatapp import tracing
assert tracing._tracer is None
from chatapp.providers.base import ModelRequest, Provider
span = tracing.start_chat(Provider(model="m"), ModelRequest(messages=[]))
span.end(error_code="busy")
with tracing.trace_answer(assistant="a", title="A", thread_id=uuid4(), run_id=uuid4()) as inner:
    inner.fail("busy")
with tracing.trace_tool(name="a", call_id="b") as inner:
    inner.fail("error")
assert span is inner
"""
    subprocess.run([sys.executable, "-c", program], check=True)
