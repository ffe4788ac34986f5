"""The guided tour, from the list of assistants to its end."""

from playwright.async_api import expect

from .conftest import Open
from .test_questions import check_reload
from .visit import Visit

STOPS = ("Thinking", "Tools", "Questions", "Artifacts")


async def test_somebody_finds_the_tour_and_walks_it_to_its_end(open_page: Open) -> None:
    visit = await open_page()
    others = visit.page.get_by_role("navigation", name="Assistants")
    await expect(others.get_by_role("link", name="Guide")).to_have_attribute("aria-current", "page")
    await others.get_by_role("link", name="Tour").click()
    await expect(visit.box).to_have_attribute("placeholder", "Message Tour…")

    await visit.button("Start the tour").click()
    await until_seen(visit, 1)
    for number, stop in enumerate(STOPS, start=2):
        await visit.answer.get_by_role("button", name=stop, exact=True).click()
        if stop == "Questions":
            await visit.page.get_by_role("radio", name="Green").check()
            await visit.button("Submit").click()
            await visit.button("Yes").click()
            await expect(visit.answer.get_by_text("Green it is.")).to_be_visible()
            await visit.button("Allow once").click()
            await expect(visit.answer.get_by_text("Book a courier").last).to_be_visible()
        await until_seen(visit, number)

    await expect(visit.page.get_by_text("All done")).to_be_visible()
    await expect(visit.answer.get_by_role("button", name="Text", exact=True)).to_be_visible()
    await expect(others).to_be_hidden()
    await check_reload(visit)


async def until_seen(visit: Visit, count: int) -> None:
    """Wait until so many answers are there and the last one has been said, with its end in view."""
    await expect(visit.page.locator('[data-chat-role="assistant"]')).to_have_count(count)
    await visit.until_state("complete")
    await visit.until_at_end()
