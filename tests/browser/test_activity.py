"""Tools, sources and tasks in a browser: rows that are filled where they are, marks, a plan in all tabs."""

import json
from typing import Any

from playwright.async_api import expect

from .conftest import Open
from .model import QUESTION, Model
from .visit import Visit

MARKED = "() => [...(CSS.highlights.get('chat-claim') ?? [])].map((range) => range.toString())"


def write(what: str, /, **values: Any) -> str:
    """A line for the assistant of tests.stage."""
    return json.dumps({what: values}) + "\n"


async def open_stage(open_page: Open, **options: Any) -> Visit:
    """A page with a new chat with the assistant of tests.stage."""
    return await open_page("/chat/new/stage/", **options)


async def test_a_row_that_was_opened_stays_open_and_is_the_same_element_when_the_result_comes(
    open_page: Open, model: Model
) -> None:
    visit = await open_stage(open_page)
    await visit.ask(QUESTION)
    await model.say(write("ToolCall", tool_id="a", name="search", arguments={"q": "<i>shoes</i>"}))
    row = visit.answer.locator(".chat-tool")
    summary = row.locator(":scope > summary")
    await expect(summary).to_contain_text("running")
    await expect(row.locator(".chat-spinner")).to_be_visible()
    await summary.focus()
    await summary.press("Enter")
    await expect(row.locator(".chat-tool-request")).to_contain_text('"q": "<i>shoes</i>"')
    await row.evaluate("(element) => { element.isTheSame = true }")

    await model.say(write("ToolProgress", tool_id="a", text="2 of 5"))
    await expect(summary).to_contain_text("2 of 5")
    await model.say(write("ToolResult", tool_id="a", result="y" * 5000, display={"title": "Found shoes"}))
    await expect(summary).to_contain_text("Found shoes")

    assert await row.evaluate("(element) => [element.isTheSame, element.open]") == [True, True]
    assert await summary.evaluate("(element) => element === document.activeElement")
    await expect(row.locator(".chat-spinner")).to_have_count(0)
    await expect(row.locator(".chat-tool-long > pre")).to_be_hidden()
    await row.get_by_text("Show all 5000 characters").click()
    await expect(row.locator(".chat-tool-long > pre")).to_have_text("y" * 5000)
    await model.finish("Done.\n")
    await visit.until_state("complete")

    await visit.page.reload()

    await expect(visit.answer.locator(".chat-tool > summary")).to_contain_text("Found shoes")
    assert await visit.answer.locator(".chat-tool").evaluate("(element) => element.open") is False


async def test_a_result_fills_the_screen_and_gives_the_focus_back_however_it_is_closed(
    open_page: Open, model: Model
) -> None:
    visit = await open_stage(open_page)
    await visit.ask(QUESTION)
    display = {"html": "<b>Table</b>", "open": True, "full_screen": True, "title": "Refunds"}
    await model.finish(write("ToolResult", tool_id="a", display=display))
    await visit.until_state("complete")
    button = visit.button("Full screen")
    dialog = visit.page.get_by_role("dialog", name="Refunds")

    for close in ("key", "button", "backdrop"):
        await button.click()
        await expect(dialog).to_contain_text("Table")
        if close == "key":
            await visit.page.keyboard.press("Escape")
        elif close == "button":
            await dialog.get_by_role("button", name="Close").click()
        else:
            await dialog.dispatch_event("click")
        await expect(dialog).to_have_count(0)
        await expect(button).to_be_focused()


async def test_the_words_that_a_source_proves_are_marked_where_they_stand_exactly_so(
    open_page: Open, model: Model
) -> None:
    visit = await open_stage(open_page)
    await visit.ask(QUESTION)
    await model.say("Opened items can be **returned** within 30 days, unless they are not.\n")
    await model.say(write("CitationPart", url="https://a.example/", title="A", grounded_text="can be returned within"))
    await model.say(write("CitationPart", url="https://b.example/", grounded_text="Can be returned"))
    await visit.page.wait_for_function(f"() => ({MARKED})().length === 1")
    assert await visit.page.evaluate(MARKED) == ["can be returned within"]
    await model.finish("More.\n")
    await visit.until_state("complete")
    streamed = await visit.page.evaluate("document.getElementById('chat-thread').innerHTML")

    await visit.page.reload()

    await visit.page.wait_for_function(f"() => ({MARKED})().length === 1")
    assert await visit.page.evaluate("document.getElementById('chat-thread').innerHTML") == streamed
    links = visit.answer.get_by_role("link")
    await expect(links).to_have_count(2)
    await expect(links.nth(1)).to_contain_text("https://b.example/")
    assert await links.nth(0).get_attribute("target") == "_blank"
    tops = [await links.nth(place).evaluate("(link) => link.getBoundingClientRect().top") for place in (0, 1)]
    assert tops[0] == tops[1]


async def test_a_plan_appears_goes_on_survives_a_reload_and_is_cleared_in_both_tabs(
    open_page: Open, model: Model
) -> None:
    visit = await open_stage(open_page)
    await visit.ask(QUESTION)
    tasks: list[Any] = [{"id": 1, "title": "Check <b>it</b>", "status": "in-progress"}, {"id": "b", "title": "Write"}]
    await model.say(write("TodoUpdate", items=tasks))
    plan = visit.page.locator("#chat-todos")
    await expect(plan).to_contain_text("Check <b>it</b>")
    await expect(plan).to_contain_text("0 of 2")
    other = Visit(await visit.context.new_page(), visit.site)
    await other.go(f"/chat/{visit.thread_id}/")
    mirror = other.page.locator("#chat-todos")
    await expect(mirror).to_contain_text("0 of 2")
    await plan.locator("summary").click()
    await expect(plan.locator("li").first).to_be_hidden()

    await model.say(write("TodoUpdate", items=[{**tasks[0], "status": "completed"}, tasks[1]]))

    await expect(plan).to_contain_text("1 of 2")
    await expect(mirror).to_contain_text("1 of 2")
    await expect(plan.locator("li").first).to_be_hidden()
    await expect(mirror.locator("li").first).to_be_visible()
    assert await mirror.get_by_role("progressbar").get_attribute("value") == "50"
    await visit.page.reload()
    await expect(plan.locator("li").first).to_have_attribute("data-chat-todo", "completed")
    await expect(visit.answer).to_have_attribute("data-chat-state", "streaming")

    await visit.button("Clear the tasks").click()

    await expect(plan.locator("li")).to_have_count(0)
    await expect(mirror.locator("li")).to_have_count(0)
    await expect(plan).to_be_hidden()
    await expect(visit.answer).to_have_attribute("data-chat-state", "streaming")
    await model.finish("Done.\n")
    await visit.until_state("complete")
    assert other.complaints == []
