"""However an answer ends, nothing of its course is left open: no empty bubble, no panel, no sign that more comes."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

import chatapp
from chatapp import actions
from chatapp.errors import ProviderError
from chatapp.providers.scripted import gate
from chatapp.testing import Page
from tests.line import Line

from .test_follower import open_tab, reload


def get_doing(page: Page) -> str:
    """The line under the last answer that says what is being done."""
    name = page.articles[-1].get("id")
    return "".join(page._by_id(f"{name}-status").itertext())


async def test_a_stop_before_anything_was_said_leaves_no_empty_bubble(line: Line) -> None:
    line.says(gate("hold"))
    await line.post()
    await line.provider.reached("hold")
    async with open_tab(line) as tab:
        await tab.until(lambda page: page.state == "streaming")

        await actions.stop(line.owner, line.thread_id)
        page = await tab.until(lambda page: page.state == "stopped")

        assert page.thread.count("data-chat-text") == 1  # of the question
        assert page.text == ""
        assert "You stopped this answer." in page.thread
        await tab.until(lambda page: "data-chat-send" in page.html_of("chat-action"))
    assert page.thread == (await reload(line)).thread
    assert await line.parts() == []


async def test_a_stop_in_mid_thought_leaves_the_panel_closed_and_the_box_free(line: Line) -> None:
    line.says(chatapp.ThinkingDelta("Let me see."), gate("hold"))
    await line.post()
    await line.provider.reached("hold")
    async with open_tab(line) as tab:
        await tab.until(lambda page: "Let me see." in page.thread)

        await actions.stop(line.owner, line.thread_id)
        page = await tab.until(lambda page: page.state == "stopped")
        await tab.until(lambda page: "data-chat-send" in page.html_of("chat-action"))

    (thinking,) = await line.parts()
    assert isinstance(thinking, chatapp.ThinkingPart)
    assert thinking.seconds is not None
    assert "<details" in page.thread
    assert " open=" not in page.thread
    assert page.thread == (await reload(line)).thread
    line.says("Well.")
    assert (await line.answer("And now?")).state == "complete"


async def test_what_comes_late_from_a_stopped_answer_is_never_in_the_next_one(line: Line) -> None:
    begun = asyncio.Event()

    async def stubborn(turn: chatapp.Turn) -> AsyncIterator[str]:
        if turn.text != "One?":
            yield "Second."
            return
        try:
            yield "First."
            begun.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            yield " Late."  # Nobody should; it is not to spoil what follows.

    line.declares(stubborn)
    await line.post("One?")
    await begun.wait()
    async with open_tab(line) as tab:
        await tab.until(lambda page: page.text == "First.")

        await actions.stop(line.owner, line.thread_id)
        await line.ended()
        await line.post("Two?")
        page = await tab.until(lambda page: page.state == "complete")

    assert page.texts[-2:] == ["Two?", "Second."]
    assert page.missed == []
    assert page.thread == (await reload(line)).thread


@pytest.mark.parametrize(
    "script",
    [
        [chatapp.Status("Busy")],
        [chatapp.Status("Busy"), "So far."],
        [chatapp.Status("Busy"), ProviderError("unreachable", "nobody there")],
        ["So far.", chatapp.Status("Busy"), ProviderError("cut_off", "in the middle")],
        [chatapp.Status("Busy"), chatapp.VisibleError("Closed on Mondays.")],
        [chatapp.Status("Busy"), RuntimeError("of nobody's business")],
        [chatapp.Status("Busy"), object()],
        [],
    ],
    ids=["nothing", "text", "refused", "cut off", "sentence", "bug", "unknown", "empty"],
)
async def test_the_sign_that_more_comes_goes_however_the_answer_ends(line: Line, script: list[Any]) -> None:
    go_on = asyncio.Event()

    async def says(turn: chatapp.Turn) -> AsyncIterator[Any]:
        for item in script:
            if isinstance(item, Exception):
                await go_on.wait()
                raise item
            yield item
        await go_on.wait()

    line.declares(says)
    await line.post()
    async with open_tab(line) as tab:
        await tab.until(lambda page: page.state in ("streaming", "failed"))
        go_on.set()
        page = await tab.until(lambda page: page.state in ("complete", "failed"))
        await tab.until(lambda page: "data-chat-send" in page.html_of("chat-action"))

    assert get_doing(page) == ""
    assert page.thread == (await reload(line)).thread
