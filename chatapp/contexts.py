"""Context sources: what a site knows and people mention with "@" in a message, as text for the model.

    @chatapp.context_source("sales", "Sales data")
    def sales(user) -> str:
        return write_table(Sale.objects.for_user(user))

The text is made when the message is sent, by the server, for that person. It is stored with the message as a
ContextPart, which people see as a small row and the model gets between two marks. A source with `always` is given to
the model with every question instead, and shown to nobody.
"""

import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from django.utils.translation import gettext as _

from chatapp import handlers
from chatapp.errors import Refused, VisibleError
from chatapp.parts import Part, part
from chatapp.scrubbing import scrub

logger = logging.getLogger("chatapp.contexts")

MAX_CHARS: Final = 100_000
"""How much of the text of a source is taken; the rest is cut off, with a note."""

_ID: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_ARGUMENTS: Final = ("turn", "user")

_sources: dict[str, "ContextSource"] = {}


@part
class ContextPart(Part):
    """What a person mentioned in a question: the model gets `text`, people see the name."""

    kind: ClassVar[str] = "context"

    source: str
    """Id of the source."""

    name: str
    text: str = ""

    @property
    def model_text(self) -> str:
        return write_context(self)


def write_context(given: ContextPart) -> str:
    """The text with a line that names the source, between marks that do not stand in it."""
    end = "--- end of context ---"
    text = given.text.replace(end, end.replace("-", "‐")).strip()
    return f"--- context: {given.name} (source: {given.source}) ---\n{text}\n{end}"


@dataclass(frozen=True, kw_only=True)
class ContextSource:
    """Something that can be mentioned; what `@chatapp.context_source` makes. Calling it calls its function."""

    id: str
    """What names it in messages and to the model."""

    name: str
    """What people read."""

    function: Callable[..., Any]
    description: str = ""
    always: bool = False
    """Whether the model gets it with every question, unseen. Else only if it is mentioned."""

    allowed: Callable[[Any], Any] | None = None
    """Whether this user may have it. None: everybody who may use the assistant."""

    names: tuple[str, ...] = ()
    """The arguments of its function."""

    do_not_call_in_templates: ClassVar[bool] = True
    """For Django, whose templates call whatever can be called."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    async def allows(self, user: Any) -> bool:
        """Whether this user may have it. Raises what the site's function raises."""
        return self.allowed is None or bool(await handlers.call(self.allowed, user))

    async def read(self, turn: Any) -> ContextPart:
        """What it says now, to the user of this turn. Raises what the site's function raises."""
        text = await handlers.call(self.function, **handlers.get_values(self.names, turn))
        text = scrub("" if text is None else str(text))
        if len(text) > MAX_CHARS:
            text = f"{text[:MAX_CHARS]}\n… ({len(text) - MAX_CHARS} more characters were cut off)"
        return ContextPart(source=self.id, name=self.name, text=text)

    def remove(self) -> None:
        """Take it away from the site again; if another one has its id by now, nothing happens."""
        if _sources.get(self.id) is self:
            del _sources[self.id]


def context_source(
    id: str,
    name: str = "",
    *,
    always: bool = False,
    allows: Callable[[Any], Any] | None = None,
    description: str = "",
    force: bool = False,
) -> Callable[[Callable[..., Any]], ContextSource]:
    """Register a function as something that can be mentioned, by the assistants that allow it (decorator).

    The function takes `user`, `turn`, both or nothing, is sync or async, and returns text. `allows(user)` says who may
    have it. Raises ValueError for an id that is taken (unless `force`) or not usable, TypeError for other arguments.
    """
    if not _ID.fullmatch(id):
        raise ValueError(f"the context source {id!r} is not usable; use up to 64 letters, digits, _, . and -")

    def register(function: Callable[..., Any]) -> ContextSource:
        where = f"{function.__module__}.{function.__qualname__}"
        source = ContextSource(
            id=id,
            name=name or id,
            function=function,
            description=description,
            always=always,
            allowed=allows,
            names=handlers.check_arguments(function, where, known=_ARGUMENTS, name=function.__name__),
        )
        taken = _sources.get(id)
        if taken is not None and not force and f"{taken.function.__module__}.{taken.function.__qualname__}" != where:
            raise ValueError(f"the context source {id!r} is there already; give it another id, or force=True")
        _sources[id] = source
        return source

    return register


def get_sources() -> list[ContextSource]:
    """Those of the site, in order of registration."""
    return list(_sources.values())


async def list_allowed(sources: Iterable[ContextSource], user: Any) -> list[ContextSource]:
    """Those of the sources that this user may have. One that cannot say so is left out, and the log says why."""
    allowed = []
    for source in sources:
        try:
            if await source.allows(user):
                allowed.append(source)
        except Exception:
            logger.exception("whether the context source %s is allowed is not known", source.id)
    return allowed


async def read_mentioned(sources: Iterable[ContextSource], ids: Sequence[str], turn: Any) -> list[ContextPart]:
    """What the sources of these ids say now, each once, in this order.

    Raises Refused: there is none of this id for the user of the turn, or it failed (422).
    """
    wanted = list(dict.fromkeys(ids))
    allowed = {source.id: source for source in await list_allowed([s for s in sources if s.id in wanted], turn.user)}
    given = []
    for id in wanted:
        if id not in allowed:
            raise Refused("no_context", _("What you mentioned is not there any more: %(name)s.") % {"name": id[:64]})
        try:
            given.append(await allowed[id].read(turn))
        except VisibleError as error:
            raise Refused("context_failed", str(error)) from error
        except Exception as error:
            logger.exception("the context source %s failed", id)
            sentence = _("%(name)s could not be read. Please try again, or take it away.")
            raise Refused("context_failed", sentence % {"name": allowed[id].name}) from error
    return given


async def read_silent(sources: Sequence[ContextSource], turn: Any) -> list[ContextPart]:
    """What the sources with `always` say to this turn, without those that the question mentions itself.

    One that fails is left out, and the log says why: nobody asked for it.
    """
    question = turn.messages[-1].parts if turn.messages else ()
    mentioned = {part.source for part in question if isinstance(part, ContextPart)}
    wanted = [source for source in sources if source.always and source.id not in mentioned]
    given = []
    for source in await list_allowed(wanted, turn.user):
        try:
            given.append(await source.read(turn))
        except Exception:
            logger.exception("the context source %s failed", source.id)
    return given


def add_context(messages: list[dict[str, Any]], given: Sequence[ContextPart]) -> list[dict[str, Any]]:
    """The messages for a model with this before the last question of the person."""
    return add_before_question(messages, "\n\n".join(part.model_text for part in given))


def add_before_question(messages: list[dict[str, Any]], block: str) -> list[dict[str, Any]]:
    """The messages for a model with this text before the last question of the person."""
    places = [place for place, message in enumerate(messages) if message["role"] == "user"]
    if not block or not places:
        return messages
    return put_before(messages, places[-1], block)


def put_before(messages: Sequence[Mapping[str, Any]], place: int, text: str) -> list[dict[str, Any]]:
    """The messages for a model with this before what is said at `place`, as part of that message: some servers refuse
    two of one role in a row."""
    message = messages[place]
    content = message["content"]
    added = [{"type": "text", "text": text}, *content] if isinstance(content, list) else f"{text}\n\n{content}"
    return [*map(dict, messages[:place]), {**message, "content": added}, *map(dict, messages[place + 1 :])]
