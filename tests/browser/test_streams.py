"""A page that is no chat, with a place to which the site streams."""

import re

from playwright.async_api import Locator, expect

from .conftest import Open
from .model import Model
from .visit import Visit

PATH = "/stage/"
LOG_STATUSES = """() => {
  window.statuses = [];
  document.body.addEventListener("chat:status", ({ detail: { name, status } }) => {
    window.statuses.push(`${name} ${status}`);
  });
}"""


def get_place(visit: Visit) -> Locator:
    """The place of the stream."""
    return visit.page.locator("[data-chat-stream]")


async def look(open_page: Open, query: str = "", **options: str) -> Visit:
    """Open the page; it follows its stream."""
    visit = await open_page(None, **options)
    async with visit.page.expect_response(re.compile("/live/")):
        await visit.page.goto(visit.site.url + PATH + query)
    return visit


async def until(visit: Visit, status: str) -> None:
    """Wait until the stream has this status."""
    await expect(get_place(visit)).to_have_attribute("data-chat-status", status, timeout=10_000)


async def get_log(visit: Visit) -> str:
    """What was streamed, as it stands in the page."""
    html: str = await visit.page.locator(".chat-streams").inner_html()
    return re.sub(r">\s+<", "><", html)


async def test_a_page_with_only_the_tag_streams_text_and_loads_no_script_of_chats(
    open_page: Open, model: Model
) -> None:
    visit = await look(open_page)
    await until(visit, "initial")
    await visit.page.evaluate(LOG_STATUSES)

    await visit.button("Begin").click()
    await model.say("# A **re")
    await expect(get_place(visit)).to_contain_text("A re")
    await until(visit, "running")
    await model.finish("port**\n\nIt is **done**.")
    await until(visit, "success")

    await expect(get_place(visit).get_by_role("heading", name="A report")).to_be_visible()
    await expect(get_place(visit)).to_contain_text("It is done.")
    assert await visit.page.evaluate("window.statuses") == ["report running", "report success"]
    scripts = [url.rpartition("/")[2] for url in visit.requests if url.endswith(".js")]
    assert [name.partition(".")[0] for name in scripts] == ["streams"]
    assert visit.sent == []


async def test_a_reload_in_mid_stream_shows_what_is_there_and_goes_on_in_every_tab(
    open_page: Open, model: Model
) -> None:
    first, second = await look(open_page), await look(open_page)
    await first.button("Begin").click()
    await model.say("- one\n- two\n\nThen ")
    for visit in (first, second):
        await expect(get_place(visit)).to_contain_text("Then")

    await first.page.reload()
    await expect(get_place(first)).to_contain_text("Then")
    await until(first, "running")
    await model.finish("the *end*.")

    for visit in (first, second):
        await until(visit, "success")
        await expect(get_place(visit)).to_contain_text("Then the end.")
    streamed = await get_log(second)
    assert await get_log(first) == streamed
    await second.page.reload()
    assert await get_log(second) == streamed


async def test_a_visitor_cancels_with_the_button_and_keeps_what_was_said(open_page: Open, model: Model) -> None:
    visit = await look(open_page, key="")
    await expect(visit.button("Cancel")).to_be_hidden()
    await visit.button("Begin").click()
    await model.say("So far.")
    await expect(get_place(visit)).to_contain_text("So far.")

    await visit.button("Cancel").click()

    await until(visit, "cancelled")
    await expect(get_place(visit)).to_contain_text("So far.")
    await expect(visit.button("Cancel")).to_be_hidden()
    await visit.page.reload()
    await until(visit, "cancelled")
    await expect(get_place(visit)).to_contain_text("So far.")


async def test_the_end_is_followed_unless_the_tag_says_that_the_view_stays(open_page: Open, model: Model) -> None:
    following = await look(open_page, "?height=120px")
    still = await look(open_page, "?height=120px&still=1")

    await following.button("Begin").click()
    await model.finish("\n\n".join(f"Line {number}" for number in range(60)))

    for visit in (following, still):
        await until(visit, "success")
    below = [
        await get_place(visit).evaluate(
            "({ scrollHeight, clientHeight, scrollTop: top }) => [top, scrollHeight - clientHeight - top]"
        )
        for visit in (following, still)
    ]
    assert below[0][0] > 500
    assert below[0][1] <= 8
    assert below[1][0] == 0
    assert below[1][1] > 500
