"""The branch of a thread that is shown, as pages, tabs, models and staff need it.

Sync: called in the database thread.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _

from chatapp import registry
from chatapp.activity import settle
from chatapp.errors import get_sentence
from chatapp.icons import get_shown
from chatapp.models import Message, Run, Thread
from chatapp.models.calls import in_database
from chatapp.parts import ErrorPart, Part, ThinkingPart, plain_text, text_for_model
from chatapp.rendering.renderer import MessageView
from chatapp.turn import ChatMessage

WITH_HEAD = ("head__run", "head__parent")
"""What `find_changes` wants fetched with the thread (select_related): nearly always it needs nothing else."""


def get_path(thread: Thread) -> list[UUID]:
    """Ids of the messages of the branch that is shown, oldest first. One query, whatever the length."""
    parents = dict(Message.objects.filter(thread=thread).order_by().values_list("pk", "parent_id"))
    return _walk(thread.head_id, parents)


def _walk(head: UUID | None, parents: Mapping[UUID, UUID | None]) -> list[UUID]:
    path = []
    while head is not None and head in parents:
        path.append(head)
        head = parents[head]
    return path[::-1]


def load_views(thread: Thread, ids: Sequence[UUID], known: Mapping[UUID, Message] | None = None) -> list[MessageView]:
    """These messages as their template needs them, in this order, without the hidden ones.

    One query, or none if all of them are `known` already.
    """
    messages = dict(known or {})
    if not messages.keys() >= set(ids):
        messages = Message.objects.filter(thread=thread).select_related("run").in_bulk(list(ids))
    return [to_view(thread, messages[pk]) for pk in ids if pk in messages and messages[pk].visible]


def to_view(thread: Thread, message: Message) -> MessageView:
    """A stored message as its template needs it. `message.run` must have been fetched with it."""
    parts = message.load_parts()
    # Nobody runs what a person says: not to look for it saves a query.
    run: Run | None = None if message.role == Message.Role.USER else getattr(message, "run", None)
    if message.role == Message.Role.USER:
        label, state = _("You said"), "complete"
    else:
        label = _("%(name)s said") % {"name": message.author_label or get_title(thread)}
        state = "complete" if run is None else _to_state(run)
        if state not in ("streaming", "waiting"):
            parts = [_settle(part, is_lost=state == "interrupted") for part in parts]
    has_error = any(isinstance(part, ErrorPart) for part in parts)
    failed = run is not None and run.error_code and state in ("failed", "interrupted") and not has_error
    return MessageView(
        id=message.pk,
        role=message.role,
        state=state,
        label=label,
        icon=get_shown(message.icon, get_icon(thread)),
        initial="" if message.icon else message.author_label[:1].upper(),
        parts=parts,
        source=plain_text(parts),
        client_id=message.client_id,
        run_id=run.pk if run else None,
        model=run.model if run and state != "failed" else "",  # What failed is for staff to know.
        tokens=run.output_tokens if run else None,
        error_code=run.error_code if run else "",
        error_reference=run.error_reference if run else "",
        error_message=get_sentence(run.error_code) if run and failed else "",
        can_answer=state == "waiting",
        can_retry=run is not None and run.prompt_id is not None and state not in ("streaming", "waiting"),
        created_at=message.created_at,
    )


def _settle(part: Part, *, is_lost: bool) -> Part:
    """The part of an answer that has ended, whose process may have died in the middle of it."""
    if isinstance(part, ThinkingPart) and part.seconds is None:
        return part.model_copy(update={"seconds": 0.0})  # Nobody knows how long; it does not think any more.
    return settle(part, is_lost=is_lost)


def _to_state(run: Run) -> str:
    return "streaming" if run.state == Run.State.RUNNING else str(run.state)


def get_title(thread: Thread) -> str:
    """The assistant's name; its slug when its app was removed."""
    assistant = registry.get(thread.assistant)
    return assistant.title if assistant else thread.assistant


