"""Files beside the message box, as one sees and feels them: pills, dropping, pasting, sending, and what was sent."""

import pytest
import pytest_asyncio
from playwright.async_api import FilePayload, Locator, expect

from tests.files.made import make_image

from .conftest import Open
from .model import QUESTION, Model
from .visit import Visit

ORDERS = FilePayload(name="orders.csv", mimeType="text/csv", buffer=b"order,total\n10432,122.10\n")
PHOTO = FilePayload(name="photo.png", mimeType="image/png", buffer=make_image(size=(2000, 1000)))

DROP = """([selector, name, text]) => {
    const data = new DataTransfer();
    if (name) data.items.add(new File([text], name)); else data.setData("text/plain", text);
    const target = document.querySelector(selector);
    for (const type of ["dragenter", "dragover", "drop"])
        target.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
}"""

PASTE = """([name, text]) => {
    const data = new DataTransfer();
    if (name) data.items.add(new File([text], name)); else data.setData("text/plain", text);
    const event = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
    return document.getElementById("chat-text").dispatchEvent(event);
}"""


def get_pills(visit: Visit) -> Locator:
    """The files that wait to be sent."""
    return visit.page.get_by_role("list", name="Attachments").get_by_role("listitem")


def get_there(visit: Visit) -> Locator:
    """Those of them that the site has."""
    return visit.page.locator("#chat-tray [data-chat-file]")


async def wake(visit: Visit) -> None:
    """Touch the page, so that what answers to hands is loaded."""
    await visit.box.click()
    await visit.page.evaluate('() => import(document.querySelector("#chat-tray").dataset.chatLazy)')


async def pick(visit: Visit, *files: FilePayload) -> None:
    """Choose files with the paperclip."""
    await wake(visit)
    await visit.page.get_by_label("Attach files").set_input_files(list(files))


@pytest_asyncio.fixture(loop_scope="session")
async def taking(open_page: Open) -> Visit:
    """A new chat with an assistant that takes files."""
    return await open_page("/chat/new/taking/")


async def test_files_are_picked_sent_shown_and_the_same_after_a_reload(taking: Visit, model: Model) -> None:
    visit = taking
    await pick(visit, ORDERS, PHOTO)
    await expect(get_there(visit)).to_have_count(2)
    await expect(get_pills(visit).first).to_contain_text("orders.csv")
    await visit.ask(f"The same? {QUESTION}")

    await expect(get_pills(visit)).to_have_count(0)
    await expect(visit.asked.locator(".chat-file")).to_contain_text("orders.csv")
    await model.finish("Yes.")
    await visit.until_state("complete")
    await visit.page.reload()
    await visit.until_modules()

    await expect(get_pills(visit)).to_have_count(0)
    picture = visit.asked.get_by_role("link", name="photo.png")
    await picture.click()
    dialog = visit.page.get_by_role("dialog", name="photo.png")
    await expect(dialog.get_by_role("img")).to_be_visible()
    assert await dialog.get_by_role("img").evaluate("image => image.decode().then(() => image.naturalWidth)") == 1568
    await visit.page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    await expect(picture).to_be_focused()


async def test_a_file_alone_is_a_message(taking: Visit, model: Model) -> None:
    await pick(taking, ORDERS)
    await taking.button("Send message").click()  # It waits for the upload.

    await expect(taking.asked.locator(".chat-file")).to_have_count(1)
    (sent,) = [frame for frame in taking.sent if frame["type"] == "post"]
    assert (sent["text"], len(sent["attachments"])) == ("", 1)


@pytest.mark.parametrize("selector", ["#chat-composer", "#chat-text", "#chat-thread"])
async def test_a_file_that_is_dropped_is_staged_once_and_text_is_not(taking: Visit, selector: str) -> None:
    await wake(taking)

    await taking.page.evaluate(DROP, [selector, "", "just text"])
    await expect(get_pills(taking)).to_have_count(0)
    for _ in range(2):  # The same bytes again are the same file.
        await taking.page.evaluate(DROP, [selector, "a.csv", "a,b"])
        await expect(get_there(taking)).to_have_count(1)
        await expect(taking.page.locator("#chat-tray progress")).to_have_count(0)

    await expect(taking.page.locator("#chat-drop")).to_be_hidden()
    await expect(get_pills(taking)).to_have_count(1)


