"""What the answers of all servers have in common, from their bytes to what the model says.

No network and no clock here: bytes in, deltas out, at any cuts. Only the fields that matter are looked at, for a chunk
as an object of the SDK costs 80 µs of CPU and this 4 (tests/benchmarks/provider.py).
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from pydantic_core import from_json

from chatapp.errors import ProviderError
from chatapp.events import Delta, Finish, FinishReason, ThinkingDelta, Usage
from chatapp.scrubbing import Scrubber

from .calls import CallReader
from .failures import explain_event, redact
from .sse import MAX_EVENT_BYTES, EventReader, ServerEvent
from .thoughts import OpeningThoughts

MAX_TOKENS: Final = 100_000_000  # a count beyond this is no count


class AnswerDecoder:
    """Decodes one answer: `feed` what was read, `end` (or `cut`) when there is no more, then look at `failure`.

    A subclass says what an event and a whole body mean.
    """

    ending: ClassVar[str]
    """What says there that the model has finished."""

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
        self._opening = OpeningThoughts()
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
        self._take_text(self._text.finish(), is_text=True)
        for is_spoken, piece in self._opening.finish():
            self._give(piece, is_text=is_spoken)
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
            return ProviderError(code, f"the stream ended without {self.ending}")
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
            self._take_data(chunk)

    def _take_body(self, body: bytes) -> None:
        try:
            answer = _parse(body)
        except (ValueError, RecursionError) as error:
            self._fail("garbled", f"{error} in {body[:200].decode('utf-8', 'replace')}")
            return
        if isinstance(answer, dict) and answer.get("error"):
            self._break(answer["error"])
        elif not isinstance(answer, dict) or not self._take_answer(answer):
            self._fail("garbled", f"JSON, but no answer: {body[:200].decode('utf-8', 'replace')}")

    def _take_data(self, data: dict[str, Any]) -> None:
        """Take what an event says."""
        raise NotImplementedError(f"{type(self).__qualname__}._take_data")

    def _take_answer(self, answer: dict[str, Any]) -> bool:
        """Take an answer that came as a whole; whether it is one."""
        raise NotImplementedError(f"{type(self).__qualname__}._take_answer")

    # What was said.

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
        self._take_text(scrubber.feed("".join(self._pieces)), is_text=self._pieces_are_text)
        self._pieces = []

    def _take_text(self, text: str, *, is_text: bool) -> None:
        if not is_text or self._opening.is_done:
            self._give(text, is_text=is_text)
            return
        for is_spoken, piece in self._opening.feed(text):
            self._give(piece, is_text=is_spoken)

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


def read_text(value: Any) -> str:
    """The text in a value of any shape that providers use for it."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(map(read_text, value))
    if isinstance(value, dict):
        return read_text(value.get("text"))
    return ""


def read_usage(usage: Any, asked: str, said: str) -> Usage | None:
    """The token counts; 0 for one that cannot be true, None if neither input nor output can.

    `asked` and `said` are what the server calls the two sides: "prompt" and "completion", or "input" and "output".
    """
    if not isinstance(usage, dict):
        return None
    input_tokens, output_tokens = _count(usage.get(f"{asked}_tokens")), _count(usage.get(f"{said}_tokens"))
    reasoning_tokens = _count(_look(usage, f"{said}_tokens_details", "reasoning_tokens"))
    beside = _count(usage.get("total_tokens")) - input_tokens - output_tokens
    if input_tokens and beside > 0:  # xAI and Google count what was thought in the total only, and want money for it.
        output_tokens += beside
        reasoning_tokens = max(reasoning_tokens, beside)
    read = Usage(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        # DeepSeek has a name of its own for it.
        cached_tokens=_count(_look(usage, f"{asked}_tokens_details", "cached_tokens"))
        or _count(usage.get("prompt_cache_hit_tokens")),
        reasoning_tokens=reasoning_tokens,
    )
    return read if read.input_tokens or read.output_tokens else None


def _look(usage: Mapping[str, Any], holder: str, name: str) -> Any:
    details = usage.get(holder)
    return details.get(name) if isinstance(details, dict) else None


def _count(value: Any) -> int:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and 0 <= value <= MAX_TOKENS else 0
