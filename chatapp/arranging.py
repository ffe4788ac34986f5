"""What people do with the list of their conversations: pin, archive, sort into folders, delete and take that back.

Each takes one thread or many, changes those of them that are the person's, and tells all their pages; if none is, there
is no such conversation. Ids of others do nothing, so what another tab has deleted meanwhile is in nobody's way.
"""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from chatapp.errors import Refused
from chatapp.finding import not_found
from chatapp.models import LIVE_STATES, Run, Thread
from chatapp.models.calls import in_database
from chatapp.policy import get_policy
from chatapp.runs import journal, trash
from chatapp.runs.hub import get_hub

MAX_AT_ONCE: Final = 500
"""Threads that one call may name."""


async def pin(user: Any, threads: Sequence[UUID], *, to: bool = True) -> int:
    """List them above the others, or (`to` False) no longer; how many there were.

    Raises Refused: none of them is the person's (404), too many (422). So do the others here.
    """
    return await _change(user, threads, pinned=to)


async def archive(user: Any, threads: Sequence[UUID], *, to: bool = True) -> int:
    """Take them out of the list and keep them, or (`to` False) list them again; how many there were."""
    return await _change(user, threads, archived_at=timezone.now() if to else None)


async def move(user: Any, threads: Sequence[UUID], folder: int | None) -> int:
    """Put them into a folder of the person's; None takes them out of theirs. How many there were."""
    await _check_folder(user, folder)
    return await _change(user, threads, folder_id=folder)


async def delete(user: Any, threads: Sequence[UUID]) -> int:
    """Delete them; for UNDO_SECONDS `restore` brings them back. Answers that are under way are stopped at once.

    How many there were.
    """
    hub = get_hub()
    await hub.open()
    deleted, runs = await _store_deleted(user, threads)
    for run in runs:
        await hub.stop(run)
    # The list comes first: a page of a thread that is gone hears nothing more, and this has the way back in it.
    await hub.list_changed(str(user.pk))
    for thread_id in deleted:
        await hub.thread_changed(thread_id)
    await trash.aempty()
    return len(deleted)


async def restore(user: Any, threads: Sequence[UUID]) -> int:
    """Undo their deletion; how many are back. Raises Refused: it is too late (410)."""
    restored = await _store_restored(user, threads)
    for thread_id in restored:
        await get_hub().thread_changed(thread_id)
    await get_hub().list_changed(str(user.pk))
    return len(restored)


async def _change(user: Any, threads: Sequence[UUID], **values: Any) -> int:
    count = await _store(user, threads, values)
    await get_hub().list_changed(str(user.pk))
    return count


@in_database
def _store(user: Any, threads: Sequence[UUID], values: dict[str, Any]) -> int:
    # Whom a policy lets read somebody else's does not sort the owner's list.
    found = get_policy().get_threads(user).filter(owner_id=user.pk, pk__in=_check(threads))
    if values.get("pinned"):
        found = found.filter(temporary=False)
    count = Thread.objects.filter(pk__in=list(found.values_list("pk", flat=True))).update(**values)
    if not count:
        raise not_found()
    return count


@in_database
def _check_folder(user: Any, folder: int | None) -> None:
    if folder is not None and not get_policy().get_folders(user).filter(pk=folder).exists():
        raise Refused("no_folder", _("There is no such folder."), status=404)


@in_database
def _store_deleted(user: Any, threads: Sequence[UUID]) -> tuple[list[UUID], list[Run]]:
    with transaction.atomic():
        found = _lock(get_policy().get_threads(user).filter(pk__in=_check(threads)))
        if not found:
            raise not_found()
        # The mark comes first: a question that waits must not be sent when the answer before it is stopped.
        Thread.objects.filter(pk__in=found).update(deleted_at=timezone.now())
        runs = list(Run.objects.filter(thread__in=found, state__in=LIVE_STATES))
        for run in runs:
            journal.request_stop(run.pk)
    return found, runs


@in_database
def _store_restored(user: Any, threads: Sequence[UUID]) -> list[UUID]:
    with transaction.atomic():
        deleted = get_policy().get_deleted(user).filter(pk__in=_check(threads), deleted_at__gt=trash.get_limit())
        found = _lock(deleted)
        if not found:
            if get_policy().get_threads(user).filter(pk__in=threads).exists():
                return []  # Another tab was faster.
            raise Refused("too_late", _("That cannot be undone any more."), status=410)
        Thread.objects.filter(pk__in=found).update(deleted_at=None)
    return found


def _lock(threads: QuerySet[Thread]) -> list[UUID]:
    return list(threads.select_for_update(of=("self",)).order_by("pk").values_list("pk", flat=True))


def _check(threads: Sequence[UUID]) -> Sequence[UUID]:
    if len(threads) > MAX_AT_ONCE:
        sentence = _("At most %(limit)s conversations can be changed at once.") % {"limit": MAX_AT_ONCE}
        raise Refused("too_many", sentence)
    return threads
