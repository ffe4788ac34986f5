"""A message is drawn while it is said: the fragments for what has changed since the last time.

Each part is drawn by the class of its kind, with the templates that draw it when it is stored; see renderer.py. So the
stream ends with the HTML of the page. A settled block is never drawn again.
"""

from collections.abc import Sequence
from typing import Any, Protocol
from uuid import UUID

from django.template.loader import get_template
from django.utils.html import escape
from django.utils.safestring import SafeString

from chatapp.activity import ToolCallPart
from chatapp.parts import Part, RawPart, TextPart, ThinkingPart

from . import fragments
from .activity import view_tool
from .fragments import Fragment
from .markdown import MarkdownStream, sanitize
from .renderer import MessageView, look_at_tool, render_foot, render_mark, render_part, render_whole
from .thoughts import Topics, render_thinking, shows_thinking

_RAW_CHARS_PER_SECOND = 400_000
"""HTML that grows is drawn the more rarely the longer it is, so that it never takes the process for itself."""


class OpenPart(Protocol):
    """A part that is still being said; see runs.assembler.Slot."""

    part: Part
    closed: bool
    version: int
    length: int
    elapsed: float

    def since(self, length: int) -> str: ...

    def to_part(self) -> Part: ...


class LiveMessage:
    """Draws a message while it is being said.

    Keeps, for each part, how much of it has been drawn; `draw` gives the fragments for what has come since. Costs as
    much as what is new, whatever the length of the message.
    """

    def __init__(self, message: UUID) -> None:
        self._message = message
        self._drawn: list[_DrawnPart] = []
        self._status = ""
        self._state = ""
        self._icon: str | None = None
        self._is_first = True
        self.pace = 0.0
        """Seconds to wait at least before drawing again."""

    def draw(
        self, slots: Sequence[OpenPart], status: str = "", state: str = "", icon: str | None = None
    ) -> list[Fragment]:
        """The fragments for everything that came since the last call. `state`: streaming or waiting, if it ever was;
        `icon`: the one that was chosen for this message, if one was."""
        changed = self._take_back(slots)
        begun: list[str] = []
        for index, slot in enumerate(slots):
            if index == len(self._drawn):
                self._drawn.append(_make_drawn(fragments.part_id(self._message, index), slot))
                begun.append(html := self._drawn[index].start())
                self._drawn[index].is_there = bool(html)
                continue
            drawn = self._drawn[index]
            if drawn.version != slot.version and drawn.can_renew(slot):
                changed += drawn.renew()
            elif drawn.version != slot.version:
                self._drawn[index] = _make_drawn(drawn.id, slot)
                changed.append(fragments.replace(drawn.id, self._drawn[index].start()))
            elif not drawn.closed:
                changed += drawn.draw()
        if self._is_first:
            # Whatever the page has of this message is replaced: it may come from an older checkpoint.
            changed.append(fragments.fill(fragments.parts_id(self._message), "".join(begun)))
            self._is_first = False
        elif begun:
            changed.append(fragments.append(fragments.parts_id(self._message), "".join(begun)))
        if status != self._status:
            self._status = status
            changed.append(fragments.text(f"{fragments.message_id(self._message)}-status", status))
        if state != self._state:
            self._state = state
            view = MessageView(id=self._message, role="assistant", state=state, label="")
            changed.append(fragments.fill(fragments.foot_id(self._message), render_foot(view)))
        if icon != self._icon:
            self._icon = icon
            changed.append(fragments.fill(fragments.mark_id(self._message), render_mark(icon or "")))
        self.pace = max((drawn.pace for drawn in self._drawn if not drawn.closed), default=0.0)
        return changed

    def _take_back(self, slots: Sequence[OpenPart]) -> list[Fragment]:
        """Take out what is not said any more; what was said in its place is drawn like everything that begins."""
        pairs = zip(self._drawn, slots, strict=False)
        kept = next((at for at, (drawn, slot) in enumerate(pairs) if drawn.slot is not slot), len(slots))
        gone = self._drawn[kept:]
        del self._drawn[kept:]
        return [fragments.delete(drawn.id) for drawn in gone if drawn.is_there]


class _DrawnPart:
    """A part of a fixed text, drawn once when it starts and, if it changed meanwhile, when it ends."""

    pace = 0.0

    def __init__(self, part_id: str, slot: OpenPart) -> None:
        self.id = part_id
        self.slot = slot
        self.version = slot.version
        self.closed = slot.closed
        self.is_there = True
        """Whether the page has an element of it: what is not to be shown has none."""
        self._length = 0

    def start(self) -> SafeString:
        self._length = self.slot.length
        return render_whole(self.slot.to_part(), self.id, can_answer=True)

    def can_renew(self, slot: OpenPart) -> bool:
        """Whether another part in its place can be drawn into the element that is there."""
        return False

    def renew(self) -> list[Fragment]:
        """What makes the element show the part that the slot has now."""
        return []

    def draw(self) -> list[Fragment]:
        self.closed = self.slot.closed
        has_grown = self.slot.length != self._length
        return [fragments.replace(self.id, self.start())] if self.closed and has_grown else []


