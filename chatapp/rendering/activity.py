"""What the templates of tools, sources and the plan need beside the part: choices that no template should make."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe

from chatapp.activity import PREVIEW_CHARS, ToolCallPart
from chatapp.conf import settings
from chatapp.parts import Part
from chatapp.todos import TodoItem, are_all_done

from . import fragments
from .fragments import Fragment
from .markdown import render


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolView:
    """A tool's row as it is shown."""

    request: str
    """The arguments; empty if they are not shown."""

    form: Literal["", "error", "html", "markdown", "text", "parts", "code"]
    """How the result is shown. Empty: there is none."""

    html: str = ""
    """The result, for the forms html and markdown."""

    text: str = ""
    """The result, for the others."""

    preview: str = ""
    """The beginning of a long text; empty if it is shown as a whole."""

    words: str = ""
    """A few words beside the title."""

    parts: Sequence[Part] = ()
    """The result, for the form parts."""

    footer: str = ""
    is_open: bool = False
    has_full_screen: bool = False


def view_tool(part: ToolCallPart) -> ToolView | None:
    """The row of a tool, by the setting TOOL_DISPLAY; None if no tool is shown."""
    if settings.TOOL_DISPLAY == "none":
        return None
    display = part.display
    shown: dict[str, Any] = {
        "request": part.arguments_text if display is None or display.show_request else "",
        "words": (display.preview if display else "") or part.intent,
        "is_open": display is not None and display.open,
    }
    is_running = part.state == "running"
    if display is not None and settings.TOOL_DISPLAY == "rich":
        shown |= {"footer": display.footer, "has_full_screen": display.full_screen}
        if part.state != "failed" and display.html:
            return ToolView(**shown, form="html", html=mark_safe(display.html))  # noqa: S308  # see ToolDisplay.html
        if part.state != "failed" and display.markdown:
            return ToolView(**shown, form="markdown", html=mark_safe(render(display.markdown)))  # noqa: S308  # sanitised
        if part.state != "failed" and display.text:
            # Of what comes while it runs the end is news, and there is nothing to fold yet.
            preview = "" if is_running else _cut(display.text)
            return ToolView(**shown, form="text", text=display.text, preview=preview)
        if part.state != "failed" and display.parts:
            return ToolView(**shown, form="parts", parts=display.load_parts())
    text = part.result_text
    if is_running or not text:
        return ToolView(**shown, form="")
    return ToolView(**shown, form="error" if part.state == "failed" else "code", text=text, preview=_cut(text))


def _cut(text: str) -> str:
    return text[:PREVIEW_CHARS] if len(text) > PREVIEW_CHARS else ""


@dataclass(frozen=True, slots=True)
class TodoView:
    """The plan as it is shown."""

    items: Sequence[TodoItem]

    @property
    def total(self) -> int:
        """How many tasks there are."""
        return len(self.items)

    @property
    def done(self) -> int:
        """How many of them are completed."""
        return sum(item.status == "completed" for item in self.items)

    @property
    def percent(self) -> int:
        """The same of a hundred."""
        return round(100 * self.done / self.total) if self.items else 0

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do."""
        return are_all_done(self.items)

    @property
    def has_begun(self) -> bool:
        """Whether any task was begun or completed."""
        return any(item.status != "not-started" for item in self.items)


def render_todos(items: Sequence[TodoItem]) -> SafeString:
    """The plan above the composer; empty without tasks."""
    return render_to_string("chatapp/_todos.html", {"todos": TodoView(items)}) if items else SafeString("")


def draw_todos(before: Sequence[TodoItem] | None, now: Sequence[TodoItem]) -> list[Fragment]:
    """What makes the one plan of the other; None: nobody knows what the page has.

    A plan that goes on stays as open as the person has it.
    """
    if before == now:
        return []
    if not before or not now or TodoView(before).is_done != TodoView(now).is_done:
        return [fragments.fill(fragments.TODOS, render_todos(now))]
    context = {"todos": TodoView(now)}
    return [
        fragments.fill(f"{fragments.TODOS}-{piece}", render_to_string(f"chatapp/_todos_{piece}.html", context))
        for piece in ("head", "list")
    ]
