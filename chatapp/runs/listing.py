"""The list of one person's threads: pinned ones, folders, then by date; page by page, with the same few queries each.

A page is a stretch of one order (pinned, newest, id), named by its ends: what stands after one cursor, up to another.
So a page that was loaded an hour ago can be asked for again without a gap or a thread twice, whatever has moved since.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db.models import F, Q, QuerySet, Window
from django.db.models.functions import RowNumber
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from chatapp.models import LIVE_STATES, Folder, Thread

_COLUMNS = ("pk", "title", "pinned", "updated_at", "head__run__state")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

END_OF_TIME: Final = datetime(9999, 1, 1, tzinfo=UTC)
"""Above everything that has no pin."""


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

    is_pinned: bool


class ThreadGroup(NamedTuple):
    """Lines under one heading."""

    label: str
    items: list[ThreadItem]
    folder: Folder | None = None
    """The folder that it is. None: a day, a week or a month, or what is pinned."""
    more: str = ""
    """Cursor after which the folder goes on. Empty: that is all of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadPage:
    """A stretch of the list."""

    groups: list[ThreadGroup] = field(default_factory=list)
    end: str = ""
    """Cursor of where it ends."""
    has_more: bool = False
    """Whether something follows."""


class Cursor(NamedTuple):
    """A place in the order of the list: that of one thread."""

    pinned: bool
    updated_at: datetime
    id: UUID

    def __str__(self) -> str:
        # As wide in every case: what stands further down the list is a smaller text, which a page can compare.
        micros = (self.updated_at - _EPOCH) // timedelta(microseconds=1)
        return f"{int(self.pinned)}-{micros:017d}-{self.id.hex}"


def parse_cursor(text: str) -> Cursor:
    """The cursor that was written so. Raises ValueError for anything else."""
    pinned, micros, name = text.split("-")
    try:
        return Cursor(pinned == "1", _EPOCH + timedelta(microseconds=int(micros)), UUID(name))
    except OverflowError as error:
        raise ValueError(text) from error


def get_listed(threads: QuerySet[Thread]) -> QuerySet[Thread]:
    """Those of these threads that are in the list, in its order, pinned ones first."""
    return (
        threads.filter(archived_at__isnull=True, temporary=False)
        # Nobody has written there yet: it was greeted in only, or a command has set something.
        .exclude(Q(greeting__isnull=False) | ~Q(settings={}), head__isnull=True, title="")
        .order_by("-pinned", "-updated_at", "-pk")
    )


def list_threads(
    threads: QuerySet[Thread], *, folders: QuerySet[Folder] | None = None, current: UUID | None, limit: int
) -> ThreadPage:
    """The first page: pinned threads, the folders, and the newest of the others under Today, Yesterday, Previous 7
    days, then months.

    Three queries at most: the threads, the folders, what is in those that are open.
    """
    listed = get_listed(threads)
    page = _read_page(listed.filter(Q(folder=None) | Q(pinned=True)), current, limit)
    if folders is None:
        return page
    groups = list(page.groups)
    at = 1 if groups and groups[0].items[0].is_pinned else 0
    groups[at:at] = _list_folders(listed, folders, current, limit)
    return ThreadPage(groups=groups, end=page.end, has_more=page.has_more)


def list_more(
    threads: QuerySet[Thread],
    *,
    after: Cursor,
    until: Cursor | None = None,
    folder: int | None = None,
    current: UUID | None,
    limit: int,
) -> ThreadPage:
    """What follows this place, up to `until` if that is given; of one folder, or of what is in none. One query."""
    listed = get_listed(threads)
    if folder is None:
        rows = listed.filter(Q(folder=None) | Q(pinned=True))
    else:
        rows = listed.filter(folder=folder, pinned=False)
    rows = _cut(rows, after)
    if until is not None:
        rows = rows.filter(_at_or_above(until))
    page = _read_page(rows, current, limit, is_plain=folder is not None)
    if until is not None and not page.has_more:
        return ThreadPage(groups=page.groups, end=str(until), has_more=False)
    return page


