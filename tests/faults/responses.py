"""The Responses API, told what Chat Completions would say: one set of faults for both protocols."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

MESSAGE, THOUGHTS = "msg_17", "rs_17"
ENDS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "length": ("incomplete", {"incomplete_details": {"reason": "max_output_tokens"}}),
    "content_filter": ("incomplete", {"incomplete_details": {"reason": "content_filter"}}),
    "error": ("failed", {"error": {"code": "server_error", "message": "The server had an error."}}),
}


class ResponsesWriter:
    """Writes the events of one answer."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._items: dict[Any, dict[str, Any]] = {}  # by what they are: "text", "thinking", or the index of a call

    def write(
        self, delta: Mapping[str, Any], finish: str | None, usage: Mapping[str, int] | None
    ) -> list[dict[str, Any]]:
        """The events that say what this delta says."""
        return [{**event, "sequence_number": next(self._numbers)} for event in self._write(delta, finish, usage)]

    def _write(
        self, delta: Mapping[str, Any], finish: str | None, usage: Mapping[str, int] | None
    ) -> Iterator[dict[str, Any]]:
        if not self._items:
            yield {"type": "response.created", "response": {"object": "response", "status": "in_progress"}}
        if thought := delta.get("reasoning_content") or delta.get("reasoning"):
            yield from self._begin("thinking", {"id": THOUGHTS, "type": "reasoning", "summary": []})
            yield self._place("thinking", "response.reasoning_summary_text.delta", summary_index=0, delta=thought)
        for field, kind in (("content", "output_text"), ("refusal", "refusal")):
            if text := delta.get(field):
                yield from self._begin("text", {"id": MESSAGE, "type": "message", "role": "assistant", "content": []})
                self._items["text"]["content"] += [{"type": kind, "text": text}]
                yield self._place("text", f"response.{kind}.delta", content_index=0, delta=text)
        for call in [*delta.get("tool_calls", ()), *_read_legacy(delta)]:
            yield from self._write_call(call)
        if finish:
            yield from self._finish(finish, usage)

    def _write_call(self, call: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        index, function = call.get("index", 0), call["function"]
        own = {"call_id": call.get("id") or f"call_{index}", "name": function.get("name"), "arguments": ""}
        yield from self._begin(index, {"id": f"fc_{index}", "type": "function_call", **own})
        self._items[index]["arguments"] += function["arguments"]
        yield self._place(index, "response.function_call_arguments.delta", delta=function["arguments"])

    def _begin(self, key: Any, item: dict[str, Any]) -> Iterator[dict[str, Any]]:
        if key in self._items:
            return
        self._items[key] = item
        yield {"type": "response.output_item.added", "output_index": len(self._items) - 1, "item": dict(item)}
        if key == "thinking":
            yield self._place(key, "response.reasoning_summary_part.added", summary_index=0)

    def _place(self, key: Any, kind: str, **fields: Any) -> dict[str, Any]:
        place = list(self._items).index(key)
        return {"type": kind, "item_id": self._items[key]["id"], "output_index": place, **fields}

    def _finish(self, reason: str, usage: Mapping[str, int] | None) -> Iterator[dict[str, Any]]:
        for place, item in enumerate(self._items.values()):
            if item["type"] == "function_call":
                arguments = {"item_id": item["id"], "output_index": place, "arguments": item["arguments"]}
                yield {"type": "response.function_call_arguments.done", **arguments}
            yield {"type": "response.output_item.done", "output_index": place, "item": item}
        status, more = ENDS.get(reason, ("completed", {}))
        response: dict[str, Any] = {
            "id": "resp_17",
            "object": "response",
            "status": status,
            "output": list(self._items.values()),
        }
        if usage is not None:
            counts = {"input_tokens": usage["prompt_tokens"], "output_tokens": usage["completion_tokens"]}
            response["usage"] = counts
        yield {"type": f"response.{status}", "response": {**response, **more}}


def _read_legacy(delta: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"function": delta["function_call"]}] if "function_call" in delta else []


def read_input(items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The items of a request as messages of Chat Completions."""
    messages: list[dict[str, Any]] = []
    for item in items:
        if item.get("type") == "function_call":
            function = {"name": item["name"], "arguments": item["arguments"]}
            messages.append({"role": "assistant", "tool_calls": [{"id": item["call_id"], "function": function}]})
        elif item.get("type") == "function_call_output":
            messages.append({"role": "tool", "tool_call_id": item["call_id"], "content": item["output"]})
        else:
            messages.append(dict(item))
    return messages
