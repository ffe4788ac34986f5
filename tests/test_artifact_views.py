"""The address of an artifact: who gets what there, and what it may do in a browser."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from typing import Any
from unittest import mock
from uuid import UUID, uuid4

import pytest
from django.test import AsyncClient, Client

import chatapp
from chatapp.models import Message, Run
from chatapp.providers.scripted import PATIENCE_SECONDS
from chatapp.runs.runner import get_runner
from chatapp.testing import Page, ThreadSocket
from chatapp.views import artifacts
from tests.conftest import make_thread
from tests.line import Line
from tests.test_artifacts import ONE_OF_EACH, PIXEL

MARK = "Rumpelstiltskin"
CODE, DOCUMENT, PAGE, TABLE, IMAGE, TREE, CHART = range(len(ONE_OF_EACH))


def make_message(owner: Any, *parts: chatapp.Part, **values: Any) -> UUID:
    """A stored answer with these parts."""
    thread = make_thread(owner, ("Show me.", "x"))
    message = thread.head
    assert message is not None
    Message.objects.filter(pk=message.pk).update(parts=[part.dump() for part in parts], **values)
    return message.pk


@pytest.fixture
def message(owner: Any) -> UUID:
    """An answer of the owner with one artifact of each kind."""
    return make_message(owner, *ONE_OF_EACH)


def get(client: Client, message: UUID, index: int = 0, query: str = "") -> Any:
    """What a browser gets."""
    return client.get(f"/chat/artifacts/{message}/{index}/{query}")


def read_policy(response: Any) -> dict[str, list[str]]:
    """The directives of the content security policy."""
    directives = (directive.split() for directive in response["Content-Security-Policy"].split(";"))
    return {name: sources for name, *sources in directives}


# ---- who


@pytest.mark.parametrize("query", ["", "?download=1", "?source=1", "?rows=0"])
@pytest.mark.parametrize("index", range(len(ONE_OF_EACH)))
def test_for_a_stranger_there_is_nothing_here(stranger_client: Client, message: UUID, index: int, query: str) -> None:
    assert get(stranger_client, message, index, query).status_code == 404


@pytest.mark.parametrize("query", ["", "?download=1", "?source=1", "?rows=0"])
def test_who_is_not_signed_in_is_sent_to_the_login(client: Client, message: UUID, query: str) -> None:
    response = get(client, message, PAGE, query)

    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/") or "login" in response["Location"]


def test_what_people_do_not_see_has_no_address(owner_client: Client, owner: Any) -> None:
    hidden = make_message(owner, *ONE_OF_EACH, visible=False)

    assert get(owner_client, hidden, CODE, "?source=1").status_code == 404


@pytest.mark.parametrize(
    ("index", "query"),
    [
        (99, ""),
        (CODE, ""),
        (CODE, "?rows=0"),
        (TABLE, ""),
        (PAGE, "?download=1"),
        (PAGE, "?x=1"),
        (CHART, "?x=1"),
        (IMAGE, ""),
    ],
)
def test_what_a_kind_does_not_have_is_not_found(owner_client: Client, message: UUID, index: int, query: str) -> None:
    assert get(owner_client, message, index, query).status_code == 404


def test_a_message_that_does_not_exist_is_not_found(owner_client: Client) -> None:
    assert get(owner_client, uuid4()).status_code == 404


def test_a_text_is_no_artifact(owner_client: Client, owner: Any) -> None:
    assert get(owner_client, make_message(owner, chatapp.TextPart(text="x")), 0, "?source=1").status_code == 404


def test_nothing_is_changed_here(owner_client: Client, message: UUID) -> None:
    assert owner_client.post(f"/chat/artifacts/{message}/0/").status_code == 405


# ---- a page


def test_a_page_is_given_in_a_sandbox_that_reaches_nothing(owner_client: Client, message: UUID) -> None:
    response = get(owner_client, message, PAGE)

    policy = read_policy(response)
    assert response.content.decode() == f"<!doctype html>\n{ONE_OF_EACH[PAGE].source}"
    assert response["Content-Type"] == "text/html; charset=utf-8"
    assert policy["sandbox"] == ["allow-scripts"]
    assert policy["default-src"] == ["'none'"]
    assert policy["frame-ancestors"] == ["'self'"]
    assert policy["script-src"] == policy["style-src"] == ["'unsafe-inline'"]
    assert policy["form-action"] == policy["base-uri"] == ["'none'"]
    assert {source for sources in policy.values() for source in sources} <= {
        "allow-scripts", "'none'", "'self'", "'unsafe-inline'", "data:",
    }  # fmt: skip
    assert [response[name] for name in ("X-Frame-Options", "X-Content-Type-Options", "Referrer-Policy")] == [
        "SAMEORIGIN",
        "nosniff",
        "no-referrer",
    ]
    assert {"no-store", "private"} <= set(response["Cache-Control"].split(", "))


def test_a_page_that_says_what_it_is_is_given_as_it_is(owner_client: Client, owner: Any) -> None:
    page = make_message(owner, chatapp.HtmlArtifact(content="<!DOCTYPE html><p>ü"))

    assert get(owner_client, page).content.decode() == "<!DOCTYPE html><p>ü"


@pytest.mark.parametrize(
    ("index", "query"),
    [(CODE, "?download=1"), (CODE, "?source=1"), (PAGE, "?source=1"), (TABLE, "?rows=0"), (CHART, "?source=1")],
)
def test_what_is_no_page_may_do_nothing_at_all(owner_client: Client, message: UUID, index: int, query: str) -> None:
    response = get(owner_client, message, index, query)

    policy = read_policy(response)
    assert response.status_code == 200
    assert (policy["sandbox"], policy["default-src"], policy["frame-ancestors"]) == ([], ["'none'"], ["'none'"])
    assert not response["Content-Type"].startswith("text/html")
    assert [response[name] for name in ("X-Frame-Options", "X-Content-Type-Options")] == ["DENY", "nosniff"]
    assert {"no-store", "private"} <= set(response["Cache-Control"].split(", "))


@pytest.mark.parametrize("middleware", ["project.middleware.content_security_policy"])
def test_the_policy_of_the_site_does_not_take_its_place(
    owner_client: Client, message: UUID, settings: Any, middleware: str
) -> None:
    settings.SECURE_CSP = {"default-src": ["'self'"]}
    settings.MIDDLEWARE = [middleware, *settings.MIDDLEWARE]

    assert read_policy(get(owner_client, message, PAGE))["sandbox"] == ["allow-scripts"]
    assert read_policy(owner_client.get("/chat/")) == {"default-src": ["'self'"]}


# ---- files and sources


@pytest.mark.parametrize("index", [CODE, DOCUMENT, TABLE, TREE, CHART])
def test_an_artifact_is_downloaded_as_a_file_with_its_name(owner_client: Client, message: UUID, index: int) -> None:
    response = get(owner_client, message, index, "?download=1")

    assert response.content.decode() == ONE_OF_EACH[index].source
    assert response["Content-Disposition"] == f'attachment; filename="{ONE_OF_EACH[index].file_name}"'


def test_an_image_is_downloaded_as_what_it_is(owner_client: Client, message: UUID) -> None:
    response = get(owner_client, message, IMAGE, "?download=1")

    assert response.content.startswith(b"\x89PNG")
    assert (response["Content-Type"], len(response.content)) == ("image/png", len(PIXEL.partition(",")[2]) * 3 // 4 - 2)


def test_a_hostile_title_does_not_leave_its_header(owner_client: Client, owner: Any) -> None:
    title = 'x"; filename="evil.exe\r\nSet-Cookie: a=b\u202e'
    response = get(owner_client, make_message(owner, chatapp.CodeArtifact(content="x", title=title)), 0, "?download=1")

    assert response["Content-Disposition"] == 'attachment; filename="x-filenameevilexe-set-cookie-ab.txt"'
    assert "Set-Cookie" not in response.headers


def test_the_source_of_each_is_there_to_be_copied(owner_client: Client, message: UUID) -> None:
    for index, part in enumerate(ONE_OF_EACH):
        assert get(owner_client, message, index, "?source=1").content.decode() == part.source


def test_formulas_in_a_file_of_rows_are_text(owner_client: Client, owner: Any) -> None:
    table = make_message(owner, chatapp.TableArtifact(data=[{"=a": "@SUM(1)", "n": -1}]))

    response = get(owner_client, table, 0, "?download=1")

    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert list(csv.reader(io.StringIO(response.content.decode(), newline=""))) == [["'=a", "n"], ["'@SUM(1)", "-1"]]


# ---- rows


@pytest.fixture
def numbers(owner: Any) -> UUID:
    """A table of 100,000 rows."""
    columns = {"n": list(range(100_000)), "name": [f"Name {n % 1000}" for n in range(100_000)]}
    return make_message(owner, chatapp.TableArtifact(data=columns))


def test_a_table_of_a_hundred_thousand_rows_is_paged_by_the_server(owner_client: Client, numbers: UUID) -> None:
    middle = get(owner_client, numbers, 0, "?rows=50000&count=2").json()
    last = get(owner_client, numbers, 0, "?rows=0&count=2&sort=0&order=desc").json()
    found = get(owner_client, numbers, 0, "?rows=100&filter=name+999&sort=0&order=asc")

    assert middle == {
        "start": 50_000,
        "total": 100_000,
        "rows": [["50000", "Name 0"], ["50001", "Name 1"]],
        "status": "50,001 to 50,002 of 100,000",
    }
    assert [row[0] for row in last["rows"]] == ["99999", "99998"]
    assert (found.json()["total"], found.json()["rows"]) == (100, [])
    assert len(found.content) < 1000


@pytest.mark.parametrize("query", ["?rows=-1", "?rows=x", "?rows=0&sort=2", "?rows=0&sort=-1", "?rows=0&count=101"])
def test_rows_that_cannot_be_are_refused_with_a_sentence(owner_client: Client, numbers: UUID, query: str) -> None:
    response = get(owner_client, numbers, 0, query)

    assert (response.status_code, response.content.decode()) == (
        400,
        "rows and sort are numbers from 0 on, count is at most 100.",
    )


# ---- while it is being said


@pytest.mark.parametrize("what", ["a new page", "another page in the place of one that is stored"])
async def test_a_frame_that_asks_before_its_page_is_stored_gets_it_when_it_is(line: Line, what: str) -> None:
    waiting, shown, going = asyncio.Event(), asyncio.Event(), asyncio.Event()
    page = chatapp.HtmlArtifact(content=f"<p>{MARK}")

    async def painter(text: str) -> AsyncIterator[Any]:
        yield "Here: "
        if what != "a new page":
            yield chatapp.PartStart(chatapp.HtmlArtifact(content="<p>old"), key="page")
            await get_runner().checkpoint()
        yield chatapp.PartStart(page, key="page")
        shown.set()
        await going.wait()
        yield "Done."

    async def pause() -> None:
        waiting.set()
        await asyncio.sleep(0)

    line.sets(CHECKPOINT_SECONDS=600.0)
    line.declares(painter)
    line.enters(mock.patch.object(artifacts, "_pause", pause))
    browser = AsyncClient()
    await browser.aforce_login(line.owner)
    posted = await line.post()
    assert posted.run_id is not None
    run = await Run.objects.aget(pk=posted.run_id)
    assert run.reply_id is not None
    await asyncio.wait_for(shown.wait(), PATIENCE_SECONDS)

    asked = asyncio.ensure_future(browser.get(f"/chat/artifacts/{run.reply_id}/1/?version={page.version}"))
    await asyncio.wait_for(waiting.wait(), PATIENCE_SECONDS)
    assert MARK not in str((await Message.objects.aget(pk=run.reply_id)).parts)
    await get_runner().checkpoint()
    response = await asked

    assert (response.status_code, MARK in response.content.decode()) == (200, True)
    assert (await browser.get(f"/chat/artifacts/{run.reply_id}/0/?source=1")).status_code == 404
    going.set()
    await line.ended()


async def test_the_model_gets_the_text_around_an_artifact_and_not_what_it_holds(line: Line) -> None:
    line.plays(["Here."], ["Again."])

    async def showing(turn: chatapp.Turn) -> AsyncIterator[Any]:
        async for piece in turn.stream():
            yield piece
        yield chatapp.CodeArtifact(content=MARK, language="python")
        yield " And that was it."

    line.declares(showing)
    await line.answer("One?")
    await line.answer("Two?")

    said = [message["content"] for message in line.provider.requests[-1].messages]
    assert said == ["One?", "Here.\n\n And that was it.", "Two?"]
    assert [part.kind for part in await line.parts()] == ["text", "code-artifact", "text"]
    assert await Message.objects.filter(text__contains=MARK).aexists()


async def test_who_followed_an_answer_with_artifacts_sees_what_whoever_reloads_sees(line: Line) -> None:
    async def showing(text: str) -> AsyncIterator[Any]:
        for part in ONE_OF_EACH:
            yield f"Here is **{part.title}**"
            yield ":"
            yield part
        yield "That was all."

    line.declares(showing)
    browser = AsyncClient()
    await browser.aforce_login(line.owner)

    async with ThreadSocket(line.owner, line.thread_id) as socket:
        await socket.post("Show me.")
        streamed = await socket.until(lambda page: page.state == "complete")
        reloaded = Page((await browser.get(f"/chat/{line.thread_id}/")).content.decode())

    kinds = [part.kind for part in await line.parts()]
    assert kinds == [kind for part in ONE_OF_EACH for kind in ("text", part.kind)] + ["text"]
    assert streamed.missed == []
    assert streamed.html_of(f"m-{streamed.last}-parts") == reloaded.html_of(f"m-{reloaded.last}-parts")