def list_archived(threads: QuerySet[Thread], *, after: Cursor | None, limit: int) -> ThreadPage:
    """What was archived, the last one first. One query."""
    # An archived thread has no place among pinned ones; its moment stands where the others have their last word.
    rows = threads.filter(archived_at__isnull=False, temporary=False)
    if after is not None:
        rows = rows.filter(archived_at__lte=after.updated_at)
        rows = rows.filter(Q(archived_at__lt=after.updated_at) | Q(pk__lt=after.id))
    rows = rows.order_by("-archived_at", "-pk")
    columns = ("pk", "title", "pinned", "archived_at", "head__run__state")
    found: list[Any] = list(rows.values_list(*columns)[: limit + 1])
    items = [_make_item(row, None) for row in found[:limit]]
    end = str(Cursor(False, found[limit - 1][3], found[limit - 1][0])) if len(found) > limit else ""
    return ThreadPage(groups=[ThreadGroup("", items)] if items else [], end=end, has_more=bool(end))


def _cut(rows: QuerySet[Thread], after: Cursor) -> QuerySet[Thread]:
    """What stands after this place."""
    below = Q(updated_at__lt=after.updated_at) | Q(updated_at=after.updated_at, pk__lt=after.id)
    if after.pinned:
        return rows.filter(Q(pinned=False) | below)
    # The first condition follows from the second; it is the one that an index can serve.
    return rows.filter(pinned=False, updated_at__lte=after.updated_at).filter(below)


def _at_or_above(until: Cursor) -> Q:
    above = Q(updated_at__gt=until.updated_at) | Q(updated_at=until.updated_at, pk__gte=until.id)
    return Q(pinned=True) & above if until.pinned else Q(pinned=True) | above


def _read_page(rows: QuerySet[Thread], current: UUID | None, limit: int, *, is_plain: bool = False) -> ThreadPage:
    found = list(rows.values_list(*_COLUMNS)[: limit + 1])
    kept = found[:limit]
    if is_plain:
        groups = [ThreadGroup("", [_make_item(row, current) for row in kept])] if kept else []
    else:
        groups = _group(kept, current, timezone.localdate())
    return ThreadPage(groups=groups, end=_get_end(kept), has_more=len(found) > limit)


def _get_end(rows: list[Any]) -> str:
    return str(Cursor(rows[-1][2], rows[-1][3], rows[-1][0])) if rows else ""


def _list_folders(
    listed: QuerySet[Thread], folders: QuerySet[Folder], current: UUID | None, limit: int
) -> list[ThreadGroup]:
    found = list(folders)
    opened = [folder.pk for folder in found if folder.is_open]
    rows: dict[int, list[Any]] = {pk: [] for pk in opened}
    if opened:
        # One query whatever the number of folders: each row is counted within its own.
        number = Window(RowNumber(), partition_by="folder_id", order_by=[F("updated_at").desc(), F("pk").desc()])
        inside = listed.filter(folder__in=opened, pinned=False).annotate(number=number).filter(number__lte=limit + 1)
        for *row, folder_id in inside.values_list(*_COLUMNS, "folder_id"):
            rows[folder_id].append(row)
    groups = []
    for folder in found:
        inside_it = rows.get(folder.pk, [])
        items = [_make_item(row, current) for row in inside_it[:limit]]
        more = _get_end(inside_it[:limit]) if len(inside_it) > limit else ""
        groups.append(ThreadGroup(folder.name, items, folder, more))
    return groups


def _group(rows: Iterable[Any], current: UUID | None, today: date) -> list[ThreadGroup]:
    groups: list[ThreadGroup] = []
    for row in rows:
        _pk, _title, is_pinned, updated_at, _state = row
        label = _("Pinned") if is_pinned else _get_label(timezone.localdate(updated_at), today)
        if not groups or groups[-1].label != label:
            groups.append(ThreadGroup(label, []))
        groups[-1].items.append(_make_item(row, current))
    return groups


def _make_item(row: Any, current: UUID | None) -> ThreadItem:
    pk, title, is_pinned, _moment, state = row
    return ThreadItem(
        id=pk,
        title=title or _("New chat"),
        url=reverse("chatapp:thread", args=[pk]),
        is_live=state in LIVE_STATES,
        is_current=pk == current,
        is_pinned=is_pinned,
    )


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
