"""A tool has a connection to the database of its own, in its thread, and leaves none behind however it ends."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import dj_database_url
import psycopg
import pytest
from django.db import connections
from pytest_django import DjangoDbBlocker

import chatapp
from chatapp.providers.scripted import PATIENCE_SECONDS
from chatapp.testing import ask, call

ALIAS = "tools"


@pytest.fixture
def database(postgres_url: str, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """A database on PostgreSQL that the site knows as `tools`, and that keeps connections as long as it may."""
    connections.settings[ALIAS] = {**connections.settings["default"], **dj_database_url.parse(postgres_url)}
    connections.settings[ALIAS] |= {"CONN_MAX_AGE": None, "OPTIONS": {}}
    with django_db_blocker.unblock():
        yield postgres_url
    connections[ALIAS].close()
    del connections[ALIAS], connections.settings[ALIAS]


def count_connections(url: str) -> int:
    """How many connections that database has, this one left out."""
    with psycopg.connect(url) as connection:
        sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        row = connection.execute(sql).fetchone()
    assert row is not None
    return int(row[0])


async def wait_until_none_is_left(url: str) -> None:
    """The server takes a moment to notice. Raises TimeoutError."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await asyncio.to_thread(count_connections, url):
            pass


@pytest.mark.needs_postgres
async def test_tools_leave_no_connection_behind(database: str) -> None:
    released, seen = threading.Event(), []

    def use() -> str:
        with connections[ALIAS].cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            seen.append(cursor.fetchone()[0])
        return "used"

    @chatapp.tool(approval="never")
    def returns() -> str:
        """Return."""
        return use()

    @chatapp.tool(approval="never")
    def fails() -> str:
        """Fail."""
        use()
        raise chatapp.VisibleError("failed")

    @chatapp.tool(approval="never")
    def generates() -> Iterator[Any]:
        """Yield."""
        yield use()
        yield use()

    @chatapp.tool(approval="never", timeout=0.1)
    def hangs() -> str:
        """Hang with an open connection."""
        use()
        released.wait(PATIENCE_SECONDS)
        return "too late"

    tools = (returns, fails, generates, hangs)
    assistant = type("Uses", (chatapp.Assistant,), {"__doc__": "Uses it.", "tools": tools})
    answer = await ask(assistant, "Go", model_says=[*(call(tool.name) for tool in tools), "Done."])

    assert answer.text == "Done."
    states = [part.state for part in answer.parts if isinstance(part, chatapp.ToolCallPart)]
    assert states == ["done", "failed", "done", "failed"]
    async with asyncio.timeout(PATIENCE_SECONDS):
        # One for each thread, and the generator kept its own; that of the one that hangs is still there.
        while len(set(seen)) < 4:
            await asyncio.to_thread(count_connections, database)
    assert await asyncio.to_thread(count_connections, database) >= 1
    assert len(seen) == 5
    released.set()
    await wait_until_none_is_left(database)
