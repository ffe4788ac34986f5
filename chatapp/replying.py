"""What is stored when an answer begins, whoever asked: a post, another try, the queue."""

from typing import Any
from uuid import uuid4

from django.db.models.functions import Now

from chatapp.assistants import Assistant
from chatapp.models import Message, Run, Thread
from chatapp.runs import greetings, transcript
from chatapp.runs.live import Job
from chatapp.runs.titles import wants_title
from chatapp.todos import are_all_done, load_todos
from chatapp.turn import ModelConfig, Turn


def store_reply(
    thread: Thread, question: Message, assistant: Assistant, user: Any, mailbox: str, *, is_new: bool
) -> Job:
    """Store the place of an answer and its run; with a new question that too, and with the first one the thread."""
    is_first = is_new and thread.head_id is None
    startup = greetings.list_startup(thread, assistant) if is_first else []
    if startup:
        question.parent_id = startup[-1].pk
    reply = Message(thread=thread, parent=question, role=Message.Role.ASSISTANT, parts=[])
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
        thread.save(
            update_fields=["head", "updated_at", "todos", *(["title", "temporary"] if is_first else []), *greeting]
        )
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
        prompt=question,
        reply=reply,
        hub=mailbox,
        provider=assistant.provider,
        model=config.model or assistant.model or turn.get_provider().model,
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
        wants_title=wants_title(is_first_answer=is_first, is_manual=thread.title_is_manual)
        and not thread.temporary,  # Nobody else hears of what is said there.
    )
