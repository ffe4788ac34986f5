"""Sites that stories share, and people who come to them."""

import asyncio
import re
import shutil
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
import pytest_asyncio

from tests.conftest import POSTGRES_URL, REDIS_URL
from tests.site import Site

from .people import Person
from .provider import Provider
from .stored import Stored

SERVERS = ("uvicorn", "daphne")
HERE, THERE = 0, 1
"""The two processes of a pair."""

LEASE_SECONDS = 3
"""Of the runs of a pair."""

NOT_FAILURES = re.compile(
    # Django counts every 503 as an error, and to say "not ready" is one.
    r" ERROR django.request Service Unavailable: /readyz"
    # Uvicorn writes a traceback for a client that cannot spell.
    r"| ERROR uvicorn.error Invalid UTF-8 sequence received from client\.\nTraceback.*?\nUnicodeDecodeError",
    re.DOTALL,
)


def find_failures(log: str) -> list[str]:
    """Lines of a site's log that say that something failed in the site itself."""
    lines = NOT_FAILURES.sub("", log).splitlines()
    return [line for line in lines if re.search(" ERROR | CRITICAL |Traceback", line)]


StartSite = Callable[..., Site]


class Measured(Protocol):
    """Notes a figure for the end of the session, and fails if it is beyond its bound."""

    def __call__(self, name: str, value: float, unit: str, *, at_most: float) -> None: ...


_figures: dict[str, list[float]] = {}
_units: dict[str, tuple[str, float]] = {}


@pytest.fixture
def measured() -> Measured:
    """Notes figures, so that whoever runs the stories sees how near the bounds they are."""

    def note(name: str, value: float, unit: str, *, at_most: float) -> None:
        _figures.setdefault(name, []).append(value)
        _units[name] = (unit, at_most)
        assert value <= at_most, f"{name}: {value:.2f} {unit}, at most {at_most:g} {unit} are promised"

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The worst of each figure."""
    for name, values in _figures.items():
        unit, bound = _units[name]
        worst, count = max(values), len(values)
        terminalreporter.write_line(f"{name}: at most {worst:.2f} {unit} in {count} tries (promised: {bound:g} {unit})")


@pytest.fixture(scope="session")
def provider() -> Iterator[Provider]:
    """The provider of all sites."""
    provider = Provider()
    yield provider
    provider.process.end()


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the tables and nothing in them, to be copied: migrating takes longer than a story."""
    folder = tmp_path_factory.mktemp("empty")
    Site(folder=folder, chatapp={}).manage("migrate", "--noinput")
    return folder / "db.sqlite3"


@pytest.fixture(scope="session")
def start_site(
    provider: Provider, empty_database: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StartSite]:
    """Starts sites with a database of their own, and ends them."""
    sites: list[Site] = []

    def start(server: str, *, processes: int = 1, env: Mapping[str, str] | None = None, **chatapp: Any) -> Site:
        site = Site(
            server=server,
            processes=processes,
            env={**provider.env, "SIGNUP_OPEN": "1", **(env or {})},
            chatapp={"WATCH_SECONDS": 1, "SESSION_CHECK_SECONDS": 1, "DRAIN_SECONDS": 1, **chatapp},
            folder=tmp_path_factory.mktemp(server),
        )
        if "DATABASE_URL" not in (env or {}):
            shutil.copy(empty_database, site.folder / "db.sqlite3")
        sites.append(site)
        for place in range(processes):
            site.start(place)
        return site

    yield start
    for site in sites:
        for process in site.processes:
            process.send(signal.SIGTERM)  # All at once; they take a second each.
    for site in sites:
        site.end()


@pytest.fixture(scope="session")
def shared_sites(start_site: StartSite) -> dict[str, Site]:
    """One site for each server, for stories that leave it as they found it."""
    return {}


@pytest.fixture(params=SERVERS)
def site(request: pytest.FixtureRequest, shared_sites: dict[str, Site], start_site: StartSite) -> Iterator[Site]:
    """The shared site on each server in turn. Nothing fails in it unseen."""
    server: str = request.param
    if server not in shared_sites:
        shared_sites[server] = start_site(server)
    site = shared_sites[server]
    before = len(site.log)
    yield site
    assert find_failures(site.log[before:]) == []


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a database of the stories' own, with tables."""
    name = f"chatapp_{uuid4().hex}"
    with psycopg.connect(POSTGRES_URL, autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')
    url = urlsplit(POSTGRES_URL)._replace(path=f"/{name}").geturl()
    Site(env={"DATABASE_URL": url}, folder=tmp_path_factory.mktemp("tables")).manage("migrate", "--noinput")
    yield url
    with psycopg.connect(POSTGRES_URL, autocommit=True) as server:
        server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=[pytest.mark.needs_postgres, pytest.mark.needs_redis]) for name in SERVERS],
)
def started_pair(request: pytest.FixtureRequest, start_site: StartSite, postgres: str) -> Iterator[Site]:
    """A site of two processes on one PostgreSQL and one Redis, on each server in turn."""
    env = {"DATABASE_URL": postgres, "REDIS_URL": REDIS_URL}
    site = start_site(request.param, processes=2, env=env, LEASE_SECONDS=LEASE_SECONDS)
    yield site
    site.end()


@pytest.fixture
def pair(started_pair: Site) -> Iterator[Site]:
    """A site of two processes, HERE and THERE. Nothing fails in it unseen."""
    before = len(started_pair.log)
    yield started_pair
    assert find_failures(started_pair.log[before:]) == []


@pytest.fixture
def stored(site: Site) -> Stored:
    """What the site has stored."""
    return Stored(site)


@pytest_asyncio.fixture
async def newcomer() -> AsyncIterator[Callable[[Site], Person]]:
    """Makes people with a browser, who are not signed in; they leave at the end."""
    # The debug mode of the suite costs this process most of its time, and the figures are to be the site's.
    asyncio.get_running_loop().set_debug(False)
    people: list[Person] = []

    def come(site: Site) -> Person:
        people.append(Person(site))
        return people[-1]

    yield come
    for person in people:
        await person.leave()


@pytest_asyncio.fixture
async def person(site: Site, newcomer: Callable[[Site], Person]) -> Person:
    """Somebody with a fresh account on the site."""
    return await newcomer(site).sign_up()
