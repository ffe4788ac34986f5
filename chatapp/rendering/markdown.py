"""Markdown as safe HTML, whole or while it streams.

A document is the concatenation of its top-level blocks, each rendered and sanitised by itself. That is the rendering
of a page, too, so streamed and reloaded HTML are equal by construction, and what one block leaves open cannot swallow
the next. The sanitiser is always the last step; nothing may serialise after it. A paragraph that has no character with
a meaning for either (see paragraphs.py) passes both by.
"""

import itertools
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

import nh3
import pyromark
from django.utils.safestring import SafeString, mark_safe
from pyromark import Options
from pyromark.event import BrokenLinkCallback

from chatapp.conf import settings

from . import allowed, formulas
from .blocks import Block, drop_uncertain, join_details, list_blocks
from .cache import Cache
from .document import Known, Rendered, join, render_document
from .links import is_open
from .paragraphs import write_paragraph
from .results import LinkDefinition, Rules, TooLarge, Written
from .source import escape, guard, normalize_label, normalize_newlines, scrub
from .stream import Step, Stream
from .writer import Writer

__all__ = ["MarkdownStream", "Step", "render"]

logger = logging.getLogger(__name__)

MAX_BLOCK_HTML = 1_000_000
"""Characters. A block with more is shown as plain text."""

MAX_GROWTH = 40  # times the source, beyond a few kB; an honest table of empty cells has 9
_SMALL_BLOCK = 20_000

_OPTIONS = Options.ENABLE_TABLES | Options.ENABLE_STRIKETHROUGH | Options.ENABLE_TASKLISTS | Options.ENABLE_FOOTNOTES
_NOTE = re.compile(r"\[\^([^\[\]\n]{1,200})\]")

_cache = Cache(max_bytes=8_000_000)


def render(source: str) -> SafeString:
    """HTML of a whole document. Never raises for anything in `source`; its length is the caller's to bound."""
    key = (source, settings.IMAGE_HOSTS)
    html = _cache.get(key)
    if html is None:
        blocks = render_document(MarkdownStream.engine, scrub(normalize_newlines(source)))
        html = join(MarkdownStream.engine, blocks)
        _cache.put(key, html, len(source) + len(html))
    return mark_safe(html)  # noqa: S308  # each block was sanitised last, or needs none; nothing has touched it since


def sanitize(html: str) -> str:
    """What may stand in a message of HTML that is no Markdown: the same elements, no remote image, no formula."""
    return _make_cleaner((), with_maths=False).clean(html).strip()


class _Markdown:
    """The engine of document.py over the parser and the sanitiser."""

    def sanitize(self, html: str) -> str:
        """See Engine."""
        return _make_cleaner(settings.IMAGE_HOSTS, with_maths="<math" in html).clean(html).strip()

    def list_links(self, source: str) -> Mapping[str, LinkDefinition]:
        """See Engine."""
        if "]:" not in source:
            return {}
        found = pyromark.reference_definitions(guard(source), options=_OPTIONS)
        return {label: LinkDefinition(link["dest"], link["title"] or "") for label, link in found.items()}

    def list_blocks(self, source: str, *, is_final: bool) -> Iterator[tuple[str, Block]]:
        """See Engine."""
        raw = source.encode()
        if _ONE_PARAGRAPH.fullmatch(source):
            # What people mostly read: as it grows, it would be parsed again and again for the same answer.
            yield source, Block(0, len(raw), "Paragraph", [])
            return
        try:
            blocks = _list_blocks(source, is_final=is_final)
        except BaseException as error:
            _reraise_unless_ours(error)
            blocks = [Block(0, len(raw), "Unknown", [])] if is_final else []
        position = 0
        for block in blocks:
            yield raw[position : block.end].decode(), block
            position = block.end

    def render_block(self, source: str, known: Known, *, effort: int = 0, is_live: bool = False) -> Rendered:
        """See Engine."""
        if len(source) < MAX_BLOCK_HTML and (paragraph := write_paragraph(source)) is not None:
            return Rendered(paragraph)
        missing: set[str] = set()
        rules = Rules(links=known.links, image_hosts=settings.IMAGE_HOSTS, effort=effort, is_live=is_live)
        limit = min(MAX_BLOCK_HTML, _SMALL_BLOCK + MAX_GROWTH * len(source))
        try:
            written = _write(source, known, missing, Writer(rules, max_length=limit))
            if "&" in source:
                # What an entity hid is said now.
                written.html = scrub(written.html)
                written.notes = [note._replace(html=scrub(note.html)) for note in written.notes]
            html = self.sanitize(written.html)
            if len(html) > limit:
                raise TooLarge
            return Rendered(html, tuple(written.notes), written.effort, frozenset(missing))
        except BaseException as error:
            _reraise_unless_ours(error)
            logger.info("A block of %d characters is shown as plain text: %s", len(source), type(error).__name__)
            return Rendered(f'<pre class="chat-plain">{escape(source.strip())}</pre>')


