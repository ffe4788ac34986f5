"""Deleted conversations, as long as that can be undone, and their end.

A deleted thread is marked with `deleted_at` and is nowhere from then on. UNDO_SECONDS later whoever looks first deletes
it for good with everything in it: its owner's next page, the next deletion, the hub of any process in which somebody
has a page open, `chatapp_sweep`.

Sync: called in the database thread.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from chatapp.conf import settings
from chatapp.models import Thread
from chatapp.models.calls import in_database


@dataclass(frozen=True, slots=True)
class Deletion:
    """What was deleted at once and can come back at once."""

    threads: tuple[UUID, ...]
    seconds: float
    """How long it can still be undone."""


def get_limit() -> datetime:
    """What was deleted before this moment is gone."""
    return timezone.now() - timedelta(seconds=settings.UNDO_SECONDS)


def list_deletions(deleted: QuerySet[Thread]) -> list[Deletion]:
    """What can still be undone of these deleted threads, the oldest first. One query; more if something is over."""
    limit = get_limit()
    batches: dict[datetime, list[UUID]] = {}
    over: list[UUID] = []
    rows: Any = deleted.order_by("deleted_at", "pk").values_list("pk", "deleted_at")
    for pk, deleted_at in rows:
        if deleted_at <= limit:
            over.append(pk)
        else:
            batches.setdefault(deleted_at, []).append(pk)
    if over:
        empty(over)
    return [Deletion(tuple(ids), (at - limit).total_seconds()) for at, ids in batches.items()]


def empty(thread_ids: Iterable[UUID] | None = None) -> int:
    """Delete for good what was deleted too long ago to be undone, by default of everybody; how many threads."""
    over = Thread.objects.filter(deleted_at__lte=get_limit())
    if thread_ids is not None:
        over = over.filter(pk__in=list(thread_ids))
    return _delete(over)


aempty = in_database(empty)
"""See empty."""


def purge_temporary() -> int:
    """Delete temporary chats in which nobody has said anything for TEMPORARY_HOURS; how many there were."""
    before = timezone.now() - timedelta(hours=settings.TEMPORARY_HOURS)
    return _delete(Thread.objects.filter(temporary=True, updated_at__lt=before))


def purge(thread_id: UUID) -> int:
    """Delete this conversation for good, now; how many there were."""
    return _delete(Thread.objects.filter(pk=thread_id))


def _delete(threads: QuerySet[Thread]) -> int:
    if not threads.exists():
        return 0  # Nearly always.
    with transaction.atomic():
        # Locked, or somebody could take back what is being deleted.
        found: list[Any] = list(threads.select_for_update(of=("self",)).order_by("pk").values_list("pk", flat=True))
        Thread.objects.filter(pk__in=found).update(head=None)
        Thread.objects.filter(pk__in=found).delete()
    return len(found)
