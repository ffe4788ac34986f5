"""What opens above the message box after "/" and "@", and what becomes of what is picked, typed and sent."""

from typing import Any

from playwright.async_api import Locator, expect

from .conftest import Open
from .model import QUESTION, Model
from .test_page import UNNAMED
from .visit import Visit

PAGE = "/chat/new/commander/"


def get_rows(visit: Visit) -> Locator:
    """What can be picked."""
    return visit.page.get_by_role("option")


def get_list(visit: Visit) -> Locator:
    """The list above the message box."""
    return visit.page.get_by_role("listbox")


def get_pills(visit: Visit) -> Locator:
    """What is mentioned in the message that is being written."""
    return visit.page.locator("#chat-mentions button")


async def write(visit: Visit, text: str) -> None:
    """Type into the empty box, key by key."""
    await visit.box.fill("")
    await visit.box.press_sequentially(text)


async def test_a_slash_opens_a_list_that_is_filtered_walked_and_picked_from(open_page: Open) -> None:
    visit = await open_page(PAGE)
    selected = visit.page.locator('[role="option"][aria-selected="true"]')

    await write(visit, "/")
    await expect(get_rows(visit)).to_contain_text(
        ["/clear", "/dark", "/dice", "/export", "/fail", "/quiet", "/say", "Apology letter", "Say it shorter"]
    )
    await expect(visit.box).to_have_attribute("aria-expanded", "true")
    await expect(visit.box).to_have_attribute("aria-activedescendant", str(await selected.get_attribute("id")))
    await expect(visit.page.get_by_role("group", name="Prompts").get_by_role("option")).to_have_count(2)
    assert await visit.page.evaluate(UNNAMED) == []
    await visit.box.press("ArrowUp")
    await expect(selected).to_contain_text("Say it shorter")
    await visit.box.press("ArrowDown")
    await expect(selected).to_contain_text("/clear")
    await get_rows(visit).nth(2).hover()
    await expect(selected).to_contain_text("/dice")

    await visit.box.press_sequentially("S")
    await expect(get_rows(visit)).to_contain_text(["/say", "Say it shorter"])
    await visit.box.press("Enter")
    await expect(visit.box).to_have_value("/say ")
    await expect(get_list(visit)).to_be_hidden()
    await expect(visit.box).to_have_attribute("aria-expanded", "false")
    await write(visit, "/da")
    await expect(get_rows(visit)).to_have_count(1)
    await visit.box.press("Tab")
    await expect(visit.box).to_have_value("/dark ")
    await expect(visit.box).to_be_focused()

    await write(visit, "/zzz")
    await expect(visit.page.get_by_text("No match")).to_be_visible()
    await write(visit, "/")
    await expect(get_list(visit)).to_be_visible()
    await visit.page.get_by_role("heading", name="How can I help?").click()
    await expect(get_list(visit)).to_be_hidden()
    await write(visit, "a /")
    await expect(get_list(visit)).to_be_hidden()
    await expect(visit.questions).to_have_count(0)


async def test_picking_a_prompt_tells_the_page_or_fills_the_box(open_page: Open) -> None:
    visit = await open_page(PAGE)

    await write(visit, "/say")
    await expect(get_rows(visit)).to_have_count(2)
    await get_rows(visit).filter(has_text="shorter").click()
    await expect(visit.box).to_have_value("Say it shorter")
    await write(visit, "/apo")
    await get_rows(visit).click()
    await visit.page.get_by_role("dialog", name="Apology letter").get_by_role("textbox").fill("Ann")
    await visit.page.keyboard.press("Enter")
    await expect(visit.box).to_have_value("Write an apology to Ann.")
    await visit.page.evaluate(
        """() => addEventListener("chat:prompt", (event) => {
                   event.preventDefault(); document.title = JSON.stringify(event.detail); }, { capture: true })"""
    )
    await write(visit, "/apo")
    await get_rows(visit).click()
    await expect(visit.page).to_have_title('{"title":"Apology letter","text":"Write an apology to {{customer}}."}')
    await expect(visit.box).to_have_value("")


async def test_escape_closes_the_list_and_does_not_stop_the_answer(open_page: Open, model: Model) -> None:
    visit = await open_page(PAGE)
    await visit.ask(f"One? {QUESTION}")
    await model.say("So far.")
    await expect(visit.said).to_have_text("So far.")

    await write(visit, "/cl")
    await expect(get_list(visit)).to_be_visible()
    await visit.box.press("Escape")
    await expect(get_list(visit)).to_be_hidden()
    await expect(visit.box).to_have_value("/cl")
    assert visit.count_sent("stop") == 0

    # Some need not wait for the end of the answer.
    await write(visit, "/clear")
    await visit.box.press("Enter")
    await expect(visit.page.get_by_role("article")).to_have_count(0)
    await expect(visit.button("Send message")).to_be_visible()
    await expect(visit.box).to_have_value("")