_ONE_PARAGRAPH: Final = re.compile(r"(?:[^\W\d_][^|$\\\n]*\n)*[^\W\d_][^|$\\\n]*\n?")
"""Lines that begin with a letter, none of them blank, without a table and a formula: nothing else can be meant."""


class MarkdownStream(Stream):
    """Markdown that is still being said; see Stream."""

    engine = _Markdown()


@lru_cache(maxsize=8)
def _make_cleaner(image_hosts: tuple[str, ...], *, with_maths: bool) -> nh3.Cleaner:
    more = allowed.IMAGE_ATTRIBUTES if image_hosts else {}
    more = more | (allowed.MATHS_ATTRIBUTES if with_maths else {})

    def keep(element: str, attribute: str, value: str) -> str | None:
        return None if element == "img" and attribute == "src" and not is_open(value, image_hosts) else value

    return nh3.Cleaner(
        tags=allowed.TAGS | set(more),
        attributes=allowed.ATTRIBUTES | more,
        attribute_filter=keep if image_hosts else None,
        **allowed.REST,
    )


def _reraise_unless_ours(error: BaseException) -> None:
    # A panic of the parser is a BaseException without a public name. What stops a task or the process goes on.
    if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
        raise error


def _write(source: str, known: Known, missing: set[str], writer: Writer) -> Written:
    text = guard(source)
    labels = set(_NOTE.findall(text)) if "[^" in text else set()
    found = {label for label in labels if normalize_label(label) in known.notes}
    missing.update(f"^{normalize_label(label)}" for label in labels - found)
    # The parser sees a reference only beside its definition. The rule ends the last one, however the block begins.
    stubs = "".join(f"[^{label}]: x\n\n" for label in sorted(found)) + "***\n" if found else ""

    def resolve(link: Any) -> tuple[str, str] | None:
        label = normalize_label(link["reference"])
        if label not in known.links:
            missing.add(label)
        return known.links.get(label)

    def drop_stubs(events: Iterable[Any]) -> Iterable[Any]:
        if not stubs:
            return events
        return itertools.islice(itertools.dropwhile(lambda event: event != "Rule", events), 1, None)

    if formulas.may_have_formulas(text):
        data = (stubs + text).encode()
        places = [place for place in _find_formulas(data).places if place.start >= len(stubs.encode())]
        while places:
            masked = formulas.mask(data, places)
            events = _list_events(masked, resolve)
            try:
                return writer.write(drop_stubs(formulas.weave(events, masked, places)))
            except formulas.Misplaced as error:
                # Over cells or headings: no formula. Where there are many such, none is one.
                places = [place for place in places if place is not error.place] if len(places) < 8 else []
                writer = writer.renew()
    return writer.write(drop_stubs(pyromark.events(stubs + text, options=_OPTIONS, broken_link_callback=resolve)))


def _list_events(data: bytes, resolve: BrokenLinkCallback | None = None) -> Iterator[tuple[Any, Any]]:
    """The parser's events, each with its range of bytes."""
    return pyromark.events_with_range(data.decode(), options=_OPTIONS, broken_link_callback=resolve)


def _find_formulas(data: bytes) -> formulas.Found:
    return formulas.find(data, formulas.make_outline(_list_events(data), data))


def _list_blocks(source: str, *, is_final: bool) -> list[Block]:
    data = guard(source).encode()
    unclosed: int | None = None
    if formulas.may_have_formulas(source):
        places, unclosed = _find_formulas(data)
        data = formulas.mask(data, places)
    blocks = list_blocks(_list_events(data), data)
    if not is_final:
        blocks = drop_uncertain(blocks, data, unclosed)
    return join_details(blocks, data, is_final=is_final)
