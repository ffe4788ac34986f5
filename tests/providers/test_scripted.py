"""A provider that plays what a test wrote."""

import asyncio

import pytest

from chatapp.errors import ProviderError
from chatapp.events import Finish, ThinkingDelta, Usage
from chatapp.providers import scripted
from chatapp.providers.base import ModelRequest
from chatapp.providers.scripted import ScriptedProvider, gate

from .conftest import ask, listen


async def test_a_script_is_played_and_finished() -> None:
    provider = ScriptedProvider([ThinkingDelta("Hm."), "Hello ", "world", Usage(output_tokens=2)])

    deltas = [delta async for delta in provider.stream(ask("hi"))]

    assert deltas == [ThinkingDelta("Hm."), "Hello ", "world", Usage(output_tokens=2), Finish("stop")]


async def test_a_script_may_name_its_finish() -> None:
    heard = await listen(ScriptedProvider(["Hello", Finish("length"), "never said"]), ask("hi"))

    assert (heard.text, heard.finish) == ("Hello", ["length"])


@pytest.mark.parametrize("error", [ProviderError("busy", "why"), ProviderError("cut_off")])
async def test_a_script_may_fail(error: ProviderError) -> None:
    provider = ScriptedProvider(["Hello", error])

    heard = await listen(provider, ask("hi"))

    assert (heard.text, heard.error, heard.finish) == ("Hello", error, [])
    assert provider.closed == 1


async def test_a_script_may_raise_what_no_provider_may() -> None:
    with pytest.raises(ZeroDivisionError):
        await listen(ScriptedProvider([ZeroDivisionError]), ask("hi"))


async def test_a_stream_stands_at_a_gate_until_it_is_released() -> None:
    provider = ScriptedProvider(["Hello ", gate("mid"), "world"])
    heard: list[object] = []

    async def read() -> None:
        async for delta in provider.stream(ask("hi")):
            heard.append(delta)

    reader = asyncio.create_task(read())
    await provider.reached("mid")
    assert heard == ["Hello "]
    assert provider.open == 1

    provider.release("mid")
    await reader

    assert heard == ["Hello ", "world", Finish()]
    assert provider.open == 0


async def test_a_gate_may_be_released_before_anybody_comes() -> None:
    provider = ScriptedProvider([gate("a"), "Hello"])
    provider.release("a")

    assert (await listen(provider, ask("hi"))).text == "Hello"


async def test_a_cancelled_stream_has_ended() -> None:
    provider = ScriptedProvider(["Hello ", gate("mid"), "world"])
    reader = asyncio.create_task(listen(provider, ask("hi")))
    await provider.reached("mid")

    reader.cancel()
    await provider.ended()

    assert provider.closed == 1
    with pytest.raises(asyncio.CancelledError):
        await reader


async def test_every_request_is_kept_and_has_its_script() -> None:
    provider = ScriptedProvider(["one"], ["two"])

    texts = [(await listen(provider, ask(question))).text for question in "abc"]
    await provider.requested(3)

    assert texts == ["one", "two", "two"]
    assert [request.question for request in provider.requests] == ["a", "b", "c"]
    assert provider.closed == 3


async def test_a_script_may_be_written_for_a_request() -> None:
    def echo(request: ModelRequest) -> list[str]:
        return [request.question.upper()]

    assert (await listen(ScriptedProvider(echo), ask("hi"))).text == "HI"


async def test_settings_name_their_script() -> None:
    provider = ScriptedProvider(script=["Hello"], model="m")

    assert (await listen(provider, ask("hi"))).text == "Hello"
    assert provider.model == "m"


async def test_an_iterator_may_be_played_twice() -> None:
    provider = ScriptedProvider(iter(["Hello"]))

    assert [(await listen(provider, ask("hi"))).text for _ in range(2)] == ["Hello", "Hello"]


async def test_a_test_that_waits_in_vain_is_told_what_happened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scripted, "PATIENCE_SECONDS", 0.01)
    provider = ScriptedProvider(["Hello"])
    await listen(provider, ask("hi"))

    with pytest.raises(AssertionError, match="never came to 'gate mid'; what happened: request 1, end 1"):
        await provider.reached("mid")
