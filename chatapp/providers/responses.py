"""OpenAI's Responses API, and servers that speak it: the way to what its newest models think."""

from collections.abc import Mapping, Sequence
from typing import Any

from .base import ModelRequest, get_text
from .endpoint import EndpointProvider
from .responses_decoder import ResponsesDecoder


class ResponsesProvider(EndpointProvider):
    """Asks a server of the Responses API. See EndpointProvider for its options.

    Each request has the whole conversation, and the server is told to keep nothing of it (`store`). A model only shows
    what it thinks if it is asked to: `"options": {"reasoning": {"summary": "auto"}}`.
    """

    name = "openai"
    path = "/responses"
    option_names = {"max_tokens": "max_output_tokens", "max_completion_tokens": "max_output_tokens"}
    unknown_options = frozenset(
        {"frequency_penalty", "logit_bias", "logprobs", "n", "presence_penalty", "seed", "stop", "top_k"}
    )

    def _write_body(self, request: ModelRequest) -> dict[str, Any]:
        instructions, items = write_input(request.messages)
        body: dict[str, Any] = {"model": request.model or self.model, "input": items, "stream": True, "store": False}
        if instructions:
            body["instructions"] = instructions
        if request.tools:
            body["tools"] = [write_tool(tool) for tool in request.tools]
        return body | write_options(self._get_options(request))

    def _make_decoder(self, keys: Sequence[str]) -> ResponsesDecoder:
        return ResponsesDecoder(keys)


def write_input(messages: Sequence[Mapping[str, Any]]) -> tuple[str, list[dict[str, Any]]]:
    """The instructions and the items that say what these messages of Chat Completions say."""
    start = next((at for at, message in enumerate(messages) if message.get("role") != "system"), len(messages))
    instructions = "\n\n".join(filter(None, map(get_text, messages[:start])))
    return instructions, [item for message in messages[start:] for item in _write_items(message)]


def write_tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    """A tool of Chat Completions in the form of this API."""
    # Strict is the default here, and refuses schemas that are fine there.
    return {"type": "function", "strict": False, **tool["function"]} if "function" in tool else dict(tool)


def write_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options by the names and in the shapes of this API; what it has no other word for stays as it is."""
    written = dict(options)
    if effort := written.pop("reasoning_effort", None):
        written["reasoning"] = {"effort": effort, **written.get("reasoning", {})}
    text = dict(written.get("text", {}))
    if verbosity := written.pop("verbosity", None):
        text.setdefault("verbosity", verbosity)
    if answer_format := written.pop("response_format", None):
        text.setdefault("format", _unpack(answer_format, "json_schema"))
    if text:
        written["text"] = text
    if isinstance(choice := written.get("tool_choice"), Mapping):
        written["tool_choice"] = _unpack(choice, "function")
    return written


def _unpack(value: Mapping[str, Any], name: str) -> dict[str, Any]:
    """`{"type": name, name: {...}}`, as Chat Completions has it, without the box."""
    box = value.get(name)
    return {"type": name, **box} if isinstance(box, Mapping) else dict(value)


def _write_items(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    role = message.get("role")
    if role == "tool":
        output = get_text(message)
        return [{"type": "function_call_output", "call_id": message.get("tool_call_id", ""), "output": output}]
    if role == "assistant":
        text = get_text(message)
        said = [{"role": "assistant", "content": text}] if text else []
        return said + [_write_call(call) for call in message.get("tool_calls") or ()]
    content = message.get("content")
    if isinstance(content, list):
        content = [_write_part(part) for part in content]
    return [{"role": role, "content": content}]


def _write_call(call: Mapping[str, Any]) -> dict[str, Any]:
    # Without the id of its item: with it, the server would ask for the thoughts that led to the call.
    function = call["function"]
    return {
        "type": "function_call",
        "call_id": call.get("id", ""),
        "name": function["name"],
        "arguments": function["arguments"],
    }


def _write_part(part: Mapping[str, Any]) -> dict[str, Any]:
    if part.get("type") == "text":
        return {"type": "input_text", "text": part["text"]}
    if part.get("type") == "image_url":
        image = part["image_url"]
        return {"type": "input_image", "image_url": image["url"], "detail": image.get("detail", "auto")}
    return dict(part)
