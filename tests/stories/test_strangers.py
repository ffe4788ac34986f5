"""Whoever is not the owner tries every door: each address, each frame, each origin. A new door is tried by itself."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args
from uuid import UUID, uuid4

import pytest
from django.urls import URLPattern, reverse

from chatapp import protocol, urls
from tests.site import Site

from .people import Person, Tab
from .stored import Stored

SECRET = "Rumpelstiltskin"
TITLE = f"{SECRET} is my name."


@dataclass(frozen=True)
class Target:
    """The owner's thread, in which an answer is under way."""

    tab: Tab
    answer: UUID
    run: UUID

    @property
    def thread_id(self) -> UUID:
        """Its id."""
        return self.tab.thread_id


@dataclass(frozen=True)
class Door:
    """How an address is called."""

    method: str = "GET"
    fields: Mapping[str, str] = field(default_factory=dict)
    queries: tuple[str, ...] = ("",)
    is_of_a_thread: bool = True
    """False: it gives everybody who is signed in a page of their own."""
    is_for_visitors: bool = False
    """Who is not signed in may have something there too; what is not theirs is not there."""


DOORS = {
    "list": Door(is_of_a_thread=False),
    "new": Door(is_of_a_thread=False),
    "thread": Door(queries=("", "?before={answer}")),
    "post": Door("POST", {"text": "I was here. fault:ok", "client_id": "{fresh}"}),
    "prompt": Door(queries=("", "?assistant=guide")),
    "stop": Door("POST"),
    "retry": Door("POST", {"message": "{answer}"}),
    "edit": Door("POST", {"message": "{answer}", "text": "I was here", "client_id": "{fresh}"}),
    "versions": Door("POST", {"message": "{answer}"}),
    "continue": Door("POST", {"message": "{answer}"}),
    "fork": Door("POST", {"message": "{answer}"}),
    "delete-message": Door("POST", {"message": "{answer}"}),
    "feedback": Door("POST", {"message": "{answer}", "rating": "bad", "comment": "I was here"}),
    "answer": Door("POST", {"request": "input_0a1b2c3d", "value": "Yes"}),
    "unqueue": Door("POST", {"message": "{answer}"}),
    "clear-todos": Door("POST"),
    "rename": Door("POST", {"title": "I was here"}),
    "delete": Door("POST"),
    "frame": Door(is_of_a_thread=False, queries=("", "?new")),
    "threads": Door(is_of_a_thread=False, queries=("", "?current={answer}")),
    "archived": Door(is_of_a_thread=False),
    "arrange": Door("POST", {"thread": "{thread}", "do": "archive"}),
    "folder": Door("POST", {"do": "delete"}),
    "stream-live": Door(is_for_visitors=True),
    "stream-cancel": Door("POST", is_for_visitors=True),
    "playground": Door(),
    "playground-ask": Door("POST", {"text": "I was here. fault:ok", "a-who": "provider:default"}),
    "playground-answer": Door("POST", {"request": "input_0a1b2c3d", "value": "Yes"}),
    "greet": Door("POST"),
    "settings": Door("POST", {"key": "brief", "value": "on"}),
    "export": Door(queries=("", "?format=md", "?format=json&thinking=1")),
    "share": Door("POST", {"scope": "link", "until": "never"}),
    "shares": Door(is_of_a_thread=False),
    "revoke-share": Door("POST"),
    "shared": Door(is_for_visitors=True),
    "fork-share": Door("POST"),
    "shared-artifact": Door(is_for_visitors=True),
    "shared-file": Door(is_for_visitors=True),
    "import": Door(is_of_a_thread=False),
    "usage": Door(queries=("", "?by=model", "?format=csv", "?format=chart"), is_of_a_thread=False),
    "thread-usage": Door(queries=("", "?format=csv", "?format=chart")),
    "search": Door(queries=("", "?q=my+name"), is_of_a_thread=False),
    "artifact": Door(queries=("", "?download=1", "?source=1", "?rows=0")),
    "file": Door(queries=("", "?thumb=1")),
    "upload": Door("POST"),
    "remove-file": Door("POST"),
    "palette": Door(queries=("", "?for=sources&q=a")),
    "cause": Door(),
    "live": Door(queries=("", "?last={answer}&cursor={run}:1")),
}
"""Every name of chatapp.urls."""