async def test_commands_are_shown_or_not_fail_and_clear_all_tabs_and_the_page_can_do_them_itself(
    open_page: Open,
) -> None:
    visit = await open_page(PAGE)
    await visit.ask("/SAY hi")
    await expect(visit.said).to_have_text("You said hi")
    await visit.until_state("complete")
    await expect(visit.questions).to_have_text(["/SAY hi"])
    other = await open_page(f"/chat/{visit.thread_id}/")
    await visit.ask("/quiet psst")
    for tab in (visit, other):
        await expect(tab.said).to_have_text("Quietly: psst")
    await expect(visit.questions).to_have_count(1)
    await visit.ask("/fail")
    await visit.until_state("failed")

    await visit.page.evaluate(
        """() => document.addEventListener("chat:slash", (event) => {
                   if (event.detail.name !== "dark") return;
                   event.preventDefault(); document.title = JSON.stringify(event.detail); })"""
    )
    posted = visit.count_sent("post")
    await visit.ask("/dark very")
    await expect(visit.page).to_have_title('{"name":"dark","text":"very","echo":true}')
    await expect(visit.box).to_have_value("")
    assert visit.count_sent("post") == posted

    await visit.ask("/clear")
    for tab in (visit, other):
        await expect(tab.page.get_by_role("article")).to_have_count(0)
    await visit.page.reload()
    await expect(visit.page.get_by_role("article")).to_have_count(0)
    await visit.ask("/export")
    await expect(visit.page.get_by_role("link", name="Save")).to_be_visible()
    async with visit.page.expect_download() as download:
        await visit.page.get_by_role("link", name="Save").click()
    assert (await download.value).suggested_filename.endswith(".md")


async def test_what_is_picked_after_an_at_is_a_pill_that_goes_with_the_message(open_page: Open, model: Model) -> None:
    visit = await open_page(PAGE)

    await write(visit, "me@sal")
    await expect(get_list(visit)).to_be_hidden()
    await write(visit, "How many @SAL")
    await expect(get_rows(visit)).to_contain_text(["Sales Data"])
    await visit.box.press("Enter")
    await expect(visit.box).to_have_value("How many ")
    await expect(get_pills(visit)).to_have_text(["Sales Data"])
    for letter in ("s", "sales"):
        await visit.box.press_sequentially(f"@{letter}")
        await get_rows(visit).filter(has_text="Sales Data").click()
    await visit.box.press_sequentially("@sto")
    await get_rows(visit).click()
    await expect(get_pills(visit)).to_have_text(["Sales Data", "Stock"])
    assert await visit.page.evaluate(UNNAMED) == []

    await visit.button("Remove Stock").focus()
    await visit.page.keyboard.press("Delete")
    await expect(visit.button("Remove Sales Data")).to_be_focused()
    await visit.button("Remove Sales Data").click()
    await expect(get_pills(visit)).to_have_count(0)
    await expect(visit.box).to_be_focused()

    await write(visit, f"{QUESTION} @sales")
    await get_rows(visit).click()
    await visit.box.press("Enter")
    await model.finish("31.")
    await visit.until_state("complete")
    await expect(get_pills(visit)).to_have_count(0)
    await expect(visit.asked.locator(".chat-context")).to_have_text(["Mentioned: Sales Data"])
    sent: list[dict[str, Any]] = [frame for frame in visit.sent if frame.get("type") == "post"]
    assert [frame["mentions"] for frame in sent] == [["sales"]]
    await visit.page.reload()
    await expect(visit.asked.locator(".chat-context")).to_have_count(1)


async def test_a_message_that_is_refused_brings_its_pills_back(open_page: Open) -> None:
    visit = await open_page(PAGE)
    await write(visit, "@sales")
    await get_rows(visit).click()
    await visit.page.evaluate("() => (document.querySelector('[data-chat-mention]').dataset.chatMention = 'gone')")

    await visit.box.press_sequentially("How many?")
    await visit.box.press("Enter")

    await expect(visit.page.get_by_text("What you mentioned is not there any more")).to_be_visible()
    await expect(visit.box).to_have_value("How many?")
    await expect(get_pills(visit)).to_have_text(["Sales Data"])


async def test_on_a_phone_the_list_stands_above_the_box_and_within_the_screen(phone: Visit) -> None:
    await phone.go(PAGE)
    await phone.page.set_viewport_size({"width": 390, "height": 480})  # with a keyboard on the screen
    await phone.box.tap()
    await write(phone, "/")
    await expect(get_list(phone)).to_be_visible()

    place = await phone.page.locator("#chat-palette").bounding_box()
    box = await phone.box.bounding_box()
    assert place is not None
    assert box is not None
    assert place["x"] >= 0
    assert place["x"] + place["width"] <= 390
    assert place["y"] >= 0
    assert place["y"] + place["height"] <= box["y"]
    await get_rows(phone).filter(has_text="/export").tap()
    await expect(phone.box).to_have_value("/export ")


async def test_a_command_takes_no_pills_with_it(open_page: Open) -> None:
    visit = await open_page(PAGE)
    await write(visit, "@sales")
    await get_rows(visit).click()

    await visit.box.fill("/say hi")
    await visit.box.press("Enter")
    await expect(visit.said).to_have_text("You said hi")

    await expect(get_pills(visit)).to_have_text(["Sales Data"])
    await expect(visit.asked.locator(".chat-context")).to_have_count(0)
