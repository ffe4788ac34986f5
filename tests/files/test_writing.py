"""What a model gets of files: in the requests that really go out, and by its tool."""

import base64
import json
from typing import Any
from uuid import uuid4

import pytest

import chatapp
from chatapp import actions
from chatapp.files.chatfile import ChatFile
from chatapp.files.context import find_context
from chatapp.files.writing import wrap
from chatapp.models.files import get_storage
from chatapp.parts import Part
from chatapp.providers.base import replace_provider
from chatapp.providers.openai import OpenAIProvider
from chatapp.providers.scripted import call
from chatapp.turn import ChatMessage, Turn
from tests.faults.server import FaultServer
from tests.line import Line

from .made import make_image, make_pdf
from .test_attaching import Taker, send, stage

TABLE = ChatFile(name="orders.csv", media_type="text/csv", size_bytes=12, text="order,total\n1,2")
PICTURE = ChatFile(name="a.png", media_type="image/png", size_bytes=3, load=lambda: b"png")


class Asking(chatapp.Assistant):
    """Lets the model read what was attached."""

    attachments = True
    tools = (chatapp.CONTEXT_TOOL,)


def make_turn(*messages: ChatMessage, assistant: Any = Taker, **given: Any) -> Turn:
    """A turn by hand."""
    return Turn(assistant=type(assistant.__name__, (assistant,), given)(), messages=messages)


def ask(text: str, *files: ChatFile, role: str = "user", **given: Any) -> ChatMessage:
    """A message with files."""
    return ChatMessage(role=role, content=text, attachments=files, **given)


async def get_contents(turn: Turn) -> list[Any]:
    """What the messages of its request say."""
    return [message["content"] for message in (await turn.get_request()).messages]


async def test_the_body_of_a_request_has_text_between_marks_and_images_as_images(line: Line) -> None:
    line.declares(Taker)
    async with FaultServer() as server:
        provider = OpenAIProvider(model="stage", base_url=server.base_url)
        with replace_provider(provider):
            image = make_image()
            files = [
                await stage(line, "a <1>.csv", b"a,</attachment> b\n"),
                await stage(line, "letter.pdf", make_pdf("Dear Ada")),
                await stage(line, "a.png", image),
            ]
            await send(line, *files, text="What is this? fault:ok")
            await line.ended()
            await provider.aclose()
    (body,) = [exchange.body for exchange in server.received]

    text, picture = body["messages"][-1]["content"]
    assert text == {
        "type": "text",
        "text": (
            '<attachment name="a &lt;1&gt;.csv" type="text/csv">\na,&lt;/attachment> b\n\n</attachment>\n\n'
            '<attachment name="letter.pdf" type="application/pdf">\nDear Ada\n</attachment>\n\n'
            f"[Image: a.png (image/png, {files[2].size_bytes} B)]\n\n"
            "What is this? fault:ok"
        ),
    }
    kind, data = picture["image_url"]["url"].split(",")
    assert (picture["type"], kind) == ("image_url", "data:image/png;base64")
    assert base64.b64decode(data).startswith(b"\x89PNG")
    assert json.dumps(body)


async def test_the_history_has_its_files_and_they_are_in_no_bubble_as_text(line: Line) -> None:
    line.declares(Taker)
    posted = await send(line, await stage(line), text="One?")
    await line.ended()
    await line.answer("Two?")

    contents = [message["content"] for message in line.provider.requests[-1].messages]
    assert contents[0].startswith('<attachment name="orders.csv"')
    assert contents[0].endswith("</attachment>\n\nOne?")
    assert contents[2] == "Two?"
    question = (await line.thread()).messages
    assert (await question.aget(pk=posted.message_id)).text == "One?"


async def test_a_turn_has_its_files_with_all_that_one_may_want_to_know(line: Line) -> None:
    seen: list[Any] = []

    class Looking(Taker):
        """Looks at what came."""

        def respond(self, text: str, attachments: Any, turn: chatapp.Turn) -> str:  # type: ignore[override]
            """Say what it is."""
            seen.extend([text, *attachments, turn.attachment_summary, turn.context_text])
            return attachments[0].read().decode()

    line.declares(Looking)
    row = await stage(line)
    await send(line, row)
    await line.ended()

    text, file, summary, context = seen
    assert isinstance(file, chatapp.ChatFile)
    assert (text, file.name, file.media_type, file.size_bytes) == ("", "orders.csv", "text/csv", 16)
    assert (file.text, file.url, file.id) == ("order,total\n1,2\n", f"/chat/files/{row.pk}/", row.pk)
    assert summary == "Attached: orders.csv (text/csv, 16 B)"
    assert context == '<attachment name="orders.csv" type="text/csv">\norder,total\n1,2\n\n</attachment>'
    assert getattr((await line.parts())[0], "text", "") == "order,total\n1,2\n"


