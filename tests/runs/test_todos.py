"""The plan above the composer: one truth in the database, the same in all open pages."""

import re
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.db import OperationalError
from django.test import AsyncClient

import chatapp
from chatapp import tidying
from chatapp.errors import Refused
from chatapp.models import Message, Thread
from chatapp.models.calls import in_database
from chatapp.providers.scripted import gate
from chatapp.runs import todos
from chatapp.runs.hub import get_hub
from chatapp.testing import Page
from tests.line import Line

from .test_follower import Tab, open_tab

ONE = {"id": 1, "title": "Check the window", "status": "in-progress"}
DONE = {"id": 1, "title": "Check the window", "status": "completed"}
TWO = {"id": "b", "title": "Book & pay", "status": "not-started"}


@pytest_asyncio.fixture
async def browser(line: Line) -> AsyncClient:
    """A browser in which the owner is signed in."""
    browser = AsyncClient()
    await browser.aforce_login(line.owner)
    return browser


async def load(browser: AsyncClient, line: Line) -> Page:
    """The page after a reload."""
    return Page((await browser.get(f"/chat/{line.thread_id}/")).content.decode())


def read(page: Page) -> str:
    """What the plan says."""
    return " ".join(re.sub(r"<[^>]*>", " ", page.html_of("chat-todos")).split())


async def until_plan(tab: Tab, *words: str) -> str:
    """Wait until the plan has these words in it."""
    return read(await tab.until(lambda page: all(word in read(page) for word in words)))


async def test_a_plan_appears_is_replaced_and_survives_a_reload_in_all_tabs(line: Line, browser: AsyncClient) -> None:
    line.says(
        chatapp.TodoUpdate([ONE, TWO]), gate("first"), chatapp.TodoUpdate([DONE, {**TWO, "status": "in-progress"}]),
        gate("second"), "Booked.",
    )  # fmt: skip
    await line.post("Book it")
    async with open_tab(line) as tab, open_tab(line) as other:
        assert "Working 0 of 2" in await until_plan(tab, "Check the window", "Book & pay")
        assert read(await load(browser, line)) == read(tab.page)

        line.provider.release("first")
        await until_plan(tab, "1 of 2", "50 %")
        await until_plan(other, "1 of 2", "50 %")
        reloaded = (await load(browser, line)).html_of("chat-todos").replace(' class="chat-todos"', "", 1)
        assert reloaded == tab.page.html_of("chat-todos")

        line.provider.release("second")
        await tab.until(lambda page: page.state == "complete")

    assert [part.kind for part in await line.parts()] == ["text"]
    assert read(tab.page) == read(await load(browser, line))


async def test_the_model_never_gets_the_plan(line: Line) -> None:
    line.says(chatapp.TodoUpdate([ONE]), "Yes.")
    await line.answer("First")
    await line.answer("Second")

    assert "Check the window" not in str([request.messages for request in line.provider.requests])


@pytest.mark.parametrize("is_partial", [True, False])
async def test_who_clears_the_plan_clears_it_in_all_tabs(line: Line, browser: AsyncClient, is_partial: bool) -> None:
    line.says(chatapp.TodoUpdate([ONE, TWO]), gate("hold"), "Done.")
    await line.post()
    async with open_tab(line) as tab, open_tab(line) as other:
        await until_plan(tab, "0 of 2")
        await until_plan(other, "0 of 2")

        headers = {"HX-Request": "true"} if is_partial else {}
        response = await browser.post(f"/chat/{line.thread_id}/todos/clear/", headers=headers)

        assert response.status_code == (204 if is_partial else 303)
        for page in (tab, other):
            await page.until(lambda shown: read(shown) == "")
        assert tab.page.state == "streaming"
    assert read(await load(browser, line)) == ""


async def test_a_page_that_was_away_while_the_plan_was_cleared_hears_of_it(line: Line) -> None:
    line.says(chatapp.TodoUpdate([ONE]), "Done.")
    await line.answer()
    async with open_tab(line) as tab:
        await until_plan(tab, "Check the window")
    await tidying.clear_todos(line.owner, line.thread_id)

    async with open_tab(line, tab.page) as back:
        page = await back.until(lambda page: read(page) == "")

    assert page.missed == []


async def test_a_hint_about_the_plan_that_got_lost_is_found_by_looking(line: Line) -> None:
    await line.answer()
    async with open_tab(line) as tab:
        await tab.until(lambda page: page.state == "complete")
        await Thread.objects.filter(pk=line.thread_id).aupdate(todos=[ONE])

        await get_hub().look()

        await until_plan(tab, "Check the window")


