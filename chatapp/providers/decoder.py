"""From the bytes of a Chat Completions stream to what the model says."""

from collections.abc import Mapping
from typing import Any, Final

from chatapp.events import FinishReason

from .answer import AnswerDecoder, read_text, read_usage

_REASONS: Final[Mapping[str, FinishReason]] = {
    "stop": "stop",
    "length": "length",
    "max_tokens": "length",
    "content_filter": "filtered",
    "sensitive": "filtered",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
}
# Finish reasons that say that it did not finish.
_BREAKDOWNS: Final = frozenset({"error", "network_error", "insufficient_system_resource", "cancelled"})


class ChatDecoder(AnswerDecoder):
    """Decodes one answer of Chat Completions."""

    ending = "a finish_reason"

    def _take_data(self, data: dict[str, Any]) -> None:
        self._take_chunk(data, "delta")

    def _take_answer(self, answer: dict[str, Any]) -> bool:
        if not isinstance(answer.get("choices"), list):
            return False
        self._take_chunk(answer, "message")
        return True

    def _take_chunk(self, chunk: dict[str, Any], key: str) -> None:
        groq = chunk.get("x_groq")
        own = groq if isinstance(groq, dict) else {}
        if error := own.get("error"):
            self._break(error)
        if usage := chunk.get("usage") or own.get("usage"):
            self._usage = read_usage(usage, "prompt", "completion") or self._usage
        choices = chunk.get("choices")
        if not isinstance(choices, list):
            return
        for choice in choices:
            if not isinstance(choice, dict) or choice.get("index"):
                continue  # We asked for one answer; more are somebody's mistake.
            delta = choice.get(key)
            if isinstance(delta, dict):
                self._take_delta(delta)
            if reason := choice.get("finish_reason"):
                self._take_reason(str(reason))

    def _take_delta(self, delta: dict[str, Any]) -> None:
        if thought := delta.get("reasoning_content") or delta.get("reasoning"):
            self._say(read_text(thought), is_text=False)
        content = delta.get("content")
        if isinstance(content, str):
            self._say(content, is_text=True)
        elif isinstance(content, list):
            for part in content:
                kind = part.get("type") if isinstance(part, dict) else None
                if kind == "thinking":  # Mistral
                    self._say(read_text(part.get("thinking")), is_text=False)
                elif kind == "reasoning":  # Databricks
                    self._say(read_text(part.get("summary")), is_text=False)
                else:
                    self._say(read_text(part), is_text=True)
        if calls := delta.get("tool_calls"):
            self._calls.feed(calls)
        if function := delta.get("function_call"):
            self._calls.feed_legacy(function)
        if refusal := delta.get("refusal"):
            self._say(read_text(refusal), is_text=True)

    def _take_reason(self, reason: str) -> None:
        if reason in _BREAKDOWNS:
            self._break(f"finish_reason {reason}")
        else:
            self.finished = True
            self._reason = _REASONS.get(reason.lower(), "stop")
