"""What an agent of another library does, written down as we do it: each request to a model, each call of a tool."""

import time
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext as _

from chatapp.activity import ToolCall, ToolProgress, ToolResult, make_tool_id
from chatapp.events import FinishReason, Usage
from chatapp.providers.metering import ProviderCall
from chatapp.scrubbing import scrub, scrub_value
from chatapp.toolloop import bound

if TYPE_CHECKING:
    from chatapp.turn import Turn

_FINISHES: Final[Mapping[str, FinishReason]] = {
    "length": "length",
    "max_tokens": "length",
    "content_filter": "filtered",
    "safety": "filtered",
    "refusal": "filtered",
    "tool_call": "tool_calls",
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
}


def read_finish(reason: object) -> FinishReason:
    """What a library or a vendor calls the end of a response, in our word; what nobody knows is an ordinary end."""
    return _FINISHES.get(str(reason or "").lower(), "stop")


@dataclass(slots=True, kw_only=True)
class _Request:
    """A request that is under way."""

    provider: str
    model: str
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    began: float = field(default_factory=time.monotonic)
    first_token_seconds: float | None = None


class Requests:
    """The requests that a library makes to models for one turn; the turn's ledger hears of each."""

    def __init__(self, turn: "Turn", alias: str) -> None:
        self.usage = Usage()
        """Of those that have ended, together."""

        self.finish: FinishReason = "stop"
        """How the last one ended."""

        self._turn = turn
        self._alias = alias
        self._open: dict[Hashable, _Request] = {}

    def begin(self, key: Hashable = None, *, provider: str = "", model: str = "") -> None:
        """A model is asked. `key` tells apart those that are under way at once."""
        self._open[key] = _Request(provider=provider or self._alias, model=model)

    def hear(self, key: Hashable = None) -> None:
        """It says something."""
        request = self._open.get(key)
        if request is not None and request.first_token_seconds is None:
            request.first_token_seconds = time.monotonic() - request.began

    def end(
        self,
        key: Hashable = None,
        *,
        usage: Usage | None = None,
        finish: object = "",
        provider: str = "",
        model: str = "",
    ) -> Usage:
        """It has finished, and says so much of itself; what the turn has used by then."""
        request = self._open.pop(key, None)
        if request is not None:
            self.finish = read_finish(finish)
            request.provider, request.model = provider or request.provider, model or request.model
            self.usage += usage or Usage()
            self._record(request, usage=usage, finish=self.finish)
        return self.usage

    def close(self, error_code: str = "") -> None:
        """Nothing more comes. What has not ended failed for this reason; empty: it was stopped."""
        while self._open:
            self._record(self._open.popitem()[1], error_code=error_code)

    def fail(self, key: Hashable, error_code: str) -> None:
        """This one failed, and the agent may go on."""
        if (request := self._open.pop(key, None)) is not None:
            self._record(request, error_code=error_code)

    def _record(
        self,
        request: _Request,
        *,
        usage: Usage | None = None,
        finish: FinishReason | None = None,
        error_code: str = "",
    ) -> None:
        if self._turn.ledger is None:
            return
        self._turn.ledger.record(
            ProviderCall(
                alias=self._alias,
                provider=request.provider,
                model=request.model,
                kind=self._turn.kind,
                usage=usage,
                started_at=request.started_at,
                first_token_seconds=request.first_token_seconds,
                seconds=time.monotonic() - request.began,
                finish=finish,
                error_code=error_code,
            )
        )


class Rows:
    """The calls of tools of one turn: each becomes a row, and its result fills it.

    Rows keep the ids of the library, so that history gives it back what it said; an id that it uses twice, or that is
    none, is replaced.
    """

    def __init__(self) -> None:
        self._round = 0
        self._used: set[str] = set()
        self._ids: dict[str, str] = {}  # theirs to ours, of the last call that had it
        self._open: set[str] = set()  # theirs, of calls without a result

    def begin_round(self) -> None:
        """A model is asked: what it calls now belongs together."""
        self._round += 1

    def is_open(self, their_id: str) -> bool:
        """Whether this call has a row, and no result."""
        return their_id in self._open

    def get_id(self, their_id: str) -> str:
        """The id of the row of this call."""
        return self._ids.get(their_id) or scrub(their_id)

    def open(self, their_id: str, name: str, arguments: object, *, is_ours: bool = True) -> ToolCall:
        """The row of a call. `is_ours`: it is run here; else by the vendor, and the next request does not say so."""
        tool_id = scrub(their_id)
        if not tool_id or len(tool_id) > 200 or tool_id in self._used:
            tool_id = make_tool_id()
        self._used.add(tool_id)
        self._ids[their_id] = tool_id
        self._open.add(their_id)
        return ToolCall(
            name=scrub(name)[:100] or "?",
            arguments=read_arguments(arguments),
            tool_id=tool_id,
            round=max(self._round, 1) if is_ours else 0,
        )

    def wait(self, their_id: str) -> ToolProgress:
        """The call waits for the person; its row says so."""
        return ToolProgress(self.get_id(their_id), _("Waits to be allowed"))

    def fill(self, their_id: str, value: object, *, is_error: bool = False, is_denied: bool = False) -> ToolResult:
        """What the call gave, no longer than a model may get; a value that is no JSON is its text."""
        tool_id = self.get_id(their_id)
        self._open.discard(their_id)
        try:
            return bound(ToolResult(value, tool_id=tool_id, is_error=is_error, is_denied=is_denied))
        except ValueError:
            return bound(ToolResult(str(value), tool_id=tool_id, is_error=is_error, is_denied=is_denied))


def read_arguments(arguments: object) -> dict[str, Any]:
    """Arguments as they are stored, shown and allowed; what is no object of names and values is none."""
    return scrub_value(dict(arguments)) if isinstance(arguments, Mapping) else {}