FRAMES: dict[str, Callable[[Target], dict[str, Any]]] = {
    "resume": lambda target: {"cursors": {str(target.run): 1}, "last": str(target.answer)},
    "post": lambda target: {"text": "I was here. fault:ok", "client_id": str(uuid4())},
    "stop": lambda target: {},
    "retry": lambda target: {"message": str(target.answer)},
    "edit": lambda target: {"message": str(target.answer), "text": "I was here", "client_id": str(uuid4())},
    "answer": lambda target: {"request": "input_0a1b2c3d", "value": "Yes"},
    "unqueue": lambda target: {"message": str(target.answer)},
    "ack": lambda target: {"seq": 5},
}
"""Every type of chatapp.protocol.Frame."""


def list_routes() -> list[URLPattern]:
    """Every address of the app."""
    assert all(isinstance(pattern, URLPattern) for pattern in urls.urlpatterns), "teach this test what was included"
    return list(urls.urlpatterns)


def list_frame_types() -> list[str]:
    """Every type of a frame."""
    return [get_args(frame.model_fields["type"].annotation)[0] for frame in get_args(protocol.Frame)]


def fill(text: str, target: Target) -> str:
    """A text with the ids of the target."""
    return text.format(thread=target.thread_id, answer=target.answer, run=target.run, fresh=uuid4())


def make_path(route: URLPattern, target: Target) -> str:
    """Its address for this target."""
    known = {
        "stream_id": target.thread_id,
        "name": "report",
        "thread_id": target.thread_id,
        "assistant": "guide",
        "message_id": target.answer,
        "index": 0,
        "token": "a-token-that-nobody-has",
        "share_id": target.thread_id,
        "attachment_id": target.answer,
        "folder_id": 1,
        "key": "0123456789abcdef",
        "reference": "7F3K-2Q",
    }
    values = {name: known[name] for name in route.pattern.converters}
    return reverse(f"chatapp:{route.name}", kwargs=values)


async def call_everything(person: Person, target: Target) -> list[tuple[str, Door, int, str, str]]:
    """Every address called by this person: name, door, status, text, Location."""
    answers = []
    for route in list_routes():
        assert route.name in DOORS, f"{route.name} is new: say in DOORS how it is called"
        door = DOORS[route.name]
        for query in door.queries:
            path = make_path(route, target) + fill(query, target)
            if door.method == "GET":
                answer = await person.get(path)
            else:
                answer = await person.post(path, {name: fill(value, target) for name, value in door.fields.items()})
            answers.append((route.name + query, door, answer.status, answer.text, answer.headers.get("Location", "")))
    return answers


@pytest.fixture
async def target(person: Person, stored: Stored) -> Target:
    """Somebody's thread in mid-answer."""
    tab = await person.ask(f"{TITLE} fault:slow-drip;n=4000;delay=0.05")
    await tab.until(lambda page: "word2" in page.text)
    return Target(tab, UUID(str(tab.page.last)), stored.runs(tab.thread_id)[0].id)


async def check_untouched(target: Target, stored: Stored) -> None:
    """The answer still comes, and nothing has become of what strangers said."""
    assert [message.role for message in stored.messages(target.thread_id)] == ["user", "assistant"]
    assert [run.state for run in stored.runs(target.thread_id)] == ["running"]
    ((title,),) = stored.query("SELECT title FROM chatapp_thread WHERE id = ?", target.thread_id)
    assert title.startswith(TITLE[:20])
    seen = target.tab.page.text
    await target.tab.until(lambda page: page.text != seen)
    await target.tab.stop()
    await target.tab.until(lambda page: page.state == "stopped")


async def test_for_a_stranger_there_is_no_such_thread_at_any_address(
    site: Site, target: Target, stored: Stored, newcomer: Callable[[Site], Person]
) -> None:
    stranger = await newcomer(site).sign_up()

    answers = await call_everything(stranger, target)

    for name, door, status, text, _ in answers:
        assert (name, status) == (name, 404 if door.is_of_a_thread else 200)
        assert SECRET not in text, name
    await check_untouched(target, stored)


@pytest.mark.parametrize("who", ["never signed in", "signed out", "session ended", "deactivated"])
async def test_who_is_not_signed_in_gets_the_login_at_every_address(
    site: Site, person: Person, target: Target, stored: Stored, newcomer: Callable[[Site], Person], who: str
) -> None:
    # The owner in another browser, so that the answer goes on to be seen in the first one.
    visitor = newcomer(site)
    await visitor.get("/accounts/login/")
    if who != "never signed in":
        await visitor.sign_in(person)
        await sign_out(visitor, stored, who)

    answers = await call_everything(visitor, target)

    for name, door, status, text, location in answers:
        way = (404, "") if door.is_for_visitors else (302, "/accounts/login/")
        assert (name, status, location.partition("?")[0]) == (name, *way)
        assert SECRET not in text, name
    if who != "deactivated":
        await check_untouched(target, stored)


