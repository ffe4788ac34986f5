"""A conversation in a terminal, without the terminal; tests/stories/test_ask.py has the command as a process."""

import io
import json
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.core.management.base import OutputWrapper

import chatapp
from chatapp.activity import ToolCallPart
from chatapp.errors import ProviderError, Refused
from chatapp.events import ThinkingDelta, Usage
from chatapp.management.asking import Conversation
from chatapp.management.printing import JsonPrinter, Printer
from chatapp.management.terminal import Terminal
from chatapp.models import Thread
from chatapp.parts import NoticePart, Part, TextPart, ThinkingPart
from chatapp.testing import call
from tests.assistants import Clerk
from tests.line import Line


class Desk:
    """A terminal at which nobody sits, and what is printed there."""

    def __init__(self, line: Line, *, is_json: bool = False, **options: Any) -> None:
        self.out, self.err = io.StringIO(), io.StringIO()
        kind = JsonPrinter if is_json else Printer
        self.printer = kind(OutputWrapper(self.out), OutputWrapper(self.err))
        self.conversation = Conversation(line.owner, self.printer, Terminal(None), thread_id=line.thread_id, **options)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What was printed as JSON."""
        return [json.loads(line) for line in self.out.getvalue().splitlines()]


async def test_the_answer_goes_to_the_one_stream_and_all_else_to_the_other(line: Line) -> None:
    line.declares(Clerk)
    line.plays(
        [ThinkingDelta("Hm.\nYes."), "One moment.", call("find_parcel", order_number=17)],
        ["Found ", "it.", Usage(input_tokens=3, output_tokens=4)],
    )
    desk = Desk(line)

    run = await desk.conversation.ask("Where is it?")

    assert run
    assert (run.state, run.thread_id) == ("complete", line.thread_id)
    assert desk.out.getvalue() == "One moment.\nFound it.\n"
    assert desk.err.getvalue() == (
        "Hm.\nYes.\n→ find_parcel(order_number=17)\n✓ find_parcel: 17 is in Bern for owner.\n"
    )


async def test_as_json_whatever_happens_is_a_line(line: Line) -> None:
    line.declares(Clerk)
    line.plays([ThinkingDelta("Hm."), call("find_parcel", order_number=17)], ["Found it.", Usage(input_tokens=3)])
    desk = Desk(line, is_json=True)

    await desk.conversation.ask("Where is it?")

    tools = [entry for entry in desk.lines if entry["type"] == "tool"]
    assert {entry["type"] for entry in desk.lines} == {"thinking", "tool", "text", "end"}
    assert (tools[-1]["name"], tools[-1]["state"]) == ("find_parcel", "done")
    assert tools[-1]["arguments"] == {"order_number": 17}
    assert desk.lines[-1]["type"] == "end"
    assert (desk.lines[-1]["thread"], desk.lines[-1]["input_tokens"]) == (str(line.thread_id), 3)


async def test_where_nobody_sits_what_must_be_allowed_is_denied(line: Line) -> None:
    line.declares(Clerk)
    line.plays([call("refund", order_number=17)], ["As you like."])
    desk = Desk(line)

    run = await desk.conversation.ask("Refund it.")

    assert run
    assert (run.state, desk.out.getvalue()) == ("complete", "As you like.\n")
    assert "✗ refund: The person did not allow this call." in desk.err.getvalue()


async def test_where_nobody_sits_a_question_ends_the_answer(line: Line) -> None:
    async def asker(turn: chatapp.Turn) -> Any:
        yield "Before."
        yield await turn.ask("Which way?")

    line.declares(asker)
    desk = Desk(line)

    run = await desk.conversation.ask("Go.")

    assert run
    assert (run.state, desk.out.getvalue()) == ("stopped", "Before.\n")
    assert "Which way? Nobody is there who could answer that." in desk.err.getvalue()


async def test_a_failure_is_its_sentence_and_reference(line: Line) -> None:
    line.says("So far", ProviderError("cut_off", "reset by sk-0123456789abcdef0123456789"))
    desk = Desk(line)

    run = await desk.conversation.ask("Hello?")

    assert run
    assert desk.out.getvalue() == "So far\n"
    assert desk.err.getvalue() == (
        f"The connection to the model was lost. What it had said is above. ({run.error_reference})\n"
    )


async def test_a_command_answers_with_its_notice(line: Line) -> None:
    desk = Desk(line)
    await desk.conversation.ask("Hello?")

    assert await desk.conversation.ask("/export") is None
    assert "Your file is ready." in desk.err.getvalue()


async def test_the_model_is_one_that_is_offered_or_if_none_is_any(line: Line) -> None:
    class Choosy(chatapp.Assistant):
        """Has models."""

        models = ("small", "large")

    line.declares(Choosy)
    await Desk(line, model="large").conversation.ask("Hello?")
    with pytest.raises(Refused, match="no such model"):
        await Desk(line, model="huge").conversation.ask("Hello?")
    line.declares(type("Choosy", (chatapp.Assistant,), {}))
    await Desk(line, model="huge").conversation.ask("Hello?")

    assert [request.model for request in line.provider.requests] == ["large", "huge"]


async def test_after_the_last_question_nobody_waits_for_a_title(line: Line) -> None:
    line.sets(TITLES="model")

    await Desk(line).conversation.ask("Hello?", is_last=True)

    assert [request.kind for request in line.provider.requests] == ["reply"]


@pytest.mark.parametrize(
    ("steps", "printed"),
    [
        ([[TextPart(text="Hel")], [TextPart(text="Hello")]], "Hello"),
        ([[TextPart(text="Hello")], [TextPart(text="Bye")]], "Hello\nBye"),
        ([[TextPart(text="a\x9b31mb\x7f")]], "a31mb"),
        ([[TextPart(text="One."), ThinkingPart(text="Hm."), TextPart(text="Two.")]], "One.\nTwo."),
        ([[chatapp.JsonArtifact(title="Data", data={"a": 1}), TextPart(text="Done.")]], None),
    ],
    ids=["what is new", "what is said anew", "no commands for the terminal", "each on its line", "other parts"],
)
def test_what_is_printed_of_an_answer_that_grows(steps: list[list[Part]], printed: str | None) -> None:
    out = io.StringIO()
    printer = Printer(OutputWrapper(out), OutputWrapper(io.StringIO()))

    for parts in steps:
        printer.show(parts)

    assert out.getvalue() == printed if printed is not None else out.getvalue().endswith("\nDone.")


def test_notices_and_long_tools_are_lines_of_their_own() -> None:
    err = io.StringIO()
    printer = Printer(OutputWrapper(io.StringIO()), OutputWrapper(err), has_colour=True)
    tool = ToolCallPart(tool_id="1", name="look", arguments={"at": "x" * 300})

    printer.show([tool, NoticePart(code="length", message="Cut off.")], "Looking", is_over=True)

    status, row, notice = err.getvalue().splitlines()
    assert (status, notice) == ("\x1b[2mLooking\x1b[0m", "\x1b[2mCut off.\x1b[0m")
    assert row.startswith('\x1b[2m→ look(at="xxx')
    assert len(row) < 220


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--assistant", "nobody", "Hi"], "there is no assistant 'nobody'; there are "),
        (["--user", "nobody", "Hi"], "there is no 'nobody'"),
        (["--thread", str(UUID(int=1)), "Hi"], f"owner has no conversation {UUID(int=1)}"),
        (["--thread", str(UUID(int=1)), "--temporary", "Hi"], "cannot become temporary"),
        ([], "nothing was asked: the input is empty"),
    ],
)
def test_what_cannot_be_is_a_sentence(
    owner: Any, arguments: list[str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(" \n"))

    with pytest.raises(CommandError, match=sentence):
        call_command("chatapp_ask", *arguments)

    assert Thread.objects.count() == 0


def test_who_asks_must_be_said_where_there_are_several(owner: Any, stranger: Any) -> None:
    with pytest.raises(CommandError, match="say who asks: --user NAME"):
        call_command("chatapp_ask", "Hi")
