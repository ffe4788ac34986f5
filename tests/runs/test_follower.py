"""One reader of a thread: from whatever its page shows to what is so, and kept so."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from unittest import mock
from uuid import UUID

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError
from django.db.models.functions import Now

from chatapp import actions, tidying
from chatapp.models import Run, Thread
from chatapp.policy import Policy
from chatapp.providers.scripted import PATIENCE_SECONDS, gate
from chatapp.rendering import fragments, renderer
from chatapp.runs import hub as hub_module
from chatapp.runs import transcript
from chatapp.runs.feed import Feed
from chatapp.runs.follower import Follower, Frame, Gone
from chatapp.runs.hub import Hub, get_hub
from chatapp.testing import Page
from tests.conftest import make_thread
from tests.line import Line


class Tab:
    """A page that follows a thread."""

    def __init__(self, follower: Follower, frames: Any, page: Page | None = None) -> None:
        self.follower = follower
        self.page = page or Page()
        self.frames: list[Frame] = []
        self._frames = frames

    async def receive(self) -> Frame:
        """The next frame, applied to the page."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            frame: Frame = await anext(self._frames)
        self.frames.append(frame)
        self.page.apply(frame.html)
        return frame

    async def until(self, is_so: Any) -> Page:
        """Receive frames until this is so."""
        while not is_so(self.page):
            await self.receive()
        return self.page


@asynccontextmanager
async def open_tab(
    line: Line, page: Page | None = None, *, hub: Hub | None = None, visit: str | None = None
) -> AsyncIterator[Tab]:
    """A tab of the owner that shows this page (an empty one) and says so."""
    hub = hub or get_hub()
    is_new = page is not None and not await Thread.objects.filter(pk=line.thread_id).aexists()
    follower = Follower(hub, user=line.owner, thread_id=line.thread_id, is_new=is_new, visit=visit)
    await hub.join(follower)
    frames = follower.frames()
    tab = Tab(follower, frames, page)
    cursors = {UUID(run): seq for run, seq in tab.page.cursors.items()}
    follower.resume(cursors, UUID(tab.page.last) if tab.page.last else None)
    try:
        yield tab
    finally:
        await frames.aclose()
        await hub.leave(follower)


@sync_to_async
def reload(line: Line) -> Page:
    """A fresh page of the thread."""
    thread = Thread.objects.get(pk=line.thread_id)
    views = transcript.load_views(thread, transcript.get_path(thread), user=line.owner)
    html = renderer.render_messages(views, thread_id=thread.pk)
    return Page(
        f'<div id="chat-thread">{html}</div><div id="chat-threads"></div>'
        f'<div id="chat-undo"></div><h1 id="chat-title">{thread.title}</h1>'
        '<div id="chat-todos"></div><i id="chat-cursor"></i><span id="chat-action"></span><div id="chat-notice"></div>'
    )


@sync_to_async
def store_live_run(line: Line, hub: str, *exchanges: tuple[str, str]) -> Run:
    """A thread whose last answer is under way in the process with this mailbox."""
    thread = make_thread(line.owner, *(exchanges or (("Hi", ""),)), state="running", id=line.thread_id)
    Run.objects.filter(thread=thread, state="running").update(hub=hub)
    return Run.objects.get(thread=thread, state="running")


async def test_a_page_that_lost_the_second_half_of_a_step_does_not_get_the_first_half_twice(line: Line) -> None:
    hub = get_hub()
    run = await store_live_run(line, hub.mailbox)
    feed = hub.feeds[run.pk] = Feed(run.pk)
    parts, part = f"m-{run.reply_id}-parts", f"m-{run.reply_id}-0"
    feed.add(1, [fragments.fill(parts, "")], is_snapshot=True)
    async with open_tab(line) as tab:
        page = await tab.until(lambda page: page.cursors == {str(run.pk): 1})
    feed.add(2, [fragments.append(parts, f'<div id="{part}"><p id="{part}-done"></p></div>')])
    feed.add(3, [fragments.append(f"{part}-done", "<b>Bern</b>")])

    async with open_tab(line, page) as tab:
        await tab.until(lambda page: part in page.thread)
    async with open_tab(line, page) as tab:
        await tab.until(lambda page: "Bern" in page.thread)

    assert page.thread.count("Bern") == 1
    assert page.thread.count(f'id="{part}"') == 1
    assert page.cursors == {str(run.pk): 3}


