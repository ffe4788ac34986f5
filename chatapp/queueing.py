"""The queue of a thread as people use it: the next question is sent when the answer has ended, or taken back before.

A stop or a failure holds nothing up: who does not want what waits takes it back.
"""

from typing import Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from chatapp import finding, registry
from chatapp.errors import Refused
from chatapp.models import Thread
from chatapp.models.calls import in_database
from chatapp.policy import get_policy
from chatapp.replying import store_reply
from chatapp.runs import queue
from chatapp.runs.hub import get_hub
from chatapp.runs.live import Job
from chatapp.runs.runner import get_runner


async def send_next(thread_id: UUID) -> None:
    """Begin to answer the first question that waits in this thread, if one does and the thread is free.

    A process that is about to end leaves it to the others.
    """
    hub, runner = get_hub(), get_runner()
    await hub.open()
    if runner.is_draining:
        return

    async def send() -> None:
        job = await _store_next(thread_id, hub.mailbox)
        if job is not None:
            runner.start(job)
            await hub.thread_changed(thread_id, job.person)

    await hub.see_through(send())


@in_database
def _store_next(thread_id: UUID, mailbox: str) -> Job | None:
    if not Thread.objects.filter(pk=thread_id, queued_at__isnull=False, deleted_at=None).exists():
        return None  # Nearly always; a SELECT takes no lock.
    try:
        with transaction.atomic():
            found = Thread.objects.select_for_update(of=("self",)).filter(
                pk=thread_id, queued_at__isnull=False, deleted_at=None
            )
            thread = found.select_related("owner").first()
            if thread is None or finding.is_answering(thread):
                return None
            user = thread.owner or AnonymousUser()
            assistant = registry.get(thread.assistant)
            if assistant is None or not get_policy().can_use(user, assistant):
                return None  # It waits on; the person can take it back.
            question = queue.take_first(thread)
            if question is None:
                return None
            return store_reply(thread, question, assistant, user, mailbox, is_new=False)
    except IntegrityError:
        return None  # Another process was faster; its run goes on with the queue.


async def unqueue(user: Any, thread_id: UUID, message_id: UUID) -> None:
    """Take back a question that waits, for good, in all open pages.

    Raises Refused: it does not wait (409), not the owner (403), no such thread (404).
    """
    await _store_unqueued(user, thread_id, message_id)
    await get_hub().thread_changed(thread_id)


@in_database
def _store_unqueued(user: Any, thread_id: UUID, message_id: UUID) -> None:
    with transaction.atomic():
        thread = get_policy().get_threads(user).select_for_update(of=("self",)).filter(pk=thread_id).first()
        if thread is None:
            raise finding.not_found()
        if thread.owner_id is not None and thread.owner_id != user.pk:
            raise Refused("not_yours", _("Only the owner of this conversation can do that."), status=403)
        if not queue.remove(thread, message_id):
            raise Refused("not_waiting", _("This message does not wait any more."), status=409)


async def _go_on(sender: Any, thread_id: UUID, **kwargs: Any) -> None:
    await send_next(thread_id)


def connect_receivers() -> None:
    """Hear of threads that have become free."""
    queue.thread_freed.connect(_go_on, dispatch_uid="chatapp.queueing")
