"""The greeting of a thread as it is stored: who sees it, when it goes, and what says it.

A thread has one greeting, in columns of its own, and no message for it. Sync, called in the database thread, unless
they say otherwise. Whoever changes the thread locks the run before it, as the journal does.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from chatapp import registry
from chatapp.assistants import Assistant
from chatapp.greetings import Greeting, to_startup_parts
from chatapp.models import LIVE_STATES, Message, Run, Thread
from chatapp.models.calls import in_database
from chatapp.parts import load_parts, plain_text
from chatapp.rendering.greetings import WelcomeView

from .hub import Hub

ABANDONED = timedelta(days=1)
"""A thread with a greeting and no message for so long is nobody's any more."""


COLUMNS = ("greeting", "greeting_dismissible", "greeting_dismissed_at", "greeting_version")
"""Columns of the thread that are about it."""

_FORGOTTEN = 1000
"""Added to `seq` of a greeting that was replaced."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a page shows above the messages, and the run that says it or said it last."""

    welcome: WelcomeView | None
    run: Run | None = None


def find(thread: Thread, user: Any, *, in_visit: bool) -> Found:
    """What a page of this person shows above the messages of this thread, which may have no row yet.

    An empty thread shows its greeting to everybody. One with messages shows what is left of it in the visit in which it
    was begun (`in_visit`), and nowhere else.
    """
    is_empty = thread.head_id is None
    if not is_empty and not in_visit:
        return Found(None)
    assistant = registry.get(thread.assistant)
    run = _find_run(thread) if is_empty and not thread._state.adding else None
    if thread.greeting_dismissed_at is not None:
        parts, is_wanted = [], False
    elif thread.greeting is not None:
        parts, is_wanted = load_parts(thread.greeting), False
    else:
        declared = assistant.load_greeting(user) if assistant is not None else None
        parts = declared.to_parts() if declared is not None else []
        is_wanted = declared is not None and declared.is_made and is_empty
    if is_empty and thread.greeting is None and not parts and assistant is not None and assistant.startup_messages:
        return Found(None)
    if not is_empty and not parts:
        return Found(None)
    view = WelcomeView(
        thread_id=thread.pk,
        assistant=assistant,
        version=thread.greeting_version,
        parts=tuple(parts),
        is_wanted=is_wanted,
        run_id=run.pk if run is not None and run.is_live else None,
        is_start=is_empty,
        suggestions=tuple(assistant.list_suggestions(user)) if is_empty and assistant is not None else (),
    )
    return Found(view, run)


def _find_run(thread: Thread) -> Run | None:
    return Run.objects.filter(thread=thread, kind=Run.Kind.GREETING).order_by("-started_at").first()


def _find_live(thread_id: UUID) -> Run | None:
    return Run.objects.filter(thread_id=thread_id, kind=Run.Kind.GREETING, finished_at__isnull=True).first()


def read(thread: Thread) -> str | None:
    """What the greeting says; None if there is none. Of one that is being said, what was stored so far."""
    if thread.greeting is not None:
        return plain_text(load_parts(thread.greeting)) or None
    assistant = registry.get(thread.assistant)
    declared = assistant.load_greeting(thread.owner) if assistant is not None else None
    return plain_text(declared.to_parts()) or None if declared is not None else None


def keep(thread: Thread, greeting: Greeting) -> None:
    """Put the greeting into the columns of the thread; the caller saves it."""
    thread.greeting = [part.dump() for part in greeting.to_parts()]
    thread.greeting_dismissible = greeting.dismissible
    thread.greeting_version += 1


def dismiss(thread: Thread, assistant: Assistant, user: Any) -> datetime | None:
    """The owner speaks: take the greeting away, if it goes away and has not gone before; when that was.

    The caller holds the thread, and saves it.
    """
    if thread.greeting is None and thread.head_id is None:
        declared = assistant.load_greeting(user)
        if declared is not None and not declared.is_made:
            keep(thread, declared)
    if thread.greeting is None or not thread.greeting_dismissible or thread.greeting_dismissed_at is not None:
        return None
    if not thread.greeting and _find_live(thread.pk) is None:
        return None  # There is none, and none is being said of which nothing was stored yet.
    thread.greeting_dismissed_at = timezone.now()
    thread.greeting_version += 1
    return thread.greeting_dismissed_at


