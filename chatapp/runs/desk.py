"""Where one run asks its person something, and waits for the answer.

The question is stored before it is shown, and the answer before this process hears of it: by mail, or at the next
checkpoint if the mail was lost. From `open` to the answer the run is `waiting`, and its lease is renewed as ever.
"""

import asyncio
import logging
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from uuid import UUID

from django.db import Error

from chatapp.conf import settings
from chatapp.errors import ChatappError
from chatapp.events import PartEnd, PartStart, Status
from chatapp.inputs import InputUpdate
from chatapp.models import Thread
from chatapp.models.calls import in_database
from chatapp.questions import InputRequest, new_id

from . import journal

if TYPE_CHECKING:
    from .hub import Hub
    from .live import LiveRun

logger = logging.getLogger("chatapp.runs")

_Result = TypeVar("_Result")


@in_database
def _is_allowed(thread_id: UUID, tool: str) -> bool:
    """Whether the owner of this thread allows this tool in all of it."""
    allowed = Thread.objects.filter(pk=thread_id).values_list("allowed_tools", flat=True).first()
    return tool in (allowed or {})


class NothingAsked(ChatappError):
    """An assistant waits for an answer without a question, or asks a second one before the first is answered."""


class Desk:
    """The questions of one run, one after the other; what `turn.ask` and `turn.wait_for_input` come to."""

    def __init__(self, live: "LiveRun", hub: "Hub") -> None:
        self.request: InputRequest | None = None
        """The question that is open."""
        self.limit: asyncio.Timeout | None = None
        """How long the run may take; it stands still while somebody waits here."""
        self._live: LiveRun | None = live
        self._run_id, self._reply_id = live.job.run_id, live.job.reply_id
        self._hub = hub
        self._loop = asyncio.get_running_loop()
        self._answered: asyncio.Future[str] | None = None
        self._used: set[str] = set()
        self._asking = asyncio.Lock()
        """Tools run side by side, and a person is asked one thing after the other."""
        self.left_out: UUID | None = None
        """The last message that did not go to the model any more. None: everything did."""

    async def ask(self, request: InputRequest, timeout: float | None) -> str:  # noqa: ASYNC109  # its own, see wait
        """The answer to this question; see Turn.ask."""

        async def ask() -> str:
            async with self._asking:
                await self.open(request)
                return await self._wait(timeout)

        return await self._at_home(ask())

    async def wait(self, timeout: float | None) -> str:  # noqa: ASYNC109  # it ends the question and not the wait alone
        """The answer to the question that was opened last; see Turn.wait_for_input."""
        return await self._at_home(self._wait(timeout))

    async def update_input(self, update: InputUpdate) -> None:
        """Change the message box of whom it is said to; see Turn.update_input."""
        live = self._live
        if live is None:
            raise ChatappError("this answer has ended; use chatapp.update_input(thread, …)")
        await self._at_home(self._hub.change_input(live.job.thread_id, live.job.person, update))

    async def open(self, request: InputRequest) -> None:
        """Store the question, say that the run waits, and show it. Raises NothingAsked if another one is open."""
        live = self._live
        if live is None:
            raise NothingAsked("this answer has ended; nobody can be asked any more")
        if live.job.greets:
            raise NothingAsked("a greeting cannot ask anything; nobody has said anything yet")
        if self.request is not None:
            raise NothingAsked(f"{self.request.prompt!r} is still open; await turn.wait_for_input() first")
        if request.id in self._used:
            request = request.model_copy(update={"id": new_id()})  # The same object, yielded again.
        self._used.add(request.id)
        self.request, self._answered = request, self._loop.create_future()
        live.assembler.take(PartEnd())
        live.flush()
        # Taken in, and not shown before it is stored: whoever sees it can answer it.
        live.assembler.take(Status(""))
        live.assembler.take(PartStart(request, key=request.id))
        while True:
            try:
                await journal.aask(live.get_checkpoint(self._hub.mailbox, is_asking=True))
                break
            except Error:
                logger.exception("a question of run %s could not be stored; trying again", self._run_id)
                await asyncio.sleep(settings.CHECKPOINT_SECONDS)
        if self.request is request:  # Nobody was so fast as to answer what only another process could have shown.
            live.state = "waiting"
            live.flush()

    def accept(self, answered: InputRequest) -> None:
        """The person has answered, and that is stored. Heard a second time nothing happens."""
        if self.request is not None and self.request.id == answered.id:
            self._settle(answered, answered.answer)

    async def allows(self, tool: str) -> bool:
        """Whether the owner allows this tool in the whole conversation."""
        return await self._at_home(self._allows(tool))

    def leave_out(self, upto: UUID) -> None:
        """What was said up to this message did not go to the model; see runs.summaries."""
        self.left_out = upto

    async def save(self) -> None:
        """Store the message as it stands. Does not come back if the run is not ours any more: it is ended."""
        await self._at_home(self._save())

    async def close(self) -> None:
        """The run ends: a question that is open is cancelled, unless it was answered in the last moment."""
        try:
            await self._close("cancelled")
        except Error:
            logger.exception("could not look for a last answer to run %s", self._run_id)
            if self.request is not None:
                self._settle(self.request.closed("cancelled"), None)
        finally:
            self._live = None  # It holds us, and memory would wait for a search for cycles.

    # ---- in the loop of the run

    async def _allows(self, tool: str) -> bool:
        return self._live is not None and await _is_allowed(self._live.job.thread_id, tool)

    async def _save(self) -> None:
        while self._live is not None:
            try:
                # Whole, for the last one may have been lost on its way.
                if (await journal.awrite([self._live.get_checkpoint(self._hub.mailbox, is_whole=True)]))[0]:
                    return
                self._hub.stop_run(self._run_id)
                await asyncio.Event().wait()  # until that reaches us
            except Error:
                logger.exception("run %s could not be stored before its tools run; trying again", self._run_id)
                await asyncio.sleep(settings.CHECKPOINT_SECONDS)

    async def _wait(self, seconds: float | None) -> str:
        if self._answered is None:
            raise NothingAsked("nothing was asked; yield an InputRequest first, or use turn.ask()")
        answered = self._answered
        with self._untimed():
            await asyncio.wait([answered], timeout=seconds)
        while not answered.done():
            try:
                await self._close("expired")
            except Error:
                logger.exception("a question of run %s could not be closed; trying again", self._run_id)
                await asyncio.sleep(settings.CHECKPOINT_SECONDS)
        self._answered = None
        return answered.result()

    async def _close(self, state: Literal["cancelled", "expired"]) -> None:
        request = self.request
        if request is None:
            return
        answered = await journal.aclose_question(self._run_id, self._reply_id, request.id)
        if answered is not None:
            self.accept(answered)
        elif self.request is request:
            self._settle(request.closed(state), "" if state == "expired" else None)

    def _settle(self, request: InputRequest, text: str | None) -> None:
        answered, self.request = self._answered, None
        if self._live is not None:
            self._live.take(PartStart(request, key=request.id))  # By the run, which waits anew from here on.
            self._live.state = "streaming"
            self._live.flush()
        if answered is None or answered.done():
            return
        if text is None:
            answered.cancel()  # A thread that waits for it ends.
        else:
            answered.set_result(text)

    @contextmanager
    def _untimed(self) -> Iterator[None]:
        """Within the block the time limit of the run stands still: people think for as long as they like."""
        limit = self.limit
        end = limit.when() if limit is not None else None
        if limit is None or end is None:
            yield
            return
        rest = end - self._loop.time()
        limit.reschedule(None)
        try:
            yield
        finally:
            if self.limit is limit and not limit.expired():
                limit.reschedule(self._loop.time() + rest)

    async def _at_home(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """What `work` gives, also to a generator in a thread, whose `async_to_sync` makes an event loop of its own."""
        if asyncio.get_running_loop() is self._loop:
            return await work
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))
