"""Where one reads: long threads, addresses of messages, one's own message at the top, messages that are exchanged."""

import asyncio
import re

import pytest
from playwright.async_api import Locator, Route, expect

from tests.faults.server import FaultServer
from tests.site import Site

from .conftest import Open, make_site
from .model import QUESTION, Model
from .test_scrolling import PARAGRAPH, fill_view
from .test_switching import STAYS, get_link, is_loaded_once, until_shown
from .threads import make_threads
from .visit import Visit

FRAMES = "() => new Promise((done) => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(done)), 300))"
"""Until sizes have settled."""


def make_long(count: int) -> list[tuple[str, str]]:
    """Messages of several heights."""
    return [
        ("assistant" if number % 2 else "user", f"Number {number}. {PARAGRAPH * (1 + number % 3)}")
        for number in range(count)
    ]


async def get_y(visit: Visit, line: Locator) -> float:
    """Where a line is in the view, once sizes have settled."""
    await visit.page.evaluate(FRAMES)
    box = await line.bounding_box()
    assert box is not None
    return float(box["y"])


async def test_a_thousand_messages_load_upwards_and_the_line_that_is_read_stays(
    open_page: Open, site: Site, key: str
) -> None:
    visit = await open_page(*await make_threads(site, key, [("Long", make_long(1000))]))
    articles = visit.page.get_by_role("article")
    await expect(articles).to_have_count(50)
    asked, is_measured = asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        asked.set()
        await is_measured.wait()
        await route.continue_()

    await visit.page.route("**/*before=*", hold)
    for loaded in (50, 100, 150, 200, 250):
        asked.clear()
        is_measured.clear()
        await visit.page.evaluate("document.getElementById('chat-scroll').scrollTop = 40")
        await asked.wait()
        line = visit.page.get_by_text(re.compile(rf"^Number {1000 - loaded}\."))
        before = await get_y(visit, line)
        is_measured.set()
        await expect(articles).to_have_count(loaded + 50)

        assert abs(await get_y(visit, line) - before) <= 2
    await visit.page.unroute_all(behavior="ignoreErrors")


async def test_the_address_of_a_message_shows_it_however_old_it_is(open_page: Open, site: Site, key: str) -> None:
    [path] = await make_threads(site, key, [("Long", make_long(300))])
    visit = await open_page(path)
    old = await visit.page.evaluate(
        """async () => {
          const first = document.querySelector("#chat-thread > article").id.slice(2);
          const html = await (await fetch(`?before=${first}`)).text();
          return new DOMParser().parseFromString(html, "text/html").querySelector("article").id;
        }"""
    )
    oldest = await visit.page.evaluate(
        """async () => {
          let html = "";
          for (let before = document.querySelector("#chat-thread > article").id.slice(2); before; ) {
            html = await (await fetch(`?before=${before}`)).text();
            before = /before=([0-9a-f-]{36})/.exec(html)?.[1];
          }
          return new DOMParser().parseFromString(html, "text/html").querySelector("article").id;
        }"""
    )

    await visit.page.evaluate("(id) => (location.hash = id)", old)
    line = visit.page.locator(f"#{old}")
    await expect(line).to_have_class(re.compile("chat-found"))
    assert 52 <= await get_y(visit, line) <= 80

    other = await open_page(f"{path}#{oldest}")
    line = other.page.locator(f"#{oldest}")
    await expect(line).to_contain_text("Number 0.", timeout=20_000)
    await expect(line).to_be_in_viewport()
    assert 52 <= await get_y(other, line) <= 140
    await expect(line).not_to_have_class(re.compile("chat-found"))
    await other.page.reload()
    await expect(line).to_be_in_viewport()


