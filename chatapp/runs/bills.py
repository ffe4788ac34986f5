"""Requests to providers as they are written down: a UsageRecord for each, with its cost by the prices of now.

Sync: called in the database thread, within the transaction of whoever asked.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from chatapp.conf import settings
from chatapp.events import Usage
from chatapp.models import Run, UsageRecord
from chatapp.models.calls import in_database
from chatapp.prices import get_cost
from chatapp.providers.metering import ProviderCall, sum_usage
from chatapp.rendering.figures import Figures, show_money

MAX_COUNT: Final = 2**31 - 1  # of a column of a run
NOTHING: Final = Usage()
MAX_COST: Final = Decimal(10**11)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """Requests to providers, and on whose account they go."""

    calls: Sequence[ProviderCall]
    run_id: UUID | None = None
    thread_id: UUID | None = None

    person_id: Any = None
    """Primary key of who asked."""

    assistant: str = ""
    """Slug of the assistant that asked."""


def store(bills: Iterable[Bill]) -> None:
    """Write these requests down, with one query, or none if nothing was asked. What is there already stays as it is."""
    records = [_to_record(bill, call) for bill in bills for call in bill.calls]
    if records:
        UsageRecord.objects.bulk_create(records, ignore_conflicts=True)


def _to_record(bill: Bill, call: ProviderCall) -> UsageRecord:
    usage, cost = call.usage, _get_cost(call)
    return UsageRecord(
        id=call.id,
        run_id=bill.run_id,
        thread_id=bill.thread_id,
        person_id=bill.person_id,
        assistant=bill.assistant[:64],
        alias=call.alias[:64],
        provider=call.provider[:64],
        model=call.model[:128],
        kind=call.kind,
        input_tokens=_bound(usage.input_tokens) if usage else None,
        cached_tokens=_bound(usage.cached_tokens) if usage else None,
        output_tokens=_bound(usage.output_tokens) if usage else None,
        reasoning_tokens=_bound(usage.reasoning_tokens) if usage else None,
        cost=cost,
        currency=settings.CURRENCY[:16] if cost is not None else "",
        latency_ms=_to_ms(call.seconds),
        first_token_ms=None if call.first_token_seconds is None else _to_ms(call.first_token_seconds),
        finish=call.finish or "",
        error_code=call.error_code[:32],
        created_at=call.started_at,
    )


def sum_up(calls: Sequence[ProviderCall], said: Usage = NOTHING) -> dict[str, Any]:
    """What a run took, as columns of it: the sums over its requests, of which the unknown ones are left out.

    `said` is what the answer itself told of its usage; it counts if no request told.
    """
    known = sum_usage(calls)
    usage = said if known is None else known
    columns: dict[str, Any] = {}
    if known is not None or usage.input_tokens or usage.output_tokens:
        names = ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens")
        columns = {name: _bound(getattr(usage, name)) for name in names}
    costs = [cost for call in calls if (cost := _get_cost(call)) is not None]
    if costs:
        columns["cost"] = sum(costs)
    if calls:
        columns["latency_ms"] = _to_ms(sum(call.seconds for call in calls))
    return columns


def get_figures(run: Run, *, with_cost: bool) -> Figures | None:
    """What this run took, for a page; None if nobody said, or if pages show nothing (CHATAPP["SHOW_USAGE"])."""
    if settings.SHOW_USAGE == "none" or (run.input_tokens is None and run.output_tokens is None):
        return None
    return Figures(
        input_tokens=run.input_tokens,
        cached_tokens=run.cached_tokens,
        output_tokens=run.output_tokens,
        reasoning_tokens=run.reasoning_tokens,
        seconds=None if run.latency_ms is None else run.latency_ms / 1000,
        cost=show_money(run.cost, settings.CURRENCY) if with_cost else "",
    )


def from_answer(said: Usage, *, started_at: datetime, seconds: float) -> ProviderCall:
    """The request that an answer made by itself, past every provider of the site, and of which it told the usage."""
    return ProviderCall(alias="", provider="", model="", usage=said, started_at=started_at, seconds=seconds)


def _get_cost(call: ProviderCall) -> Decimal | None:
    cost = get_cost(call.alias, call.model, call.usage)
    return cost if cost is not None and 0 <= cost < MAX_COST else None


def _bound(count: int) -> int | None:
    """A count that cannot be true is not known: the end of a run must not fail for it."""
    return count if 0 <= count <= MAX_COUNT else None


def _to_ms(seconds: float) -> int:
    return min(max(0, round(seconds * 1000)), MAX_COUNT)


astore = in_database(store)
"""See store."""
