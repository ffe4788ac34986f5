"""Writing and sending."""

import re

from playwright.async_api import expect

from .conftest import Open
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
