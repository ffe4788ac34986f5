"""The fast lane of the live block: paragraphs of words, with bold text and inline code at the most.

Most of what a model says, most of the time, is the middle of a paragraph, and it is drawn again with each flush. Such
text needs no parser: every character outside of the three tags written here is escaped, so there is nothing to sanitise
either. Only what is live is drawn this way. What is settled goes through the parser and the sanitiser, unless there is
nothing in it but words (see paragraphs.py).
"""

import re
from typing import Final

from .source import escape

MAX_CHARS: Final = 4_000
"""A longer live block is left to the parser, and to the pace that slows with it."""

# What may mean something to the parser outside of code and bold text.
_MARKS: Final = re.compile(r"[`*_\[\]<>&$|~\\\x00-\x09\x0b-\x1f\ue000-\uf8ff]")
# A line that begins something other than a paragraph, or goes on with it in a way of its own.
_NEXT_LINE: Final = re.compile(r"\n {0,3}(?:[-+=:#]|\d{1,9}[.)])| \n|\n ")
_FIRST_LINE: Final = re.compile(r"\n* {0,3}(?:[-+=:#]|\d{1,9}[.)]| )")
_SPANS: Final = re.compile(
    r"(?<![`*])(?:`([^`\s](?:[^`\n]*[^`\s])?)`|\*\*([^\W_](?:[^`*_\[\]<>&$|~\\\n]*[^\W_])?)\*\*)(?![`*])"
)


class Prose:
    """Draws a text that grows, as long as it is prose; costs what is new of it."""

    def __init__(self) -> None:
        self._known = ""
        """The beginning of the text that has been looked at: up to a blank between two words."""
        self._html = ""

    def draw(self, text: str) -> str | None:
        """HTML of `text`; None if there is anything in it that needs the parser."""
        if len(text) > MAX_CHARS:
            return None
        if not text.startswith(self._known):
            self._known = self._html = ""
        new = text[len(self._known) :]
        if _NEXT_LINE.search(new) or (new.startswith("\n") if self._known else _FIRST_LINE.match(new)):
            return None
        # Up to here nothing that follows can change it.
        cut = new.rfind(" ") + 1
        if cut > 1 and not new[cut - 2].isspace() and (whole := _draw_spans(new[:cut])) is not None:
            self._known += new[:cut]
            self._html += whole
            new = new[cut:]
        rest = _draw_spans(new)
        if rest is None:
            return None
        html = self._html + rest
        if "\n\n" not in html:
            html = html.strip()
            return f"<p>{html}</p>" if html else ""
        paragraphs = (paragraph.strip() for paragraph in html.split("\n\n"))
        return "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs if paragraph)


def _draw_spans(text: str) -> str | None:
    if _MARKS.search(text) is None:
        return text
    out: list[str] = []
    position = 0
    for span in _SPANS.finditer(text):
        before = text[position : span.start()]
        if _MARKS.search(before):
            return None
        code, bold = span.groups()
        out += (before, f"<code>{escape(code)}</code>" if code is not None else f"<strong>{bold}</strong>")
        position = span.end()
    if _MARKS.search(text, position):
        return None
    return "".join([*out, text[position:]])
