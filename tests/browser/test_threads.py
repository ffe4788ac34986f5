"""The list of conversations in Chromium: what people do in it, in all tabs, by keyboard and touch; 5,000 of them."""

import asyncio
from contextlib import suppress

from playwright.async_api import Locator, expect

from tests.site import Site

from .conftest import Open
from .model import Model
from .threads import make_threads
from .visit import Visit

_MANY = """
from datetime import timedelta
from django.contrib.sessions.models import Session
from django.utils import timezone
from chatapp.models import Thread
owner = Session.objects.get(pk={key!r}).get_decoded()["_auth_user_id"]
now = timezone.now()
Thread.objects.bulk_create(
    Thread(owner_id=owner, assistant="guide", title=f"No {{n:04d}}", updated_at=now - timedelta(minutes=17 * n))
    for n in range({count})
)
"""


async def make_many(site: Site, key: str, count: int) -> None:
    """So many conversations, No 0000 the newest."""
    await asyncio.to_thread(site.manage, "shell", "-c", _MANY.format(key=key, count=count))


def get_list(visit: Visit) -> Locator:
    """The list beside the conversation."""
    return visit.page.get_by_role("navigation", name="Conversations")


def get_link(visit: Visit, title: str) -> Locator:
    """The line of this conversation."""
    return get_list(visit).get_by_role("link", name=title, exact=True)


async def choose(visit: Visit, title: str, what: str) -> None:
    """Something from the menu of this conversation, by keyboard."""
    await visit.button(f"More about {title}").focus()
    await visit.page.keyboard.press("Enter")
    await expect(visit.page.get_by_role("menuitem", name="Rename")).to_be_focused()
    item = visit.page.get_by_role("menuitem", name=what, exact=True)
    for _step in range(6):
        if await item.evaluate("element => element === document.activeElement"):
            break
        await visit.page.keyboard.press("ArrowDown")
    await visit.page.keyboard.press("Enter")


async def open_two(open_page: Open, site: Site, key: str, *titles: str) -> tuple[Visit, Visit]:
    """Two tabs with a new chat beside these conversations, the last one on top."""
    await make_threads(site, key, [(title, [("user", "Hi"), ("assistant", "Hello.")]) for title in titles])
    return await open_page(), await open_page()


async def test_a_name_in_place_is_saved_by_enter_and_by_leaving_and_not_by_escape(
    open_page: Open, site: Site, key: str
) -> None:
    visit, other = await open_two(open_page, site, key, "Parcels")
    field = visit.page.get_by_role("textbox", name="Name of the conversation").last

    await choose(visit, "Parcels", "Rename")
    await expect(field).to_be_focused()
    await field.fill("Escaped")
    await field.press("Escape")
    await expect(get_link(visit, "Parcels")).to_be_focused()

    await choose(visit, "Parcels", "Rename")
    await field.fill("Parcels in Bern")
    await field.press("Enter")
    await expect(get_link(other, "Parcels in Bern")).to_be_visible()
    await expect(get_link(visit, "Parcels in Bern")).to_be_focused()

    await choose(visit, "Parcels in Bern", "Rename")
    await field.fill("Left")
    await visit.box.click()
    await expect(get_link(other, "Left")).to_be_visible()

    await choose(visit, "Left", "Rename")
    await field.fill("  ")
    await field.press("Enter")
    await expect(get_link(visit, "Left")).to_be_visible()


async def test_the_id_of_a_conversation_is_shown_and_copied(open_page: Open, site: Site, key: str) -> None:
    visit, _ = await open_two(open_page, site, key, "Parcels")
    await visit.context.grant_permissions(["clipboard-read", "clipboard-write"])
    thread_id = await visit.page.locator("[data-chat-item]").get_attribute("data-chat-item")

    await choose(visit, "Parcels", "Copy id")

    assert await visit.page.evaluate("navigator.clipboard.readText()") == thread_id
    await expect(visit.page.get_by_role("menuitem", name="Copy id", include_hidden=True)).to_have_attribute(
        "title", thread_id or ""
    )
    await expect(visit.button("More about Parcels")).to_be_focused()


async def test_a_list_that_comes_while_one_writes_a_name_takes_nothing_away(
    open_page: Open, site: Site, key: str
) -> None:
    visit, other = await open_two(open_page, site, key, "One", "Two")
    await choose(visit, "One", "Rename")
    field = visit.page.get_by_role("textbox", name="Name of the conversation").last
    await field.fill("Unfin")
    seen = len(visit.received)

    await choose(other, "Two", "Pin")
    await expect(get_list(other).get_by_role("heading", name="Pinned")).to_be_visible()
    await visit.page.wait_for_function("() => document.querySelector('.chat-item-name')?.value === 'Unfin'")
    while len(visit.received) == seen:
        await visit.page.wait_for_timeout(20)

    await expect(field).to_be_focused()
    await field.press("Escape")
    await expect(get_list(visit).get_by_role("heading", name="Pinned")).to_be_visible()


