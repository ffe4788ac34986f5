"""Forms of the site's own in messages: they post to the site's views, live and after a reload."""

import pytest
from playwright.async_api import Locator, expect

from .conftest import Open
from .model import QUESTION, Model
from .visit import Visit

NEW = "/chat/new/shop-desk/"


def get_shop(visit: Visit) -> Locator:
    """What the view said in the thread."""
    return visit.page.get_by_role("article", name="The shop said")


@pytest.mark.parametrize("when", ["live", "reloaded"])
async def test_a_form_in_a_message_posts_to_its_view_whose_answer_takes_its_place(
    open_page: Open, model: Model, when: str
) -> None:
    visit = await open_page(NEW)
    await visit.ask(QUESTION)
    await model.say("It goes on.")
    await expect(visit.said).to_have_text("It goes on.")
    if when == "reloaded":
        await model.finish()
        await visit.until_state("complete")
        await visit.page.reload()

    await visit.page.get_by_role("textbox", name="How many").fill("7 <b>kettles</b>")
    await visit.button("Order").click()

    await expect(visit.page.locator("p.ordered")).to_have_text("Ordered: 7 <b>kettles</b>")
    await expect(visit.button("Just one")).to_be_visible()
    if when == "live":
        # What the view says waits for the end of the answer, which the form has not touched.
        await expect(get_shop(visit)).to_have_count(0)
        await model.finish(" Done.")
    await expect(get_shop(visit)).to_contain_text("You ordered 7 <b>kettles</b>.")
    await expect(visit.questions).to_have_count(1)
    await expect(visit.page.locator('[data-chat-role="assistant"]')).to_have_count(2)


async def test_a_form_without_htmx_posts_too_and_what_its_view_says_is_in_every_tab(
    open_page: Open, model: Model
) -> None:
    visit = await open_page(NEW)
    await visit.ask(QUESTION)
    await model.finish("Done.")
    await visit.until_state("complete")
    second = await open_page(f"/chat/{visit.thread_id}/")

    await visit.button("Just one").click()

    for tab in (visit, second):
        await expect(get_shop(tab)).to_contain_text("You ordered 1.")
        await expect(tab.questions).to_have_count(1)
