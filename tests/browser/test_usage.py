"""What a conversation took: in its menu, and on a page with a chart."""

import re

from playwright.async_api import expect

from .visit import Visit


async def test_the_menu_of_a_chat_says_what_it_took_and_leads_to_a_chart(visit: Visit) -> None:
    await visit.ask("Hello. fault:ok")
    await visit.until_state("complete")
    await expect(visit.answer.locator(".chat-meta")).to_contain_text("tokens")
    said = await visit.answer.locator(".chat-meta").inner_text()

    await visit.button("Export and import").click()
    line = visit.page.get_by_role("link", name="This chat:")
    await expect(line).to_contain_text(re.compile(r"This chat: \d+ tokens in [12] requests?"))
    await line.click()

    await expect(visit.page.get_by_role("heading", name="What this chat took")).to_be_visible()
    await expect(visit.page.get_by_role("row", name=re.compile("^reply 1 "))).to_be_visible()
    chart = visit.page.frame_locator("iframe[data-chat-chart]")
    await expect(chart.locator("svg [aria-roledescription='bar']").first).to_be_visible()
    await visit.page.go_back()
    await expect(visit.answer.locator(".chat-meta")).to_have_text(said)
