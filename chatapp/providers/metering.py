"""What each request to a provider took and cost: the one place through which all of them go.

Titles, greetings and rounds of tools are requests like any other. Who asks brings a `Ledger`, which hears of each once,
at its end, however that came.
"""

import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID, uuid4

from chatapp import tracing
from chatapp.errors import ProviderError
from chatapp.events import Delta, Finish, FinishReason, ModelCall, ThinkingDelta, Usage

from .base import ModelRequest, Provider, RequestKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderCall:
    """One request to a provider, as it went."""

    alias: str
    """Of the provider in CHATAPP["PROVIDERS"]; of an agent of another library, what kind of agent it is."""

    provider: str
    """What kind of provider it is; see Provider.name."""

    model: str
    """In the provider's own word."""

    kind: RequestKind = "reply"
    """What the answer was for."""

    usage: Usage | None = None
    """None: the provider did not say."""

    started_at: datetime
    """When it was asked; UTC, by the clock of this process."""

    first_token_seconds: float | None = None
    """From then to the first word or thought. None: none came."""

    seconds: float
    """From then to the end."""

    finish: FinishReason | None = None
    """How it finished, in its own word. None: it did not."""

    error_code: str = ""
    """Why it failed; a key of errors.SENTENCES. Empty: it did not, or it was stopped."""

    id: UUID = field(default_factory=uuid4)
    """Under which it is written down: once, however often that is tried."""


class Ledger(Protocol):
    """Where calls are written down."""

    def record(self, call: ProviderCall) -> None:
        """Called once for each, from the event loop: it does not wait."""
        ...


class Calls(list[ProviderCall]):
    """A ledger that keeps them, in the order in which they ended."""

    def record(self, call: ProviderCall) -> None:
        """See Ledger."""
        self.append(call)


def sum_usage(calls: Sequence[ProviderCall]) -> Usage | None:
    """What these requests took together; those of which the provider said nothing are left out. None: it never did."""
    known = [call.usage for call in calls if call.usage is not None]
    return sum(known, Usage()) if known else None


async def meter(
    provider: Provider, request: ModelRequest, *, alias: str, ledger: Ledger | None
) -> AsyncGenerator[Delta, None]:
    """What the provider says to the request, up to its Finish; the ledger hears how it went.

    Closing this closes the provider's stream. Raises what that raises.
    """
    started_at, began = datetime.now(UTC), time.monotonic()
    first: float | None = None
    usage: Usage | None = None
    finish: FinishReason | None = None
    error_code = ""
    span = tracing.start_chat(provider, request)
    deltas = provider.stream(request)
    try:
        async for delta in deltas:
            if isinstance(delta, str | ThinkingDelta | ModelCall):
                first = time.monotonic() - began if first is None else first
            elif isinstance(delta, Usage):
                usage = delta
            elif isinstance(delta, Finish):
                finish = delta.reason
            yield delta
            if finish is not None:
                return
    except ProviderError as error:
        error_code = error.code
        raise
    finally:
        span.end(usage=usage, finish=finish, first_token_seconds=first, error_code=error_code)
        if isinstance(deltas, AsyncGenerator):
            await deltas.aclose()
        if ledger is not None:
            ledger.record(
                ProviderCall(
                    alias=alias,
                    provider=provider.name,
                    model=request.model or provider.model,
                    kind=request.kind,
                    usage=usage,
                    started_at=started_at,
                    first_token_seconds=first,
                    seconds=time.monotonic() - began,
                    finish=finish,
                    error_code=error_code,
                )
            )