async def test_who_asks_for_everything_in_mid_answer_gets_what_is_being_said_into_its_message(line: Line) -> None:
    line.says("One.\n\nTwo", gate("hold"), " and three.")
    await line.post()
    async with open_tab(line) as tab:
        await tab.until(lambda page: "Two" in page.text)

        tab.follower.resume({}, None)
        await tab.receive()
        line.provider.release("hold")
        page = await tab.until(lambda page: page.state == "complete")

    assert page.missed == []
    assert page.thread == (await reload(line)).thread


# ---- from nothing to everything


async def test_a_new_chat_gets_nothing_until_somebody_writes(line: Line) -> None:
    async with open_tab(line) as tab:
        tab.follower.notify("<p>Hi</p>")  # Comes first if there is anything at all.
        assert "Hi" in (await tab.receive()).html

        await line.post("Where?")
        page = await tab.until(lambda page: page.state == "complete")

    assert page.texts == ["Where?", "Hello."]
    assert page.missed == []


async def test_an_empty_page_of_an_old_thread_gets_its_newest_messages(line: Line) -> None:
    line.sets(PAGE_MESSAGES=2)
    await line.answer("One?")
    await line.answer("Two?")

    async with open_tab(line) as tab:
        page = await tab.until(lambda page: len(page.articles) == 2)

    assert page.texts == ["Two?", "Hello."]
    assert "Show earlier messages" in page.thread


async def test_a_page_that_has_everything_gets_no_messages_again(line: Line) -> None:
    await line.answer()

    async with open_tab(line, await reload(line)) as tab:
        frame = await tab.receive()

    assert "<article" not in frame.html
    assert tab.page.thread == (await reload(line)).thread


async def test_a_reloaded_page_goes_on_where_the_answer_is(line: Line) -> None:
    line.says("One.\n\nTwo.\n\n", gate("hold"), "Three.")
    await line.post()
    await line.provider.reached("hold")

    async with open_tab(line, await reload(line)) as tab:
        await tab.until(lambda page: "Two." in page.text)
        line.provider.release("hold")
        page = await tab.until(lambda page: page.state == "complete")

    assert page.text == "One.Two.Three."
    assert page.thread == (await reload(line)).thread


async def test_a_page_that_comes_back_gets_what_it_missed(line: Line) -> None:
    line.says("One.\n\nTwo.\n\n", gate("first"), "Three.\n\nFour.\n\n", gate("second"), "Five.")
    await line.post()
    await line.provider.reached("first")
    async with open_tab(line) as tab:
        page = await tab.until(lambda page: "Two." in page.text)
    line.provider.release("first")
    await line.provider.reached("second")

    async with open_tab(line, page) as tab:
        await tab.until(lambda page: "Four." in page.text)
        assert "One." not in "".join(frame.html for frame in tab.frames)
        line.provider.release("second")
        await tab.until(lambda page: page.state == "complete")

    assert page.thread == (await reload(line)).thread


async def test_a_page_that_comes_back_after_the_end_gets_the_whole_message(line: Line) -> None:
    line.says("One.\n\nTwo.\n\n", gate("hold"), "Three.")
    await line.post()
    await line.provider.reached("hold")
    async with open_tab(line) as tab:
        page = await tab.until(lambda page: "Two." in page.text)
    line.provider.release("hold")
    await line.ended()

    async with open_tab(line, page) as tab:
        await tab.until(lambda page: page.state == "complete")

    assert page.thread == (await reload(line)).thread
    assert page.cursors == {}


async def test_a_page_that_was_cut_off_right_after_the_question_learns_the_end(line: Line) -> None:
    line.says(gate("hold"), "Done.")
    await line.post()
    async with open_tab(line) as tab:
        page = await tab.until(lambda page: len(page.articles) == 2)
    line.provider.release("hold")
    await line.ended()

    async with open_tab(line, page) as tab:
        await tab.until(lambda page: page.state == "complete")

    assert page.thread == (await reload(line)).thread


