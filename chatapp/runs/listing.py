"""The thread list of one person, grouped by date."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from chatapp.models import LIVE_STATES, Thread


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadItem:
    """A line of the list."""

    id: UUID
    title: str
    url: str
    is_live: bool
    """Whether it is answering now."""

    is_current: bool
    """Whether it is the one the page shows."""


class ThreadGroup(NamedTuple):
    """Lines under one heading."""

    label: str
    items: list[ThreadItem]


def list_threads(threads: QuerySet[Thread], *, current: UUID | None, limit: int) -> list[ThreadGroup]:
    """The newest threads, pinned ones first, in groups: Pinned, Today, Yesterday, Previous 7 days, then months.

    One query.
    """
    # What is being said is always the head; to follow it costs less than to search the runs of each thread.
    rows = (
        threads.filter(archived_at__isnull=True, temporary=False)
        # Nobody has written there yet: it was greeted in only, or a command has set something.
        .exclude(Q(greeting__isnull=False) | ~Q(settings={}), head__isnull=True, title="")
        .order_by("-pinned", "-updated_at")
        .values_list("pk", "title", "pinned", "updated_at", "head__run__state")
    )
    return _group(rows[:limit], current, timezone.localdate())


def _group(rows: Iterable[Any], current: UUID | None, today: date) -> list[ThreadGroup]:
    groups: list[ThreadGroup] = []
    for pk, title, is_pinned, updated_at, state in rows:
        label = _("Pinned") if is_pinned else _get_label(timezone.localdate(updated_at), today)
        if not groups or groups[-1].label != label:
            groups.append(ThreadGroup(label, []))
        item = ThreadItem(
            id=pk,
            title=title or _("New chat"),
            url=reverse("chatapp:thread", args=[pk]),
            is_live=state in LIVE_STATES,
            is_current=pk == current,
        )
        groups[-1].items.append(item)
    return groups


def _get_label(day: date, today: date) -> str:
    if day >= today:
        return _("Today")
    if day == today - timedelta(days=1):
        return _("Yesterday")
    if day > today - timedelta(days=7):
        return _("Previous 7 days")
    if day.year == today.year:
        return str(date_format(day, "F"))
    return str(date_format(day, "F Y"))
