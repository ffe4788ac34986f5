"""The rest of the page follows the answer: an event, a few words, a button that cancels."""

import json
from typing import Any

import pytest_asyncio
from django.template import Context, Template
from playwright.async_api import expect

from .conftest import Open
from .model import QUESTION, Model
from .visit import Visit

TAGS = "{% load chatapp %}<aside>{% chat_status %}{% chat_cancel %}<button id='other'>Print</button></aside>"

LISTEN = """() => {
  window.heard = [];
  document.body.addEventListener("chat:status", ({ target, detail }) => {
    window.heard.push([target.id, detail.status, detail.state, detail.run, detail.message]);
    document.getElementById("other").disabled = detail.status === "running";
  });
}"""


@pytest_asyncio.fixture(loop_scope="session")
async def visit(open_page: Open) -> Visit:
    """A new chat on a page of a site that has the tags beside it."""
    visit = await open_page("/chat/new/model/")
    html = Template(TAGS).render(Context())
    await visit.page.evaluate("(html) => document.body.insertAdjacentHTML('beforeend', html)", html)
    await visit.until_modules()
    await visit.page.evaluate(LISTEN)
    return visit


async def get_heard(visit: Visit) -> list[list[Any]]:
    """The events that have come."""
    return list(json.loads(await visit.page.evaluate("JSON.stringify(window.heard)")))


async def test_a_button_outside_of_the_chat_goes_with_the_run(visit: Visit, model: Model) -> None:
    other = visit.button("Print")
    words = visit.page.locator("[data-chat-follows]")
    await expect(other).to_be_enabled()
    await expect(words).to_have_text("")

    await visit.ask(f"One? {QUESTION}")
    await model.say("So far.")

    await expect(other).to_be_disabled()
    await expect(words).to_have_text("Answering…")
    await model.finish(" Done.")
    await expect(other).to_be_enabled()
    await expect(words).to_have_text("Answer finished.")
    run = await visit.answer.get_attribute("data-chat-run")
    message = await visit.answer.get_attribute("data-chat-message")
    states = [["chat", "running", "streaming"], ["chat", "success", "complete"]]
    assert await get_heard(visit) == [[*state, run, message] for state in states]


async def test_a_button_outside_of_the_chat_cancels_and_says_so_once(visit: Visit, model: Model) -> None:
    cancel = visit.button("Cancel the answer")
    await expect(cancel).to_be_disabled()
    await visit.ask(f"One? {QUESTION}")
    await model.say("So far.")
    await expect(visit.said).to_have_text("So far.")
    await expect(cancel).to_be_enabled()

    await cancel.click()

    await visit.until_state("stopped")
    await expect(cancel).to_be_disabled()
    await expect(visit.page.get_by_role("alert")).to_have_text(["The answer was cancelled."])
    assert visit.count_sent("stop") == 1
    await visit.ask(f"Two? {QUESTION}")
    await model.say("More.")
    await visit.button("Stop answering").click()
    await visit.until_state("stopped")
    await expect(visit.page.get_by_role("alert")).to_have_count(1)
    assert [event[1] for event in await get_heard(visit)] == ["running", "cancelled"] * 2
