"""What code does to the message box of pages that are open."""

import re
from typing import Any
from uuid import UUID

import pytest
from asgiref.sync import async_to_sync, sync_to_async

import chatapp
from chatapp.inputs import InputUpdate
from chatapp.models import Thread
from chatapp.testing import Page, ask
from tests.line import Line
from tests.runs.test_follower import open_tab


def read(page: Page) -> list[str]:
    """The changes that came to a page, without their scripts and ids."""
    html = page.html_of("chat-input")
    return [re.sub(r'data-chat-(input|module)="[^"]*" ?', "", item).strip() for item in re.findall("<i ([^>]*)>", html)]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"value": 'Say "hi"'}, 'data-value="Say "hi""'),
        ({"value": ""}, 'data-value=""'),
        ({"placeholder": "Ask away"}, 'data-placeholder="Ask away"'),
        ({"value": "Hi", "submit": True}, 'data-submit="" data-value="Hi"'),
        ({"value": "Hi", "focus": True}, 'data-focus="" data-value="Hi"'),
    ],
)
async def test_each_argument_changes_its_own_aspect_only(line: Line, given: dict[str, Any], said: str) -> None:
    await line.answer()
    async with open_tab(line) as tab:
        await tab.until(lambda page: page.state == "complete")

        await chatapp.update_input(line.thread_id, **given)

        await tab.until(lambda page: read(page))
    assert read(tab.page) == [said]


@pytest.mark.parametrize("name", ["submit", "focus"])
async def test_what_is_sent_or_gets_the_focus_needs_a_value(line: Line, name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}=True needs a value"):
        await chatapp.update_input(UUID(int=1), **{name: True})  # type: ignore[arg-type]
    assert InputUpdate(value="", submit=True, focus=True).value == ""
    with pytest.raises(Thread.DoesNotExist):
        await chatapp.update_input(UUID(int=1), "Hi")


async def test_an_assistant_changes_the_box_while_it_answers(line: Line) -> None:
    async def prefill(turn: chatapp.Turn) -> str:
        await turn.update_input("What next?", focus=True)
        return "Done."

    def prefill_in_a_thread(turn: chatapp.Turn) -> Any:
        async_to_sync(turn.update_input)(placeholder="And now?")
        yield "Done."

    line.declares(prefill, prefill_in_a_thread)
    async with open_tab(line) as tab:
        await line.answer()
        await tab.until(lambda page: read(page) == ['data-focus="" data-value="What next?"'])
    line.thread_id = UUID(int=5)
    async with open_tab(line) as tab:
        await line.answer(assistant="prefill-in-a-thread")
        await tab.until(lambda page: read(page) == ['data-placeholder="And now?"'])


async def test_who_tests_an_assistant_sees_what_it_did_to_the_box() -> None:
    async def prefill(turn: chatapp.Turn) -> str:
        await turn.update_input("What next?")
        return "Done."

    cls = type("Prefill", (chatapp.Assistant,), {"respond": staticmethod(prefill)})
    answer = await ask(cls, "Hi", person_says=())

    assert [update.value for update in answer.inputs] == ["What next?"]


async def test_code_that_is_not_async_has_a_twin_for_the_box(line: Line) -> None:
    await line.answer()
    async with open_tab(line) as tab:
        await tab.until(lambda page: page.state == "complete")

        await sync_to_async(chatapp.update_input_sync, thread_sensitive=False)(await line.thread(), "Hi")

        await tab.until(lambda page: read(page) == ['data-value="Hi"'])


async def test_only_the_owners_pages_hear_of_it(line: Line, stranger: Any) -> None:
    await line.answer()
    async with open_tab(line) as tab:
        heard: list[InputUpdate] = []
        tab.follower.person = str(stranger.pk)
        tab.follower.input_changed = heard.append  # type: ignore[assignment,method-assign]

        await chatapp.update_input(line.thread_id, "Hi")
        assert heard == []
        tab.follower.person = str(line.owner.pk)
        await chatapp.update_input(line.thread_id, "Hi")

    assert len(heard) == 1


def test_the_old_name_does_not_exist() -> None:
    named = [*chatapp.__all__, *dir(chatapp.Turn), *dir(chatapp.Assistant), *dir(chatapp)]

    assert "update_input" in named
    assert "set_user_message" not in named
