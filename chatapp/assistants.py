"""The declared class that answers."""

import re
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, ClassVar, Final, Literal, TypeVar, get_args

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from chatapp import greetings, handlers, prompts
from chatapp.commands import BUILT_IN, Command, get_commands
from chatapp.conf import BuiltInCommand, OnError, SubmitKey, WhileRunning, settings
from chatapp.contexts import ContextSource, get_sources
from chatapp.customizing import Customizable
from chatapp.files.kinds import Accepted, Declared, read_declared
from chatapp.greetings import Greeting
from chatapp.icons import check_icon
from chatapp.parts import Part
from chatapp.profiles import ChatConfig
from chatapp.prompts import Suggestion, as_suggestion
from chatapp.retrieval import Retriever
from chatapp.tools import Tool
from chatapp.turn import Turn

Scroll = Literal["stick", "anchor"]
"""See Assistant.scroll."""

ErrorDisplay = Literal["bubble", "toast"]
"""See Assistant.error_display."""

_CHOICES: Final[Mapping[str, Sequence[str]]] = {
    "while_running": ("", *get_args(WhileRunning)),
    "on_error": ("", *get_args(OnError)),
    "error_display": get_args(ErrorDisplay),
    "submit_key": get_args(SubmitKey),
    "scroll": get_args(Scroll),
}
"""Attributes that take one of a few words."""

_POSITIVE: Final = ("context_tokens", "max_chars", "stall_seconds")
"""Attributes that take a number above 0, or None."""

_Named = TypeVar("_Named", Tool, Command)

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")


