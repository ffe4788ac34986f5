"""What becomes of a message that is sent during an answer: it waits in all tabs, or the box takes none."""

import pytest
from playwright.async_api import Locator, expect

from .conftest import Open
from .model import QUESTION, Model
from .test_page import UNNAMED
from .visit import Visit


def get_waiting(visit: Visit) -> Locator:
    """The messages that wait to be sent."""
    return visit.page.get_by_role("list", name="Waiting to be sent").get_by_role("listitem")


async def test_a_message_waits_in_all_tabs_until_the_answer_has_ended(open_page: Open, model: Model) -> None:
    first = await open_page("/chat/new/queueing/")
    await first.ask(f"One? {QUESTION}")
    await model.say("So far.")
    await expect(first.said).to_have_text("So far.")
    second = await open_page(f"/chat/{first.thread_id}/")

    await first.box.fill(f"Two? {QUESTION}")
    await first.button("Send message").click()

    for visit in (first, second):
        await expect(get_waiting(visit)).to_have_text([f"Two? {QUESTION}"])
        await expect(visit.button("Stop answering")).to_be_visible()
    await expect(first.box).to_have_value("")
    await second.page.reload()
    await expect(get_waiting(second)).to_have_text([f"Two? {QUESTION}"])
    assert await first.page.evaluate(UNNAMED) == []
    await model.finish(" Done.")
    await model.finish("Second.")
    for visit in (first, second):
        await expect(visit.said).to_have_text("Second.")
        await visit.until_state("complete")
        await expect(visit.questions).to_have_count(2)
        await expect(get_waiting(visit)).to_have_count(0)


async def test_what_waits_is_taken_back_for_good_or_into_the_box(open_page: Open, model: Model) -> None:
    visit = await open_page("/chat/new/queueing/")
    await visit.ask(f"One? {QUESTION}")
    await model.say("So far.")
    await expect(visit.said).to_have_text("So far.")
    for text in ("Two?", "Three?"):
        await visit.ask(text)
        await expect(get_waiting(visit).last).to_have_text(text)
    await visit.until_modules()
    await visit.box.fill("Four?")

    await get_waiting(visit).first.get_by_role("button", name="Do not send").click()
    await expect(get_waiting(visit)).to_have_text(["Three?"])
    await get_waiting(visit).get_by_role("button", name="Edit before sending").click()

    await expect(get_waiting(visit)).to_have_count(0)
    await expect(visit.box).to_have_value("Three?\n\nFour?")
    await expect(visit.box).to_be_focused()
    await model.finish(" Done.")
    await expect(visit.answer).to_have_attribute("data-chat-state", "complete")
    await expect(visit.questions).to_have_count(1)


async def test_the_box_takes_no_text_while_an_answer_comes(open_page: Open, model: Model) -> None:
    visit = await open_page("/chat/new/disabling/")
    await expect(visit.box).to_be_enabled()
    await visit.ask(f"One? {QUESTION}")
    await model.say("So far.")

    await expect(visit.box).to_be_disabled()
    await visit.page.reload()
    await expect(visit.box).to_be_disabled()
    await model.finish(" Done.")

    await expect(visit.box).to_be_enabled()
    await visit.until_state("complete")


@pytest.mark.parametrize("how", ["the button", "the next message"])
async def test_the_button_cancels_and_so_does_the_next_message(open_page: Open, model: Model, how: str) -> None:
    visit = await open_page("/chat/new/stopping/")
    await visit.ask(f"One? {QUESTION}")
    await model.say("So far.")
    await expect(visit.said).to_have_text("So far.")
    await expect(visit.button("Send message")).to_have_count(0)

    if how == "the button":
        await visit.button("Stop answering").click()
        await visit.until_state("stopped")
        return
    await visit.ask("Two? fault:ok")
    await expect(visit.questions).to_have_count(2)

    await visit.until_state("complete")
    await expect(visit.page.locator('[data-chat-state="stopped"] [data-chat-text]')).to_have_text("So far.")
