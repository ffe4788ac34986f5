"""Runs as tasks that we own: start, stop, drain.

A run belongs to the process that started it and to nobody's request: a task with a strong reference in a fresh context.
It takes what the assistant says, publishes steps to its feed, and is written down once in CHECKPOINT_SECONDS together
with all other runs of the process.

Who may cancel the task: only this module, and the event loop at its end. Our own cancellation leaves a reason in
`LiveRun.stop_reason`; then the last words are written as usual. Any other cancellation means that the process ends.
"""

import asyncio
import logging
import math
import time
import weakref
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

from django.db import Error

from chatapp import signals, stretches
from chatapp.conf import settings
from chatapp.errors import ProviderError
from chatapp.events import Finish, Rewind
from chatapp.greetings import Greeting
from chatapp.models import Run
from chatapp.providers import base as providers
from chatapp.questions import find_request
from chatapp.stretches import Speech
from chatapp.todos import TodoUpdate
from chatapp.tracing import trace_answer

from . import journal
from .desk import NothingAsked
from .failures import fail
from .greetings import store_dismissible
from .hub import Hub, get_hub
from .live import Job, LiveRun
from .queue import MODES, thread_freed
from .summaries import make_summary, wants_summary
from .titles import make_title
from .todos import store_of_run

logger = logging.getLogger("chatapp.runs")

RUNS_AT_HALF_PACE = 80
"""Runs of one process at which each has half as many steps: under load all readers get fewer, newer frames."""

LAST_WORDS_TRIES = 5
"""How often the end of a run is tried to be stored when the database does not answer; then the lease decides."""


