"""Streams outside of chats: what code streams to a place of a page, and who may see it."""

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.db import SessionStore
from django.template import Context, Template
from django.test import AsyncClient, RequestFactory
from django.utils.safestring import mark_safe

import chatapp
from chatapp.errors import Refused
from chatapp.models import Message, Run, Thread
from chatapp.policy import Policy
from chatapp.providers.scripted import PATIENCE_SECONDS
from chatapp.runs.hub import get_hub
from chatapp.runs.results import wait_for_run
from chatapp.runs.runner import get_runner
from chatapp.runs.streams import StreamFollower, Viewer
from chatapp.streams import StreamState
from chatapp.testing import Page, ThreadSocket
from tests.line import Line

NAME = "report"


class Source:
    """Content that says what the test says, when it says so."""

    def __init__(self) -> None:
        self.items: asyncio.Queue[Any] = asyncio.Queue()
        self.is_closed = asyncio.Event()

    async def __call__(self) -> AsyncIterator[Any]:
        try:
            while (item := await self.items.get()) is not None:
                yield item
        finally:
            self.is_closed.set()

    def says(self, *items: Any) -> None:
        """Say more."""
        for item in items:
            self.items.put_nowait(item)

    def ends(self) -> None:
        """Say no more."""
        self.items.put_nowait(None)


