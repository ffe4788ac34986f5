"""How a thread begins and begins anew: the greeting that an empty page asks for, and clearing.

A greeting is said by a run of its own kind, through the same runner, feed and journal as an answer; it belongs to no
message, and the thread stays without one.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from asgiref.sync import async_to_sync
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from chatapp import registry
from chatapp.actions import get_ready
from chatapp.errors import Refused
from chatapp.finding import not_found
from chatapp.greetings import as_greeting
from chatapp.models import LIVE_STATES, Message, Run, Thread
from chatapp.models.calls import in_database, win_races
from chatapp.policy import get_policy
from chatapp.runs import greetings, preferences
from chatapp.runs.hub import get_hub
from chatapp.runs.live import Job
from chatapp.turn import Turn

RESENT = timedelta(days=1)
"""For how long a page may send again what it has not seen."""


async def greet(user: Any, thread_id: UUID, *, assistant: str = "") -> bool:
    """Have the greeting said that an empty chat asks for; whether one begins. Asked again, nothing happens.

    The thread gets its row, with this assistant, and is in no list before its first message. Raises Refused: too many
    (429), no such thread or assistant (404), the process is ending (503).
    """
    hub, runner = await get_ready()

    async def begin() -> bool:
        job = await _store_greeting(user, thread_id, assistant, hub.mailbox)
        if job is not None:
            runner.start(job)
            await hub.thread_changed(thread_id)
        return job is not None

    return await hub.see_through(begin())


@in_database
def _store_greeting(user: Any, thread_id: UUID, slug: str, mailbox: str) -> Job | None:
    try:
        return win_races(lambda: _try_store_greeting(user, thread_id, slug, mailbox), tries=2)
    except IntegrityError as error:
        # Another tab that was faster is seen the next time; somebody else's thread never is.
        raise not_found() from error


def _try_store_greeting(user: Any, thread_id: UUID, slug: str, mailbox: str) -> Job | None:
    policy = get_policy()
    if not getattr(user, "is_authenticated", False):
        raise not_found()
    thread = policy.get_threads(user).select_for_update(of=("self",)).filter(pk=thread_id).first()
    is_new = thread is None
    if thread is None:
        if Thread.objects.filter(pk=thread_id).exists():
            raise not_found()  # It is somebody else's.
        thread = Thread(pk=thread_id, owner=user, assistant=slug)
    elif thread.owner_id != user.pk or thread.head_id is not None or thread.greeting is not None:
        return None  # A policy may let others read it; the owner is greeted.
    answers = registry.get(thread.assistant) if thread.assistant else registry.get_default()
    if answers is None or not policy.can_use(user, answers):
        raise Refused("no_assistant", _("There is no such assistant."), status=404)
    declared = answers.load_greeting(user)
    if declared is None or not declared.is_made:
        return None
    policy.check_greeting(user)
    thread.assistant, thread.updated_at = answers.slug, Now()
    thread.greeting, thread.greeting_dismissible = [], declared.dismissible
    thread.greeting_version += 1
    thread.save(force_insert=is_new)
    chosen = preferences.load_settings(answers, user, thread)
    turn = Turn(
        assistant=answers,
        messages=(),
        user=user,
        thread_id=thread_id,
        run_id=uuid4(),
        config=answers.make_config(chosen),
        settings=chosen,
        alias=thread.provider,
    )
    run = Run(
        id=turn.run_id,
        thread=thread,
        kind=Run.Kind.GREETING,
        hub=mailbox,
        provider=turn.get_alias(),
        model=turn.config.model or answers.find_model(thread.provider),
        started_at=Now(),
        heartbeat_at=Now(),
    )
    run.save(force_insert=True)
    return Job(
        run_id=run.pk,
        reply_id=thread_id,
        thread_id=thread_id,
        person=str(user.pk),
        assistant=answers,
        turn=turn,
        greets=True,
    )


async def set_greeting(thread: Thread | UUID, greeting: Any) -> None:
    """Show this greeting in all open pages of the thread, in place of what is there or is being said; None: none.

    It may be what an assistant declares (see Assistant.greeting), but no function. Of a greeting that was dismissed the
    text changes, and it stays out of sight until `clear_messages(thread, greeting=True)`. Raises Thread.DoesNotExist;
    TypeError or ValueError for what cannot be a greeting.
    """
    declared = as_greeting(greeting, "set_greeting()")
    if declared is not None and declared.is_made:
        raise TypeError("set_greeting() takes what is shown, no function; declare that on the assistant")
    thread_id = _get_id(thread)
    hub = get_hub()
    run = await in_database(greetings.replace)(thread_id, declared)
    if run is not None:
        await hub.stop(run)
    await hub.thread_changed(thread_id)


async def get_greeting(thread: Thread | UUID) -> str | None:
    """What the greeting of the thread says, as it was written; None if there is none. Raises Thread.DoesNotExist."""
    return await _read(_get_id(thread))


@in_database
def _read(thread_id: UUID) -> str | None:
    return greetings.read(Thread.objects.select_related("owner").get(pk=thread_id))


async def clear_messages(thread: Thread | UUID, *, greeting: bool = False) -> None:
    """Delete all messages of the thread, and stop the answer that is under way; open pages show an empty chat.

    With `greeting` the greeting goes too, and the chat begins as a new one does: a greeting that is made is made again
    once somebody looks. Raises Thread.DoesNotExist.
    """
    await _clear(_get_id(thread), with_greeting=greeting, with_ids=False)


async def start_over(thread_id: UUID) -> None:
    """Clear the thread as its person does: what begins is a new chat, also for pages that lag behind.

    A page that has not seen its message yet sends it again; it must not stand in the chat that was cleared.
    """
    await _clear(thread_id, with_greeting=True, with_ids=True)


async def _clear(thread_id: UUID, *, with_greeting: bool, with_ids: bool) -> None:
    hub = get_hub()
    runs, owner = await in_database(store_cleared)(thread_id, with_greeting=with_greeting, with_ids=with_ids)
    for run in runs:
        await hub.stop(run)
    await hub.thread_changed(thread_id, str(owner or ""))


def store_cleared(
    thread_id: UUID, *, with_greeting: bool, with_ids: bool = False, kept: Sequence[Message] = ()
) -> tuple[list[Run], Any]:
    """Empty the thread, but for the messages that are `kept`, each of which follows the one before it.

    The runs to stop, and the key of the owner. See clear_messages and start_over.
    """
    with transaction.atomic():
        replies = Run.objects.filter(thread_id=thread_id, kind=Run.Kind.REPLY, finished_at__isnull=True)
        runs = list(replies.select_for_update(of=("self",)).order_by("pk"))
        if with_greeting and (run := greetings.end_run(thread_id)) is not None:
            runs.append(run)
        thread = Thread.objects.select_for_update(of=("self",)).get(pk=thread_id)
        # An answer that began meanwhile goes with its message; its process finds that its run is gone.
        Run.objects.filter(thread=thread, state__in=LIVE_STATES, reply__isnull=False).update(state=Run.State.STOPPED)
        thread.head = kept[-1] if kept else None
        if with_greeting:
            thread.greeting, thread.greeting_dismissible, thread.greeting_dismissed_at = None, True, None
        elif thread.greeting is None:
            thread.greeting = []  # What is empty now is no new chat: nothing begins by itself.
        thread.greeting_version += 1
        thread.updated_at, thread.todos, thread.queued_at = Now(), [], None
        thread.summary = thread.summary_claim = None
        thread.save()
        _forget(thread, kept, with_ids=with_ids)
        return runs, thread.owner_id


def _forget(thread: Thread, kept: Sequence[Message], *, with_ids: bool) -> None:
    """Delete the messages, but those that are kept and `with_ids` the ids under which pages sent them lately."""
    messages = Message.objects.filter(thread=thread).exclude(pk__in=[message.pk for message in kept])
    sent = messages.filter(client_id__isnull=False, created_at__gt=Now() - RESENT)
    ids = list(sent.values_list("client_id", flat=True)) if with_ids else []
    messages.delete()
    Message.objects.bulk_create(
        Message(thread=thread, role=Message.Role.SYSTEM, client_id=id, for_model=False, visible=False) for id in ids
    )


set_greeting_sync = async_to_sync(set_greeting)
"""See set_greeting; for code that is not async."""

get_greeting_sync = async_to_sync(get_greeting)
"""See get_greeting; for code that is not async."""

clear_messages_sync = async_to_sync(clear_messages)
"""See clear_messages; for code that is not async."""


def _get_id(thread: Thread | UUID) -> UUID:
    return thread.pk if isinstance(thread, Thread) else thread
