"""What is stored of a run, and when. The database is the truth.

Every write is conditional: the run is still ours (`hub`), and its last words have not been stored. No row changed means
that it was stopped, deleted or swept, and the process must let go of it. A stop is stored first (`request_stop`), so it
holds even if the process that runs it never hears of it; that process may then still write its last words, once.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import DatabaseError, connection, transaction
from django.db.models import F, Field, Model, Q
from django.db.models.functions import Now

from chatapp.conf import settings
from chatapp.events import Usage
from chatapp.models import LIVE_STATES, Message, Run, Thread
from chatapp.models.calls import in_database
from chatapp.parts import Part, plain_text
from chatapp.questions import InputRequest

from . import bills, branches

logger = logging.getLogger("chatapp.runs")

_SWEPT = 1000
"""Added to `seq` by the sweep: no reader has that number from the stream, so every reader fetches the stored text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run ended."""

    state: str
    usage: Usage = field(default_factory=Usage)
    error_code: str = ""
    error_reference: str = ""
    error: str = ""
    """The cause, keys redacted."""

    answered_by: tuple[str, str] | None = None
    """Alias and model of who answered in place of who was asked. None: nobody did."""

    is_hidden: bool = False
    """Nothing was said: nobody sees the message, and the model never gets it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A message as it stands after step `seq`."""

    run_id: UUID
    reply_id: UUID | None
    hub: str
    seq: int
    parts: Sequence[Part] | None
    """The whole message, not a delta. None: nothing new since the last one, only the lease is renewed."""

    icon: str | None = None
    """Of the message, see icons.to_stored. None: as it was."""
    greets: UUID | None = None
    """The thread whose greeting it is. None: a message."""

    has_said: bool = False

    is_waiting: bool = False
    """It has a question open. Parts with an open question never replace stored ones in which it is answered."""

    bill: bills.Bill | None = None
    """Requests to providers that may not be written down yet; with an outcome all of them. None: there are none."""

    outcome: Outcome | None = None
    """How it ended; None while it goes on."""


def write(checkpoints: Sequence[Checkpoint]) -> list[bool]:
    """Store checkpoints of runs of one process; whether each was still ours. Parts, number and lease go together.

    All go in one transaction; when that fails, each in its own, so that one bad row does not cost the others theirs.
    Raises DatabaseError if a single one cannot be written.
    """
    try:
        with transaction.atomic():
            return _write_all(checkpoints)
    except DatabaseError:
        if len(checkpoints) == 1:
            raise
    kept = []
    for item in checkpoints:
        try:
            with transaction.atomic():
                kept += _write_all([item])
        except DatabaseError:
            logger.exception("checkpoint of run %s failed", item.run_id)
            kept.append(True)  # Still ours; the next checkpoint tries again.
    return kept


def _write_all(checkpoints: Sequence[Checkpoint]) -> list[bool]:
    """One query finds and locks the runs that are ours; then few for all of them: there may be hundreds."""
    hubs = {item.hub for item in checkpoints}
    found = (
        Run.objects.select_for_update()
        .filter(pk__in=[item.run_id for item in checkpoints], hub__in=hubs, finished_at__isnull=True)
        .order_by("pk")  # One order for all processes: no two wait for each other.
        .values_list("pk", "state", "first_token_at", "has_queue", "thread_id")
    )
    states: dict[UUID, str] = {}
    ours: dict[UUID, tuple[bool, bool]] = {}
    queues: dict[UUID, UUID] = {}
    threads: dict[UUID, UUID] = {}
    for pk, state, first_token_at, has_queue, thread_id in found:
        states[pk], ours[pk] = state, (state in LIVE_STATES, first_token_at is None)
        threads[pk] = thread_id
        if has_queue:
            queues[pk] = thread_id
    # A run that is stopped may still write its last words, and nothing else.
    kept = [item for item in checkpoints if item.run_id in ours and (item.outcome or ours[item.run_id][0])]
    going = [item.run_id for item in kept if item.outcome is None]
    if going:
        Run.objects.filter(pk__in=going).update(heartbeat_at=Now())
    if begun := [item.run_id for item in kept if item.has_said and ours[item.run_id][1]]:
        Run.objects.filter(pk__in=begun).update(first_token_at=Now())
    # Somebody has answered its question, and its process is about to hear of it: what is stored is newer.
    new = [
        item
        for item in kept
        if item.outcome is None and not (item.is_waiting and states[item.run_id] != Run.State.WAITING)
    ]
    _update_each(Run, "seq", {item.run_id: item.seq for item in new})
    contents = {item.reply_id: item.parts for item in new if item.parts is not None}
    _update_each(Message, "parts", {pk: [part.dump() for part in parts] for pk, parts in contents.items() if pk})
    _update_each(Message, "icon", {item.reply_id: item.icon for item in new if item.reply_id and item.icon is not None})
    greetings = {item.greets: item.parts for item in new if item.parts is not None}
    _update_each(Thread, "greeting", {pk: [part.dump() for part in parts] for pk, parts in greetings.items() if pk})
    # Also those of runs that are ours no more: what was asked is to be paid for.
    bills.store(item.bill for item in checkpoints if item.bill is not None)
    for item in kept:
        if item.outcome is not None:
            _write_end(item, item.outcome, was_live=ours[item.run_id][0])
            if item.outcome.is_hidden and item.reply_id is not None and ours[item.run_id][0]:
                _hide(threads[item.run_id], item.reply_id)
            if item.run_id in queues:
                append_queued(queues[item.run_id])
    done = {item.run_id for item in kept}
    return [item.run_id in done for item in checkpoints]


def _write_end(item: Checkpoint, outcome: Outcome, *, was_live: bool) -> None:
    values: dict[str, Any] = {"seq": item.seq, "heartbeat_at": Now(), "finished_at": Now()}
    values |= bills.sum_up(item.bill.calls if item.bill is not None else (), outcome.usage)
    if outcome.answered_by is not None:
        values["provider"], values["model"] = outcome.answered_by
    if was_live:  # A stop that was stored first stays a stop, whatever came in between.
        values |= {
            "state": outcome.state,
            "error_code": outcome.error_code,
            "error_reference": outcome.error_reference,
            "error": outcome.error,
        }
    Run.objects.filter(pk=item.run_id).update(**values)
    if item.parts is not None and item.reply_id is not None:
        parts = [part.dump() for part in item.parts]
        icon = {} if item.icon is None else {"icon": item.icon}
        Message.objects.filter(pk=item.reply_id).update(parts=parts, text=plain_text(item.parts), **icon)
    if item.parts is not None and item.greets is not None:
        Thread.objects.filter(pk=item.greets).update(greeting=[part.dump() for part in item.parts])


def _hide(thread_id: UUID, reply_id: UUID) -> None:
    """Take a message away as its owner would; open pages find it by the revision. One of several versions stays."""
    reply = Message.objects.get(pk=reply_id)
    if len(branches.get_versions(reply)) > 1:
        return
    Message.objects.filter(pk=reply_id).update(deleted_at=Now(), visible=False, for_model=False)
    branches.note_change(Thread(pk=thread_id), Q(pk=reply_id))


def append_queued(thread_id: UUID) -> None:
    """Put what code said meanwhile behind the answer, in the order in which it came. Questions wait on: see queue."""
    thread = Thread.objects.select_for_update().get(pk=thread_id)
    said = Message.objects.filter(thread=thread, queued_at__isnull=False, client_id__isnull=True)
    for message in said.order_by("queued_at", "created_at"):
        Message.objects.filter(pk=message.pk).update(parent_id=thread.head_id, queued_at=None)
        thread.head_id = message.pk
    Thread.objects.filter(pk=thread_id).update(head_id=thread.head_id, updated_at=Now())


def _update_each(model: type[Model], field: str, values: Mapping[UUID, Any]) -> None:
    """Set one field of many rows, each to its own value.

    bulk_update() builds an expression for each row: ten times the CPU.
    """
    if not values:
        return
    column: Field[Any, Any] = model._meta.get_field(field)  # type: ignore[assignment]  # a column, no relation
    key = model._meta.pk
    table, *names = (connection.ops.quote_name(str(name)) for name in (model._meta.db_table, column.column, key.column))
    rows = [
        (column.get_db_prep_save(value, connection), key.get_db_prep_value(pk, connection))
        for pk, value in values.items()
    ]
    with connection.cursor() as cursor:
        cursor.executemany(f"UPDATE {table} SET {names[0]} = %s WHERE {names[1]} = %s", rows)  # noqa: S608  # our own names


def request_stop(run_id: UUID) -> bool:
    """Mark a live run as stopped; whether this call did it (it happens once).

    Its process writes its last words later.
    """
    return bool(Run.objects.filter(pk=run_id, state__in=LIVE_STATES).update(state=Run.State.STOPPED))


def ask(checkpoint: Checkpoint) -> bool:
    """Store a checkpoint that ends with an open question, and that the run waits for its answer; whether it does."""
    with transaction.atomic():
        running = Run.objects.filter(pk=checkpoint.run_id, state=Run.State.RUNNING)
        return _write_all([checkpoint])[0] and bool(running.update(state=Run.State.WAITING))


def find_question(run_id: UUID, request_id: str) -> InputRequest | None:
    """The question for whose answer this run waits, if it is this one. Holds the run until the transaction ends."""
    run = Run.objects.select_for_update().filter(pk=run_id, state=Run.State.WAITING).first()
    if run is None:
        return None
    found = _find_stored(run.reply_id, request_id)
    return found if found is not None and found.is_open else None


def store_answer(run_id: UUID, answered: InputRequest) -> None:
    """Put the question, which `find_question` gave in this transaction, back with its answer; the run runs again."""
    Run.objects.filter(pk=run_id).update(state=Run.State.RUNNING)
    for message in Message.objects.filter(run=run_id):
        parts = [answered.dump() if _is_question(part, answered) else part for part in message.parts]
        Message.objects.filter(pk=message.pk).update(parts=parts)


def find_answers(requests: Mapping[UUID, str]) -> dict[UUID, InputRequest]:
    """The questions of these messages, each named by its request id, that were answered meanwhile."""
    replies = Run.objects.filter(reply__in=requests).exclude(state=Run.State.WAITING).values_list("reply", flat=True)
    found = {pk: _find_stored(pk, requests[pk]) for pk in replies}
    return {pk: question for pk, question in found.items() if question and question.answer is not None}


def close_question(run_id: UUID, reply_id: UUID, request_id: str) -> InputRequest | None:
    """From now on nobody can answer this question; itself if somebody has."""
    Run.objects.filter(pk=run_id, state=Run.State.WAITING).update(state=Run.State.RUNNING)
    return find_answers({reply_id: request_id}).get(reply_id)


def _find_stored(reply_id: UUID | None, request_id: str) -> InputRequest | None:
    for message in Message.objects.filter(pk__in=[reply_id]):
        for part in message.load_parts():
            if isinstance(part, InputRequest) and part.id == request_id:
                return part
    return None


def _is_question(part: Mapping[str, Any], question: InputRequest) -> bool:
    return part.get("kind") == question.kind and part.get("id") == question.id


def sweep(thread_id: UUID | None = None) -> int:
    """Mark runs without a heartbeat for LEASE_SECONDS as interrupted; how many there were.

    The text of the last checkpoint stays. A run that was stopped keeps that state. Times are the database's, so the
    clocks of the processes do not matter. `thread_id` limits it to one thread.
    """
    late = Q(finished_at__isnull=True, heartbeat_at__lt=Now() - timedelta(seconds=settings.LEASE_SECONDS))
    if thread_id is not None:
        late &= Q(thread_id=thread_id)
    count = 0
    # Looked up first: nearly always there is none, and a SELECT takes no write lock.
    for run_id, reply_id, of_thread in list(Run.objects.filter(late).values_list("pk", "reply_id", "thread_id")):
        with transaction.atomic():
            ended = {"finished_at": Now(), "seq": F("seq") + _SWEPT}
            interrupted = Run.objects.filter(late, pk=run_id, state__in=LIVE_STATES).update(
                state=Run.State.INTERRUPTED, error_code="interrupted", **ended
            )
            if not interrupted and not Run.objects.filter(late, pk=run_id).update(**ended):
                continue
            for message in Message.objects.filter(pk=reply_id):
                Message.objects.filter(pk=reply_id).update(text=plain_text(message.load_parts()))
            if Run.objects.filter(pk=run_id, has_queue=True).exists():
                append_queued(of_thread)
        count += interrupted
        logger.warning("run %s had no heartbeat for %s s: interrupted", run_id, settings.LEASE_SECONDS)
    return count


awrite = in_database(write)
"""See write."""

aask = in_database(ask)
"""See ask."""

afind_answers = in_database(find_answers)
"""See find_answers."""

aclose_question = in_database(close_question)
"""See close_question."""

arequest_stop = in_database(request_stop)
"""See request_stop."""

asweep = in_database(sweep)
"""See sweep."""
