"""Writing and sending."""

import asyncio
import re

import pytest
from playwright.async_api import expect

from tests.faults.server import FaultServer

from .conftest import Open, make_site
from .model import QUESTION, Model
from .visit import Visit

COMPOSING = """([isComposing, keyCode]) => {
  const box = document.getElementById("chat-text");
  const options = { key: "Enter", isComposing, keyCode, bubbles: true, cancelable: true };
  box.dispatchEvent(new KeyboardEvent("keydown", options));
}"""


async def test_enter_sends_and_empties_the_box_at_once(visit: Visit, model: Model) -> None:
    await visit.ask(f"Good evening {QUESTION}")

    assert await visit.box.input_value() == ""
    await expect(visit.box).to_be_focused()
    await expect(visit.questions).to_have_text([f"Good evening {QUESTION}"])
    await model.finish("Good evening.")
    await expect(visit.said).to_have_text("Good evening.")
    await visit.until_state("complete")
    await expect(visit.box).to_be_focused()


async def test_shift_and_enter_make_a_new_line(visit: Visit) -> None:
    await visit.box.press_sequentially("one")
    await visit.box.press("Shift+Enter")
    await visit.box.press_sequentially("two")

    assert await visit.box.input_value() == "one\ntwo"
    assert visit.count_sent("post") == 0


async def test_enter_belongs_to_the_input_method_while_it_composes(visit: Visit) -> None:
    await visit.box.fill("にほん")
    await visit.page.evaluate(COMPOSING, [True, 13])
    await visit.page.evaluate(COMPOSING, [False, 229])

    assert await visit.box.input_value() == "にほん"
    assert visit.count_sent("post") == 0

    await visit.page.evaluate(COMPOSING, [False, 13])
    await expect(visit.questions).to_have_text(["にほん"])


async def test_enter_makes_a_new_line_on_a_touch_screen(phone: Visit) -> None:
    await phone.box.fill("one")
    await phone.box.press("Enter")

    assert await phone.box.input_value() == "one\n"
    await phone.button("Send message").tap()
    await expect(phone.questions).to_have_text(["one"])


async def test_a_blank_message_is_not_sent(visit: Visit) -> None:
    await visit.ask(" \n ")
    await visit.button("Send message").click()

    assert visit.count_sent("post") == 0
    await expect(visit.page.get_by_role("alert")).to_have_count(0)


async def test_a_suggestion_is_sent_by_a_click_and_leaves_what_was_being_written(visit: Visit) -> None:
    await visit.box.fill("a draft")
    card = visit.page.locator(".chat-card").first
    text = await card.get_attribute("value")

    await card.click()

    await expect(visit.questions).to_have_text([text or ""])
    await expect(visit.page.locator(".chat-welcome")).to_be_hidden()
    assert await visit.box.input_value() == "a draft"


async def test_a_suggestion_is_only_filled_in_with_alt(visit: Visit) -> None:
    card = visit.page.locator(".chat-card").first

    await card.click(modifiers=["Alt"])

    await expect(visit.box).to_have_value(await card.get_attribute("value") or "")
    await expect(visit.box).to_be_focused()
    assert visit.count_sent("post") == 0


async def test_the_thread_has_an_address_from_its_first_message_on(visit: Visit) -> None:
    await visit.ask("fault:echo hello")

    await visit.until_state("complete")
    await expect(visit.page).to_have_url(re.compile(r"/chat/[0-9a-f-]{36}/$"))
    await visit.page.reload()
    await expect(visit.questions).to_have_count(1)


async def test_while_an_answer_comes_the_next_message_waits_in_the_box(visit: Visit, model: Model) -> None:
    await visit.ask(QUESTION)
    await model.say("Still ")
    await visit.ask("not yet")

    await expect(visit.page.get_by_role("alert")).to_contain_text("Wait for the answer")
    assert await visit.box.input_value() == "not yet"
    assert visit.count_sent("post") == 1
    await model.finish("here.")
    await visit.until_state("complete")


async def test_what_the_site_refuses_comes_back_into_the_box(visit: Visit, model: Model, open_page: Open) -> None:
    await visit.ask(QUESTION)
    await model.say("Speaking")
    await expect(visit.said).to_have_text("Speaking")
    other = await open_page(f"/chat/{visit.thread_id}/")
    await model.say(" on")
    # From here on this tab follows, and nothing but the end of the answer changes its button again.
    await expect(other.said).to_have_text("Speaking on")
    await expect(other.button("Stop answering")).to_be_visible()
    # As if this tab had not yet heard of the answer that is under way.
    await other.page.evaluate("document.getElementById('chat-action').innerHTML = '<button>Send</button>'")

    await other.ask("me too")

    await expect(other.page.get_by_role("alert")).to_contain_text("wait for the answer")
    await expect(other.box).to_have_value("me too")
    await model.finish()
    await visit.until_state("complete")


