"""What an assistant says that cannot be: the run fails with the reason for staff and a sentence for the person, and
nothing said before is lost. What can be known when it is declared fails there."""

from collections.abc import Callable
from typing import Any

import pytest

import chatapp
from chatapp import registry
from chatapp.errors import get_sentence
from tests.line import Line

WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    # what nobody knows
    "an unknown type": (lambda: 7, "respond yielded builtins.int; yield a str, a chatapp.Part or an event"),
    "a role that does not exist": (lambda: {"role": "narrator", "content": "Hi"}, "a dict with the role 'narrator'"),
    "a delta for nothing": (lambda: chatapp.PartDelta("more", key="x"), "no part with that key is open"),
    # a wrong name
    "a wrong argument": (lambda: chatapp.CodeArtifact(source="x"), "content\n  Field required"),  # type: ignore[call-arg]  # the mistake
    "a wrong argument of an event": (
        lambda: chatapp.ToolCall(name="a", args={}),  # type: ignore[call-arg]  # the mistake
        "unexpected keyword argument 'args'",
    ),
    "a wrong field in a dict": (lambda: {"kind": "notice", "code": "a", "text": "b"}, "Extra inputs are not permitted"),
    # fields that exclude each other
    "options of a text": (lambda: chatapp.InputRequest(options=("a",)), "a text has no options"),
    "the kind of a part and its type": (
        lambda: chatapp.InputRequest(kind="buttons"),  # type: ignore[call-arg]  # the mistake
        "takes input_type, not kind",
    ),
    "data and rows of a table": (
        lambda: chatapp.TableArtifact(data=[{"a": 1}], rows=[[1]]),  # type: ignore[call-arg]  # the mistake
        "data and rows exclude each other",
    ),
    "an answer to a question that is open": (lambda: chatapp.InputRequest(answer="Yes"), "that is open has no answer"),
    # an option that does not exist
    "an unknown way to ask": (
        lambda: chatapp.InputRequest(input_type="slider"),
        "Input should be 'text', 'buttons', 'radio' or 'select'",
    ),
    "an unknown status of a task": (
        lambda: chatapp.TodoUpdate([{"id": 1, "title": "a", "status": "done"}]),
        "Input should be 'not-started', 'in-progress' or 'completed'",
    ),
    "an option of a display": (
        lambda: chatapp.ToolDisplay(colour="red"),  # type: ignore[call-arg]  # the mistake
        "Extra inputs are not permitted",
    ),
    "trust that cannot be given": (lambda: chatapp.ToolDisplay(html="<b>x</b>"), "html must be a SafeString"),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_what_cannot_be_fails_the_run_with_a_reason_and_keeps_what_was_said(line: Line, wrong: str) -> None:
    make, reason = WRONG[wrong]

    class Desk(chatapp.Assistant):
        """Says something, and then what is wrong."""

        async def respond(self, turn: chatapp.Turn) -> Any:
            """So far, so good."""
            yield "So far."
            yield make()
            yield "Never said."

    line.declares(Desk)

    run = await line.answer()

    text, error = await line.parts()
    assert text == chatapp.TextPart(text="So far.")
    assert isinstance(error, chatapp.ErrorPart)
    assert error.message == get_sentence("failed")
    assert error.reference == run.error_reference != ""
    assert (run.state, run.error_code) == ("failed", "failed")
    assert reason in run.error


async def test_a_way_to_ask_that_does_not_exist_fails_the_run_before_anybody_is_asked(line: Line) -> None:
    class Desk(chatapp.Assistant):
        """Asks in a way that there is not."""

        async def respond(self, turn: chatapp.Turn) -> Any:
            """So far, so good."""
            yield "So far."
            yield await turn.ask("How much?", kind="slider")  # type: ignore[arg-type]  # the mistake

    line.declares(Desk)

    run = await line.answer()

    assert [part.kind for part in await line.parts()] == ["text", "error"]
    assert "Input should be 'text', 'buttons', 'radio' or 'select'" in run.error


def test_a_wrong_name_of_an_argument_fails_where_the_assistant_is_declared() -> None:
    def desk(question: str) -> str:
        return question

    with registry.override(), pytest.raises(TypeError, match="question"):
        chatapp.register(desk)
