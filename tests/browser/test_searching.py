"""Finding a conversation in the sidebar while one types."""

from playwright.async_api import Locator, expect

from .conftest import Open
from .visit import Visit


def get_search(visit: Visit) -> Locator:
    """The box above the conversations."""
    return visit.page.get_by_role("searchbox", name="Search conversations")


def get_hits(visit: Visit) -> Locator:
    """What was found."""
    return visit.page.get_by_role("list", name="Found").get_by_role("link")


async def test_what_is_typed_is_found_marked_and_opened_by_keys(open_page: Open) -> None:
    visit = await open_page("/chat/")
    await visit.ask("Where is the kettle? fault:ok")
    await visit.until_state("complete")
    thread_id = visit.thread_id
    await visit.go("/chat/")
    await visit.ask("Kettles and <b>pans</b> fault:ok")
    await visit.until_state("complete")
    await visit.go("/chat/")

    await visit.box.blur()
    await visit.page.keyboard.press("/")
    await expect(get_search(visit)).to_be_focused()
    await visit.page.keyboard.type("kettl")

    await expect(get_hits(visit)).to_have_count(2)
    await expect(get_hits(visit).first.locator("mark").first).to_have_text("Kettles")
    await expect(visit.page.get_by_role("status").filter(has_text="2 conversations")).to_be_visible()
    await expect(visit.page.locator("#chat-threads")).to_be_hidden()
    await visit.page.keyboard.press("ArrowDown")
    await expect(get_hits(visit).nth(0)).to_be_focused()
    await visit.page.keyboard.press("ArrowDown")
    await expect(get_hits(visit).nth(1)).to_be_focused()
    await visit.page.keyboard.press("Escape")
    await expect(get_search(visit)).to_be_focused()
    await expect(get_search(visit)).to_have_value("")
    await expect(visit.page.locator("#chat-threads")).to_be_visible()
    await expect(get_hits(visit)).to_have_count(0)

    await visit.page.keyboard.type("where is the kettle")
    await expect(get_hits(visit)).to_have_count(1)
    await visit.page.keyboard.press("Enter")
    await visit.page.wait_for_url(f"**/chat/{thread_id}/#m-*")
    await expect(visit.questions).to_have_text(["Where is the kettle? fault:ok"])


async def test_nothing_found_is_said_and_a_phone_searches_in_its_drawer(open_page: Open) -> None:
    visit = await open_page("/chat/")
    await visit.ask("Where is the kettle? fault:ok")
    await visit.until_state("complete")
    await visit.page.set_viewport_size({"width": 390, "height": 800})

    await visit.page.get_by_role("button", name="Conversations").click()
    await get_search(visit).fill("teapot")
    await expect(visit.page.get_by_role("status").filter(has_text="Nothing found.")).to_be_visible()
    await get_search(visit).fill("kettle")
    await expect(get_hits(visit)).to_have_count(1)
    await get_search(visit).press("Escape")

    await expect(get_search(visit)).to_have_value("")
    await expect(get_search(visit)).to_be_visible()
    await expect(get_hits(visit)).to_have_count(0)


async def test_a_whole_conversation_is_copied_as_its_file_has_it(open_page: Open) -> None:
    visit = await open_page("/chat/", permissions=["clipboard-read", "clipboard-write"])
    await visit.ask("Where is the **kettle**? fault:ok")
    await visit.until_state("complete")

    await visit.button("Export and import").click()
    async with visit.page.expect_download() as download:
        await visit.page.get_by_role("link", name="Markdown file").click()
    await visit.button("Export and import").click()
    await visit.button("Copy as Markdown").click()

    await expect(visit.page.get_by_text("Copied.").first).to_be_visible()
    copied = await visit.page.evaluate("navigator.clipboard.readText()")
    assert "Where is the **kettle**? fault:ok" in copied
    assert copied == (await (await download.value).path()).read_text()
    await visit.button("Export and import").click()
    await visit.page.keyboard.press("Escape")
    await expect(visit.button("Copy as Markdown")).to_be_hidden()


async def test_an_exported_file_is_imported_on_the_page_for_it(open_page: Open) -> None:
    visit = await open_page("/chat/")
    await visit.ask("Where is the kettle? fault:ok")
    await visit.until_state("complete")
    before = visit.thread_id
    await visit.button("Export and import").click()
    async with visit.page.expect_download() as download:
        await visit.page.get_by_role("link", name="JSON file").click()
    file = await (await download.value).path()

    await visit.button("Export and import").click()
    await visit.page.get_by_role("link", name="Import conversations").click()
    await visit.page.get_by_label("File").set_input_files(file)
    await visit.page.get_by_role("button", name="Import").click()

    await expect(visit.questions).to_have_text(["Where is the kettle? fault:ok"])
    assert visit.thread_id != before
