"""What an answer looks like in a terminal: its words on the one stream, all that is said about it on the other.

So `manage.py chatapp_ask … > answer.md` has the answer and nothing else. What was printed stays: when an assistant
takes something back, what stands in its place is printed again, below.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from django.utils.translation import gettext as _

from chatapp.activity import ToolCallPart
from chatapp.errors import get_sentence
from chatapp.models import Run
from chatapp.parts import ErrorPart, NoticePart, Part, TextPart, ThinkingPart
from chatapp.questions import InputRequest

MAX_LINE_CHARS: Final = 200
"""Of what is shown of a tool."""

# Some terminals take these for commands. The others are scrubbed from every answer.
_COMMANDS: Final = re.compile(r"[\x7f-\x9f]")
_MARKS: Final[Mapping[str, str]] = {"done": "✓", "running": "→"}


class Stream(Protocol):
    """A stream of a management command."""

    def write(self, msg: str = ..., style_func: Any = ..., ending: str | None = ...) -> Any: ...
    def flush(self) -> None: ...


class Printer:
    """Prints one answer after the other, as it grows."""

    def __init__(self, out: Stream, err: Stream, *, has_colour: bool = False) -> None:
        self._out = out
        self._err = err
        self._has_colour = has_colour
        self._at: Stream | None = None
        """Where an unfinished line stands. None: nowhere."""
        self.begin()

    def begin(self) -> None:
        """What is shown from now on is another answer."""
        self._texts: dict[int, str] = {}
        self._states: dict[int, str] = {}
        self._printed: set[int] = set()
        self._status = ""

    def show(self, parts: Sequence[Part], status: str = "", *, is_over: bool = False) -> None:
        """Print what is new of the answer, which has these parts by now."""
        if status and status != self._status:
            self.note(status)
        self._status = status
        for place, part in enumerate(parts):
            is_closed = is_over or place < len(parts) - 1
            if isinstance(part, TextPart | ThinkingPart):
                self._grow(place, part.text, is_thought=isinstance(part, ThinkingPart))
            elif isinstance(part, ToolCallPart):
                self._show_tool(place, part)
            elif isinstance(part, InputRequest):
                self._show_question(place, part)
            elif is_closed and place not in self._printed:
                self._printed.add(place)
                self._show_other(part)
        self._flush()

    def end(self, run: Run, parts: Sequence[Part]) -> None:
        """The answer is over."""
        self.show(parts, is_over=True)
        if run.error_code and not any(isinstance(part, ErrorPart) for part in parts):
            self.note(get_sentence(run.error_code))
        if run.state == Run.State.STOPPED:
            self.note(_("Stopped."))
        self._break_line()
        self._flush()

    def note(self, text: str) -> None:
        """A line about the answer."""
        self._break_line()
        self._write(self._err, f"{self._dim(_clean(text))}\n")
        self._flush()

    def ask(self, prompt: str) -> None:
        """Ask the person to type something, on the line that this begins."""
        self._break_line()
        self._write(self._err, prompt)
        self._at = None  # They end the line.
        self._flush()

    def _grow(self, place: int, text: str, *, is_thought: bool) -> None:
        before = self._texts.get(place, "")
        if text == before:
            return
        stream = self._err if is_thought else self._out
        if not text.startswith(before) or (self._at is not None and self._at is not stream) or not before:
            self._break_line()
        new = _clean(text[len(before) :] if text.startswith(before) else text)
        self._texts[place] = text
        self._write(stream, self._dim(new) if is_thought else new)
        self._at = None if new.endswith("\n") else stream

    def _show_tool(self, place: int, part: ToolCallPart) -> None:
        state = f"{part.state} {part.progress}"
        if self._states.get(place) == state:
            return
        self._states[place] = state
        arguments = ", ".join(f"{name}={_write_value(value)}" for name, value in part.arguments.items())
        name = part.name or part.shown_title
        if part.state == "running":
            self.note(f"{_MARKS['running']} {part.progress or _cut(f'{name}({arguments})')}")
        else:
            said = part.result_text or (part.display.preview if part.display else "") or part.state
            self.note(f"{_MARKS.get(part.state, '✗')} {name}: {_cut(' '.join(said.split()))}")

    def _show_question(self, place: int, part: InputRequest) -> None:
        """The question itself is asked by who waits for the answer; this is what became of it."""
        if part.is_open or self._states.get(place) == part.state:
            return
        self._states[place] = part.state
        self.note(f"{part.prompt} {part.answer or part.state}")

    def _show_other(self, part: Part) -> None:
        if isinstance(part, ErrorPart):
            reference = f" ({part.reference})" if part.reference else ""
            self.note(f"{part.message}{reference}")
        elif isinstance(part, NoticePart):
            self.note(part.message)
        else:
            self._break_line()
            self._write(self._out, f"{_clean(part.plain) or f'[{part.kind}]'}\n")

    def _break_line(self) -> None:
        if self._at is not None:
            self._write(self._at, "\n")
            self._at = None

    def _dim(self, text: str) -> str:
        return f"\x1b[2m{text}\x1b[0m" if self._has_colour and text else text

    def _write(self, stream: Stream, text: str) -> None:
        stream.write(text, str, "")  # Django would have it red on the one.

    def _flush(self) -> None:
        self._out.flush()
        self._err.flush()


class JsonPrinter(Printer):
    """Prints a JSON object in a line for whatever happens, all on the one stream."""

    def _say(self, **values: Any) -> None:
        self._out.write(json.dumps(values, ensure_ascii=False, default=str))
        self._out.flush()

    def _grow(self, place: int, text: str, *, is_thought: bool) -> None:
        before = self._texts.get(place, "")
        if text == before:
            return
        self._texts[place] = text
        kind = "thinking" if is_thought else "text"
        if text.startswith(before):
            self._say(type=kind, part=place, text=text[len(before) :])
        else:
            self._say(type=kind, part=place, text=text, replaces=True)

    def _show_tool(self, place: int, part: ToolCallPart) -> None:
        state = f"{part.state} {part.progress}"
        if self._states.get(place) != state:
            self._states[place] = state
            self._say(type="tool", **part.model_dump(include={"name", "arguments", "state", "progress", "result"}))

    def _show_question(self, place: int, part: InputRequest) -> None:
        if self._states.get(place) != part.state:
            self._states[place] = part.state
            options = list(part.options)
            self._say(type="question", prompt=part.prompt, options=options, state=part.state, answer=part.answer)

    def _show_other(self, part: Part) -> None:
        self._say(type=part.kind, **{name: value for name, value in part.dump().items() if name != "kind"})

    def end(self, run: Run, parts: Sequence[Part]) -> None:
        """The answer is over."""
        self.show(parts, is_over=True)
        self._say(
            type="end",
            state=run.state,
            error_code=run.error_code,
            thread=run.thread_id,
            run=run.pk,
            provider=run.provider,
            model=run.model,
            input_tokens=run.input_tokens,
            output_tokens=run.output_tokens,
        )

    def note(self, text: str) -> None:
        """A line about the answer."""
        self._say(type="note", text=text)


def _clean(text: str) -> str:
    return _COMMANDS.sub("", text)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_LINE_CHARS else f"{text[: MAX_LINE_CHARS - 1]}…"


def _write_value(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
