"""What is stored when an answer begins, whoever asked: a post, another try, the queue."""

from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django.db import transaction
from django.db.models.functions import Now

from chatapp.assistants import Assistant
from chatapp.models import Message, Run, Thread
from chatapp.runs import greetings, transcript
from chatapp.runs.live import Job
from chatapp.runs.titles import wants_title
from chatapp.todos import are_all_done, load_todos
from chatapp.turn import ModelConfig, Turn

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
    typed: "Typed | None" = None,
) -> Job:
    """Store the place of an answer and its run; with a new question that too, and with the first one the thread.

    `typed`: a command that answers in place of the assistant, once: nobody can try it again.
    """
    is_first = is_new and thread.head_id is None
    startup = greetings.list_startup(thread, assistant) if is_first else []
    if startup:
        question.parent_id = startup[-1].pk
    reply = Message(thread=thread, parent=question, role=Message.Role.ASSISTANT, parts=[])
    reply.for_model = question.for_model
    history = [] if is_first else transcript.load_history(thread, question.parent_id if is_new else question.pk)
    if is_new:
        history.append(transcript.to_chat_message(question))
    thread.head_id, thread.updated_at = reply.pk, Now()
    # The thread may name its head before that is stored: foreign keys are checked at the end of the transaction.
    if thread._state.adding:
        thread.save(force_insert=True)
    else:
        if are_all_done(load_todos(thread.todos)):
            thread.todos = []  # What is done was for the question before.
        greeting = greetings.COLUMNS if is_new else ()
        thread.save(update_fields=["head", "updated_at", "todos", *(["title"] if is_first else []), *greeting])
    Message.objects.bulk_create([*startup, question, reply] if is_new else [reply])
    run_id = uuid4()
    config = ModelConfig(**{key: thread.settings.get(key) for key in ModelConfig.__dataclass_fields__})
    turn = Turn(
        assistant=assistant,
        messages=tuple(history),
        user=user,
        thread_id=thread.pk,
        run_id=run_id,
        config=config,
        settings=dict(thread.settings),
    )
    run = Run(
        id=run_id,
        thread=thread,
        prompt=question if typed is None else None,
        reply=reply,
        hub=mailbox,
        provider=assistant.provider,
        model="" if typed is not None else config.model or assistant.model or turn.get_provider().model,
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
        wants_title=typed is None and wants_title(is_first_answer=is_first, is_manual=thread.title_is_manual),
        answer=None if typed is None else partial(typed.command.answer, text=typed.text),
    )


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
