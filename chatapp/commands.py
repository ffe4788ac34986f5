"""Slash commands: what a message does that begins with "/" and a name, in place of being asked of the model.

    @chatapp.slash_command("joke", "Tells one")
    async def joke(text: str, turn: chatapp.Turn):
        yield f"A joke about {text}: …"

`slash_command` is for every assistant of the site, `command` only declares one, for `Assistant.commands`. The function
may be of any shape, and takes nothing, the text after the name, `turn`, or both. What it says is a message like an
answer, with streaming, Stop and the ways of errors.
"""

import inspect
import re
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, ClassVar, Final, overload

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from chatapp import handlers

_NAME: Final = re.compile(r"[a-z0-9_-]{1,32}")
_TYPED: Final = re.compile(r"/([A-Za-z0-9_-]{1,32})(?:\s+(.*))?", re.DOTALL)


class _Decorated:
    """The function follows, below the decorator."""


_DECORATED: Final = _Decorated()

_commands: dict[str, "Command"] = {}


@dataclass(frozen=True, kw_only=True)
class Command:
    """A slash command; what `command` and `slash_command` make. Calling it calls its function."""

    name: str
    """Without the slash, in lower case."""

    description: str | Promise = ""
    """What people read beside the name."""

    function: Callable[..., Any] | None = None
    """What it does on the server. None: nothing; the page does it, by the event `chat:slash`."""

    echo: bool = True
    """Whether what was typed is shown, and a place for the answer. False: only what the function says is."""

    for_model: bool = False
    """Whether the model gets what was typed and what was said, with the next question."""

    text_name: str = ""
    """Argument of the function that gets the text after the name. Empty: none does."""

    takes_turn: bool = False

    do_not_call_in_templates: ClassVar[bool] = True
    """For Django, whose templates call whatever can be called."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.function is None:
            raise TypeError(f"/{self.name} has no function")
        return self.function(*args, **kwargs)

    async def answer(self, turn: Any, text: str) -> AsyncGenerator[Any, None]:
        """What it says to this text, as an assistant's `respond` does; see handlers.iterate."""
        if self.function is None:
            return
        given: dict[str, Any] = {self.text_name: text} if self.text_name else {}
        if self.takes_turn:
            given["turn"] = turn
        async with aclosing(handlers.iterate(self.function, given)) as said:
            async for item in said:
                yield item

    def remove(self) -> None:
        """Take it away from the site again; if another one has its name by now, nothing happens."""
        if _commands.get(self.name) is self:
            del _commands[self.name]


BUILT_IN: Final[Mapping[str, Command]] = {
    command.name: command
    for command in (
        Command(name="clear", description=_("Start this chat over"), echo=False),
        Command(name="export", description=_("Save this chat as a file: md or json"), echo=False),
        Command(name="model", description=_("Say or choose the model"), echo=False),
        Command(name="system", description=_("Say or change what the model is told"), echo=False),
    )
}
"""What chatapp does itself, by name; see chatapp.commanding."""


@overload
def command(
    name: str, description: str = "", *, echo: bool | None = None, for_model: bool = False
) -> Callable[[Callable[..., Any]], Command]: ...
@overload
def command(
    name: str,
    description: str,
    handler: Callable[..., Any] | None,
    *,
    echo: bool | None = None,
    for_model: bool = False,
) -> Command: ...
def command(
    name: str,
    description: str = "",
    handler: Callable[..., Any] | _Decorated | None = _DECORATED,
    *,
    echo: bool | None = None,
    for_model: bool = False,
) -> Any:
    """Declare a command for `Assistant.commands` (decorator, or with its `handler`; None: the page does it).

    `name` is letters, digits, "_" and "-", with or without the slash; upper case is lower case. `description` is the
    first line of the docstring unless it is given. `echo` is true unless there is no handler. Raises ValueError for
    another name, TypeError for a function that takes more than the text and `turn`.
    """

    def declare(function: Callable[..., Any] | None) -> Command:
        named = check_name(name)
        text_name, takes_turn = _read_arguments(function, named)
        return Command(
            name=named,
            description=description or (inspect.getdoc(function) or "").partition("\n")[0],
            function=function,
            echo=function is not None if echo is None else echo,
            for_model=for_model,
            text_name=text_name,
            takes_turn=takes_turn,
        )

    return declare if isinstance(handler, _Decorated) else declare(handler)


@overload
def slash_command(
    name: str, description: str = "", *, force: bool = False, echo: bool | None = None, for_model: bool = False
) -> Callable[[Callable[..., Any]], Command]: ...
@overload
def slash_command(
    name: str,
    description: str,
    handler: Callable[..., Any] | None,
    *,
    force: bool = False,
    echo: bool | None = None,
    for_model: bool = False,
) -> Command: ...
def slash_command(
    name: str,
    description: str = "",
    handler: Callable[..., Any] | _Decorated | None = _DECORATED,
    *,
    force: bool = False,
    echo: bool | None = None,
    for_model: bool = False,
) -> Any:
    """Declare a command as `command` does, for every assistant of the site; `.remove()` takes it away again.

    It may be called at any time: open pages have it the next time that somebody types a slash. Raises ValueError for a
    name that is taken, by a built-in command too, unless `force` says to replace that one.
    """

    def register(declared: Command) -> Command:
        taken = _commands.get(declared.name) or BUILT_IN.get(declared.name)
        # The same function once more: its module was imported again.
        if taken is not None and not force and _get_place(taken) != _get_place(declared):
            raise ValueError(f"the command /{declared.name} is there already; give it another name, or force=True")
        _commands[declared.name] = declared
        return declared

    if isinstance(handler, _Decorated):
        declare = command(name, description, echo=echo, for_model=for_model)
        return lambda function: register(declare(function))
    return register(command(name, description, handler, echo=echo, for_model=for_model))


def remove_command(name: str) -> None:
    """Take a command away from the site, by its name. Raises LookupError if there is none."""
    if _commands.pop(check_name(name), None) is None:
        raise LookupError(f"there is no command {name!r}")


def get_commands() -> list[Command]:
    """Those that are there for every assistant, in order of registration."""
    return list(_commands.values())


def check_name(name: str) -> str:
    """The name as commands have it. Raises ValueError for one that no command can have."""
    named = name.removeprefix("/").lower()
    if not _NAME.fullmatch(named):
        raise ValueError(f"the command name {name!r} is not usable; use up to 32 letters, digits, _ and -")
    return named


def read_typed(text: str) -> tuple[str, str] | None:
    """Name and text of what may be a command; None for any other message."""
    found = _TYPED.fullmatch(text.strip())
    return (found[1].lower(), (found[2] or "").strip()) if found else None


def _read_arguments(function: Callable[..., Any] | None, name: str) -> tuple[str, bool]:
    """Which argument gets the text, and whether it takes the turn."""
    if function is None:
        return "", False
    if not callable(function):
        raise TypeError(f"the command /{name} takes a function, not {function!r}")
    parameters = inspect.signature(function).parameters
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    others = [taken for taken in parameters if taken != "turn"]
    if len(others) > 1 or any(parameter.kind not in kinds for parameter in parameters.values()):
        raise TypeError(
            f"the function of /{name} takes {', '.join(map(str, parameters.values()))}; it may take the text after the "
            "name, `turn`, or both, by their names"
        )
    return (others[0] if others else ""), "turn" in parameters


def _get_place(command: Command) -> tuple[Any, ...]:
    function = command.function
    return (getattr(function, "__module__", id(command)), getattr(function, "__qualname__", id(command)))
