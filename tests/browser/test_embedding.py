"""A page of the site with chats in it: two in frames, and one as a region with a consumer of the site's own."""

import json

from playwright.async_api import FrameLocator, WebSocketRoute, expect

from .conftest import Open
from .visit import Visit

DRIP = "fault:slow-drip;n=400;delay=0.05"


def get_frame(visit: Visit, title: str) -> FrameLocator:
    """The chat with this title."""
    return visit.page.frame_locator(f'iframe[title="{title}"]')


async def ask(frame: FrameLocator, text: str) -> None:
    """Write a message in this chat and press Enter, once its script is there: no page waits for its frames."""
    await expect(frame.locator("#chat-composer")).to_have_js_property("noValidate", True)
    box = frame.get_by_role("textbox", name="Message", exact=True)
    await box.fill(text)
    await box.press("Enter")


async def test_two_chats_on_a_page_stream_at_once_and_neither_hears_of_the_other(open_page: Open) -> None:
    visit = await open_page(None)
    await visit.page.goto(visit.site.url + "/stage/two-chats/")
    orders, returns = get_frame(visit, "Orders"), get_frame(visit, "Returns")

    await ask(orders, f"Where is it? {DRIP}")
    await ask(returns, f"It is broken. {DRIP}")
    for frame in (orders, returns):
        await expect(frame.locator('[data-chat-state="streaming"]')).to_contain_text("word5 ", timeout=15_000)
    await orders.get_by_role("button", name="Stop").click()
    await expect(orders.locator('[data-chat-state="stopped"]')).to_be_visible()

    await expect(returns.locator('[data-chat-state="streaming"]')).to_contain_text("word20 ", timeout=15_000)
    assert await orders.get_by_role("article").count() == await returns.get_by_role("article").count() == 2
    await expect(orders.get_by_role("log")).not_to_contain_text("broken")
    await expect(returns.get_by_role("log")).not_to_contain_text("Where")
    await returns.get_by_role("button", name="Stop").click()
    await expect(returns.locator('[data-chat-state="stopped"]')).to_be_visible()
    assert await visit.page.title() == "A page with two chats"


async def test_a_chat_in_a_frame_goes_on_after_the_page_and_begins_anew_when_asked_to(open_page: Open) -> None:
    visit = await open_page(None)
    await visit.page.goto(visit.site.url + "/stage/two-chats/")
    orders = get_frame(visit, "Orders")
    await ask(orders, "Where is my parcel? fault:ok")
    await expect(orders.locator('[data-chat-role="assistant"][data-chat-state="complete"]')).to_be_visible()

    await visit.page.reload()

    await expect(orders.get_by_role("log")).to_contain_text("Where is my parcel?")
    await expect(get_frame(visit, "Returns").get_by_role("article")).to_have_count(0)
    await expect(orders.get_by_role("navigation")).to_have_count(0)
    await orders.get_by_role("link", name="New chat").click()
    await expect(orders.get_by_role("article")).to_have_count(0)
    await expect(orders.get_by_role("textbox", name="Message", exact=True)).to_be_visible()


async def test_the_bare_markup_works_with_a_consumer_of_the_sites_own(open_page: Open) -> None:
    visit = await open_page(None)
    heard: list[dict[str, object]] = []

    def consume(socket: WebSocketRoute) -> None:
        def hear(text: str | bytes) -> None:
            frame = json.loads(text)
            heard.append(frame)
            if frame["type"] == "post":
                html = '<article class="chat-message" data-chat-role="assistant">Our own words</article>'
                socket.send(f'<div id="chat-thread" hx-swap-oob="beforeend">{html}</div>')

        socket.on_message(hear)

    await visit.page.route_web_socket("**/ws/our-own/", consume)
    await visit.page.goto(visit.site.url + "/stage/shell/?socket=/ws/our-own/")
    await visit.box.fill("Hello")
    await visit.box.press("Enter")

    await expect(visit.page.locator("#desk #chat-thread")).to_contain_text("Our own words")
    assert [frame["text"] for frame in heard if frame["type"] == "post"] == ["Hello"]
    await expect(visit.page.get_by_role("heading", name="Our shop")).to_be_visible()
    await expect(visit.page.get_by_role("navigation")).to_have_count(0)
