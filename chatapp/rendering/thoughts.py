"""Thinking as HTML: plain text, in which `<topic>label</topic>` is the heading of what follows.

A label is one short line; whatever else looks like the tag is text. Blank lines at either end of a section are dropped.
"""

import re

from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe

from chatapp.conf import settings
from chatapp.parts import ThinkingPart

from .source import escape

_START = "<topic>"
MAX_LABEL = 120
"""Characters. So much is kept back at the most while a label comes."""

_LABEL = re.compile(rf"<topic>([^\n<]{{0,{MAX_LABEL}}})</topic>")
_MAY_BECOME = re.compile(rf"<topic>[^\n<]{{0,{MAX_LABEL}}}(?:</?t?o?p?i?c?)?\Z")


class Topics:
    """Draws thinking while it comes. Where it is cut does not matter; only what may become a label is kept back."""

    def __init__(self) -> None:
        self.latest = ""
        """The label that came last."""
        self._held = ""
        self._lines: list[str] = []
        """Blank lines that are shown if more text follows."""
        self._is_begun = False
        """Whether the section has a word."""

    def feed(self, text: str) -> str:
        """HTML of what is known to be text or a label now."""
        text, self._held = self._held + text, ""
        out: list[str] = []
        position = 0
        while (found := text.find("<", position)) >= 0:
            match = _LABEL.match(text, found)
            if match is not None:
                out += (self._write(text[position:found]), self._head(match[1]))
                position = match.end()
            elif _START.startswith(text[found : found + len(_START) + 1]) or _MAY_BECOME.match(text, found):
                self._held = text[found:]
                text = text[:found]
            else:
                out.append(self._write(text[position : found + 1]))
                position = found + 1
        out.append(self._write(text[position:]))
        return "".join(out)

    def finish(self) -> str:
        """HTML of what was kept back; nothing more will come."""
        held, self._held = self._held, ""
        return self._write(held)

    def _write(self, text: str) -> str:
        if not self._is_begun:
            text = text.lstrip()
        body = text.rstrip()
        line = text.find("\n", len(body))
        shown, lines = (text, "") if line < 0 else (text[:line], text[line:])
        if not body and self._lines:
            shown, lines = "", text
        if shown:
            self._is_begun = True
            shown = "".join(self._lines) + shown
            self._lines = []
        if lines:
            self._lines.append(lines)
        return escape(shown)

    def _head(self, label: str) -> str:
        label = " ".join(label.split())
        self.latest = label or self.latest
        self._is_begun, self._lines = False, []
        return f'<h3 class="chat-topic">{escape(label)}</h3>' if label else ""


def shows_thinking(part: ThinkingPart, seconds: float | None) -> bool:
    """Whether thinking of so many seconds is shown; None: nobody measured. An empty one never is."""
    after = settings.SHOW_THINKING_AFTER_SECONDS
    return after >= 0 and (seconds is None or seconds >= after) and bool(part.text.strip())


def render_thinking(part: ThinkingPart, part_id: str, html: str | None, topic: str) -> SafeString:
    """A panel with the latest topic in its head; if it is not shown (`html` is None), what keeps its number."""
    text = mark_safe(html or "")  # noqa: S308  # from Topics, which escapes all but its own headings
    context = {"part": part, "part_id": part_id, "is_shown": html is not None, "html": text, "topic": topic}
    return render_to_string(part.template_name, context)
