"""The help for people who test their assistants says what is so."""

from typing import Any

import pytest

import chatapp
from chatapp.providers.base import ModelRequest
from chatapp.testing import Page, ScriptedProvider, ThreadSocket, ask, gate, replace_provider
from tests.assistants import Model
from tests.line import Line

# ---- ask


async def test_an_answer_has_text_parts_tokens_and_what_the_model_was_asked() -> None:
    says: list[Any] = [chatapp.ThinkingDelta("Hm."), "It is in Bern.", chatapp.Usage(input_tokens=3, output_tokens=5)]

    answer = await ask(Model, "Where is 17?", model_says=says)

    assert answer.text == "It is in Bern."
    assert [part.kind for part in answer.parts] == ["thinking", "text"]
    assert answer.usage == chatapp.Usage(input_tokens=3, output_tokens=5)
    assert [request.question for request in answer.requests] == ["Where is 17?"]


async def test_a_class_or_an_instance_may_be_asked_with_a_history_and_a_person() -> None:
    class Desk(chatapp.Assistant):
        def respond(self, turn: chatapp.Turn) -> str:
            return f"{turn.user}: {' '.join(message.content for message in turn.messages)}"

    history = [chatapp.ChatMessage(role="user", content="One")]

    assert (await ask(Desk, "Two", history=history, user="Ann")).text == "Ann: One Two"
    assert (await ask(Desk(), "Two")).text == "None: Two"


async def test_a_model_may_answer_by_what_it_is_asked() -> None:
    def say(request: ModelRequest) -> list[str]:
        return [request.question.upper()]

    assert (await ask(Model, "hi", model_says=say)).text == "HI"


async def test_what_respond_raises_is_raised() -> None:
    class Desk(chatapp.Assistant):
        def respond(self, turn: chatapp.Turn) -> None:
            raise chatapp.VisibleError("Closed.")

    with pytest.raises(chatapp.VisibleError, match=r"Closed\."):
        await ask(Desk, "Hi")


# ---- the socket


async def test_a_socket_is_a_page_with_a_person_before_it(line: Line) -> None:
    provider = ScriptedProvider(["Hello ", gate("mid"), "world"])
    with replace_provider(provider):
        async with ThreadSocket(line.owner) as socket:
            client_id = await socket.post("Hi")
            await socket.until(lambda page: "Hello" in page.text)
            provider.release("mid")
            page = await socket.until(lambda page: page.state == "complete")

    assert page.texts == ["Hi", "Hello world"]
    assert page.articles[0].get("data-chat-client") == str(client_id)


async def test_a_socket_says_when_it_was_closed(line: Line) -> None:
    socket = ThreadSocket(None)
    await socket.connect()

    with pytest.raises(AssertionError, match="closed with 4401; the page shows ''"):
        await socket.until(lambda page: page.articles)
    assert socket.close_code == 4401


