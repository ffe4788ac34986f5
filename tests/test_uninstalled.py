"""A part whose app was removed is a neutral box wherever it is shown, and the rest goes on as if it were not there."""

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from asgiref.sync import sync_to_async
from django.test import Client
from django.urls import reverse

import chatapp
from chatapp import parts
from chatapp.models import Message
from chatapp.testing import ThreadSocket
from tests.conftest import make_thread
from tests.line import Line
from tests.runs.test_follower import reload

BOX = "This part of the message cannot be shown here."
GONE = {"kind": "parcel-map", "parcel": 7, "html": "<script>alert(1)</script>"}


@pytest.fixture
def orphan(monkeypatch: pytest.MonkeyPatch) -> type[chatapp.Part]:
    """A kind that is registered, while its template loads tags of an app that is gone."""
    monkeypatch.setattr(parts, "_registry", dict(parts._registry))

    @chatapp.part
    class Orphan(chatapp.Part):
        """A parcel."""

        kind: ClassVar[str] = "orphan"
        number: int

    return Orphan


def store(owner: Any) -> Any:
    """A thread whose answer has such a part between two texts."""
    thread = make_thread(owner, ("Where is it?", "…"), assistant="echo")
    rows = [{"kind": "text", "text": "Before."}, GONE, {"kind": "text", "text": "After."}]
    Message.objects.filter(text="…").update(parts=rows, text="Before.\n\nAfter.")
    return thread


def check(html: str) -> None:
    """A neutral box stands between the two texts, and nothing of the part's own."""
    assert html.index("Before.") < html.index(BOX) < html.index("After.")
    assert "alert(1)" not in html


def test_a_part_of_an_app_that_is_gone_is_a_neutral_box_in_the_page(owner: Any, owner_client: Client) -> None:
    thread = store(owner)

    response = owner_client.get(thread.get_absolute_url())

    assert response.status_code == 200
    check(response.content.decode())
    assert owner_client.get(f"/chat/artifacts/{thread.head_id}/1/").status_code == 404


@pytest.mark.parametrize("name", ["thread", "message", "run"])
def test_a_part_of_an_app_that_is_gone_is_a_neutral_box_in_the_admin(
    owner: Any, staff_client: Client, name: str
) -> None:
    thread = store(owner)
    pk = {"thread": thread.pk, "message": thread.head_id, "run": thread.runs.get().pk}[name]

    record = staff_client.get(reverse(f"admin:chatapp_{name}_change", args=[pk]))

    assert record.status_code == 200
    assert staff_client.get(reverse(f"admin:chatapp_{name}_changelist")).status_code == 200
    if name != "run":
        check(record.content.decode())


def desk() -> Iterator[Any]:
    """Says something of an app that is not installed."""
    yield "Before."
    yield GONE
    yield "After."


async def test_a_part_of_an_app_that_is_gone_is_the_same_box_in_the_stream_and_after_a_reload(line: Line) -> None:
    line.declares(desk)

    async with ThreadSocket(line.owner, line.thread_id) as socket:
        await socket.post("Where is it?")
        page = await socket.until(lambda page: page.state == "complete")

    check(page.thread)
    assert page.missed == []
    assert (await reload(line)).thread == page.thread
    assert (await line.parts())[1].dump() == GONE


async def test_a_template_whose_tags_are_gone_takes_neither_page_nor_stream_down(
    line: Line, orphan: type[chatapp.Part], caplog: pytest.LogCaptureFixture
) -> None:
    def respond() -> Iterator[Any]:
        yield "Before."
        yield orphan(number=7)  # type: ignore[call-arg]  # known as a Part only
        yield "After."

    line.declares(respond)

    async with ThreadSocket(line.owner, line.thread_id) as socket:
        await socket.post("Where is it?")
        page = await socket.until(lambda page: page.state == "complete")

    check(page.thread)
    assert (await reload(line)).thread == page.thread
    assert "a part of kind orphan cannot be drawn" in caplog.text


async def test_the_conversation_goes_on_and_the_model_gets_the_rest(line: Line) -> None:
    line.thread_id = (await sync_to_async(store)(line.owner)).pk
    line.declares(type("Echo", (chatapp.Assistant,), {}))

    run = await line.answer("And now?")

    assert run.state == "complete"
    said = [message["content"] for message in line.provider.requests[-1].messages]
    assert said == ["Where is it?", "Before.\n\nAfter.", "And now?"]
