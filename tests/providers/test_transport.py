"""The connections to providers: how many, for how long, and that none is left when an event loop ends."""

import asyncio
import gc
import socket
from typing import Any

from chatapp.providers.base import close_providers, get_provider
from chatapp.providers.openai import OpenAIProvider
from tests.faults.exchange import HELLO
from tests.faults.server import FaultServer

from .conftest import ask, listen

LOOPS = 100


async def test_a_hundred_loops_that_nobody_closed_leave_nothing_behind(
    provider: OpenAIProvider, server: FaultServer
) -> None:
    texts: list[str] = []

    async def use() -> None:
        texts.append((await listen(provider, ask("fault:ok"))).text)

    def run() -> None:
        for _ in range(LOOPS):
            asyncio.run(use())

    await asyncio.to_thread(run)
    await server.until(lambda: server.open_connections == 0)
    gc.collect()  # What was not closed would complain now.

    assert texts == [HELLO] * LOOPS
    assert server.connections == LOOPS
    assert len(provider._clients) == 1  # the last one, which goes when another is made
    await listen(provider, ask("fault:ok"))
    assert list(provider._clients) == [asyncio.get_running_loop()]


async def test_a_loop_that_ends_in_the_middle_of_an_answer_closes_that_connection_too(
    provider: OpenAIProvider, server: FaultServer
) -> None:
    async def begin() -> None:
        said = provider.stream(ask("fault:hang-mid-stream"))
        await anext(said)

    await asyncio.to_thread(asyncio.run, begin())
    await server.until(lambda: server.open_connections == 0)

    assert server.get_stats("hang-mid-stream").aborted == 1


async def test_what_was_closed_can_be_used_again(provider: OpenAIProvider, server: FaultServer) -> None:
    await listen(provider, ask("fault:ok"))
    await provider.aclose()
    await server.until(lambda: server.open_connections == 0)

    assert (await listen(provider, ask("fault:ok"))).text == HELLO
    assert server.open_connections == 1


async def test_one_connection_serves_one_request_after_the_other(provider: OpenAIProvider, server: FaultServer) -> None:
    for _ in range(3):
        await listen(provider, ask("fault:ok"))

    assert server.connections == 1


async def test_more_requests_than_connections_wait_for_one(
    settings: Any, provider: OpenAIProvider, server: FaultServer
) -> None:
    settings.CHATAPP = {"PROVIDER_CONNECTIONS": 2}
    drips = [provider.stream(ask("fault:hang-mid-stream")) for _ in range(2)]
    for said in drips:
        await anext(said)

    third = asyncio.ensure_future(listen(provider, ask("fault:ok")))
    await asyncio.sleep(0)
    assert (server.connections, third.done()) == (2, False)
    await drips[0].aclose()

    assert (await third).text == HELLO
    await drips[1].aclose()


async def test_an_idle_connection_is_kept_for_as_long_as_the_settings_say(
    settings: Any, provider: OpenAIProvider, server: FaultServer
) -> None:
    settings.CHATAPP = {"PROVIDER_KEEPALIVE_SECONDS": 0.01}

    await listen(provider, ask("fault:ok"))

    await server.until(lambda: server.open_connections == 0)


async def test_opening_a_connection_takes_no_longer_than_the_settings_say(settings: Any, waits: list[float]) -> None:
    settings.CHATAPP = {"PROVIDER_CONNECT_SECONDS": 0.01}

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        queue = [socket.socket() for _ in range(3)]
        for caller in queue:  # Until nobody else fits.
            caller.setblocking(False)
            caller.connect_ex(deaf.getsockname())
        provider = OpenAIProvider(model="m", base_url=f"http://127.0.0.1:{deaf.getsockname()[1]}/v1", sleep=sleep)

        heard = await listen(provider, ask("Hi"))

        await provider.aclose()
        for caller in queue:
            caller.close()
    assert heard.error is not None
    assert heard.error.code == "unreachable"
    assert len(waits) == 2


async def test_closing_all_providers_closes_those_of_former_settings_as_well(
    settings: Any, server: FaultServer
) -> None:
    backend = "chatapp.providers.openai.OpenAIProvider"
    for model in ("old", "new"):
        settings.CHATAPP = {
            "PROVIDERS": {"main": {"BACKEND": backend, "OPTIONS": {"model": model, "base_url": server.base_url}}}
        }
        await listen(get_provider("main"), ask("fault:ok"))
    assert server.open_connections == 2

    await close_providers()

    await server.until(lambda: server.open_connections == 0)
