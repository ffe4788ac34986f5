"""What a fault is, and the list that its modules fill."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from chatapp.events import FinishReason

from .exchange import Exchange

Play = Callable[[Exchange], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way to answer, and what must come of it."""

    name: str

    play: Play
    """Answers one request."""

    code: str | None = None
    """Code of the ProviderError in which it ends. None: it ends well."""

    text: str | None = ""
    """What was said and must be kept. None: it depends on the question or has no end."""

    thinking: str = ""
    """What was thought."""

    finish: FinishReason = "stop"
    """How it finishes if it ends well."""

    requests: int = 1
    """How often the provider is asked for one answer."""


FAULTS: Final[dict[str, Fault]] = {}
"""Every fault by its name; filled by importing refusals, streams and breakages."""


def fault(
    name: str,
    *,
    code: str | None = None,
    text: str | None = "",
    thinking: str = "",
    finish: FinishReason = "stop",
    requests: int = 1,
) -> Callable[[Play], Play]:
    """Put a function into FAULTS (decorator)."""

    def register(play: Play) -> Play:
        FAULTS[name] = Fault(
            name=name, play=play, code=code, text=text, thinking=thinking, finish=finish, requests=requests
        )
        return play

    return register
