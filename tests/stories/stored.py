"""What is stored, read behind the site's back."""

import asyncio
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from tests.site import Site


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A row of the runs, without what no story asks for."""

    id: UUID
    state: str
    is_finished: bool
    error_code: str
    reference: str
    cause: str


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A row of the messages."""

    id: UUID
    role: str
    text: str
    parts: list[dict[str, Any]]

    @property
    def said(self) -> str:
        """Its text parts, also before it is complete."""
        return "".join(part["text"] for part in self.parts if part["kind"] == "text")


class Stored:
    """The database of a site."""

    def __init__(self, site: Site) -> None:
        self._url = site.env["DATABASE_URL"]

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of a statement with `?` for each value."""
        if self._url.startswith("sqlite:///"):
            # SQLite has no UUIDs: Django stores their digits.
            values = tuple(value.hex if isinstance(value, UUID) else value for value in values)
            with closing(sqlite3.connect(self._url.removeprefix("sqlite:///"), timeout=20)) as base, base:
                return base.execute(sql, values).fetchall()
        with psycopg.connect(self._url) as server:
            cursor = server.execute(sql.replace("?", "%s"), values)
            return cursor.fetchall() if cursor.description else []

    def runs(self, thread_id: UUID, *, kind: str = "reply") -> list[StoredRun]:
        """The runs of a thread, oldest first."""
        columns = "id, state, finished_at, error_code, error_reference, error"
        sql = f"SELECT {columns} FROM chatapp_run WHERE thread_id = ? AND kind = ? ORDER BY started_at"  # noqa: S608  # our own names
        rows = self.query(sql, thread_id, kind)
        return [StoredRun(UUID(str(row[0])), row[1], row[2] is not None, *row[3:]) for row in rows]

    def messages(self, thread_id: UUID) -> list[StoredMessage]:
        """The messages of a thread, oldest first."""
        sql = "SELECT id, role, text, parts FROM chatapp_message WHERE thread_id = ? ORDER BY created_at"
        rows = self.query(sql, thread_id)
        return [
            StoredMessage(UUID(str(key)), role, text, json.loads(parts) if isinstance(parts, str) else parts)
            for key, role, text, parts in rows
        ]

    async def until(self, is_so: Callable[[], object], seconds: float = 15.0) -> None:
        """Wait until something is true of what is stored. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while not is_so():  # noqa: ASYNC110  # another process changes it, and cannot set an event of ours
                await asyncio.sleep(0.02)

    def count_live(self) -> int:
        """How many runs of the whole site have not ended."""
        (row,) = self.query(
            "SELECT count(*) FROM chatapp_run WHERE state IN ('running', 'waiting') OR finished_at IS NULL"
        )
        return int(row[0])

    def count_all(self) -> tuple[int, ...]:
        """How many threads, messages and runs there are."""
        tables = ("chatapp_thread", "chatapp_message", "chatapp_run")
        return tuple(int(self.query(f"SELECT count(*) FROM {table}")[0][0]) for table in tables)  # noqa: S608  # likewise
