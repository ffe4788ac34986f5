"""What people see of a failure: a page that is disconnected, a note, a way on; and its cause, if they may."""

import asyncio
import re

from playwright.async_api import expect

from tests.site import Site

from .conftest import Open
from .visit import Visit

REFERENCE = re.compile(r"ref [2-9A-Z]{4}-[2-9A-Z]{2}")


async def test_a_page_that_was_disconnected_says_so_and_comes_back_when_it_is_asked_to(open_page: Open) -> None:
    visit = await open_page("/chat/new/crashing/")
    await visit.page.clock.install()
    await visit.ask("fault:truncated")

    await expect(visit.banner).to_contain_text("Disconnected, because the answer failed.")
    await expect(visit.answer.locator(".chat-failure")).to_contain_text(REFERENCE)
    before = visit.count_sent("resume")
    await visit.page.evaluate("() => dispatchEvent(new Event('online'))")
    await visit.page.clock.fast_forward(600_000)  # Neither the network nor time brings it back.
    assert visit.count_sent("resume") == before

    await visit.banner.get_by_role("button", name="Connect again").click()

    await expect(visit.banner).to_be_empty()
    await visit.ask("fault:echo Are you there again?")
    await expect(visit.said).to_contain_text("Are you there again?")
    await visit.until_state("complete")
    assert visit.count_sent("resume") == before + 1


async def test_a_failure_in_a_note_can_be_dismissed_and_the_chat_goes_on(open_page: Open) -> None:
    visit = await open_page("/chat/new/toasting/")
    await visit.ask("fault:http-400")
    note = visit.page.get_by_role("alert").filter(has_text="did not accept")
    await expect(note).to_contain_text(REFERENCE)
    await expect(visit.page.locator(".chat-failure")).to_have_count(0)

    await note.get_by_role("button", name="Dismiss").click()

    await expect(note).to_have_count(0)
    await visit.ask("fault:echo And on it goes")
    await expect(visit.said).to_contain_text("And on it goes")
    await visit.until_state("complete")
    await expect(visit.page.get_by_role("article").locator("visible=true")).to_have_count(3)


async def test_staff_read_the_cause_where_they_see_that_something_failed(open_page: Open, site: Site, key: str) -> None:
    program = (
        "from django.contrib.sessions.backends.db import SessionStore; from django.contrib.auth.models import User; "
        f"pk = SessionStore({key!r})['_auth_user_id']; "
        "User.objects.filter(pk=pk).update(is_staff=True, is_superuser=True)"
    )
    await asyncio.to_thread(site.manage, "shell", "-c", program)
    visit = await open_page()
    await visit.ask("fault:http-400")
    await visit.until_state("failed")

    await visit.answer.get_by_text("Cause", exact=True).click()

    cause = visit.answer.locator(".chat-cause")
    await expect(cause).to_contain_text("HTTP 400")
    await expect(cause).to_contain_text("req_17")
    await expect(cause.get_by_role("link")).to_have_attribute("href", re.compile("^/admin/chatapp/run/.+/change/$"))


async def test_a_conversation_that_is_too_long_leads_to_a_new_one(visit: Visit) -> None:
    answered = visit.page.locator('[data-chat-role="assistant"][data-chat-state="complete"]')
    for count in range(1, 5):  # so that half of it is asked again, and is not only the question
        await visit.ask("fault:ok")
        await expect(answered).to_have_count(count)
    await visit.ask("fault:context-too-long")
    await visit.until_state("failed")
    address = visit.page.url

    await visit.answer.get_by_role("link", name="New chat").click()

    await expect(visit.page).not_to_have_url(address)
    await expect(visit.asked).to_have_count(0)
