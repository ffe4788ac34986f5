"""Spans by OpenTelemetry's conventions for generative AI, where its library is installed; else nothing at all.

    invoke_agent support            an answer: one trace, with the ids of the thread and of the run
      chat gpt-5-mini               a request to a provider
      execute_tool find_parcel      a tool that the model called
      chat gpt-5-mini

Never what was said: no messages, no arguments, no results, no texts of errors. Whether and where spans go is for the
site to say, by the library's own means.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from chatapp.events import FinishReason, Usage

_tracer: Any = None
try:
    from opentelemetry import trace
except ImportError:
    pass  # It is optional.
else:
    _tracer = trace.get_tracer("chatapp")

if TYPE_CHECKING:
    from opentelemetry.trace import Span as OpenSpan

    from chatapp.providers.base import ModelRequest, Provider

_PROVIDER_NAMES: Final[Mapping[str, str]] = {
    "azure": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "google": "gcp.gemini",
    "mistral": "mistral_ai",
    "xai": "x_ai",
}
"""What the conventions call a provider, where that is another word than ours."""

_FINISH_REASONS: Final[Mapping[FinishReason, str]] = {"filtered": "content_filter", "tool_calls": "tool_call"}

_OPTIONS: Final = ("max_tokens", "temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty", "seed")
"""Options of a request that have an attribute gen_ai.request.<option>."""


class Span:
    """Something that takes a while. Without the library none of this does anything."""

    def __init__(self, span: "OpenSpan | None") -> None:
        self._span = span

    def fail(self, code: str) -> None:
        """It failed; why in one word. An empty one: it did not."""
        if self._span is not None and code:
            self._span.set_attribute("error.type", code)
            self._span.set_status(trace.StatusCode.ERROR)

    def end(
        self,
        *,
        usage: Usage | None = None,
        finish: FinishReason | None = None,
        first_token_seconds: float | None = None,
        error_code: str = "",
    ) -> None:
        """A request to a provider has ended, and so."""
        span = self._span
        if span is None:
            return
        if span.is_recording():
            if usage is not None:
                span.set_attributes(_describe_usage(usage))
            if finish is not None:
                span.set_attribute("gen_ai.response.finish_reasons", [_FINISH_REASONS.get(finish, finish)])
            if first_token_seconds is not None:
                span.set_attribute("gen_ai.response.time_to_first_chunk", first_token_seconds)
            self.fail(error_code)
        span.end()


_NOTHING: Final = Span(None)


def start_chat(provider: "Provider", request: "ModelRequest") -> Span:
    """A request to a provider begins; whoever made it calls `end`."""
    if _tracer is None:
        return _NOTHING
    model = request.model or provider.model
    attributes: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": _PROVIDER_NAMES.get(provider.name, provider.name) or "unknown",
        "gen_ai.request.model": model,
        "gen_ai.request.stream": True,
        **_describe_address(getattr(provider, "base_url", "")),
    }
    for name in _OPTIONS:
        if isinstance(value := request.options.get(name), int | float):
            attributes[f"gen_ai.request.{name}"] = value
    # Not the current one: what a generator makes current would be so for whoever asks it.
    return Span(_tracer.start_span(f"chat {model}", kind=trace.SpanKind.CLIENT, attributes=attributes))


@contextmanager
def trace_answer(*, assistant: str, title: str, thread_id: UUID, run_id: UUID) -> Iterator[Span]:
    """An answer; what happens in the block is part of it."""
    attributes = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.id": assistant,
        "gen_ai.agent.name": title,
        "gen_ai.conversation.id": str(thread_id),
        "chatapp.run.id": str(run_id),
    }
    with _trace(f"invoke_agent {assistant}", attributes) as span:
        yield span


@contextmanager
def trace_tool(*, name: str, call_id: str) -> Iterator[Span]:
    """A tool runs; what happens in the block is part of it."""
    attributes = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": name,
        "gen_ai.tool.call.id": call_id,
        "gen_ai.tool.type": "function",
    }
    with _trace(f"execute_tool {name}", attributes) as span:
        yield span


@contextmanager
def _trace(name: str, attributes: Mapping[str, Any]) -> Iterator[Span]:
    if _tracer is None:
        yield _NOTHING
        return
    # The text of an exception may hold anything.
    with _tracer.start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as span:
        yield Span(span)


def _describe_usage(usage: Usage) -> dict[str, int]:
    counted = {
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cached_tokens,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens,
    }
    return {name: number for name, number in counted.items() if number}


def _describe_address(base_url: str) -> dict[str, Any]:
    parts = urlsplit(base_url)
    if not parts.hostname:
        return {}
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    return {"server.address": parts.hostname, **({"server.port": port} if port else {})}
