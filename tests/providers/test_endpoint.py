"""What comes of every fault in either protocol of OpenAI, and what it costs the provider."""

import asyncio
import logging
import time
import tracemalloc
from typing import Any

import pytest

from chatapp.events import Usage
from chatapp.providers.base import ModelRequest
from chatapp.providers.endpoint import EndpointProvider
from chatapp.providers.openai import OpenAIProvider
from chatapp.providers.responses import ResponsesProvider
from tests.faults.server import FAULTS, FaultServer

from .conftest import ask, listen

TIMEOUTS = {"FIRST_BYTE_SECONDS": 0.3, "IDLE_SECONDS": 0.3}
FINITE = [name for name in FAULTS if name not in ("endless", "echo")]
OF_CHAT = ("two-choices", "no-stream-options")
"""Faults that the other protocol has no place for."""


@pytest.fixture(params=[OpenAIProvider, ResponsesProvider])
def protocol(request: pytest.FixtureRequest) -> type[EndpointProvider]:
    """Each kind of provider in turn."""
    return request.param


def test_there_are_more_than_thirty_faults() -> None:
    assert len(FAULTS) > 30


@pytest.mark.parametrize("name", FINITE)
async def test_every_fault_ends_as_listed(
    name: str, provider: EndpointProvider, server: FaultServer, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    if name in OF_CHAT and not isinstance(provider, OpenAIProvider):
        return
    fault = FAULTS[name]
    if fault.code == "timeout":
        settings.CHATAPP = TIMEOUTS
    caplog.set_level(logging.DEBUG)

    heard = await listen(provider, ask(f"fault:{name}"))

    assert (heard.error.code if heard.error else None) == fault.code
    assert (heard.text, heard.thinking) == (fault.text, fault.thinking)
    assert heard.finish == ([] if fault.code else [fault.finish])
    assert len(heard.usage) <= 1
    assert server.get_stats(name).requests == fault.requests
    if heard.error:
        assert heard.error.cause
        assert "CANARY" not in repr(heard.error)
        assert heard.error.__cause__ is None
        assert heard.error.__context__ is None
    assert "CANARY" not in caplog.text


async def test_finish_comes_last_after_the_usage(provider: EndpointProvider) -> None:
    heard = await listen(provider, ask("fault:ok"))

    assert heard.usage == [Usage(input_tokens=3, output_tokens=9)]
    assert heard.last is not None
    assert not isinstance(heard.last, str | Usage)


@pytest.mark.parametrize("name", ["no-usage", "absurd-usage"])
async def test_a_usage_that_nobody_knows_is_not_yielded(name: str, provider: EndpointProvider) -> None:
    heard = await listen(provider, ask(f"fault:{name}"))

    assert heard.usage == []


# How often a request is made, and when.


async def test_the_wait_before_another_attempt_grows(provider: EndpointProvider, waits: list[float]) -> None:
    await listen(provider, ask("fault:http-500"))

    assert waits == [0.5, 1.0]


async def test_a_busy_provider_is_left_alone_for_as_long_as_it_says(
    provider: EndpointProvider, waits: list[float]
) -> None:
    await listen(provider, ask("fault:http-429"))

    assert waits == [2.0]


async def test_nobody_waits_for_more_than_a_minute(provider: EndpointProvider, waits: list[float]) -> None:
    heard = await listen(provider, ask("fault:http-429-long"))

    assert waits == []
    assert heard.error is not None
    assert heard.error.retry_after == 100.0


async def test_a_wait_beyond_the_total_limit_is_not_begun(
    provider: EndpointProvider, waits: list[float], settings: Any
) -> None:
    settings.CHATAPP = {"TOTAL_SECONDS": 1.0}

    heard = await listen(provider, ask("fault:http-429"))

    assert waits == []
    assert heard.error is not None
    assert heard.error.code == "busy"


async def test_a_server_that_is_not_there_is_tried_three_times(
    protocol: type[EndpointProvider], waits: list[float]
) -> None:
    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    provider = protocol(model="m", base_url="http://127.0.0.1:1/v1", sleep=sleep)

    heard = await listen(provider, ask("hello"))
    await provider.aclose()

    assert heard.error is not None
    assert heard.error.code == "unreachable"
    assert "127.0.0.1" in heard.error.cause
    assert len(waits) == 2


@pytest.mark.parametrize("content", [object(), "half of a character: \ud83d"])
async def test_what_cannot_be_written_is_not_asked(
    content: object, provider: EndpointProvider, waits: list[float]
) -> None:
    heard = await listen(provider, ModelRequest(messages=[{"role": "user", "content": content}]))

    assert heard.error is not None
    assert heard.error.code == "failed"
    assert waits == []


# Time.


async def test_an_answer_that_never_ends_is_ended_by_the_total_limit(
    provider: EndpointProvider, server: FaultServer, settings: Any
) -> None:
    settings.CHATAPP = {"TOTAL_SECONDS": 0.3}

    heard = await listen(provider, ask("fault:endless;delay=0.01"))

    assert heard.error is not None
    assert heard.error.code == "timeout"
    assert heard.text.startswith("again and again\n")
    await server.until(lambda: server.get_stats("endless").aborted == 1)


@pytest.mark.parametrize("name", ["no-end", "no-done"])
async def test_a_response_that_does_not_end_holds_nobody_up(name: str, provider: EndpointProvider) -> None:
    async with asyncio.timeout(5):
        heard = await listen(provider, ask(f"fault:{name}"))

    assert heard.finish == ["stop"]


async def test_no_timer_outlives_its_stream(provider: EndpointProvider) -> None:
    await listen(provider, ask("fault:ok"))

    scheduled = vars(asyncio.get_running_loop())["_scheduled"]
    assert not [handle for handle in scheduled if "Watchdog" in repr(handle) and not handle.cancelled()]


async def test_what_comes_within_a_pause_is_one_piece(provider: EndpointProvider) -> None:
    heard = await listen(provider, ask("fault:slow-drip;n=50;delay=0.002"))

    assert heard.text == "".join(f"word{i} " for i in range(50))
    assert heard.pieces < 20


async def test_the_pause_does_not_hold_back_a_fast_provider(provider: EndpointProvider, settings: Any) -> None:
    settings.CHATAPP = {"FLUSH_SECONDS": 0.3}

    async with asyncio.timeout(20):
        heard = await listen(provider, ask("fault:tiny-deltas;n=20000"))

    assert len(heard.text) == 60_000


# Closing.


async def test_an_error_of_32_megabytes_is_not_read_to_its_end(provider: EndpointProvider, server: FaultServer) -> None:
    await listen(provider, ask("fault:huge-error"))

    await server.until(lambda: server.get_stats("huge-error").aborted == 1)


@pytest.mark.parametrize(
    "name", ["hang-before-headers", "hang-after-headers", "slow-drip;n=9999;delay=0.01", "endless"]
)
async def test_a_cancelled_reader_closes_the_connection_at_once(
    name: str, provider: EndpointProvider, server: FaultServer
) -> None:
    stats = server.get_stats(name.partition(";")[0])
    reader = asyncio.create_task(listen(provider, ask(f"fault:{name}")))
    await server.until(lambda: stats.in_flight == 1)

    reader.cancel()
    began = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await reader
    await server.until(lambda: stats.aborted == 1)

    assert time.monotonic() - began < 0.5


async def test_closing_the_generator_closes_the_connection_at_once(
    provider: EndpointProvider, server: FaultServer
) -> None:
    deltas = provider.stream(ask("fault:slow-drip;n=9999;delay=0.01"))
    first = await anext(deltas)

    began = time.monotonic()
    await deltas.aclose()
    await server.until(lambda: server.get_stats("slow-drip").aborted == 1)

    assert str(first).startswith("word0")
    assert time.monotonic() - began < 0.5


async def test_a_cancel_between_two_attempts_asks_no_more(
    protocol: type[EndpointProvider], server: FaultServer
) -> None:
    waiting = asyncio.Event()

    async def sleep(seconds: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    provider = protocol(model="m", base_url=server.base_url, sleep=sleep)
    reader = asyncio.create_task(listen(provider, ask("fault:http-500")))
    await waiting.wait()

    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    await provider.aclose()

    assert server.get_stats("http-500").requests == 1


async def test_a_connection_serves_one_answer_after_the_other(provider: EndpointProvider, server: FaultServer) -> None:
    for name in ("ok", "http-400", "ok-markdown", "json-200", "ok"):
        await listen(provider, ask(f"fault:{name}"))

    assert server.connections == 1


async def test_a_closed_provider_can_be_used_again(provider: EndpointProvider) -> None:
    await listen(provider, ask("fault:ok"))
    await provider.aclose()

    heard = await listen(provider, ask("fault:ok"))

    assert heard.finish == ["stop"]


async def test_every_event_loop_has_connections_of_its_own(provider: EndpointProvider, server: FaultServer) -> None:
    texts: list[str] = []

    async def use() -> None:
        texts.append((await listen(provider, ask("fault:ok"))).text)
        await provider.aclose()

    def run() -> None:
        asyncio.run(use())
        asyncio.run(use())

    await listen(provider, ask("fault:ok"))
    await asyncio.to_thread(run)
    await listen(provider, ask("fault:ok"))

    assert texts == [FAULTS["ok"].text] * 2
    assert server.connections == 3


async def test_an_endless_answer_takes_no_memory(provider: EndpointProvider) -> None:
    deltas = provider.stream(ask("fault:endless"))
    await anext(deltas)
    tracemalloc.start()

    chars = 0
    async for delta in deltas:
        chars += len(str(delta))
        if chars > 500_000:
            break
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    await deltas.aclose()

    assert peak < 2_000_000


# Asking.


async def test_who_refuses_to_stream_is_asked_once_more_without(
    provider: EndpointProvider, server: FaultServer
) -> None:
    heard = await listen(provider, ask("fault:no-streaming"))

    assert heard.text == FAULTS["no-streaming"].text
    bodies = [exchange.body for exchange in list(server.received)[-2:]]
    assert [body["stream"] for body in bodies] == [True, False]
    assert "stream_options" not in bodies[-1]


async def test_a_server_on_this_machine_is_not_asked_through_a_proxy(
    protocol: type[EndpointProvider], server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    provider = protocol(model="m", base_url=server.base_url)

    heard = await listen(provider, ask("fault:ok"))
    await provider.aclose()

    assert heard.finish == ["stop"]