async def test_what_is_deleted_here_is_taken_back_there_by_keyboard(open_page: Open, site: Site, key: str) -> None:
    visit, other = await open_two(open_page, site, key, "Stays", "Goes")

    await choose(visit, "Goes", "Delete")

    for tab in (visit, other):
        await expect(get_link(tab, "Goes")).to_have_count(0)
        await expect(tab.button("Undo")).to_be_visible()
    await expect(get_link(visit, "Stays")).to_be_focused()
    await other.button("Undo").focus()
    await other.page.keyboard.press("Enter")
    for tab in (visit, other):
        await expect(get_link(tab, "Goes")).to_be_visible()
        await expect(tab.button("Undo")).to_have_count(0)


async def test_a_tab_whose_conversation_is_deleted_elsewhere_can_take_it_back(
    open_page: Open, site: Site, key: str
) -> None:
    (path,) = await make_threads(site, key, [("Open there", [("user", "Hi"), ("assistant", "Hello.")])])
    there, here = await open_page(path), await open_page()

    await choose(here, "Open there", "Delete")
    await expect(there.banner).to_contain_text("does not exist")
    async with there.page.expect_navigation():
        await there.button("Undo").click()

    await expect(there.said).to_have_text("Hello.")


async def test_deleting_the_open_conversation_and_the_last_leaves_a_usable_page(visit: Visit) -> None:
    await visit.ask("fault:echo short life")
    await visit.until_state("complete")
    await visit.page.locator("[data-chat-menu]").click()

    await visit.page.get_by_role("menuitem", name="Delete").click()

    await expect(visit.page).to_have_url(f"{visit.site.url}/chat/")
    await visit.ask("fault:echo again")
    await visit.until_state("complete")
    await expect(visit.said).to_contain_text("again")


async def test_a_folder_is_made_filled_closed_and_stays_so_in_all_tabs(open_page: Open, site: Site, key: str) -> None:
    visit, other = await open_two(open_page, site, key, "Parcels")

    await choose(visit, "Parcels", "Move to folder")
    dialog = visit.page.get_by_role("dialog", name="Move to folder")
    await dialog.get_by_label("New folder").fill("Work")
    await dialog.get_by_label("New folder").press("Enter")

    for tab in (visit, other):
        await expect(tab.page.locator(".chat-folder").get_by_role("link", name="Parcels")).to_be_visible()
    for _ in range(3):  # A list that comes in between press and release takes the click with it.
        await other.page.get_by_label("Folder Work", exact=True).click()
        with suppress(AssertionError):
            await expect(get_link(other, "Parcels")).to_have_count(0, timeout=2000)
            break
    await expect(get_link(visit, "Parcels")).to_have_count(0)
    await visit.page.reload()
    await expect(visit.page.locator(".chat-folder details")).not_to_have_attribute("open", "")
    await visit.page.get_by_label("Folder Work", exact=True).press("Enter")
    await expect(get_link(visit, "Parcels")).to_be_visible()

    await visit.button("More about folder Work").click()
    await visit.page.get_by_role("menuitem", name="Delete folder, keep conversations").click()
    await expect(visit.page.locator(".chat-folder")).to_have_count(0)
    await expect(get_link(visit, "Parcels")).to_be_visible()


async def test_several_are_archived_at_once_and_listed_again(open_page: Open, site: Site, key: str) -> None:
    visit, _other = await open_two(open_page, site, key, "One", "Two", "Three")

    await visit.button("Select").click()
    await visit.page.get_by_role("checkbox", name="Select One").check()
    await get_link(visit, "Two").click()
    await expect(get_list(visit).get_by_text("2 selected")).to_be_visible()
    await visit.page.get_by_role("toolbar").get_by_role("button", name="Archive").click()

    for title in ("One", "Two"):
        await expect(get_link(visit, title)).to_have_count(0)
    await expect(get_link(visit, "Three")).to_be_visible()
    await visit.button("Select").click()
    await visit.page.keyboard.press("Escape")
    await expect(visit.button("Select")).to_be_focused()
    await visit.page.get_by_role("link", name="Archived").click()
    await visit.button("Unarchive One").click()
    await expect(visit.button("Unarchive Two")).to_be_visible()
    await visit.page.get_by_role("link", name="Back to the chat").click()
    await expect(get_link(visit, "One")).to_be_visible()


