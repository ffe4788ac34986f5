"""Another thread without a page load: what comes, what goes, what stays, and what is left to the browser."""

import re
from typing import Any

from playwright.async_api import Locator, expect

from tests.site import Site

from .conftest import Open
from .model import QUESTION, Model
from .threads import make_threads
from .visit import Visit

PARAGRAPH = "Some words that fill more than one line of the column, so that threads are taller than the view. " * 3
STAYS = "window.stays = true"
"""Gone after a page load."""


def get_link(visit: Visit, title: str) -> Locator:
    """The conversation with this title in the list."""
    return visit.page.get_by_role("navigation", name="Conversations").get_by_role("link", name=title, exact=True)


async def until_shown(visit: Visit, title: str) -> None:
    """Wait until the conversation with this title is the one that is shown."""
    await expect(visit.page.get_by_role("heading", level=1)).to_have_text(title)
    await expect(get_link(visit, title)).to_have_attribute("aria-current", "page")


async def is_loaded_once(visit: Visit) -> bool:
    """Whether the page has not been loaded again since STAYS."""
    return bool(await visit.page.evaluate("window.stays === true"))


async def open_threads(open_page: Open, site: Site, key: str, *titles: str, **options: Any) -> tuple[Visit, list[str]]:
    """A page with the first of these threads, each with a question and an answer; and their paths."""
    paths = await make_threads(
        site, key, [(title, [("user", f"Ask {title}"), ("assistant", f"Of {title}")]) for title in titles]
    )
    visit = await open_page(paths[0], **options)
    await visit.page.evaluate(STAYS)
    return visit, paths


async def test_another_thread_takes_the_place_without_a_page_load(open_page: Open, site: Site, key: str) -> None:
    visit, paths = await open_threads(open_page, site, key, "Apples", "Pears")
    open_sockets: list[Any] = []

    def on_socket(socket: Any) -> None:
        open_sockets.append(socket)
        socket.on("close", lambda closed: open_sockets.remove(closed))

    visit.page.on("websocket", on_socket)

    await get_link(visit, "Pears").click()

    await until_shown(visit, "Pears")
    assert await is_loaded_once(visit)
    assert visit.page.url == site.url + paths[1]
    await expect(visit.page).to_have_title(re.compile("^Pears · "))
    await expect(visit.questions).to_have_text(["Ask Pears"])
    await expect(visit.said).to_have_text("Of Pears")
    await expect(visit.box).to_be_focused()
    await expect(get_link(visit, "Apples")).not_to_have_attribute("aria-current", "page")
    assert len([url for url in visit.requests if url.endswith(paths[1])]) == 1

    await visit.page.go_back()
    await until_shown(visit, "Apples")
    await expect(visit.said).to_have_text("Of Apples")
    await visit.page.go_forward()
    await until_shown(visit, "Pears")
    await visit.ask("fault:echo and more")
    await visit.until_state("complete")
    await expect(visit.questions).to_have_text(["Ask Pears", "fault:echo and more"])
    await get_link(visit, "Apples").click()
    await until_shown(visit, "Apples")
    await expect(visit.questions).to_have_text(["Ask Apples"])

    assert await is_loaded_once(visit)
    assert [socket.url.split("/")[-2] for socket in open_sockets] == [paths[0].split("/")[-2]]


async def test_a_new_chat_comes_without_a_page_load_and_gets_its_address_with_its_first_message(visit: Visit) -> None:
    await visit.ask("fault:echo one")
    await visit.until_state("complete")
    first = visit.page.url
    await visit.page.evaluate(STAYS)

    await visit.page.get_by_role("link", name="New chat").click()
    await expect(visit.questions).to_have_count(0)
    await expect(visit.page).to_have_url(f"{visit.site.url}/chat/")
    await expect(visit.page.locator(".chat-welcome")).to_be_visible()
    await visit.ask("fault:echo two")
    await visit.until_state("complete")
    await expect(visit.page).to_have_url(re.compile(r"/chat/[0-9a-f-]{36}/$"))
    second = visit.page.url

    assert first != second
    await visit.page.go_back()
    await expect(visit.questions).to_have_text(["fault:echo one"])
    await visit.page.go_forward()
    await expect(visit.questions).to_have_text(["fault:echo two"])
    assert await is_loaded_once(visit)


