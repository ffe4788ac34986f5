"""The branch of a thread that is shown, as pages, tabs, models and staff need it.

Sync: called in the database thread.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _

from chatapp import registry
from chatapp.activity import settle
from chatapp.conf import settings
from chatapp.errors import get_next_step, get_sentence
from chatapp.files.chatfile import ChatFile
from chatapp.icons import get_shown
from chatapp.models import Message, Run, Thread
from chatapp.parts import ErrorPart, NoticePart, Part, TextPart, ThinkingPart, plain_text, text_for_model
from chatapp.policy import get_policy
from chatapp.rendering.renderer import MessageView
from chatapp.turn import ChatMessage

from . import branches, cuts
from .attachments import find_ids, load_files
from .bills import get_figures
from .branches import Surroundings

MAX_RETRY_MODELS = 20
"""Under an answer stand so many models at most with which it can be tried again; if there are more, none."""


def get_path(thread: Thread) -> list[UUID]:
    """Ids of the messages of the branch that is shown, oldest first. One query, whatever the length."""
    parents = dict(Message.objects.filter(thread=thread).order_by().values_list("pk", "parent_id"))
    return walk(thread.head_id, parents)


def get_path_through(thread: Thread, message: str) -> list[UUID]:
    """As get_path, of the branch that ends at this message; empty if there is none of this id."""
    parents = dict(Message.objects.filter(thread=thread).order_by().values_list("pk", "parent_id"))
    return walk(next((pk for pk in parents if str(pk) == message), None), parents)


def walk(head: UUID | None, parents: Mapping[UUID, UUID | None]) -> list[UUID]:
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
    sees_cost = settings.SHOW_USAGE == "cost" and get_policy().can_see_cost(user)
    if len(models) > MAX_RETRY_MODELS:
        models = []  # Some providers offer hundreds: who wants another one chooses it in the settings.
    views = [
        _add_actions(to_view(thread, message, sees_cost=sees_cost), around.get(message.pk, branches.NOTHING), models)
        if message.visible
        else _to_place(message)
        for message in shown
    ]
    return _add_causes(views, thread, user)


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


def _add_causes(views: list[MessageView], thread: Thread, user: Any) -> list[MessageView]:
    """The same, with a way to the causes for those who may read them; nobody is asked while nothing has failed."""
    if not any(view.error_reference for view in views) or not get_policy().may_read_causes(user):
        return views
    return [
        replace(view, cause_url=reverse("chatapp:cause", args=[thread.pk, view.error_reference]))
        if view.error_reference
        else view
        for view in views
    ]


def list_models(thread: Thread, user: Any) -> list[tuple[str, str]]:
    """The models from which this person may choose, each with its label; none if there is no choice."""
    assistant = registry.get(thread.assistant)
    models = assistant.list_models(user, thread.provider) if assistant else ()
    return [(item, item) if isinstance(item, str) else (item[0], item[1]) for item in models]


def to_view(thread: Thread, message: Message, *, sees_cost: bool = False) -> MessageView:
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
        tokens=None if settings.SHOW_USAGE == "none" else run.output_tokens if run else message.copied_tokens,
        figures=get_figures(run, with_cost=sees_cost) if run else None,
        error_code=run.error_code if run else "",
        error_reference=run.error_reference if run else "",
        error_message=get_sentence(run.error_code) if run and failed else "",
        can_answer=state == "waiting",
        can_retry=can_retry,
        next_step=get_next_step(run.error_code) if run and run.error_code else "retry",
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
    path = walk(upto, dict(rows.values_list("pk", "parent_id")))
    messages = rows.filter(for_model=True).in_bulk(path)
    return to_chat_messages(thread, cuts.drop_before([messages[pk] for pk in path if pk in messages]))


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
