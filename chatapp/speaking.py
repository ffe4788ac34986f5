"""A message of its own that code says bit by bit, outside of any answer: what `message_stream(thread)` gives.

It is a run like an answer, so every open page follows it, it is written down as it grows, and the person can stop it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Literal
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from chatapp import registry, stretches
from chatapp.assistants import Assistant
from chatapp.errors import ChatappError
from chatapp.finding import is_answering
from chatapp.icons import to_stored
from chatapp.models import Message, Run, Thread
from chatapp.models.calls import in_database
from chatapp.runs import transcript
from chatapp.runs.hub import get_hub
from chatapp.runs.live import Job
from chatapp.runs.results import wait_for_run
from chatapp.runs.runner import get_runner
from chatapp.stretches import MessageStream
from chatapp.turn import Turn


def message_stream(
    thread: Thread | UUID | None = None,
    *,
    author: str = "",
    icon: str | Literal[False] = "",
    for_model: bool = True,
) -> AbstractAsyncContextManager[MessageStream]:
    """With a thread, a message of its own at its end, which begins on entering and is stored on leaving:

        async with chatapp.message_stream(thread) as message:
            await message.append("Packing")
            await message.replace("On its way.")

    Without one a stretch of the answer that is being said; see Turn.message_stream, also for what can be done with it.

    While another message is being said in the thread, entering waits for its end. When the body raises, what was said
    is stored as a failed message, and the error goes on. If the person stops it, the next thing that is said raises
    ChatappError. `author`, `icon` and `for_model` as in `post`. Nobody is asked whether they may: that is for the
    caller to know. Raises Thread.DoesNotExist; ChatappError if the process is ending, or without a thread where no
    answer is said.
    """
    if thread is None:
        return stretches.message_stream()
    return _say(thread.pk if isinstance(thread, Thread) else thread, author, to_stored(icon), for_model)


@asynccontextmanager
async def _say(thread_id: UUID, author: str, icon: str, for_model: bool) -> AsyncIterator[MessageStream]:
    hub, runner = get_hub(), get_runner()
    await hub.open()
    if runner.is_draining:
        raise ChatappError("the process is ending; nothing can be said any more")
    code = _Code()
    while (job := await _store(thread_id, author, icon, for_model, hub.mailbox, code)) is None:
        run_id = await _find_live_run(thread_id)
        if run_id is not None:
            await wait_for_run(run_id)
    task = runner.start(job)
    await hub.thread_changed(thread_id, job.person)
    either: set[asyncio.Future[Any]] = {task, code.turn}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    try:
        if not code.turn.done():
            raise ChatappError("it was stopped before it began")
        async with code.turn.result().message_stream() as message:
            yield message
    except Exception as error:
        code.end(error)
        raise
    except BaseException:
        runner.stop(job.run_id)  # Who said it was cancelled.
        raise
    finally:
        code.end()
        await asyncio.wait({task})


class _Code(Assistant):
    """Stands for the code that speaks: goes on for as long as that does."""

    def __init__(self) -> None:
        self.turn: asyncio.Future[Turn] = asyncio.get_running_loop().create_future()
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        super().__init__()

    def end(self, error: Exception | None = None) -> None:
        """The code has said everything, or failed."""
        if self._ended.done():
            return
        if error is None:
            self._ended.set_result(None)
        else:
            self._ended.set_exception(error)
            self._ended.exception()  # Nobody may be there any more to see it.

    async def respond(self, turn: Turn) -> None:
        self.turn.set_result(turn)
        await asyncio.shield(self._ended)


@in_database
def _store(thread_id: UUID, author: str, icon: str, for_model: bool, mailbox: str, code: _Code) -> Job | None:
    """The message and its run, stored at the end of the thread. None: another one is being said."""
    try:
        with transaction.atomic():
            thread = Thread.objects.select_for_update(of=("self",)).get(pk=thread_id)
            if is_answering(thread):
                return None
            message = Message(thread=thread, parent_id=thread.head_id, role=Message.Role.ASSISTANT, parts=[])
            message.author_label, message.icon, message.for_model = author, icon, for_model
            message.save(force_insert=True)
            Thread.objects.filter(pk=thread_id).update(head=message, updated_at=Now())
            run = Run(id=uuid4(), thread=thread, reply=message, hub=mailbox, started_at=Now(), heartbeat_at=Now())
            run.save(force_insert=True)
    except IntegrityError:
        return None  # An answer began at the same moment.
    assistant = registry.get(thread.assistant) or code
    turn = Turn(assistant=assistant, messages=(), thread_id=thread_id, run_id=run.pk)
    return Job(
        run_id=run.pk,
        reply_id=message.pk,
        thread_id=thread_id,
        person=str(thread.owner_id),
        assistant=code,
        turn=turn,
    )


@in_database
def _find_live_run(thread_id: UUID) -> UUID | None:
    run = transcript.get_live_run(Thread(pk=thread_id))
    return run.pk if run is not None else None