class Tab:
    """A page with the tag, and the stream that its script follows."""

    def __init__(self, viewer: Viewer, name: str, html: str) -> None:
        self.place = f"s-{viewer.get_id(name)}"
        self.page = Page(html)
        self.is_done = asyncio.Event()
        self._follower = StreamFollower(get_hub(), viewer, name)
        self._news = asyncio.Event()

    async def __aenter__(self) -> "Tab":
        await get_hub().join(self._follower)
        found = re.findall(r'data-chat-message="([^"]+)"', self.log)
        cursor = re.sub(r"<[^>]*>", "", self.page.html_of(f"{self.place}-cursor")).partition(":")
        cursors = {UUID(cursor[0]): int(cursor[2])} if cursor[2] else {}
        self._follower.resume(cursors, UUID(found[-1]) if found else None)
        self._reading = asyncio.ensure_future(self._read())
        return self

    async def __aexit__(self, *error: object) -> None:
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        await get_hub().leave(self._follower)

    async def _read(self) -> None:
        async for frame in self._follower.frames():
            self.page.apply(frame.html)
            self._news.set()

    @property
    def log(self) -> str:
        return self.page.html_of(f"{self.place}-log")

    @property
    def text(self) -> str:
        return re.sub(r"<[^>]*>", "", self.log)

    @property
    def status(self) -> str:
        return re.sub(r"<[^>]*>", "", self.page.html_of(f"{self.place}-status"))

    async def until(self, is_so: Callable[["Tab"], bool]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not is_so(self):
                self._news.clear()
                await self._news.wait()
        assert self.page.missed == []


def draw(user: Any, options: str = "", *, session_key: str | None = None, name: str = NAME) -> str:
    """A page with the tag, as this user or visitor gets it."""
    request = RequestFactory().get("/page/")
    request.user = user
    request.session = SessionStore(session_key)
    tag = f'{{% load chatapp_streams %}}{{% chatapp_stream "{name}" {options} %}}'
    return Template(tag).render(Context({"request": request, "given": "<form>Hi</form>"}))


async def open_tab(user: Any) -> Tab:
    """A page with the tag, freshly loaded."""
    return Tab(Viewer.find(user), NAME, await sync_to_async(draw)(user))


async def stream(owner: Any, content: Any, **options: Any) -> Run:
    """Stream it and wait for its end."""
    return await wait_for_run((await chatapp.stream_to(NAME, content, user=owner, **options)).pk)


async def get_status(owner: Any) -> str:
    """Where the stream stands."""
    return (await chatapp.get_stream(NAME, user=owner)).status


async def get_text(owner: Any) -> str:
    """What a fresh page shows."""
    return (await open_tab(owner)).text


def say_two() -> Iterator[str]:
    """A generator that runs in a thread."""
    yield "one "
    yield "two"


async def say_two_async() -> AsyncIterator[str]:
    """A generator of the other colour."""
    yield "one "
    yield "two"


@pytest.mark.parametrize(
    "content",
    ["one two", ["one ", "two"], say_two(), say_two, say_two_async(), say_two_async, chatapp.TextPart(text="one two")],
    ids=["str", "list", "generator", "function", "async generator", "async function", "part"],
)
async def test_whatever_can_be_iterated_can_be_streamed(line: Line, content: Any) -> None:
    run = await stream(line.owner, content)

    state = await chatapp.get_stream(NAME, user=line.owner)
    assert (state.status, state.result, state.run_id) == ("success", "one two", run.pk)
    assert await get_text(line.owner) == "one two"


@pytest.mark.parametrize(
    ("name", "content", "options", "error", "words"),
    [
        (NAME, 5, {}, TypeError, "int cannot be streamed; give a string"),
        ("a b", "x", {}, ValueError, "stream name 'a b' is not usable"),
        (NAME, "x", {"content_type": "rtf"}, ValueError, "known are markdown, html and text"),
        (NAME, "x", {"user": AnonymousUser()}, ValueError, "a stream needs whom it is for"),
    ],
)
async def test_what_cannot_be_streamed_is_refused_at_once(
    line: Line, name: str, content: Any, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=re.escape(words)):
        await chatapp.stream_to(name, content, **{"user": line.owner, **options})

    assert await line.count() == (0, 0, 0)


async def test_the_status_goes_from_initial_to_running_to_success_in_code_and_in_every_page(line: Line) -> None:
    source = Source()
    async with await open_tab(line.owner) as first, await open_tab(line.owner) as second:
        before = (await get_status(line.owner), first.status)
        await chatapp.stream_to(NAME, source, user=line.owner)
        source.says("# Hello\n\n", "**wor")
        await first.until(lambda tab: "wor" in tab.text)
        during = (await get_status(line.owner), first.status)
        async with await open_tab(line.owner) as reloaded:
            source.says("ld**")
            source.ends()
            for tab in (first, second, reloaded):
                await tab.until(lambda tab: tab.status == "success")

        fresh = await open_tab(line.owner)
        assert before == ("initial", "initial")
        assert during == ("running", "running")
        assert "<h1>Hello</h1><p><strong>world</strong></p>" in fresh.log
        assert {tab.log for tab in (first, second, reloaded)} == {fresh.log}
        assert await get_status(line.owner) == fresh.status == "success"


async def test_text_alone_is_a_string_and_a_mixture_is_a_list(line: Line) -> None:
    notice = chatapp.NoticePart(code="a", message="b")

    text = await stream(line.owner, ["one ", "two"])
    mixed = await stream(line.owner, ["one ", notice, "two"])

    assert text.get_result() == "one two"
    assert mixed.get_result() == [chatapp.TextPart(text="one "), notice, chatapp.TextPart(text="two")]


async def test_a_second_stream_replaces_the_first_and_what_is_set_is_all_there_is(line: Line) -> None:
    await stream(line.owner, ["one ", "two"])
    async with await open_tab(line.owner) as tab:
        await stream(line.owner, ["x"])
        await tab.until(lambda tab: tab.text == "x" and tab.status == "success")

        assert tab.log == (await open_tab(line.owner)).log
        assert await line.count() == (1, 1, 1)


async def test_what_still_streams_is_cancelled_by_what_replaces_it(line: Line) -> None:
    source, second = Source(), Source()
    async with await open_tab(line.owner) as tab:
        run = await chatapp.stream_to(NAME, source, user=line.owner)
        source.says("first")
        await tab.until(lambda tab: "first" in tab.text)

        await chatapp.stream_to(NAME, second, user=line.owner)
        second.says("second")
        await tab.until(lambda tab: tab.text == "second")
        async with asyncio.timeout(PATIENCE_SECONDS):
            await source.is_closed.wait()
        assert (await wait_for_run(run.pk)).state == "stopped"
        second.ends()
        await tab.until(lambda tab: tab.status == "success")

        assert tab.log == (await open_tab(line.owner)).log


async def test_what_is_appended_follows_what_still_streams(line: Line) -> None:
    source = Source()
    await chatapp.stream_to(NAME, source, user=line.owner)
    async with await open_tab(line.owner) as tab:
        appending = asyncio.ensure_future(stream(line.owner, ["two"], clear=False))
        source.says("one ")
        await tab.until(lambda tab: "one" in tab.text)
        assert not appending.done()
        source.ends()
        await appending
        await tab.until(lambda tab: tab.status == "success" and "two" in tab.text)

        assert tab.text == "onetwo"
        assert tab.log == (await open_tab(line.owner)).log


async def test_a_cleared_stream_is_empty_and_a_success(line: Line) -> None:
    await stream(line.owner, "something")
    async with await open_tab(line.owner) as tab:
        await wait_for_run((await chatapp.clear_stream(NAME, user=line.owner)).pk)
        await tab.until(lambda tab: tab.text == "" and tab.status == "success")

    assert await chatapp.get_stream(NAME, user=line.owner) == StreamState(
        status="success", result="", run_id=(await Run.objects.aget()).pk
    )


async def test_who_cancels_keeps_what_was_said_and_the_source_is_closed(line: Line) -> None:
    source = Source()
    async with await open_tab(line.owner) as tab:
        await chatapp.stream_to(NAME, source, user=line.owner)
        source.says("so far")
        await tab.until(lambda tab: "so far" in tab.text)

        was_running = await chatapp.cancel_stream(NAME, user=line.owner)
        await tab.until(lambda tab: tab.status == "cancelled")
        async with asyncio.timeout(PATIENCE_SECONDS):
            await source.is_closed.wait()

        state = await chatapp.get_stream(NAME, user=line.owner)
        assert (was_running, state.status, state.result) == (True, "cancelled", "so far")
        assert tab.log == (await open_tab(line.owner)).log
        assert not await chatapp.cancel_stream(NAME, user=line.owner)


async def test_an_error_is_a_sentence_and_a_reference_and_its_cause_is_for_the_log(
    line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail() -> AsyncIterator[str]:
        yield "So far."
        raise OSError("disk /dev/secret is full")

    async with await open_tab(line.owner) as tab:
        run = await stream(line.owner, fail)
        await tab.until(lambda tab: tab.status == "error")

        state = await chatapp.get_stream(NAME, user=line.owner)
        assert (state.status, state.error_reference) == ("error", run.error_reference)
        assert f"So far.Something went wrong while answering. Please try again. ref {run.error_reference}" in tab.text
        assert "secret" not in tab.page.html_of(tab.place)
        assert run.error_reference in caplog.text
        assert "disk /dev/secret is full" in caplog.text
        assert tab.log == (await open_tab(line.owner)).log


@pytest.mark.parametrize(
    "item",
    [
        chatapp.ToolCall(tool_id="t", name="search"),
        {"kind": "tool", "tool_id": "t"},
        chatapp.PartStart(chatapp.ToolCallPart(tool_id="t")),
        chatapp.InputRequest(prompt="Proceed?"),
        chatapp.TodoUpdate([]),
    ],
    ids=["tool", "tool as a dict", "tool as an event", "question", "tasks"],
)
async def test_what_belongs_to_a_conversation_is_refused_with_the_reason_for_staff(line: Line, item: Any) -> None:
    run = await stream(line.owner, ["before", item])

    assert (run.state, run.error.partition(":")[0]) == ("failed", "ValueError")
    assert "belongs to a conversation" in run.error
    assert (await get_text(line.owner)).startswith("before")


@pytest.mark.parametrize(
    ("content_type", "pieces", "shown"),
    [
        ("text", ["<b>one</b>\n", " & *two*"], "&lt;b&gt;one&lt;/b&gt;\n &amp; *two*"),
        ("html", ["<p>one <em>", "two</em> <img src=x onerror=alert(1)></p><script>alert(1)</script>"], "<em>two</em>"),
        ("html", [mark_safe("<form>safe</form>")], "<form>safe</form>"),
    ],
)
async def test_html_is_sanitised_or_trusted_by_its_type_and_text_is_escaped(
    line: Line, content_type: Any, pieces: list[str], shown: str
) -> None:
    source = Source()
    async with await open_tab(line.owner) as tab:
        await chatapp.stream_to(NAME, source, user=line.owner, content_type=content_type)
        for piece in pieces:
            source.says(piece)
            word = re.sub(r"<[^>]*>|[^a-z ]", "", piece).split()[0]
            await tab.until(lambda tab, word=word: word in tab.text)  # type: ignore[misc]
        source.ends()
        await tab.until(lambda tab: tab.status == "success")

    fresh = await sync_to_async(draw)(line.owner)
    assert shown in fresh
    assert "script" not in fresh.partition("chat-streams")[2]
    assert "onerror" not in fresh
    assert tab.log == (await open_tab(line.owner)).log


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ('content="*Hi*"', "<em>Hi</em>"),
        ('content="<form>Hi</form>" content_type="html"', "<form>Hi</form>"),
        ('content=given content_type="html"', "<div id="),
        ('content="<b>Hi</b>" content_type="text"', "&lt;b&gt;Hi&lt;/b&gt;"),
    ],
)
async def test_the_content_of_the_tag_stands_there_until_something_is_streamed(
    line: Line, options: str, shown: str
) -> None:
    before = await sync_to_async(draw)(line.owner, options)
    await wait_for_run((await chatapp.clear_stream(NAME, user=line.owner)).pk)

    assert shown in before
    assert "Hi" in before
    assert ("<form>" in before) == ("given" not in options and "form" in options)
    assert "Hi" not in await sync_to_async(draw)(line.owner, options)


