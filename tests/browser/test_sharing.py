"""Sharing a conversation: the dialog, the link, the page that others see."""

from playwright.async_api import expect

from tests.site import Site

from .conftest import Open
from .threads import make_threads


async def test_a_conversation_is_shared_by_keyboard_and_read_by_somebody_who_is_not_signed_in(
    open_page: Open, site: Site, key: str
) -> None:
    (path,) = await make_threads(
        site, key, [("My parcel", [("user", "Where?"), ("assistant", "```python\nprint('Bern')\n```")])]
    )
    visit = await open_page(path, permissions=["clipboard-read", "clipboard-write"])
    opener, dialog = visit.button("Share"), visit.page.get_by_role("dialog", name="Share this chat")

    await opener.focus()
    await visit.page.keyboard.press("Enter")
    await expect(dialog.get_by_label("Who can read it")).to_be_focused()
    await visit.page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    await expect(opener).to_be_focused()
    await visit.page.keyboard.press("Enter")
    await dialog.get_by_role("button", name="Make a link").focus()
    await visit.page.keyboard.press("Enter")
    await expect(dialog.get_by_role("status")).to_have_text("Copied.")
    link = await dialog.get_by_label("Link").input_value()
    assert await visit.page.evaluate("navigator.clipboard.readText()") == link

    other = await open_page(None, key="", permissions=["clipboard-read", "clipboard-write"])
    await other.page.goto(link)
    await expect(other.page.get_by_role("heading", name="My parcel")).to_be_visible()
    await expect(other.page.get_by_role("article")).to_have_count(2)
    await other.page.locator(".chat-code").hover()
    copy = other.page.locator(".chat-code").get_by_role("button", name="Copy")
    await copy.click()
    await expect(copy).to_contain_class("chat-copied")
    assert await other.page.evaluate("navigator.clipboard.readText()") == "print('Bern')\n"

    await dialog.get_by_role("link", name="Manage links").click()
    await visit.page.get_by_role("button", name="Revoke the link to “My parcel”").click()
    await expect(visit.page.get_by_text("You have shared nothing.")).to_be_visible()
    response = await other.page.reload()
    assert response
    assert response.status == 404
    other.expect_complaint("404")


async def test_a_reader_with_an_account_goes_on_in_a_chat_of_their_own(
    open_page: Open, site: Site, key: str, session_keys: list[str]
) -> None:
    (path,) = await make_threads(site, key, [("My parcel", [("user", "Where?"), ("assistant", "In Bern.")])])
    visit = await open_page(path)
    await visit.button("Share").click()
    await visit.page.get_by_role("button", name="Make a link").click()
    link = await visit.page.get_by_label("Link", exact=True).input_value()

    other = await open_page(None, key=session_keys[-1])
    await other.page.goto(link)
    await other.page.get_by_role("link", name="Continue in a chat of my own").click()
    await other.page.get_by_role("button", name="Copy it and continue").click()

    await expect(other.said).to_have_text("In Bern.")
    await other.ask("fault:echo and now")
    await other.until_state("complete")
    await expect(other.questions).to_have_count(2)
    await visit.page.reload()
    await expect(visit.questions).to_have_count(1)
