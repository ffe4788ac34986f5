"""The panel of thinking, with a clock that the test moves."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Locator, expect

from tests.faults.server import FaultServer
from tests.site import Site

from .conftest import Open, make_site
from .model import QUESTION, Model
from .visit import Visit


class Slow:
    """A page whose time stands still until the test moves it."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.passed = 0
        """Milliseconds since the page was opened."""

    @property
    def panel(self) -> Locator:
        """The panel of thinking."""
        return self.visit.answer.locator("details.chat-thinking")

    @property
    def head(self) -> Locator:
        """What stands in its head."""
        return self.panel.locator("> summary")

    async def move(self, milliseconds: int) -> None:
        """Let time pass."""
        self.passed += milliseconds
        await self.visit.page.clock.run_for(milliseconds)

    async def until(self, script: str) -> None:
        """Let time pass in small steps until this is so; frames wait for the page's own beat."""
        for _ in range(100):
            if await self.visit.page.evaluate(f"() => Boolean({script})"):
                return
            await self.move(20)
        raise AssertionError(f"never so: {script}")


async def open_slow(open_page: Open) -> Slow:
    """A new chat in which time stands still."""
    visit = await open_page(None)
    await visit.page.clock.install(time=0)
    await visit.go("/chat/")
    await visit.page.clock.pause_at(60_000)
    return Slow(visit)


HEAD = "document.querySelector('.chat-thinking > summary')"
PANEL = "document.querySelector('.chat-thinking')"


async def test_a_topic_stays_in_the_head_long_enough_to_be_read(open_page: Open, model: Model) -> None:
    slow = await open_slow(open_page)
    await slow.visit.ask(QUESTION)
    await model.say("<thinking>\n<topic>Reading</topic>\nIt says so.\n")
    await slow.until(f"{HEAD}?.textContent.includes('Reading') && customElements.get('chat-thought')")
    begun = slow.passed

    await model.say("<topic>Comparing</topic>\nBoth.\n")
    await slow.until(f"{PANEL}.querySelectorAll('h3').length === 2")
    await model.say("<topic>Deciding</topic>\nThis.\n")
    await slow.until(f"{PANEL}.querySelectorAll('h3').length === 3")
    await slow.move(2300 - (slow.passed - begun))
    await expect(slow.head).to_have_text("Thinking · Reading")
    await slow.move(400)

    await expect(slow.head).to_have_text("Thinking · Deciding")
    await model.finish("</thinking>\nDone.")
    await slow.until(f"{HEAD}.textContent.includes('Thought for')")
    await slow.move(5000)
    await expect(slow.head).to_contain_text("Thought for")
    await expect(slow.panel.get_by_role("heading")).to_have_count(0)  # folded
    assert await slow.panel.get_attribute("open") is None


async def test_thinking_without_topics_is_seen_and_folds_when_the_answer_begins(open_page: Open, model: Model) -> None:
    slow = await open_slow(open_page)
    await slow.visit.ask(QUESTION)
    await model.say("<thinking>\nLet me see.\n")
    await slow.until(f"{PANEL} && customElements.get('chat-thought')")
    assert await slow.panel.get_attribute("open") is None

    await slow.move(1100)

    assert await slow.panel.get_attribute("open") is not None
    await model.finish("</thinking>\nDone.")
    await slow.until(f"{HEAD}.textContent.includes('Thought for')")
    assert await slow.panel.get_attribute("open") is not None
    await slow.move(700)
    assert await slow.panel.get_attribute("open") is None


async def test_a_panel_that_a_person_has_opened_stays_open(open_page: Open, model: Model) -> None:
    slow = await open_slow(open_page)
    await slow.visit.ask(QUESTION)
    await model.say("<thinking>\nLet me see.\n")
    await slow.until(f"{PANEL} && customElements.get('chat-thought')")
    await slow.move(1100)
    await slow.head.press("Enter")
    assert await slow.panel.get_attribute("open") is None
    await slow.head.press("Enter")

    await model.finish("</thinking>\nDone.")
    await slow.until(f"{HEAD}.textContent.includes('Thought for')")
    await slow.move(5000)

    assert await slow.panel.get_attribute("open") is not None


async def test_how_long_it_thought_is_there_after_a_reload(open_page: Open, model: Model) -> None:
    visit = await open_page()
    await visit.ask(QUESTION)
    await model.finish("<thinking>\n<topic>Reading</topic>\nIt says so.\n</thinking>\nDone.")
    await visit.until_state("complete")
    summary = visit.answer.locator(".chat-thinking > summary")
    await expect(summary).to_have_text("Thought for a moment")

    await visit.page.reload()

    await expect(summary).to_have_text("Thought for a moment")
    await expect(visit.said).to_have_text("Done.")
    await summary.click()
    await expect(visit.answer.get_by_role("heading", name="Reading")).to_be_visible()


@pytest_asyncio.fixture(loop_scope="session")
async def discreet_site(faults: FaultServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """A site that shows no thinking."""
    site = make_site(faults, tmp_path_factory, SHOW_THINKING_AFTER_SECONDS=-1)
    await asyncio.to_thread(site.__enter__)
    yield site
    await asyncio.to_thread(site.end)


async def test_thinking_that_is_never_shown_never_leaves_the_site(
    open_page: Open, model: Model, discreet_site: Site
) -> None:
    [key] = await asyncio.to_thread(discreet_site.sign_in, ["somebody"])
    visit = await open_page(key=key, at=discreet_site)
    await visit.ask(QUESTION)
    await model.say("<thinking>\nsecret ")
    await expect(visit.answer.locator(".chat-unseen-part")).to_be_visible()  # the mark that something is being done

    await model.finish("secret</thinking>\nDone.")
    await visit.until_state("complete")

    await expect(visit.answer.locator(".chat-unseen-part")).to_be_hidden()
    await visit.page.reload()
    await expect(visit.said).to_have_text("Done.")
    assert "secret" not in await visit.page.content()
    assert not any("secret" in frame for frame in visit.received)