async def test_a_stranger_clears_nothing(line: Line, stranger: Any) -> None:
    line.says(chatapp.TodoUpdate([ONE]), "Done.")
    await line.answer()

    with pytest.raises(Refused, match="There is no such conversation"):
        await tidying.clear_todos(stranger, line.thread_id)

    assert (await line.thread()).todos == [ONE]


async def test_a_plan_of_which_all_is_done_goes_with_the_next_question_and_no_other_does(line: Line) -> None:
    scripts: list[Any] = [[chatapp.TodoUpdate([ONE])], [chatapp.TodoUpdate([DONE])], [gate("hold")]]
    line.plays(*scripts)

    await line.answer()
    await line.answer()
    assert (await line.thread()).todos == [DONE]
    await line.post()

    assert (await line.thread()).todos == []


async def test_a_plan_that_goes_on_is_there_at_the_next_question(line: Line) -> None:
    scripts: list[Any] = [[chatapp.TodoUpdate([ONE])], [gate("hold")]]
    line.plays(*scripts)
    await line.answer()

    await line.post()

    assert (await line.thread()).todos == [ONE]


async def test_an_answer_that_was_stopped_changes_the_plan_no_more(line: Line) -> None:
    line.says(chatapp.TodoUpdate([ONE]), gate("hold"), chatapp.TodoUpdate([DONE]), gate("after"))
    posted = await line.post()
    await line.provider.reached("hold")
    await line.change(posted.run_id, state="stopped")

    line.provider.release("hold")
    await line.provider.reached("after")

    assert (await line.thread()).todos == [ONE]


async def test_a_plan_that_cannot_be_stored_does_not_end_the_answer(
    line: Line, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    @in_database
    def fail(*args: Any, **kwargs: Any) -> bool:
        raise OperationalError("away")

    monkeypatch.setattr(todos, "_store", fail)
    line.says(chatapp.TodoUpdate([ONE]), "Done.")

    run = await line.answer()

    assert run.state == "complete"
    assert "could not be stored" in caplog.text


async def test_a_view_or_a_task_may_show_a_plan(line: Line) -> None:
    await line.answer()
    async with open_tab(line) as tab:
        await todos.update_todos(line.thread_id, [ONE, chatapp.TodoItem(id=2, title="From a task")])
        await until_plan(tab, "From a task")
        await todos.update_todos(await line.thread(), [])
        await tab.until(lambda page: read(page) == "")

    with pytest.raises(ValueError, match="must be a list"):
        await todos.update_todos(line.thread_id, "One")  # type: ignore[arg-type]  # the mistake


# ---- what else is only said while it lasts


async def test_a_status_is_not_there_after_the_end_nor_after_a_reload(line: Line, browser: AsyncClient) -> None:
    line.says("Wait. ", chatapp.Status("Looking"), gate("hold"))
    await line.post()
    async with open_tab(line) as tab:
        await tab.until(lambda page: "Looking" in page.thread)
        line.provider.release("hold")
        page = await tab.until(lambda page: page.state == "complete")

    assert "Looking" not in page.thread
    assert "Looking" not in (await load(browser, line)).thread
    assert (await line.parts()) == [chatapp.TextPart(text="Wait. ")]


async def test_a_tool_whose_process_died_is_not_finished_and_does_not_run(line: Line, browser: AsyncClient) -> None:
    line.says(chatapp.ToolCall(tool_id="a", name="search"), gate("hold"))
    posted = await line.post()
    await line.provider.reached("hold")
    run = await line.run(posted.run_id)
    parts = [chatapp.ToolCallPart(tool_id="a", name="search").dump()]
    await Message.objects.filter(run=run).aupdate(parts=parts)
    await line.change(run, state="interrupted", finished_at=run.started_at + timedelta(seconds=1))

    page = await load(browser, line)

    assert "not finished" in page.thread
    assert "chat-spinner" not in page.thread


async def test_code_elsewhere_shows_a_plan_and_takes_it_away(line: Line, browser: AsyncClient) -> None:
    await line.answer()
    async with open_tab(line) as tab:
        await chatapp.update_todos(line.thread_id, [ONE, TWO])
        assert "Working 0 of 2" in await until_plan(tab, "Check the window", "Book & pay")
        assert "Book & pay" in read(await load(browser, line))

        await sync_to_async(chatapp.update_todos_sync)(await line.thread(), [DONE])
        await until_plan(tab, "All done")

        await chatapp.clear_todos(line.thread_id)
        await tab.until(lambda page: read(page) == "")
        await sync_to_async(chatapp.clear_todos_sync)(line.thread_id)
    with pytest.raises(ValueError, match="todos must be a list"):
        await chatapp.update_todos(line.thread_id, "none")  # type: ignore[arg-type]  # what is tested
