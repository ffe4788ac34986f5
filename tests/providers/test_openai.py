"""What a Chat Completions server is asked."""

import asyncio

import pytest

from chatapp.providers import endpoint
from chatapp.providers.openai import OpenAIProvider
from tests.benchmarks.tokens import write_burst
from tests.faults.server import FaultServer

from .conftest import KEY, ask, listen


async def test_the_request_says_what_is_needed_and_no_more(provider: OpenAIProvider, server: FaultServer) -> None:
    await listen(provider, ask("fault:ok", options={"temperature": 0.2, "max_tokens": 9, "top_p": None}))

    exchange = server.received[-1]
    assert exchange.body == {
        "model": "m",
        "messages": [{"role": "user", "content": "fault:ok"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.2,
        "max_tokens": 9,
    }
    assert exchange.headers["authorization"] == f"Bearer {KEY}"
    assert exchange.headers["accept-encoding"] == "identity"


async def test_the_request_wins_over_the_provider(server: FaultServer) -> None:
    provider = OpenAIProvider(
        model="m",
        base_url=server.base_url,
        options={"temperature": 1.0, "seed": 7, "max_tokens": 100},
        max_tokens_field="max_completion_tokens",
        include_usage=False,
        headers={"X-Team": "support"},
        query={"api-version": "2026-01-01"},
    )

    await listen(provider, ask("fault:ok", model="other", options={"temperature": 0.0}))
    await provider.aclose()

    exchange = server.received[-1]
    assert exchange.body == {
        "model": "other",
        "messages": [{"role": "user", "content": "fault:ok"}],
        "stream": True,
        "temperature": 0.0,
        "seed": 7,
        "max_completion_tokens": 100,
    }
    assert exchange.headers["x-team"] == "support"
    assert exchange.headers["authorization"] == "Bearer none"


async def test_what_has_piled_up_is_taken_piece_by_piece_and_others_have_a_turn_after_each(
    provider: OpenAIProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = write_burst(5000, 0)
    end = b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
    reads = [events + end]
    turns: list[float] = []

    async def read() -> bytes:
        return reads.pop() if reads else b""

    async def sleep(seconds: float) -> None:
        turns.append(seconds)

    monkeypatch.setattr(endpoint, "get_reader", lambda response: read)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    pieces = [delta async for delta in provider.stream(ask("hello")) if isinstance(delta, str)]

    assert "".join(pieces) == "ab\n" * 5000
    assert len(pieces) >= len(events) // endpoint.MOST_BYTES >= 4
    assert len(turns) >= len(pieces) - 1
    assert all(seconds > 0 for seconds in turns)
