"""What a model is asked beside an answer, such as a title: a short run of its own, which nobody watches."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing
from datetime import timedelta
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models.functions import Now

from chatapp.errors import ProviderError
from chatapp.models import Run, Thread
from chatapp.models.calls import in_database
from chatapp.parts import plain_text
from chatapp.providers.base import ModelRequest
from chatapp.providers.metering import Calls, meter
from chatapp.redaction import redact
from chatapp.scrubbing import scrub
from chatapp.turn import Turn

from . import bills
from .assembler import Assembler

logger = logging.getLogger("chatapp.runs")


async def ask_aside(
    turn: Turn,
    request: ModelRequest,
    *,
    thread_id: UUID,
    mailbox: str,
    max_chars: int,
    seconds: float,
    store: Callable[[str], bool],
) -> bool:
    """Ask the model of the turn this, too, and store what it says; whether `store`, in the database thread, did.

    Thinking is left out, however it is marked. What comes after `max_chars`, or later than `seconds`, is not waited
    for; a failure is nobody's concern but the log's, and `store` is not called.
    """
    alias, provider = turn.get_alias(), turn.get_provider()
    run_id = await _begin(thread_id, mailbox, request.kind, alias, provider.model, seconds)
    if run_id is None:
        return False
    said = Assembler(max_chars=max_chars)
    state, error, calls = Run.State.FAILED, "", Calls()
    try:
        async with (
            asyncio.timeout(seconds),
            aclosing(meter(provider, request, alias=alias, ledger=calls)) as deltas,
        ):
            async for delta in deltas:
                said.take(delta)
                if said.is_full:
                    break
        state = Run.State.COMPLETE
    except (ProviderError, TimeoutError) as failure:
        error = scrub(redact(str(failure)))
        logger.info("no %s for thread %s: %s", request.kind, thread_id, error)
    said.end()
    text = plain_text(said.to_parts()) if state == Run.State.COMPLETE else ""
    bill = bills.Bill(
        calls=calls,
        run_id=run_id,
        thread_id=thread_id,
        person_id=getattr(turn.user, "pk", None),
        assistant=turn.assistant.slug,
    )
    return await _end(run_id, bill, state, error, text, store)


@in_database
def _begin(thread_id: UUID, hub: str, kind: str, provider: str, model: str, seconds: float) -> UUID | None:
    """The run that asks; None if the thread was deleted, which can be undone, while it was answered."""
    if Thread.objects.filter(pk=thread_id, deleted_at__isnull=False).exists():
        return None
    run = Run(
        id=uuid4(),
        thread_id=thread_id,
        kind=Run.Kind(kind),
        hub=hub,
        provider=provider,
        model=model,
        started_at=Now(),
        # Nobody renews the lease of so short a run: it has all of it from the beginning.
        heartbeat_at=Now() + timedelta(seconds=seconds),
    )
    run.save(force_insert=True)
    return run.pk


@in_database
@transaction.atomic
def _end(run_id: UUID, bill: bills.Bill, state: str, error: str, text: str, store: Callable[[str], bool]) -> bool:
    bills.store([bill])
    Run.objects.filter(pk=run_id, finished_at__isnull=True).update(
        state=state,
        error=error,
        error_code="failed" if error else "",
        finished_at=Now(),
        **bills.sum_up(bill.calls),
    )
    return state == Run.State.COMPLETE and store(text)
