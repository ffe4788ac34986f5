"""The greeting of a thread: asked for, said, replaced, dismissed; and never a message."""

import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from asgiref.sync import sync_to_async
from django.db.models.functions import Now
from django.test import AsyncClient

import chatapp
from chatapp import opening, signals
from chatapp.errors import Refused
from chatapp.models import Message, Run, Thread
from chatapp.parts import TextPart
from chatapp.providers.scripted import gate
from chatapp.runs import greetings
from chatapp.runs.runner import get_runner
from chatapp.testing import Page
from tests.conftest import make_thread
from tests.line import Line

from .test_follower import open_tab


class Maker(chatapp.Assistant):
    """Has its model make the greeting."""

    instructions = "Be brief."

    def greeting(self, turn: chatapp.Turn) -> Any:
        return turn.stream("Greet the person.")


class Stayer(chatapp.Assistant):
    """Has a greeting that stays."""

    greeting = chatapp.Greeting("Hello.\n\nI stay.", dismissible=False)


async def load(line: Line, *, visit: bool = True, path: str = "") -> Page:
    """The page of the thread, loaded by its owner."""
    browser = AsyncClient()
    await browser.aforce_login(line.owner)
    if visit:
        browser.cookies["chat_visit"] = str(line.thread_id)
    response = await browser.get(path or f"/chat/{line.thread_id}/")
    assert response.status_code == 200
    return Page(response.content.decode())


def show(page: Page) -> str:
    """What stands above the messages, without the cards."""
    html = page.html_of("chat-greeting")
    return html[: html.find('<div id="chat-start"')]


def has(text: str) -> Any:
    """Whether a page shows this above its messages."""
    return lambda page: text in page.html_of("chat-greeting")


def has_not(text: str) -> Any:
    """Whether a page does not."""
    return lambda page: text not in page.html_of("chat-greeting")


async def greet(line: Line) -> bool:
    """What the page of the owner asks for."""
    return await opening.greet(line.owner, line.thread_id)


async def list_runs(line: Line) -> list[tuple[str, str]]:
    """Kind and state of each run of the thread, in order."""
    return [(run.kind, run.state) async for run in Run.objects.filter(thread=line.thread_id).order_by("started_at")]


async def test_a_greeting_that_the_model_makes_is_no_message_and_the_model_never_gets_it(line: Line) -> None:
    line.declares(Maker)
    provider = line.plays(["Hello, ", "Ann!"], ["Fine."])

    assert await greet(line)
    await line.ended()

    assert await list_runs(line) == [("greeting", "complete")]
    assert not await Message.objects.aexists()
    assert await chatapp.get_greeting(line.thread_id) == "Hello, Ann!"
    said = [(message["role"], message["content"]) for message in provider.requests[0].messages]
    assert said == [("system", "Be brief."), ("user", "Greet the person.")]
    await line.answer("How are you?")
    said = [(message["role"], message["content"]) for message in provider.requests[1].messages]
    assert said == [("system", "Be brief."), ("user", "How are you?")]


async def test_a_greeting_streams_into_all_open_pages_and_is_the_same_after_a_reload(line: Line) -> None:
    line.declares(Maker)
    line.says("Hello, ", gate("half"), "**Ann**!")
    async with open_tab(line) as tab, open_tab(line) as other:
        await greet(line)
        await line.provider.reached("half")
        await tab.until(has("Hello,"))
        await other.until(has("Hello,"))
        in_between = await load(line)
        line.provider.release("half")
        streamed = await tab.until(has("<strong>Ann</strong>"))
        await other.until(has("<strong>Ann</strong>"))
        await line.ended()
        async with open_tab(line, in_between) as late:
            await late.until(has("<strong>Ann</strong>"))

    reloaded = await load(line)
    assert show(streamed) == show(reloaded) == show(late.page)
    assert streamed.missed == []


async def test_a_page_asks_once_and_never_for_what_was_said_or_begun(line: Line) -> None:
    line.declares(Maker)
    line.says("Hello.")

    assert await greet(line)
    assert not await greet(line)
    await line.ended()
    assert not await greet(line)
    assert "data-chat-greet" not in (await load(line)).html_of("chat-greeting")
    assert len(await list_runs(line)) == 1


async def test_a_greeting_that_stands_there_makes_no_run_and_no_row(line: Line) -> None:
    line.declares(Stayer)

    assert not await greet(line)

    assert not await Thread.objects.aexists()


