"""What an assistant does beside talking: tools that it calls, and sources that it names.

A tool call is one part from beginning to end: `ToolCall` opens its row, `ToolProgress` says how far it is, and
`ToolResult` fills the same row, found by `tool_id`. What the model gets (`result`) and what people see (`display`) may
differ.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, ClassVar, Final, Literal, Self
from uuid import uuid4

from django.utils.safestring import SafeData
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import to_json

from chatapp.parts import STORED, Part, TextPart, load_parts, make_part, part

PREVIEW_CHARS: Final = 200
"""Longer results are shown by their beginning until somebody opens them."""

ToolState = Literal["running", "done", "failed", "denied", "stopped", "unknown"]
"""stopped: it was ended before it gave anything; unknown: its process died, and what it did meanwhile nobody knows."""

_NOT_IN_A_ROW: Final = frozenset({"tool", "question", "approval"})

_WEB_ADDRESS = re.compile(r"https?://[^\s/\\?#@\x00-\x1f\x7f]+(?:[/?#][^\s\\\x00-\x1f\x7f]*)?", re.IGNORECASE)


def make_tool_id() -> str:
    """An id for a call that came without one."""
    return f"call_{uuid4().hex[:8]}"


def _to_json(value: Any) -> Any:
    # By way of the text: NaN is no JSON, databases refuse it, and the other function leaves it in.
    return json.loads(to_json(value, fallback=str, inf_nan_mode="null", bytes_mode="base64"))


class ToolDisplay(BaseModel):
    """How the result of a tool is shown. Of `html`, `markdown`, `text` and `parts` the first that is set is shown; an
    error before all of them, the plain result after them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = ""
    """In place of the call's title, once the result is there."""

    icon: str = ""
    """Name of an icon, in place of the call's."""

    preview: str = ""
    """A few words beside the title: what came out of it."""

    show_request: bool = True
    """Whether the arguments are shown."""

    open: bool = False
    """Whether the row is open from the start."""

    full_screen: bool = False
    """Whether there is a button that shows it on the whole screen."""

    html: str = ""
    """Trusted HTML of the site's own: a SafeString (`format_html`, `render_to_string`). Shown as it is."""

    markdown: str = ""
    text: str = ""
    footer: str = ""
    """A line under the result, as plain text."""

    parts: tuple[dict[str, Any], ...] = ()
    """Parts of any kind but tools and questions, one below the other: `parts=[chatapp.ImageArtifact(…), "text"]`."""

    @field_validator("parts", mode="before")
    @classmethod
    def _store_parts(cls, parts: Any, info: ValidationInfo) -> Any:
        """Parts as they are stored; a string is Markdown."""
        if info.context is STORED:
            return parts
        found = [_as_part(part) for part in parts]
        for inner in found:
            if inner.kind in _NOT_IN_A_ROW:
                raise ValueError(f"a part of kind {inner.kind!r} cannot stand in the row of a tool; yield it beside")
        return tuple(inner.dump() for inner in found)

    def load_parts(self) -> list[Part]:
        """The parts again."""
        return load_parts(self.parts)

    @field_validator("html", mode="before")
    @classmethod
    def _check_trust(cls, html: Any, info: ValidationInfo) -> Any:
        """What was stored was trusted when it was said; a plain string may have come from a model."""
        if html and not isinstance(html, SafeData) and info.context is not STORED:
            raise ValueError(
                f"html must be a SafeString (format_html, render_to_string), not {type(html).__name__}; "
                "use markdown or text for what is not trusted"
            )
        return html


def _as_part(value: Any) -> Part:
    if isinstance(value, Part):
        return value
    return TextPart(text=value) if isinstance(value, str) else make_part(value)


@part
class ToolCallPart(Part):
    """A tool that was called, from the call to its result: one row that is filled in place."""

    kind: ClassVar[str] = "tool"

    tool_id: str = Field(default_factory=make_tool_id, max_length=200)
    """Joins a result to its call. Made up if absent."""

    name: str = ""
    """Name of the tool. Empty: a result whose call is not known."""

    arguments: dict[str, Any] = {}
    title: str = ""
    """What people read in place of the name."""

    icon: str = ""
    """Name of an icon."""

    round: int = 0
    """Which request of the model for tools within its answer it belongs to, from 1. 0: the model did not ask for it."""

    state: ToolState = "running"
    progress: str = ""
    """How far it is, while it runs."""

    result: Any = None
    """What the model gets."""

    display: ToolDisplay | None = None
    """What people see in place of it."""

    @field_validator("tool_id", mode="before")
    @classmethod
    def _make_tool_id(cls, tool_id: Any) -> Any:
        return tool_id or make_tool_id()

    @field_validator("arguments", mode="before")
    @classmethod
    def _store_arguments(cls, arguments: Any) -> Any:
        return _to_json(arguments) if isinstance(arguments, Mapping) else arguments

    @field_validator("result", mode="before")
    @classmethod
    def _store_result(cls, result: Any) -> Any:
        return _to_json(result)

    @property
    def shared(self) -> Part:
        """That it was called, and how that ended; never with what, and what came of it."""
        state: ToolState = "stopped" if self.state == "running" else self.state
        return ToolCallPart(tool_id=self.tool_id, name=self.name, title=self.shown_title, icon=self.icon, state=state)

    @property
    def shown_title(self) -> str:
        """The result's title once it is there, else the call's, else the name."""
        return (self.display.title if self.display else "") or self.title or self.name

    @property
    def shown_icon(self) -> str:
        """The result's icon once it is there, else the call's."""
        return (self.display.icon if self.display else "") or self.icon or "tool"

    @property
    def intent(self) -> str:
        """Why it is called, if the model says so in the argument `_intent`."""
        intent = self.arguments.get("_intent", "")
        return intent if isinstance(intent, str) else ""

    @property
    def arguments_text(self) -> str:
        """The arguments as indented JSON; empty if there are none."""
        shown = {name: value for name, value in self.arguments.items() if name != "_intent"}
        return write_json(shown) if shown else ""

    @property
    def result_text(self) -> str:
        """The result as text: itself, or indented JSON."""
        if self.result is None or isinstance(self.result, str):
            return self.result or ""
        return write_json(self.result)


