"""Questions that wait for the end of an answer, where the assistant lets people send meanwhile.

Each is a message with `queued_at` and a `client_id`, stored when it is sent, so it is in every tab and survives a
reload and the process. It is no part of the conversation before its turn comes: then it goes to the end, and gets a run
of its own. Whoever ends a run, stores a question or looks for what others left undone says so with `thread_freed`; the
first who hears it and finds the thread free sends the next question (see chatapp.queueing).

Sync: called in the database thread.
"""

from typing import Final
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet
from django.dispatch import Signal
from django.utils import timezone

from chatapp.models import Message, Run, Thread
from chatapp.models.calls import in_database

MAX_WAITING: Final = 10
"""Questions that may wait in one thread."""

MODES: Final = ("queue", "stop")
"""Values of Assistant.while_running with which a message that is sent during an answer waits here."""

thread_freed = Signal()
"""A thread in which questions may wait is perhaps free now. Arguments: `thread_id`."""


def list_waiting(thread: Thread) -> list[Message]:
    """The questions that wait in this thread, in the order in which they will be sent. No query if there are none."""
    return [] if thread.queued_at is None else list(_get_waiting(thread.pk))


def put(thread: Thread, question: Message) -> bool:
    """Store a question at the end of the queue of a thread that is locked; False: there are too many."""
    if _get_waiting(thread.pk).count() >= MAX_WAITING:
        return False
    question.queued_at = timezone.now()
    question.save(force_insert=True)
    _note(thread)
    return True


def take_first(thread: Thread) -> Message | None:
    """The next question, put at the end of the conversation of a thread that is locked. None: none waits."""
    question = _get_waiting(thread.pk).first()
    if question is not None:
        question.parent_id, question.queued_at = thread.head_id, None
        question.save(update_fields=["parent", "queued_at"])
        thread.head_id = question.pk
    _note(thread)
    return question


def remove(thread: Thread, message_id: UUID) -> bool:
    """Take a question out of the queue of a thread that is locked, for good; whether it was there."""
    count, _ = _get_waiting(thread.pk).filter(pk=message_id).delete()
    _note(thread)
    return bool(count)


@in_database
def find_stalled() -> list[UUID]:
    """Threads in which questions wait and nothing is being said: whoever was to go on is gone."""
    live = Run.objects.filter(thread=OuterRef("pk"), kind=Run.Kind.REPLY, finished_at__isnull=True)
    waiting = Thread.objects.filter(~Exists(live), queued_at__isnull=False, deleted_at=None).order_by("queued_at")
    return list(waiting.values_list("pk", flat=True)[:100])


def _get_waiting(thread_id: UUID) -> QuerySet[Message]:
    waiting = Message.objects.filter(thread_id=thread_id, queued_at__isnull=False, client_id__isnull=False)
    return waiting.order_by("queued_at", "created_at")


def _note(thread: Thread) -> None:
    thread.queued_at = timezone.now() if _get_waiting(thread.pk).exists() else None
    Thread.objects.filter(pk=thread.pk).update(queued_at=thread.queued_at)
