"""The typed pieces of a message, and the open registry that finds them by `kind`.

A part is a value: frozen, equal by content, stored as JSON with its `kind`. Its look is the template
`chatapp/parts/<kind>.html`. A kind that nobody registered (its app was removed, or the row is newer than the code)
loads as `UnknownPart`, which keeps the stored data as it was and shows a neutral box.
"""

from collections.abc import Iterable, Mapping, Sequence
from html import unescape
from types import MappingProxyType
from typing import Any, ClassVar, Final, Literal, TypeVar

from django.utils.html import strip_tags
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

PartType = TypeVar("PartType", bound="type[Part]")

_registry: dict[str, type["Part"]] = {}

STORED: Final[Mapping[str, Any]] = MappingProxyType({})
"""Context of a validation whose data were a part before: what only server code may say was checked then."""


class Part(BaseModel):
    """One typed piece of a message. Subclass it, give it a `kind`, and decorate it with `@chatapp.part`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: ClassVar[str] = ""
    """Name of the kind in the database and of its template. Never changes once rows exist."""

    streams: ClassVar[bool] = False
    """Whether the part has a `text` that may grow by deltas."""

    @property
    def template_name(self) -> str:
        """The one template of this kind, for page, stream, share page and admin."""
        return f"chatapp/parts/{self.kind}.html"

    @property
    def plain(self) -> str:
        """What the part says, for search and copying. Empty: nothing that was said."""
        return ""

    @property
    def model_text(self) -> str:
        """What the model gets of the part with the next question: what it says, unless a kind knows better."""
        return self.plain

    @property
    def shared(self) -> "Part | None":
        """What others see of it in a conversation that is shared. None: nothing, unless a kind says so."""
        return None

    def dump(self) -> dict[str, Any]:
        """The JSON that `load_part` reads back."""
        return {"kind": self.kind, **self.model_dump(mode="json")}


def part(cls: PartType) -> PartType:
    """Register a kind of part (class decorator).

    Raises ValueError if the class has no kind or another class has it already.
    """
    if not cls.kind:
        raise ValueError(f'{cls.__qualname__} has no kind; write kind = "…" in the class body')
    known = _registry.setdefault(cls.kind, cls)
    if known is not cls and known.__qualname__ != cls.__qualname__:
        raise ValueError(f"part kind {cls.kind!r} of {cls.__qualname__} is taken by {known.__qualname__}")
    return cls


def get_kinds() -> list[type[Part]]:
    """The kinds of parts that are registered, in order of registration."""
    return list(_registry.values())


@part
class TextPart(Part):
    """Markdown that was said."""

    kind = "text"
    streams = True

    text: str = ""

    @property
    def plain(self) -> str:
        return self.text

    @property
    def shared(self) -> Part:
        return self


@part
class ThinkingPart(Part):
    """What the model thought before it answered. Shown folded, never sent back to the model."""

    kind = "thinking"
    streams = True

    text: str = ""
    seconds: float | None = None
    """How long it thought; None while it still does, or when nobody measured."""


@part
class NoticePart(Part):
    """A line about the answer that is not part of it: cut off at the length limit, withheld by a filter."""

    kind = "notice"

    code: str
    message: str

    @property
    def shared(self) -> Part:
        return self


@part
class ErrorPart(Part):
    """The answer failed here. `message` is fit for the person; staff find the cause under `reference`."""

    kind = "error"

    code: str
    message: str
    reference: str = ""
    display: Literal["bubble", "toast"] = "bubble"
    """toast: it was shown in a note, and not here."""

    @property
    def shared(self) -> Part:
        return self.model_copy(update={"reference": ""})


@part
class HtmlPart(Part):
    """HTML from the site's own code: what `mark_safe` or `format_html` made, or what a library draws for notebooks.

    Only code can make one: a model's HTML is text.
    """

    kind = "html"

    html: str
    trusted: bool = False
    """Shown as it is, forms and htmx included. False: only what the sanitiser leaves of it."""

    @property
    def plain(self) -> str:
        return " ".join(unescape(strip_tags(self.html)).split())

    @property
    def shared(self) -> Part:
        return self.model_copy(update={"trusted": False})  # its forms are for the person


@part
class RawPart(Part):
    """What a stream outside of chats says that is no Markdown: text as it is, or HTML that is sanitised."""

    kind = "raw"
    streams = True

    text: str = ""
    content_type: Literal["text", "html"] = "text"

    @property
    def plain(self) -> str:
        return self.text if self.content_type == "text" else " ".join(unescape(strip_tags(self.text)).split())

    @property
    def shared(self) -> Part:
        return self


@part
class TemplatePart(Part):
    """A template of the site, drawn anew each time the message is: forms and htmx in it work, live and after a reload.

    `context` is stored with the message, so it is JSON: give ids, and let the template or its views fetch the rest.
    """

    kind = "template"

    template: str
    """Name of the template."""

    context: Mapping[str, JsonValue] = {}

    text: str = ""
    """What it says in words, for search, for copying and for the model."""

    @property
    def plain(self) -> str:
        return self.text

    @property
    def shared(self) -> Part | None:
        return TextPart(text=self.text) if self.text else None


class UnknownPart(Part):
    """A stored part whose kind is not registered here, kept as it was."""

    kind = "unknown"

    data: Mapping[str, Any]

    def dump(self) -> dict[str, Any]:
        return dict(self.data)


def load_part(data: Mapping[str, Any]) -> Part:
    """The part that was stored as `data`; UnknownPart for a kind or fields nobody knows.

    Never raises for stored data. For rows of our own database only: what they say is trusted; see make_part.
    """
    cls = _registry.get(str(data.get("kind", "")))
    if cls is None:
        return UnknownPart(data=dict(data))
    try:
        return cls.model_validate({key: value for key, value in data.items() if key != "kind"}, context=STORED)
    except ValidationError:
        return UnknownPart(data=dict(data))


def make_part(data: Mapping[str, Any]) -> Part:
    """The part in dict form, {"kind": …, and its fields}; UnknownPart for a kind that nobody knows.

    Raises ValidationError for wrong fields. Nothing in it is trusted more than if the class had been called.
    """
    cls = _registry.get(str(data.get("kind", "")))
    if cls is None:
        return UnknownPart(data=dict(data))
    return cls.model_validate({key: value for key, value in data.items() if key != "kind"})


def load_parts(rows: Iterable[Mapping[str, Any]]) -> list[Part]:
    """See load_part."""
    return [load_part(row) for row in rows]


def plain_text(parts: Sequence[Part]) -> str:
    """What the parts say, without thinking, errors and notices; parts are separated by a blank line."""
    return "\n\n".join(text for text in (part.plain for part in parts) if text)


def text_for_model(parts: Sequence[Part]) -> str:
    """What the model gets of the parts; parts are separated by a blank line."""
    return "\n\n".join(text for text in (part.model_text for part in parts) if text)