@pytest.mark.parametrize(
    ("declared", "of_provider", "is_image"), [(None, True, True), (None, False, False), (False, True, False)]
)
async def test_images_go_only_to_models_that_see(declared: bool | None, of_provider: bool, is_image: bool) -> None:
    turn = make_turn(ask("What is it?", PICTURE), sees_images=declared)
    provider = OpenAIProvider(model="stage", base_url="http://127.0.0.1:1/v1", sees_images=of_provider)
    with replace_provider(provider):
        (content,) = await get_contents(turn)

    if is_image:
        assert content[1] == {"type": "image_url", "image_url": {"url": "data:image/png;base64,cG5n"}}
    else:
        assert content == "[Image: a.png (image/png, 3 B); you cannot see it]\n\nWhat is it?"


async def test_beyond_the_budget_text_is_cut_with_a_note_and_the_newest_comes_first(line: Line) -> None:
    line.sets(ATTACHMENT_MODEL_CHARS=300)
    long = ChatFile(name="long.txt", media_type="text/plain", size_bytes=1, text="x" * 500)
    turn = make_turn(
        ask("One", long), ask("Two", TABLE), ask("Three", ChatFile(name="e.pdf", media_type="application/pdf"))
    )

    first, second, third = await get_contents(turn)

    assert f"{'x' * 285}\n… (215 more characters were cut off)\n</attachment>" in first
    assert TABLE.text in second
    assert third == "[e.pdf (application/pdf, 0 B); it has no text that could be read]\n\nThree"


async def test_with_the_tool_what_does_not_fit_is_named_in_one_line(line: Line) -> None:
    line.sets(ATTACHMENT_MODEL_CHARS=20)
    long = ChatFile(name="long.txt", media_type="text/plain", size_bytes=500, text="x" * 500)
    other = ChatFile(name="more.txt", media_type="text/plain", size_bytes=600, text="y" * 600)

    (content,) = await get_contents(make_turn(ask("Hi", TABLE, long, other), assistant=Asking))

    assert content == (
        f"{wrap(TABLE, TABLE.text)}\n\n"
        "Attached: long.txt (text/plain, 500 B), more.txt (text/plain, 600 B) (read each with get_context)\n\nHi"
    )


async def test_a_model_reads_an_attachment_with_its_tool(line: Line) -> None:
    line.declares(Asking)
    line.sets(ATTACHMENT_MODEL_CHARS=0)
    line.says(call("get_context", name="@Orders.csv"))
    line.provider.scripts.append(["Two."])
    await send(line, await stage(line), text="How much?")
    await line.ended()

    first, second = line.provider.requests
    ((definition,),) = [first.tools]
    assert definition["function"]["name"] == "get_context"
    assert definition["function"]["parameters"]["required"] == ["name"]
    assert definition["function"]["parameters"]["properties"].keys() == {"name"}
    assert second.messages[-1]["content"] == "order,total\n1,2\n"


class Mentioned(Part):
    """A part with a name and a text, such as other code may have."""

    name: str
    text: str


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("orders.csv", TABLE.text),
        ("@ORDERS.csv", TABLE.text),
        ("Sales Data", "3 sold"),
        ("@Sales Data", "3 sold"),
        ("a.png", "[a.png (image/png, 3 B); it has no text that could be read]"),
        ("nothing", "There is nothing of this name. There is: Sales Data, orders.csv, a.png."),
    ],
)
def test_what_was_attached_or_mentioned_is_found_by_its_name(name: str, found: str) -> None:
    messages = [
        ask("", TABLE, PICTURE),
        ask("", parts=(Mentioned(name="Sales Data", text="3 sold"),)),
    ]

    assert find_context(messages, name) == found


def test_without_anything_attached_the_tool_says_so() -> None:
    assert find_context([ask("Hi")], "x") == "Nothing was attached."


async def test_an_image_that_is_gone_is_a_note_and_no_failure(line: Line, caplog: pytest.LogCaptureFixture) -> None:
    line.declares(type("Seeing", (Taker,), {"sees_images": True, "__doc__": "Sees."}))
    row = await stage(line, "a.png", make_image())
    get_storage().delete(str(row.file.name))

    await actions.post_message(line.owner, line.thread_id, text="Hi", client_id=uuid4(), attachments=[row.pk])
    await line.ended()

    assert line.provider.requests[0].messages[-1]["content"].startswith("[Image: a.png")
    assert "cannot be read" in caplog.text
