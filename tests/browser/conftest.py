"""A site, a Chromium, and people who look at the one with the other."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.faults.fault import FAULTS, Fault
from tests.faults.server import FaultServer
from tests.site import Site

from .chromium import launch
from .model import Model
from .visit import Visit

PEOPLE = 300

Open = Callable[..., Awaitable[Visit]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs a Chromium, and shares one, so it shares an event loop too."""
    for item in items:
        if item.nodeid.startswith("tests/browser/"):
            item.add_marker(pytest.mark.needs_chromium)
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def faults() -> AsyncIterator[FaultServer]:
    """The provider that the site asks."""
    async with FaultServer() as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def site(faults: FaultServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """The hosted site with production settings."""
    site = make_site(faults, tmp_path_factory)
    await asyncio.to_thread(site.__enter__)
    yield site
    await asyncio.to_thread(site.end)


def make_site(faults: FaultServer, tmp_path_factory: pytest.TempPathFactory, **chatapp: Any) -> Site:
    """A site that has not been started."""
    env = {
        "CHATAPP_PROVIDER": "openai",
        "OPENAI_API_KEY": "sk-nobody",
        "OPENAI_BASE_URL": faults.base_url,
        "OPENAI_MODEL": "stage",
        "SIGNUP_OPEN": "1",
    }
    return Site(env=env, chatapp=chatapp, folder=tmp_path_factory.mktemp("site"))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """A headless Chromium."""
    async with async_playwright() as playwright:
        browser = await launch(playwright)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def session_keys(site: Site) -> list[str]:
    """Session keys of people who are signed in, each for one test."""
    return await asyncio.to_thread(site.sign_in, [f"visitor-{number}" for number in range(PEOPLE)])


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Model:
    """Answers what has QUESTION in it."""
    model = Model()
    monkeypatch.setitem(FAULTS, "stage", Fault(name="stage", play=model.play))
    return model


@pytest.fixture
def key(session_keys: list[str]) -> str:
    """Session key of the person of this test."""
    return session_keys.pop()


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(chromium: Browser, site: Site, key: str) -> AsyncIterator[Open]:
    """Opens pages for one person, each in a browser of its own. At the end no browser may have had anything to say."""
    visits: list[Visit] = []

    async def open_one(path: str | None = "/chat/", *, key: str = key, at: Site = site, **options: Any) -> Visit:
        context = await chromium.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        context.set_default_timeout(10_000)
        if key:
            await context.add_cookies([{"name": "sessionid", "value": key, "url": at.url}])
        visit = Visit(await context.new_page(), at)
        visits.append(visit)
        if path is not None:
            await visit.go(path)
        return visit

    yield open_one
    complaints = [text for visit in visits for text in visit.complaints]
    for visit in visits:
        await visit.context.close()
    assert complaints == []


@pytest_asyncio.fixture(loop_scope="session")
async def visit(open_page: Open) -> Visit:
    """A page with a new chat on a wide screen."""
    return await open_page()


@pytest_asyncio.fixture(loop_scope="session")
async def phone(open_page: Open) -> Visit:
    """A page with a new chat on a phone."""
    return await open_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
