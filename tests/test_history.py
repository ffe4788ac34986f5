"""What an answer did with tools, as the API has it: calls and results in pairs, there and back."""

from typing import Any

import chatapp
from chatapp.history import read_messages, write_messages


def make_call(tool_id: str, **fields: Any) -> chatapp.ToolCallPart:
    """A call that a model asked for."""
    values = {"name": "find", "arguments": {"order": 17}, "round": 1, "state": "done", "result": "Bern"}
    return chatapp.ToolCallPart(tool_id=tool_id, **{**values, **fields})


def test_stored_calls_become_messages_of_the_api_and_back_unchanged() -> None:
    calls = [make_call("a"), make_call("b", arguments={"words": "Zürich <b>"}, result=""), make_call("c", round=2)]

    messages = write_messages("assistant", [chatapp.TextPart(text="Wait."), *calls, chatapp.TextPart(text="Bern.")])

    assert messages == [
        {
            "role": "assistant",
            "content": "Wait.",
            "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "find", "arguments": '{"order": 17}'}},
                {"id": "b", "type": "function", "function": {"name": "find", "arguments": '{"words": "Zürich <b>"}'}},
            ],
        },
        {"role": "tool", "tool_call_id": "a", "content": "Bern"},
        {"role": "tool", "tool_call_id": "b", "content": "(nothing)"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "find", "arguments": '{"order": 17}'}}],
        },
        {"role": "tool", "tool_call_id": "c", "content": "Bern"},
        {"role": "assistant", "content": "Bern."},
    ]
    back = list(read_messages(messages))
    assert [(call.tool_id, call.name, call.arguments, call.round) for call in back] == [
        (call.tool_id, call.name, call.arguments, call.round) for call in calls
    ]
    assert write_messages("assistant", back) == [
        message | ({"content": None} if message.get("tool_calls") else {}) for message in messages[:-1]
    ]


def test_every_call_has_a_result_whatever_became_of_it() -> None:
    said = {
        state: write_messages("assistant", [make_call("a", state=state, result=None)])[1]["content"]
        for state in ("done", "running", "unknown", "stopped")
    }

    assert said == {
        "done": "(nothing)",
        "running": "The outcome of this call is not known.",
        "unknown": "The outcome of this call is not known.",
        "stopped": "The call was stopped before it gave a result.",
    }


def test_a_result_that_is_data_is_json() -> None:
    messages = write_messages("assistant", [make_call("a", result={"found": ["Köln"]})])

    assert messages[1]["content"] == '{"found": ["Köln"]}'


def test_a_row_that_an_assistant_shows_itself_is_no_call_of_the_model() -> None:
    parts = [make_call("a", round=0), chatapp.TextPart(text="Bern.")]

    assert write_messages("assistant", parts) == [{"role": "assistant", "content": "Bern."}]
    assert write_messages("assistant", parts[:1]) == []