async def test_trying_again_takes_the_old_answer_out(line: Line) -> None:
    line.plays(["First."], ["Second."])
    await line.answer()
    page = await reload(line)

    async with open_tab(line, page) as tab:
        await actions.retry(line.owner, line.thread_id)
        await tab.until(lambda page: page.text == "Second." and page.state == "complete")

    assert page.texts == ["Hi", "Second."]
    assert page.missed == []


# ---- what stands around the messages


async def test_send_becomes_stop_and_send_again(line: Line) -> None:
    line.says("Hi", gate("hold"))
    async with open_tab(line) as tab:
        await line.post()
        await tab.until(lambda page: "Stop answering" in page.html_of("chat-action"))
        line.provider.release("hold")
        await tab.until(lambda page: "Send message" in page.html_of("chat-action"))


async def test_the_title_and_the_list_follow(line: Line) -> None:
    await line.answer("Where is my parcel?")
    async with open_tab(line) as tab:
        await tab.until(lambda page: "Where is my parcel?" in page.html_of("chat-title"))

        await tidying.rename(line.owner, line.thread_id, "<b>Parcels</b>")
        await tab.until(lambda page: "Parcels" in page.html_of("chat-threads"))

    assert "&lt;b&gt;Parcels&lt;/b&gt;" in "".join(frame.html for frame in tab.frames)
    assert "<b>Parcels" not in "".join(frame.html for frame in tab.frames)


async def test_a_notice_reaches_its_page_only(line: Line) -> None:
    await line.answer()
    async with open_tab(line) as one, open_tab(line) as two:
        await one.until(lambda page: page.articles)
        await two.until(lambda page: page.articles)

        one.follower.notify(renderer.render_notice("Too long."))
        await one.until(lambda page: page.notices)
        await tidying.rename(line.owner, line.thread_id, "Next")
        await two.until(lambda page: "Next" in page.html_of("chat-title"))

    assert one.page.notices == ["Too long."]
    assert two.page.notices == []


async def test_a_thread_that_is_deleted_ends_its_pages(line: Line) -> None:
    await line.answer()
    async with open_tab(line) as tab:
        await tab.until(lambda page: page.articles)
        await tidying.delete(line.owner, line.thread_id)

        with pytest.raises(Gone):
            await tab.until(lambda page: False)


async def test_a_thread_of_somebody_else_is_never_shown(line: Line, stranger: Any) -> None:
    await line.answer("My secret")
    follower = Follower(get_hub(), user=stranger, thread_id=line.thread_id)
    follower.notify("<p>first</p>")
    follower.resume({}, None)
    frames = follower.frames()

    frame = await anext(frames)
    follower.notify("<p>second</p>")
    frame_after = await anext(frames)
    await frames.aclose()

    assert "secret" not in frame.html + frame_after.html
    assert "second" in frame_after.html


async def test_who_signs_out_or_is_sent_away_is_told(line: Line) -> None:
    follower = Follower(get_hub(), user=line.owner, thread_id=line.thread_id)
    follower.person_changed("unheard")
    follower.send_away()
    heard: list[str] = []
    follower.on_sign_out = heard.append
    follower.on_drain = lambda: heard.append("away")

    follower.person_changed("session-key")
    follower.send_away()

    assert heard == ["session-key", "away"]


# ---- what goes wrong


async def test_a_run_whose_process_is_gone_shows_what_is_stored_until_the_lease_ends(line: Line) -> None:
    run = await store_live_run(line, "", ("Hi", "So far"))
    async with open_tab(line) as tab:
        page = await tab.until(lambda page: "Stop answering" in page.html_of("chat-action"))
        assert (page.text, page.state) == ("So far", "streaming")

        await line.change(run, heartbeat_at=Now() - timedelta(minutes=1))
        await get_hub().look()
        await tab.until(lambda page: page.state == "interrupted")

    assert page.thread == (await reload(line)).thread