async def sign_out(visitor: Person, stored: Stored, how: str) -> None:
    """Make a browser one that is not signed in any more; only "signed out" tells the sockets."""
    if how == "signed out":
        assert (await visitor.post("/accounts/logout/")).status == 302
    elif how == "session ended":
        stored.query("DELETE FROM django_session WHERE session_key = ?", visitor.cookies["sessionid"])
    else:
        stored.query("UPDATE auth_user SET is_active = ? WHERE username = ?", False, visitor.name)


@pytest.mark.parametrize(("who", "code"), [("stranger", 4404), ("anonymous", 4401)])
async def test_the_socket_is_closed_for_others_whatever_they_send(
    site: Site, target: Target, stored: Stored, newcomer: Callable[[Site], Person], who: str, code: int
) -> None:
    other = newcomer(site)
    if who == "stranger":
        await other.sign_up()

    for kind in list_frame_types():
        assert kind in FRAMES, f"{kind} is new: say in FRAMES what it looks like"
        tab = other.tab(target.thread_id)
        await tab.connect(resume=False)
        await tab.send(type=kind, **FRAMES[kind](target))
        assert (kind, await tab.until_closed(5)) == (kind, code)
        assert tab.frames == []
    await check_untouched(target, stored)


@pytest.mark.parametrize("how", ["signed out", "session ended", "deactivated"])
async def test_the_socket_is_closed_when_its_person_is_signed_out_meanwhile(
    site: Site, person: Person, target: Target, stored: Stored, newcomer: Callable[[Site], Person], how: str
) -> None:
    visitor = await newcomer(site).sign_in(person)
    kinds = [*list_frame_types(), None]
    tabs = [await visitor.open(target.thread_id) for _ in kinds]
    for tab in tabs:
        await tab.until(lambda page: "word2" in page.text)

    await sign_out(visitor, stored, how)
    for kind, tab in zip(kinds, tabs, strict=True):
        if kind is not None:
            await tab.send(type=kind, **FRAMES[kind](target))
    codes = await asyncio.gather(*(tab.until_closed(3) for tab in tabs))

    assert codes == [4401] * len(tabs)
    assert [run.state for run in stored.runs(target.thread_id)] == ["running"]
    assert len(stored.messages(target.thread_id)) == 2
    if how != "deactivated":  # The owner is the same person.
        await check_untouched(target, stored)


async def test_in_a_thread_of_ones_own_the_ids_of_another_open_nothing(
    site: Site, target: Target, stored: Stored, newcomer: Callable[[Site], Person]
) -> None:
    stranger = await newcomer(site).sign_up()
    own = await stranger.ask("Hello. fault:ok")
    await own.until_ended()
    base = f"/chat/{own.thread_id}"

    for kind in list_frame_types():
        await own.send(type=kind, **(FRAMES[kind](target) if kind != "post" else {"text": "", "client_id": "x"}))
    older = await stranger.get(f"{base}/?before={target.answer}")
    again = await stranger.post(f"{base}/retry/", {"message": str(target.answer)})
    await own.post("Goodbye. fault:ok")
    await own.until(lambda page: page.texts[-2:-1] == ["Goodbye. fault:ok"] and page.state == "complete")

    assert (older.status, again.status) == (404, 409)
    assert all(SECRET not in text for text in [*own.frames, older.text, again.text])
    await check_untouched(target, stored)


@pytest.mark.parametrize("how", ["no token", "foreign page"])
async def test_a_form_from_a_foreign_page_is_refused_at_every_address(
    person: Person, target: Target, stored: Stored, how: str
) -> None:
    for route in list_routes():
        door = DOORS[str(route.name)]
        if door.method == "POST":
            fields = {name: fill(value, target) for name, value in door.fields.items()}
            token = {"csrfmiddlewaretoken": ""} if how == "no token" else {}
            headers = {"Origin": "http://evil.example"} if how == "foreign page" else {}
            answer = await person.post(make_path(route, target), {**fields, **token}, headers=headers)
            assert (route.name, answer.status) == (route.name, 403)
    await check_untouched(target, stored)
