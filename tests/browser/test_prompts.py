"""Prompts of the menu whose blanks are filled in before they go into the message box."""

import asyncio
import re
from typing import Any

from playwright.async_api import Locator, expect

from tests.site import Site

from .conftest import Open
from .visit import Visit

TEXT = "Write a letter to {{recipient}} about {{subject}}. Keep it {{tone}}."
CARET_AT_END = "({ selectionStart, value }) => selectionStart === value.length"


async def open_form(visit: Visit) -> Locator:
    """Choose the prompt with blanks; its form."""
    await visit.button("Prompts").click()
    await visit.page.locator("#chat-prompts").get_by_role("button", name="Write a letter").click()
    dialog = visit.page.get_by_role("dialog", name="Write a letter")
    await expect(dialog).to_be_visible()
    return dialog


async def test_blanks_are_filled_in_one_after_the_other_and_the_text_lands_in_the_box(visit: Visit) -> None:
    dialog = await open_form(visit)
    use = dialog.get_by_role("button", name="Use prompt")
    preview = dialog.locator(".chat-prompt-preview")
    keyboard = visit.page.keyboard
    assert await dialog.get_by_role("textbox").evaluate_all("all => all.map(({ name }) => name)") == [
        "recipient",
        "subject",
        "tone",
    ]
    await expect(dialog.get_by_label("recipient")).to_be_focused()
    await expect(preview).to_have_text(TEXT)

    await keyboard.type("Ann {{tone}} {% load %} $&")
    await expect(preview).to_have_text(TEXT.replace("{{recipient}}", "Ann {{tone}} {% load %} $&"))
    await keyboard.press("Enter")
    await keyboard.press("Tab")
    await keyboard.type("tea")
    await keyboard.press("Tab")
    await keyboard.type("  ")
    await expect(use).to_be_disabled()
    await expect(dialog).to_be_visible()
    await keyboard.type("short")
    await expect(use).to_be_enabled()
    await keyboard.press("Enter")

    await expect(dialog).to_have_count(0)
    await expect(visit.box).to_have_value("Write a letter to Ann {{tone}} {% load %} $& about tea. Keep it short.")
    await expect(visit.box).to_be_focused()
    assert await visit.box.evaluate(CARET_AT_END)
    assert visit.count_sent("post") == 0


async def test_who_cancels_is_back_where_they_were(visit: Visit) -> None:
    await visit.box.fill("a draft")
    dialog = await open_form(visit)

    await dialog.get_by_role("button", name="Cancel").click()

    await expect(dialog).to_have_count(0)
    await expect(visit.button("Prompts")).to_be_focused()
    dialog = await open_form(visit)
    await visit.page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    await expect(visit.box).to_have_value("a draft")


async def test_other_modules_put_prompts_into_the_box_by_an_event(visit: Visit) -> None:
    async def dispatch(**detail: str) -> None:
        await visit.page.evaluate(
            "detail => document.dispatchEvent(new CustomEvent('chat:prompt', { detail }))", detail
        )

    await visit.box.press("x")
    prompts = await visit.page.locator("#chat-prompts").get_attribute("data-chat-lazy")
    await visit.page.evaluate("address => import(address)", prompts)

    await dispatch(title="Plain", text="Nothing to fill in")
    await expect(visit.box).to_have_value("Nothing to fill in")
    await dispatch(title="Twice", text="{{a}} and {{a}}, not {{ b }}")
    dialog = visit.page.get_by_role("dialog", name="Twice")
    await expect(dialog.get_by_role("textbox")).to_have_count(1)
    await dialog.get_by_label("a").fill("one")
    await dialog.get_by_role("button", name="Use prompt").click()

    await expect(visit.box).to_have_value("one and one, not {{ b }}")


async def test_without_script_a_form_leads_to_the_box(open_page: Open) -> None:
    visit = await open_page(None, java_script_enabled=False)
    await visit.page.goto(f"{visit.site.url}/chat/")
    await visit.button("Prompts").click()
    await visit.page.locator("#chat-prompts").get_by_role("button", name="Write a letter").click()
    for name, value in (("recipient", "Ann"), ("subject", "tea"), ("tone", "short")):
        await visit.page.get_by_label(name).fill(value)

    await visit.button("Use prompt").click()

    await expect(visit.box).to_have_value("Write a letter to Ann about tea. Keep it short.")
    await visit.button("Send message").click()
    await expect(visit.page).to_have_url(re.compile(r"/chat/[0-9a-f-]{36}/$"))
    await expect(visit.questions).to_have_text(["Write a letter to Ann about tea. Keep it short."])


_KEEP = """
import json
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from chatapp.models import Prompt
from django.contrib.sessions.models import Session
user = get_user_model().objects.get(pk=Session.objects.get(pk={key!r}).get_decoded()["_auth_user_id"])
group, _ = Group.objects.get_or_create(name="Law")
user.groups.add(group)
prompt, _ = Prompt.objects.get_or_create(title="Contract", text="Read clause {{{{number}}}}.", assistant="stage")
prompt.groups.add(group)
"""


async def test_a_prompt_of_the_library_is_in_the_menu_of_its_group_alone(
    open_page: Open, site: Site, key: str, session_keys: list[str]
) -> None:
    await asyncio.to_thread(site.manage, "shell", "-c", _KEEP.format(key=key))

    visit = await open_page("/chat/new/stage/")
    other: Any = await open_page("/chat/new/stage/", key=session_keys.pop())

    await visit.button("Prompts").click()
    await expect(visit.page.locator("#chat-prompts").get_by_role("button", name="Contract")).to_be_visible()
    await expect(other.button("Prompts")).to_have_count(0)
