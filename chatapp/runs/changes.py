"""What a page of a thread lacks: the difference between what it shows and what is stored.

Sync: called in the database thread.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import Q

from chatapp.models import Message, Run, Thread
from chatapp.models.calls import in_database
from chatapp.parts import ErrorPart
from chatapp.rendering.renderer import MessageView

from . import branches, transcript

WITH_HEAD = ("head__run", "head__parent")
"""What `find_changes` wants fetched with the thread (select_related): nearly always it needs nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What a page lacks."""

    thread: Thread
    gone: Sequence[UUID] = ()
    """Messages to take out: they are not on the branch any more."""

    new: Sequence[MessageView] = ()
    """Messages to add at the end."""

    all_new: bool = False
    """The page knows nothing of this branch: `new` is the newest page of it and replaces what is there."""

    updated: Sequence[MessageView] = ()
    """Messages whose run ended while nobody followed it here: their parts and foot are to be replaced."""

    ended: Sequence[MessageView] = ()
    """Messages whose run was followed to its end: only their foot is to be replaced."""

    renewed: Sequence[MessageView] = ()
    """Messages under which something else stands than the page has; deleted ones are to be taken out."""

    live_run: Run | None = None
    """The run to follow."""

    last: UUID | None = None
    """Last message of the branch: what the page shows up to, after these changes."""

    failures: Sequence[ErrorPart] = ()
    """What ended just now and is to be said in a note."""

    is_unhandled: bool = False
    """Whether that is to disconnect the page; see Assistant.on_error."""

    older_before: UUID | None = None
    """With `all_new`: the oldest of the new messages, if there are older ones."""

    settled: Sequence[UUID] = field(default=())
    """Runs that have ended and need not be followed or asked for again."""


def find_changes(
    thread: Thread,
    *,
    last: UUID | None,
    cursors: Mapping[UUID, int],
    page_size: int,
    revision: int = 0,
    user: Any = None,
) -> Changes:
    """What a page lacks that shows this thread up to message `last` and has followed these runs up to these steps.

    `revision`: of the thread when the page was drawn. `user`: whose page it is, see load_views. No query in the usual
    cases, if the thread was fetched with WITH_HEAD: the page shows the head, or all but the last question and its
    answer, and nothing else has changed.
    """
    known = _get_known(thread)
    tail = _get_tail(thread, last, known)
    if tail is not None and len(tail) <= page_size:
        gone: list[UUID] = []
        path = tail if last is None else [last, *tail]
        missing, all_new = tail, last is None and bool(tail)
    else:
        path, gone, missing, all_new = _compare(thread, last, page_size)
    # A reply that is being said is always the end of the branch: a run that is not finished keeps the thread from going
    # on.
    runs = _load_runs(thread, cursors) if path else []
    live_run = next((run for run in runs if run.reply_id == thread.head_id and run.is_live), None)
    ended = [run for run in runs if run.pk in cursors and not run.is_live]
    shown = [run for run in ended if run.reply_id in path and run.reply_id not in missing]
    replies = [run.reply_id for run in shown if run.reply_id is not None]
    views = {view.run_id: view for view in transcript.load_views(thread, replies, known, user=user)} if replies else {}
    renewed: list[MessageView] = []
    failed = [run for run in [*ended, *_find_new(thread, missing, runs)] if run.state == Run.State.FAILED]
    drawn = {*missing, *(views[run].id for run in views if run is not None)}
    changed = set() if all_new else branches.find_changed(thread, revision) - drawn
    if changed:
        # What stands farther up the page may not have; it is right when it is loaded.
        there = [pk for pk in transcript.get_path(thread)[-page_size:] if pk in changed]
        renewed = [view for view in transcript.load_views(thread, there, user=user) if not view.is_live]
    return Changes(
        thread=thread,
        gone=() if all_new else gone,
        new=transcript.load_views(thread, missing, known, user=user) if missing else (),
        all_new=all_new,
        updated=[views[run.pk] for run in shown if cursors[run.pk] != run.seq and run.pk in views],
        ended=[views[run.pk] for run in shown if cursors[run.pk] == run.seq and run.pk in views],
        renewed=renewed,
        failures=[part for run in failed for part in _find_toasts(run, known)],
        is_unhandled=any(run.error_code == "unhandled" for run in failed),
        live_run=live_run,
        last=path[-1] if path else None,
        older_before=missing[0] if all_new and len(path) > page_size else None,
        settled=[run.pk for run in ended],
    )


def _find_new(thread: Thread, missing: Sequence[UUID], runs: Sequence[Run]) -> list[Run]:
    """The run of the head, if it ended before the page had heard of it."""
    return [run for run in runs if run.reply_id == thread.head_id and run.reply_id in missing and not run.is_live]


def _find_toasts(run: Run, known: Mapping[UUID, Message]) -> list[ErrorPart]:
    """What of the end of this run is said in a note."""
    if run.reply_id is None:
        return []
    message = known.get(run.reply_id) or Message.objects.filter(pk=run.reply_id).first()
    parts = message.load_parts() if message else ()
    return [part for part in parts if isinstance(part, ErrorPart) and part.display == "toast"]


def _get_known(thread: Thread) -> dict[UUID, Message]:
    """The last messages of the branch that came with the thread: its head, and what that answers."""
    head = thread.head
    return {message.pk: message for message in (head, head and head.parent) if message is not None}


def _get_tail(thread: Thread, last: UUID | None, known: Mapping[UUID, Message]) -> list[UUID] | None:
    """What follows `last` on the branch, if the known messages tell; else None."""
    tail: list[UUID] = []
    at = thread.head_id
    while at != last:
        if at is None or at not in known:
            return None
        tail.append(known[at].pk)
        at = known[at].parent_id
    return tail[::-1]


def _compare(thread: Thread, last: UUID | None, page_size: int) -> tuple[list[UUID], list[UUID], list[UUID], bool]:
    """The branch; what of the page is not on it; what the page lacks; whether it has nothing of it.

    A page of which a whole page is to go may never have had what was before that.
    """
    columns = ("pk", "parent_id", "visible", "deleted_at")
    rows = list(Message.objects.filter(thread=thread).order_by().values_list(*columns))
    parents = {pk: parent for pk, parent, *_ in rows}
    has_place = {pk for pk, _, visible, deleted_at in rows if visible or deleted_at is not None}
    path = transcript.walk(thread.head_id, parents)
    places = {pk: place for place, pk in enumerate(path)}
    gone: list[UUID] = []
    at = last
    while at is not None and at not in places and at in parents:
        gone += [at] if at in has_place else []
        at = parents[at]
    if at is None or at not in places or len(gone) >= page_size:
        return path, gone, path[-page_size:], True  # Of a thread that was cleared the newest page is empty.
    return path, gone, path[places[at] + 1 :], False


def _load_runs(thread: Thread, cursors: Mapping[UUID, int]) -> list[Run]:
    """The run of the head, and those that are asked for."""
    run: Run | None = getattr(thread.head, "run", None)
    if cursors.keys() <= ({run.pk} if run else set()):
        return [run] if run else []
    return list(Run.objects.filter(Q(pk__in=cursors) | Q(reply_id=thread.head_id), thread=thread).order_by())


def get_mark(thread: Thread, live_run: Run | None) -> tuple[Any, ...]:
    """Something that differs whenever what a page shows of the thread would."""
    greeting = (thread.greeting, thread.greeting_dismissed_at)
    run = (live_run.pk, live_run.state) if live_run else ()
    shown = (thread.head_id, thread.revision, thread.title, thread.todos, thread.queued_at)
    return (*shown, thread.settings, thread.provider, *greeting, *run)


@in_database
def find_marks(thread_ids: Sequence[UUID]) -> dict[UUID, tuple[Any, ...]]:
    """The marks of those of these threads that exist. Two queries, however many there are."""
    unfinished = Run.objects.filter(thread_id__in=thread_ids, kind=Run.Kind.REPLY, finished_at__isnull=True).order_by()
    live = {run.thread_id: run for run in unfinished.only("thread_id", "state")}
    columns = ("head_id", "revision", "title", "todos", "queued_at", "settings", "provider")
    threads = Thread.objects.filter(pk__in=thread_ids, deleted_at=None).order_by()
    threads = threads.only(*columns, "greeting", "greeting_dismissed_at")
    return {thread.pk: get_mark(thread, live.get(thread.pk)) for thread in threads}