def test_a_page_with_two_places_loads_the_script_once_and_no_script_of_chats(owner: Any) -> None:
    html = draw(owner, '%}{% chatapp_stream "other" ')

    assert re.findall(r'<script[^>]* src="([^"]+)"', html) == ["/static/chatapp/streams.js"]
    assert html.count("<link") == 2
    assert len(set(re.findall(r' id="([^"]+)"', html))) == html.count(" id=")


async def test_a_visitor_has_streams_by_their_session(line: Line) -> None:
    session = await sync_to_async(_make_session)()

    run = await chatapp.stream_to(NAME, "for you", session=session)
    await wait_for_run(run.pk)

    assert "for you" in await sync_to_async(draw)(AnonymousUser(), session_key=session.session_key)
    assert "for you" not in await sync_to_async(draw)(AnonymousUser(), session_key="another")
    assert "for you" not in await sync_to_async(draw)(line.owner, session_key=session.session_key)
    assert (await chatapp.get_stream(NAME, session=session.session_key)).result == "for you"


def _make_session() -> SessionStore:
    session = SessionStore()
    session.create()
    return session


async def test_of_a_stream_nobody_else_sees_anything_and_no_door_of_conversations_leads_there(
    line: Line, stranger: Any
) -> None:
    await stream(line.owner, ["a secret", chatapp.CodeArtifact(content="a secret")])
    thread = await Thread.objects.aget()
    message = await Message.objects.aget()
    urls = [f"/chat/streams/{thread.pk}/{NAME}/{verb}/" for verb in ("live", "cancel")]
    artifact = f"/chat/artifacts/{message.pk}/1/?source=1"

    for user in (stranger, None):
        browser = AsyncClient()
        if user is not None:
            await browser.aforce_login(user)
        assert [(await browser.get(urls[0])).status_code, (await browser.post(urls[1])).status_code] == [404, 404]
        assert (await browser.get(artifact)).status_code == (404 if user else 302)
        assert "a secret" not in await sync_to_async(draw)(user or AnonymousUser())
    browser = AsyncClient()
    await browser.aforce_login(line.owner)
    assert (await browser.get(f"/chat/{thread.pk}/")).status_code == 404
    assert (await browser.post(f"/chat/{thread.pk}/delete/")).status_code == 404
    assert NAME not in (await browser.get("/chat/")).content.decode()
    assert (await browser.get(artifact)).content == b"a secret"
    async with ThreadSocket(line.owner, thread.pk) as socket:
        assert await socket.until_closed() == 4404


