"""Staff try two models side by side in the playground."""

import asyncio
import re
from uuid import uuid4

import pytest
import pytest_asyncio
from playwright.async_api import Locator, expect

from tests.faults.exchange import Exchange
from tests.faults.fault import FAULTS, Fault
from tests.faults.tools import make_piece, write_arguments
from tests.site import Site

from .conftest import Open
from .model import QUESTION, Model
from .visit import Visit

PATH = "/chat/playground/"
MAKE_STAFF = "from django.contrib.auth.models import User; User.objects.filter(username={!r}).update(is_staff=True)"


@pytest_asyncio.fixture(loop_scope="session")
async def staff_key(site: Site) -> str:
    """Session key of a member of staff who has tried nothing yet: what is tried is kept for each person."""
    name = f"tries-models-{uuid4()}"
    (key,) = await asyncio.to_thread(site.sign_in, [name])
    await asyncio.to_thread(site.manage, "shell", "-c", MAKE_STAFF.format(name))
    return key


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> dict[str, Model]:
    """Two models, by name, each of which says what the test says."""
    models = {"oak": Model(), "pine": Model(), "elm": Model()}

    async def play(exchange: Exchange) -> None:
        await models[exchange.body["model"]].play(exchange)

    monkeypatch.setitem(FAULTS, "stage", Fault(name="stage", play=play))
    return models


def get_side(visit: Visit, name: str) -> Locator:
    """One side of the page."""
    return visit.page.get_by_role("region", name=f"Side {name}")


def get_figure(side: Locator, name: str) -> Locator:
    """A figure under the last answer."""
    return side.locator(f'.chat-streamed:last-child [data-chat-figure="{name}"]')


async def test_two_models_answer_at_once_and_what_is_changed_there_changes_the_next_reply(
    open_page: Open, models: dict[str, Model], staff_key: str
) -> None:
    visit = await open_page(None, key=staff_key)
    await visit.page.goto(visit.site.url + PATH)
    first, second = get_side(visit, "A"), get_side(visit, "B")
    box = visit.page.get_by_role("textbox", name="Question to both")
    await expect(box).to_be_focused()
    await first.get_by_role("combobox", name="Model").fill("oak")
    await second.get_by_role("combobox", name="Model").fill("pine")
    await second.get_by_role("spinbutton", name="Temperature").fill("7")
    await box.fill(f"What is a tree? {QUESTION}")

    visit.expect_complaint("422")
    await box.press("Control+Enter")
    await expect(second.get_by_text("This must be between 0 and 2.")).to_be_visible()
    await expect(second.get_by_role("spinbutton", name="Temperature")).to_be_focused()
    await expect(box).to_have_value(f"What is a tree? {QUESTION}")
    await second.get_by_role("spinbutton", name="Temperature").fill("0.7")
    await box.press("Control+Enter")
    await models["oak"].say("An **oa")
    await models["pine"].say("A pi")
    await expect(first).to_contain_text("An oa")
    await expect(second).to_contain_text("A pi")
    await expect(box).to_have_value("")
    await expect(box).to_be_focused()

    await second.get_by_role("button", name="Stop").click()
    await expect(get_figure(second, "seconds")).to_contain_text("s")
    await models["oak"].finish("k**.")
    await expect(get_figure(first, "out")).to_have_text("9")
    await expect(get_figure(first, "cost")).to_have_text("no price")
    for side in (first, second):
        await expect(side.get_by_role("button", name="Run again")).to_be_visible()
    assert models["pine"].is_aborted
    before = re.sub(r"\s+", " ", await first.inner_text())
    await visit.page.reload()
    await expect(get_figure(first, "out")).to_have_text("9")
    assert re.sub(r"\s+", " ", await first.inner_text()) == before

    await first.get_by_role("combobox", name="Model").fill("elm")
    await first.get_by_text("Instructions and sampling").click()
    await first.get_by_role("textbox", name="Instructions").fill("Speak of elms.")
    await first.get_by_role("button", name="Run again").click()
    await models["elm"].finish("An elm.")
    await expect(first).to_contain_text("An elm.")
    await expect(first).not_to_contain_text("An oak.")
    await expect(get_figure(first, "out")).to_have_text("9")

    await first.get_by_role("button", name="Use these values").click()
    await expect(first.locator("pre")).to_contain_text('instructions = "Speak of elms."')
    await visit.button("Start over").click()
    for side in (first, second):
        await expect(side.get_by_text("Nothing was asked yet.")).to_be_visible()


