"""An answer that comes, ends, is stopped, fails, is asked for again."""

import re

from playwright.async_api import expect

from .conftest import Open
from .model import QUESTION, Model
from .visit import Visit

BLOCKS = [
    "# Title\n\nFirst **bold** paragraph.\n\n",
    "- one\n- two\n\n",
    "```python\nprint(1)\n",
    "print(2)\n```\n\n",
    "| a | b |\n|---|---|\n",
    "| 1 | 2 |\n\n",
    "Last words",
]
MARK = """() => { for (const node of document.querySelectorAll(".chat-done > *")) node.seenAt ??= node.textContent }"""
COUNT_MARKED = """() => [...document.querySelectorAll(".chat-done > *")].filter((node) => node.seenAt).length"""
THREAD = "document.getElementById('chat-thread').innerHTML"


async def test_a_settled_block_is_never_replaced(visit: Visit, model: Model) -> None:
    await visit.ask(QUESTION)
    for block in BLOCKS:
        await model.say(block, pause=0.15)
        await visit.page.evaluate(MARK)
    await expect(visit.said).to_contain_text("Last words")
    settled = await visit.page.evaluate(COUNT_MARKED)
    await model.finish(".")
    await visit.until_state("complete")

    assert settled == 4  # heading, paragraph, list, code; the line after the table could still have been a row of it
    assert await visit.page.evaluate(COUNT_MARKED) == settled
    await expect(visit.said.locator("h1")).to_have_text("Title")
    assert "**" not in await visit.said.inner_text()


async def test_a_stream_ends_in_what_a_reload_shows(visit: Visit, model: Model) -> None:
    await visit.ask(QUESTION)
    await model.say(*BLOCKS, pause=0.06)
    await model.finish("!")
    await visit.until_state("complete")
    streamed = await visit.page.evaluate(THREAD)

    await visit.page.reload()

    assert await visit.page.evaluate(THREAD) == streamed


async def test_a_reload_in_mid_answer_shows_all_so_far_and_goes_on(visit: Visit, model: Model) -> None:
    await visit.ask(QUESTION)
    await model.say("One. Two. ")
    await expect(visit.said).to_have_text("One. Two.")

    await visit.page.reload()

    await expect(visit.said).to_have_text("One. Two.")
    await model.finish("Three.")
    await expect(visit.said).to_have_text("One. Two. Three.")
    await visit.until_state("complete")


async def test_a_second_tab_shows_the_same(visit: Visit, model: Model, open_page: Open) -> None:
    await visit.ask(QUESTION)
    await model.say("Both ")
    await expect(visit.said).to_have_text("Both")
    other = await open_page(f"/chat/{visit.thread_id}/")
    await expect(other.said).to_have_text("Both")

    await model.finish("see it.")

    for tab in (visit, other):
        await expect(tab.said).to_have_text("Both see it.")
        await tab.until_state("complete")
    assert await other.page.evaluate(THREAD) == await visit.page.evaluate(THREAD)


async def test_escape_stops_the_answer_and_keeps_the_text(visit: Visit, model: Model) -> None:
    await visit.ask(QUESTION)
    await model.say("So far ")
    await expect(visit.said).to_have_text("So far")

    await visit.page.keyboard.press("Escape")

    await visit.until_state("stopped")
    assert visit.count_sent("stop") == 1
    await expect(visit.said).to_have_text("So far")
    await expect(visit.answer).to_contain_text("You stopped this answer.")
    await expect(visit.button("Send message")).to_be_visible()
    assert model.is_aborted


async def test_stop_stands_where_send_was_and_is_sent_once(visit: Visit, model: Model) -> None:
    send = await visit.button("Send message").bounding_box()
    await visit.ask(QUESTION)
    stop = visit.button("Stop answering")
    await model.say("So far ")
    assert await stop.bounding_box() == send

    await stop.evaluate("button => { button.click(); button.click(); button.click() }")

    await visit.until_state("stopped")
    assert visit.count_sent("stop") == 1
    await expect(visit.box).to_be_focused()


