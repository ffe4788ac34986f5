"""A provider that is a function of the site's own."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from chatapp import actions
from chatapp.errors import ProviderError
from chatapp.events import Finish, ModelCall, ThinkingDelta, Usage
from chatapp.providers.base import ModelRequest, replace_provider
from chatapp.providers.callback import CallbackProvider
from tests.line import Line

from .conftest import ask, listen


def say_all() -> str:
    return "Hello there."


async def say_all_later() -> str:
    return "Hello there."


def say_bit_by_bit() -> Iterator[str]:
    yield "Hello "
    yield "there."


async def say_bit_by_bit_later() -> AsyncIterator[str]:
    yield "Hello "
    yield "there."


def give_a_list() -> list[str]:
    return ["Hello ", "there."]


SHAPES = [say_all, say_all_later, say_bit_by_bit, say_bit_by_bit_later, give_a_list]


@pytest.mark.parametrize("function", SHAPES, ids=lambda function: function.__name__)
@pytest.mark.parametrize("option", ["stream", "generate"])
async def test_a_function_of_any_shape_answers(function: Any, option: str) -> None:
    heard = await listen(CallbackProvider(**{option: function}), ask("Hi"))

    assert (heard.text, heard.finish, heard.error) == ("Hello there.", ["stop"], None)


async def test_it_may_take_what_it_names() -> None:
    seen: list[Any] = []

    def speak(messages: Any, model: str, options: Any, request: ModelRequest, tools: Any) -> str:
        seen.extend([messages[0]["content"], model, options, request.question, tools])
        return "Yes."

    await listen(CallbackProvider(generate=speak, model="own"), ask("Hi", options={"temperature": 1}))

    assert seen == ["Hi", "own", {"temperature": 1}, "Hi", ()]


async def test_a_name_that_nobody_knows_is_refused_when_it_is_made() -> None:
    def speak(question: str) -> str:
        return question

    with pytest.raises(ImproperlyConfigured, match=r"stream\(\) takes 'question', .* it may take request, messages,"):
        CallbackProvider(stream=speak)


async def test_dotted_paths_are_functions_too() -> None:
    heard = await listen(CallbackProvider(stream=f"{__name__}.say_bit_by_bit"), ask("Hi"))

    assert heard.text == "Hello there."
    with pytest.raises(ImproperlyConfigured, match=r"stream is 'nowhere\.speak', which cannot be imported"):
        CallbackProvider(stream="nowhere.speak")
    with pytest.raises(ImproperlyConfigured, match="give stream or generate"):
        CallbackProvider()


async def test_with_both_the_whole_is_asked_for_where_nobody_streams() -> None:
    provider = CallbackProvider(stream=lambda: "streamed", generate=lambda: "whole")

    assert (await listen(provider, ask("Hi"))).text == "streamed"
    assert (await listen(provider, ask("Hi", options={"stream": False}))).text == "whole"


async def test_all_that_a_provider_yields_can_be_yielded() -> None:
    def speak() -> Iterator[Any]:
        yield ThinkingDelta("Hm.")
        yield ModelCall(name="find", arguments="{}")
        yield Usage(input_tokens=3)

    heard = [delta async for delta in CallbackProvider(stream=speak).stream(ask("Hi"))]

    assert heard == [
        ThinkingDelta("Hm."),
        ModelCall(name="find", arguments="{}"),
        Usage(input_tokens=3),
        Finish("tool_calls"),
    ]


async def test_its_own_finish_is_the_end() -> None:
    def speak() -> Iterator[Any]:
        yield "So far"
        yield Finish("length")
        yield "never heard"

    heard = await listen(CallbackProvider(stream=speak), ask("Hi"))

    assert (heard.text, heard.finish) == ("So far", ["length"])


@pytest.mark.parametrize(
    ("raised", "code", "cause"),
    [
        (ProviderError("busy", "later"), "busy", "later"),
        (RuntimeError("no sk-0123456789abcdef0123456789"), "failed", "RuntimeError: no [redacted]"),
    ],
    ids=["on purpose", "by accident"],
)
async def test_what_it_raises_is_a_failure_without_keys(raised: Exception, code: str, cause: str) -> None:
    def speak() -> Iterator[str]:
        yield "So far"
        raise raised

    heard = await listen(CallbackProvider(stream=speak), ask("Hi"))

    assert heard.error is not None
    assert (heard.text, heard.error.code, heard.error.cause) == ("So far", code, cause)
    assert heard.error.__context__ is None


async def test_what_no_provider_says_and_nothing_at_all_are_failures() -> None:
    odd = await listen(CallbackProvider(stream=lambda: [7]), ask("Hi"))
    nothing = await listen(CallbackProvider(stream=lambda: None), ask("Hi"))

    assert odd.error is not None
    assert "gave a int; give strings, or ThinkingDelta, ModelCall" in odd.error.cause
    assert nothing.error is not None
    assert nothing.error.code == "empty"


async def test_a_stop_ends_an_async_one_at_its_next_await(line: Line) -> None:
    ended, begun = asyncio.Event(), asyncio.Event()

    async def speak() -> AsyncIterator[str]:
        try:
            yield "So far."
            begun.set()
            await asyncio.Event().wait()
        finally:
            ended.set()

    await stop_in_the_middle(line, speak, begun)

    assert ended.is_set()


async def test_a_stop_ends_a_generator_in_a_thread_and_sets_its_cancel_event(line: Line) -> None:
    loop, begun, ended = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()

    def speak(cancel_event: threading.Event) -> Iterator[str]:
        try:
            yield "So far."
            loop.call_soon_threadsafe(begun.set)
            assert cancel_event.wait(10)
            yield "never heard"
        finally:
            loop.call_soon_threadsafe(ended.set)

    await stop_in_the_middle(line, speak, begun)

    await asyncio.wait_for(ended.wait(), 10)


async def test_a_stop_is_seen_by_a_function_that_only_looks_at_its_event(line: Line) -> None:
    loop, begun, ended = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()

    def generate(cancel_event: threading.Event) -> str:
        loop.call_soon_threadsafe(begun.set)
        assert cancel_event.wait(10)
        loop.call_soon_threadsafe(ended.set)
        return "never heard"

    await stop_in_the_middle(line, generate, begun)

    await asyncio.wait_for(ended.wait(), 10)


async def stop_in_the_middle(line: Line, function: Any, begun: asyncio.Event) -> None:
    """The owner asks, and stops the answer once it has begun."""
    line.enters(replace_provider(CallbackProvider(stream=function)))
    await line.post()
    await asyncio.wait_for(begun.wait(), 10)
    await actions.stop(line.owner, line.thread_id)
    await line.ended()

    assert (await line.run()).state == "stopped"
