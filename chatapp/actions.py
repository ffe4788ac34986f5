"""The verbs: what happens on send, stop, retry. Both doors, socket and HTTP, end here.

An action checks by the policy, changes the rows in one transaction, and tells the runner and the readers. It raises
Refused with a sentence when it does nothing. A thread that is somebody else's is a thread that does not exist.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib.auth.signals import user_logged_out
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from chatapp import signals
from chatapp.assistants import Assistant
from chatapp.composing import check_is_open, check_message, check_text
from chatapp.conf import settings
from chatapp.contexts import ContextPart, read_mentioned
from chatapp.errors import Refused
from chatapp.finding import (
    check_is_free,
    find_answer,
    find_assistant,
    get_assistant,
    is_answering,
    lock_free_thread,
    make_thread,
    not_found,
)
from chatapp.models import Message, Run
from chatapp.models.calls import in_database, win_races
from chatapp.parts import Part, TextPart
from chatapp.policy import get_policy
from chatapp.replying import drop_silent_reply, store_reply
from chatapp.runs import attachments as files
from chatapp.runs import branches, greetings, journal, queue, transcript
from chatapp.runs.hub import Hub, get_hub
from chatapp.runs.live import Job
from chatapp.runs.runner import Runner, get_runner
from chatapp.runs.titles import get_first_words
from chatapp.turn import Turn

if TYPE_CHECKING:
    from chatapp.commanding import Typed


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """What became of a message."""

    message_id: UUID
    """Of a command of which no message came: its client_id."""

    run_id: UUID | None
    is_new: bool
    """False: it was here already, by the same client_id and with the same text."""

    is_shown: bool = True
    """False: nothing in the thread says that it was taken; the page that sent it has to be told."""

    notice: str = ""
    """What to tell who sent it, and nobody else."""

    download: str = ""
    """Address of a file for who sent it."""

    greets_on: bool = False
    """The thread was there and empty; a greeting may still be under way in it."""

    dismissed_at: datetime | None = None
    """When it made the greeting go away. None: it did not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What a person says, as it comes in at either door."""

    text: str
    client_id: UUID
    slug: str
    """Of the assistant, for a thread that is not there yet."""

    file_ids: Sequence[UUID]
    context: Sequence[ContextPart]
    """What they mentioned, read at this moment."""

    typed: "Typed | None"
    """The command that it is."""

    temporary: bool
    model: str


async def post_message(
    user: Any,
    thread_id: UUID,
    *,
    text: str,
    client_id: UUID,
    assistant: str = "",
    attachments: Sequence[UUID] = (),
    mentions: Sequence[str] = (),
    temporary: bool = False,
    model: str = "",
) -> Posted:
    """Store what the person said and begin to answer. The first message makes the thread, with this assistant.

    What is a slash command is done instead. `attachments` are files that they staged for it (see chatapp.attaching);
    with one there need be no text. `mentions` are ids of context sources. `temporary`: the thread that the first
    message makes is in no list and deleted soon (see TEMPORARY_HOURS). `model`: who answers this time, of those that
    the assistant offers, if it offers any.

    The same `client_id` again with the same text and files changes nothing and gives what the first one gave. Raises
    Refused: bad text, files or mentions (422), nothing can be sent now, or a command that they may not use (403), an
    answer is under way, a file is gone or the client_id has another text (409), too many or too soon (429), no such
    thread (404), the process is ending (503).
    """
    # A command is done by the actions, and the actions are asked for commands.
    from chatapp import commanding

    text = check_text(text, may_be_empty=bool(attachments))
    typed = await commanding.find(user, thread_id, text, assistant) if text.startswith("/") else None
    if typed is not None and not typed.command.echo:
        return await commanding.run(user, thread_id, typed, text=text, client_id=client_id)
    if typed is not None:
        attachments, mentions = (), ()  # They wait for the next message.
    context = await _read_mentions(user, thread_id, assistant, mentions) if mentions else []
    hub, runner = await get_ready()
    said = _Said(
        text=text,
        client_id=client_id,
        slug=assistant,
        file_ids=attachments,
        context=context,
        typed=typed,
        temporary=temporary,
        model=model,
    )

    async def post() -> Posted:
        posted, job, message = await _store_post(user, thread_id, said, hub.mailbox)
        if job is not None and message is not None:
            task = runner.start(job)
            if typed is not None:
                hub.spawn(_drop_if_silent(task, job))
            await _tell_receivers(user, message, job.assistant)
            await hub.thread_changed(thread_id, str(user.pk))
            if posted.greets_on:
                await greetings.stop(hub, thread_id)
            if posted.dismissed_at is not None:
                await signals.greeting_dismissed.asend_robust(
                    type(job.assistant), thread_id=thread_id, dismissed_at=posted.dismissed_at
                )
        elif message is not None:
            await _tell_of_queued(user, message)
        return posted

    return await hub.see_through(post())


async def _read_mentions(user: Any, thread_id: UUID, slug: str, ids: Sequence[str]) -> list[ContextPart]:
    assistant = await in_database(find_assistant)(user, thread_id, slug)
    turn = Turn(assistant=assistant, messages=(), user=user, thread_id=thread_id)
    return await read_mentioned(await assistant.load_context_sources(user), ids, turn)


async def _drop_if_silent(task: asyncio.Task[None], job: Job) -> None:
    """A command that said nothing leaves no empty message."""
    await asyncio.wait({task})
    if await in_database(drop_silent_reply)(job):
        await get_hub().thread_changed(job.thread_id)


async def _tell_of_queued(user: Any, message: Message) -> None:
    """A question waits: everybody shows it, and the answer before it is stopped if the assistant wants that."""
    hub = get_hub()
    assistant = get_assistant(message.thread)
    await _tell_receivers(user, message, assistant)
    await hub.thread_changed(message.thread_id)
    if assistant.get_while_running() == "stop":
        await stop(user, message.thread_id)
    # The answer may have ended in the meantime, and whoever ended it may have looked before the question was stored.
    await queue.thread_freed.asend_robust(None, thread_id=message.thread_id)


async def _tell_receivers(user: Any, message: Message, assistant: Assistant) -> None:
    sender = type(assistant)
    await signals.message_created.asend_robust(sender, message=message)
    await signals.message_posted.asend_robust(
        sender, user=user, thread=message.thread, text=message.text, message=message
    )


async def get_ready() -> tuple[Hub, Runner]:
    """The hub and the runner of this process, ready for a new run. Raises Refused if the process is ending."""
    hub, runner = get_hub(), get_runner()
    await hub.open()
    if runner.is_draining:
        raise Refused(
            "restarting", _("The server is restarting. Please send it again in a moment."), status=503, retry_after=2
        )
    return hub, runner


@in_database
def _store_post(user: Any, thread_id: UUID, said: _Said, mailbox: str) -> tuple[Posted, Job | None, Message | None]:
    try:
        return win_races(lambda: _try_store_post(user, thread_id, said, mailbox))
    except IntegrityError as error:
        # Who was faster is seen the next time; somebody else's thread never is.
        raise not_found() from error


def _try_store_post(user: Any, thread_id: UUID, said: _Said, mailbox: str) -> tuple[Posted, Job | None, Message | None]:
    policy = get_policy()
    thread = policy.get_threads(user).select_for_update(of=("self",)).filter(pk=thread_id).first()
    was_there = thread is not None
    if thread is None:
        thread = make_thread(user, thread_id, said.slug)
    else:
        known = Message.objects.filter(thread=thread, client_id=said.client_id).first()
        if known is not None:
            return repeat(known, said.text, said.file_ids), None, None
    assistant = get_assistant(thread)
    if not policy.can_use(user, assistant):
        raise not_found()
    check_message(said.text, assistant, user)
    if said.model and (models := transcript.list_models(thread, user)):
        _check_model(said.model, models)
    is_first = thread.head_id is None
    attached = files.claim(user, thread, assistant, said.file_ids)
    words = [TextPart(text=said.text)] if said.text else []
    parts: list[Part] = [*(file.to_part() for file in attached), *said.context, *words]
    question = Message(
        thread=thread,
        parent_id=thread.head_id,
        role=Message.Role.USER,
        parts=[part.dump() for part in parts],
        text=said.text,
        client_id=said.client_id,
        for_model=said.typed is None or said.typed.command.for_model,
    )
    if not is_first:
        may_wait = said.typed is None and assistant.get_while_running() in queue.MODES
        if may_wait and (thread.queued_at is not None or is_answering(thread)):
            question.parent_id = None
            policy.check_send(user)
            if not queue.put(thread, question):
                raise Refused("queue_full", _("Too many messages are waiting to be sent."), status=429, retry_after=10)
            files.bind(attached, question)
            return Posted(message_id=question.pk, run_id=None, is_new=True), None, question
        check_is_free(thread)
    policy.check_send(user)
    policy.check_post(user)
    dismissed_at = greetings.dismiss(thread, assistant, user)
    if is_first:
        thread.title = thread.title or _get_first_title(said.text or ", ".join(file.name for file in attached))
        thread.temporary = thread.temporary or said.temporary
    job = store_reply(thread, question, assistant, user, mailbox, is_new=True, model=said.model, typed=said.typed)
    files.bind(attached, question)
    posted = Posted(
        message_id=question.pk,
        run_id=job.run_id,
        is_new=True,
        greets_on=was_there and is_first,
        dismissed_at=dismissed_at,
    )
    return posted, job, question


def _get_first_title(text: str) -> str:
    return "" if settings.TITLES == "off" else get_first_words(text)


def repeat(known: Message, text: str, file_ids: Sequence[UUID] | None = None) -> Posted:
    """What the first one gave, for a message that is here already; None: whatever its files are.

    Raises Refused if it had another text or other files (409).
    """
    if not known.visible:
        # A command that was done, or a message that was cleared before its page had seen it.
        return Posted(message_id=known.pk, run_id=None, is_new=False, is_shown=False)
    is_other = file_ids is not None and files.find_ids(known.load_parts()) != list(dict.fromkeys(file_ids))
    if known.text != text or is_other:
        raise Refused(
            "other_text", _("This message was sent before with another text. Please send it again."), status=409
        )
    run = Run.objects.filter(prompt=known).order_by("started_at").first()
    return Posted(message_id=known.pk, run_id=run.pk if run else None, is_new=False)


async def retry(user: Any, thread_id: UUID, message_id: UUID | None = None, *, model: str = "") -> None:
    """Answer a question of the shown branch again; the new answer is a version of the old one and takes its place.

    `message_id` is that answer, by default the last message; what followed it stays on the branch of the old one.
    `model`: who is to answer, of those that the assistant offers. Raises Refused: there is no such answer here, or one
    is under way (409), no such model (422), too many (429), no such thread (404).
    """
    hub, runner = await get_ready()

    async def ask_again() -> None:
        runner.start(await _store_retry(user, thread_id, message_id, model, hub.mailbox))
        await hub.thread_changed(thread_id, str(user.pk))

    await hub.see_through(ask_again())


@in_database
def _store_retry(user: Any, thread_id: UUID, message_id: UUID | None, model: str, mailbox: str) -> Job:
    with transaction.atomic():
        thread, assistant = lock_free_thread(user, thread_id)
        check_is_open(assistant, user)
        answer = find_answer(thread, message_id or thread.head_id)
        if answer is None or answer.parent is None:
            raise Refused("nothing_to_retry", _("There is no answer to try again."), status=409)
        _check_model(model, transcript.list_models(thread, user))
        get_policy().check_post(user)
        branches.leave(thread, answer)
        return store_reply(thread, answer.parent, assistant, user, mailbox, is_new=False, model=model)


def _check_model(model: str, models: Sequence[tuple[str, str]]) -> None:
    if model and model not in dict(models):
        raise Refused("no_such_model", _("There is no such model to choose here."))


async def stop(user: Any, thread_id: UUID) -> bool:
    """Stop the answer that is under way in this thread, wherever it runs; whether there was one.

    The state is stored before anybody is told, so a stop holds even if the process that answers never hears of it.
    Raises Refused: no such thread (404).
    """
    hub = get_hub()
    await hub.open()
    run = await _store_stop(user, thread_id)
    if run is not None:
        await hub.stop(run)
    return run is not None


@in_database
def _store_stop(user: Any, thread_id: UUID) -> Run | None:
    thread = get_policy().get_thread(user, thread_id)
    if thread is None:
        raise not_found()
    run = transcript.get_live_run(thread)
    if run is not None:
        journal.request_stop(run.pk)
    return run


async def _end_session(sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
    """Close the sockets of a session that has ended."""
    if user is not None:
        session = getattr(request, "session", None)
        await get_hub().session_ended(str(user.pk), getattr(session, "session_key", None) or "-")


def connect_receivers() -> None:
    """Hear of sign-outs."""
    user_logged_out.connect(_end_session, dispatch_uid="chatapp.actions")
