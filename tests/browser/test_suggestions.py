"""What a click or a key does with a suggestion, in the text of a model and on its cards."""

from typing import Literal

import pytest
from playwright.async_api import Locator, expect

from .conftest import Open
from .model import QUESTION, Model
from .visit import Visit

FILL = '<span class="suggestion">Show me\nmore</span>'
SUBMIT = '<span class="suggestion submit" data-suggestion="Send this">Press</span>'
CARDS = (
    '1. <span class="suggestion" title="First">One of three</span>\n'
    '2. <span class="suggestion" data-suggestion="The second, please">Two</span>\n'
    '3. <span class="suggestion submit">Three</span>\n'
)
FOCUSED = "document.activeElement.textContent"
PLACES = "[...document.querySelectorAll('.chat-prose .chat-card')].map(({ tabIndex }) => tabIndex)"

Modifier = Literal["Alt", "Control", "Meta", "Shift"]


async def say(visit: Visit, model: Model, text: str) -> Locator:
    """Have the model say this; the buttons in it."""
    await visit.ask(QUESTION)
    await model.finish(text)
    await visit.until_state("complete")
    return visit.said.get_by_role("button")


async def test_a_suggestion_fills_the_box_and_sends_nothing(visit: Visit, model: Model) -> None:
    buttons = await say(visit, model, f"You can {FILL} or not.")
    sent = visit.count_sent("post")

    await visit.said.get_by_role("button", name="Show me more").click()

    await expect(visit.box).to_have_value("Show me more")
    await expect(visit.box).to_be_focused()
    await expect(buttons).to_have_count(1)
    assert visit.count_sent("post") == sent


@pytest.mark.parametrize(
    ("source", "modifiers", "is_sent"),
    [
        (FILL, (), False),
        (SUBMIT, (), True),
        (FILL, ("Control",), True),
        (FILL, ("Meta",), True),
        (SUBMIT, ("Alt",), False),
        (FILL, ("Alt", "Control"), True),
        (SUBMIT, ("Shift",), True),
    ],
)
async def test_the_keys_that_are_held_say_whether_it_is_sent(
    visit: Visit, model: Model, source: str, modifiers: tuple[Modifier, ...], is_sent: bool
) -> None:
    button = (await say(visit, model, source)).first
    text = "Show me more" if source == FILL else "Send this"
    await visit.box.fill("a draft")

    await button.click(modifiers=list(modifiers))

    await expect(visit.box).to_have_value("a draft" if is_sent else text)
    await expect(visit.questions).to_have_count(2 if is_sent else 1)
    if is_sent:
        await expect(visit.questions.last).to_contain_text(text)
    assert visit.count_sent("post") == 1 + is_sent


@pytest.mark.parametrize(
    ("keys", "is_sent"), [("Enter", False), ("Space", False), ("Control+Enter", True), ("Control+Space", True)]
)
async def test_keys_do_what_a_click_does(visit: Visit, model: Model, keys: str, is_sent: bool) -> None:
    button = (await say(visit, model, FILL)).first
    await button.focus()

    await button.press(keys)

    await expect(visit.box).to_have_value("" if is_sent else "Show me more")
    await expect(visit.questions).to_have_count(2 if is_sent else 1)
    assert visit.count_sent("post") == 1 + is_sent


async def test_a_double_click_sends_once(visit: Visit, model: Model) -> None:
    button = (await say(visit, model, SUBMIT)).first

    await button.dblclick()

    await expect(visit.questions).to_have_count(2)
    await expect(visit.page.get_by_text("Wait for the answer")).to_have_count(0)
    assert visit.count_sent("post") == 2


async def test_while_an_answer_comes_a_suggestion_sends_nothing(visit: Visit, model: Model) -> None:
    await say(visit, model, SUBMIT)
    button = visit.page.get_by_role("button", name="Press")
    await visit.ask(f"{QUESTION} again")
    await model.say("Well")
    await expect(visit.said).to_have_text("Well")
    await visit.box.fill("a draft")

    await button.click()

    await expect(visit.page.get_by_text("Wait for the answer to end")).to_be_visible()
    await expect(visit.box).to_have_value("a draft")
    assert visit.count_sent("post") == 2
    await model.finish()
    await visit.until_state("complete")


async def test_a_list_of_suggestions_becomes_cards_when_it_is_complete(visit: Visit, model: Model) -> None:
    await visit.ask(QUESTION)
    half = CARDS.index("Two") + 1
    await model.say(CARDS[:half])
    await expect(visit.said.locator(".chat-cards > li")).to_have_count(2)
    await expect(visit.said.locator("button")).to_have_count(0)

    await model.finish(CARDS[half:])

    await expect(visit.said.get_by_role("button", name="1. First One of three")).to_be_visible()
    await expect(visit.said.get_by_role("listitem")).to_have_count(3)
    before = await visit.said.inner_html()
    await visit.page.reload()
    assert await visit.said.inner_html() == before


