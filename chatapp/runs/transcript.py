"""The branch of a thread that is shown, as pages, tabs, models and staff need it.

Sync: called in the database thread.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _

from chatapp import registry
from chatapp.activity import settle
from chatapp.errors import get_sentence
from chatapp.files.chatfile import ChatFile
from chatapp.icons import get_shown
from chatapp.models import Message, Run, Thread
from chatapp.models.calls import in_database
from chatapp.parts import ErrorPart, NoticePart, Part, TextPart, ThinkingPart, plain_text, text_for_model
from chatapp.rendering.renderer import MessageView
from chatapp.turn import ChatMessage

from . import branches
from .attachments import find_ids, load_files
from .branches import Surroundings

WITH_HEAD = ("head__run", "head__parent")
"""What `find_changes` wants fetched with the thread (select_related): nearly always it needs nothing else."""


def get_path(thread: Thread) -> list[UUID]:
    """Ids of the messages of the branch that is shown, oldest first. One query, whatever the length."""
    parents = dict(Message.objects.filter(thread=thread).order_by().values_list("pk", "parent_id"))
    return _walk(thread.head_id, parents)


def get_path_through(thread: Thread, message: str) -> list[UUID]:
    """As get_path, of the branch that ends at this message; empty if there is none of this id."""
    parents = dict(Message.objects.filter(thread=thread).order_by().values_list("pk", "parent_id"))
    return _walk(next((pk for pk in parents if str(pk) == message), None), parents)


def _walk(head: UUID | None, parents: Mapping[UUID, UUID | None]) -> list[UUID]:
    path = []
    while head is not None and head in parents:
        path.append(head)
        head = parents[head]
    return path[::-1]


def load_views(
    thread: Thread, ids: Sequence[UUID], known: Mapping[UUID, Message] | None = None, *, user: Any = None
) -> list[MessageView]:
    """These messages as their template needs them, in this order, without the hidden ones.

    `user`: on whose page they stand, with all that can be done to them. None: they are there to be read.
    One query, or none if all of them are `known` already; two more if the thread has versions or ratings.
    """
    messages = dict(known or {})
    if not messages.keys() >= set(ids):
        messages = Message.objects.filter(thread=thread).select_related("run").in_bulk(list(ids))
    found = [messages[pk] for pk in ids if pk in messages]
    if user is None:
        return [to_view(thread, message) for message in found if message.visible]
    # Of a deleted message a page of its owner keeps the place: whoever looks for changes need not know whether the page
    # was loaded before or after.
    shown = [message for message in found if message.visible or message.deleted_at is not None]
    around = branches.load_surroundings(thread, shown)
    models = list_models(thread, user)
    return [
        _add_actions(to_view(thread, message), around.get(message.pk, branches.NOTHING), models)
        if message.visible
        else _to_place(message)
        for message in shown
    ]


def _to_place(message: Message) -> MessageView:
    return MessageView(id=message.pk, role=message.role, state="complete", label="", icon="", is_deleted=True)


def _add_actions(view: MessageView, around: Surroundings, models: Sequence[tuple[str, str]]) -> MessageView:
    """The same on a page of its owner."""
    versions = [view.id] if view.id not in around.versions else list(around.versions)
    place, feedback = versions.index(view.id), around.feedback
    return replace(
        view,
        has_actions=True,
        version=place + 1,
        versions=len(versions),
        previous=versions[place - 1] if place > 0 else None,
        next=versions[place + 1] if place + 1 < len(versions) else None,
        models=[(name, label) for name, label in models if name != view.model] if view.can_retry else (),
        rating=feedback.rating if feedback else "",
        reasons=tuple(feedback.reasons) if feedback else (),
        comment=feedback.comment if feedback else "",
    )


def list_models(thread: Thread, user: Any) -> list[tuple[str, str]]:
    """The models from which this person may choose, each with its label; none if there is no choice."""
    assistant = registry.get(thread.assistant)
    models = assistant.get_models(user) if assistant else ()
    return [(item, item) if isinstance(item, str) else (item[0], item[1]) for item in models]


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
    is_cut = any(isinstance(part, NoticePart) and part.code == "length" for part in parts)
    is_over = state not in ("streaming", "waiting")
    can_retry = is_over and message.role == Message.Role.ASSISTANT
    can_retry = can_retry and (message.copied_from is not None or (run is not None and run.prompt_id is not None))
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
        # What failed is for staff to know.
        model=run.model if run and state != "failed" else message.copied_model,
        tokens=run.output_tokens if run else message.copied_tokens,
        error_code=run.error_code if run else "",
        error_reference=run.error_reference if run else "",
        error_message=get_sentence(run.error_code) if run and failed else "",
        can_answer=state == "waiting",
        can_retry=can_retry,
        can_continue=can_retry and (is_cut or state != "complete") and any(isinstance(p, TextPart) for p in parts),
        is_cut=is_cut,
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
    return to_chat_messages(thread, [messages[pk] for pk in path if pk in messages])


def to_chat_messages(thread: Thread, messages: Sequence[Message]) -> list[ChatMessage]:
    """Stored messages as an assistant sees them, their files with them."""
    loaded = [(message, message.load_parts()) for message in messages]
    files = load_files(thread, [part for _message, parts in loaded for part in parts])
    return [_to_chat_message(message, parts, files) for message, parts in loaded]


def _to_chat_message(message: Message, parts: Sequence[Part], files: Mapping[UUID, ChatFile]) -> ChatMessage:
    return ChatMessage(
        role=message.role,
        content=text_for_model(parts),
        id=message.pk,
        parts=tuple(parts),
        attachments=tuple(files[pk] for pk in find_ids(parts) if pk in files),
    )


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

    renewed: Sequence[MessageView] = ()
    """Messages under which something else stands than the page has; deleted ones are to be taken out."""

    live_run: Run | None = None
    """The run to follow."""

    last: UUID | None = None
    """Last message of the branch: what the page shows up to, after these changes."""

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
    views = {view.run_id: view for view in load_views(thread, replies, known, user=user)} if replies else {}
    renewed: list[MessageView] = []
    drawn = {*missing, *(views[run].id for run in views if run is not None)}
    changed = set() if all_new else branches.find_changed(thread, revision) - drawn
    if changed:
        # What stands farther up the page may not have; it is right when it is loaded.
        there = [pk for pk in get_path(thread)[-page_size:] if pk in changed]
        renewed = [view for view in load_views(thread, there, user=user) if not view.is_live]
    return Changes(
        thread=thread,
        gone=() if all_new else gone,
        new=load_views(thread, missing, known, user=user) if missing else (),
        all_new=all_new,
        updated=[views[run.pk] for run in shown if cursors[run.pk] != run.seq and run.pk in views],
        ended=[views[run.pk] for run in shown if cursors[run.pk] == run.seq and run.pk in views],
        renewed=renewed,
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
    """The branch; what of the page is not on it; what the page lacks; whether it has nothing of it.

    A page of which a whole page is to go may never have had what was before that.
    """
    columns = ("pk", "parent_id", "visible", "deleted_at")
    rows = list(Message.objects.filter(thread=thread).order_by().values_list(*columns))
    parents = {pk: parent for pk, parent, *_ in rows}
    has_place = {pk for pk, _, visible, deleted_at in rows if visible or deleted_at is not None}
    path = _walk(thread.head_id, parents)
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
    thread_row = (thread.head_id, thread.revision, thread.title, thread.todos, thread.queued_at, thread.settings)
    return (*thread_row, *greeting, *run)


@in_database
def find_marks(thread_ids: Sequence[UUID]) -> dict[UUID, tuple[Any, ...]]:
    """The marks of those of these threads that exist. Two queries, however many there are."""
    unfinished = Run.objects.filter(thread_id__in=thread_ids, kind=Run.Kind.REPLY, finished_at__isnull=True).order_by()
    live = {run.thread_id: run for run in unfinished.only("thread_id", "state")}
    columns = ("head_id", "revision", "title", "todos", "queued_at", "settings", "greeting", "greeting_dismissed_at")
    threads = Thread.objects.filter(pk__in=thread_ids, deleted_at=None).order_by().only(*columns)
    return {thread.pk: get_mark(thread, live.get(thread.pk)) for thread in threads}