async def test_a_page_follows_over_http_from_what_it_has(line: Line) -> None:
    browser, source = AsyncClient(), Source()
    await browser.aforce_login(line.owner)
    run = await chatapp.stream_to(NAME, source, user=line.owner)
    source.says("one")
    url = f"/chat/streams/{run.thread_id}/{NAME}/live/?last={run.reply_id}&cursor={run.pk}:0"

    response: Any = await browser.get(url)
    events = aiter(response.streaming_content)
    text = ""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while "one" not in text or "running" not in text:
            text += (await anext(events)).decode()
    await events.aclose()

    assert response["Content-Type"] == "text/event-stream"
    assert "no-store" in response["Cache-Control"]
    source.ends()
    await wait_for_run(run.pk)


@pytest.mark.parametrize(
    ("page", "status", "location"),
    [("", 204, None), ("/page/?a=1", 303, "/page/?a=1"), ("https://evil.example/", 204, None)],
)
async def test_the_button_cancels_and_without_script_goes_back_to_its_page(
    line: Line, page: str, status: int, location: str | None
) -> None:
    browser, source = AsyncClient(), Source()
    await browser.aforce_login(line.owner)
    run = await chatapp.stream_to(NAME, source, user=line.owner)

    response = await browser.post(f"/chat/streams/{run.thread_id}/{NAME}/cancel/", {"next": page})

    assert (response.status_code, response.headers.get("Location")) == (status, location)
    assert (await wait_for_run(run.pk)).state == "stopped"


