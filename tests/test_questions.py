"""A question in the middle of an answer, as a value: what can be asked, and what is refused when it is declared."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import ValidationError

import chatapp
from chatapp.errors import ChatappError
from chatapp.parts import UnknownPart, load_part
from chatapp.questions import InputRequest, find_request
from chatapp.testing import ask


def test_a_question_has_the_defaults_of_the_field() -> None:
    question = InputRequest(prompt="Name?")

    assert (question.input_type, question.placeholder, question.options) == ("text", "Type your response…", ())
    assert (question.state, question.answer) == ("open", None)
    assert question.id.startswith("input_")
    assert len(bytes.fromhex(question.id.removeprefix("input_"))) == 4
    assert question.id != InputRequest(prompt="Name?").id


def test_buttons_are_yes_and_no_unless_said_otherwise() -> None:
    assert InputRequest(input_type="buttons").options == ("Yes", "No")
    assert InputRequest(input_type="buttons", options=["Go", "Stay"]).options == ("Go", "Stay")


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"input_type": "slider"}, "Input should be 'text', 'buttons', 'radio' or 'select'"),
        ({"input_type": "radio"}, 'radio needs options, such as options=["Red", "Green"]'),
        ({"input_type": "select", "options": []}, "select needs options"),
        ({"input_type": "text", "options": ["a"]}, "a text has no options; for a choice write input_type="),
        ({"input_type": "radio", "options": ["a", "a"]}, "options must be distinct and not empty, not ['a', 'a']"),
        ({"input_type": "radio", "options": ["a", " "]}, "options must be distinct and not empty, not ['a', ' ']"),
        ({"input_type": "radio", "options": "abc"}, "options must be a list of strings, not the string 'abc'"),
        ({"input_type": "radio", "options": [1, 2]}, "Input should be a valid string"),
        ({"kind": "buttons"}, "an InputRequest takes input_type, not kind"),
        ({"state": "answered"}, "a question that is answered has an answer"),
        ({"answer": "Yes"}, "a question that is open has no answer"),
        ({"choices": ["a"]}, "Extra inputs are not permitted"),
    ],
)
def test_what_cannot_be_asked_says_what_would_be_right(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError) as caught:
        InputRequest(**values)

    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    "question",
    [
        InputRequest(prompt="Name?"),
        InputRequest(prompt="Name?", placeholder="…").answered("Ada\nLovelace"),
        InputRequest(prompt="Go?", input_type="buttons").closed("expired"),
        InputRequest(prompt="Colour?", input_type="select", options=["Red", "Green"]).closed("cancelled"),
    ],
)
def test_a_question_comes_back_from_the_database_as_it_was(question: InputRequest) -> None:
    assert load_part(question.dump()) == question


def test_a_stored_question_that_makes_no_sense_is_an_unknown_part() -> None:
    assert isinstance(load_part({"kind": "question", "input_type": "radio"}), UnknownPart)


def test_the_model_is_told_what_was_asked_and_answered() -> None:
    question = InputRequest(prompt="Which one?")

    assert question.plain == "Which one?"
    assert question.answered("This\nthat").plain == "Which one?\n\n> This\n> that"


def test_an_answer_is_one_of_the_options() -> None:
    question = InputRequest(input_type="radio", options=[" Red ", "Green"])

    assert question.find_option("Red") == " Red "
    assert question.find_option("Blue") is None
    assert InputRequest().find_option("anything") == "anything"


def test_a_question_is_recognised_however_it_is_yielded() -> None:
    question = InputRequest(prompt="Go?")

    assert find_request(question) is question
    assert find_request(chatapp.PartStart(question, key="mine")) is question
    found = find_request({"kind": "question", "prompt": "Go?"})
    assert found is not None
    assert found.prompt == "Go?"
    assert [find_request(item) for item in ("Go?", {"content": "Go?"}, question.answered("Yes"), None)] == [None] * 4


async def test_a_turn_made_by_hand_says_that_nobody_is_there() -> None:
    class Asks(chatapp.Assistant):
        async def respond(self, turn: chatapp.Turn) -> str:
            return await turn.ask("Go?", kind="buttons")

    class Waits(chatapp.Assistant):
        async def respond(self, turn: chatapp.Turn) -> str:
            return await turn.wait_for_input()

    for assistant in (Asks, Waits):
        with pytest.raises(ChatappError, match="nobody is there to be asked: this turn was made by hand"):
            await ask(assistant, "Hi")


@pytest.mark.parametrize("seconds", [0, -1.5])
async def test_a_time_limit_that_is_over_at_once_is_an_error(seconds: float) -> None:
    class Asks(chatapp.Assistant):
        async def respond(self, turn: chatapp.Turn) -> str:
            return await turn.ask("Go?", timeout=seconds)

    with pytest.raises(ValueError, match="timeout must be more than 0 seconds, or None for ever"):
        await ask(Asks, "Hi")


async def test_an_assistant_that_asks_can_be_tested_without_a_person() -> None:
    class Packs(chatapp.Assistant):
        async def respond(self, turn: chatapp.Turn) -> AsyncIterator[Any]:
            yield chatapp.InputRequest(prompt="Gift?", input_type="buttons")
            yield f"Gift: {await turn.wait_for_input()}. "
            yield f"For: {await turn.ask('Name?', timeout=60)}."

    answer = await ask(Packs, "Hi", person_says=["Yes"])

    assert answer.text == "Gift?\n\n> Yes\n\nGift: Yes. \n\nName?\n\nFor: ."
    with pytest.raises(AssertionError, match="'Perhaps' is none of the options"):
        await ask(Packs, "Hi", person_says=["Perhaps"])
