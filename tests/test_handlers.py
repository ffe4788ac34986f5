"""A `respond` of any shape, with any arguments, says the same; and it is closed when nobody listens any more."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import ContextVar
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connections

import chatapp
from chatapp import handlers
from chatapp.providers.scripted import PATIENCE_SECONDS
from chatapp.testing import ask

TURN = chatapp.Turn(
    assistant=chatapp.Assistant(),
    messages=[
        chatapp.ChatMessage(role="user", content="Before"),
        chatapp.ChatMessage(role="user", content="Hello world", attachments=("a file",)),
    ],
    config=chatapp.ModelConfig(temperature=0.2),
)


async def transcribe(respond: Callable[..., Any]) -> list[Any]:
    """Everything that `respond` says to TURN."""
    names = handlers.check_arguments(respond, "here")
    return [item async for item in handlers.iterate(respond, handlers.get_values(names, TURN))]


def function(text: str) -> str:
    return text


async def coroutine(text: str) -> str:
    await asyncio.sleep(0)
    return text


def generator(text: str) -> Iterator[str]:
    yield from text.partition(" ")


async def async_generator(text: str) -> AsyncIterator[str]:
    for piece in text.partition(" "):
        await asyncio.sleep(0)
        yield piece


def generator_of_parts_and_text(text: str) -> Iterator[Any]:
    yield chatapp.Status("Reading")
    yield from text.partition(" ")


async def async_generator_of_parts_and_text(text: str) -> AsyncIterator[Any]:
    yield chatapp.Status("Reading")
    yield text


async def coroutine_that_gives_an_async_generator(text: str) -> Any:
    await asyncio.sleep(0)
    return async_generator(text)


async def coroutine_that_gives_a_generator(text: str) -> Any:
    await asyncio.sleep(0)
    return generator(text)


def function_that_gives_a_generator(text: str) -> Any:
    return generator(text)


def function_that_gives_an_async_generator(text: str) -> Any:
    return async_generator(text)


def function_that_gives_a_coroutine(text: str) -> Any:
    return coroutine(text)


def function_that_gives_a_list(text: str) -> Any:
    return list(text.partition(" "))


def function_that_gives_an_iterator(text: str) -> Any:
    return iter(text.partition(" "))


def function_that_gives_a_part(text: str) -> Any:
    return chatapp.TextPart(text=text)


def function_that_gives_a_dict(text: str) -> Any:
    return {"content": text}


class WithACall:
    def __call__(self, text: str) -> str:
        return text


class Stream:
    """Iterable without being a generator, as the stream objects of client libraries are."""

    def __init__(self, text: str) -> None:
        self._pieces = list(text.partition(" "))

    def __aiter__(self) -> "Stream":
        return self

    async def __anext__(self) -> str:
        if not self._pieces:
            raise StopAsyncIteration
        return self._pieces.pop(0)


SHAPES = [
    function,
    coroutine,
    generator,
    async_generator,
    generator_of_parts_and_text,
    async_generator_of_parts_and_text,
    coroutine_that_gives_an_async_generator,
    coroutine_that_gives_a_generator,
    function_that_gives_a_generator,
    function_that_gives_an_async_generator,
    function_that_gives_a_coroutine,
    function_that_gives_a_list,
    function_that_gives_an_iterator,
    function_that_gives_a_part,
    function_that_gives_a_dict,
    WithACall(),
    Stream,
    lambda text: text,
]


def get_name(shape: Any) -> str:
    """What a shape is called in the list of tests."""
    return getattr(shape, "__name__", type(shape).__name__)


@pytest.mark.parametrize("shape", SHAPES, ids=get_name)
async def test_every_shape_gives_the_same_transcript(shape: Callable[..., Any]) -> None:
    class Desk(chatapp.Assistant):
        respond = staticmethod(shape)

    answer = await ask(Desk, "Hello world")

    assert answer.parts == [chatapp.TextPart(text="Hello world")]


ARGUMENTS = [
    (lambda: "none", "none"),
    (lambda turn: f"{turn.text}", "Hello world"),
    (lambda text: f"{text}", "Hello world"),
    (lambda messages: f"{messages[-1].content} after {messages[0].content}", "Hello world after Before"),
    (lambda config: f"{config.temperature}", "0.2"),
    (lambda attachments: f"{attachments}", "('a file',)"),
    (lambda text, attachments: f"{text} with {attachments[0]}", "Hello world with a file"),
    (lambda messages, config: f"{len(messages)} at {config.temperature}", "2 at 0.2"),
    (lambda config, text, turn: f"{text} {turn.config is config}", "Hello world True"),
    (lambda text, *, config: f"{text} at {config.temperature}", "Hello world at 0.2"),
    (lambda text, limit=3: text[:limit], "Hel"),
    (lambda *rest, **more: f"{rest} {more}", "() {}"),
]


@pytest.mark.parametrize(("respond", "said"), ARGUMENTS, ids=range(len(ARGUMENTS)))
async def test_every_form_of_arguments_is_filled_by_name(respond: Callable[..., Any], said: str) -> None:
    assert await transcribe(respond) == [said]


def test_an_unknown_argument_fails_before_anybody_writes() -> None:
    def respond(texts: str) -> str:
        return texts

    with pytest.raises(
        TypeError, match=r"shop\.Desk: respond\(\) takes 'texts', which is not known; it may take turn, text"
    ):
        handlers.check_arguments(respond, "shop.Desk")


@pytest.mark.parametrize("said", [None, [], (), iter(())])
async def test_nothing_said_is_nothing(said: Any) -> None:
    assert await transcribe(lambda: said) == []


class Ticket:
    def __str__(self) -> str:
        return "<b>Ticket</b> 7 & more"


class Look:
    """Knows how it looks, and could be iterated."""

    def _repr_html_(self) -> str:
        return "<b>7</b>"

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("its look is what counts")


async def test_something_unknown_that_is_returned_is_shown_as_its_escaped_text() -> None:
    def ticket() -> Ticket:
        return Ticket()

    async def number() -> int:
        return 7

    answer = await ask(type("Desk", (chatapp.Assistant,), {"respond": staticmethod(ticket)}), "x")

    assert answer.parts == [chatapp.HtmlPart(html="<p>&lt;b&gt;Ticket&lt;/b&gt; 7 &amp; more</p>")]
    assert answer.text == "<b>Ticket</b> 7 & more"
    assert await transcribe(number) == [chatapp.HtmlPart(html="<p>7</p>")]
    assert await transcribe(lambda: 1.5) == [chatapp.HtmlPart(html="<p>1.5</p>")]


async def test_something_that_is_returned_and_known_is_what_it_means() -> None:
    status = chatapp.Status("Reading")

    answer = await ask(type("Desk", (chatapp.Assistant,), {"respond": staticmethod(lambda: Look())}), "x")

    assert answer.parts == [chatapp.HtmlPart(html="<b>7</b>")]
    assert await transcribe(lambda: status) == [status]


async def test_a_function_that_blocks_does_not_hold_up_the_loop() -> None:
    may_go_on = threading.Event()

    def respond() -> str:
        assert may_go_on.wait(PATIENCE_SECONDS)
        return "done"

    answer = asyncio.ensure_future(transcribe(respond))
    await asyncio.sleep(0)
    may_go_on.set()  # Only a loop that is not held up comes here.

    assert await answer == ["done"]


async def test_a_generator_that_blocks_does_not_hold_up_the_loop() -> None:
    may_go_on = threading.Event()

    def respond() -> Iterator[str]:
        yield "begun"
        assert may_go_on.wait(PATIENCE_SECONDS)
        yield "done"

    said = []
    async for item in handlers.iterate(respond, {}):
        said.append(item)
        may_go_on.set()

    assert said == ["begun", "done"]


async def test_a_generator_stays_in_one_thread_with_the_context_of_its_run() -> None:
    language: ContextVar[str] = ContextVar("language", default="en")
    language.set("fr")
    threads = set()

    def respond() -> Iterator[str]:
        for _ in range(3):
            threads.add(threading.get_ident())
            yield language.get()

    assert await transcribe(respond) == ["fr", "fr", "fr"]
    assert len(threads) == 1
    assert threads != {threading.get_ident()}


@pytest.mark.django_db(transaction=True)
async def test_a_function_leaves_no_connection_behind(owner: Any) -> None:
    used = []

    def respond() -> str:
        used.append(connections["default"])
        return str(get_user_model().objects.get())

    assert await transcribe(respond) == ["owner"]
    assert [wrapper.connection for wrapper in used] == [None]


@pytest.mark.django_db(transaction=True)
async def test_a_generator_leaves_no_connection_and_no_thread_behind(owner: Any) -> None:
    used, threads = [], []

    def respond() -> Iterator[str]:
        threads.append(threading.current_thread())
        used.append(connections["default"])
        yield str(get_user_model().objects.get())

    assert await transcribe(respond) == ["owner"]
    await asyncio.to_thread(threads[0].join, PATIENCE_SECONDS)
    assert [wrapper.connection for wrapper in used] == [None]
    assert not threads[0].is_alive()


def make_endless(kind: str, closed: threading.Event) -> Callable[[], Any]:
    """A respond that says "more" for ever, and tells when it was closed."""

    def endless() -> Iterator[str]:
        try:
            while True:
                yield "more"
        finally:
            closed.set()

    async def endless_async() -> AsyncIterator[str]:
        try:
            while True:
                await asyncio.sleep(0)
                yield "more"
        finally:
            closed.set()

    async def coroutine_of_async() -> Any:
        return endless_async()

    return {
        "generator": endless,
        "async generator": endless_async,
        "function that gives a generator": lambda: endless(),
        "function that gives an async generator": lambda: endless_async(),
        "coroutine that gives an async generator": coroutine_of_async,
    }[kind]


ENDLESS = [
    "generator",
    "async generator",
    "function that gives a generator",
    "function that gives an async generator",
    "coroutine that gives an async generator",
]


@pytest.mark.parametrize("kind", ENDLESS)
async def test_a_respond_whose_caller_leaves_runs_its_finally(kind: str) -> None:
    closed = threading.Event()
    said = handlers.iterate(make_endless(kind, closed), {})
    await anext(said)
    await anext(said)

    await said.aclose()

    assert await asyncio.to_thread(closed.wait, PATIENCE_SECONDS)


@pytest.mark.parametrize("kind", ENDLESS)
async def test_a_respond_whose_task_is_cancelled_runs_its_finally(kind: str) -> None:
    closed = threading.Event()
    begun = asyncio.Event()

    async def listen() -> None:
        async for _ in handlers.iterate(make_endless(kind, closed), {}):
            begun.set()

    task = asyncio.ensure_future(listen())
    await begun.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(closed.wait, PATIENCE_SECONDS)


async def test_an_async_respond_is_closed_before_its_caller_goes_on() -> None:
    closed = threading.Event()
    said = handlers.iterate(make_endless("async generator", closed), {})
    await anext(said)

    await said.aclose()

    assert closed.is_set()


async def test_a_coroutine_that_is_cancelled_hears_of_it() -> None:
    heard = asyncio.Event()
    begun = asyncio.Event()

    async def respond() -> str:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            heard.set()
        return "never"

    task = asyncio.ensure_future(transcribe(respond))
    await begun.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert heard.is_set()


@pytest.mark.parametrize("shape", ["generator", "async generator"])
async def test_an_error_comes_after_what_was_said_before(shape: str) -> None:
    def failing() -> Iterator[str]:
        yield "so far"
        raise LookupError("no parcel")

    async def failing_async() -> AsyncIterator[str]:
        yield "so far"
        raise LookupError("no parcel")

    said = handlers.iterate(failing if shape == "generator" else failing_async, {})

    assert await anext(said) == "so far"
    with pytest.raises(LookupError, match="no parcel"):
        await anext(said)


async def test_call_takes_a_function_of_either_colour() -> None:
    async def double(number: int) -> int:
        return 2 * number

    assert await handlers.call(double, 4) == 8
    assert await handlers.call(lambda number: 2 * number, 4) == 8
