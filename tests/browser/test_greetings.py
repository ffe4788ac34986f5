"""The greeting: asked for by who sees it, streamed, gone or not after the first message; and what fills the box."""

import json
import re
from typing import Any

from playwright.async_api import expect

from .conftest import Open
from .model import Model
from .visit import Visit

HIDE = (
    """Object.defineProperty(document, "visibilityState", { configurable: true, get: () => window.seen ?? "hidden" })"""
)
SHOW = """() => { window.seen = "visible"; document.dispatchEvent(new Event("visibilitychange")); }"""


def count_asked(visit: Visit) -> int:
    """How often the page has asked for a greeting."""
    return sum(url.endswith("/greeting/") for url in visit.requests)


async def draw(visit: Visit) -> str:
    """The greeting as it stands in the page."""
    html: str = await visit.page.locator(".chat-greeting").evaluate("(element) => element.outerHTML")
    return re.sub(r">\s+<", "><", html)


async def test_a_greeting_is_asked_for_by_who_sees_it_streams_and_is_there_after_a_reload(
    open_page: Open, model: Model
) -> None:
    visit = await open_page(None)
    await visit.page.add_init_script(HIDE)
    await visit.go("/chat/new/greeter/")
    await visit.until_modules()
    assert count_asked(visit) == 0

    await visit.page.evaluate(SHOW)
    greeting = visit.page.locator(".chat-greeting")
    await model.say("Hello, **Ann**. ")
    await expect(greeting.locator("strong")).to_have_text("Ann")
    other = await open_page(f"/chat/{visit.thread_id}/")
    await model.finish('Try <span class="suggestion">this one</span>.')

    for tab in (visit, other):
        await expect(tab.page.locator(".chat-greeting")).to_have_text("Hello, Ann. Try this one.")
    streamed = await draw(visit)
    await visit.page.reload()
    assert await draw(visit) == streamed == await draw(other)
    await visit.page.get_by_role("button", name="this one").click()
    await expect(visit.box).to_have_value("this one")
    assert (count_asked(visit), count_asked(other)) == (1, 0)


async def test_who_writes_before_it_ends_sees_the_greeting_go(open_page: Open, model: Model) -> None:
    visit = await open_page("/chat/new/greeter/")
    await model.say("Hello, Ann. ")
    await expect(visit.page.locator(".chat-greeting")).to_have_text("Hello, Ann.")

    await visit.ask("fault:ok")

    await visit.until_state("complete")
    await expect(visit.page.locator(".chat-welcome")).to_have_count(0)
    assert visit.page.url.endswith(f"/chat/{visit.thread_id}/")
    await visit.page.reload()
    await expect(visit.page.locator(".chat-welcome")).to_have_count(0)


async def test_a_chat_that_is_cleared_with_its_greeting_asks_for_another_one(open_page: Open, model: Model) -> None:
    visit = await open_page("/chat/new/greeter/")
    await model.finish("The first.")
    await expect(visit.page.locator(".chat-greeting")).to_have_text("The first.")
    await visit.ask("fault:ok")
    await visit.until_state("complete")

    await visit.page.evaluate(
        """() => { const form = document.getElementById("chat-stop");
                   const path = location.pathname.replace("/chat/", "/stage/") + "clear/";
                   return fetch(path, { method: "POST", body: new FormData(form) }); }"""
    )
    await model.finish("The second.")

    await expect(visit.page.locator(".chat-greeting")).to_have_text("The second.")
    await expect(visit.questions).to_have_count(0)
    assert count_asked(visit) == 2


async def test_a_form_in_a_greeting_that_stays_keeps_what_was_typed_and_posts_to_its_view(open_page: Open) -> None:
    visit = await open_page("/chat/new/host/")
    name = visit.page.get_by_label("Your name")
    await expect(visit.page.get_by_title("That is me")).to_be_visible()
    await name.fill("Ann")

    await visit.ask("fault:ok")

    await visit.until_state("complete")
    await expect(name).to_have_value("Ann")
    await visit.page.reload()
    await expect(visit.page.get_by_title("That is me")).to_be_visible()
    await name.fill("Ann")
    visit.expect_complaint("favicon.ico")
    await visit.page.get_by_role("button", name="Keep it").click()
    await expect(visit.page.locator("body")).to_have_text("Kept: Ann")


async def test_three_choices_fill_the_box_with_a_sentence_and_send_nothing(open_page: Open) -> None:
    visit = await open_page("/chat/new/planner/")

    await visit.page.get_by_label("Where").select_option("Rome")
    await expect(visit.box).to_have_value("Plan a day in Rome for me.")
    await visit.page.get_by_label("How long").select_option("a week")
    await expect(visit.box).to_have_value("Plan a week in Rome for me.")
    await visit.page.get_by_label("Who").select_option("four of us")

    await expect(visit.box).to_have_value("Plan a week in Rome for four of us.")
    assert visit.count_sent("post") == 0


async def test_code_changes_one_aspect_of_the_box_at_a_time(open_page: Open) -> None:
    visit = await open_page("/chat/new/prefiller/")
    hint = await visit.box.get_attribute("placeholder") or ""

    async def change(count: int, **given: Any) -> None:
        """Have the assistant change the box, in its answer of this number."""
        await visit.ask(json.dumps(given))
        await expect(visit.page.locator('[data-chat-role="assistant"]')).to_have_count(count)
        await visit.until_state("complete")

    await change(1, value="What next?")
    await expect(visit.box).to_have_value("What next?")
    await expect(visit.box).to_have_attribute("placeholder", hint)
    await change(2, placeholder="And now?")
    await expect(visit.box).to_have_attribute("placeholder", "And now?")
    await expect(visit.box).to_have_value("")
    await change(3, value="Go on", focus=True)
    await expect(visit.box).to_have_value("Go on")
    await expect(visit.box).to_be_focused()
    await change(4, value="")
    await expect(visit.box).to_have_value("")
    await expect(visit.questions).to_have_count(4)


async def test_a_text_that_code_sends_is_sent_once_and_the_draft_stays(open_page: Open) -> None:
    visit = await open_page("/chat/new/prefiller/")
    await visit.ask("Hi")
    await visit.until_state("complete")
    elsewhere = await open_page(f"/chat/{visit.thread_id}/")
    tab = Visit(await visit.context.new_page(), visit.site)
    await tab.go(f"/chat/{visit.thread_id}/")
    await tab.box.fill("A draft of mine")

    await visit.ask(json.dumps({"value": "Sent by code", "submit": True}))

    for page in (visit, tab, elsewhere):
        await expect(page.said).to_have_text("You said Sent by code")
        await page.until_state("complete")
        await expect(page.questions).to_have_count(3)
        await expect(page.page.locator(".chat-toast")).to_have_count(0)
    await expect(tab.box).to_have_value("A draft of mine")
    here, there = ([frame for frame in page.sent if frame.get("text") == "Sent by code"] for page in (visit, tab))
    assert len(here) + len(there) <= 1
    assert tab.complaints == []