def get_while_running(thread: Thread) -> str:
    """What becomes of a question that is sent during an answer; see Assistant.while_running."""
    assistant = registry.get(thread.assistant)
    return assistant.get_while_running() if assistant else "block"


def get_icon(thread: Thread) -> str | Literal[False]:
    """Name of the assistant's icon; False: it has none."""
    assistant = registry.get(thread.assistant)
    return assistant.icon if assistant else "spark"


def load_history(thread: Thread, upto: UUID | None) -> list[ChatMessage]:
    """The branch up to this message, oldest first, as the model is to know it."""
    rows = Message.objects.filter(thread=thread).order_by()
    path = _walk(upto, dict(rows.values_list("pk", "parent_id")))
    messages = rows.filter(for_model=True).in_bulk(path)
    return [to_chat_message(messages[pk]) for pk in path if pk in messages]


def to_chat_message(message: Message) -> ChatMessage:
    """A stored message as an assistant sees it."""
    parts = message.load_parts()
    return ChatMessage(role=message.role, content=text_for_model(parts), id=message.pk, parts=tuple(parts))


def get_live_run(thread: Thread) -> Run | None:
    """The reply that is being said in this thread, if any; also a stopped one that has yet to write its last words."""
    return (
        Run.objects.filter(thread=thread, kind=Run.Kind.REPLY, finished_at__isnull=True).order_by("-started_at").first()
    )


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

    live_run: Run | None = None
    """The run to follow."""

    last: UUID | None = None
    """Last message of the branch: what the page shows up to, after these changes."""

    older_before: UUID | None = None
    """With `all_new`: the oldest of the new messages, if there are older ones."""

    settled: Sequence[UUID] = field(default=())
    """Runs that have ended and need not be followed or asked for again."""


def find_changes(thread: Thread, *, last: UUID | None, cursors: Mapping[UUID, int], page_size: int) -> Changes:
    """What a page lacks that shows this thread up to message `last` and has followed these runs up to these steps.

    No query in the usual cases, if the thread was fetched with WITH_HEAD: the page shows the head, or all but the last
    question and its answer.
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
    replies = load_views(thread, [run.reply_id for run in shown if run.reply_id is not None], known) if shown else []
    views = {view.run_id: view for view in replies}
    return Changes(
        thread=thread,
        gone=() if all_new else gone,
        new=load_views(thread, missing, known) if missing else (),
        all_new=all_new,
        updated=[views[run.pk] for run in shown if cursors[run.pk] != run.seq and run.pk in views],
        ended=[views[run.pk] for run in shown if cursors[run.pk] == run.seq and run.pk in views],
        live_run=live_run,
        last=path[-1] if path else None,
        older_before=missing[0] if all_new and len(path) > page_size else None,
        settled=[run.pk for run in ended],
    )


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
    """The branch; what of the page is not on it; what the page lacks; whether it has nothing of it."""
    parents = dict(Message.objects.filter(thread=thread).order_by().values_list("pk", "parent_id"))
    path = _walk(thread.head_id, parents)
    places = {pk: place for place, pk in enumerate(path)}
    gone: list[UUID] = []
    at = last
    while at is not None and at not in places and at in parents:
        gone.append(at)
        at = parents[at]
    if at is None or at not in places:
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
    return (thread.head_id, thread.title, thread.todos, thread.queued_at, *greeting, *run)


@in_database
def find_marks(thread_ids: Sequence[UUID]) -> dict[UUID, tuple[Any, ...]]:
    """The marks of those of these threads that exist. Two queries, however many there are."""
    unfinished = Run.objects.filter(thread_id__in=thread_ids, kind=Run.Kind.REPLY, finished_at__isnull=True).order_by()
    live = {run.thread_id: run for run in unfinished.only("thread_id", "state")}
    columns = ("head_id", "title", "todos", "queued_at", "greeting", "greeting_dismissed_at")
    threads = Thread.objects.filter(pk__in=thread_ids, deleted_at=None).order_by().only(*columns)
    return {thread.pk: get_mark(thread, live.get(thread.pk)) for thread in threads}