async def test_a_greeting_that_fails_has_an_end_and_keeps_what_was_said(line: Line) -> None:
    class Broken(chatapp.Assistant):
        async def greeting(self) -> AsyncIterator[str]:
            yield "Hello, "
            raise chatapp.VisibleError("I forgot your name.")

    line.declares(Broken)
    async with open_tab(line) as tab:
        await greet(line)
        await line.ended()
        page = await tab.until(has("I forgot your name."))

    assert await list_runs(line) == [("greeting", "failed")]
    assert "Hello," in page.html_of("chat-greeting")
    assert show(page) == show(await load(line))


async def test_who_writes_before_it_ends_stops_the_greeting_and_gets_an_answer(line: Line) -> None:
    line.declares(Maker)
    line.plays(["Hello, ", gate("half"), "Ann!"], ["Fine."])
    async with open_tab(line) as tab:
        await greet(line)
        await line.provider.reached("half")
        await tab.until(has("Hello,"))

        run = await line.answer("Hi")

        page = await tab.until(lambda page: page.texts == ["Hi", "Fine."] and page.state == "complete")
        await line.ended(2)
    assert run.state == "complete"
    assert await list_runs(line) == [("greeting", "stopped"), ("reply", "complete")]
    assert "Hello" not in page.html_of("chat-greeting")
    assert page.missed == []
    assert "Hello" not in (await load(line)).html_of("chat-greeting")


async def test_the_thread_of_a_greeting_is_in_no_list_before_its_first_message(line: Line) -> None:
    line.declares(Maker)
    line.plays(["Hello."], ["Fine."])
    await greet(line)
    await line.ended()

    assert str(line.thread_id) not in (await load(line, path="/chat/")).html_of("chat-threads")
    await line.answer("A question")
    assert "A question" in (await load(line, path="/chat/")).html_of("chat-threads")


async def test_a_greeting_that_goes_is_gone_from_the_page_after_the_first_message(line: Line) -> None:
    page = await load(line, path="/chat/")
    line.thread_id = get_thread_id(page)
    assert "What shall the model say?" in page.html_of("chat-greeting")
    async with open_tab(line, page) as tab:
        await line.answer()

        await tab.until(lambda page: page.state == "complete")

    assert page.html_of("chat-greeting") == '<div id="chat-greeting"></div>'
    assert (await load(line)).html_of("chat-greeting") == '<div id="chat-greeting"></div>'


async def test_a_greeting_that_stays_is_there_after_three_turns_and_a_reload_of_that_visit_only(line: Line) -> None:
    line.declares(Stayer)
    page = await load(line, path="/chat/")
    line.thread_id = get_thread_id(page)
    async with open_tab(line, page, visit="") as tab:
        for count in range(1, 4):
            await line.answer(f"Question {count}")
            await tab.until(lambda page, count=count: len(page.articles) == 2 * count and page.state == "complete")

    assert "I stay." in page.html_of("chat-greeting")
    assert page.html_of("chat-greeting") == (await load(line)).html_of("chat-greeting")
    assert (await load(line, visit=False)).html_of("chat-greeting") == '<div id="chat-greeting"></div>'


async def test_a_visit_ends_when_another_conversation_is_opened(line: Line) -> None:
    line.declares(Stayer)
    other = await sync_to_async(make_thread)(line.owner, ("Hi", "Hello."))
    browser = AsyncClient()
    await browser.aforce_login(line.owner)
    page = Page((await browser.get("/chat/")).content.decode())
    line.thread_id = get_thread_id(page)
    await line.answer()

    async def is_greeted(thread_id: UUID) -> bool:
        return b"I stay." in (await browser.get(f"/chat/{thread_id}/")).content

    assert await is_greeted(line.thread_id)
    assert not await is_greeted(other.pk)
    assert not await is_greeted(line.thread_id)


@pytest.fixture
def dismissed() -> Any:
    """Each time at which a greeting was dismissed."""
    times: list[datetime] = []

    def note(sender: Any, thread_id: UUID, dismissed_at: datetime, **kwargs: Any) -> None:
        times.append(dismissed_at)

    signals.greeting_dismissed.connect(note)
    yield times
    signals.greeting_dismissed.disconnect(note)


async def test_a_greeting_is_dismissed_once_and_the_site_hears_when(line: Line, dismissed: list[datetime]) -> None:
    await line.answer()
    await line.answer()
    await chatapp.clear_messages(line.thread_id)
    await line.answer()

    assert dismissed == [(await line.thread()).greeting_dismissed_at]
    assert dismissed[0].tzinfo is not None


async def test_what_stays_is_not_dismissed(line: Line, dismissed: list[datetime]) -> None:
    line.declares(Stayer)

    await line.answer()

    assert dismissed == []