async def test_a_draft_survives_a_reload(visit: Visit) -> None:
    await visit.box.fill("half a thought")

    await visit.page.reload()

    await expect(visit.box).to_have_value("half a thought")


async def test_a_draft_stays_with_its_thread(visit: Visit) -> None:
    await visit.ask("fault:echo x")
    await visit.until_state("complete")
    await visit.box.fill("for this thread")
    thread = visit.page.url

    await visit.go("/chat/")
    assert await visit.box.input_value() == ""
    await visit.page.goto(thread)

    await expect(visit.box).to_have_value("for this thread")


async def test_the_box_grows_with_its_text_up_to_a_limit(visit: Visit) -> None:
    async def get_height(lines: int) -> float:
        await visit.box.fill("\n".join(["line"] * lines))
        return float(await visit.box.evaluate("box => box.clientHeight"))

    one, ten, hundred = [await get_height(lines) for lines in (1, 10, 100)]

    assert one < ten / 5
    assert ten < hundred <= 0.4 * 800
    await expect(visit.button("Send message")).to_be_in_viewport(ratio=1)


async def test_forty_lines_scroll_in_a_box_that_grows_no_more(visit: Visit) -> None:
    await visit.box.fill("\n".join(["line"] * 40))

    assert await visit.box.evaluate("({ scrollHeight, clientHeight }) => scrollHeight > clientHeight + 100")
    assert await visit.box.evaluate("box => box.clientHeight") <= 320


async def test_with_the_other_key_enter_makes_a_line_and_ctrl_sends(open_page: Open) -> None:
    visit = await open_page("/chat/new/composing/")

    await visit.box.press_sequentially("one")
    await visit.box.press("Enter")
    await visit.box.press_sequentially("two")

    assert await visit.box.input_value() == "one\ntwo"
    assert visit.count_sent("post") == 0
    await visit.box.press("Control+Enter")
    await expect(visit.questions).to_have_text(["one\ntwo"])


async def test_near_the_limit_characters_are_counted_and_over_it_nothing_is_sent(open_page: Open) -> None:
    visit = await open_page("/chat/new/composing/")
    count = visit.page.locator("#chat-count")

    await visit.box.press_sequentially("e" * 35)
    await expect(count).to_have_text("")
    await visit.box.press_sequentially("é")
    await expect(count).to_have_text("36 of 40 characters")
    await visit.box.press_sequentially("💐" * 5)
    await expect(count).to_have_text("41 of 40 characters")
    await expect(visit.box).to_have_attribute("aria-invalid", "true")
    await visit.box.press("Control+Enter")
    await expect(visit.page.get_by_text("This message is too long.")).to_be_visible()
    assert visit.count_sent("post") == 0

    await visit.box.press("Backspace")
    await expect(visit.box).not_to_have_attribute("aria-invalid", "true")
    await visit.box.press("Control+Enter")

    await expect(visit.questions).to_have_count(1)
    await expect(count).to_have_text("")


async def say_two(visit: Visit) -> None:
    """Two messages, "a" and "b", both answered."""
    for number, text in enumerate(("a", "b"), start=1):
        await visit.ask(text)
        await expect(visit.questions).to_have_count(number)
        await visit.until_state("complete")


async def test_arrows_recall_what_was_sent_and_keep_what_was_made_of_it(open_page: Open) -> None:
    visit = await open_page("/chat/new/echo/")
    await say_two(visit)

    for key, value in (("Up", "b"), ("Up", "a"), ("Up", "a"), ("Down", "b")):
        await visit.box.press(f"Arrow{key}")
        await expect(visit.box).to_have_value(value)
    await visit.box.press("!")
    for key, value in (("Up", "a"), ("Down", "b!"), ("Down", ""), ("Up", "b!")):
        await visit.box.press(f"Arrow{key}")
        await expect(visit.box).to_have_value(value)

    # In the middle of it the key belongs to the text.
    await visit.box.press("ArrowLeft")
    await visit.box.press("ArrowUp")
    await expect(visit.box).to_have_value("b!")
    await visit.box.press("Enter")
    await expect(visit.questions).to_have_count(3)
    await visit.until_state("complete")
    for value in ("b!", "b", "a"):
        await visit.box.press("ArrowUp")
        await expect(visit.box).to_have_value(value)


