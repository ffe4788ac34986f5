"""The icon beside a message: the assistant's, one of its own, or none; the first letter of another author."""

import re
from typing import Any

import pytest

import chatapp
from chatapp.events import Icon
from chatapp.models import Message
from chatapp.providers.scripted import gate
from chatapp.testing import Page
from tests.line import Line
from tests.runs.test_follower import open_tab, reload


class Trucker(chatapp.Assistant):
    """Has an icon of its own."""

    slug = "trucker"
    icon = "truck"

    async def respond(self, turn: chatapp.Turn) -> Any:
        yield "So far."
        async for item in turn.stream():
            yield item
        if turn.text in ("none", "default"):
            yield Icon("book")
        yield Icon({"none": False, "default": ""}.get(turn.text, turn.text))  # type: ignore[arg-type]  # names of icons
        yield " Done."


class Plain(chatapp.Assistant):
    """Has none."""

    slug = "plain"
    icon = False


def list_marks(page: Page) -> list[str]:
    """What stands beside each message: the name of an icon, a letter, "" for nothing, "-" for no place at all."""
    found = []
    for article in re.findall(r"<article .*?</article>", page.thread, re.DOTALL):
        mark = re.search(r'<span aria-hidden="true" class="chat-mark"[^>]*>(.*?)</span>', article, re.DOTALL)
        name = re.search(r"chat-icon-([\w-]+)", mark[1]) if mark else None
        found.append(name[1] if name else mark[1].strip() if mark else "-")
    return found


@pytest.mark.parametrize(("asked", "shown"), [("book", "book"), ("none", ""), ("default", "truck")])
async def test_an_icon_of_its_own_is_shown_live_and_after_a_reload(line: Line, asked: str, shown: str) -> None:
    line.declares(Trucker)
    line.says(gate("hold"))
    await line.post(asked)
    await line.provider.reached("hold")
    async with open_tab(line) as tab:
        page = await tab.until(lambda page: page.text == "So far.")
        assert list_marks(page) == ["-", "truck"]

        line.provider.release("hold")
        page = await tab.until(lambda page: page.state == "complete")

    assert list_marks(page) == ["-", shown]
    assert page.thread == (await reload(line)).thread


async def test_a_page_that_was_away_learns_of_the_icon(line: Line) -> None:
    line.declares(Trucker)
    line.says(gate("hold"))
    await line.post("book")
    await line.provider.reached("hold")
    async with open_tab(line) as tab:
        page = await tab.until(lambda page: page.text == "So far.")
    line.provider.release("hold")
    await line.ended()

    async with open_tab(line, page) as tab:
        page = await tab.until(lambda page: page.state == "complete")

    assert list_marks(page) == ["-", "book"]


async def test_an_assistant_without_an_icon_has_none_beside_its_messages(line: Line) -> None:
    line.declares(Plain)
    await line.answer()

    assert list_marks(await reload(line)) == ["-", ""]


async def test_what_code_says_may_have_an_icon_or_the_letter_of_its_author(line: Line) -> None:
    await line.answer()
    await chatapp.post(line.thread_id, "One.", icon="truck", author="Post office")
    await chatapp.post(line.thread_id, "Two.", author="post office")
    await chatapp.post(line.thread_id, "Three.", icon=False)
    await chatapp.post(line.thread_id, "Four.", author="<b>")

    page = await reload(line)

    assert list_marks(page) == ["-", "spark", "truck", "P", "", "<"]
    assert "post office said" in page.thread


async def test_what_a_person_says_has_no_icon(line: Line) -> None:
    await line.answer()
    with pytest.raises(ValueError, match="what a person says has no icon"):
        await chatapp.post(line.thread_id, "Hi", role="user", icon="truck")

    await chatapp.post(line.thread_id, "Hi", role="human", author="Ada")

    assert list_marks(await reload(line)) == ["-", "spark", "-"]


async def test_an_icon_that_nobody_knows_is_an_error_that_lists_those_that_there_are(line: Line) -> None:
    class Wrong(chatapp.Assistant):
        icon = "truk"

    with pytest.raises(ValueError, match=r"no icon 'truk' \(.*Wrong.icon\); there are archive, .*truck"):
        Wrong()
    with pytest.raises(ValueError, match="no icon 'truk'; there are archive"):
        Icon("truk")
    await line.answer()
    with pytest.raises(ValueError, match="no icon 'truk'"):
        await chatapp.post(line.thread_id, "Hi", icon="truk")


# ---- roles


async def test_a_system_message_is_stored_and_in_no_page(line: Line) -> None:
    await line.answer()

    await chatapp.post(line.thread_id, "The customer is a friend.", role="system")

    stored = await Message.objects.aget(role="system")
    assert stored.text == "The customer is a friend."
    assert "friend" not in (await reload(line)).thread
    await line.answer("Who am I?")
    said = line.provider.requests[-1].messages
    assert {"role": "system", "content": "The customer is a friend."} in said


@pytest.mark.parametrize(
    ("role", "stored"), [("assistant", "assistant"), ("ai", "assistant"), ("human", "user"), ("tool", "tool")]
)
async def test_roles_go_by_their_other_names_too(line: Line, role: str, stored: str) -> None:
    await line.answer()

    message = await chatapp.post(line.thread_id, "Said.", role=role)

    assert message.role == stored
    page = await reload(line)
    assert page.articles[-1].get("data-chat-role") == stored
    with pytest.raises(ValueError, match="role 'parrot' is not known"):
        await chatapp.post(line.thread_id, "Said.", role="parrot")
