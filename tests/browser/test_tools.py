"""Tools in a browser: the card that asks, with exactly what will run, and progress that gives way to a result."""

import re

from playwright.async_api import Locator, expect

from .conftest import Open
from .test_page import UNNAMED
from .test_questions import check_reload
from .visit import Visit

NEW = "/chat/new/teller/"


def get_card(visit: Visit) -> Locator:
    """What asks whether a tool may run."""
    return visit.page.get_by_role("group", name="The assistant wants to use Refund an order")


async def test_a_person_allows_a_tool_once_and_denies_it_the_next_time(open_page: Open) -> None:
    visit = await open_page(NEW)
    await visit.ask("refund")
    await visit.until_state("waiting")
    await expect(get_card(visit).locator("pre")).to_have_text('{\n  "order_number": 17,\n  "reason": "none"\n}')
    buttons = ["Allow once", "Allow in this conversation", "Deny"]
    await expect(get_card(visit).get_by_role("button")).to_have_text(buttons)
    assert await visit.page.evaluate(UNNAMED) == []

    await visit.button("Allow once").click()

    await visit.until_state("complete")
    await expect(visit.said).to_have_text("All done.")
    await expect(visit.answer.locator(".chat-answered")).to_have_text(re.compile("^Allowed once · visitor-"))
    await expect(visit.answer.locator(".chat-tool > summary")).to_contain_text("Refund an order")
    await check_reload(visit)

    await visit.ask("refund")
    await visit.until_state("waiting")
    other = await open_page(f"/chat/{visit.thread_id}/")
    await get_card(other).get_by_role("button", name="Deny").click()

    for each in (visit, other):
        await each.until_state("complete")
        await expect(each.answer.locator(".chat-answered")).to_have_text(re.compile("^Denied · visitor-"))
        await expect(each.answer.locator(".chat-tool > summary")).to_contain_text("denied")
        await check_reload(each)


async def test_progress_is_shown_in_the_row_and_gives_way_to_a_table(open_page: Open) -> None:
    visit = await open_page(NEW)
    await visit.ask("count_parcels")
    await visit.until_state("waiting")
    row = visit.answer.locator(".chat-tool")
    await expect(row.locator(":scope > summary")).to_contain_text("2 of 5")
    await expect(row.locator(".chat-tool-text")).to_have_text("Bern: **3**\n")
    await visit.page.reload()
    await visit.until_state("waiting")
    await expect(row.locator(".chat-tool-text")).to_be_visible()

    line = visit.page.get_by_role("textbox", name="Go on?")
    await line.fill("Yes")
    await line.press("Enter")

    await visit.until_state("complete")
    await expect(row).to_have_count(1)
    await expect(row.get_by_role("table")).to_contain_text("Bern")
    await expect(row.locator(":scope > summary")).to_contain_text("Parcels")
    await expect(row).not_to_contain_text("2 of 5")
    await check_reload(visit)
