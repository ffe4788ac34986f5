"""The greeting: what an empty chat shows before anybody has said anything. Never a message, never sent to the model."""

import inspect
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from types import MethodType
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.safestring import SafeString

from chatapp import handlers
from chatapp.mappers import mapper
from chatapp.parts import HtmlPart, Part, TextPart

ARGUMENTS: Final = ("turn", "user", "thread_id", "config")
"""Names that a function which makes a greeting may take. All but `turn` are attributes of the turn."""

_BLOCK = re.compile(r"\s*([#>|<]|[-+*]\s|\d+[.)]\s|```|~~~)")


@dataclass(frozen=True, slots=True)
class Greeting:
    """A greeting that says more than its text. Raises TypeError or ValueError for what cannot be one.

    A text is Markdown, one line of it the heading of the page; a safe string is literal; a part is drawn by its
    template; a function of any shape is asked when somebody looks at the empty chat, and what it yields streams in.
    """

    content: str | Part | Callable[..., Any]
    """What is shown, or the function that makes it."""

    dismissible: bool = True
    """Whether it goes away when the person sends the first message."""

    def __post_init__(self) -> None:
        check_content(self.content, "Greeting()")

    @property
    def is_made(self) -> bool:
        """Whether a function makes it, anew for each chat."""
        return callable(self.content)

    def to_parts(self) -> list[Part]:
        """What is shown; nothing if a function has yet to say it."""
        if isinstance(self.content, Part):
            return [self.content]
        if isinstance(self.content, SafeString):
            return [HtmlPart(html=str(self.content), trusted=True)]
        if isinstance(self.content, str):
            text = self.content.strip()
            is_heading = "\n" not in text and not _BLOCK.match(text)
            return [TextPart(text=f"## {text}" if is_heading else text)]
        return []


@mapper(Greeting)
def _map_greeting(greeting: Greeting) -> list[Part]:
    """What it shows, also where it is not said as a greeting."""
    return greeting.to_parts()


def check_content(content: object, where: str) -> None:
    """Raises TypeError or ValueError with a sentence for what cannot be a greeting."""
    if isinstance(content, Iterator | AsyncIterator) or inspect.isawaitable(content):
        raise ValueError(
            f"{where}: the greeting is {type(content).__name__}, which can be said only once; give the function that "
            "makes it, and not what it made"
        )
    if not isinstance(content, str | Part) and not callable(content):
        raise TypeError(
            f"{where}: the greeting is {type(content).__name__}; use a str, a SafeString, a part, a chatapp.Greeting "
            "or a function that gives one of these or yields it piece by piece"
        )
    if callable(content):
        handlers.check_arguments(get_function(content), where, known=ARGUMENTS, name="greeting")


def as_greeting(value: Any, where: str) -> Greeting | None:
    """What was declared as a greeting; None for "" and None. Raises as `check_content` does."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, Greeting):
        return value
    if isinstance(value, Promise):
        value = str(value)
    check_content(value, where)
    return Greeting(value)


def get_function(content: Callable[..., Any]) -> Callable[..., Any]:
    """The function that makes a greeting.

    One from elsewhere that became an attribute of a class would get the assistant as its first argument.
    """
    if isinstance(content, MethodType):
        first = next(iter(inspect.signature(content.__func__).parameters), "turn")
        return content.__func__ if first in ARGUMENTS else content
    return content


async def say(greeting: Greeting, turn: Any) -> AsyncGenerator[Any, None]:
    """What a greeting says to this turn, piece by piece; before the pieces of a Greeting that was given, that one."""
    if not callable(greeting.content):
        for part in greeting.to_parts():
            yield part
        return
    function = get_function(greeting.content)
    names = handlers.check_arguments(function, "greeting", known=ARGUMENTS, name="greeting")
    async with aclosing(handlers.iterate(function, handlers.get_values(names, turn))) as said:
        async for item in said:
            yield item
            if isinstance(item, Greeting):
                for part in item.to_parts():
                    yield part


def check_startup(messages: object, where: str) -> None:
    """Raises TypeError with a sentence for what cannot be the first messages of a chat."""
    if isinstance(messages, list | tuple) and all(isinstance(item, str | Part) for item in messages):
        return
    raise TypeError(f"{where} is {messages!r}; use a list of texts (Markdown), safe strings and parts")


def to_startup_parts(messages: Sequence[str | Part]) -> list[list[Part]]:
    """The parts of each of the first messages of a chat."""
    return [
        [TextPart(text=item)]
        if isinstance(item, str) and not isinstance(item, SafeString)
        else Greeting(item).to_parts()
        for item in messages
    ]