async def test_without_a_layer_a_run_of_another_process_shows_what_is_stored(line: Line) -> None:
    await store_live_run(line, "specific.other", ("Hi", "So far"))
    with mock.patch.object(hub_module, "get_channel_layer", return_value=None):
        hub = Hub()
        async with open_tab(line, hub=hub) as tab:
            page = await tab.until(lambda page: "Stop answering" in page.html_of("chat-action"))
        await hub.close()

    assert (page.text, page.state) == ("So far", "streaming")


async def test_a_database_that_fails_for_a_moment_is_asked_again(line: Line, caplog: pytest.LogCaptureFixture) -> None:
    line.sets(WATCH_SECONDS=0.01, POLICY=f"{__name__}.Moody")
    Moody.failures = 1
    await line.answer()
    Moody.failures = 1

    async with open_tab(line) as tab:
        await tab.until(lambda page: page.texts == ["Hi", "Hello."])

    assert "could not look at thread" in caplog.text


class Moody(Policy):
    """Cannot reach the database now and then."""

    failures = 0

    def get_thread(self, user: Any, thread_id: UUID, *related: str) -> Thread | None:
        if Moody.failures:
            Moody.failures -= 1
            raise OperationalError("the database is away")
        return super().get_thread(user, thread_id, *related)


class Slow(Policy):
    """Takes its time, until it is let go."""

    asked = threading.Event()
    may_go_on = threading.Event()

    def get_thread(self, user: Any, thread_id: UUID, *related: str) -> Thread | None:
        found = super().get_thread(user, thread_id)
        Slow.asked.set()
        assert Slow.may_go_on.wait(PATIENCE_SECONDS)
        return found


async def test_what_a_page_says_while_we_look_is_not_forgotten(line: Line) -> None:
    await line.answer()
    line.sets(POLICY=f"{__name__}.Slow")
    Slow.asked.clear()
    Slow.may_go_on.clear()
    async with open_tab(line, await reload(line)) as tab:
        coming = asyncio.ensure_future(tab.receive())
        assert await asyncio.to_thread(Slow.asked.wait, PATIENCE_SECONDS)
        tab.follower.resume({}, None)  # The page was emptied and comes back.
        Slow.may_go_on.set()
        frame = await coming

    assert frame.html.count("<article") == 2


async def test_a_follower_that_is_closed_reads_no_feed(line: Line) -> None:
    line.says("Hi", gate("hold"))
    posted = await line.post()
    await line.provider.reached("hold")
    assert posted.run_id is not None
    feed = get_hub().feeds[posted.run_id]

    async with open_tab(line) as tab:
        await tab.until(lambda page: "Hi" in page.text)
        assert feed.has_readers

    assert not feed.has_readers


async def test_a_page_that_asks_again_while_a_frame_is_under_way_gets_nothing_twice(line: Line) -> None:
    run = await store_live_run(line, get_hub().mailbox)
    feed = get_hub().feeds[run.pk] = Feed(run.pk)
    assert run.reply_id is not None
    parts, part = fragments.parts_id(run.reply_id), fragments.part_id(run.reply_id, 0)
    feed.add(1, [fragments.fill(parts, f'<div id="{part}-done"></div>')], is_snapshot=True)

    async with open_tab(line) as tab:
        page = await tab.until(lambda page: page.cursors == {str(run.pk): 1})
        feed.add(2, [fragments.append(f"{part}-done", "<p>Bern</p>")])
        feed.publish(2)
        under_way = await anext(tab._frames)
        tab.follower.resume({run.pk: 1}, run.reply_id)
        page.apply(under_way.html)
        feed.add(3, [fragments.append(f"{part}-done", "<p>Basel</p>")])
        feed.publish(3)
        await tab.until(lambda page: "Basel" in page.thread)

    assert page.thread.count("Bern") == 1


async def test_nothing_is_sent_to_a_page_that_has_not_said_what_it_shows(line: Line) -> None:
    await line.answer("One?")
    follower = Follower(get_hub(), user=line.owner, thread_id=line.thread_id)
    await get_hub().join(follower)
    follower.thread_changed()
    frames = follower.frames()
    coming = asyncio.ensure_future(anext(frames))
    await asyncio.sleep(0)

    follower.resume({}, None)
    page = Page()
    page.apply((await coming).html)

    await frames.aclose()
    await get_hub().leave(follower)
    assert page.texts == ["One?", "Hello."]