def write_json(value: Any) -> str:
    """Indented JSON for people."""
    # Sorted: PostgreSQL keeps no order of keys, and what was streamed is what a reload shows.
    text = json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True)
    # What turns the direction of writing shows something else than there is: people decide by what they read.
    return re.sub("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]", lambda found: f"\\u{ord(found[0]):04x}", text)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A tool is called: its row opens. An id that is running already replaces that row."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    tool_id: str = ""
    """Made up if absent; then read it here for the result."""

    title: str = ""
    icon: str = ""
    round: int = 0
    """See ToolCallPart.round."""

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("ToolCall has no name; say which tool is called")
        object.__setattr__(self, "tool_id", self.tool_id or make_tool_id())
        self.to_part()

    def to_part(self) -> ToolCallPart:
        """The row while it runs."""
        return ToolCallPart(
            tool_id=self.tool_id,
            name=self.name,
            arguments=dict(self.arguments),
            title=self.title,
            icon=self.icon,
            round=self.round,
        )


@dataclass(frozen=True, slots=True)
class ToolProgress:
    """How far the tool with this id is, in a few words; replaces what was said before."""

    tool_id: str
    text: str
    display: ToolDisplay | None = None
    """What its row shows meanwhile, in place of what it showed before. None: that stays."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool gave. Fills the row of its call; with an id that nobody called it is a row of its own.

    A tool (`@chatapp.tool`) gives one back without an id: it is about its own call.
    """

    result: Any = None
    """What the model gets."""

    _: KW_ONLY
    tool_id: str = ""
    is_error: bool = False
    is_denied: bool = False
    """It was not run, because somebody said so."""

    display: ToolDisplay | None = None

    def __post_init__(self) -> None:
        self.fill(ToolCallPart(tool_id=self.tool_id))  # What it cannot be is said where it is made.

    def fill(self, call: ToolCallPart) -> ToolCallPart:
        """The row of this call with the result in it."""
        return ToolCallPart(
            tool_id=call.tool_id,
            name=call.name,
            arguments=call.arguments,
            title=call.title,
            icon=call.icon,
            round=call.round,
            state="denied" if self.is_denied else "failed" if self.is_error else "done",
            result=self.result,
            display=self.display,
        )


def settle(part: Part, *, is_lost: bool = False) -> Part:
    """The part of an answer that has ended: a tool that never answered does not run any more.

    `is_lost`: its process died, so that a tool which the model had called may have run, and nobody knows.
    """
    if isinstance(part, ToolCallPart) and part.state == "running":
        state = "unknown" if is_lost and part.round else "stopped"
        return part.model_copy(update={"state": state, "progress": "", "display": None})
    return part


@part
class CitationPart(Part):
    """A source, as a link. Several in a row are one row of sources."""

    kind: ClassVar[str] = "citation"

    url: str = ""
    """An address of the web, or a path of this site. Empty: it is no link, and needs a title."""

    title: str = ""
    number: int = Field(0, ge=0)
    """What the text calls it, as in [2]. 0: sources in a row are counted."""

    snippet: str = ""
    """The words of the source."""

    grounded_text: str = ""
    """The words of the answer that it proves; marked where they stand exactly so in the text before."""

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        is_path = url.startswith("/") and not re.search(r"^//|[\s\\\x00-\x1f\x7f]", url)
        if url and not is_path and not _WEB_ADDRESS.fullmatch(url):
            raise ValueError("url must begin with https://, http:// or one / and have no blanks in it")
        return url

    @model_validator(mode="after")
    def _check_label(self) -> Self:
        if not self.label:
            raise ValueError("url must begin with https://, http:// or one /; only with a title there may be none")
        return self

    @property
    def shared(self) -> Part | None:
        # A path leads into the site, and what has no address at all is of the site.
        return self if _WEB_ADDRESS.fullmatch(self.url) else None

    @property
    def label(self) -> str:
        """What the link says."""
        return self.title or self.url
