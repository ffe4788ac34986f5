"""What the site has written down is what the provider has counted, request by request, over real HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web
from asgiref.sync import sync_to_async

import chatapp
from chatapp import opening
from chatapp.accounting import sum_all
from chatapp.models import Run, UsageRecord
from chatapp.providers.base import replace_provider
from chatapp.providers.openai import OpenAIProvider
from chatapp.providers.scripted import PATIENCE_SECONDS
from chatapp.runs.runner import get_runner
from tests.line import Line


@dataclass
class Biller:
    """A provider that remembers what it counted: no two requests are the same."""

    requests: int = 0
    counted: list[dict[str, int]] = field(default_factory=list)
    hangs: asyncio.Event = field(default_factory=asyncio.Event)
    """An answer is in the middle of a word and stays there."""

    url: str = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """By the last words that it is told: hang, fail, or two rounds of tools and then text."""
        body = await request.json()
        self.requests += 1
        said = str(body["messages"][-1]["content"])
        question = next(str(each["content"]) for each in reversed(body["messages"]) if each["role"] == "user")
        if "Fail" in question and "title" not in str(body["messages"][0]["content"]):
            return web.json_response({"error": {"message": "no"}}, status=400)
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        results = sum(each["role"] == "tool" for each in body["messages"])
        if "Hang" in said:
            await self._send(response, {"content": "So far"})
            self.hangs.set()
            await asyncio.Event().wait()
        if body.get("tools") and results < 2:
            function = {"name": "look", "arguments": "{}"}
            call = {"index": 0, "id": f"call_{results}", "type": "function", "function": function}
            await self._send(response, {"tool_calls": [call]}, "tool_calls")
        else:
            await self._send(response, {"content": "Hello."}, "stop")
        number = self.requests
        usage = {"prompt_tokens": 1000 + 7 * number, "completion_tokens": 100 + 3 * number}
        cached, reasoning = 11 * number, 2 * number
        self.counted.append({**usage, "cached": cached, "reasoning": reasoning})
        details = {
            "prompt_tokens_details": {"cached_tokens": cached},
            "completion_tokens_details": {"reasoning_tokens": reasoning},
        }
        await self._write(response, {"choices": [], "usage": {**usage, **details}})
        await response.write(b"data: [DONE]\n\n")
        return response

    async def _send(self, response: web.StreamResponse, delta: dict[str, Any], finish: str | None = None) -> None:
        await self._write(response, {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

    async def _write(self, response: web.StreamResponse, chunk: dict[str, Any]) -> None:
        text = json.dumps({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", **chunk})
        await response.write(f"data: {text}\n\n".encode())

    def get_sum(self, name: str) -> int:
        """Over all that it counted."""
        return sum(each[name] for each in self.counted)


@asynccontextmanager
async def serve() -> AsyncIterator[Biller]:
    """The provider on loopback."""
    biller, app = Biller(), web.Application()
    app.router.add_post("/v1/chat/completions", biller.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    biller.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    yield biller
    await runner.cleanup()


@chatapp.tool(approval="never")
def look() -> str:
    """Look."""
    return "seen"


async def greet(turn: chatapp.Turn) -> AsyncIterator[Any]:
    """Made by the model."""
    async for item in turn.stream("Greet the person."):
        yield item


async def until_quiet(count: int) -> None:
    """Wait until so many requests are written down and no run is under way."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (  # noqa: ASYNC110  # rows set no event
            await UsageRecord.objects.acount() < count or await Run.objects.filter(finished_at=None).aexists()
        ):
            await asyncio.sleep(0.005)


@pytest.mark.django_db(transaction=True)
async def test_the_sums_are_the_provider_s_own(line: Line) -> None:
    line.sets(TITLES="model", PRICES={"m": {"input": 1, "cached": "0.5", "output": 4}})
    line.declares(
        type(
            "Clerk", (chatapp.Assistant,), {"tools": [look], "greeting": chatapp.Greeting(greet), "provider": "billed"}
        )
    )
    async with serve() as biller:
        provider = OpenAIProvider(model="m", base_url=biller.url, api_key="sk-test")
        line.enters(replace_provider(provider, "billed"))

        await opening.greet(line.owner, line.thread_id)
        await until_quiet(1)
        await line.answer("What is there?")  # two rounds of tools, the text, and a title
        await until_quiet(7)
        ends = len(line.ends)
        hung = await line.post("Hang")
        await biller.hangs.wait()
        assert hung.run_id
        get_runner().stop(hung.run_id)
        await line.ended(ends + 1)
        await line.answer("Fail")
        await provider.aclose()

    sums = await sync_to_async(sum_all)(UsageRecord.objects.all())
    assert sums.calls == biller.requests
    assert sums.unknown == biller.requests - len(biller.counted) == 2
    assert (sums.input_tokens, sums.output_tokens) == (
        biller.get_sum("prompt_tokens"),
        biller.get_sum("completion_tokens"),
    )
    assert (sums.cached_tokens, sums.reasoning_tokens) == (biller.get_sum("cached"), biller.get_sum("reasoning"))
    fresh = biller.get_sum("prompt_tokens") - biller.get_sum("cached")
    cost = fresh + Decimal("0.5") * biller.get_sum("cached") + 4 * biller.get_sum("completion_tokens")
    assert sums.cost is not None
    assert abs(sums.cost - cost / 1_000_000) < Decimal("0.00001")  # each is rounded to the sixth place
    tokens = await chatapp.get_tokens(line.thread_id)
    assert (tokens.input, tokens.calls) == (sums.input_tokens, sums.calls)
    kinds = [row.kind async for row in UsageRecord.objects.order_by("created_at")]
    assert [kinds.count(kind) for kind in ("greeting", "title", "reply")] == [3, 1, biller.requests - 4]
