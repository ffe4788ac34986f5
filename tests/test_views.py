"""The HTTP door: pages, verbs for forms without script, the stream where sockets are blocked, health."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from unittest import mock
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from channels.layers import InMemoryChannelLayer
from django.db import DatabaseError, connection
from django.db.models.functions import Now
from django.test import AsyncClient, Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

import chatapp
from chatapp import registry
from chatapp.models import Message, Run, Thread
from chatapp.parts import TextPart
from chatapp.providers.scripted import PATIENCE_SECONDS, gate
from chatapp.runs.hub import get_hub
from chatapp.runs.runner import get_runner
from chatapp.testing import Page
from chatapp.views import health, live
from tests.conftest import make_thread
from tests.line import Line

VERBS = ["messages", "stop", "retry", "answer", "rename", "delete", "todos/clear", "unqueue", "greeting"]
VERBS += ["edit", "versions", "continue", "fork", "delete-message", "feedback"]
VERBS += ["share", "files", f"files/{UUID(int=1)}/remove", "settings"]
PROMPT = "prompts/0123456789abcdef/"
GETS = ["", "live/", "export/", "share/", "palette/", "usage/", "errors/7F3K-2Q/", PROMPT]
RUN = UUID(int=1)


@pytest_asyncio.fixture
async def browser(line: Line) -> AsyncClient:
    """A browser in which the owner is signed in."""
    browser = AsyncClient()
    await browser.aforce_login(line.owner)
    return browser


async def post(browser: AsyncClient, line: Line, text: str = "Hi", *, partial: bool = False, **data: Any) -> Any:
    """What the form of the composer gets."""
    headers = {"HX-Request": "true"} if partial else {}
    fields = {"text": text, "client_id": str(uuid4()), **data}
    return await browser.post(f"/chat/{line.thread_id}/messages/", fields, headers=headers)


def read(response: Any) -> str:
    """The HTML of a response."""
    return str(response.content.decode())


def get_draft(response: Any) -> str:
    """What stands in the message box."""
    found = re.search(r"<textarea[^>]*>(.*?)</textarea>", read(response), re.DOTALL)
    assert found
    return found[1]


# ---- pages


def test_a_new_chat_has_a_greeting_and_no_row(owner_client: Client) -> None:
    html = read(owner_client.get("/chat/"))

    assert "What shall the model say?" in html
    assert "Say hello" in html
    assert not Thread.objects.exists()


def test_each_new_chat_is_another(owner_client: Client) -> None:
    ids = {re.findall(r'data-chat-thread="([^"]+)"', read(owner_client.get("/chat/")))[0] for _ in range(2)}

    assert len(ids) == 2


def test_a_new_chat_with_a_certain_assistant(owner_client: Client) -> None:
    html = read(owner_client.get("/chat/new/shout/"))

    assert "?assistant=shout" in html
    assert '<input type="hidden" name="assistant" value="shout">' in html
    assert owner_client.get("/chat/new/nobody/").status_code == 404


def test_a_thread_shows_its_messages(owner_client: Client, owner: Any) -> None:
    thread = make_thread(owner, ("One?", "**One**."), ("Two?", "Two."), title="<b>Numbers</b>")

    response = owner_client.get(f"/chat/{thread.pk}/")

    page = Page(read(response))
    assert page.texts == ["One?", "One.", "Two?", "Two."]
    assert page.state == "complete"
    assert page.cursors == {}
    assert "<strong>One</strong>" in page.thread
    assert "&lt;b&gt;Numbers&lt;/b&gt;" in read(response)
    assert "<b>Numbers" not in read(response)


def test_a_thread_that_is_answering_says_which_run_to_follow(owner_client: Client, owner: Any) -> None:
    thread = make_thread(owner, ("Hi", "So far"), state="running")

    page = Page(read(owner_client.get(f"/chat/{thread.pk}/")))

    assert (page.text, page.state) == ("So far", "streaming")
    assert page.cursors == {str(Run.objects.get().pk): 0}
    assert "Stop answering" in page.html_of("chat-action")


def test_a_page_of_an_answer_whose_process_died_offers_to_try_again(owner_client: Client, owner: Any) -> None:
    thread = make_thread(owner, ("Hi", "So far"), state="running")
    Run.objects.update(heartbeat_at=Now() - timedelta(minutes=1))

    page = Page(read(owner_client.get(f"/chat/{thread.pk}/")))

    assert (page.text, page.state) == ("So far", "interrupted")
    assert "Try again" in page.thread
    assert "Send message" in page.html_of("chat-action")


def test_a_thread_whose_assistant_was_removed_can_be_read(owner_client: Client, owner: Any) -> None:
    thread = make_thread(owner, ("Hi", "Hello."), assistant="removed-app")

    assert Page(read(owner_client.get(f"/chat/{thread.pk}/"))).texts == ["Hi", "Hello."]


def test_an_assistant_whose_provider_is_not_configured_has_a_page_all_the_same(owner_client: Client) -> None:
    class Desk(chatapp.Assistant):
        provider = "nowhere"

    with registry.override(Desk):
        assert owner_client.get("/chat/").status_code == 200


def make_long_thread(owner: Any, exchanges: int) -> Thread:
    """A thread with many messages, stored in few queries."""
    now = timezone.now()
    thread = Thread.objects.create(owner=owner, assistant="model", title="Long", updated_at=now)
    messages: list[Message] = []
    for number in range(2 * exchanges):
        role, text = ("assistant" if number % 2 else "user"), f"No {number}"
        parent = messages[-1] if messages else None
        parts = [TextPart(text=text).dump()]
        messages.append(Message(thread=thread, parent=parent, role=role, parts=parts, text=text))
    Message.objects.bulk_create(messages)
    Run.objects.bulk_create(
        Run(
            thread=thread,
            prompt=messages[at - 1],
            reply=messages[at],
            state="complete",
            started_at=now,
            heartbeat_at=now,
            finished_at=now,
        )
        for at in range(1, len(messages), 2)
    )
    Thread.objects.filter(pk=thread.pk).update(head=messages[-1])
    return thread


def test_a_page_of_a_thousand_messages_has_fifty_and_takes_no_more_queries(owner_client: Client, owner: Any) -> None:
    short, long = make_long_thread(owner, 5), make_long_thread(owner, 500)
    owner_client.get(f"/chat/{short.pk}/")

    with CaptureQueriesContext(connection) as few:
        small = Page(read(owner_client.get(f"/chat/{short.pk}/")))
    with CaptureQueriesContext(connection) as many:
        large = Page(read(owner_client.get(f"/chat/{long.pk}/")))

    assert len(small.articles) == 10
    assert len(large.articles) == 50
    assert large.texts[-1] == "No 999"
    assert len(many) == len(few)
    assert len(many) <= 12


def test_earlier_messages_come_page_by_page(owner_client: Client, owner: Any) -> None:
    thread = make_long_thread(owner, 60)
    page = Page(read(owner_client.get(f"/chat/{thread.pk}/")))
    texts, html = page.texts, page.thread

    while found := re.search(r"before=([0-9a-f-]{36})", html):
        response = owner_client.get(f"/chat/{thread.pk}/?before={found[1]}")
        html = read(response)
        assert "<html" not in html
        texts = Page(f'<div id="chat-thread">{html}</div>').texts + texts

    assert texts == [f"No {number}" for number in range(120)]


@pytest.mark.parametrize("before", ["", "x", str(uuid4())])
def test_what_is_before_a_message_that_is_not_there_is_not_found(owner_client: Client, owner: Any, before: str) -> None:
    thread = make_thread(owner, ("Hi", "Hello."))

    assert owner_client.get(f"/chat/{thread.pk}/?before={before}").status_code == 404


# ---- who may


def list_doors(thread_id: UUID) -> list[tuple[str, str]]:
    """Method and path of everything that belongs to a thread."""
    return [("get", f"/chat/{thread_id}/{path}") for path in GETS] + [
        ("post", f"/chat/{thread_id}/{verb}/") for verb in VERBS
    ]


def fill_in(**more: str) -> dict[str, str]:
    """Fields that fit every verb."""
    return {"message": str(uuid4()), "text": "Hi", "client_id": str(uuid4()), "title": "Mine", **more}


@pytest.mark.django_db(transaction=True)
def test_a_thread_of_somebody_else_is_not_found_behind_any_door(stranger_client: Client, owner: Any) -> None:
    thread = make_thread(owner, ("Hi", "My secret."))

    for method, path in list_doors(thread.pk):
        response = getattr(stranger_client, method)(path, fill_in())
        assert response.status_code == 404, path
        assert b"My secret." not in response.content
    thread.refresh_from_db()
    assert (thread.title, thread.messages.count()) == ("A thread", 2)


@pytest.mark.django_db(transaction=True)
def test_a_thread_that_does_not_exist_is_not_found(owner_client: Client) -> None:
    doors = [
        door
        for door in list_doors(uuid4())
        if not door[1].endswith(("/messages/", "/files/", "/greeting/", "/live/", "/palette/"))
    ]

    answers = {
        (path.split("/", 3)[3], getattr(owner_client, method)(path, fill_in()).status_code) for method, path in doors
    }
    assert {answer for answer in answers if answer[1] != 404} == set()


@pytest.mark.django_db
def test_who_is_not_signed_in_is_sent_to_the_login(client: Client, owner: Any) -> None:
    thread = make_thread(owner, ("Hi", "Hello."))

    for method, path in [("get", "/chat/"), ("get", "/chat/new/echo/"), *list_doors(thread.pk)]:
        response = getattr(client, method)(path)
        assert response.status_code == 302
        assert response["Location"].startswith("/accounts/login/?next=/chat/")


@pytest.mark.django_db
def test_a_form_without_its_token_is_refused(owner: Any) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(owner)
    thread = make_thread(owner, ("Hi", "Hello."))

    for verb in VERBS:
        assert browser.post(f"/chat/{thread.pk}/{verb}/", fill_in()).status_code == 403
    assert Thread.objects.get() == thread


def test_each_door_takes_its_own_method_only(owner_client: Client, owner: Any) -> None:
    thread = make_thread(owner, ("Hi", "Hello."))

    # Links and forms lead to the file of a conversation, to its sharing and to the form of a prompt; two forms have a
    # page of their own.
    both = ("/export/", "/share/", "/edit/", "/feedback/", PROMPT)
    doors = [door for door in list_doors(thread.pk) if not door[1].endswith(both)]
    for method, path in [("get", "/chat/"), *doors]:
        other = {"get": "post", "post": "get"}[method]
        assert getattr(owner_client, other)(path).status_code == 405, path


def test_what_is_private_is_kept_by_nobody_and_framed_by_nobody(owner_client: Client, owner: Any) -> None:
    thread = make_thread(owner, ("Hi", "Hello."))

    for path in ("/chat/", f"/chat/{thread.pk}/", f"/chat/{thread.pk}/?before={thread.head_id}"):
        response = owner_client.get(path)
        assert {"no-cache", "no-store", "private"} <= set(response["Cache-Control"].split(", "))
        assert "Cookie" in response["Vary"]
        assert response["X-Frame-Options"] == "DENY"


# ---- verbs


async def test_a_message_without_script_leads_back_to_its_thread(line: Line, browser: AsyncClient) -> None:
    response = await post(browser, line, "Where is my parcel?")
    await line.ended()

    assert (response.status_code, response["Location"]) == (303, f"/chat/{line.thread_id}/")
    page = Page(read(await browser.get(f"/chat/{line.thread_id}/")))
    assert page.texts == ["Where is my parcel?", "Hello."]


async def test_a_message_by_htmx_gets_the_fragments(line: Line, browser: AsyncClient) -> None:
    line.says("Hi", gate("hold"))
    page = Page()

    response = await post(browser, line, "<b>Hi</b>", partial=True)
    page.apply(read(response))

    assert response.status_code == 200
    assert page.texts == ["<b>Hi</b>", ""]
    assert page.state == "streaming"
    assert "Stop answering" in page.html_of("chat-action")
    assert page.missed == []


async def test_the_first_message_chooses_the_assistant(line: Line, browser: AsyncClient) -> None:
    await post(browser, line, assistant="shout")
    await line.ended()

    assert (await line.thread()).assistant == "shout"


async def test_the_same_message_twice_leads_to_the_same_thread(line: Line, browser: AsyncClient) -> None:
    client_id = str(uuid4())

    said = [(await post(browser, line, client_id=client_id)).status_code for _ in range(2)]

    assert said == [303, 303]
    assert await line.count() == (1, 2, 1)


async def refuse_empty(line: Line, browser: AsyncClient) -> Any:
    """A message without text."""
    return await post(browser, line, "  ")


async def refuse_long(line: Line, browser: AsyncClient) -> Any:
    """A message that is too long."""
    line.sets(MAX_MESSAGE_CHARS=3)
    return await post(browser, line, "<long>")


async def refuse_bad_id(line: Line, browser: AsyncClient) -> Any:
    """A message whose id is none."""
    return await post(browser, line, "<draft>", client_id="x")


async def refuse_attachment(line: Line, browser: AsyncClient) -> Any:
    """A message with a file."""
    return await post(browser, line, "<draft>", attachments=[str(uuid4())])


async def refuse_second(line: Line, browser: AsyncClient) -> Any:
    """A message while an answer is under way."""
    line.says("Hi", gate("hold"))
    await line.post()
    return await post(browser, line, "<draft>")


async def refuse_other_text(line: Line, browser: AsyncClient) -> Any:
    """Another text under a known id."""
    client_id = uuid4()
    await line.post(client_id=client_id)
    await line.ended()
    return await post(browser, line, "<draft>", client_id=str(client_id))


async def refuse_fast(line: Line, browser: AsyncClient) -> Any:
    """One message too many."""
    line.sets(MESSAGES_PER_MINUTE=1)
    await line.answer()
    return await post(browser, line, "<draft>")


async def refuse_fast_in_new_thread(line: Line, browser: AsyncClient) -> Any:
    """One message too many, the first one of another thread."""
    line.sets(MESSAGES_PER_MINUTE=1)
    await line.answer()
    line.thread_id = uuid4()
    return await post(browser, line, "<draft>", assistant="shout")


async def refuse_ending(line: Line, browser: AsyncClient) -> Any:
    """A message to a process that is about to end."""
    await get_runner().drain(0)
    return await post(browser, line, "<draft>")


@pytest.mark.parametrize(
    ("refuse", "status", "sentence", "wait", "draft"),
    [
        (refuse_empty, 422, "Please write something first.", None, "  "),
        (refuse_long, 422, "Your message has 6 characters; at most 3 can be sent.", None, "&lt;long&gt;"),
        (refuse_bad_id, 422, "client_id must be a UUID.", None, "&lt;draft&gt;"),
        (refuse_attachment, 422, "Files cannot be sent in this conversation.", None, "&lt;draft&gt;"),
        (refuse_second, 409, "Please wait for the answer to finish, or stop it first.", None, "&lt;draft&gt;"),
        (refuse_other_text, 409, "This message was sent before with another text.", None, "&lt;draft&gt;"),
        (refuse_fast, 429, "You are sending very fast. Please wait a minute.", "60", "&lt;draft&gt;"),
        (refuse_fast_in_new_thread, 429, "You are sending very fast. Please wait a minute.", "60", "&lt;draft&gt;"),
        (refuse_ending, 503, "The server is restarting.", "2", "&lt;draft&gt;"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
async def test_what_is_refused_says_why_and_keeps_what_was_written(
    line: Line, browser: AsyncClient, refuse: Any, status: int, sentence: str, wait: str | None, draft: str
) -> None:
    response = await refuse(line, browser)

    assert response.status_code == status
    assert sentence in " ".join(Page(read(response)).notices)
    assert response.get("Retry-After") == wait
    assert get_draft(response) == draft
    assert f'action="/chat/{line.thread_id}/messages/"' in read(response)


async def test_a_new_chat_that_was_refused_is_still_with_its_assistant(line: Line, browser: AsyncClient) -> None:
    response = await post(browser, line, "", assistant="shout")

    assert "?assistant=shout" in read(response)
    assert await line.count() == (0, 0, 0)


async def test_what_htmx_sends_in_vain_gets_a_notice_with_its_id(line: Line, browser: AsyncClient) -> None:
    client_id, page = str(uuid4()), Page()

    response = await post(browser, line, "", partial=True, client_id=client_id)
    page.apply(read(response))

    assert response.status_code == 422
    assert page.notices == ["Please write something first."]
    assert f'data-chat-refused="{client_id}"' in read(response)


@pytest.mark.parametrize("partial", [False, True])
async def test_stop_retry_and_rename_lead_back_or_say_nothing(line: Line, browser: AsyncClient, partial: bool) -> None:
    line.plays(["Hi", gate("hold")], ["Again."])
    headers = {"HX-Request": "true"} if partial else {}
    await line.post()
    await line.provider.reached("hold")

    stopped = await browser.post(f"/chat/{line.thread_id}/stop/", headers=headers)
    await line.ended()
    fields = {"message": str((await line.run()).reply_id)}
    retried = await browser.post(f"/chat/{line.thread_id}/retry/", fields, headers=headers)
    await line.ended(2)
    renamed = await browser.post(f"/chat/{line.thread_id}/rename/", {"title": "Mine"}, headers=headers)

    statuses = {response.status_code for response in (stopped, retried, renamed)}
    assert statuses == ({204} if partial else {303})
    assert [state for _, state in line.ends] == ["stopped", "complete"]
    assert (await line.thread()).title == "Mine"


async def test_an_answer_is_tried_again_without_naming_it(line: Line, browser: AsyncClient) -> None:
    await line.answer()

    response = await browser.post(f"/chat/{line.thread_id}/retry/")
    await line.ended(2)

    assert response.status_code == 303


@pytest.mark.parametrize(("message", "status"), [("x", 422), (str(uuid4()), 409)])
async def test_an_answer_that_cannot_be_tried_again_says_so(
    line: Line, browser: AsyncClient, message: str, status: int
) -> None:
    await line.answer()

    response = await browser.post(f"/chat/{line.thread_id}/retry/", {"message": message})

    assert response.status_code == status
    assert Page(read(response)).notices != []


@pytest.mark.parametrize("partial", [False, True])
async def test_a_deleted_thread_leads_to_a_new_chat(line: Line, browser: AsyncClient, partial: bool) -> None:
    await line.answer()

    response = await browser.post(f"/chat/{line.thread_id}/delete/", headers={"HX-Request": "true"} if partial else {})

    assert (response.status_code, response.get("Location")) == ((204, None) if partial else (303, "/chat/"))
    assert (await browser.get(f"/chat/{line.thread_id}/")).status_code == 404
    assert (await line.thread()).deleted_at is not None  # For a while it can be undone.


async def test_a_new_chat_on_the_id_of_somebody_elses_thread_tells_nothing(
    line: Line, browser: AsyncClient, stranger: Any
) -> None:
    thread = await sync_to_async(make_thread)(stranger, ("Hi", "My secret."), id=line.thread_id)

    for text in ("Hi", ""):
        assert (await post(browser, line, text)).status_code == 404
    assert await Message.objects.filter(thread=thread).acount() == 2


async def test_no_assistant_is_not_found(line: Line, browser: AsyncClient) -> None:
    line.declares()

    assert (await browser.get("/chat/")).status_code == 404
    assert (await post(browser, line)).status_code == 404
    assert (await post(browser, line, "")).status_code == 404


# ---- the stream over HTTP


class Events:
    """A page that reads events."""

    def __init__(self, response: Any, page: Page | None = None) -> None:
        self.page = page or Page()
        self.ids: list[str] = []
        self.named: list[str] = []
        self.silences = 0
        self._chunks: AsyncIterator[bytes] = aiter(response.streaming_content)

    async def until(self, is_so: Any) -> Page:
        """Read until this is so, or the response ends."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not is_so(self.page):
                chunk = await anext(self._chunks, None)
                assert chunk is not None, "the response has ended"
                self._take(chunk.decode())
        return self.page

    async def until_end(self) -> None:
        """Read until the response ends."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for chunk in self._chunks:
                self._take(chunk.decode())

    async def leave(self) -> None:
        """Go away while the next event is waited for, as servers tell it."""
        while True:
            coming = asyncio.ensure_future(anext(self._chunks))
            await asyncio.wait({coming}, timeout=0.05)
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
            if coming.cancelled():
                return

    def _take(self, event: str) -> None:
        assert event.endswith("\n\n")
        fields = [line.partition(": ") for line in event.splitlines()]
        data = "\n".join(value for name, _, value in fields if name == "data")
        names = [value for name, _, value in fields if name == "event"]
        self.ids += [value for name, _, value in fields if name == "id"]
        self.silences += event == ": \n\n"
        if names:
            self.named.append(f"{names[0]} {data}")
        elif data:
            self.page.apply(data)


async def listen(browser: AsyncClient, line: Line, page: Page | None = None, query: str = "", **headers: str) -> Events:
    """A page that follows the thread over HTTP."""
    response = await browser.get(f"/chat/{line.thread_id}/live/{query}", headers=headers)
    assert response["Content-Type"] == "text/event-stream"
    assert response["X-Accel-Buffering"] == "no"
    assert "no-store" in response["Cache-Control"]
    return Events(response, page)


async def test_an_answer_comes_as_events(line: Line, browser: AsyncClient) -> None:
    line.says("One.\n\nTwo.\n\n", gate("hold"), "Three.")
    await line.post()
    await line.provider.reached("hold")
    events = await listen(browser, line)
    await events.until(lambda page: "Two." in page.text)

    line.provider.release("hold")
    page = await events.until(lambda page: page.state == "complete")
    await events.leave()

    assert page.text == "One.Two.Three."
    assert page.missed == []
    assert get_hub().count_all() == 0


async def test_a_page_that_comes_back_gets_what_it_missed(line: Line, browser: AsyncClient) -> None:
    line.says("One.\n\nTwo.\n\n", gate("first"), "Three.\n\nFour.\n\n", gate("second"))
    await line.post()
    await line.provider.reached("first")
    events = await listen(browser, line)
    page = await events.until(lambda page: "Two." in page.text)
    await events.leave()
    line.provider.release("first")
    await line.provider.reached("second")

    again = await listen(browser, line, page, **{"Last-Event-ID": events.ids[-1]})
    await again.until(lambda page: "Four." in page.text)
    await again.leave()

    assert page.text == "One.Two.Three.Four."


async def test_a_page_says_in_its_address_what_it_has(line: Line, browser: AsyncClient) -> None:
    await line.answer()
    page = Page(read(await browser.get(f"/chat/{line.thread_id}/")))

    events = await listen(browser, line, page, f"?last={page.last}&cursor=")
    await events.until(lambda page: "Send message" in page.html_of("chat-action"))
    await line.answer("And?")
    await events.until(lambda page: len(page.articles) == 4 and page.state == "complete")
    await events.leave()

    assert page.texts == ["Hi", "Hello.", "And?", "Hello."]


@pytest.mark.parametrize(
    "cursor", ["nonsense", "::", f"{uuid4()}:-1", f"{uuid4()}:1e9", f"{uuid4()}:99999999999", "x:1:y"]
)
async def test_a_position_that_is_none_is_ignored(line: Line, browser: AsyncClient, cursor: str) -> None:
    await line.answer()

    events = await listen(browser, line, query=f"?last=x&cursor={cursor}")
    page = await events.until(lambda page: page.articles)
    await events.leave()

    assert page.texts == ["Hi", "Hello."]


async def test_a_silence_is_filled(line: Line, browser: AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_SECONDS", 0.01)

    events = await listen(browser, line)
    await events.until(lambda page: events.silences == 2)
    get_hub().send_away()
    await events.until_end()


async def test_a_response_ends_when_it_carries_enough(
    line: Line, browser: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MAX_BYTES", 100)
    await line.answer()

    events = await listen(browser, line)
    await events.until_end()

    assert len(events.page.articles) == 2


async def test_a_response_ends_when_it_is_time_to_ask_who_is_there(
    line: Line, browser: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_SECONDS", 0.01)
    line.sets(SESSION_CHECK_SECONDS=0.02)

    events = await listen(browser, line)
    await events.until_end()

    assert get_hub().count_all() == 0


async def test_a_thread_that_is_deleted_closes_for_good(line: Line, browser: AsyncClient) -> None:
    await line.answer()
    events = await listen(browser, line)
    await events.until(lambda page: page.articles)

    await browser.post(f"/chat/{line.thread_id}/delete/")
    await events.until_end()

    assert events.named == ["close 4404"]


async def test_a_sign_out_ends_the_response(line: Line, browser: AsyncClient) -> None:
    await line.answer()
    events = await listen(browser, line)
    await events.until(lambda page: page.articles)

    await browser.post("/accounts/logout/")
    await events.until_end()

    assert events.named == []


async def test_a_sign_out_elsewhere_does_not(line: Line, browser: AsyncClient) -> None:
    elsewhere = AsyncClient()
    await elsewhere.aforce_login(line.owner)
    await line.answer()
    events = await listen(browser, line)
    await events.until(lambda page: page.articles)

    await elsewhere.post("/accounts/logout/")
    await line.answer("And?")

    await events.until(lambda page: len(page.articles) == 4)
    await events.leave()


async def test_a_process_that_ends_ends_the_response(line: Line, browser: AsyncClient) -> None:
    await line.answer()
    events = await listen(browser, line)
    await events.until(lambda page: page.articles)

    get_hub().send_away()

    await events.until_end()


# ---- health


async def test_a_process_that_answers_is_alive() -> None:
    response = await AsyncClient().get("/healthz")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert "no-store" in response["Cache-Control"]


async def test_a_process_that_can_work_is_ready(line: Line) -> None:
    line.says("Hi", gate("hold"))
    await line.post()

    response = await AsyncClient().get("/readyz")

    assert response.status_code == 200
    assert response.json() == {
        "status": "ok",
        "checks": {"database": "ok", "layer": "ok", "draining": "ok"},
        "runs": 1,
        "sockets": 0,
    }


async def test_a_process_that_is_about_to_end_is_not_ready(line: Line) -> None:
    await get_runner().drain(0)

    response = await AsyncClient().get("/readyz")

    assert response.status_code == 503
    assert (response.json()["status"], response.json()["checks"]["draining"]) == ("unavailable", "no")


async def test_a_process_without_a_database_is_not_ready(line: Line) -> None:
    with mock.patch.object(health, "connection") as broken:
        broken.cursor.side_effect = DatabaseError("password of 10.0.0.1")
        response = await AsyncClient().get("/readyz")

    assert response.status_code == 503
    assert response.json()["checks"] == {"database": "no", "layer": "ok", "draining": "ok"}
    assert "10.0.0.1" not in read(response)


async def test_a_process_without_its_layer_is_not_ready(line: Line) -> None:
    with mock.patch.object(InMemoryChannelLayer, "group_send", side_effect=ConnectionError("redis is down")):
        response = await AsyncClient().get("/readyz")

    assert response.status_code == 503
    assert response.json()["checks"] == {"database": "ok", "layer": "no", "draining": "ok"}


async def test_a_site_without_a_layer_is_ready(line: Line) -> None:
    with override_settings(CHANNEL_LAYERS={}):
        response = await AsyncClient().get("/readyz")

    assert response.json()["checks"]["layer"] == "ok"
