"""What a browser does with the steps of a stream, on strings."""

import re
from collections.abc import Iterable
from html import unescape

from chatapp.rendering.markdown import MarkdownStream, Step

_TAG = re.compile(r"<(/?)([a-z0-9]+)[^<>]*>")
_VOID = {"br", "hr", "img"}


def split_roots(html: str) -> list[str]:
    """The elements that stand side by side in `html`. Raises AssertionError for text between them, or no balance."""
    roots: list[str] = []
    begin = depth = 0
    for tag in _TAG.finditer(html):
        if not depth:
            assert not html[begin : tag.start()].strip(), f"text outside an element: {html[begin : tag.start()]!r}"
        if tag[2] not in _VOID:
            depth += -1 if tag[1] else 1
        assert depth >= 0, f"{tag[0]} ends nothing in {html!r}"
        if not depth:
            roots.append(html[begin : tag.end()])
            begin = tag.end()
    assert not depth, f"not balanced: {html!r}"
    assert not html[begin:].strip(), f"text outside an element: {html[begin:]!r}"
    return roots


def get_text(html: str) -> str:
    """The text content of `html`."""
    return unescape(re.sub(r"<[^<>]*>", "", html))


class Page:
    """The settled and the live element of one message."""

    def __init__(self) -> None:
        self.settled: list[str] = []
        self.live = ""
        self.corrected: set[int] = set()
        self.was_rewritten = False

    def apply(self, step: Step) -> None:
        """Do what the step says."""
        self.settled += split_roots(step.settled)
        if step.live is not None:
            self.live = step.live
        if step.live_append:
            assert self.live.count("</code>") == 1
            self.live = self.live.replace("</code>", step.live_append + "</code>")
        for index, html in step.corrections.items():
            assert len(split_roots(html)) == 1
            self.settled[index] = html
            self.corrected.add(index)
        if step.rewrite is not None:
            self.settled = split_roots(step.rewrite)
            self.was_rewritten = True

    @property
    def html(self) -> str:
        """The settled HTML."""
        return "".join(self.settled)


def stream(pieces: Iterable[str]) -> Page:
    """The page after all steps of a stream, one for each piece."""
    page = Page()
    growing = MarkdownStream()
    for piece in pieces:
        growing.append(piece)
        page.apply(growing.step())
    page.apply(growing.finish())
    return page
