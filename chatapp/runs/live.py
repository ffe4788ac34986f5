"""One run of this process while it goes on: what it has said, the steps it makes of that, its questions.

Who begins and ends it, and writes its checkpoints down, is the runner; see runner.py.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from chatapp.assistants import Assistant
from chatapp.conf import settings
from chatapp.icons import get_shown
from chatapp.parts import Part
from chatapp.providers import base as providers
from chatapp.providers.base import RequestKind
from chatapp.providers.metering import Calls, ProviderCall
from chatapp.rendering import fragments
from chatapp.rendering.drawing import LiveMessage
from chatapp.stretches import Speech
from chatapp.turn import Turn

from . import bills, journal
from .assembler import Assembler
from .desk import Desk
from .feed import Feed
from .hub import Hub

ALMOST_SECONDS = 0.005
"""A step that would be due so soon is made now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A run to start: the row exists, and says that this process runs it."""

    run_id: UUID
    reply_id: UUID
    """The message that it says. A greeting has none: that of its thread, under whose id it is drawn."""
    thread_id: UUID
    person: str
    """Whose thread list shows it."""

    assistant: Assistant
    turn: Turn
    said: Sequence[Part] = ()
    """What the message says already: this run goes on with it."""
    greets: bool = False
    """It says the greeting of the thread."""
    answer: Callable[[Turn], AsyncGenerator[Any, None]] | None = None
    """What says it in place of the assistant: a command."""
    wants_title: bool = False
    """Whether the thread is to be named after this answer."""


class LiveRun:
    """A run of this process while it goes on."""

    def __init__(self, job: Job, hub: Hub, clock: Callable[[], float]) -> None:
        self.job = job
        self.assembler = Assembler(max_chars=settings.MAX_ANSWER_CHARS, clock=clock)
        if job.said:
            self.assembler.go_on_after(job.said)
        self.drawing = LiveMessage(job.reply_id)
        self.feed = Feed(job.run_id, self._draw)
        self.desk = Desk(self, hub)
        self.speech: Speech | None = None
        """What is added to the message, by whom and in which order."""
        self.state = ""
        """waiting, or streaming again; empty as long as nothing was asked."""
        self.calls = Calls()
        """The requests to providers that it took so far."""
        self.task: asyncio.Task[None] | None = None
        self.stop_reason = ""
        """Why we cancelled the task ourselves: "stopped", "stalled", or "interrupted" by a drain. Empty: we did not."""
        self.is_ending = False
        """It has said everything and is being stored; nothing can stop it any more."""
        self.patience = job.assistant.stall_seconds or settings.STALL_SECONDS
        """Seconds of silence after which it is ended."""
        self._hub = hub
        self._clock = clock
        self._began, self._began_at = clock(), datetime.now(UTC)
        self._heard_at = clock()
        self._last_flush = self._due = float("-inf")
        self._timer: asyncio.TimerHandle | None = None
        self._stored_seq = 0
        self._billed = 0
        self._is_billed = False

    def _draw(self) -> list[fragments.Fragment]:
        icon = self.assembler.icon
        chosen = None if icon is None else get_shown(icon, self.job.assistant.icon)
        return self.drawing.draw(self.assembler.slots, self.assembler.status, self.state, chosen)

    def take(self, item: Any) -> None:
        """Add what the assistant said, and flush at once or soon."""
        self._heard_at = self._clock()
        self.assembler.take(item)
        if self._timer is None:
            wait = max(self._due, self._last_flush + self.drawing.pace) - self._clock()
            if wait <= ALMOST_SECONDS:
                self.flush()
            else:
                self._timer = asyncio.get_running_loop().call_later(wait, self.flush)

    def make_turn(self, speech: Speech) -> Turn:
        """The turn of the job, with this run behind it."""
        kind: RequestKind = "greeting" if self.job.greets else self.job.turn.kind
        return replace(self.job.turn, desk=self.desk, speech=speech, ledger=self, kind=kind)

    def record(self, call: ProviderCall) -> None:
        """As a Ledger: keep the call, to be written down with the next checkpoint."""
        self.calls.record(call)
        if self._is_billed:
            # Left half read by an answer that has ended since, and only now thrown away.
            self._hub.spawn(self._store(call))

    async def _store(self, call: ProviderCall) -> None:
        await bills.astore([self._make_bill([call])])

    def _make_bill(self, calls: Sequence[ProviderCall]) -> bills.Bill:
        return bills.Bill(
            calls=calls,
            run_id=self.job.run_id,
            thread_id=self.job.thread_id,
            person_id=getattr(self.job.turn.user, "pk", None),
            assistant=self.job.assistant.slug,
        )

    def _get_bill(self, *, is_last: bool) -> bills.Bill | None:
        """What was asked since the last checkpoint; at the end all of it, whatever became of the checkpoints."""
        usage = self.assembler.usage
        if is_last and not self._is_billed:
            self._is_billed = True
            if (usage.input_tokens or usage.output_tokens) and not any(call.usage for call in self.calls):
                seconds = self._clock() - self._began
                self.calls.record(bills.from_answer(usage, started_at=self._began_at, seconds=seconds))
        calls = tuple(self.calls if is_last else self.calls[self._billed :])
        self._billed = len(self.calls)
        return self._make_bill(calls) if calls else None

    @property
    def answered_by(self) -> tuple[str, str] | None:
        """Alias and model of who said the last of it, if another one than was asked first."""
        last = self.calls[-1] if self.calls else None
        is_other = last is not None and not last.error_code and last.alias != self.job.turn.get_alias()
        return (last.alias, last.model) if last is not None and is_other else None

    @property
    def is_stalled(self) -> bool:
        """Whether nothing has come for too long. While the person is asked something, nothing has to."""
        if self.desk.request is not None:
            self._heard_at = self._clock()
        return self._clock() - self._heard_at > self.patience

    def flush(self) -> None:
        """Make a step of what is new."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._last_flush = self._clock()
        self._due = providers.pace.get_due(self._last_flush)
        self.feed.publish(self.feed.seq + 1)

    def forget_checkpoint(self) -> None:
        """The last one was not stored: the next one has the parts again, also when nothing new was said."""
        self._stored_seq, self._billed = -1, 0

    def get_checkpoint(
        self, hub: str, outcome: journal.Outcome | None = None, *, is_asking: bool = False, is_whole: bool = False
    ) -> journal.Checkpoint:
        """The message as it stands; without parts when nothing is new, unless it `is_whole`.

        `is_asking`: the one that stores a question.
        """
        if self._timer is not None:
            self.flush()
        seq = self.feed.seq
        is_new = outcome is not None or is_asking or is_whole or seq != self._stored_seq
        self._stored_seq = seq
        return journal.Checkpoint(
            run_id=self.job.run_id,
            reply_id=None if self.job.greets else self.job.reply_id,
            greets=self.job.thread_id if self.job.greets else None,
            hub=hub,
            seq=seq,
            parts=self.assembler.to_parts() if is_new else None,
            icon=self.assembler.icon if is_new else None,
            has_said=self.assembler.has_said,
            is_waiting=self.desk.request is not None and not is_asking,
            bill=self._get_bill(is_last=outcome is not None),
            outcome=outcome,
        )
