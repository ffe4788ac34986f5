"""Messages as the API of a model has them: text, calls of tools, and their results in pairs.

What an answer did with tools is one row for each call; the API wants a message that asks for all calls of a round and
then a message with the result of each. A call without a result would be refused, so every call gets one.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from chatapp.activity import ToolCallPart
from chatapp.parts import Part

_ENDINGS: Final[Mapping[str, str]] = {
    "running": "The outcome of this call is not known.",
    "unknown": "The outcome of this call is not known.",
    "stopped": "The call was stopped before it gave a result.",
}
"""What the model is told of a call that gave nothing."""


def write_messages(role: str, parts: Sequence[Part]) -> list[dict[str, Any]]:
    """One stored message for the model, tools included; nothing if there is nothing to say."""
    messages: list[dict[str, Any]] = []
    said: list[str] = []
    calls: list[ToolCallPart] = []
    for part in parts:
        is_call = is_model_call(part)
        if calls and (part.round != calls[0].round if isinstance(part, ToolCallPart) and is_call else part.model_text):
            messages += _write_round(said, calls)
            said, calls = [], []
        if isinstance(part, ToolCallPart) and is_call:
            calls.append(part)
        elif part.model_text:
            said.append(part.model_text)
    if calls:
        return messages + _write_round(said, calls)
    text = "\n\n".join(said)
    return [*messages, {"role": role, "content": text}] if text.strip() else messages


def is_model_call(part: Part) -> bool:
    """Whether this is a call that a model asked for, and not one that an assistant shows."""
    return isinstance(part, ToolCallPart) and part.round > 0 and bool(part.name)


def _write_round(said: Sequence[str], calls: Sequence[ToolCallPart]) -> list[dict[str, Any]]:
    asks = {
        "role": "assistant",
        "content": "\n\n".join(said) or None,
        "tool_calls": [write_call(call) for call in calls],
    }
    results = [{"role": "tool", "tool_call_id": call.tool_id, "content": write_result(call)} for call in calls]
    return [asks, *results]


def write_call(call: ToolCallPart) -> dict[str, Any]:
    """The call as the API has it."""
    function = {"name": call.name, "arguments": json.dumps(call.arguments, ensure_ascii=False)}
    return {"id": call.tool_id, "type": "function", "function": function}


def write_result(call: ToolCallPart) -> str:
    """What the model is told of the call."""
    if isinstance(call.result, str):
        return call.result or "(nothing)"
    if call.result is None:
        return _ENDINGS.get(call.state, "(nothing)")
    return json.dumps(call.result, ensure_ascii=False)


def read_messages(messages: Sequence[Mapping[str, Any]]) -> Iterator[ToolCallPart]:
    """The calls in messages of the API, with their results; the other way round from write_messages."""
    results = {message["tool_call_id"]: message["content"] for message in messages if message.get("role") == "tool"}
    asking = [message for message in messages if message.get("tool_calls")]
    for number, message in enumerate(asking, 1):
        for call in message["tool_calls"]:
            yield ToolCallPart(
                tool_id=call["id"],
                name=call["function"]["name"],
                arguments=json.loads(call["function"]["arguments"]),
                round=number,
                state="done" if call["id"] in results else "unknown",
                result=results.get(call["id"]),
            )