async def test_the_button_is_there_only_where_the_tag_says_so(line: Line) -> None:
    assert "<button" not in await sync_to_async(draw)(line.owner)
    assert "Cancel</button>" in await sync_to_async(draw)(line.owner, "cancel=True")


class NoVisitors(Policy):
    """Streams are for people who are signed in."""

    def can_follow_streams(self, user: Any) -> bool:
        return user is not None


async def test_the_policy_decides_who_may_have_streams(line: Line) -> None:
    line.sets(POLICY=f"{__name__}.NoVisitors")
    session = await sync_to_async(_make_session)()
    run = await chatapp.stream_to(NAME, "for you", session=session)
    await wait_for_run(run.pk)

    html = await sync_to_async(draw)(AnonymousUser(), session_key=session.session_key)
    browser = AsyncClient()

    assert "for you" not in html
    assert "data-chat-live" not in html
    browser.cookies["sessionid"] = session.session_key or ""
    assert (await browser.get(f"/chat/streams/{run.thread_id}/{NAME}/live/")).status_code == 404


async def test_streams_do_not_count_as_messages_of_the_person(line: Line) -> None:
    line.sets(LIMITS=True, MESSAGES_PER_MINUTE=1, RUNS_PER_PERSON=1)
    source = Source()
    await stream(line.owner, "x")
    run = await chatapp.stream_to(NAME, source, user=line.owner)

    answered = await line.answer("Hi")

    assert answered.state == "complete"
    source.ends()
    await wait_for_run(run.pk)


async def test_a_process_that_ends_takes_no_new_streams(line: Line) -> None:
    get_runner().is_draining = True

    with pytest.raises(Refused):
        await chatapp.stream_to(NAME, "x", user=line.owner)


async def test_sync_code_in_a_server_comes_back_when_it_has_begun(line: Line) -> None:
    gate = threading.Event()

    def say() -> Iterator[str]:
        gate.wait(PATIENCE_SECONDS)
        yield "later"

    run = await sync_to_async(chatapp.stream_to_sync)(NAME, say(), user=line.owner)
    status = await sync_to_async(chatapp.get_stream_sync)(NAME, user=line.owner)
    gate.set()
    await wait_for_run(run.pk)

    assert status.status == "running"
    assert await get_text(line.owner) == "later"
    assert not await sync_to_async(chatapp.cancel_stream_sync)(NAME, user=line.owner)


@pytest.mark.django_db(transaction=True)
def test_a_command_comes_back_when_all_is_said(owner: Any) -> None:
    run = chatapp.stream_to_sync(NAME, say_two(), user=owner)

    assert (run.state, run.get_result()) == ("complete", "one two")
    assert chatapp.clear_stream_sync(NAME, user=owner).get_result() == ""