async def test_an_answer_goes_on_in_its_thread_and_its_words_are_in_no_other(
    open_page: Open, site: Site, key: str, model: Model
) -> None:
    visit, _ = await open_threads(open_page, site, key, "Apples")
    await visit.page.get_by_role("link", name="New chat").click()
    await expect(visit.page).to_have_url(f"{visit.site.url}/chat/")
    await visit.ask(f"Streaming {QUESTION}")
    await model.say("One ")
    await expect(visit.said).to_have_text("One")
    streaming = visit.page.url

    await get_link(visit, "Apples").click()
    await until_shown(visit, "Apples")
    await model.say("two ", "three ", pause=0.15)
    await expect(visit.thread.get_by_role("article")).to_have_count(2)
    await expect(visit.thread).not_to_contain_text("two")
    await expect(visit.button("Stop answering")).to_have_count(0)

    await visit.page.go_back()
    await expect(visit.said).to_have_text("One two three")
    assert visit.page.url == streaming
    await model.finish("four.")
    await expect(visit.said).to_have_text("One two three four.")
    await visit.until_state("complete")
    assert await is_loaded_once(visit)


async def test_the_last_of_many_quick_switches_wins_and_nothing_is_left_of_the_others(
    open_page: Open, site: Site, key: str
) -> None:
    titles = ["Ant", "Bee", "Cat", "Dog", "Elk", "Fox"]
    visit, paths = await open_threads(open_page, site, key, *titles)
    session = await visit.context.new_cdp_session(visit.page)
    await session.send("Performance.enable")

    async def count() -> dict[str, int]:
        await session.send("HeapProfiler.collectGarbage")
        found = {
            metric["name"]: metric["value"] for metric in (await session.send("Performance.getMetrics"))["metrics"]
        }
        return {name: int(found[name]) for name in ("JSEventListeners", "Nodes")}

    async def hurry() -> None:
        for title in titles[1:]:
            await get_link(visit, title).evaluate("(link) => link.click()")
        await until_shown(visit, "Fox")
        await expect(visit.said).to_have_text("Of Fox")
        await get_link(visit, "Ant").click()
        await until_shown(visit, "Ant")
        await expect(visit.said).to_have_text("Of Ant")

    await get_link(visit, "Bee").click()
    await until_shown(visit, "Bee")
    await hurry()
    before = await count()
    for _ in range(5):
        await hurry()
    after = await count()

    assert await is_loaded_once(visit)
    assert visit.page.url == site.url + paths[0]
    assert after["JSEventListeners"] <= before["JSEventListeners"] + 20
    assert after["Nodes"] <= before["Nodes"] * 1.5


async def test_a_draft_stays_with_its_thread_across_switches_and_a_reload(
    open_page: Open, site: Site, key: str
) -> None:
    visit, _ = await open_threads(open_page, site, key, "Apples", "Pears")
    await visit.box.fill("about apples")
    await get_link(visit, "Pears").click()
    await until_shown(visit, "Pears")
    await expect(visit.box).to_have_value("")
    await visit.box.fill("about pears")

    await get_link(visit, "Apples").click()
    await until_shown(visit, "Apples")
    await expect(visit.box).to_have_value("about apples")
    await visit.page.reload()
    await expect(visit.box).to_have_value("about apples")
    await visit.ask("fault:echo sent")
    await expect(visit.said).to_have_text("fault:echo sent")
    await visit.until_state("complete")

    await get_link(visit, "Pears").click()
    await until_shown(visit, "Pears")
    await expect(visit.box).to_have_value("about pears")
    await get_link(visit, "Apples").click()
    await until_shown(visit, "Apples")
    await expect(visit.box).to_have_value("")


async def test_signing_out_leaves_nothing_that_was_typed(visit: Visit) -> None:
    await visit.ask("fault:echo one")
    await visit.until_state("complete")
    await visit.box.fill("a secret")
    await visit.page.get_by_role("link", name="New chat").click()
    await expect(visit.page).to_have_url(f"{visit.site.url}/chat/")
    await visit.box.fill("another one")
    assert "a secret" in await visit.page.evaluate("JSON.stringify(sessionStorage)")

    await visit.button("Sign out").click()

    await expect(visit.page).not_to_have_url(re.compile("/chat/"))
    assert "chat-draft" not in await visit.page.evaluate("JSON.stringify(sessionStorage)")


