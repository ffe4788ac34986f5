"""OpenAI, and every server that speaks its Chat Completions."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from .base import ModelRequest
from .decoder import ChatDecoder
from .endpoint import EndpointProvider


class OpenAIProvider(EndpointProvider):
    """Asks a Chat Completions server. See EndpointProvider for its options."""

    name = "openai"
    path = "/chat/completions"

    def _write_body(self, request: ModelRequest) -> dict[str, Any]:
        options = self._get_options(request)
        body = {"model": request.model or self.model, "messages": self._write_messages(request), "stream": True}
        if request.tools:
            body["tools"] = list(request.tools)
        if self._include_usage and options.get("stream", True):
            body["stream_options"] = {"include_usage": True}
        return body | options

    def _write_messages(self, request: ModelRequest) -> list[Mapping[str, Any]]:
        more = self._preset.call_fields
        if not more:
            return list(request.messages)
        return [
            {**message, "tool_calls": [{**more, **call} for call in message["tool_calls"]]}
            if message.get("tool_calls")
            else message
            for message in request.messages
        ]

    def _get_path(self, body: Mapping[str, Any]) -> str:
        if not self._address.has_deployments:
            return self.path
        deployment = self._address.deployment if body["model"] == self.model else ""
        return f"/deployments/{quote(deployment or body['model'], safe='')}{self.path}"

    def _make_decoder(self, keys: Sequence[str]) -> ChatDecoder:
        return ChatDecoder(keys)
