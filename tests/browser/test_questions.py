"""The assistant asks in mid-answer: by buttons, a list or a line, in every tab, after a reload, without script."""

import re

import pytest
from playwright.async_api import Locator, WebSocketRoute, expect

from .conftest import Open
from .test_page import UNNAMED
from .visit import Visit

NEW = "/chat/new/asker/"


def get_question(visit: Visit) -> Locator:
    """The question, open or not."""
    return visit.answer.locator("[data-chat-question]")


async def ask(visit: Visit, kind: str) -> None:
    """Have the assistant ask."""
    await visit.ask(kind)
    await visit.until_state("waiting")


async def draw(visit: Visit) -> str:
    """The answer as it stands in the page."""
    html: str = await visit.answer.evaluate("(element) => element.outerHTML")
    return re.sub(r">\s+<", "><", html)


async def check_reload(visit: Visit) -> None:
    """What was streamed is what a reload shows."""
    streamed = await draw(visit)
    await visit.page.reload()
    await expect(visit.button("Send message")).to_be_visible()
    assert await draw(visit) == streamed


async def test_a_question_survives_a_reload_and_is_answered_in_a_second_tab(open_page: Open) -> None:
    first = await open_page(NEW)
    await ask(first, "buttons")
    await first.page.reload()
    await first.until_state("waiting")
    second = await open_page(f"/chat/{first.thread_id}/")
    group = second.page.get_by_role("group", name="Which way?")
    await expect(group.get_by_role("button")).to_have_text(["Yes", "No"])
    await expect(second.button("Stop answering")).to_be_visible()

    await group.get_by_role("button", name="No", exact=True).click()

    for visit in (first, second):
        await visit.until_state("complete")
        await expect(get_question(visit)).to_have_text("Which way?Answer: No")
        await expect(visit.said).to_have_text("You said No.")
        await expect(get_question(visit).get_by_role("button")).to_have_count(0)
        await expect(visit.button("Send message")).to_be_visible()
        await check_reload(visit)
    assert await draw(first) == await draw(second)
    assert second.page.url.endswith(f"/chat/{second.thread_id}/")


async def test_the_first_of_a_list_is_chosen_and_submit_sends_another(open_page: Open) -> None:
    visit = await open_page(NEW)
    await ask(visit, "radio")
    group = visit.page.get_by_role("radiogroup", name="Which way?")
    await expect(group.get_by_role("radio", name="Red")).to_be_checked()

    await group.get_by_role("radio", name="Red").focus()
    await visit.page.keyboard.press("ArrowDown")
    await expect(group.get_by_role("radio", name="Green")).to_be_checked()
    await visit.button("Submit").click()

    await expect(visit.said).to_have_text("You said Green.")
    await visit.until_state("complete")
    await check_reload(visit)


async def test_a_menu_is_sent_with_submit(open_page: Open) -> None:
    visit = await open_page(NEW)
    await ask(visit, "select")

    await visit.page.get_by_role("combobox", name="Which way?").select_option("Green")
    await visit.button("Submit").click()

    await expect(visit.said).to_have_text("You said Green.")


async def test_a_line_is_sent_with_enter_and_the_draft_in_the_message_box_stays(open_page: Open) -> None:
    visit = await open_page(NEW)
    await ask(visit, "text")
    await visit.box.fill("for later")
    line = visit.page.get_by_role("textbox", name="Which way?")
    await expect(line).to_have_attribute("placeholder", "Type your response…")
    assert await visit.page.evaluate(UNNAMED) == []

    await line.fill('to <b>the</b> "left"')
    await line.press("Enter")

    await expect(visit.said).to_have_text('You said to <b>the</b> "left".')
    await expect(get_question(visit)).to_contain_text('to <b>the</b> "left"')
    await expect(visit.box).to_have_value("for later")
    await visit.until_state("complete")
    await check_reload(visit)


async def test_stop_while_it_waits_takes_the_form_away_in_all_tabs(open_page: Open) -> None:
    first = await open_page(NEW)
    await ask(first, "buttons")
    second = await open_page(f"/chat/{first.thread_id}/")
    await expect(second.button("Yes")).to_be_visible()

    await first.button("Stop answering").click()

    for visit in (first, second):
        await visit.until_state("stopped")
        await expect(get_question(visit)).to_have_text("Which way?Not answered.")
        await check_reload(visit)


@pytest.mark.parametrize("kind", ["radio", "text"])
async def test_what_was_chosen_before_the_first_frame_came_stays(open_page: Open, kind: str) -> None:
    visit = await open_page(NEW)
    await ask(visit, kind)
    other = await open_page(None)
    sockets: list[WebSocketRoute] = []

    def connect(socket: WebSocketRoute) -> None:
        sockets.append(socket)
        if len(sockets) > 1:  # The first one is open, and nothing comes.
            socket.connect_to_server()

    await other.page.route_web_socket("**/ws/**", connect)
    await other.page.goto(f"{other.site.url}/chat/{visit.thread_id}/")
    group = get_question(other)
    control = group.get_by_role("radio", name="Green") if kind == "radio" else group.get_by_role("textbox")
    await (control.check() if kind == "radio" else control.fill("Left"))
    await control.focus()
    before = await group.element_handle()

    await sockets[0].close(code=1012)
    await expect(other.page.locator("#chat-cursor")).not_to_have_text(re.compile(":0$"))

    assert before is not None
    assert not await before.evaluate("(element) => element.isConnected"), "the answer was not drawn anew"
    await expect(control).to_be_focused()
    await (expect(control).to_be_checked() if kind == "radio" else expect(control).to_have_value("Left"))