async def test_a_message_that_is_left_at_once_is_sent_and_not_kept(visit: Visit) -> None:
    await visit.page.evaluate(STAYS)
    await visit.box.fill("fault:echo gone")

    await visit.box.press("Enter")
    await visit.page.keyboard.press("Control+k")

    await expect(visit.page.get_by_role("link", name="fault:echo gone")).to_be_visible()
    await expect(visit.questions).to_have_count(0)
    await expect(visit.box).to_have_value("")
    assert visit.count_sent("post") == 1
    assert await is_loaded_once(visit)


async def test_what_is_odd_is_left_to_the_browser(open_page: Open, site: Site, key: str) -> None:
    visit, paths = await open_threads(open_page, site, key, "Apples", "Pears")
    visit.expect_complaint("404")

    async with visit.context.expect_page() as opening:
        await get_link(visit, "Pears").click(modifiers=["Control"])
    await (await opening.value).close()
    await until_shown(visit, "Apples")

    # Of another version: the files have other names.
    await visit.page.route(f"**{paths[1]}", lambda route: answer_as_newer(route))
    await get_link(visit, "Pears").click()
    await until_shown(visit, "Pears")
    assert not await is_loaded_once(visit)
    await visit.page.unroute(f"**{paths[1]}")

    # Not there any more.
    await visit.page.evaluate(STAYS)
    await get_link(visit, "Apples").evaluate("(link) => (link.href = '/chat/00000000-0000-4000-8000-000000000000/')")
    await get_link(visit, "Apples").click()
    await expect(visit.page.get_by_role("heading", level=1)).not_to_have_text("Pears")
    assert not await is_loaded_once(visit)

    # Signed out meanwhile: the page for signing in, which knows where to go on.
    await visit.go(paths[1])
    await visit.context.clear_cookies()
    await get_link(visit, "Apples").click()
    await expect(visit.page).to_have_url(re.compile(r"/accounts/login/\?next="))


async def answer_as_newer(route: Any) -> None:
    """As a site of which another version runs by now; only to who swaps pages."""
    if "chat-switch" not in route.request.headers:
        return await route.continue_()
    response = await route.fetch()
    html = re.sub(r"chatapp\.[0-9a-f]{12}\.js", "chatapp.000000000000.js", await response.text())
    await route.fulfill(response=response, body=html)


async def test_one_comes_back_to_the_place_that_one_was_reading(open_page: Open, site: Site, key: str) -> None:
    long = [("assistant" if number % 2 else "user", f"Number {number}. {PARAGRAPH}") for number in range(120)]
    paths = await make_threads(site, key, [("Short", [("user", "x"), ("assistant", "y")]), ("Long", long)])
    visit = await open_page(paths[1])
    await visit.page.evaluate(STAYS)
    await visit.thread.hover()
    line = visit.page.get_by_text("Number 90.")
    await line.evaluate("(line) => line.scrollIntoView({ block: 'center' })")
    await expect(visit.jump).to_be_visible()
    await visit.page.evaluate("() => new Promise((done) => setTimeout(done, 300))")
    before = await line.bounding_box()

    await get_link(visit, "Short").click()
    await until_shown(visit, "Short")
    await visit.page.go_back()
    await until_shown(visit, "Long")

    await expect(line).to_be_in_viewport()
    await visit.page.evaluate("() => new Promise((done) => setTimeout(done, 400))")
    after = await line.bounding_box()
    assert before is not None
    assert after is not None
    assert abs(after["y"] - before["y"]) <= 2
    assert await is_loaded_once(visit)


async def test_on_a_phone_the_drawer_closes_and_no_keyboard_opens(open_page: Open, site: Site, key: str) -> None:
    visit, _ = await open_threads(
        open_page, site, key, "Apples", "Pears", viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    await visit.button("Conversations").tap()

    await get_link(visit, "Pears").tap()

    await expect(visit.page.get_by_role("heading", level=1)).to_have_text("Pears")
    await expect(visit.page.get_by_role("navigation", name="Conversations")).to_be_hidden()
    await expect(visit.thread).to_be_focused()
    assert await is_loaded_once(visit)
    await visit.button("Conversations").tap()
    await get_link(visit, "Apples").tap()
    await expect(visit.page.get_by_role("heading", level=1)).to_have_text("Apples")
