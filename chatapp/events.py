"""What a run says while it speaks.

Three events carry the message: a part starts, receives deltas, ends. A bare `str` is a delta of the open text part, and
a bare `Part` a part that starts and ends at once, so most assistants never name an event. The others tell about the
run.
"""

from dataclasses import dataclass
from typing import Literal

from chatapp.activity import ToolCall, ToolProgress, ToolResult
from chatapp.icons import to_stored
from chatapp.parts import Part
from chatapp.todos import TodoUpdate

FinishReason = Literal["stop", "length", "filtered", "tool_calls"]


@dataclass(frozen=True, slots=True)
class PartStart:
    """A part opens. A second start with a `key` already used replaces that part in place."""

    part: Part
    key: str | None = None


@dataclass(frozen=True, slots=True)
class PartDelta:
    """More text for the open part, or for the part with this `key`."""

    text: str
    key: str | None = None


@dataclass(frozen=True, slots=True)
class PartEnd:
    """The open part is complete; text that follows begins a new one."""

    key: str | None = None


@dataclass(frozen=True, eq=False)
class Mark:
    """Where the message stands now. Each mark is its own."""


@dataclass(frozen=True, slots=True)
class Rewind:
    """Everything that was said since this mark is taken back; the message goes on from there.

    What stood before the mark stays as it is, also where it was changed in place since.
    """

    mark: Mark


@dataclass(frozen=True, slots=True)
class ThinkingDelta:
    """More of what the model thinks before it answers. Opens a thinking part if none is open."""

    text: str


@dataclass(frozen=True, slots=True)
class Status:
    """A line that says what is being done now; it replaces the one before and goes away when text comes."""

    text: str


@dataclass(frozen=True, slots=True)
class Icon:
    """The icon beside this message, in place of the assistant's. Raises ValueError for a name that nobody knows."""

    name: str | Literal[False]
    """See chatapp.icons; False is none, "" the assistant's again."""

    def __post_init__(self) -> None:
        to_stored(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a provider call cost, in tokens, as the provider counted. 0: it did not say."""

    input_tokens: int = 0
    output_tokens: int = 0

    cached_tokens: int = 0
    """Of the input: what the provider still knew from an earlier request."""

    reasoning_tokens: int = 0
    """Of the output: what the model thought and did not say."""

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
        )


@dataclass(frozen=True, slots=True)
class Finish:
    """The provider said that it has finished. Without this a stream was cut off, however it ended."""

    reason: FinishReason = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCall:
    """The model wants a tool to be called. Comes before Finish, and only if the model has finished asking for it."""

    name: str
    arguments: str = "{}"
    """JSON as the model wrote it, which may be none."""

    id: str = ""
    """The provider's own; empty, or the same for two calls, if it is careless."""


Delta = str | ThinkingDelta | ModelCall | Usage | Finish
"""What a provider yields."""

Event = (
    PartStart
    | PartDelta
    | PartEnd
    | Mark
    | Rewind
    | ThinkingDelta
    | Status
    | Icon
    | Usage
    | Finish
    | ToolCall
    | ToolProgress
    | ToolResult
    | TodoUpdate
)
