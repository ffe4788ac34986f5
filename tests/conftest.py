"""The cast, the outside that tests may need, and the rule that nothing fails behind a test's back.

The cast is an owner, a stranger and a member of staff. Every door has a test in which the stranger tries it.
"""

import gc
import logging
import os
import socket
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import hypothesis
import psycopg
import pytest
import pytest_asyncio
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from chatapp.models import Message, Run, Thread
from chatapp.parts import TextPart
from tests.browser.chromium import find_chromium
from tests.line import Line

# No test is timed: on a busy machine the first example of a property may take long.
hypothesis.settings.register_profile("suite", deadline=None)
hypothesis.settings.load_profile("suite")

POSTGRES_URL = os.environ.get("TEST_POSTGRES_URL", "postgres://postgres@127.0.0.1:5432/postgres")
REDIS_URL = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/0")


def _has_postgres() -> bool:
    try:
        psycopg.connect(POSTGRES_URL, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _has_redis() -> bool:
    host, _, port = REDIS_URL.removeprefix("redis://").partition("/")[0].rpartition("@")[2].partition(":")
    try:
        with socket.create_connection((host, int(port or 6379)), timeout=2) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith((b"+PONG", b"-NOAUTH"))
    except OSError:
        return False


NEEDS = {
    "needs_postgres": (
        _has_postgres,
        "No PostgreSQL answers at TEST_POSTGRES_URL. Start one: "
        "docker run -p 5432:5432 -e POSTGRES_HOST_AUTH_METHOD=trust postgres",
    ),
    "needs_redis": (
        _has_redis,
        "No Redis answers at TEST_REDIS_URL. Start one: redis-server, or docker run -p 6379:6379 redis",
    ),
    "needs_chromium": (
        lambda: find_chromium() is not None,
        "No Chromium is installed. Get one (apt-get install chromium), or name one in TEST_CHROMIUM",
    ),
}
"""For each marker: whether it is there, and how to get it."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs an outside that is missing; in CI run it all the same, so that it fails there. In CI a test
    that fails is played once more, since a machine that is out of breath can fail it (most of the suite talks to other
    processes); the report names it, and away from CI it fails at once."""
    if os.environ.get("CI") == "true":
        for item in items:
            item.add_marker(pytest.mark.flaky(reruns=1))
        return
    for name, (is_there, how_to_get_it) in NEEDS.items():
        marked = [item for item in items if item.get_closest_marker(name)]
        if marked and not is_there():
            for item in marked:
                item.add_marker(pytest.mark.skip(reason=how_to_get_it))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a skipped test fails the run: what it needs should have been there."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") == "true" and reporter and reporter.stats.get("skipped"):
        reporter.write_line("CI=true, and yet something was skipped", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


class _Complaints(logging.Handler):
    """Collects what asyncio can only log: tasks that were destroyed or whose exception nobody saw."""

    def __init__(self) -> None:
        super().__init__(level=logging.ERROR)
        self.sentences: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.sentences.append(logging.Formatter().format(record))


@pytest.fixture(scope="session", autouse=True)
def _complaints() -> Iterator[_Complaints]:
    complaints = _Complaints()
    logging.getLogger("asyncio").addHandler(complaints)
    yield complaints
    logging.getLogger("asyncio").removeHandler(complaints)
    gc.collect()
    assert complaints.sentences == []


@pytest.fixture(autouse=True)
def _no_complaint_of_asyncio(_complaints: _Complaints) -> Iterator[None]:
    yield
    sentences, _complaints.sentences = _complaints.sentences, []
    assert sentences == [], "a task of this test, or of one before it, was lost"


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The database of the suite. Connections of threads are ended, or PostgreSQL would not drop it."""
    yield
    if connection.vendor == "postgresql":
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    cache.clear()


def _make_person(name: str, **attributes: Any) -> Any:
    return get_user_model().objects.create_user(name, password=f"pw-{name}-12345", **attributes)


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """An empty PostgreSQL database, dropped afterwards. For tests marked `needs_postgres`."""
    name = f"chatapp_{uuid4().hex}"
    with psycopg.connect(POSTGRES_URL, autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')
    yield urlsplit(POSTGRES_URL)._replace(path=f"/{name}").geturl()
    with psycopg.connect(POSTGRES_URL, autocommit=True) as server:
        server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def redis_url() -> str:
    """The Redis of the tests, shared: channel names are random. For tests marked `needs_redis`."""
    return REDIS_URL


@pytest.fixture
def chromium() -> str:
    """Path of the Chromium of the tests. For tests marked `needs_chromium`."""
    path = find_chromium()
    assert path, NEEDS["needs_chromium"][1]
    return path


def make_thread(owner: Any, *exchanges: tuple[str, str], state: str = "complete", **attributes: Any) -> Thread:
    """A stored thread: question and answer, in turn; `state` is the last run's."""
    now = timezone.now()
    values = {"owner": owner, "assistant": "model", "title": "A thread", "updated_at": now, **attributes}
    thread = Thread.objects.create(**values)
    for number, (question, answer) in enumerate(exchanges, start=1):
        prompt = _say(thread, "user", question)
        reply = _say(thread, "assistant", answer)
        last = state if number == len(exchanges) else "complete"
        is_live = last in ("running", "waiting")
        Run.objects.create(
            thread=thread,
            prompt=prompt,
            reply=reply,
            state=last,
            started_at=now,
            heartbeat_at=now,
            finished_at=None if is_live else now + timedelta(seconds=2),
        )
    thread.save(update_fields=["head"])
    return thread


def _say(thread: Thread, role: str, text: str) -> Message:
    thread.head = Message.objects.create(
        thread=thread, parent=thread.head, role=role, parts=[TextPart(text=text).dump()], text=text
    )
    return thread.head


@pytest.fixture
def owner(db: None) -> Any:
    """Whose threads they are."""
    return _make_person("owner")


@pytest.fixture
def stranger(db: None) -> Any:
    """Somebody else who is signed in."""
    return _make_person("stranger")


@pytest.fixture
def staff(db: None) -> Any:
    """Somebody who may see everything in the admin."""
    return _make_person("staff", is_staff=True, is_superuser=True)


@pytest.fixture
def owner_client(owner: Any, client: Any) -> Any:
    """A browser in which the owner is signed in."""
    client.force_login(owner)
    return client


@pytest.fixture
def stranger_client(stranger: Any) -> Any:
    """A browser in which the stranger is signed in."""
    browser = Client()
    browser.force_login(stranger)
    return browser


@pytest.fixture
def staff_client(staff: Any) -> Any:
    """A browser in which the member of staff is signed in."""
    browser = Client()
    browser.force_login(staff)
    return browser


@pytest_asyncio.fixture
async def line(transactional_db: None, owner: Any) -> AsyncIterator[Line]:
    """The straight line in this process; its runs, loops and relays end with the test."""
    async with Line(owner) as line:
        yield line