async def test_ones_own_message_goes_to_the_top_and_the_answer_moves_nothing(open_page: Open, model: Model) -> None:
    visit = await open_page("/chat/new/anchoring/")
    await fill_view(visit, model, 20)
    await model.finish()
    await visit.until_state("complete")

    await visit.ask(f"Second {QUESTION}")
    await expect(visit.questions).to_have_count(2)
    top = await get_y(visit, visit.questions.last)
    assert 52 <= top <= 80
    await model.say("A first word.")
    await expect(visit.said).to_have_text("A first word.")
    assert await get_y(visit, visit.questions.last) == top
    await model.say(*[f"\n\nPart {number}: {PARAGRAPH}" for number in range(30)])
    await expect(visit.said).to_contain_text("Part 29")

    assert await get_y(visit, visit.questions.last) == top
    await expect(visit.jump).to_be_visible()
    await model.finish()
    await visit.until_state("complete")
    assert await get_y(visit, visit.questions.last) == top


async def test_the_view_stays_at_its_offset_when_messages_are_exchanged(visit: Visit, model: Model) -> None:
    await fill_view(visit, model, 30)
    await model.finish()
    await visit.until_state("complete")
    before, _ = await visit.get_place()

    await visit.page.evaluate(
        """() => {
          document.dispatchEvent(new CustomEvent("chat:hold"));
          const thread = document.getElementById("chat-thread");
          const other = thread.lastElementChild.cloneNode(true);
          other.querySelector("[data-chat-text]").append(...[..."abcdefgh"].map((text) =>
            Object.assign(document.createElement("p"), { textContent: text.repeat(2000) })));
          thread.lastElementChild.replaceWith(other);
        }"""
    )

    await visit.page.evaluate(FRAMES)
    after, below = await visit.get_place()
    assert abs(after - before) < 2
    assert below > 300


async def test_the_address_names_the_thread_when_the_site_says_so(
    open_page: Open, faults: FaultServer, tmp_path_factory: pytest.TempPathFactory, model: Model
) -> None:
    site = make_site(faults, tmp_path_factory, BOOKMARK_ON="response")
    await asyncio.to_thread(site.__enter__)
    try:
        [key] = await asyncio.to_thread(site.sign_in, ["reader"])
        visit = await open_page(key=key, at=site)
        await visit.ask(QUESTION)
        await model.say("Half")
        await expect(visit.said).to_have_text("Half")
        assert visit.page.url == f"{site.url}/chat/"
        await model.finish(" and whole.")
        await visit.until_state("complete")
        await expect(visit.page).to_have_url(re.compile(r"/chat/[0-9a-f-]{36}/$"))
        await visit.page.reload()
        await expect(visit.said).to_have_text("Half and whole.")
        await visit.go("/chat/")
        await expect(visit.thread.get_by_role("article")).to_have_count(0)

        # Only when somebody says so.
        await visit.page.evaluate("document.getElementById('chat').dataset.chatBookmark = ''")
        await visit.ask("fault:echo never")
        await visit.until_state("complete")
        assert visit.page.url == f"{site.url}/chat/"
        await visit.page.evaluate("document.dispatchEvent(new CustomEvent('chat:bookmark'))")
        await expect(visit.page).to_have_url(re.compile(r"/chat/[0-9a-f-]{36}/$"))
    finally:
        await asyncio.to_thread(site.end)


async def test_nothing_is_sent_again_by_a_reload_or_a_switch(
    open_page: Open, site: Site, key: str, model: Model
) -> None:
    [path] = await make_threads(site, key, [("Apples", [("user", "x"), ("assistant", "y")])])
    visit = await open_page(path)
    await visit.ask(QUESTION)
    await model.say("So far.")
    await expect(visit.said).to_have_text("So far.")
    await visit.page.keyboard.press("Escape")
    await visit.until_state("stopped")
    assert (visit.count_sent("post"), visit.count_sent("stop")) == (1, 1)

    await visit.page.reload()
    await expect(visit.said).to_have_text("So far.")
    await visit.page.evaluate(STAYS)
    await visit.page.get_by_role("link", name="New chat").click()
    await expect(visit.page).to_have_url(f"{site.url}/chat/")
    await get_link(visit, "Apples").click()
    await until_shown(visit, "Apples")

    await expect(visit.box).to_have_value("")
    await expect(visit.questions).to_have_count(2)
    assert (visit.count_sent("post"), visit.count_sent("stop")) == (1, 1)
    assert await is_loaded_once(visit)