async def test_what_is_pasted_is_a_file_if_it_is_one_or_is_long(taking: Visit) -> None:
    await wake(taking)

    assert await taking.page.evaluate(PASTE, ["", "x" * 1000])
    await expect(get_pills(taking)).to_have_count(0)
    for arguments, name in ((["", "x" * 1001], "Pasted text.txt"), (["a.csv", "a"], "a.csv")):
        assert not await taking.page.evaluate(PASTE, arguments)
        await expect(get_there(taking).last).to_contain_text(name)
    assert not await taking.page.evaluate(PASTE, ["", "y" * 1001])

    await expect(get_there(taking).last).to_contain_text("Pasted text 2.txt")


async def test_pills_go_by_button_and_by_key_and_the_focus_stays_near(taking: Visit) -> None:
    files = [FilePayload(name=f"{name}.csv", mimeType="text/csv", buffer=name.encode()) for name in "abc"]
    await pick(taking, *files)
    await expect(get_there(taking)).to_have_count(3)

    await taking.button("Remove b.csv").click()
    await expect(get_pills(taking)).to_have_count(2)
    await expect(get_pills(taking).last).to_be_focused()
    await taking.page.keyboard.press("Delete")
    await expect(get_pills(taking)).to_have_count(1)
    await expect(get_pills(taking).first).to_be_focused()
    await taking.page.keyboard.press("Delete")

    await expect(get_pills(taking)).to_have_count(0)
    await expect(taking.box).to_be_focused()


async def test_what_cannot_be_sent_is_said_and_most_of_it_before_a_byte_is(taking: Visit) -> None:
    taking.expect_complaint("415 (Unsupported Media Type)")
    await pick(taking, FilePayload(name="virus.exe", mimeType="text/csv", buffer=b"x"))
    await expect(taking.page.get_by_text("“virus.exe” cannot be sent here.")).to_be_visible()
    assert not [url for url in taking.requests if url.endswith("/files/")]

    await pick(taking, FilePayload(name="virus.csv", mimeType="text/csv", buffer=b"MZ\x90\x00"))

    await expect(taking.page.get_by_text("“virus.csv” is not what its name says.")).to_be_visible()
    await expect(get_pills(taking)).to_have_count(0)


async def test_a_message_that_is_refused_gives_its_files_back(taking: Visit, model: Model) -> None:
    await pick(taking, ORDERS)
    await expect(get_there(taking)).to_have_count(1)
    file = await get_there(taking).get_attribute("data-chat-file")
    await taking.page.evaluate("() => (document.getElementById('chat-composer').dataset.chatMax = 1e6)")

    await taking.ask("x" * 17_000)

    await expect(taking.page.get_by_text("Your message has 17000 characters")).to_be_visible()
    await expect(get_there(taking)).to_have_attribute("data-chat-file", str(file))
    await taking.ask(f"Shorter. {QUESTION}")
    await model.finish("Thanks.")
    await taking.until_state("complete")
    await expect(get_pills(taking)).to_have_count(0)
    await pick(taking, PHOTO)
    await expect(get_there(taking)).to_have_count(1)
    await taking.page.reload()
    await expect(get_there(taking)).to_have_count(1)  # What waits is there after a reload.


async def test_without_script_files_go_with_the_form(open_page: Open) -> None:
    visit = await open_page(None, java_script_enabled=False)
    await visit.page.goto(f"{visit.site.url}/chat/new/taking/")

    await visit.page.get_by_label("Attach files").set_input_files([ORDERS])
    await visit.page.get_by_role("button", name="Send message").click()

    await expect(visit.asked.locator(".chat-file")).to_contain_text("orders.csv")


async def test_where_no_files_are_taken_there_is_no_button(open_page: Open) -> None:
    visit = await open_page("/chat/new/stage/")

    await expect(visit.page.get_by_label("Attach files")).to_have_count(0)