async def test_another_assistant_brings_its_own_values_and_without_script_all_of_it_works(
    open_page: Open, models: dict[str, Model], staff_key: str
) -> None:
    visit = await open_page(None, key=staff_key)
    await visit.page.goto(visit.site.url + PATH)
    side = get_side(visit, "A")
    chosen = side.get_by_role("combobox", name="Assistant or provider")
    await chosen.select_option("provider:default")
    await expect(side.get_by_role("textbox", name="Instructions")).to_have_value("")
    await chosen.select_option("assistant:model")
    await expect(side.get_by_role("textbox", name="Instructions")).to_have_value("Be brief.")

    plain = await open_page(None, key=staff_key, java_script_enabled=False)
    await plain.page.goto(plain.site.url + PATH)
    for name, model in (("A", "oak"), ("B", "pine")):
        await get_side(plain, name).get_by_role("combobox", name="Model").fill(model)
    await plain.page.get_by_role("textbox", name="Question to both").fill(f"Hi {QUESTION}")
    await plain.button("Send to both").click()
    await models["oak"].finish("Of oak.")
    await models["pine"].finish("Of pine.")
    await expect(get_figure(side, "out")).to_have_text("9")
    await plain.page.reload()
    await expect(get_side(plain, "A")).to_contain_text("Of oak.")
    await expect(get_side(plain, "B")).to_contain_text("Of pine.")
    await plain.button("Start over").click()
    await expect(get_side(plain, "A")).not_to_contain_text("Of oak.")


async def test_both_sides_ask_for_a_tool_at_once_and_each_is_answered_by_itself(
    open_page: Open, monkeypatch: pytest.MonkeyPatch, staff_key: str
) -> None:
    async def play(exchange: Exchange) -> None:
        await exchange.start()
        if exchange.body["messages"][-1]["role"] == "tool":
            await exchange.say(exchange.body["messages"][-1]["content"])
            await exchange.finish()
            return
        order = {"oak": 1, "pine": 2}[exchange.body["model"]]
        await exchange.chunk(make_piece(0, id="c1", name="refund", arguments=write_arguments(order)))
        await exchange.finish("tool_calls")

    monkeypatch.setitem(FAULTS, "stage", Fault(name="stage", play=play))
    visit = await open_page(None, key=staff_key)
    await visit.page.goto(visit.site.url + PATH)
    sides = {"oak": get_side(visit, "A"), "pine": get_side(visit, "B")}
    for model, side in sides.items():
        await side.get_by_role("combobox", name="Assistant or provider").select_option("assistant:clerk")
        await side.get_by_role("combobox", name="Model").fill(model)
        await side.get_by_role("checkbox", name="With the tools of the assistant").check()
    await visit.page.get_by_role("textbox", name="Question to both").fill(f"Pay back. {QUESTION}")
    await visit.button("Send to both").click()
    for side in sides.values():
        await expect(side.get_by_role("button", name="Allow once")).to_be_visible()
    await visit.until_modules()

    await sides["pine"].get_by_role("button", name="Deny").click()
    await expect(sides["pine"]).to_contain_text("Denied")
    await expect(get_figure(sides["pine"], "out")).to_have_text("18")
    await sides["oak"].get_by_role("button", name="Allow once").click()
    await expect(get_figure(sides["oak"], "out")).to_have_text("18")

    await expect(sides["oak"]).to_contain_text("Allowed once")
    await expect(sides["pine"]).not_to_contain_text("Allowed once")
    await visit.button("Start over").click()