class _DrawnText(_DrawnPart):
    def __init__(self, part_id: str, slot: OpenPart) -> None:
        super().__init__(part_id, slot)
        self._taken = 0
        self._stream = MarkdownStream()

    def start(self) -> SafeString:
        self._take()
        # What the first step settles and what closing corrects is in the HTML that the part starts with.
        self._stream.finish() if self.closed else self._stream.step()
        return render_part(
            self.slot.part,
            self.id,
            settled=self._stream.settled_html,
            live="" if self.closed else self._stream.live_html,
        )

    def draw(self) -> list[Fragment]:
        self._take()
        self.closed = self.slot.closed
        step = self._stream.finish() if self.closed else self._stream.step()
        self.pace = step.pace
        changed: list[Fragment] = []
        if step.rewrite is not None:
            changed.append(fragments.fill(f"{self.id}-done", step.rewrite))
        elif step.settled:
            changed.append(fragments.append(f"{self.id}-done", step.settled))
        changed += [fragments.amend(f"{self.id}-done", index, html) for index, html in step.corrections.items()]
        if self.closed:
            changed.append(fragments.fill(f"{self.id}-live", ""))
        elif step.live is not None:
            changed.append(fragments.fill(f"{self.id}-live", step.live))
        elif step.live_append:
            changed.append(fragments.extend(f"{self.id}-live", step.live_append))
        return changed

    def _take(self) -> None:
        if self._taken < self.slot.length:
            self._stream.append(self.slot.since(self._taken))
            self._taken = self.slot.length


class _DrawnRaw(_DrawnPart):
    """Text grows by what is new. HTML is drawn anew as a whole: what is open at its end is closed by the sanitiser."""

    def draw(self) -> list[Fragment]:
        self.closed = self.slot.closed
        new, self._length = self.slot.since(self._length), self.slot.length
        part = self.slot.to_part()
        if not new or not isinstance(part, RawPart):
            return []
        if part.content_type == "text":
            return [fragments.append(f"{self.id}-text", escape(new))]
        self.pace = self._length / _RAW_CHARS_PER_SECOND
        return [fragments.fill(f"{self.id}-body", sanitize(part.text))]


class _DrawnThinking(_DrawnPart):
    def __init__(self, part_id: str, slot: OpenPart) -> None:
        super().__init__(part_id, slot)
        self._taken = 0
        self._topic = ""
        self._topics = Topics()
        self._is_shown = False

    def start(self) -> SafeString:
        part: Any = self.slot.to_part()
        self._taken = self.slot.length
        self._topics = Topics()
        html = self._topics.feed(part.text) + (self._topics.finish() if self.closed else "")
        self._topic = self._topics.latest
        self._is_shown = self._may_be_shown(part)
        return render_thinking(part, self.id, html if self._is_shown else None, self._topic)

    def draw(self) -> list[Fragment]:
        self.closed = self.slot.closed
        if (self.closed or not self._is_shown) and self._may_be_shown(self.slot.to_part()) is not self._is_shown:
            return [fragments.replace(self.id, self.start())]
        if not self._is_shown:
            return []
        html = self._topics.feed(self.slot.since(self._taken)) + (self._topics.finish() if self.closed else "")
        self._taken = self.slot.length
        changed = [fragments.append(f"{self.id}-text", html)] if html else []
        if self.closed or self._topics.latest != self._topic:
            self._topic = self._topics.latest
            context = {"part": self.slot.to_part(), "topic": self._topic}
            head = get_template("chatapp/parts/_thinking_head.html").render(context)
            changed.append(fragments.fill(f"{self.id}-head", head))
        return changed

    def _may_be_shown(self, part: Any) -> bool:
        return shows_thinking(part, part.seconds if self.closed else self.slot.elapsed)


class _DrawnTool(_DrawnPart):
    """The row stays the element that it is: it may be open, and have the focus."""

    def start(self) -> SafeString:
        part = self.slot.to_part()
        self._shown = view_tool(part) if isinstance(part, ToolCallPart) else None
        return super().start()

    def can_renew(self, slot: OpenPart) -> bool:
        shown = view_tool(slot.part) if isinstance(slot.part, ToolCallPart) else None
        return shown is None or (self._shown is not None and shown.is_open == self._shown.is_open)

    def renew(self) -> list[Fragment]:
        self.version = self.slot.version
        part = self.slot.to_part()
        self._shown = view_tool(part) if isinstance(part, ToolCallPart) else None
        if self._shown is None:
            return []
        context = {"part": part, "part_id": self.id, **look_at_tool(part, self.id)}  # type: ignore[arg-type]  # as seen
        return [
            fragments.fill(f"{self.id}-{piece}", get_template(f"chatapp/parts/_tool_{piece}.html").render(context))
            for piece in ("head", "body")
        ]


_CLASSES: dict[type[Part], type[_DrawnPart]] = {
    TextPart: _DrawnText,
    ThinkingPart: _DrawnThinking,
    ToolCallPart: _DrawnTool,
    RawPart: _DrawnRaw,
}
"""What draws a kind of part, and the kinds that are made of it; every other is a `_DrawnPart`."""


def _make_drawn(part_id: str, slot: OpenPart) -> _DrawnPart:
    drawn = next((drawn for kind, drawn in _CLASSES.items() if isinstance(slot.part, kind)), _DrawnPart)
    return drawn(part_id, slot)