async def test_a_new_conversation_and_its_title_are_in_every_tab_and_a_temporary_one_in_none(
    visit: Visit, model: Model
) -> None:
    other = Visit(await visit.context.new_page(), visit.site)
    await other.go("/chat/")

    await visit.ask("fault:echo in all tabs")
    await visit.until_state("complete")
    for tab in (visit, other):
        await expect(get_list(tab).get_by_role("link", name="fault:echo in all tabs")).to_be_visible()

    await visit.page.get_by_role("link", name="New chat").click()
    await visit.page.get_by_role("switch", name="Temporary chat").click()
    await expect(visit.page.get_by_role("switch", name="Temporary chat")).to_have_attribute("aria-checked", "true")
    await visit.ask("fault:echo between us")
    await visit.until_state("complete")
    await visit.page.reload()
    await expect(visit.said).to_contain_text("between us")
    await expect(visit.page.get_by_text("Temporary", exact=True)).to_be_visible()
    await expect(get_list(visit).locator("[data-chat-item]")).to_have_count(1)
    assert other.complaints == []


async def test_on_a_phone_the_menu_is_there_for_a_finger(phone: Visit, key: str, site: Site) -> None:
    await make_threads(site, key, [("Parcels", [("user", "Hi"), ("assistant", "Hello.")])])
    await phone.go("/chat/")
    await phone.button("Conversations").tap()
    button = phone.button("More about Parcels")
    assert await button.evaluate("button => getComputedStyle(button).opacity") == "1"

    await button.tap()
    await phone.page.get_by_role("menuitem", name="Pin").tap()

    await expect(get_list(phone).get_by_role("heading", name="Pinned")).to_be_visible()
    box = await phone.page.get_by_role("navigation", name="Conversations").bounding_box()
    assert box is not None
    assert box["x"] >= 0


_ROWS = (
    """() => [...document.querySelectorAll("#chat-list [data-chat-item] a")].map((link) => link.textContent.trim())"""
)


async def scroll_to(visit: Visit, count: int) -> None:
    """Scroll the list until so many are loaded."""
    await visit.page.locator("#chat-list").hover()
    while len(await visit.page.evaluate(_ROWS)) < count:
        await visit.page.mouse.wheel(0, 20_000)
        await visit.page.wait_for_timeout(30)


async def test_five_thousand_scroll_in_order_none_twice_and_stay_where_they_are(
    open_page: Open, site: Site, key: str
) -> None:
    await make_many(site, key, 5_000)
    visit, other = await open_page(), await open_page()
    await scroll_to(visit, 5_000)
    assert await visit.page.evaluate(_ROWS) == [f"No {number:04d}" for number in range(5_000)]

    # One looks at the middle; elsewhere one conversation comes to the top and another one goes.
    line = get_link(visit, "No 2500")
    await line.scroll_into_view_if_needed()
    await line.focus()
    await visit.page.wait_for_timeout(100)
    before = await line.bounding_box()
    await choose(other, "No 0050", "Pin")
    await choose(other, "No 0060", "Archive")
    await expect(get_list(visit).get_by_role("heading", name="Pinned")).to_have_count(1)

    await visit.page.wait_for_timeout(300)
    after = await line.bounding_box()
    assert before is not None
    assert after is not None
    assert abs(before["y"] - after["y"]) < 60
    await expect(line).to_be_focused()
    await visit.page.locator("#chat-list").evaluate("list => { list.scrollTop = 0 }")
    await get_link(visit, "No 0150").scroll_into_view_if_needed()
    await expect(get_link(visit, "No 0060")).to_have_count(0)
    rows = await visit.page.evaluate(_ROWS)
    expected = ["No 0050", *(f"No {n:04d}" for n in range(5_000) if n not in (50, 60))]
    assert rows == expected


async def test_what_leaves_an_older_page_elsewhere_leaves_it_here(open_page: Open, site: Site, key: str) -> None:
    await make_many(site, key, 250)
    visit, other = await open_page(), await open_page()
    await scroll_to(visit, 250)
    await scroll_to(other, 200)
    await get_link(visit, "No 0150").scroll_into_view_if_needed()

    await choose(other, "No 0150", "Delete")

    await expect(get_link(visit, "No 0150")).to_have_count(0)
    assert len(set(await visit.page.evaluate(_ROWS))) == 249
