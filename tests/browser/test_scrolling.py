"""The end of the thread is followed until the reader moves away."""

import pytest
from playwright.async_api import expect

from tests.site import Site

from .conftest import Open
from .model import QUESTION, Model
from .threads import make_threads
from .visit import Visit

PARAGRAPH = (
    "Some words that fill more than one line of the column, so that the thread soon is taller than the view. " * 2
)


async def fill_view(visit: Visit, model: Model, paragraphs: int = 12) -> None:
    """Have so much said that the thread is taller than the view."""
    await visit.ask(QUESTION)
    await model.say(*[f"Part {number}: {PARAGRAPH}\n\n" for number in range(paragraphs)])
    await expect(visit.said).to_contain_text(f"Part {paragraphs - 1}: Some")


async def test_the_end_is_followed_while_the_answer_comes(visit: Visit, model: Model) -> None:
    await fill_view(visit, model)

    for number in range(10):
        await model.say(f"more {number}\n\n", pause=0.06)

    await expect(visit.said).to_contain_text("more 9")
    await visit.until_at_end()
    assert (await visit.get_place())[0] > 100
    await expect(visit.jump).to_be_hidden()
    await model.finish()


@pytest.mark.parametrize("means", ["wheel", "scrollbar"])
async def test_a_reader_who_has_moved_up_stays_where_they_are(visit: Visit, model: Model, means: str) -> None:
    await fill_view(visit, model, 30)
    if means == "wheel":
        await visit.thread.hover()
        await visit.page.mouse.wheel(0, -300)
    else:
        await visit.page.evaluate("document.getElementById('chat-scroll').scrollTop -= 300")
    await expect(visit.jump).to_be_visible()
    before, _ = await visit.get_place()

    for number in range(40):
        await model.say(f"more {number} {PARAGRAPH}\n\n", pause=0.02)

    await expect(visit.said).to_contain_text("more 39")
    after, below = await visit.get_place()
    assert after == before
    assert below > 1000
    await model.finish()


async def test_the_button_jumps_to_the_end_and_following_goes_on(visit: Visit, model: Model) -> None:
    await fill_view(visit, model, 30)
    await visit.thread.hover()
    await visit.page.mouse.wheel(0, -2000)

    await visit.jump.click()

    await expect(visit.jump).to_be_hidden()
    await model.say(f"and more {PARAGRAPH}\n\n" * 3)
    await expect(visit.said.get_by_text("and more").last).to_be_in_viewport()
    await model.finish()


async def test_who_scrolls_back_to_the_end_is_taken_along_again(visit: Visit, model: Model) -> None:
    await fill_view(visit, model, 30)
    await visit.thread.hover()
    await visit.page.mouse.wheel(0, -800)
    await expect(visit.jump).to_be_visible()

    await visit.page.mouse.wheel(0, 5000)

    await expect(visit.jump).to_be_hidden()
    await model.say(f"and more {PARAGRAPH}\n\n" * 3)
    await expect(visit.said.get_by_text("and more").last).to_be_in_viewport()
    await model.finish()


async def test_the_keyboard_moves_away_as_the_wheel_does(visit: Visit, model: Model) -> None:
    await fill_view(visit, model, 30)
    await visit.thread.focus()

    await visit.page.keyboard.press("PageUp")

    await expect(visit.jump).to_be_visible()
    before, _ = await visit.get_place()
    await model.say(f"and more {PARAGRAPH}\n\n" * 3)
    await expect(visit.said).to_contain_text("and more")
    assert (await visit.get_place())[0] <= before
    await model.finish()


async def test_an_own_message_always_scrolls_to_the_end(visit: Visit, model: Model) -> None:
    await fill_view(visit, model, 30)
    await model.finish()
    await visit.until_state("complete")
    await visit.thread.hover()
    await visit.page.mouse.wheel(0, -2000)
    await expect(visit.jump).to_be_visible()

    await visit.ask("fault:echo far up, and yet")

    await expect(visit.questions.last).to_be_in_viewport(ratio=1)
    await visit.until_state("complete")
    await visit.until_at_end()


async def test_a_thread_opens_at_its_end_and_earlier_messages_move_no_line(
    open_page: Open, site: Site, key: str
) -> None:
    messages = [("assistant" if number % 2 else "user", f"Number {number}. {PARAGRAPH}") for number in range(120)]
    visit = await open_page(*await make_threads(site, key, [("Long", messages)]))
    await expect(visit.answer).to_be_in_viewport()
    assert await visit.page.get_by_role("article").count() == 50

    await visit.page.evaluate("document.getElementById('chat-scroll').scrollTop = 700")
    line = visit.page.get_by_text("Number 71.")
    await expect(line).to_be_visible()
    await visit.page.evaluate("document.getElementById('chat-scroll').scrollTop = 0")
    oldest = visit.page.get_by_text("Number 70.")
    await expect(visit.page.get_by_role("article")).to_have_count(100)

    await expect(oldest).to_be_in_viewport()
    box = await oldest.bounding_box()
    assert box is not None
    assert 52 <= box["y"] < 200
    await expect(visit.page.get_by_role("link", name="Show earlier messages")).to_have_count(1)


async def test_a_welcome_taller_than_the_view_opens_at_its_top(open_page: Open) -> None:
    visit = await open_page(viewport={"width": 390, "height": 560})

    above, below = await visit.get_place()
    assert above == 0
    assert below > 64
    await expect(visit.jump).to_be_hidden()
    await visit.ask("fault:echo x")
    await expect(visit.questions).to_be_in_viewport()


async def test_a_greeting_taller_than_the_view_opens_at_its_top(open_page: Open, site: Site, key: str) -> None:
    visit = await open_page(*await make_threads(site, key, [("Long", [("assistant", f"{PARAGRAPH}\n\n" * 40)])]))

    above, below = await visit.get_place()
    assert above == 0
    assert below > 1000
    await expect(visit.jump).to_be_visible()


async def test_the_end_stays_in_view_when_a_tall_answer_is_not_among_the_last_any_more(
    visit: Visit, model: Model
) -> None:
    await fill_view(visit, model, 30)
    await model.finish()
    await visit.until_state("complete")

    for number in range(2, 4):
        await visit.ask(QUESTION)
        await expect(visit.questions).to_have_count(number)
        await model.say("Brief.")
        await model.finish()
        await visit.until_state("complete")

        await visit.until_at_end()
        await expect(visit.jump).to_be_hidden()