@pytest.mark.parametrize(
    ("before", "act", "shown"),
    [
        ("unset", "set", "Set"),
        ("unset", "none", ""),
        ("unset", "clear", ""),
        ("unset", "new", "wanted"),
        ("visible", "set", "Set"),
        ("visible", "none", ""),
        ("visible", "clear", "Made"),
        ("visible", "new", "wanted"),
        ("dismissed", "set", ""),
        ("dismissed", "none", ""),
        ("dismissed", "clear", ""),
        ("dismissed", "new", "wanted"),
    ],
)
async def test_what_becomes_of_each_greeting(line: Line, before: str, act: str, shown: str) -> None:
    line.declares(Maker)
    line.plays(["Made"], ["Fine."], ["Fine."])
    await sync_to_async(make_thread)(line.owner, id=line.thread_id, assistant="maker")
    if before != "unset":
        await greet(line)
        await line.ended()
    if before == "dismissed":
        await line.answer()
    async with open_tab(line, await load(line), visit="") as tab:
        await tab.receive()

        if act in ("clear", "new"):
            await chatapp.clear_messages(line.thread_id, greeting=act == "new")
        else:
            await chatapp.set_greeting(line.thread_id, "Set\n\nanew" if act == "set" else None)
        reloaded = await load(line)
        await tab.until(lambda page: show(page) == show(reloaded))
    html = reloaded.html_of("chat-greeting")
    assert [word for word in ("Made", "Set") if word in html] == ([shown] if shown in ("Made", "Set") else [])
    assert ("data-chat-greet" in html) == (shown == "wanted")


async def test_what_was_dismissed_stays_out_of_sight_with_its_new_text(line: Line) -> None:
    await line.answer()

    await chatapp.set_greeting(line.thread_id, "Set")

    assert await chatapp.get_greeting(line.thread_id) == "## Set"
    assert "Set" not in (await load(line)).html_of("chat-greeting")


async def test_clearing_with_the_greeting_has_a_second_one_made(line: Line) -> None:
    line.declares(Maker)
    line.plays(["First."], ["Fine."], ["Second."])
    await greet(line)
    await line.ended()
    await line.answer()
    async with open_tab(line) as tab:
        await tab.until(lambda page: page.state == "complete")

        await chatapp.clear_messages(line.thread_id, greeting=True)

        await tab.until(has("data-chat-greet"))
        assert tab.page.articles == []
        assert await greet(line)
        page = await tab.until(has("Second."))
        await line.ended(3)
    assert "First." not in page.html_of("chat-greeting")
    assert await list_runs(line) == [("greeting", "complete"), ("greeting", "complete")]


async def test_clearing_stops_the_answer_that_is_under_way_and_the_thread_goes_on(line: Line) -> None:
    line.plays(["So far.", gate("end")], ["Again."])
    await line.post()
    await line.provider.reached("end")
    async with open_tab(line) as tab:
        await tab.until(lambda page: page.text == "So far.")

        await chatapp.clear_messages(line.thread_id)
        await line.ended()

        await tab.until(lambda page: page.articles == [])
        assert (await line.answer("Once more")).state == "complete"
        await tab.until(lambda page: page.texts == ["Once more", "Again."])
    assert await Message.objects.filter(thread=line.thread_id).acount() == 2


async def test_a_greeting_that_is_replaced_while_it_is_said_says_no_more(line: Line) -> None:
    line.declares(Maker)
    line.says("Hello, ", gate("half"), "Ann!")
    async with open_tab(line) as tab:
        await greet(line)
        await line.provider.reached("half")
        await tab.until(has("Hello,"))

        await chatapp.set_greeting(line.thread_id, "Closed\n\ntoday")
        await line.ended()

        await tab.until(has("today"))
        await get_runner().checkpoint()
    assert await chatapp.get_greeting(line.thread_id) == "Closed\n\ntoday"
    assert "Hello" not in tab.page.html_of("chat-greeting")
    assert show(tab.page) == show(await load(line))


async def test_code_that_is_not_async_has_twins(line: Line) -> None:
    await line.answer()

    await sync_to_async(chatapp.set_greeting_sync, thread_sensitive=False)(line.thread_id, "Set")
    read = await sync_to_async(chatapp.get_greeting_sync, thread_sensitive=False)(await line.thread())
    await sync_to_async(chatapp.clear_messages_sync, thread_sensitive=False)(line.thread_id)

    assert read == "## Set"
    assert not await Message.objects.aexists()