class Runner:
    """The runs of this process. Three methods; all else goes through the database and the mailbox."""

    def __init__(self, hub: Hub, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._hub = hub
        self._clock = clock
        self._flush_seconds = settings.FLUSH_SECONDS
        self._live: dict[UUID, LiveRun] = {}
        self._heart: asyncio.Task[None] | None = None
        self.is_draining = False
        """The process is about to end: no new runs."""
        hub.stop_run = self.stop
        hub.answer_run = self.hear

    @property
    def count(self) -> int:
        """How many runs are under way."""
        return len(self._live)

    def find(self, run_id: UUID) -> LiveRun | None:
        """A run of this process while it goes on."""
        return self._live.get(run_id)

    def start(self, job: Job) -> asyncio.Task[None]:
        """Begin to answer. Returns at once, with the task that ends when it has; the run goes on whoever leaves."""
        live = LiveRun(job, self._hub, self._clock)
        self._live[job.run_id] = live
        self._set_pace()
        self._hub.feeds[job.run_id] = live.feed
        live.task = self._hub.spawn(self._run(live))
        if self._heart is None or self._heart.done():
            self._heart = self._hub.spawn(self._beat())
        return live.task

    def _set_pace(self) -> None:
        count = len(self._live)
        providers.pace.seconds = self._flush_seconds * (1 + math.sqrt(count / RUNS_AT_HALF_PACE)) if count else None

    def stop(self, run_id: UUID, *, reason: str = "stopped") -> None:
        """End a run of this process; what it has said is kept. Unknown or ended: nothing happens."""
        live = self._live.get(run_id)
        if live is not None and live.task is not None and not live.stop_reason and not live.is_ending:
            live.stop_reason = reason
            live.task.cancel()

    def hear(self, run_id: UUID) -> None:
        """Somebody answered a question of a run of this process. Unknown, ended or heard before: nothing happens."""
        live = self._live.get(run_id)
        if live is not None and live.desk.request is not None:
            self._hub.spawn(self._look_for_answers([live]))

    async def drain(self, seconds: float) -> None:
        """Let the runs finish for so long, then store the rest as interrupted."""
        self.is_draining = True
        tasks = [live.task for live in self._live.values() if live.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
        for run_id in list(self._live):
            self.stop(run_id, reason="interrupted")
        if tasks:
            await asyncio.wait(tasks, timeout=5)

    # ---- one run

    async def _run(self, live: LiveRun) -> None:
        job = live.job
        await signals.run_started.asend_robust(type(job.assistant), run_id=job.run_id, thread_id=job.thread_id)
        outcome = journal.Outcome(state=Run.State.INTERRUPTED, error_code="interrupted")
        try:
            with trace_answer(
                assistant=job.assistant.slug,
                title=str(job.assistant.title),
                thread_id=job.thread_id,
                run_id=job.run_id,
            ) as span:
                outcome = await self._speak(live)
                span.fail(outcome.error_code)
        except asyncio.CancelledError:
            if not live.stop_reason:
                raise  # The process ends; the lease tells the others.
            if live.stop_reason == "stopped":
                outcome = journal.Outcome(state=Run.State.STOPPED, usage=live.assembler.usage)
            elif live.stop_reason == "stalled":
                outcome = fail(live, ProviderError("stalled", f"silent for {live.patience:g} s (STALL_SECONDS)"))
        finally:
            live.is_ending = True
            if live.speech is not None:
                live.speech.end()
            await live.desk.close()
            live.assembler.end()
            try:
                await self._store_last_words(live, outcome)
            finally:
                self._live.pop(job.run_id, None)
                self._set_pace()
                self._hub.feeds.pop(job.run_id, None)
                live.feed.finish()
        # Without an await since the end of the feed: its readers wake once, and look at the database once.
        await self._hub.thread_changed(job.thread_id, job.person)
        await signals.run_finished.asend_robust(
            type(job.assistant), run_id=job.run_id, thread_id=job.thread_id, state=outcome.state
        )
        if job.assistant.get_while_running() in MODES:
            await thread_freed.asend_robust(None, thread_id=job.thread_id)
        if job.wants_title and outcome.state == Run.State.COMPLETE and not self.is_draining:
            try:
                await make_title(self._hub, job.thread_id, job.person, job.turn, live.assembler.to_parts())
            except Error:
                # The thread may have been deleted meanwhile; its first words stay its title.
                logger.warning("no title for thread %s", job.thread_id, exc_info=True)
        left_out = live.desk.left_out
        if left_out is not None and wants_summary(job) and outcome.state == Run.State.COMPLETE and not self.is_draining:
            try:
                await make_summary(self._hub.mailbox, job.thread_id, job.turn, left_out)
            except Error:
                logger.warning("no summary for thread %s", job.thread_id, exc_info=True)

    async def _speak(self, live: LiveRun) -> journal.Outcome:
        live.speech = speech = Speech(partial(self._hear, live))
        stretches.enter(speech)
        job, turn = live.job, live.make_turn(speech)
        answer = job.assistant.greet if job.greets else job.answer or job.assistant.answer
        said: AsyncGenerator[Any, None] = answer(turn)
        live.desk.limit = limit = asyncio.timeout(settings.TOTAL_SECONDS)
        try:
            async with limit:
                async for item in said:
                    await speech.take(item)
                    if live.assembler.is_full:
                        live.take(Finish("length"))
                        break
        except Exception as error:
            if limit.expired() and isinstance(error, TimeoutError):
                error = ProviderError("timeout", f"no end within TOTAL_SECONDS ({settings.TOTAL_SECONDS:g} s)")
            return fail(live, error)
        finally:
            live.desk.limit = None
            # Also when we were cancelled: closing it closes the connection to the provider.
            await said.aclose()
        return journal.Outcome(state=Run.State.COMPLETE, usage=live.assembler.usage)

    async def _hear(self, live: LiveRun, item: Any) -> None:
        """Take what the assistant says, by a yield or by message_stream()."""
        if isinstance(item, Rewind) and live.desk.request is not None:
            raise NothingAsked("a question is open; nothing can be taken back before it is answered")
        if not isinstance(item, str) and (request := find_request(item)) is not None:
            await live.desk.open(request)
        elif isinstance(item, Greeting) and live.job.greets:
            await store_dismissible(live.job.run_id, is_dismissible=item.dismissible)
        else:
            live.take(item)
        if isinstance(item, TodoUpdate) and live.assembler.todos is not None:
            await store_of_run(self._hub, live.job.run_id, live.job.thread_id, live.assembler.todos)

    async def _store_last_words(self, live: LiveRun, outcome: journal.Outcome) -> None:
        live.flush()
        outcome = replace(outcome, answered_by=live.answered_by)
        checkpoint = live.get_checkpoint(self._hub.mailbox, outcome)
        for attempt in range(LAST_WORDS_TRIES):
            try:
                await journal.awrite([checkpoint])
                return
            except Error:
                logger.exception("the end of run %s could not be stored, try %s", live.job.run_id, attempt + 1)
                await asyncio.sleep(min(0.2 * 4**attempt, 5))

    # ---- all runs

    async def _beat(self) -> None:
        """Once in CHECKPOINT_SECONDS write all runs down, in one go; let go of those that are not ours any more."""
        due = self._clock()
        while self._live:
            # By the clock and not from the end of the last one: what a write takes is not added to what may be lost.
            due = max(due + settings.CHECKPOINT_SECONDS, self._clock())
            await asyncio.sleep(due - self._clock())
            await self.checkpoint()

    async def checkpoint(self) -> None:
        """Write all runs down now."""
        runs = [live for live in self._live.values() if not live.stop_reason and not live.is_ending]
        if not runs:
            return
        try:
            kept = await journal.awrite([live.get_checkpoint(self._hub.mailbox) for live in runs])
        except Error:
            logger.exception("a checkpoint could not be stored; trying again in %s s", settings.CHECKPOINT_SECONDS)
            for live in runs:
                live.forget_checkpoint()
            return
        for live, is_ours in zip(runs, kept, strict=True):
            if not is_ours:
                # Stopped by somebody whose message did not reach us, deleted, or swept. What we still write counts only
                # if it was a stop.
                self.stop(live.job.run_id)
        await self._look_for_answers(runs)
        for live in runs:
            if live.is_stalled:
                self.stop(live.job.run_id, reason="stalled")

    async def _look_for_answers(self, runs: Sequence[LiveRun]) -> None:
        """Give the runs that wait for an answer those that were stored, by whichever process."""
        waiting = {live.job.reply_id: live.desk for live in runs if live.desk.request is not None}
        asked = {reply_id: desk.request.id for reply_id, desk in waiting.items() if desk.request is not None}
        if not asked:
            return
        try:
            answers = await journal.afind_answers(asked)
        except Error:
            logger.exception("could not look for answers; trying again in %s s", settings.CHECKPOINT_SECONDS)
            return
        for reply_id, answered in answers.items():
            waiting[reply_id].accept(answered)


_runners: "weakref.WeakKeyDictionary[Hub, Runner]" = weakref.WeakKeyDictionary()


def get_runner() -> Runner:
    """The runner of this process."""
    hub = get_hub()
    runner = _runners.get(hub)
    if runner is None:
        runner = _runners[hub] = Runner(hub)
    return runner
