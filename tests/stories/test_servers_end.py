"""A server ends: what it had open to its provider is closed, also in the middle of an answer, and nobody complains."""

import signal
from collections.abc import Callable

import pytest

from tests.faults.server import FaultServer

from .conftest import SERVERS, StartSite, find_failures
from .people import Person


@pytest.mark.parametrize("server", SERVERS)
async def test_a_server_that_ends_closes_its_connections_to_the_provider(
    server: str, start_site: StartSite, newcomer: Callable[..., Person]
) -> None:
    async with FaultServer() as provider:
        site = start_site(server, env={"OPENAI_BASE_URL": provider.base_url}, DRAIN_SECONDS=0.1)
        person = await newcomer(site).sign_up()
        first = await person.ask("Hello. fault:ok")
        await first.until(lambda page: page.state == "complete")
        idle = provider.open_connections
        second = await person.ask("Begin, and go on. fault:hang-mid-stream")
        third = await person.ask("Do not even begin. fault:hang-before-headers")
        await second.until(lambda page: "Hello" in page.text)
        await provider.until(lambda: provider.get_stats("hang-before-headers").in_flight == 1)
        await third.until(lambda page: page.state == "streaming")

        (process,) = site.processes
        process.send(signal.SIGTERM)
        await provider.until(lambda: provider.open_connections == 0)
        process.wait(20)

    assert idle == 1
    assert find_failures(site.log) == []
    assert "Unclosed" not in site.log
    assert "was destroyed" not in site.log