async def test_escape_closes_what_is_open_before_it_stops_the_answer(visit: Visit, model: Model) -> None:
    await visit.ask(QUESTION)
    await model.say("Still going")
    await expect(visit.said).to_have_text("Still going")
    await visit.page.locator("[data-chat-menu]").first.click()
    await expect(visit.page.get_by_role("menu")).to_be_visible()

    await visit.page.keyboard.press("Escape")

    await expect(visit.page.get_by_role("menu")).to_be_hidden()
    assert visit.count_sent("stop") == 0
    await model.finish()
    await visit.until_state("complete")


async def test_a_failed_answer_says_so_and_can_be_tried_again(visit: Visit) -> None:
    await visit.ask("fault:truncated")
    await visit.until_state("failed")

    await expect(visit.answer.locator(".chat-failure")).to_contain_text(
        re.compile(r"lost.*ref [0-9A-Z]{4}-[0-9A-Z]{2}")
    )
    await expect(visit.button("Try again")).to_have_count(1)
    before = await visit.answer.get_attribute("id")

    await visit.button("Try again").click()

    await expect(visit.page.locator(f"#{before}")).to_have_count(0)
    await visit.until_state("failed")
    await expect(visit.questions).to_have_count(1)
    assert visit.count_sent("retry") == 1


async def test_every_answer_offers_to_try_again(visit: Visit) -> None:
    for question in ("fault:echo first", "fault:echo second"):
        await visit.ask(question)
        await expect(visit.said).to_contain_text(question.split()[1])
        await visit.until_state("complete")

    await expect(visit.page.get_by_role("button", name="Try again").locator("visible=true")).to_have_count(2)
    await expect(visit.answer.get_by_role("button", name="Try again")).to_be_visible()


async def test_the_list_marks_the_thread_that_is_answering(visit: Visit, model: Model, open_page: Open) -> None:
    elsewhere = await open_page()
    await visit.ask(f"Where the dot is {QUESTION}")
    await model.say("Dot")

    entry = elsewhere.page.get_by_role("navigation", name="Conversations").get_by_role("link", name="Where the dot is")
    await expect(entry.get_by_role("img", name="answering")).to_be_visible()
    await model.finish()
    await expect(entry.get_by_role("img", name="answering")).to_have_count(0)
    await expect(visit.page).to_have_title(re.compile("Where the dot is"))


async def test_beginning_and_end_are_announced_and_words_are_not(visit: Visit, model: Model) -> None:
    said = visit.page.get_by_role("status", name="Answer")
    await visit.ask(QUESTION)
    await expect(said).to_have_text("Answering…")
    await model.say("secret word ")
    await expect(visit.said).to_have_text("secret word")
    await expect(said).to_have_text("Answering…")
    await model.finish()

    await expect(said).to_have_text("Answer finished.")
    await expect(visit.thread).to_have_attribute("aria-live", "off")


async def test_thinking_is_folded_and_apart_from_what_was_said(visit: Visit) -> None:
    await visit.ask("fault:thinking")
    await visit.until_state("complete")

    fold = visit.answer.locator("details.chat-thinking")
    await expect(fold.locator("summary")).to_contain_text("Thought for")
    assert await fold.get_attribute("open") is None
    await fold.locator("summary").click()
    await expect(fold).to_contain_text("so I say hello")
    await expect(visit.said).not_to_contain_text("so I say hello")


CURSORS = """() => [...document.querySelectorAll(".chat-message *")].filter((element) => {
  const { content, width, display } = getComputedStyle(element, "::after");
  return content === '""' && width === "8px" && display !== "none";
}).length"""


async def test_one_cursor_stands_where_the_next_word_will_be_and_none_at_the_end(visit: Visit, model: Model) -> None:
    await visit.ask(QUESTION)
    await visit.until_state("streaming")
    assert await visit.page.evaluate(CURSORS) == 1
    await model.say("One.\n\nTwo")
    await expect(visit.said).to_contain_text("Two")
    assert await visit.page.evaluate(CURSORS) == 1

    await model.finish(" words.")

    await visit.until_state("complete")
    assert await visit.page.evaluate(CURSORS) == 0
