"""What only clients of chatlas have: a memory that must not be shared, callbacks, citations, results in pieces."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any

import chatlas
import pytest
from chatlas.types import ContentCitation, WebSource

import chatapp
from chatapp.adapters.chatlas import ChatlasAssistant, _Reader
from chatapp.adapters.records import Rows
from chatapp.testing import ask
from tests.faults.server import FaultServer

from .agents import Parcels, make_chatlas, remember

pytestmark = pytest.mark.filterwarnings("ignore:Calling tool:RuntimeWarning")


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    """Closes the clients."""
    async with AsyncExitStack() as clients:
        yield clients


@pytest.fixture
def desk(stack: AsyncExitStack, server: FaultServer, parcels: Parcels) -> type[Any]:
    """An assistant whose client has a tool."""
    return make_chatlas(stack, server.base_url, parcels)


def get_rows(answer: Any) -> list[tuple[Any, str, Any]]:
    """Arguments, state and result of each row."""
    rows = [part for part in answer.parts if isinstance(part, chatapp.ToolCallPart)]
    return [(row.arguments["order_number"], row.state, row.result) for row in rows]


async def test_a_tool_that_must_be_allowed_waits_for_the_person(
    stack: AsyncExitStack, server: FaultServer, parcels: Parcels
) -> None:
    desk = make_chatlas(stack, server.base_url, parcels, approve=["find_parcel"])

    answer = await ask(desk, "fault:tools", person_says=["allow", "deny", "allow"])

    assert parcels.asked == [17, 19]
    assert [state for _, state, _ in get_rows(answer)] == ["done", "denied", "done"]
    assert "did not allow" in get_rows(answer)[1][2]
    assert [part.answer for part in answer.parts if isinstance(part, chatapp.ApprovalRequest)] == [
        "allow",
        "deny",
        "allow",
    ]


async def test_callbacks_of_the_client_are_called_and_ours_are_not_left_on_it(desk: Any) -> None:
    heard: list[str] = []
    desk.client.on_tool_request(lambda request: heard.append(request.name))
    guarded = type("Guarded", (desk,), {"approve": ["find_parcel"], "slug": "guarded"})

    await ask(guarded, "fault:tools", person_says=["allow"] * 3)

    assert heard == ["find_parcel"] * 3
    assert desk.client._on_tool_request_callbacks.count() == 1


async def test_a_tool_that_fails_has_a_failed_row_and_the_model_is_told(
    desk: Any, server: FaultServer, capfd: pytest.CaptureFixture[str]
) -> None:
    def find_parcel(order_number: int) -> str:
        raise ValueError("no such order")

    desk.client.register_tool(find_parcel, force=True)

    answer = await ask(desk, "fault:tools")

    assert get_rows(answer)[0] == (17, "failed", "Tool call failed with error: 'no such order'")
    assert server.received[1].body["messages"][-1]["content"] == "Tool call failed with error: 'no such order'"


async def test_what_a_tool_gives_in_pieces_is_one_row(desk: Any) -> None:
    async def find_parcel(order_number: int) -> Any:
        yield "Bern"
        yield "Basel"

    desk.client.register_tool(find_parcel, force=True)

    answer = await ask(desk, "fault:tools")

    assert get_rows(answer)[0] == (17, "done", ["Bern", "Basel"])


async def test_the_client_remembers_nobody(desk: Any, server: FaultServer) -> None:
    desk.client.system_prompt = "You are a desk."
    other = type("Other", (desk,), {"slug": "other", "model": "model-18", "instructions": "Be brief."})

    await ask(other, "fault:ok", history=remember("Hello", [chatapp.TextPart(text="Hi.")]))

    assert (desk.client.get_turns(), desk.client.system_prompt, desk.client.model) == (
        [],
        "You are a desk.",
        "model-17",
    )
    body = server.received[-1].body
    assert (body["model"], body["messages"][0]["content"]) == ("model-18", "You are a desk.\n\nBe brief.")


async def test_options_that_the_vendor_has_go_along_and_no_others(desk: Any, server: FaultServer) -> None:
    options = {"temperature": 0.5, "top_k": 3, "stop": ["END"]}

    await ask(type("Other", (desk,), {"slug": "other", "options": options}), "fault:ok")

    body = server.received[-1].body
    assert (body["temperature"], body["stop"], "top_k" in body) == (0.5, ["END"], False)
    assert desk.client._standard_model_params == {}


def test_a_source_is_a_citation_and_one_without_an_address_is_none() -> None:
    source = WebSource(url="https://bern.example/", title="Bern")
    said = [
        ContentCitation(source=source, cited_quote="It is.", grounded_span="So it is."),
        ContentCitation(grounded_span="So it is."),
        ContentCitation(source=WebSource(url="javascript:alert(1)")),
    ]

    read = [event for item in said for event in _read(item)]

    assert read == [
        chatapp.CitationPart(url="https://bern.example/", title="Bern", snippet="It is.", grounded_text="So it is."),
        None,
        None,
    ]


def _read(item: Any) -> Iterator[Any]:
    return _Reader(Rows()).read(item)


async def test_another_client_may_answer_each_person(desk: Any, server: FaultServer) -> None:
    class Desk(ChatlasAssistant):
        def get_client(self, turn: chatapp.Turn) -> chatlas.Chat[Any, Any]:
            return desk.client if turn.user == "Ann" else None  # type: ignore[return-value]

    assert (await ask(Desk, "fault:ok", user="Ann")).text
    with pytest.raises(chatapp.errors.ChatappError, match="Desk has no client"):
        await ask(Desk, "fault:ok", user="Bob")