class Assistant(Customizable):
    """Answers questions. Subclass it, set attributes, and decorate it with `@chatapp.register`.

    There is one instance of each class, shared by all people and frozen: what belongs to one person is on `turn`. Each
    attribute that may depend on the person has a `get_` twin to override.
    """

    slug: ClassVar[str] = ""
    """Name in addresses and rows. Empty: from the class name, `OrderDesk` becomes `order-desk`."""

    title: ClassVar[str] = ""
    """Name that people see. Empty: from the class name."""

    description: ClassVar[str] = ""
    """One sentence under the greeting."""

    icon: ClassVar[str | Literal[False]] = "spark"
    """Name of the icon beside its messages (see chatapp.icons); False: none."""

    greeting: ClassVar[str | Part | Greeting | Callable[..., Any] | None] = "How can I help?"
    """What a new chat shows: Markdown (one line of it is a heading), a SafeString, a part, a Greeting, or a method that
    gives or yields these. Never a message and never sent to the model. Empty: none."""

    startup_messages: ClassVar[Sequence[str | Part]] = ()
    """Messages with which each new chat begins, in place of a greeting. The model never gets them."""

    suggestions: ClassVar[Sequence[str | tuple[str, str] | Suggestion]] = ()
    """Cards of a new chat: a text, a (title, text) pair, or a Suggestion."""

    prompts: ClassVar[Sequence[str | tuple[str, str] | Suggestion]] = ()
    """Texts that a menu beside the message box puts into it, in the forms of `suggestions`. A name between double
    braces, as in {{customer}}, is a blank that the person fills in first. None: only those of the prompt library."""

    instructions: ClassVar[str] = ""
    """What the model is told before the conversation. Treat it as public."""

    model_suggestions: ClassVar[bool] = False
    """Whether the model is asked to offer next steps in its answers: adds prompts.SUGGESTIONS to the instructions."""

    placeholder: ClassVar[str | None] = None
    """Hint in the empty message box, never blank; may be a lazy translation. None: "Message <title>…"."""

    submit_key: ClassVar[SubmitKey] = "enter"
    """What sends: Enter, where Shift and Enter make a new line; or with "enter+modifier" only Ctrl or Cmd and Enter. On
    touch screens Enter always makes a new line."""

    send_icon: ClassVar[str | Literal[False]] = "send"
    """Name of the icon on the button that sends (see chatapp.icons). Empty or False: the usual one, never none."""

    max_chars: ClassVar[int | None] = None
    """Longest message, in characters; never more than CHATAPP["MAX_MESSAGE_CHARS"], which None stands for."""

    disabled: ClassVar[bool | str] = False
    """Whether nothing can be sent, until somebody has signed in or given a key, say; or why, as a sentence."""

    while_running: ClassVar[WhileRunning | Literal[""]] = ""
    """What becomes of a message that is sent during an answer. Empty: CHATAPP["WHILE_RUNNING"], which is "block".

    block: it is refused, and stays in the box. disable: so it is, and the box takes no text meanwhile. stop: the answer
    is stopped, and the message is sent. queue: it waits, where the person can take it back, and is sent after the
    answer, however that ends; so does each that follows, in order.
    """

    on_error: ClassVar[OnError | Literal[""]] = ""
    """What a person sees when an answer fails. Empty: CHATAPP["ERRORS"], which is "auto".

    actual: the text of the error, without keys. sanitize: a sentence that says what kind of failure it was. auto:
    actual where DEBUG is on, else sanitize. unhandled: the error goes to the log with its traceback, and the pages that
    show the conversation are disconnected. The sentence of a VisibleError is shown with any of them.
    """

    error_display: ClassVar[ErrorDisplay] = "bubble"
    """Where a failure is shown. bubble: in the answer, where it stays. toast: in a note that can be dismissed; an
    answer in which nothing was said before is not kept."""

    scroll: ClassVar[Scroll] = "stick"
    """What the view of a conversation does. stick: it follows the end of the answer until the reader moves up. anchor:
    one's own message goes to the top of the view, and the answer grows below it without moving anything."""

    stall_seconds: ClassVar[float | None] = None
    """Seconds of silence after which an answer is ended as failed. None: CHATAPP["STALL_SECONDS"]."""

    attachments: ClassVar[Declared] = False
    """Which files people can send: none, all that chatapp reads (True), or a list of extensions and media types, such
    as ["pdf", ".csv", "image/*"]. An empty list is none. See docs/attachments.md."""

    sees_images: ClassVar[bool | None] = None
    """Whether the model gets images as images, and not only a line about them. None: what its provider says."""

    context_tokens: ClassVar[int | None] = None
    """How many tokens its model takes, question and answer together. None: what CHATAPP["CONTEXT_TOKENS"] says."""

    summarize: ClassVar[bool | None] = None
    """Whether the model summarises what of a long conversation no longer goes to it. None:
    CHATAPP["CONTEXT_SUMMARY"]."""

    tools: ClassVar[Sequence[Tool]] = ()
    """Functions that the model may call, each declared with `@chatapp.tool`."""

    retriever: ClassVar[Retriever | None] = None
    """Looks up passages for each question, which the model gets before it; see docs/retrieval.md. None: nobody does."""

    commands: ClassVar[Sequence[Command]] = ()
    """Slash commands of its own, each declared with `@chatapp.command`; they come before the site's."""

    builtin_commands: ClassVar[Sequence[BuiltInCommand] | None] = None
    """Which of clear, export, model and system there are. None: CHATAPP["BUILTIN_COMMANDS"], which is all of them."""

    enable_context: ClassVar[bool] = False
    """Whether people can mention the site's context sources with "@"; see chatapp.contexts."""

    context_sources: ClassVar[Sequence[ContextSource] | None] = None
    """Only these can be mentioned, whatever `enable_context` says. None: all of the site, if that is true."""

    profile: ClassVar[ChatConfig | None] = None
    """The configuration of a PyWry chat. What the class declares itself wins over it."""

    _names: tuple[str, ...]
    _frozen = False

    def __init__(self) -> None:
        cls = type(self)
        words = re.findall(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z]+", cls.__name__)
        self.slug = cls.slug or "-".join(words).lower()  # type: ignore[misc]  # resolved once, then frozen
        self.title = cls.title or " ".join(words)  # type: ignore[misc]
        if cls.placeholder is None:
            self.placeholder = format_lazy(_("Message {title}…"), title=self.title)  # type: ignore[misc, assignment]
        where = f"{cls.__module__}.{cls.__qualname__}"
        for name, value in (cls.profile.get_attributes() if cls.profile else {}).items():
            if getattr(cls, name) == getattr(Assistant, name):
                setattr(self, name, value)
        if not _SLUG.match(self.slug):
            raise ValueError(
                f"Assistant slug {self.slug!r} is not usable; use lowercase letters, digits and hyphens ({where}.slug)"
            )
        for name, known in _CHOICES.items():
            if (chosen := getattr(cls, name)) not in known:
                choices = ", ".join(filter(None, known))
                raise ValueError(f"{name} {chosen!r} is not known; known are {choices} ({where})")
        for name in _POSITIVE:
            if (number := getattr(cls, name)) is not None and not number > 0:
                raise ValueError(f"{name} must be more than 0, or None, not {number!r} ({where})")
        if cls.icon:
            check_icon(cls.icon, f" ({where}.icon)")
        if cls.send_icon:
            check_icon(cls.send_icon, f" ({where}.send_icon)")
        _name(self.tools, Tool, where)
        read_declared(self.attachments, f"{where}.attachments")
        self.check_settings(where)
        _name(self.commands, Command, where)
        unknown = set(cls.builtin_commands or ()) - BUILT_IN.keys()
        if unknown:
            raise ValueError(f"{where}.builtin_commands has {sorted(unknown)}; there are {', '.join(BUILT_IN)}")
        self._names = handlers.check_arguments(self.respond, where)
        greetings.as_greeting(self.greeting, f"{where}.greeting")
        greetings.check_startup(self.startup_messages, f"{where}.startup_messages")
        self._frozen = True

    def __setattr__(self, name: str, value: Any) -> None:
        if self._frozen:
            raise AttributeError(
                f"{type(self).__qualname__}.{name} cannot be set: one instance answers everybody, so this would leak "
                "between people. Keep it in a local variable, or on the thread."
            )
        super().__setattr__(name, value)

    def __repr__(self) -> str:
        return f"<{type(self).__qualname__} {self.slug!r}>"

    def get_while_running(self) -> WhileRunning:
        """What becomes of a message that is sent during an answer: its own rule, or the site's."""
        return self.while_running or settings.WHILE_RUNNING

    def get_on_error(self) -> OnError:
        """What a person sees when an answer fails: its own rule, or the site's."""
        return self.on_error or settings.ERRORS

    def get_max_chars(self) -> int:
        """Longest message: its own rule, and never more than the site's."""
        return min(self.max_chars or settings.MAX_MESSAGE_CHARS, settings.MAX_MESSAGE_CHARS)

    def get_disabled(self, user: Any) -> bool | str:
        """Whether this person can send nothing now, or why; see `disabled`. Asked for each page and each message."""
        return self.disabled

    def get_greeting(self, user: Any) -> Any:
        """What a new chat of this person shows; see `greeting`."""
        return self.greeting

    def load_greeting(self, user: Any) -> Greeting | None:
        """What get_greeting gives, as a Greeting; None for none, and where startup messages stand in its place."""
        if self.startup_messages:
            return None
        return greetings.as_greeting(self.get_greeting(user), f"{type(self).__qualname__}.get_greeting()")

    def get_suggestions(self, user: Any) -> Sequence[str | tuple[str, str] | Suggestion]:
        """The cards of a new chat of this person."""
        return self.suggestions

    def get_prompts(self, user: Any) -> Sequence[str | tuple[str, str] | Suggestion]:
        """The menu beside the message box of this person."""
        return self.prompts

    def get_attachments(self, user: Any) -> Declared:
        """Which files this person can send; see `attachments`."""
        return self.attachments

    def load_accepted(self, user: Any) -> Accepted | None:
        """What get_attachments gives, as the kinds that it means; None if this person can send no file."""
        if not settings.MAX_ATTACHMENTS:
            return None
        return read_declared(self.get_attachments(user), f"{type(self).__qualname__}.get_attachments()")

    def get_commands(self, user: Any) -> Sequence[Command]:
        """The slash commands of its own for this person; see `commands`."""
        return self.commands

    def list_commands(self, user: Any) -> dict[str, Command]:
        """All that there is for this person, by name: built in, the site's, its own. The policy has not been asked."""
        allowed = settings.BUILTIN_COMMANDS if self.builtin_commands is None else self.builtin_commands
        built_in = {name: command for name, command in BUILT_IN.items() if name in allowed}
        own = _name(self.get_commands(user), Command, type(self).__qualname__)
        return {**built_in, **{command.name: command for command in get_commands()}, **own}

    def get_context_sources(self, user: Any) -> Sequence[ContextSource]:
        """What this person can mention, as far as the sources themselves allow it."""
        if self.context_sources is not None:
            return self.context_sources
        return get_sources() if self.enable_context else ()

    async def load_context_sources(self, user: Any) -> Sequence[ContextSource]:
        """What get_context_sources gives; without a detour through a thread if nobody overrode it."""
        if type(self).get_context_sources is Assistant.get_context_sources:
            return self.get_context_sources(user)
        given: Sequence[ContextSource] = await handlers.call(self.get_context_sources, user)
        return given

    def get_instructions(self, turn: Turn) -> str:
        """What the model is told before this conversation. May be a coroutine function."""
        return self.instructions

    async def load_instructions(self, turn: Turn) -> str:
        """What get_instructions gives, whatever its colour, and what `model_suggestions`, `retriever` and `/system`
        add.

        Without a detour through a thread if nobody overrode it.
        """
        if type(self).get_instructions is Assistant.get_instructions:
            instructions = self.instructions
        else:
            instructions = str(await handlers.call(self.get_instructions, turn))
        asked = (
            prompts.SUGGESTIONS if self.model_suggestions else "",
            prompts.CITATIONS if self.retriever is not None else "",
        )
        return "\n\n".join(filter(None, (instructions, *asked, str(turn.settings.get("system") or ""))))

    def get_tools(self, turn: Turn) -> Sequence[Tool]:
        """What the model may call in this conversation. May be a coroutine function."""
        return self.tools

    async def load_tools(self, turn: Turn) -> dict[str, Tool]:
        """What get_tools gives, whatever its colour, by name. Raises as a declaration with such tools would."""
        given = self.tools
        if type(self).get_tools is not Assistant.get_tools:
            given = await handlers.call(self.get_tools, turn)
        return _name(given, Tool, type(self).__qualname__)

    def list_suggestions(self, user: Any) -> list[Suggestion]:
        """What get_suggestions gives, each as a Suggestion."""
        return [as_suggestion(item) for item in self.get_suggestions(user)]

    def list_prompts(self, user: Any) -> list[Suggestion]:
        """What get_prompts gives, each as a Suggestion, and then what staff keep for this person in the prompt library.

        Called in the database thread.
        """
        return [*map(as_suggestion, self.get_prompts(user)), *prompts.list_shared(self, user)]

    def respond(self, turn: Turn) -> Any:
        """Answer: give, yield or return strings, parts and events. Any shape of function will do.

        Without an override, the model answers.
        """
        return turn.stream()

    def check(self) -> list[str]:
        """What is wrong with the declaration, one sentence each; the system check chatapp.E005 shows them."""
        declared: Mapping[str, Sequence[object]] = {"suggestion": self.suggestions, "prompt": self.prompts}
        blank = [] if str(self.placeholder).strip() else ["placeholder is blank; write a hint, or leave it out"]
        return blank + [
            f"{name} {item!r} is neither a text, a (title, text) pair nor a chatapp.Suggestion"
            for name, items in declared.items()
            for item in items
            if not (isinstance(item, str | Suggestion) or (isinstance(item, tuple) and len(item) == 2))
        ]

    def answer(self, turn: Turn) -> Any:
        """What `respond` says to this turn, as an async generator; see handlers.iterate."""
        if type(self).respond is Assistant.respond:
            return turn.stream()  # Nobody overrode it: the same without a detour through a thread.
        return handlers.iterate(self.respond, handlers.get_values(self._names, turn))

    async def greet(self, turn: Turn) -> AsyncGenerator[Any, None]:
        """What a greeting that is made says to this turn, which has no messages; see greetings.say."""
        # get_greeting may use the ORM, as it does for a page.
        greeting = await handlers.call(self.load_greeting, turn.user)
        if greeting is not None:
            async with aclosing(greetings.say(greeting, turn)) as said:
                async for item in said:
                    yield item


def _name(items: Sequence[_Named], kind: type[_Named], where: str) -> dict[str, _Named]:
    """These tools or commands by name. Raises TypeError for what is none, ValueError for two of one name."""
    noun = kind.__name__.lower()
    named: dict[str, _Named] = {}
    for item in items:
        if not isinstance(item, kind):
            raise TypeError(f"{where}.{noun}s has {item!r}, which is no {noun}; declare it with @chatapp.{noun}")
        if item.name in named:
            raise ValueError(
                f"{where}.{noun}s has two {noun}s of the name {item.name!r}; give one of them another name"
            )
        named[item.name] = item
    return named
