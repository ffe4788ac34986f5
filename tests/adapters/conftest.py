"""The agents of all libraries, in turn."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial

import pytest

from tests.faults.server import FaultServer

from .agents import MAKERS, Maker, Parcels


@pytest.fixture
async def server() -> AsyncIterator[FaultServer]:
    """A provider that does what the question says."""
    async with FaultServer() as running:
        yield running


@pytest.fixture
def parcels() -> Parcels:
    """The tool that all agents have."""
    return Parcels()


@pytest.fixture(params=MAKERS)
async def make_desk(request: pytest.FixtureRequest, server: FaultServer, parcels: Parcels) -> AsyncIterator[Maker]:
    """Makes an assistant of each library; takes attributes of it."""
    async with AsyncExitStack() as stack:
        yield partial(MAKERS[request.param], stack, server.base_url, parcels)
