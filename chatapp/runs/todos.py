"""The plan above the composer, stored with the thread; every open page shows what is stored."""

import logging
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from asgiref.sync import async_to_sync
from django.db import Error

from chatapp.models import LIVE_STATES, Run, Thread
from chatapp.models.calls import in_database
from chatapp.todos import TodoItem, check_todos, dump_todos

from .hub import Hub, get_hub

logger = logging.getLogger("chatapp.runs")


async def update_todos(
    thread: Thread | UUID, items: Iterable[TodoItem | Mapping[str, Any]], *, hub: Hub | None = None
) -> None:
    """Show this plan in all open pages of the thread, in place of the one before. An empty one takes it away.

    Raises ValueError for what is no task; see TodoItem.
    """
    todos = dump_todos(check_todos(items))
    thread_id = thread.pk if isinstance(thread, Thread) else thread
    await _store(thread_id, todos)
    await (hub or get_hub()).thread_changed(thread_id)


async def clear_todos(thread: Thread | UUID) -> None:
    """Take the plan of the thread away in all open pages."""
    await update_todos(thread, ())


update_todos_sync = async_to_sync(update_todos)
"""See update_todos; for code that is not async."""

clear_todos_sync = async_to_sync(clear_todos)
"""See clear_todos; for code that is not async."""


async def store_of_run(hub: Hub, run_id: UUID, thread_id: UUID, items: Iterable[TodoItem]) -> None:
    """Show the plan that this run says, if it is still ours and was not stopped. Does not raise for the database."""
    try:
        if await _store(thread_id, dump_todos(items), run_id=run_id, mailbox=hub.mailbox):
            await hub.thread_changed(thread_id)
    except Error:
        logger.exception("the todos of run %s could not be stored", run_id)


@in_database
def _store(thread_id: UUID, todos: list[dict[str, Any]], *, run_id: UUID | None = None, mailbox: str = "") -> bool:
    threads = Thread.objects.filter(pk=thread_id)
    if run_id is not None:
        threads = threads.filter(
            pk__in=Run.objects.filter(pk=run_id, hub=mailbox, state__in=LIVE_STATES).values("thread")
        )
    return bool(threads.update(todos=todos))
