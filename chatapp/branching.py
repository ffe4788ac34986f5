"""What makes branches and goes from one to another: a question is edited, another version is shown, a cut answer is
gone on with, a message is deleted.

Nothing that was said is lost by any of it: the old version stays, with all that followed it, and can be shown again.
"""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from chatapp import signals
from chatapp.actions import Posted, get_ready, repeat
from chatapp.composing import check_is_open, check_message, check_text
from chatapp.copying import copy_message
from chatapp.errors import Refused
from chatapp.finding import find_answer, is_answering, lock_free_thread, not_found
from chatapp.models import Message, Thread
from chatapp.models.calls import in_database
from chatapp.policy import get_policy
from chatapp.replying import list_said, store_reply
from chatapp.runs import branches, transcript
from chatapp.runs.hub import get_hub
from chatapp.runs.live import Job
from chatapp.runs.summaries import forget_summary


async def edit_message(user: Any, thread_id: UUID, message_id: UUID, *, text: str, client_id: UUID) -> Posted:
    """Ask a question of the shown branch anew, with this text; what is said from there on is a branch of its own.

    The new version has the files of the old one. The same `client_id` again changes nothing, as with post_message.
    Raises Refused: bad text (422), no such question here, an answer is under way, or the client_id has another text
    (409), too many (429), no such thread (404), the process is ending (503).
    """
    text = check_text(text)
    hub, runner = await get_ready()

    async def edit() -> Posted:
        posted, job, message = await _store_edit(user, thread_id, message_id, text, client_id, hub.mailbox)
        if job is not None:
            runner.start(job)
            await signals.message_created.asend_robust(type(job.assistant), message=message)
            await hub.thread_changed(thread_id, str(user.pk))
        return posted

    return await hub.see_through(edit())


@in_database
def _store_edit(
    user: Any, thread_id: UUID, message_id: UUID, text: str, client_id: UUID, mailbox: str
) -> tuple[Posted, Job | None, Message | None]:
    policy = get_policy()
    with transaction.atomic():
        known = Message.objects.filter(thread__in=policy.get_threads(user), thread_id=thread_id, client_id=client_id)
        if (message := known.first()) is not None:
            return repeat(message, text), None, None
        thread, assistant = lock_free_thread(user, thread_id)
        check_message(text, assistant, user)
        asked = _find_shown(thread, message_id)
        if asked is None or asked.role != Message.Role.USER:
            raise Refused("nothing_to_edit", _("This message cannot be edited."), status=409)
        policy.check_post(user)
        branches.leave(thread, asked)
        question = copy_message(asked, thread, asked.parent_id, text=text)
        question.client_id = client_id
        job = store_reply(thread, question, assistant, user, mailbox, is_new=True)
        return Posted(message_id=question.pk, run_id=job.run_id, is_new=True), job, question


def _find_shown(thread: Thread, message_id: UUID) -> Message | None:
    """This message, if it is on the branch that is shown and can be seen."""
    message = thread.messages.filter(pk=message_id, visible=True, queued_at__isnull=True).first()
    return message if message is not None and message.pk in transcript.get_path(thread) else None


async def continue_answer(user: Any, thread_id: UUID, message_id: UUID) -> None:
    """Have an answer of the shown branch go on that was cut off or stopped, in a new version that begins with its text.

    Raises Refused: there is nothing to go on with, or an answer is under way (409), too many (429), no such thread
    (404), the process is ending (503).
    """
    hub, runner = await get_ready()

    async def go_on() -> None:
        runner.start(await _store_rest(user, thread_id, message_id, hub.mailbox))
        await hub.thread_changed(thread_id, str(user.pk))

    await hub.see_through(go_on())


@in_database
def _store_rest(user: Any, thread_id: UUID, message_id: UUID, mailbox: str) -> Job:
    with transaction.atomic():
        thread, assistant = lock_free_thread(user, thread_id)
        check_is_open(assistant, user)
        answer = find_answer(thread, message_id)
        if answer is None or answer.parent is None or not any(part.kind == "text" for part in list_said(answer)):
            raise Refused("nothing_to_continue", _("There is no answer to go on with."), status=409)
        get_policy().check_post(user)
        branches.leave(thread, answer)
        return store_reply(thread, answer.parent, assistant, user, mailbox, is_new=False, so_far=answer)


async def show_version(user: Any, thread_id: UUID, message_id: UUID) -> None:
    """Show the branch through this message, to where it was shown before; the model gets that one from then on.

    Raises Refused: there is no such message to show, or an answer is under way (409), no such thread (404).
    """
    await _store_shown(user, thread_id, message_id)
    await get_hub().thread_changed(thread_id)


@in_database
def _store_shown(user: Any, thread_id: UUID, message_id: UUID) -> None:
    with transaction.atomic():
        thread = _lock_quiet_thread(user, thread_id)
        message = thread.messages.filter(pk=message_id, visible=True, queued_at__isnull=True).first()
        if message is None:
            raise Refused("no_such_version", _("There is no such version of the message."), status=409)
        if message.pk not in transcript.get_path(thread):
            branches.show(thread, message)


def _lock_quiet_thread(user: Any, thread_id: UUID) -> Thread:
    """As finding.lock_free_thread, for what can be done without an assistant."""
    thread = get_policy().get_threads(user).select_for_update(of=("self",)).filter(pk=thread_id).first()
    if thread is None:
        raise not_found()
    if is_answering(thread):
        raise Refused("answering", _("Please wait for the answer to finish, or stop it first."), status=409)
    return thread


async def delete_message(user: Any, thread_id: UUID, message_id: UUID) -> None:
    """Take one message of the shown branch away; the model never gets it again.

    What follows it stays. If there are other versions of it, one of them is shown in its place, with what follows that.
    The row stays, marked. Raises Refused: there is no such message here, or an answer is under way (409), no such
    thread (404).
    """
    await _store_deleted(user, thread_id, message_id)
    await get_hub().thread_changed(thread_id)


@in_database
def _store_deleted(user: Any, thread_id: UUID, message_id: UUID) -> None:
    with transaction.atomic():
        thread = _lock_quiet_thread(user, thread_id)
        message = _find_shown(thread, message_id)
        if message is None:
            raise Refused("nothing_to_delete", _("This message is not here any more."), status=409)
        versions = branches.get_versions(message)
        place = versions.index(message.pk)
        others = [*versions[:place][::-1], *versions[place + 1 :]]
        Message.objects.filter(pk=message.pk).update(deleted_at=timezone.now(), visible=False, for_model=False)
        forget_summary(thread.pk)
        branches.note_change(thread, Q(pk__in=versions))
        if others:
            branches.show(thread, Message(pk=others[0], thread=thread))
