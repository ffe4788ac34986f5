"""What requests to models took, summed by the database: over all, and by day, model, assistant, person.

Nobody is asked whether they may see it: that is for the caller to know. Sync: called in the database thread.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Literal

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db.models import Avg, Count, Q, QuerySet, Sum
from django.db.models.functions import TruncDay, TruncMonth
from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from chatapp import registry
from chatapp.artifacts.tables import write_csv
from chatapp.conf import settings
from chatapp.models import UsageRecord

By = Literal["day", "month", "model", "assistant", "kind", "person"]

TITLES: Final[Mapping[By, Any]] = {
    "day": gettext_lazy("Day"),
    "month": gettext_lazy("Month"),
    "model": gettext_lazy("Model"),
    "assistant": gettext_lazy("Assistant"),
    "kind": gettext_lazy("Purpose"),
    "person": gettext_lazy("Person"),
}
"""What sums can be made by, as people read it."""

MAX_GROUPS: Final = 1_000
"""Rows of a table, those that took the most; by day or month the newest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Over some requests. A count is None if no provider said it of any of them."""

    calls: int = 0
    unknown: int = 0
    """Requests of which the provider did not say what they took; the sums are of the others."""

    failed: int = 0
    input_tokens: int | None = None
    cached_tokens: int | None = None
    """Of the input."""

    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    """Of the output."""

    cost: Decimal | None = None
    """In CHATAPP["CURRENCY"]. None: no price is known."""

    unpriced: int = 0
    """Requests without a price, or with one in another currency: they are not in the cost."""

    latency_ms: float | None = None
    """On average, from the request to the end of its answer."""

    first_token_ms: float | None = None
    """On average."""

    @property
    def tokens(self) -> int | None:
        """In and out."""
        if self.input_tokens is None and self.output_tokens is None:
            return None
        return (self.input_tokens or 0) + (self.output_tokens or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """What is summed up in one row of a table."""

    key: str
    """What is the same of all of them: a date, a slug, a primary key. Empty: nothing is known."""

    label: str
    """As people read it."""

    sums: Sums


def _make_sums() -> dict[str, Any]:
    priced = Q(cost__isnull=False, currency=settings.CURRENCY[:16])
    return {
        "calls": Count("pk"),
        "unknown": Count("pk", filter=Q(input_tokens=None, output_tokens=None)),
        "failed": Count("pk", filter=~Q(error_code="")),
        "sum_input": Sum("input_tokens"),
        "sum_cached": Sum("cached_tokens"),
        "sum_output": Sum("output_tokens"),
        "sum_reasoning": Sum("reasoning_tokens"),
        "sum_cost": Sum("cost", filter=priced),
        "unpriced": Count("pk", filter=~priced),
        "mean_latency": Avg("latency_ms"),
        "mean_first_token": Avg("first_token_ms"),
    }


def _read_sums(found: Mapping[str, Any]) -> Sums:
    return Sums(
        calls=found["calls"],
        unknown=found["unknown"],
        failed=found["failed"],
        input_tokens=found["sum_input"],
        cached_tokens=found["sum_cached"],
        output_tokens=found["sum_output"],
        reasoning_tokens=found["sum_reasoning"],
        cost=found["sum_cost"],
        unpriced=found["unpriced"],
        latency_ms=found["mean_latency"],
        first_token_ms=found["mean_first_token"],
    )


def sum_all(records: QuerySet[UsageRecord]) -> Sums:
    """Over all of them. One query."""
    return _read_sums(records.order_by().aggregate(**_make_sums()))


def group(records: QuerySet[UsageRecord], by: By) -> list[Group]:
    """By day or month, in the time zone that is active, the newest first; by all else those first that took the most.

    One query, whatever there is. At most MAX_GROUPS.
    """
    keys: dict[str, Any] = {}
    fields: Sequence[str] = [by]
    if by in ("day", "month"):
        keys = {by: (TruncDay if by == "day" else TruncMonth)("created_at")}
    elif by == "person":
        fields = ["person_id", f"person__{get_user_model().USERNAME_FIELD}"]
    order = [f"-{by}"] if by in ("day", "month") else ["-total", "-calls", fields[0]]
    sums = _make_sums()
    sums["total"] = Sum("input_tokens", default=0) + Sum("output_tokens", default=0)
    found = records.order_by().annotate(**keys).values(*fields).annotate(**sums).order_by(*order)
    return [
        Group(
            key=_write_key(row[fields[0]], by), label=_LABELS[by](*(row[name] for name in fields)), sums=_read_sums(row)
        )
        for row in found[:MAX_GROUPS]
    ]


def _write_key(value: Any, by: By) -> str:
    if isinstance(value, datetime):
        return value.date().isoformat() if by == "day" else value.strftime("%Y-%m")
    return "" if value is None else str(value)


def _name_assistant(slug: str) -> str:
    assistant = registry.get(slug) if slug else None
    return assistant.title if assistant else slug or _("unknown")


def _name_kind(kind: str) -> str:
    return str(UsageRecord.Kind(kind).label) if kind in UsageRecord.Kind.values else kind


def _name_person(_pk: Any, name: str | None) -> str:
    return name or _("visitors and deleted people")


_LABELS: Final[Mapping[By, Callable[..., str]]] = {
    "day": lambda day: formats.date_format(day, "SHORT_DATE_FORMAT"),
    "month": lambda month: formats.date_format(month, "YEAR_MONTH_FORMAT"),
    "model": lambda model: model or _("unknown"),
    "assistant": _name_assistant,
    "kind": _name_kind,
    "person": _name_person,
}


def name_value(by: By, value: str) -> str:
    """A value of a filter as people read it. One query for a person."""
    if by == "person":
        person = find_person(value) if value else None
        return _name_person(value, person.get_username() if person is not None else None)
    return str(_LABELS[by](value)) if by in ("model", "assistant", "kind") else value


def find_person(value: str) -> Any:
    """The person with this primary key, as it stands in an address; None if there is none, whatever it says."""
    try:
        return get_user_model()._default_manager.filter(pk=value).first()
    except (ValueError, ValidationError):
        return None


def write_sums(by: By, groups: Sequence[Group], *, with_cost: bool) -> str:
    """The table as CSV; no cell of it is a formula. A number that nobody knows is empty."""
    names = [
        *("calls", "failed", "unknown", "input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens"),
        *(("cost", "unpriced") if with_cost else ()),
        *("latency_ms", "first_token_ms"),
    ]
    head = [by, *(f"cost_{settings.CURRENCY}" if name == "cost" else name for name in names)]
    rows = [
        [each.key if by in ("day", "month") else each.label, *(_write(getattr(each.sums, name)) for name in names)]
        for each in groups
    ]
    return write_csv(head, rows)


def _write(value: Any) -> str:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return "" if value is None else str(round(value)) if isinstance(value, float) else str(value)


def make_chart(by: By, groups: Sequence[Group], *, with_cost: bool) -> dict[str, Any]:
    """The table as a chart of Vega-Lite: tokens in and out by what the rows are, or their cost."""
    is_time = by in ("day", "month")
    shown = list(reversed(groups[:_MAX_TIMES])) if is_time else groups[:_MAX_BARS]
    if by == "day" and shown:
        shown = _fill(shown)
    series: list[tuple[str, Callable[[Sums], Any]]] = [
        (_("Tokens in"), lambda sums: sums.input_tokens),
        (_("Tokens out"), lambda sums: sums.output_tokens),
    ]
    measure = _("Tokens")
    if with_cost:
        measure = _("Cost (%(currency)s)") % {"currency": settings.CURRENCY}
        series = [(measure, lambda sums: sums.cost)]
    values = [
        {"label": each.label, "series": name, "amount": float(read(each.sums) or 0)}
        for each in shown
        for name, read in series
    ]
    scale = {"domain": [name for name, _read in series], "range": list(_COLOURS[: len(series)])}
    legend = {"title": None, "orient": "top"} if len(series) > 1 else None
    # Without an order of its own Vega-Lite sorts by the label, and days as people write them are no order.
    order = [each.label for each in shown]
    names = {
        "field": "label",
        "type": "ordinal",
        "sort": order,
        "title": str(TITLES[by]),
        "axis": {"title": None, "labelLimit": 140, "labelOverlap": True},
    }
    axis = {"format": "~g" if with_cost else "~s", "tickCount": 5}
    amounts = {"field": "amount", "type": "quantitative", "title": measure, "axis": axis}
    colour = {"field": "series", "type": "nominal", "title": " ", "scale": scale, "legend": legend}
    return {
        "data": {"values": values},
        "mark": {"type": "bar", "tooltip": True},
        "encoding": {"x": names if is_time else amounts, "y": amounts if is_time else names, "color": colour},
    }


def _fill(groups: Sequence[Group]) -> list[Group]:
    """The days in order, those between them in which nothing was asked with them; the last _MAX_TIMES."""
    by_day = {each.key: each for each in groups}
    last = date.fromisoformat(groups[-1].key)
    first = max(date.fromisoformat(groups[0].key), last - timedelta(days=_MAX_TIMES - 1))
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    empty = Sums()
    return [
        by_day.get(day.isoformat()) or Group(key=day.isoformat(), label=_LABELS["day"](day), sums=empty) for day in days
    ]


_MAX_TIMES: Final = 62
_MAX_BARS: Final = 20
_COLOURS: Final = ("#5b7fd6", "#e0a43c")
