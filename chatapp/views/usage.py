"""What requests to models took: a person's own page, the page of a conversation; the admin's report is made here too.

Sync: they read the database and draw.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from chatapp import accounting
from chatapp.accounting import By, Group, Sums
from chatapp.artifacts import ChartArtifact
from chatapp.conf import settings
from chatapp.finding import not_found
from chatapp.models import UsageRecord
from chatapp.policy import get_policy
from chatapp.rendering.figures import show_count, show_money

from . import charts
from .access import private

DAYS: Final = 30
"""Of which a page tells if nobody asked for others."""

NONE: Final = "-"
"""In an address: what has no model, no assistant, no person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What of the bill is shown, and how."""

    by: By
    since: date | None = None
    until: date | None = None
    """Included."""

    filters: Mapping[By, str] = field(default_factory=dict)
    """Only what has this value: by model, assistant, kind or person."""

    is_cost: bool = False
    """The chart shows money, not tokens."""

    @classmethod
    def read(cls, request: HttpRequest, choices: Sequence[By], *, days: int | None = DAYS) -> "Selection":
        """Of the address; what cannot be understood is as if it were not there."""
        query = request.GET
        since, until = _read_date(query.get("since", "")), _read_date(query.get("until", ""))
        if "since" not in query and days is not None:
            since = (until or timezone.localdate()) - timedelta(days=days - 1)
        return cls(
            by=next((by for by in choices if by == query.get("by")), choices[0]),
            since=since,
            until=until,
            filters={by: value for by in choices if by not in ("day", "month") and (value := _read(query, by))},
            is_cost=query.get("measure") == "cost",
        )

    def narrow(self, records: QuerySet[UsageRecord]) -> QuerySet[UsageRecord]:
        """Those of the records that are selected."""
        if self.since:
            records = records.filter(created_at__gte=_begin(self.since))
        if self.until:
            records = records.filter(created_at__lt=_begin(self.until + timedelta(days=1)))
        for name, value in self.filters.items():
            if name != "person":
                records = records.filter(**{name: _read_value(value)})
            elif value == NONE:
                records = records.filter(person=None)
            else:
                person = accounting.find_person(value)
                records = records.filter(person=person) if person is not None else records.none()
        return records

    def write(self, **changes: str) -> str:
        """The query of an address that selects the same but for these; an empty one is left out."""
        said: dict[str, str] = {
            "by": self.by,
            "since": self.since.isoformat() if self.since else "",
            "until": self.until.isoformat() if self.until else "",
            "measure": "cost" if self.is_cost else "",
            **{str(name): value for name, value in self.filters.items()},
            **changes,
        }
        # "since" stays when it is empty: without it there would be a beginning.
        return urlencode({name: value for name, value in said.items() if value or name == "since"})


def _read(query: Mapping[str, str], name: str) -> str:
    return query.get(name, "").replace("\0", "")[:200]  # PostgreSQL takes no NUL, not even to look for it.


def _read_date(text: str) -> date | None:
    try:
        day = parse_date(text)
    except ValueError:
        return None  # The 31st of February.
    return day if day is not None and 1970 <= day.year < 3000 else None  # There are days before and after.


def _begin(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def _read_value(value: str) -> str:
    return "" if value == NONE else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of the table, as it is written."""

    label: str
    cells: Sequence[str]
    query: str = ""
    """Of the address of the same for this row only. Empty: there is none."""


def make_report(
    request: HttpRequest,
    records: QuerySet[UsageRecord],
    choices: Sequence[By],
    *,
    sees_cost: bool,
    days: int | None = DAYS,
) -> dict[str, Any] | HttpResponse:
    """What the pages need to show these records: two queries. With `?format=csv` or `chart` the answer itself."""
    selection = Selection.read(request, choices, days=days)
    records = selection.narrow(records)
    wanted = request.GET.get("format")
    groups = accounting.group(records, selection.by)
    if wanted == "csv":
        return _send_csv(accounting.write_sums(selection.by, groups, with_cost=sees_cost))
    if wanted == "chart":
        spec = accounting.make_chart(selection.by, groups, with_cost=sees_cost and selection.is_cost)
        return charts.make_page(request, ChartArtifact(spec=spec, title=str(accounting.TITLES[selection.by])))
    total = accounting.sum_all(records)
    return {
        "selection": selection,
        "choices": [(by, accounting.TITLES[by]) for by in choices],
        "by_title": accounting.TITLES[selection.by],
        "head": _list_heads(sees_cost=sees_cost),
        "lines": [_write_line(selection, choices, each, sees_cost=sees_cost) for each in groups],
        "is_cut": len(groups) == accounting.MAX_GROUPS,
        "total": Line(label=_("Sum"), cells=_list_cells(total, sees_cost=sees_cost)),
        "sums": total,
        "unpriced": total.unpriced if sees_cost and total.cost is not None else 0,
        "has_cost": sees_cost and total.cost is not None,
        "currency": settings.CURRENCY,
        "filters": [
            (
                accounting.TITLES[by],
                accounting.name_value(by, "" if value == NONE else value),
                selection.write(**{by: ""}),
            )
            for by, value in selection.filters.items()
        ],
        "chart_query": selection.write(format="chart"),
        "csv_query": selection.write(format="csv"),
        "measures": [
            (_("Tokens"), selection.write(measure=""), not selection.is_cost),
            (_("Cost"), selection.write(measure="cost"), selection.is_cost),
        ],
    }


