"""What stands under messages: edit in place, versions, ratings; with a hand, a keyboard, a second tab."""

from playwright.async_api import Locator, expect

from .conftest import Open
from .model import QUESTION, Model
from .threads import make_threads
from .visit import Visit


def get_row(visit: Visit, place: int, role: str = "user") -> Locator:
    """The message of this role at this place."""
    return visit.page.locator(f'[data-chat-role="{role}"]').nth(place)


async def open_editor(visit: Visit, place: int = 0) -> Locator:
    """Press Edit under a question; the box."""
    await get_row(visit, place).get_by_role("button", name="Edit", exact=True).press("Enter")
    box = visit.page.get_by_role("textbox", name="Edit your message")
    await expect(box).to_be_focused()
    return box


async def test_a_question_is_edited_in_place_and_both_branches_stay(open_page: Open, model: Model) -> None:
    visit = await open_page()
    await visit.ask(f"One? {QUESTION}")
    await model.finish("Een.")
    await visit.until_state("complete")
    second = await open_page(f"/chat/{visit.thread_id}/")

    box = await open_editor(visit)
    await expect(box).to_have_value(f"One? {QUESTION}")
    await box.press("Escape")
    await expect(box).to_have_count(0)
    await expect(get_row(visit, 0).get_by_role("button", name="Edit")).to_be_focused()
    box = await open_editor(visit)
    await box.fill(" ")
    await box.press("Enter")
    await expect(box).to_have_count(0)  # blank: nothing is asked
    box = await open_editor(visit)
    await box.fill(f"Uno? {QUESTION}")
    await box.dispatch_event("keydown", {"key": "Enter", "keyCode": 229, "bubbles": True})  # an input method's
    await box.press("Shift+Enter")
    await expect(box).to_have_value(f"Uno? {QUESTION}\n")
    await box.press("Control+Enter")

    await model.finish("Dos.")
    for each in (visit, second):
        await expect(each.questions).to_have_text([f"Uno? {QUESTION}"])
        await expect(each.said).to_have_text("Dos.")
        await expect(get_row(each, 0).get_by_role("group", name="Versions")).to_have_text("2 / 2", use_inner_text=True)
    assert visit.count_sent("edit") == 1
    await visit.page.reload()
    await visit.button("Previous version").first.click()
    for each in (visit, second):
        await expect(each.said).to_have_text("Een.")
        await expect(each.questions).to_have_text([f"One? {QUESTION}"])


async def test_an_open_editor_outlives_frames_and_another_look_of_the_page(open_page: Open, model: Model) -> None:
    visit = await open_page()
    await visit.ask(f"One? {QUESTION}")
    await model.say("So far")
    await expect(visit.said).to_have_text("So far")
    box = await open_editor(visit)
    await box.fill("Half a thou")

    await model.say(", and on")
    await expect(visit.said).to_have_text("So far, and on")
    await box.press("Enter")
    await expect(visit.page.get_by_text("Please wait for the answer to finish")).to_be_visible()
    await expect(box).to_be_editable()
    await expect(box).to_have_value("Half a thou")
    # The page asks for everything, as after a frame for which it has no place.
    await visit.page.evaluate(
        """document.dispatchEvent(new CustomEvent("chat:send", {
               detail: { type: "resume", cursors: {} }, cancelable: true }))"""
    )
    await expect(box).to_have_value("Half a thou")
    await model.finish(".")
    await visit.until_state("complete")
    await expect(box).to_have_value("Half a thou")


async def test_the_place_is_kept_when_another_version_is_shown(open_page: Open, key: str) -> None:
    visit = await open_page()
    long = "\n\n".join(f"Paragraph {number} of it." for number in range(30))
    said = [("user", "Zero?"), ("assistant", long), ("user", "Where? fault:ok"), ("assistant", long)]
    (path,) = await make_threads(visit.site, key, [("Numbers", [*said, ("user", "More?"), ("assistant", long)])])
    await visit.go(path)
    box = await open_editor(visit, 1)
    await box.fill("And there? fault:ok")
    await box.press("Enter")
    await expect(visit.page.locator('[data-chat-role="assistant"]')).to_have_count(2)
    await visit.until_state("complete")
    button = visit.button("Previous version").first
    await button.evaluate("(it) => it.closest('article').scrollIntoView({ block: 'center' })")
    (before, _), text = await visit.get_place(), await get_row(visit, 1).inner_text()

    await button.press("Enter")

    await expect(visit.questions.nth(1)).to_have_text("Where? fault:ok")
    (after, _) = await visit.get_place()
    assert abs(after - before) < 2
    await expect(visit.button("Next version").first).to_be_focused()
    await visit.button("Next version").first.press("Enter")
    await expect(visit.questions.nth(1)).to_have_text("And there? fault:ok")
    assert abs((await visit.get_place())[0] - before) < 2
    assert await get_row(visit, 1).inner_text() == text


async def test_a_rating_is_given_explained_changed_and_seen_elsewhere(open_page: Open, model: Model) -> None:
    visit = await open_page()
    await visit.ask(f"One? {QUESTION}")
    await model.finish("Een.")
    await visit.until_state("complete")
    await visit.ask(f"Two? {QUESTION}")
    await model.say("So far")
    await expect(visit.said).to_have_text("So far")
    second = await open_page(f"/chat/{visit.thread_id}/")
    dialog = visit.page.get_by_role("dialog", name="What was wrong with this answer?")
    bad, good = visit.button("Bad answer"), visit.button("Good answer")

    await bad.click()
    await dialog.get_by_text("Not correct").click()
    await dialog.get_by_role("textbox", name="Comment").fill("It is <one>.")
    await dialog.get_by_role("button", name="Send").click()
    await expect(dialog).to_be_hidden()
    await expect(bad).to_be_focused()

    for each in (visit, second):
        await expect(each.button("Bad answer")).to_have_attribute("aria-pressed", "true")
    await model.finish(", and on.")
    await visit.until_state("complete")
    await expect(visit.said).to_have_text("So far, and on.")
    await visit.page.reload()
    await bad.first.click()
    await expect(dialog.get_by_role("checkbox", name="Not correct")).to_be_checked()
    await expect(dialog.get_by_role("textbox", name="Comment")).to_have_value("It is <one>.")
    await dialog.get_by_role("button", name="Remove rating").click()
    await expect(bad.first).to_have_attribute("aria-pressed", "false")
    await good.first.click()
    await expect(good.first).to_have_attribute("aria-pressed", "true")


async def test_without_script_a_question_is_edited_and_a_branch_becomes_a_chat(open_page: Open, key: str) -> None:
    visit = await open_page(None, java_script_enabled=False)
    said = [("user", "Where? fault:ok"), ("assistant", "Here.")]
    (path,) = await make_threads(visit.site, key, [("Numbers", said)])
    await visit.page.goto(visit.site.url + path)

    await visit.button("Edit").click()
    await visit.page.get_by_role("textbox", name="Edit your message").fill("There? fault:ok")
    await visit.button("Ask again").click()
    await expect(visit.questions).to_have_text(["There? fault:ok"])
    await visit.button("Previous version").click()
    await expect(visit.questions).to_have_text(["Where? fault:ok"])
    await visit.button("More").first.click()
    await visit.button("Branch into new chat").click()
    await expect(visit.page.get_by_role("heading", name="Numbers (copy)")).to_be_visible()
    await expect(visit.questions).to_have_text(["Where? fault:ok"])
