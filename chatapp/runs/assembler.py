"""What a run yields, put together into the parts of a message.

A string is a delta of the open text part; anything else ends that part. Whatever the chunking, the parts are the same.
"""

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from django.utils.safestring import SafeString

from chatapp.activity import ToolCall, ToolCallPart, ToolProgress, ToolResult, settle
from chatapp.errors import get_sentence
from chatapp.events import Finish, Icon, Mark, PartDelta, PartEnd, PartStart, Rewind, Status, ThinkingDelta, Usage
from chatapp.icons import to_stored
from chatapp.mappers import NoMapper, map_foreign
from chatapp.parts import NoticePart, Part, TextPart, ThinkingPart
from chatapp.rendering.thinking import ThinkingSplitter
from chatapp.scrubbing import Scrubber, scrub
from chatapp.todos import TodoItem, TodoUpdate, check_todos

from .slots import Place, Slot
from .yields import UnknownYield, part_from, scrub_part


class Assembler:
    """Takes what a run yields, one after the other; `slots` are the parts so far.

    `max_chars` bounds the text of all parts together; `is_full` says that it was reached and the run should end.
    """

    def __init__(self, *, max_chars: int = 400_000, clock: Callable[[], float] = time.monotonic) -> None:
        self.slots: list[Slot] = []
        self.status = ""
        self.icon: str | None = None
        """As it is stored, see icons.to_stored. None: nothing was said of one."""
        self.todos: tuple[TodoItem, ...] | None = None
        """The plan as it was last said. None: nothing was said of one."""
        self.usage = Usage()
        self.finish: Finish | None = None
        self.is_full = False
        self._room = self._max_chars = max_chars
        self._blanks = ""
        self._clock = clock
        self._open: Slot | None = None
        self._splitter: ThinkingSplitter | None = None
        self._scrubber = Scrubber()
        self._marks: WeakKeyDictionary[Mark, Place] = WeakKeyDictionary()

    def go_on_after(self, parts: Sequence[Part]) -> None:
        """Begin with what was said before; text that comes next goes on with the last one of these, if that is text.

        What was said before takes none of the room.
        """
        for part in parts:
            self._start(PartStart(part))
            if part is not parts[-1] or part.kind != "text":
                self._close()
        self._room, self.is_full = self._max_chars, False

    def take(self, item: Any) -> None:
        """Add one thing that was yielded.

        Raises UnknownYield that says what was found and what would be right; what was said before stays.
        """
        if isinstance(item, str) and not isinstance(item, SafeString):
            self._say(item)
        elif isinstance(item, ThinkingDelta):
            self._flush_splitter()
            self._add("thinking", scrub(item.text))
        elif isinstance(item, ToolCall | ToolCallPart):
            self._call_tool(item if isinstance(item, ToolCallPart) else item.to_part())
        elif isinstance(item, ToolResult | ToolProgress):
            self._answer_tool(item)
        elif isinstance(item, Part):
            self._start(PartStart(item))
            self._close()
        elif isinstance(item, PartStart) and item.key is None and isinstance(item.part, ToolCallPart):
            self._call_tool(item.part)
        elif isinstance(item, PartStart):
            self._start(item)
        elif isinstance(item, PartDelta):
            self._add_to_key(item)
        elif isinstance(item, PartEnd):
            self._end(item)
        elif isinstance(item, Mark):
            self._note(item)
        elif isinstance(item, Rewind):
            self._rewind(item.mark)
        elif isinstance(item, Status):
            self.status = scrub(item.text)[:200]
        elif isinstance(item, Icon):
            self.icon = to_stored(item.name)
        elif isinstance(item, TodoUpdate):
            self.todos = check_todos(item.items)
        elif isinstance(item, Usage):
            self.usage = item
        elif isinstance(item, Finish):
            self._finish(item)
        elif isinstance(item, Mapping):
            self.take(part_from(item))
        elif item is not None:
            self._take_foreign(item)

    def _take_foreign(self, item: Any) -> None:
        try:
            meant = map_foreign(item)
        except NoMapper as error:
            raise UnknownYield(
                f"respond yielded {error}; yield a str, a chatapp.Part or an event, "
                "or say with @chatapp.mapper what such an object means"
            ) from None
        for piece in meant if isinstance(meant, list) else [meant]:
            if piece is item:
                raise UnknownYield(f"the mapper of {type(item).__module__}.{type(item).__qualname__} gave it back")
            self.take(piece)

    def end(self) -> None:
        """Close whatever is open; nothing follows."""
        self._flush_splitter()
        self._close()
        self.status = ""
        for slot in self.slots:
            if (part := settle(slot.part)) is not slot.part:
                self._put(slot, part)

    def to_parts(self) -> list[Part]:
        """The parts as they stand, without a text that is nothing but blanks between two others."""
        return [slot.to_part() for slot in self.slots]

    @property
    def has_said(self) -> bool:
        """Whether there is anything to show."""
        return any(slot.part.kind != "thinking" and (not slot.part.streams or slot.text.strip()) for slot in self.slots)

    def _say(self, text: str) -> None:
        if not text:
            return
        if self._splitter is None:
            self._splitter, self._scrubber = ThinkingSplitter(), Scrubber()
        for kind, piece in self._splitter.feed(self._scrubber.feed(text)):
            self._add(kind, piece)

    def _flush_splitter(self) -> None:
        if self._splitter is not None:
            for kind, piece in [*self._splitter.feed(self._scrubber.finish()), *self._splitter.finish()]:
                self._add(kind, piece)
            self._splitter = None

    def _add(self, kind: str, text: str) -> None:
        if not text or self.is_full:
            return
        blanks, self._blanks = self._blanks, ""
        if self._open is None or self._open.part.kind != kind:
            if kind == "text":
                text = blanks + text
                if not text.strip():
                    # Blank lines around a thinking block say nothing; before text they may be its indentation.
                    self._blanks, self.is_full = text, len(text) >= self._room
                    return
            self._close()
            self._open = self._append(TextPart() if kind == "text" else ThinkingPart(), None)
        if kind == "text":
            self.status = ""
        self._grow(self._open, text)

    def _add_to_key(self, delta: PartDelta) -> None:
        if delta.key is None and self._open is not None and self._splitter is not None:
            return self._say(delta.text)  # The splitter may hold back text that came before.
        slot = self._open if delta.key is None else self._find(delta.key)
        if slot is None or slot.closed:
            found = f"PartDelta for {delta.key!r}, but no part with that key is open"
            raise UnknownYield(f"{found}; yield a PartStart first")
        self._grow(slot, scrub(delta.text))

    def _grow(self, slot: Slot, text: str) -> None:
        if len(text) >= self._room:
            text = text[: self._room]
            self.is_full = True
        self._room -= len(text)
        if text:
            slot.add(text)
            slot.elapsed = self._clock() - slot.started_at

    def _start(self, event: PartStart) -> None:
        self._flush_splitter()
        self._close()
        part = scrub_part(event.part)
        text = getattr(part, "text", "") if part.streams else ""
        if text:
            part = part.model_copy(update={"text": ""})
        slot = self._find(event.key) if event.key is not None else None
        if slot is not None:
            self._room += len(slot.text)
            slot.reset(part)
            slot.version += 1
        else:
            slot = self._append(part, event.key)
        self._grow(slot, text)  # A part that comes with its text is bounded like one that grows.
        self._open = slot if part.streams else None

    def _call_tool(self, part: ToolCallPart) -> None:
        slot, known = self._find_tool(part.tool_id)
        if slot is None:
            self._start(PartStart(part, f"tool:{part.tool_id}"))
        elif part.state == "running" and known.state != "running":
            slot.key = None  # Some models count their calls anew in each round: this is another one.
            self._start(PartStart(part, f"tool:{part.tool_id}"))
        else:
            self._put(slot, part)

    def _answer_tool(self, event: ToolResult | ToolProgress) -> None:
        slot, call = self._find_tool(event.tool_id)
        if isinstance(event, ToolResult):
            call = event.fill(call)
        elif call.state == "running":
            call = call.model_copy(update={"progress": event.text, "display": event.display or call.display})
        if slot is None:
            self._call_tool(call)
        else:
            self._put(slot, call)

    def _find_tool(self, tool_id: str) -> tuple[Slot | None, ToolCallPart]:
        """The row of this call and what it shows; without one what it would show."""
        slot = self._find(f"tool:{tool_id}")
        if slot is None or not isinstance(slot.part, ToolCallPart):
            return None, ToolCallPart(tool_id=tool_id)
        return slot, slot.part

    def _put(self, slot: Slot, part: Part) -> None:
        """Another part in the same place; the text that is being said goes on."""
        slot.reset(scrub_part(part))
        slot.version += 1

    def _note(self, mark: Mark) -> None:
        slot = self._open
        self._marks.pop(mark, None)  # Noted again it is the youngest.
        self._marks[mark] = Place(
            slots=tuple(self.slots),
            open=slot,
            generation=slot.generation if slot is not None else 0,
            length=slot.length if slot is not None else 0,
            blanks=self._blanks,
            splitter=copy.deepcopy(self._splitter),
            scrubber=copy.copy(self._scrubber),
        )

    def _rewind(self, mark: Mark) -> None:
        place = self._marks.get(mark)
        if place is None:
            raise UnknownYield(
                "a Rewind to a Mark that was not yielded, or was taken back itself; yield the Mark first"
            )
        marks = list(self._marks)
        for younger in marks[marks.index(mark) + 1 :]:
            del self._marks[younger]
        self._close()
        before = sum(slot.length for slot in self.slots)
        self.slots[:] = [slot for slot in self.slots if slot in place.slots]
        if place.open is not None and place.open.generation == place.generation:
            self._open = place.open
            self._open.cut(place.length)
        self._blanks = place.blanks
        self._splitter, self._scrubber = copy.deepcopy(place.splitter), copy.copy(place.scrubber)
        taken_back = before - sum(slot.length for slot in self.slots)
        self._room += taken_back
        self.is_full = self.is_full and not taken_back

    def _append(self, part: Part, key: str | None) -> Slot:
        slot = Slot(part, key, self._clock())
        self.slots.append(slot)
        return slot

    def _end(self, event: PartEnd) -> None:
        self._flush_splitter()
        slot = self._find(event.key) if event.key is not None else self._open
        if slot is self._open:
            self._close()
        elif slot is not None:
            slot.closed = True

    def _close(self) -> None:
        self._blanks = ""
        if self._open is not None:
            self._open.closed = True
            if self._open.part.kind == "thinking" and self._open.seconds is None:
                self._open.seconds = round(self._clock() - self._open.started_at, 1)
            self._open = None

    def _finish(self, event: Finish) -> None:
        self._flush_splitter()
        self._close()
        self.finish = event
        if event.reason in ("length", "filtered"):
            self._append(NoticePart(code=event.reason, message=get_sentence(event.reason)), None)

    def _find(self, key: str) -> Slot | None:
        return next((slot for slot in self.slots if slot.key == key), None)
