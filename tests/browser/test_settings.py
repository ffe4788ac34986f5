"""The dialog "Settings": what is set holds in every tab, for this chat or for all, with and without script."""

import pytest
from playwright.async_api import Locator, expect

from .conftest import Open
from .model import QUESTION, Model
from .test_page import UNNAMED
from .visit import Visit

PATH = "/chat/new/adjustable/"


def get_dialog(visit: Visit) -> Locator:
    """The dialog."""
    return visit.page.get_by_role("dialog", name="Settings")


async def open_settings(visit: Visit) -> Locator:
    """The dialog, opened."""
    await visit.button("Settings").click()
    await expect(get_dialog(visit)).to_be_visible()
    return get_dialog(visit)


async def begin(visit: Visit) -> None:
    """The first message, and its answer."""
    await visit.ask("Hi")
    await visit.until_state("complete")


async def test_what_is_set_shows_in_every_tab_and_holds_for_the_next_answer(open_page: Open) -> None:
    first = await open_page(PATH)
    await begin(first)
    second = await open_page(f"/chat/{first.thread_id}/")
    one, other = await open_settings(first), await open_settings(second)
    await other.get_by_label("Top P").focus()

    await one.get_by_role("switch", name="Short answers").click()
    await one.get_by_label("Tone").select_option("warm")
    await one.get_by_role("slider", name="Courage").fill("0.7")
    await one.get_by_label("Model", exact=True).select_option("large")

    await expect(one.locator("output")).to_have_text("0.7")
    await expect(other.get_by_role("switch", name="Short answers")).to_be_checked()
    await expect(other.get_by_label("Tone")).to_have_value("warm")
    await expect(other.get_by_role("slider", name="Courage")).to_have_value("0.7")
    await expect(other.locator("output")).to_have_text("0.7")
    await expect(other.get_by_label("Top P")).to_be_focused()
    await expect(second.button("Adjustable · The large one")).to_have_count(1)
    assert await first.page.evaluate(UNNAMED) == []
    await second.page.keyboard.press("Escape")
    await expect(get_dialog(second)).to_be_hidden()
    await expect(second.button("Settings")).to_be_focused()
    await second.ask("Again")
    await expect(second.said).to_contain_text("brief=True, courage=0.7")
    await expect(second.said).to_contain_text("model=large")


async def test_a_number_is_held_in_its_range_and_an_empty_one_is_not_sent(open_page: Open) -> None:
    visit = await open_page(PATH)
    await begin(visit)
    dialog = await open_settings(visit)
    temperature = dialog.get_by_label("Temperature")
    await expect(temperature).to_have_value("1")

    await temperature.fill("9")
    await temperature.press("Tab")
    await expect(temperature).to_have_value("2")
    await dialog.get_by_label("Top K").fill("")
    await dialog.get_by_label("Top P").fill("0.3")
    await dialog.get_by_label("Top P").press("Enter")

    await expect(dialog).to_be_hidden()
    await visit.page.reload()
    await expect(visit.page.locator("#chat-set-temperature")).to_have_value("2")
    await visit.ask("Again")
    await expect(visit.said).to_contain_text("'temperature': 2.0, 'top_p': 0.3, 'frequency_penalty'")


async def test_an_action_closes_the_dialog_says_its_sentence_and_clears_everywhere(open_page: Open) -> None:
    first = await open_page(PATH)
    await begin(first)
    second = await open_page(f"/chat/{first.thread_id}/")
    dialog = await open_settings(first)
    first.expect_complaint("422")

    await dialog.get_by_role("button", name="Remind me").click()

    await expect(dialog).to_be_hidden()
    await expect(first.page.get_by_role("alert").filter(has_text="nothing to remind you of")).to_be_visible()
    await (await open_settings(first)).get_by_role("button", name="Clear the conversation").click()
    for visit in (first, second):
        await expect(visit.questions).to_have_count(0)


async def test_escape_closes_the_settings_and_not_the_answer_too(open_page: Open, model: Model) -> None:
    visit = await open_page("/chat/new/queueing/")
    await visit.ask(f"Hi {QUESTION}")
    await model.say("So far.")
    await expect(visit.said).to_have_text("So far.")
    dialog = await open_settings(visit)
    await expect(dialog).to_contain_text("No settings")

    await visit.page.keyboard.press("Escape")

    await expect(dialog).to_be_hidden()
    await expect(visit.button("Settings")).to_be_focused()
    await model.finish(" Done.")
    await visit.until_state("complete")


async def test_a_new_chat_says_that_it_holds_for_all_and_so_it_does(open_page: Open) -> None:
    visit = await open_page(PATH)
    dialog = await open_settings(visit)
    await expect(dialog).to_contain_text("What you change in a new chat holds in all your chats with Adjustable.")
    await expect(dialog.get_by_role("switch", name="Use for all my chats")).to_be_hidden()

    async with visit.page.expect_response("**/settings/") as response:
        await dialog.get_by_role("switch", name="Short answers").click()
    assert (await response.value).status == 204

    other = await open_page(PATH)
    await expect((await open_settings(other)).get_by_role("switch", name="Short answers")).to_be_checked()
    await other.page.keyboard.press("Escape")
    await begin(other)
    mine = await open_settings(other)
    await mine.get_by_role("switch", name="Use for all my chats").click()
    await mine.get_by_label("Tone").select_option("warm")
    third = await open_page(PATH)
    await expect((await open_settings(third)).get_by_label("Tone")).to_have_value("warm")


async def test_what_the_site_locks_is_shown_and_cannot_be_set(open_page: Open) -> None:
    visit = await open_page(PATH)

    region = (await open_settings(visit)).get_by_label("Region")

    await expect(region).to_be_disabled()
    await expect(region).to_have_value("ch")
    described = (await region.get_attribute("aria-describedby") or "").split()[0]
    await expect(visit.page.locator(f"#{described}")).to_contain_text("Set by the site")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_on_a_phone_the_settings_are_a_sheet_of_full_width(open_page: Open, scheme: str) -> None:
    phone = await open_page(
        PATH, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, color_scheme=scheme
    )

    dialog = await open_settings(phone)

    box = await dialog.bounding_box()
    assert box is not None
    assert (box["x"], box["width"]) == (0, 390)
    assert await phone.page.evaluate("document.documentElement.scrollWidth") == 390
    await dialog.get_by_role("button", name="Close").click()
    await expect(dialog).to_be_hidden()
    await expect(phone.button("Settings")).to_be_focused()


async def test_without_script_the_settings_open_and_are_saved_as_a_form(open_page: Open) -> None:
    visit = await open_page(None, java_script_enabled=False)
    await visit.page.goto(visit.site.url + PATH)
    dialog = await open_settings(visit)

    await dialog.get_by_label("Tone").select_option("warm")
    await dialog.get_by_role("switch", name="Short answers").check()
    await dialog.get_by_role("button", name="Save").click()

    await visit.page.wait_for_url("**/chat/new/adjustable/")
    dialog = await open_settings(visit)
    await expect(dialog.get_by_label("Tone")).to_have_value("warm")
    await expect(dialog.get_by_role("switch", name="Short answers")).to_be_checked()
