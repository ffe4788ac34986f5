"""What is stored when an answer begins, whoever asked: a post, another try, the queue, an edit."""

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django.db import transaction
from django.db.models.functions import Now

from chatapp.activity import settle
from chatapp.assistants import Assistant
from chatapp.models import Message, Run, Thread
from chatapp.parts import ErrorPart, NoticePart, Part, plain_text
from chatapp.prompts import CONTINUE
from chatapp.runs import greetings, preferences, transcript
from chatapp.runs.live import Job
from chatapp.runs.summaries import load_summary
from chatapp.runs.titles import wants_title
from chatapp.todos import are_all_done, load_todos
from chatapp.turn import ChatMessage, Turn

if TYPE_CHECKING:
    from chatapp.commanding import Typed


def store_reply(
    thread: Thread,
    question: Message,
    assistant: Assistant,
    user: Any,
    mailbox: str,
    *,
    is_new: bool,
    model: str = "",
    so_far: Message | None = None,
    typed: "Typed | None" = None,
) -> Job:
    """Store the place of an answer and its run; with a new question that too, and with the first one the thread.

    `model`: who is to answer in place of whom the thread would ask. `so_far`: an answer to the same question that this
    one goes on with; it begins with its parts. `typed`: a command that answers in place of the assistant, once: nobody
    can try it again.
    """
    is_first = is_new and thread.head_id is None
    startup = greetings.list_startup(thread, assistant) if is_first else []
    if startup:
        question.parent_id = startup[-1].pk
    said = list_said(so_far) if so_far is not None else []
    reply = Message(
        thread=thread,
        parent=question,
        role=Message.Role.ASSISTANT,
        parts=[part.dump() for part in said],
        text=plain_text(said),
        icon=so_far.icon if so_far is not None else "",
        for_model=question.for_model,
    )
    history = [] if is_first else transcript.load_history(thread, question.parent_id if is_new else question.pk)
    if is_new:
        history += transcript.to_chat_messages(thread, [question])
    if so_far is not None:
        (said_so_far,) = transcript.to_chat_messages(thread, [so_far])
        history.append(replace(said_so_far, parts=tuple(said)))
        history.append(ChatMessage(role="user", content=CONTINUE))
    thread.head_id, thread.updated_at = reply.pk, Now()
    # The thread may name its head before that is stored: foreign keys are checked at the end of the transaction.
    if thread._state.adding:
        thread.save(force_insert=True)
    else:
        if are_all_done(load_todos(thread.todos)):
            thread.todos = []  # What is done was for the question before.
        greeting = greetings.COLUMNS if is_new else ()
        thread.save(
            update_fields=["head", "updated_at", "todos", *(["title", "temporary"] if is_first else []), *greeting]
        )
    Message.objects.bulk_create([*startup, question, reply] if is_new else [reply])
    run_id = uuid4()
    chosen = preferences.load_settings(assistant, user, thread)
    config = assistant.make_config(chosen)
    if model:
        config = config.model_copy(update={"model": model})
    turn = Turn(
        assistant=assistant,
        messages=tuple(history),
        user=user,
        thread_id=thread.pk,
        run_id=run_id,
        config=config,
        settings=chosen,
        summary=load_summary(thread),
        alias=thread.provider,
    )
    run = Run(
        id=run_id,
        thread=thread,
        prompt=question if typed is None else None,
        reply=reply,
        hub=mailbox,
        provider=turn.get_alias(),
        model="" if typed is not None else config.model or assistant.find_model(thread.provider),
        started_at=Now(),
        heartbeat_at=Now(),
    )
    run.save(force_insert=True)
    return Job(
        run_id=run_id,
        reply_id=reply.pk,
        thread_id=thread.pk,
        person=str(user.pk),
        assistant=assistant,
        turn=turn,
        said=tuple(said),
        # Of a temporary one nobody else hears.
        wants_title=typed is None
        and not thread.temporary
        and wants_title(is_first_answer=is_first, is_manual=thread.title_is_manual),
        answer=None if typed is None else partial(typed.command.answer, text=typed.text),
    )


def list_said(message: Message) -> list[Part]:
    """The parts of an answer that is over, without those that say how it ended."""
    parts = [settle(part, is_lost=True) for part in message.load_parts()]
    return [part for part in parts if not isinstance(part, ErrorPart) and not _is_about_length(part)]


def _is_about_length(part: Part) -> bool:
    return isinstance(part, NoticePart) and part.code == "length"


def drop_silent_reply(job: Job) -> bool:
    """Delete the place of an answer that has ended without a word, if nothing follows it; whether it was."""
    with transaction.atomic():
        thread = Thread.objects.select_for_update().filter(pk=job.thread_id, head_id=job.reply_id).first()
        silent = Message.objects.filter(pk=job.reply_id, parts=[], run__state=Run.State.COMPLETE).first()
        if thread is None or silent is None:
            return False
        Thread.objects.filter(pk=thread.pk).update(head=silent.parent_id)
        silent.delete()
    return True