async def test_what_never_comes_fails_with_what_the_page_shows(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    async with ThreadSocket(line.owner) as socket:
        await socket.post("Hi")
        await socket.until(lambda page: page.state == "complete")
        monkeypatch.setattr("chatapp.testing.PATIENCE_SECONDS", 0.05)

        with pytest.raises(AssertionError, match=r"it never came; the page shows 'Hello\.'"):
            await socket.until(lambda page: False)
        monkeypatch.undo()  # Closing may take its time.


# ---- the page

ARTICLE = (
    '<article data-chat-role="assistant" data-chat-message="7" data-chat-state="streaming"><div id="parts"></div>'
    '<p id="done" data-chat-text></p><div id="foot"></div></article>'
)


def make_page(*frames: str) -> Page:
    """A page with one message, after these frames."""
    page = Page()
    for frame in (f'<div hx-swap-oob="beforeend:#chat-thread">{ARTICLE}</div>', *frames):
        page.apply(frame)
    return page


@pytest.mark.parametrize(
    ("frames", "html"),
    [
        (['<div hx-swap-oob="beforeend:#done">a<b>b</b></div>'], '<p data-chat-text="" id="done">a<b>b</b></p>'),
        (
            ['<div hx-swap-oob="beforeend:#done">a</div><div hx-swap-oob="beforeend:#done">b<i>c</i></div>'],
            '<p data-chat-text="" id="done">ab<i>c</i></p>',
        ),
        (
            ['<div hx-swap-oob="beforeend:#done"><i>a</i></div>', '<div hx-swap-oob="beforeend:#done">b</div>'],
            '<p data-chat-text="" id="done"><i>a</i>b</p>',
        ),
        (
            ['<div hx-swap-oob="innerHTML:#done">a<b>b</b></div>', '<div hx-swap-oob="innerHTML:#done">c</div>'],
            '<p data-chat-text="" id="done">c</p>',
        ),
        (
            [
                '<div hx-swap-oob="innerHTML:#done"><i>a</i><i>b</i>c</div>',
                '<b hx-swap-oob="outerHTML:#done > :nth-child(2)">B</b>',
            ],
            '<p data-chat-text="" id="done"><i>a</i><b>B</b>c</p>',
        ),
        (
            [
                '<div hx-swap-oob="innerHTML:#done"><pre><code>a</code></pre></div>',
                '<div hx-swap-oob="beforeend:#done code">b</div>',
            ],
            '<p data-chat-text="" id="done"><pre><code>ab</code></pre></p>',
        ),
        (
            [
                '<div hx-swap-oob="innerHTML:#done"><i id="x">a</i>b<i id="y">c</i>d</div>',
                '<div hx-swap-oob="delete:#x"></div><div hx-swap-oob="delete:#y"></div>',
            ],
            '<p data-chat-text="" id="done">bd</p>',
        ),
    ],
)
def test_frames_are_swapped_in_as_htmx_does(frames: list[str], html: str) -> None:
    page = make_page(*frames)

    assert page.html_of("done") == html
    assert page.missed == []


def test_a_fragment_without_a_place_is_noted() -> None:
    page = make_page(
        '<div hx-swap-oob="beforeend:#nowhere">a</div><b hx-swap-oob="outerHTML:#done > :nth-child(9)">b</b>'
    )

    assert page.missed == ["#nowhere", "#done > :nth-child(9)"]


def test_a_state_in_the_foot_becomes_the_state_of_the_message() -> None:
    page = make_page()
    assert page.state == "streaming"

    page.apply('<div hx-swap-oob="innerHTML:#foot"><chat-state value="complete"></chat-state></div>')

    assert page.state == "complete"


def test_a_page_says_what_it_shows() -> None:
    page = make_page(
        '<div hx-swap-oob="innerHTML:#done">Hi <b>you</b></div>',
        '<div hx-swap-oob="innerHTML:#chat-cursor">00000000-0000-0000-0000-000000000001:7</div>',
        '<div hx-swap-oob="beforeend:#chat-notice"><p>Too  long.</p></div>',
    )

    assert (page.text, page.last, page.notices) == ("Hi you", "7", ["Too long."])
    assert page.cursors == {"00000000-0000-0000-0000-000000000001": 7}


def test_an_empty_page_shows_nothing() -> None:
    page = Page()

    assert (page.text, page.texts, page.last, page.state, page.cursors, page.notices) == ("", [], None, None, {}, [])
    with pytest.raises(AssertionError, match="the page has no #nowhere"):
        page.html_of("nowhere")


@pytest.mark.parametrize(
    ("one", "other", "is_equal"),
    [
        ('<p id="a" class="b">x</p>', '<p class="b" id="a">x</p>', True),
        ("<p>x</p>\n\n<p>y</p>", "<p>x</p><p>y</p>", True),
        ("<p>x</p>", "<p>x </p>", False),
        ("<p>x</p>", "<p><b>x</b></p>", False),
        ('<p class="a">x</p>', '<p class="b">x</p>', False),
    ],
)
def test_pages_are_compared_by_what_a_browser_makes_of_them(one: str, other: str, is_equal: bool) -> None:
    pages: list[Any] = [Page(f'<div id="chat-thread">{html}</div>') for html in (one, other)]

    assert (pages[0].thread == pages[1].thread) is is_equal