def list_startup(thread: Thread, assistant: Assistant) -> list[Message]:
    """The messages with which a thread begins that has none, not stored; the page and the row have the same ids."""
    if thread.head_id is not None or thread.greeting is not None:
        return []
    messages: list[Message] = []
    for index, parts in enumerate(to_startup_parts(assistant.startup_messages)):
        message = Message(
            pk=get_startup_id(thread.pk, index),
            thread=thread,
            parent_id=messages[-1].pk if messages else None,
            role=Message.Role.ASSISTANT,
            parts=[part.dump() for part in parts],
            text=plain_text(parts),
            for_model=False,
        )
        messages.append(message)
    return messages


def load_startup(thread: Thread) -> dict[UUID, Message]:
    """See list_startup; by id, in order."""
    assistant = registry.get(thread.assistant)
    return {message.pk: message for message in list_startup(thread, assistant)} if assistant is not None else {}


def get_startup_id(thread_id: UUID, index: int) -> UUID:
    """Id of one of the messages with which a thread begins."""
    return uuid5(NAMESPACE_URL, f"chatapp:{thread_id}:startup:{index}")


def end_run(thread_id: UUID) -> Run | None:
    """End the greeting that is being said, so that nothing of it is written any more; the run that it was.

    Within a transaction, before the thread is locked.
    """
    run = _find_live(thread_id)
    if run is not None:
        Run.objects.filter(pk=run.pk, state__in=LIVE_STATES).update(state=Run.State.STOPPED)
        Run.objects.filter(pk=run.pk, finished_at__isnull=True).update(finished_at=Now())
    # No page has that number from the stream, so every page takes what is stored next.
    Run.objects.filter(thread_id=thread_id, kind=Run.Kind.GREETING).update(seq=F("seq") + _FORGOTTEN)
    return run


def replace(thread_id: UUID, greeting: Greeting | None) -> Run | None:
    """Show this greeting and no other, none for None; the run that was ended for it. Raises Thread.DoesNotExist.

    What was dismissed stays out of sight.
    """
    with transaction.atomic():
        run = end_run(thread_id)
        thread = Thread.objects.select_for_update().get(pk=thread_id)
        if greeting is None:
            thread.greeting = []
            thread.greeting_version += 1
        else:
            keep(thread, greeting)
        thread.save(update_fields=COLUMNS)
    return run


async def stop(hub: Hub, thread_id: UUID) -> None:
    """Stop the greeting that is being said, wherever that is; what was said of it is kept. In async code."""
    run = await _mark_stopped(thread_id)
    if run is not None:
        await hub.stop(run)


@in_database
def _mark_stopped(thread_id: UUID) -> Run | None:
    run = _find_live(thread_id)
    if run is not None:
        Run.objects.filter(pk=run.pk, state__in=LIVE_STATES).update(state=Run.State.STOPPED)
    return run


@in_database
def store_dismissible(run_id: UUID, *, is_dismissible: bool) -> None:
    """Whether the greeting that this run says goes away with the first message."""
    said = Run.objects.filter(pk=run_id, finished_at__isnull=True).values("thread")
    Thread.objects.filter(pk__in=said).update(greeting_dismissible=is_dismissible)


def purge() -> int:
    """Delete threads in which a greeting was said and nobody ever wrote; how many there were."""
    old = Thread.objects.filter(
        head__isnull=True, messages__isnull=True, greeting__isnull=False, title="", updated_at__lt=Now() - ABANDONED
    )
    found = list(old.values_list("pk", flat=True))
    Thread.objects.filter(pk__in=found, head__isnull=True).delete()
    return len(found)
