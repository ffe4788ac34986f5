"""Wait for a run from anywhere: a view, a task, another process."""

import asyncio
from typing import Any
from uuid import UUID

from chatapp.inputs import InputUpdate
from chatapp.models import Run
from chatapp.models.calls import in_database

from .hub import get_hub


class _Waiter:
    """A reader of the hub that only wants to be woken."""

    def __init__(self, run: Run) -> None:
        self.thread_id = run.thread_id
        self.person = str(run.thread.owner_id)
        self.mark: Any = None  # Never set: a hint may be lost, so each look of the hub wakes us as well.
        self.news = asyncio.Event()

    def thread_changed(self) -> None:
        self.news.set()

    def person_changed(self, ended_session: str) -> None:
        """It waits for a thread and not for a person."""

    def input_changed(self, update: InputUpdate) -> None:
        """It has no message box."""

    def send_away(self) -> None:
        self.news.set()


async def wait_for_run(run_id: UUID) -> Run:
    """The run once it has ended and its last words are stored, wherever it runs; `Run.get_result` gives what it said.

    Limit the wait with asyncio.timeout(). Raises Run.DoesNotExist for one that is not there, or is deleted meanwhile.
    """
    run = await _load(run_id)
    if not run.is_live:
        return run
    hub, waiter = get_hub(), _Waiter(run)
    await hub.join(waiter)
    try:
        while (run := await _load(run_id)).is_live:
            await waiter.news.wait()
            waiter.news.clear()
        return run
    finally:
        await hub.leave(waiter)


@in_database
def _load(run_id: UUID) -> Run:
    return Run.objects.select_related("thread", "reply").get(pk=run_id)
