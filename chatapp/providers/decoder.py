"""From the bytes of a Chat Completions stream to what the model says.

No network and no clock here: bytes in, deltas out, at any cuts. Only the fields that matter are looked at, for a chunk
as an object of the SDK costs 80 µs of CPU and this 4 (tests/benchmarks/provider.py).
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic_core import from_json

from chatapp.errors import ProviderError
from chatapp.events import Delta, Finish, FinishReason, ThinkingDelta, Usage
from chatapp.scrubbing import Scrubber

from .calls import CallReader
from .failures import explain_event, redact
from .sse import MAX_EVENT_BYTES, EventReader, ServerEvent

MAX_TOKENS: Final = 100_000_000  # a count beyond this is no count

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


class ChatDecoder:
    """Decodes one answer: `feed` what was read, `end` (or `cut`) when there is no more, then look at `failure`."""

    def __init__(self, keys: Sequence[str] = ()) -> None:
        """`keys` are taken out of what staff read."""
        self.failure: ProviderError | None = None
        """Why the answer is not whole; to be raised after the deltas that came with it."""

        self.finished = False
        """Whether the model said that it has finished. What breaks after that breaks nothing."""

        self.complete = False
        """Whether the server said that nothing follows."""

        self._keys = keys
        self._reader = EventReader()
        self._reason: FinishReason = "stop"
        self._usage: Usage | None = None
        self._text, self._thinking = Scrubber(), Scrubber()
        self._calls = CallReader()
        self._out: list[Delta] = []
        self._pieces: list[str] = []  # of the same kind; they become one delta when the kind changes
        self._pieces_are_text = True
        self._has_text = self._has_thinking = False

    def feed(self, data: bytes) -> list[Delta]:
        """What `data` makes complete; text that comes together is one piece."""
        for event in self._reader.feed(data):
            if self.failure is None and not self.complete:
                self._take_event(event)
        if self._reader.overflowed:
            self._fail("garbled", f"more than {MAX_EVENT_BYTES} bytes without an end")
        elif self._reader.kind == "page":
            self._fail("garbled", f"a page instead of an answer: {self._reader.body[:300].decode('utf-8', 'replace')}")
        return self._flush()

    def end(self) -> list[Delta]:
        """What was still held back, then usage and Finish; or `failure` is set and says why there is no Finish."""
        if self.failure is None and not self.finished:
            if self._reader.kind == "json":
                self._take_body(self._reader.body)
            for event in self._reader.end():
                self._take_event(event, is_torn=True)
        self._join_pieces()
        self._give(self._thinking.finish(), is_text=False)
        self._give(self._text.finish(), is_text=True)
        out = self._flush()
        if self.failure is None:
            self.failure = self._judge()
        if self.failure is None:
            if self._calls and self._reason == "stop":
                self._reason = "tool_calls"  # as some servers forget to say
            if self._reason == "tool_calls":  # Else it was cut off: what it asks for is not whole.
                out += self._calls.finish()
            out += [self._usage] if self._usage is not None else []
            out.append(Finish(self._reason))
        return out

    def cut(self, code: str, cause: str) -> list[Delta]:
        """See end; the connection broke, which is `code` unless the model had finished."""
        self._fail(code, cause)
        return self.end()

    @property
    def has_said(self) -> bool:
        """Whether anything came that a person sees."""
        return self._has_text or self._has_thinking

    def _judge(self) -> ProviderError | None:
        if not self.finished:
            code = "cut_off" if self.has_said else "empty"
            return ProviderError(code, "the stream ended without a finish_reason")
        if self._has_text or self._calls or self._reason == "tool_calls":
            return None
        if self._reason == "filtered":
            return ProviderError("filtered", "withheld by the content filter before the first word")
        thoughts = " but with thoughts" if self._has_thinking else ""
        return ProviderError("empty", f"finished ({self._reason}) without text{thoughts}")

    # Events and bodies to chunks.

    def _take_event(self, event: ServerEvent, *, is_torn: bool = False) -> None:
        if event.data == b"[DONE]":
            self.complete = True
            return
        try:
            chunk = _parse(event.data)
        except (ValueError, RecursionError) as error:
            if not is_torn:
                self._fail("garbled", f"{error} in {event.data[:200].decode('utf-8', 'replace')}")
            return
        if not isinstance(chunk, dict):
            self._fail("garbled", f"no object: {event.data[:200].decode('utf-8', 'replace')}")
        elif chunk.get("error"):
            self._break(chunk["error"])
        elif event.name == b"error":
            self._break(chunk)
        else:
            self._take_chunk(chunk, "delta")

    def _take_body(self, body: bytes) -> None:
        try:
            answer = _parse(body)
        except (ValueError, RecursionError) as error:
            self._fail("garbled", f"{error} in {body[:200].decode('utf-8', 'replace')}")
            return
        if isinstance(answer, dict) and answer.get("error"):
            self._break(answer["error"])
        elif isinstance(answer, dict) and isinstance(answer.get("choices"), list):
            self._take_chunk(answer, "message")
        else:
            self._fail("garbled", f"JSON, but no answer: {body[:200].decode('utf-8', 'replace')}")

    def _take_chunk(self, chunk: dict[str, Any], key: str) -> None:
        if usage := chunk.get("usage"):
            self._usage = _read_usage(usage) or self._usage
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

    # Chunks to deltas.

    def _take_delta(self, delta: dict[str, Any]) -> None:
        if thought := delta.get("reasoning_content") or delta.get("reasoning"):
            self._say(_read_text(thought), is_text=False)
        content = delta.get("content")
        if isinstance(content, str):
            self._say(content, is_text=True)
        elif isinstance(content, list):
            for part in content:
                if isinstance(part, dict) and part.get("type") == "thinking":
                    self._say(_read_text(part.get("thinking")), is_text=False)
                else:
                    self._say(_read_text(part), is_text=True)
        if calls := delta.get("tool_calls"):
            self._calls.feed(calls)
        if function := delta.get("function_call"):
            self._calls.feed_legacy(function)
        if refusal := delta.get("refusal"):
            self._say(_read_text(refusal), is_text=True)

    def _take_reason(self, reason: str) -> None:
        if reason in _BREAKDOWNS:
            self._break(f"finish_reason {reason}")
        else:
            self.finished = True
            self._reason = _REASONS.get(reason.lower(), "stop")

    def _say(self, piece: str, *, is_text: bool) -> None:
        if piece:
            if is_text is not self._pieces_are_text:
                self._join_pieces()
                self._pieces_are_text = is_text
            self._pieces.append(piece)

    def _join_pieces(self) -> None:
        if not self._pieces:
            return
        # Scrubbed together: what comes in one read is mostly several tokens.
        scrubber = self._text if self._pieces_are_text else self._thinking
        self._give(scrubber.feed("".join(self._pieces)), is_text=self._pieces_are_text)
        self._pieces = []

    def _give(self, text: str, *, is_text: bool) -> None:
        if not text:
            return
        if is_text:
            self._out.append(text)
            self._has_text = self._has_text or not text.isspace()
        else:
            self._out.append(ThinkingDelta(text))
            self._has_thinking = True

    def _flush(self) -> list[Delta]:
        self._join_pieces()
        out, self._out = self._out, []
        return out

    def _break(self, error: Any) -> None:
        self._join_pieces()
        if not self.finished and self.failure is None:
            self.failure = explain_event(error, self._keys, said=self.has_said)

    def _fail(self, code: str, cause: str) -> None:
        if not self.finished and self.failure is None:
            self.failure = ProviderError(code, redact(cause, self._keys))


def _parse(data: bytes) -> Any:
    """Raises ValueError or RecursionError."""
    try:
        return from_json(data)
    except ValueError:
        # It refuses half surrogates, which the scrubber can still join; the slower parser does not.
        return json.loads(data.decode("utf-8"))


def _read_text(value: Any) -> str:
    """The text in a value of any shape that providers use for it."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(map(_read_text, value))
    if isinstance(value, dict):
        return _read_text(value.get("text"))
    return ""


def _read_usage(usage: Any) -> Usage | None:
    """The token counts; 0 for one that cannot be true, None if neither can."""
    if not isinstance(usage, dict):
        return None
    counts = [usage.get(name) for name in ("prompt_tokens", "completion_tokens")]
    known = [count if isinstance(count, int) and 0 <= count <= MAX_TOKENS else 0 for count in counts]
    return Usage(input_tokens=known[0], output_tokens=known[1]) if any(known) else None
