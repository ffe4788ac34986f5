"""A faulty provider on loopback and providers that talk to it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from chatapp.errors import ProviderError
from chatapp.events import Delta, Finish, ThinkingDelta, Usage
from chatapp.providers import endpoint
from chatapp.providers.base import ModelRequest, Provider
from chatapp.providers.endpoint import EndpointProvider
from chatapp.providers.openai import OpenAIProvider
from tests.faults.server import FaultServer

KEY = "sk-CANARY-test-0123456789abcdef"


@dataclass
class Heard:
    """What came of one request."""

    text: str = ""
    thinking: str = ""
    usage: list[Usage] = field(default_factory=list)
    finish: list[str] = field(default_factory=list)
    pieces: int = 0
    last: Delta | None = None
    error: ProviderError | None = None


def ask(text: str, **fields: Any) -> ModelRequest:
    """A request with one message."""
    return ModelRequest(messages=[{"role": "user", "content": text}], **fields)


async def listen(provider: Provider, request: ModelRequest) -> Heard:
    """Read an answer to its end, whatever that is."""
    heard = Heard()
    try:
        async for delta in provider.stream(request):
            heard.pieces += 1
            heard.last = delta
            match delta:
                case str():
                    heard.text += delta
                case ThinkingDelta():
                    heard.thinking += delta.text
                case Usage():
                    heard.usage.append(delta)
                case Finish():
                    heard.finish.append(delta.reason)
    except ProviderError as error:
        heard.error = error
    return heard


@pytest.fixture
async def server() -> AsyncIterator[FaultServer]:
    """The faulty provider."""
    async with FaultServer() as server:
        yield server


@pytest.fixture
def waits() -> list[float]:
    """How long the provider waited before each attempt after the first, had it really waited."""
    return []


@pytest.fixture
def protocol() -> type[EndpointProvider]:
    """What kind of provider asks the faulty one."""
    return OpenAIProvider


@pytest.fixture
async def provider(
    protocol: type[EndpointProvider], server: FaultServer, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[EndpointProvider]:
    """One that asks the faulty provider, and does not wait between attempts."""

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(endpoint, "LAST_WORDS_SECONDS", 0.05)
    provider = protocol(model="m", base_url=server.base_url, api_key=KEY, sleep=sleep, jitter=lambda: 0.5)
    yield provider
    await provider.aclose()