@pytest.mark.parametrize("are_together", [True, False])
async def test_a_line_keeps_what_is_typed_and_the_focus_while_the_answer_is_drawn_anew_in_several_frames(
    open_page: Open, are_together: bool
) -> None:
    visit = await open_page(NEW)
    await ask(visit, "text")
    other = await open_page(None)
    sockets: list[WebSocketRoute] = []
    held: list[str | bytes] | None = None

    def pass_on(frame: str | bytes) -> None:
        """The answer comes as it does when much has happened in it: empty first, and the question later."""
        nonlocal held
        anew = re.search(r'<div hx-swap-oob="(innerHTML:#m-[\w-]+-parts)">', str(frame))
        if anew:
            run = re.search(r'innerHTML:#chat-cursor">([\w-]+):', str(frame))
            assert run
            place = f'<div hx-swap-oob="innerHTML:#chat-cursor">{run[1]}:0</div>'
            sockets[1].send(f'{place}<div hx-swap-oob="{anew[1]}"></div>')
            held = None if are_together else []
        if held is None:
            sockets[1].send(frame)
        else:
            held.append(frame)

    def connect(socket: WebSocketRoute) -> None:
        sockets.append(socket)
        if len(sockets) > 1:  # The first one is open, and nothing comes.
            socket.connect_to_server().on_message(pass_on)

    await other.page.route_web_socket("**/ws/**", connect)
    await other.page.goto(f"{other.site.url}/chat/{visit.thread_id}/")
    line = get_question(other).get_by_role("textbox")
    await line.fill("Le")
    before = await line.element_handle()
    await other.box.evaluate("(box) => box.addEventListener('focus', () => (window.boxes = (window.boxes ?? 0) + 1))")

    await sockets[0].close(code=1012)
    if not are_together:
        await expect(get_question(other)).to_have_count(0)
        for frame in held or []:
            sockets[1].send(frame)
        held = None
    await expect(other.page.locator("#chat-cursor")).not_to_have_text(re.compile(":0$"))

    assert before is not None
    assert not await before.evaluate("(element) => element.isConnected"), "the answer was not drawn anew"
    await expect(line).to_be_focused()
    await other.page.keyboard.type("ft")
    await expect(line).to_have_value("Left")
    assert await other.box.input_value() == ""
    if are_together:
        assert await other.page.evaluate("window.boxes") is None, "the focus was elsewhere meanwhile"
    await line.press("Enter")
    await expect(other.said).to_have_text("You said Left.")


async def test_an_impatient_finger_answers_once(open_page: Open) -> None:
    visit = await open_page(NEW)
    await ask(visit, "buttons")

    await visit.button("Yes").dblclick()

    await expect(visit.said).to_have_text("You said Yes.")
    await expect(visit.page.get_by_role("alert")).to_have_count(0)


async def test_an_answer_that_does_not_get_through_can_be_given_again(open_page: Open) -> None:
    visit = await open_page(NEW)
    await ask(visit, "text")
    visit.expect_complaint("ERR_FAILED")
    path = f"**/chat/{visit.thread_id}/answer/"
    await visit.page.route(path, lambda route: route.abort())
    line = visit.page.get_by_role("textbox", name="Which way?")
    await line.fill("Left")

    await line.press("Enter")
    await expect(visit.page.get_by_role("alert")).to_contain_text("That did not work. Please try again.")
    await expect(line).to_have_value("Left")
    await visit.page.unroute(path)
    await line.press("Enter")

    await expect(visit.said).to_have_text("You said Left.")


async def test_an_answer_that_is_refused_gets_the_sentence_of_the_site(open_page: Open) -> None:
    visit = await open_page(NEW)
    await ask(visit, "text")
    visit.expect_complaint("422")
    line = visit.page.get_by_role("textbox", name="Which way?")

    await line.fill(" ")
    await line.press("Enter")

    await expect(visit.page.get_by_role("alert")).to_contain_text("Please write something first.")
    await visit.until_state("waiting")


@pytest.mark.parametrize("kind", ["buttons", "radio", "text"])
async def test_everything_works_without_script(open_page: Open, kind: str) -> None:
    visit = await open_page(None, java_script_enabled=False)
    page = visit.page
    await page.goto(visit.site.url + NEW)
    await visit.box.fill(kind)
    await visit.button("Send message").click()
    await expect(visit.answer).to_have_attribute("data-chat-state", re.compile("streaming|waiting"))
    while await visit.answer.get_attribute("data-chat-state") != "waiting":
        await page.reload()

    if kind == "text":
        await page.get_by_role("textbox", name="Which way?").fill("Left")
        await page.get_by_role("textbox", name="Which way?").press("Enter")
    else:
        await page.get_by_role("button", name={"buttons": "Yes", "radio": "Submit"}[kind]).click()

    said = {"buttons": "Yes", "radio": "Red", "text": "Left"}[kind]
    await expect(get_question(visit)).to_contain_text(f"Answer: {said}")
    while await visit.answer.get_attribute("data-chat-state") != "complete":
        await page.reload()
    await expect(visit.said).to_have_text(f"You said {said}.")
