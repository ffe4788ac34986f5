"""The whole way by keyboard alone, and by touch alone."""

import re

from playwright.async_api import expect

from .conftest import Open
from .model import QUESTION, Model
from .test_page import FOCUSED
from .test_switching import STAYS, is_loaded_once
from .visit import Visit


async def tab_to(visit: Visit, name: str, *, back: bool = False) -> None:
    """Press Tab until the control with this name has the focus."""
    reached = []
    for _ in range(60):
        await visit.page.keyboard.press("Shift+Tab" if back else "Tab")
        reached.append(await visit.page.evaluate(FOCUSED))
        if reached[-1] == name:
            return
    raise AssertionError(f"{name} cannot be reached, only {reached}")


async def test_everything_can_be_done_by_keyboard_alone(visit: Visit, model: Model) -> None:
    keyboard, title = visit.page.keyboard, visit.page.get_by_role("heading", level=1)
    links = visit.page.get_by_role("navigation", name="Conversations").get_by_role("listitem")
    await visit.page.evaluate(STAYS)

    # Ask, stop, try again.
    await keyboard.type(f"First {QUESTION}")
    await keyboard.press("Enter")
    await model.say("Too long")
    await expect(visit.said).to_have_text("Too long")
    await keyboard.press("Escape")
    await visit.until_state("stopped")
    await expect(visit.box).to_be_focused()
    await tab_to(visit, "Try again", back=True)
    await keyboard.press("Enter")
    await model.finish("Better.")
    await expect(visit.said).to_have_text("Better.")
    await visit.until_state("complete")

    # Back to the box, and another chat.
    await keyboard.press("Shift+Escape")
    await expect(visit.box).to_be_focused()
    await keyboard.press("Control+Shift+O")
    await expect(visit.page).to_have_url(f"{visit.site.url}/chat/")
    await expect(visit.box).to_be_focused()
    await keyboard.type("fault:echo second")
    await keyboard.press("Enter")
    await visit.until_state("complete")
    await expect(title).to_have_text("fault:echo second")
    await expect(links).to_have_count(2)

    # Up and down the list, and no further.
    await keyboard.press("Alt+Shift+ArrowDown")
    await expect(visit.said).to_have_text("Better.")
    await keyboard.press("Alt+Shift+ArrowDown")
    await keyboard.press("Alt+Shift+ArrowUp")
    await expect(title).to_have_text("fault:echo second")
    await expect(visit.box).to_be_focused()

    # Another name.
    await tab_to(visit, "Rename", back=True)
    await keyboard.press("Enter")
    await expect(visit.page.get_by_role("textbox", name="Name of the conversation")).to_be_focused()
    await keyboard.press("Control+a")
    await keyboard.type("Mine")
    await keyboard.press("Enter")
    await expect(title).to_have_text("Mine")
    await expect(links.first).to_have_text("Mine")

    # Away with it.
    await tab_to(visit, "Delete")
    assert await is_loaded_once(visit)
    await keyboard.press("Enter")
    await expect(visit.page).to_have_url(f"{visit.site.url}/chat/")
    await expect(links).to_have_count(1)


async def test_the_shortcuts_are_listed_and_the_last_answer_is_copied(open_page: Open) -> None:
    visit = await open_page()
    await visit.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await visit.ask("fault:echo words")
    await visit.until_state("complete")
    dialog = visit.page.get_by_role("dialog", name="Keyboard shortcuts")

    await visit.box.fill("")
    await visit.box.press("?")
    await expect(visit.box).to_have_value("?")
    await expect(dialog).to_be_hidden()
    await visit.box.press("Control+/")
    await expect(dialog.get_by_role("listitem")).to_have_count(10)
    await visit.page.keyboard.press("Control+Shift+O")
    await visit.page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(visit.box).to_be_focused()
    await expect(visit.questions).to_have_count(1)
    await visit.thread.focus()
    await visit.page.keyboard.press("?")
    await expect(dialog).to_be_visible()
    await dialog.get_by_role("button", name="Close").click()
    await visit.button("Keyboard shortcuts").click()
    await expect(dialog).to_be_visible()
    await visit.page.keyboard.press("Escape")

    await visit.page.keyboard.press("Control+Shift+C")
    await expect(visit.page.locator(".chat-toast")).to_contain_text("Copied")
    assert await visit.page.evaluate("navigator.clipboard.readText()") == await visit.said.inner_text()


async def test_everything_can_be_done_by_touch_alone(phone: Visit, model: Model) -> None:
    title = phone.page.get_by_role("heading", level=1)
    links = phone.page.get_by_role("navigation", name="Conversations").get_by_role("listitem").get_by_role("link")

    await phone.box.tap()
    await phone.box.fill(f"First {QUESTION}")
    await phone.button("Send message").tap()
    await model.say("Too long")
    await expect(phone.said).to_have_text("Too long")
    await phone.button("Stop answering").tap()
    await phone.until_state("stopped")
    await phone.button("Try again").tap()
    await model.finish("Better.")
    await expect(phone.said).to_have_text("Better.")
    await phone.until_state("complete")

    await phone.page.evaluate(STAYS)
    await phone.button("Conversations").tap()
    await phone.page.get_by_role("link", name="New chat").tap()
    await expect(phone.page).to_have_url(f"{phone.site.url}/chat/")
    await phone.box.fill("fault:echo second")
    await phone.button("Send message").tap()
    await phone.until_state("complete")
    await phone.button("Conversations").tap()
    await links.nth(1).tap()
    await expect(phone.said).to_have_text("Better.")
    assert await is_loaded_once(phone)

    await phone.page.get_by_label("Rename", exact=True).tap()
    field = phone.page.get_by_role("textbox", name="Name of the conversation")
    await expect(field).to_be_focused()
    await field.fill("Mine")
    await field.press("Enter")
    await expect(title).to_have_text("Mine")
    await phone.page.locator(".chat-bar").get_by_label("Delete", exact=True).tap()
    await expect(phone.page).to_have_url(f"{phone.site.url}/chat/")
    await phone.button("Conversations").tap()
    await expect(links).to_have_text([re.compile("second")])