@pytest.mark.parametrize(("number", "text"), [(0, "One of three"), (1, "The second, please")])
async def test_a_card_says_its_body_or_its_own_text_and_never_its_heading(
    visit: Visit, model: Model, number: int, text: str
) -> None:
    cards = await say(visit, model, CARDS)

    await cards.nth(number).click()

    await expect(visit.box).to_have_value(text)


async def test_one_card_is_reached_with_tab_and_the_others_with_arrows(visit: Visit, model: Model) -> None:
    cards = await say(visit, model, CARDS)
    await cards.first.focus()
    assert await visit.page.evaluate(PLACES) == [0, -1, -1]

    for key, place in (
        ("ArrowRight", 1),
        ("ArrowRight", 2),
        ("ArrowRight", 0),
        ("ArrowLeft", 2),
        ("Home", 0),
        ("End", 2),
        ("ArrowUp", 1),
        ("ArrowDown", 2),
    ):
        await visit.page.keyboard.press(key)
        await expect(cards.nth(place)).to_be_focused()
        assert await visit.page.evaluate(PLACES) == [0 if place == number else -1 for number in range(3)], key

    await cards.nth(1).click()

    assert await visit.page.evaluate(PLACES) == [-1, 0, -1]


async def test_what_a_person_types_is_no_suggestion(visit: Visit, model: Model) -> None:
    await visit.ask(f"{QUESTION} {FILL}")
    await model.finish("I see.")
    await visit.until_state("complete")

    await expect(visit.questions.first).to_contain_text('<span class="suggestion">')
    await expect(visit.questions.get_by_role("button", name="Show me")).to_have_count(0)


async def test_kinds_look_different_and_the_width_of_cards_can_be_set(visit: Visit, model: Model) -> None:
    await say(visit, model, f"{FILL} {SUBMIT}\n\n{CARDS}")
    mark = "(kind) => getComputedStyle(document.querySelector(`.chat-suggestion${kind}`), '::after').content"
    columns = (
        "getComputedStyle(document.querySelector('.chat-prose .chat-cards')).gridTemplateColumns.split(' ').length"
    )

    assert await visit.page.evaluate(mark, ":not([data-submit])") != await visit.page.evaluate(mark, "[data-submit]")
    assert await visit.page.evaluate(columns) >= 3
    await visit.page.evaluate("document.getElementById('chat').style.setProperty('--chat-card-min', '400px')")
    assert await visit.page.evaluate(columns) < 3


async def test_cards_of_a_new_chat_go_by_arrows_and_by_modifiers_too(visit: Visit) -> None:
    cards = visit.page.locator(".chat-welcome .chat-card")
    await cards.first.focus()

    await visit.page.keyboard.press("ArrowRight")
    await expect(cards.nth(1)).to_be_focused()
    await visit.page.keyboard.press("Alt+Enter")

    await expect(visit.box).to_have_value(await cards.nth(1).get_attribute("value") or "-")
    assert visit.count_sent("post") == 0
    await cards.first.click(modifiers=["Control"])
    await expect(visit.questions).to_have_count(1)


async def test_harm_in_a_suggestion_is_text_in_the_box(open_page: Open, model: Model) -> None:
    visit = await open_page()
    buttons = await say(
        visit, model, "<span class=suggestion data-suggestion='<img src=x onerror=window.pwned=1>'>press</span>"
    )

    await buttons.first.click()

    await expect(visit.box).to_have_value("<img src=x onerror=window.pwned=1>")
    assert await visit.page.evaluate("window.pwned") is None


async def test_a_prompt_of_the_menu_fills_the_box_and_sends_nothing(visit: Visit) -> None:
    menu = visit.page.locator("#chat-prompts")
    await visit.box.fill("a draft")

    await visit.button("Prompts").click()
    await menu.get_by_role("button", name="Make it shorter").click()

    await expect(visit.box).to_have_value("Say that again in half as many words.")
    await expect(visit.box).to_be_focused()
    assert await visit.box.evaluate("({ selectionStart, value }) => selectionStart === value.length")
    await expect(menu).to_be_hidden()
    assert visit.count_sent("post") == 0


async def test_an_assistant_without_prompts_has_no_menu(open_page: Open) -> None:
    visit = await open_page("/chat/new/stage/")

    await expect(visit.button("Prompts")).to_have_count(0)
