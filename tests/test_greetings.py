"""What an assistant may declare as its greeting, and what goes wrong before anybody sees it."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

import chatapp
from chatapp.greetings import Greeting, as_greeting, say
from chatapp.parts import HtmlPart, Part, TemplatePart, TextPart
from chatapp.turn import Turn


def declare(greeting: Any, **more: Any) -> chatapp.Assistant:
    """An assistant with this greeting."""
    cls: type[chatapp.Assistant] = type("Desk", (chatapp.Assistant,), {"greeting": greeting, **more})
    return cls()


def load(greeting: Any) -> list[Part]:
    """What it shows."""
    declared = declare(greeting).load_greeting(None)
    return declared.to_parts() if declared else []


async def hear(assistant: chatapp.Assistant) -> list[Any]:
    """All that a greeting says which is made."""
    turn = Turn(assistant=assistant, messages=(), user="Ann")
    return [item async for item in assistant.greet(turn)]


def test_a_greeting_is_markdown_literal_html_or_a_template() -> None:
    template = TemplatePart(template="hello.html")

    assert load("Hello **you**") == [TextPart(text="## Hello **you**")]
    assert load("Hello.\n\nHow are you?") == [TextPart(text="Hello.\n\nHow are you?")]
    assert load("- one line that is a list") == [TextPart(text="- one line that is a list")]
    assert load(gettext_lazy("Hello")) == [TextPart(text="## Hello")]
    assert load(SafeString("<b>Hello</b>")) == [HtmlPart(html="<b>Hello</b>", trusted=True)]
    assert load(template) == [template]
    assert load(Greeting("Hello\nyou", dismissible=False)) == [TextPart(text="Hello\nyou")]


def test_no_greeting_is_nothing() -> None:
    assert (load(""), load(None), load("  ")) == ([], [], [])


async def test_a_function_that_makes_a_greeting_may_have_any_shape_and_takes_arguments_by_name() -> None:
    def plain(self: Any, user: str) -> str:
        return f"Hello {user}"

    async def pieces(self: Any, turn: Turn) -> AsyncIterator[str]:
        yield "Hello "
        yield turn.user

    def parts(self: Any) -> Iterator[Any]:
        yield TextPart(text="Hello")

    async def whole(self: Any) -> Greeting:
        return Greeting("Hello\nyou", dismissible=False)

    def elsewhere(user: str) -> str:
        return f"Hi {user}"

    assert await hear(declare(plain)) == ["Hello Ann"]
    assert await hear(declare(pieces)) == ["Hello ", "Ann"]
    assert await hear(declare(parts)) == [TextPart(text="Hello")]
    assert await hear(declare(whole)) == [Greeting("Hello\nyou", dismissible=False), TextPart(text="Hello\nyou")]
    assert await hear(declare(elsewhere)) == ["Hi Ann"]
    assert await hear(declare(Greeting(elsewhere, dismissible=False))) == ["Hi Ann"]
    assert await hear(declare(staticmethod(elsewhere))) == ["Hi Ann"]


async def test_a_greeting_that_stands_there_is_said_as_it_is() -> None:
    assert [item async for item in say(Greeting("Hello\nyou"), None)] == [TextPart(text="Hello\nyou")]


def test_what_can_be_said_only_once_is_refused_before_anybody_sees_it() -> None:
    async def pieces() -> AsyncIterator[str]:
        yield "Hello"

    for once in (iter(["Hello"]), (piece for piece in "Hello"), pieces()):
        with pytest.raises(ValueError, match=r"Desk\.greeting: .* which can be said only once; give the function"):
            declare(once)


def test_what_cannot_be_a_greeting_is_refused_before_anybody_sees_it() -> None:
    with pytest.raises(TypeError, match=r"Desk\.greeting: the greeting is int; use a str, a SafeString, a part"):
        declare(5)
    with pytest.raises(TypeError, match=r"greeting\(\) takes 'client', which is not known; it may take turn, user"):
        declare(lambda self, client: "Hello")
    with pytest.raises(TypeError, match="the greeting is list"):
        Greeting(["Hello"])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="the greeting is dict"):
        as_greeting({}, "here")


def test_startup_messages_stand_in_place_of_a_greeting_and_are_texts_and_parts() -> None:
    assert declare("Hello", startup_messages=["One"]).load_greeting(None) is None
    with pytest.raises(TypeError, match=r"Desk\.startup_messages is 'One'; use a list of texts"):
        declare("Hello", startup_messages="One")