async def test_what_cannot_be_set_is_refused_and_changes_nothing(line: Line) -> None:
    await line.answer()

    with pytest.raises(TypeError, match=r"set_greeting\(\) takes what is shown, no function"):
        await chatapp.set_greeting(line.thread_id, lambda: "Hello")
    with pytest.raises(ValueError, match="can be said only once"):
        await chatapp.set_greeting(line.thread_id, iter("Hello"))
    with pytest.raises(Thread.DoesNotExist):
        await chatapp.clear_messages(UUID(int=1))


async def test_a_function_may_say_that_its_greeting_stays(line: Line) -> None:
    class Guest(chatapp.Assistant):
        def greeting(self, user: Any) -> chatapp.Greeting:
            return chatapp.Greeting(f"Hello, {user.username}.\n\nI stay.", dismissible=False)

    line.declares(Guest)
    await greet(line)
    await line.ended()
    await line.answer()

    assert "I stay." in (await load(line)).html_of("chat-greeting")


async def test_a_greeting_cannot_ask_anything(line: Line) -> None:
    class Curious(chatapp.Assistant):
        async def greeting(self, turn: chatapp.Turn) -> str:
            return await turn.ask("Who are you?")

    line.declares(Curious)
    await greet(line)
    await line.ended()

    run = await Run.objects.aget()
    assert (run.state, "a greeting cannot ask" in run.error) == ("failed", True)


async def test_too_many_greetings_in_a_minute_are_refused(line: Line) -> None:
    line.declares(Maker)
    line.sets(MESSAGES_PER_MINUTE=1)
    line.says("Hello.")
    await greet(line)
    await line.ended()

    with pytest.raises(Refused) as refused:
        await opening.greet(line.owner, UUID(int=7))

    assert refused.value.status == 429
    assert not await Thread.objects.filter(pk=UUID(int=7)).aexists()


async def test_a_greeting_to_which_nobody_ever_wrote_is_purged_after_a_day(line: Line) -> None:
    line.declares(Maker)
    line.plays(["Hello."], ["Hello."])
    await greet(line)
    await line.ended()
    await opening.greet(line.owner, UUID(int=7))
    await line.ended(2)
    await Thread.objects.filter(pk=line.thread_id).aupdate(updated_at=Now() - timedelta(days=2))

    assert await sync_to_async(greetings.purge)() == 1

    assert [thread.pk async for thread in Thread.objects.all()] == [UUID(int=7)]


class Starter(chatapp.Assistant):
    """Begins with messages."""

    startup_messages = ("Welcome **aboard**.", TextPart(text="Ask me."))


async def test_startup_messages_are_shown_once_and_the_model_never_gets_them(line: Line) -> None:
    line.declares(Starter)
    provider = line.plays(["Fine."], ["Good."])
    page = await load(line, path="/chat/")
    line.thread_id = get_thread_id(page)
    assert page.texts == ["Welcome aboard.", "Ask me."]
    async with open_tab(line, page) as tab:
        await line.answer()
        await tab.until(lambda page: page.texts == ["Welcome aboard.", "Ask me.", "Hi", "Fine."])
    async with open_tab(line, tab.page) as again:
        await line.answer("And?")
        await again.until(lambda page: page.texts[-2:] == ["And?", "Good."] and page.state == "complete")

    reloaded = await load(line)
    assert reloaded.texts == again.page.texts == ["Welcome aboard.", "Ask me.", "Hi", "Fine.", "And?", "Good."]
    assert [message["content"] for message in provider.requests[-1].messages] == ["Hi", "Fine.", "And?"]
    await chatapp.clear_messages(line.thread_id, greeting=True)
    assert (await load(line)).texts == ["Welcome aboard.", "Ask me."]


def get_thread_id(page: Page) -> UUID:
    """The thread that a page has chosen."""
    found = re.search(r'data-chat-thread="([^"]+)"', page.html_of("chat"))
    assert found
    return UUID(found[1])


async def test_without_a_greeting_an_empty_chat_says_how_it_begins(line: Line) -> None:
    class Quiet(chatapp.Assistant):
        greeting = ""

    line.declares(Quiet)
    page = await load(line, path="/chat/")
    assert "Start a conversation" in page.html_of("chat-greeting")
    line.thread_id = get_thread_id(page)
    async with open_tab(line, page) as tab:
        await line.answer()
        await tab.until(lambda page: page.state == "complete")

    assert "Start a conversation" not in page.html_of("chat-greeting")
    assert "Start a conversation" not in (await load(line)).html_of("chat-greeting")