async def test_a_draft_is_in_the_way_of_what_was_sent(open_page: Open) -> None:
    visit = await open_page("/chat/new/echo/")
    await say_two(visit)

    await visit.box.fill("mine")
    await visit.box.press("ArrowUp")
    await expect(visit.box).to_have_value("mine")
    await visit.box.fill("")
    await visit.box.press("ArrowDown")
    await expect(visit.box).to_have_value("")
    await visit.page.reload()
    await visit.box.press("ArrowUp")
    await expect(visit.box).to_have_value("b")


async def test_a_box_that_is_off_takes_nothing_and_says_why(open_page: Open) -> None:
    visit = await open_page("/chat/new/closed/")

    await expect(visit.box).to_be_disabled()
    await expect(visit.button("Send message")).to_be_disabled()
    await expect(visit.page.get_by_role("status").filter(has_text="Come back on Monday.")).to_be_visible()
    # A page that was made by hand gets no further.
    await visit.page.evaluate(
        """() => { const box = document.getElementById("chat-text"); box.disabled = false; box.value = "let me in";
                   document.dispatchEvent(new CustomEvent("chat:send", { cancelable: true, detail:
                     { type: "post", text: box.value, client_id: "00000000-0000-4000-8000-000000000001" } })); }"""
    )
    await expect(visit.page.get_by_role("alert")).to_contain_text("Come back on Monday.")
    assert visit.count_sent("post") == 1
    await expect(visit.questions).to_have_count(0)


async def test_a_message_that_comes_too_soon_waits_and_one_from_another_tab_comes_back(
    open_page: Open, faults: FaultServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    site = make_site(faults, tmp_path_factory, LIMITS=True, SEND_COOLDOWN_MS=4000)
    await asyncio.to_thread(site.__enter__)
    try:
        (key,) = await asyncio.to_thread(site.sign_in, ["hasty"])
        visit = await open_page("/chat/new/echo/", key=key, at=site)
        other = await open_page("/chat/new/echo/", key=key, at=site)
        await visit.ask("one")
        await visit.until_state("complete")

        await other.ask("elsewhere")
        await visit.ask("two")

        await expect(other.page.get_by_role("alert")).to_contain_text("That was very quick.")
        await expect(other.box).to_have_value("elsewhere")
        await expect(visit.page.get_by_text("Waiting to be sent", exact=True)).to_be_visible()
        assert visit.count_sent("post") == 1
        await expect(visit.questions).to_have_text(["one", "two"])
        await expect(visit.page.get_by_role("alert")).to_have_count(0)
    finally:
        await asyncio.to_thread(site.end)


async def test_the_box_keeps_the_focus_and_the_caret_through_every_frame(visit: Visit, model: Model) -> None:
    await visit.ask(QUESTION)
    await model.say("One")
    await expect(visit.said).to_have_text("One")
    await visit.box.press_sequentially("draft")
    await visit.box.press("ArrowLeft")

    await model.say(" two\n\nthree")
    await expect(visit.said).to_contain_text("three")
    await model.finish()
    await visit.until_state("complete")

    await expect(visit.button("Send message")).to_be_visible()
    await expect(visit.box).to_be_focused()
    assert await visit.box.evaluate("({ selectionStart }) => selectionStart") == 4


async def test_a_control_that_a_frame_swaps_has_the_focus_again(open_page: Open) -> None:
    visit = await open_page("/chat/new/echo/")
    await visit.ask("first")
    await visit.until_state("complete")
    link = visit.page.get_by_role("navigation", name="Conversations").get_by_role("link", name="first")
    await link.focus()
    await link.evaluate("element => (element.dataset.old = '1')")
    tab = Visit(await visit.context.new_page(), visit.site)
    await tab.go("/chat/new/echo/")

    await tab.ask("second")

    await expect(visit.page.get_by_role("link", name="second")).to_be_visible()
    await expect(link).to_be_focused()
    assert await link.get_attribute("data-old") is None
    assert tab.complaints == []


async def test_the_box_is_in_view_below_a_long_conversation(open_page: Open, model: Model) -> None:
    visit = await open_page(viewport={"width": 800, "height": 500})
    await visit.ask(QUESTION)
    await model.finish("\n\n".join(["A paragraph."] * 60))
    await visit.until_state("complete")

    for place in (0, 10_000):
        await visit.page.evaluate("top => document.getElementById('chat-scroll').scrollTo({ top })", place)
        await expect(visit.box).to_be_in_viewport(ratio=1)
        await expect(visit.button("Send message")).to_be_in_viewport(ratio=1)