def _send_csv(content: str) -> HttpResponse:
    response = HttpResponse(content, content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="usage.csv"'
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _list_heads(*, sees_cost: bool) -> list[str]:
    heads = [_("Requests"), _("Tokens in"), _("of these cached"), _("Tokens out"), _("of these reasoning")]
    return [*heads, *([_("Cost")] if sees_cost else []), _("First token"), _("Took")]


def _list_cells(sums: Sums, *, sees_cost: bool) -> list[str]:
    counts = (sums.input_tokens, sums.cached_tokens, sums.output_tokens, sums.reasoning_tokens)
    return [
        show_count(sums.calls),
        *(show_count(count) for count in counts),
        *([show_money(sums.cost, settings.CURRENCY) or "?"] if sees_cost else []),
        *("" if ms is None else _("%(seconds)s s") % {"seconds": f"{ms / 1000:.1f}"} for ms in _list_times(sums)),
    ]


def _list_times(sums: Sums) -> tuple[float | None, float | None]:
    return sums.first_token_ms, sums.latency_ms


def _write_line(selection: Selection, choices: Sequence[By], each: Group, *, sees_cost: bool) -> Line:
    query = ""
    if selection.by == "day":
        query = selection.write(by=next((by for by in choices if by != "day"), "day"), since=each.key, until=each.key)
    elif selection.by != "month" and selection.by not in selection.filters:
        query = selection.write(by="day" if "day" in choices else selection.by, **{selection.by: each.key or NONE})
    return Line(label=each.label, cells=_list_cells(each.sums, sees_cost=sees_cost), query=query)


@private
@require_safe
def usage(request: HttpRequest) -> HttpResponse:
    """What this person's requests took: `?by=day`, month, model, assistant or kind, `since` and `until`; `?format=csv`
    is the table as a file, `chart` what stands in the frame. 404 where nobody is shown anything."""
    if settings.SHOW_USAGE == "none":
        raise not_found()
    found = make_report(
        request,
        get_policy().get_usage(request.user),
        ("day", "month", "model", "assistant", "kind"),
        sees_cost=sees_cost(request),
    )
    if isinstance(found, HttpResponse):
        return found
    return render(request, "chatapp/usage.html", {"settings": settings, **found})


@private
@require_safe
def thread_usage(request: HttpRequest, thread_id: UUID) -> HttpResponse:
    """What a conversation took, as usage; for script (HX-Request) one sentence, as plain text."""
    thread = get_policy().get_thread(request.user, thread_id)
    if thread is None or settings.SHOW_USAGE == "none":
        raise not_found()
    records, with_cost = UsageRecord.objects.filter(thread=thread), sees_cost(request)
    if request.headers.get("HX-Request") == "true":
        return HttpResponse(tell(accounting.sum_all(records), with_cost=with_cost), content_type="text/plain")
    found = make_report(request, records, ("kind", "model", "day"), sees_cost=with_cost, days=None)
    if isinstance(found, HttpResponse):
        return found
    return render(request, "chatapp/usage.html", {"settings": settings, "thread": thread, **found})


def sees_cost(request: HttpRequest) -> bool:
    """Whether the pages of this person show money."""
    return settings.SHOW_USAGE == "cost" and get_policy().can_see_cost(request.user)


def tell(sums: Sums, *, with_cost: bool) -> str:
    """The sums as a sentence: This chat: 12,300 tokens, 0.04 USD in 14 requests."""
    requests = ngettext("%(count)s request", "%(count)s requests", sums.calls) % {"count": show_count(sums.calls)}
    said = _("%(count)s tokens") % {"count": show_count(sums.tokens if sums.calls else 0)}
    if with_cost and sums.cost is not None:
        said += f", {show_money(sums.cost, settings.CURRENCY)}"
    return _("This chat: %(took)s in %(requests)s") % {"took": said, "requests": requests}
