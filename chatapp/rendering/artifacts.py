"""Artifacts as HTML: code, trees of data, rows of tables. Everything in them is somebody else's text and is escaped."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final
from uuid import UUID

from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from chatapp.artifacts import CodeArtifact, ImageArtifact, JsonArtifact
from chatapp.artifacts.tables import Selection, show_cell
from chatapp.conf import settings

from . import highlighting, links
from .source import escape, parse_language, scrub

MAX_NODES: Final = 1000
"""Values of a tree that are drawn; what is left out can be downloaded."""

OPEN_NODES: Final = 30
"""A tree with more values shows only its first level unfolded."""

MAX_TEXT: Final = 1000
"""Characters that are shown of one text in a tree, or of one cell."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where what a message holds is to be found."""

    artifact: Callable[[str, int], str] = lambda message, index: reverse("chatapp:artifact", args=[message, index])
    """Of the part at this index of a message."""

    file: Callable[[UUID], str] = lambda attachment: reverse("chatapp:file", args=[attachment])
    """Of a file that was sent."""


_addresses: ContextVar[Addresses] = ContextVar("chatapp_addresses", default=Addresses())  # noqa: B039  # it is frozen


def get_address(message: str, index: int) -> str:
    """Address of what the part at this index of a message holds."""
    return _addresses.get().artifact(message, index)


def get_file_address(attachment: UUID) -> str:
    """Address of a file that was sent."""
    return _addresses.get().file(attachment)


@contextmanager
def use(addresses: Addresses) -> Iterator[None]:
    """In it, what is drawn is found elsewhere than in a thread of the reader."""
    token = _addresses.set(addresses)
    try:
        yield
    finally:
        _addresses.reset(token)


def draw_code(part: CodeArtifact) -> SafeString:
    """The code with its tokens marked; the text of the HTML is the code."""
    code = scrub(part.content)
    language = parse_language(part.language).lower()
    html = highlighting.highlight(code, language)
    named = f' class="language-{language}"' if language else ""
    return mark_safe(f"<pre><code{named}>{escape(code) if html is None else html}</code></pre>")  # noqa: S308  # escaped


def get_image_host(part: ImageArtifact) -> str:
    """Where the image would be loaded from, if it may not be; "" for one that is shown."""
    is_shown = part.is_inline or links.is_open(part.url, settings.IMAGE_HOSTS)
    return "" if is_shown else links.get_host(part.url) or part.url[:60]


# ---- trees


def draw_tree(part: JsonArtifact) -> SafeString:
    """Objects and lists as `details` in one another."""
    is_small = sum(1 for _ in islice(_walk(part.data), OPEN_NODES + 1)) <= OPEN_NODES
    html = "".join(_Tree(is_small=is_small).draw(part.data))
    return mark_safe(f'<div class="chat-tree">{html}</div>')  # noqa: S308  # escaped


def _walk(value: Any) -> Iterator[Any]:
    yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _walk(item)


class _Tree:
    def __init__(self, *, is_small: bool) -> None:
        self._is_small = is_small
        self._left = MAX_NODES

    def draw(self, value: Any, label: str = "", depth: int = 0) -> Iterator[str]:
        self._left -= 1
        if not isinstance(value, dict | list):
            yield f"{label}{_write_scalar(value)}"
            return
        items: Iterable[tuple[Any, Any]] = value.items() if isinstance(value, dict) else enumerate(value)
        size = f"{{ {len(value)} }}" if isinstance(value, dict) else f"[ {len(value)} ]"
        is_open = " open" if not depth or self._is_small else ""
        yield f"<details{is_open}><summary>{label}{size}</summary><ul>"
        for place, (key, item) in enumerate(items):
            if self._left <= 0:
                rest = _("%(count)s more; download it to see all") % {"count": f"{len(value) - place:,}"}
                yield f"<li>… {escape(rest)}</li>"
                break
            yield "<li>"
            yield from self.draw(item, f'<span class="na">{escape(_shorten(str(key)))}</span>: ', depth + 1)
            yield "</li>"
        yield "</ul></details>"


def _write_scalar(value: Any) -> str:
    if isinstance(value, str):
        return f'<span class="s">{escape(json.dumps(_shorten(value), ensure_ascii=False))}</span>'
    return f'<span class="m">{escape(json.dumps(value))}</span>'


def _shorten(text: str) -> str:
    return scrub(text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…")


# ---- tables


def show_cells(selection: Selection) -> list[list[str]]:
    """The cells as people read them."""
    return [[_shorten(show_cell(cell)) for cell in row] for row in selection.rows]


def draw_rows(rows: Sequence[Sequence[str]], is_numeric: Sequence[bool]) -> SafeString:
    """The rows of a table's body."""
    starts = ['<td align="right">' if right else "<td>" for right in is_numeric]
    lines = (
        f"<tr>{''.join(f'{start}{escape(cell)}</td>' for start, cell in zip(starts, row, strict=True))}</tr>"
        for row in rows
    )
    return mark_safe("".join(lines))  # noqa: S308  # escaped


def describe(selection: Selection) -> str:
    """Which rows these are, as a sentence."""
    if not selection.total:
        return _("No rows")
    values = {
        "first": f"{min(selection.start + 1, selection.total):,}",
        "last": f"{selection.start + len(selection.rows):,}",
        "total": f"{selection.total:,}",
    }
    return _("%(first)s to %(last)s of %(total)s") % values
