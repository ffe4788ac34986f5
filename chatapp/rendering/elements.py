"""The parser's events, and the tags that elements become."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

Event = str | Mapping[str, Any]
"""An event of the parser, or `{"Formula": formula}` woven in by formulas.py."""

SIMPLE = {
    "Paragraph": ("<p>", "</p>\n"),
    "Emphasis": ("<em>", "</em>"),
    "Strong": ("<strong>", "</strong>"),
    "Strikethrough": ("<del>", "</del>"),
    "BlockQuote": ("<blockquote>\n", "</blockquote>\n"),
    "Item": ("<li>", "</li>\n"),
    "Table": ('<div class="chat-table"><table>', "</tbody></table></div>\n"),
    "TableHead": ("<thead><tr>", "</tr></thead><tbody>\n"),
    "TableRow": ("<tr>", "</tr>\n"),
}
BREAKS = {"SoftBreak": "\n", "HardBreak": "<br>\n", "Rule": "<hr>\n"}
PIECES = frozenset({"TableHead", "TableRow", "TableCell", "Item"})
"""Elements that are written if the one around them is: without it they would fall out of their table or list."""


def write_element(name: str, value: Any) -> tuple[str, str]:
    """The tags before and after a heading or a list; empty for an element that is not known."""
    if name == "Heading":
        level = value["level"].lower()
        return f"<{level}>", f"</{level}>\n"
    if name == "List" and value is None:
        return "<ul>\n", "</ul>\n"
    if name == "List":
        return "<ol>\n" if value == 1 else f'<ol start="{int(value)}">\n', "</ol>\n"
    return "", ""


def write_cell(name: str, alignments: Sequence[str], column: int) -> tuple[str, str]:
    """The tags before and after a cell in that column of a table."""
    alignment = alignments[column].lower() if column < len(alignments) else "none"
    return f"<{name}>" if alignment == "none" else f'<{name} align="{alignment}">', f"</{name}>"


def collect_text(events: Iterator[Event], name: str) -> str:
    """The text up to the end of the element `name`, which may hold others of its kind."""
    texts: list[str] = []
    depth = 1
    for event in events:
        items: Iterable[tuple[str, Any]] = event.items() if isinstance(event, dict) else (("Text", "\n"),)
        for kind, value in items:
            if kind in ("Start", "End"):
                is_same = value == name or (isinstance(value, Mapping) and name in value)
                depth += (1 if kind == "Start" else -1) * is_same
            elif kind == "Formula":
                texts.append(value.source)
            elif isinstance(value, str):
                texts.append(value)
        if not depth:
            break
    return "".join(texts)
