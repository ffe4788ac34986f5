"""HTML of what the parser saw: a closed set of events in, a closed set of tags out.

The parser's own HTML passes raw HTML through, writes ids and styles and loads images, so it is not used. Here whatever
is not known is text. The sanitiser still comes after this (see markdown.py).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from .cards import CLOSE_CARD, Card, count_pending, read_cards, take_list, write_blank_cards, write_heads
from .elements import BREAKS, PIECES, SIMPLE, Event, collect_text, write_cell, write_element
from .highlighting import is_known
from .leaves import open_link, write_code, write_formula, write_image_or_host
from .links import clean_url, is_open, split_bare_links
from .maths import EFFORT, Formula
from .pairs import TagPairs
from .results import LinkDefinition, Note, Rules, TooLarge, Written
from .source import escape, normalize_label, parse_language, unguard
from .tags import Tag, parse_tag, split_tags

MAX_DEPTH = 40  # The sanitiser's cost grows with the square of the depth; browsers give up at 512.

_CHECK_EVERY = 256  # events between two looks at the size


class Writer:
    """Writes the events of one block, or of several that are still open. Use once."""

    def __init__(self, rules: Rules, *, max_length: int) -> None:
        self._rules = rules
        self._max_length = max_length
        self._out: list[str] = []
        self._closings: list[str | Callable[[], None]] = []
        """What ends the elements we are in; "" for one that is not written."""
        self._pairs = TagPairs(is_live=rules.is_live)
        self._alignments: tuple[str, ...] = ()
        self._column = 0
        self._cell = "td"
        self._is_in_link = False
        self._tops = 0
        self._length = 0
        self._measured = 0
        self._written = Written()

    def renew(self) -> "Writer":
        """A writer with the same rules that has written nothing."""
        return Writer(self._rules, max_length=self._max_length)

    def write(self, events: Iterable[Event]) -> Written:
        """HTML of `events`: no element or one, unless it is live. Raises TooLarge when it exceeds `max_length`."""
        self._walk(iter(events))
        self._pairs.drop(-1, self._out)
        self._measure()
        html = "".join(self._out)
        if html and not self._rules.is_live and (self._tops > 1 or self._pairs.has_details):
            html = f"<div>{html}</div>"
        self._written.html = html
        return self._written

    def _walk(self, iterator: Iterator[Event]) -> None:
        # This loop is most of what a step costs.
        for count, event in enumerate(iterator):
            if isinstance(event, str):
                self._tops += not self._closings
                self._out.append(BREAKS[event])
            elif "Text" in event:
                text = event["Text"]
                if "://" in text and not self._is_in_link:
                    self._write_text_with_links(text)
                else:
                    self._out.append(escape(text))
            elif "Start" in event:
                self._start(event["Start"], iterator)
            elif "End" in event:
                self._end()
            else:
                for name, value in event.items():
                    self._write_leaf(name, value)
            if not count % _CHECK_EVERY:
                self._measure()

    def _measure(self) -> None:
        self._length += sum(map(len, self._out[self._measured :]))
        self._measured = len(self._out)
        if self._length > self._max_length:
            raise TooLarge

    def _write_leaf(self, name: str, value: Any) -> None:
        if name == "Code":
            self._out.append(f"<code>{escape(value)}</code>")
        elif name == "InlineHtml":
            self._write_tag(value)
        elif name == "Formula":
            self._write_formula(value)
        elif name == "FootnoteReference":
            self._out.append(f'<sup class="chat-note-ref">{escape(value)}</sup>')
        elif name == "TaskListMarker":
            self._out.append(f'<span class="chat-task">{"☑" if value else "☐"}</span> ')
        else:
            self._out.append(escape(str(value)))

    # Elements

    def _start(self, tag: Any, events: Iterator[Event]) -> None:
        value: Any = None
        if isinstance(tag, str):
            name = tag
        else:
            ((name, value),) = tag.items()
        self._tops += not self._closings and name != "FootnoteDefinition"
        simple = SIMPLE.get(name)
        if name == "List" and not self._closings:
            self._write_list(tag, value, events)
        elif simple and name not in PIECES and len(self._closings) < MAX_DEPTH:
            if name == "Table":
                self._alignments = value
            self._out.append(simple[0])
            self._closings.append(simple[1])
        elif name == "CodeBlock":
            self._write_code(value, collect_text(events, name))
        elif name == "HtmlBlock":
            self._write_html(collect_text(events, name))
        elif name == "Image":
            self._write_image(value, collect_text(events, name))
        elif name == "FootnoteDefinition":
            self._start_note(value)
        elif name == "Link":
            self._start_link(value)
        elif self._closings[-1] if name in PIECES else len(self._closings) < MAX_DEPTH:
            if name in ("TableHead", "TableRow"):
                self._column, self._cell = 0, "th" if name == "TableHead" else "td"
            if name == "TableCell":
                opening, closing = write_cell(self._cell, self._alignments, self._column)
                self._column += 1
            else:
                opening, closing = simple or write_element(name, value)
            self._out.append(opening)
            self._closings.append(closing)
        else:
            self._closings.append("")

    def _end(self) -> None:
        closing = self._closings.pop()
        if self._pairs.are_waiting:
            self._pairs.drop(len(self._closings), self._out)
        if isinstance(closing, str):
            self._out.append(closing)
        else:
            closing()

    def _write_list(self, tag: Any, first: int | None, events: Iterator[Event]) -> None:
        """A list at top level, or the cards that it is."""
        items = take_list({"Start": tag}, events)
        cards = None if self._rules.is_live else read_cards(items)
        if cards:
            self._write_cards(cards, first)
        elif self._rules.is_live and (count := count_pending(items)):
            self._out.append(write_blank_cards(count))
        else:
            opening, closing = write_element("List", first)
            self._out.append(opening)
            self._closings.append(closing)
            self._walk(iter(items[1:]))

    def _write_cards(self, cards: Sequence[Card], first: int | None) -> None:
        name = "ul" if first is None else "ol"
        self._out.append(f'<{name} class="chat-cards">\n')
        for card, head in zip(cards, write_heads(cards, first), strict=True):
            self._out.append(head)
            self._closings.append(CLOSE_CARD)
            self._walk(iter(card.body))
            self._end()
        self._out.append(f"</{name}>\n")

    def _start_note(self, label: str) -> None:
        """What is defined here is shown at the end of the document."""
        self._measure()
        outer, self._out, self._measured = self._out, [], 0

        def finish() -> None:
            self._measure()
            self._written.notes.append(Note(label, "".join(self._out)))
            self._out, self._measured = outer, len(outer)

        self._closings.append(finish)

    # Links and images

    def _resolve(self, value: Mapping[str, Any]) -> LinkDefinition:
        # The block may hold a later definition of a label that an earlier block has defined: the earlier one counts.
        known = self._rules.links.get(normalize_label(value["id"])) if value["id"] else None
        url, title = known or (value["dest_url"], value["title"])
        url = f"mailto:{url}" if value["link_type"] == "Email" else url
        return LinkDefinition(clean_url(unguard(url)), title)

    def _start_link(self, value: Mapping[str, Any]) -> None:
        target = self._resolve(value)
        if not target.url or self._is_in_link:
            self._closings.append("")
            return
        self._is_in_link = True
        self._pairs.note_pressable(len(self._out))
        self._out.append(open_link(target))

        def finish() -> None:
            self._is_in_link = False
            self._out.append("</a>")

        self._closings.append(finish)

    def _write_image(self, value: Mapping[str, Any], alt: str) -> None:
        target, hosts = self._resolve(value), self._rules.image_hosts
        if not self._is_in_link and not is_open(target.url, hosts):
            self._pairs.note_pressable(len(self._out))
        self._out.append(write_image_or_host(target, alt, hosts, is_in_link=self._is_in_link))

    def _write_text_with_links(self, text: str) -> None:
        for piece, url in split_bare_links(text):
            if url:
                self._pairs.note_pressable(len(self._out))
                self._out.append(f"{open_link(LinkDefinition(url, ''))}{escape(piece)}</a>")
            else:
                self._out.append(escape(piece))

    # Code and formulas

    def _may_spend(self, effort: int) -> bool:
        if self._written.effort + effort > self._rules.effort:
            return False
        self._written.effort += effort
        return True

    def _write_code(self, kind: Any, code: str) -> None:
        language = parse_language(unguard(kind["Fenced"])) if isinstance(kind, Mapping) else ""
        may_be = not self._rules.is_live and is_known(language)
        code = unguard(code)
        self._out.append(write_code(code, language, is_highlighted=may_be and self._may_spend(len(code))))

    def _write_formula(self, formula: Formula) -> None:
        may_be = self._may_spend(EFFORT * len(formula.tex))
        self._out.append(write_formula(formula, is_converted=may_be))

    # Raw HTML

    def _write_tag(self, text: str) -> None:
        tag = parse_tag(unguard(text))
        if tag is None or tag.is_block or (tag.is_button and self._is_in_link):
            self._out.append(escape(text))
        elif tag.name == "br":
            self._out.append(tag.opening)
        else:
            self._write_half(tag, escape(text))

    def _write_half(self, tag: Tag, text: str) -> None:
        pair = self._pairs.close if tag.is_end else self._pairs.open
        pair(tag, text, self._out, len(self._closings))

    def _write_html(self, text: str) -> None:
        """A block of raw HTML: text in a box that keeps its line breaks, and the allowed tags in it."""
        pieces = split_tags(unguard(text))
        outside = len(self._closings)
        position = 0
        while position < len(pieces):
            piece, tag = pieces[position]
            position += 1
            if tag is not None and tag.is_block:
                if len(self._closings) > outside:
                    self._end()
                # What stands before or after it will be an element of its own.
                self._tops += not outside and len(pieces) > 1
                position = self._write_block_tag(pieces, position - 1, tag)
            elif len(self._closings) > outside or piece.strip():
                if len(self._closings) == outside:
                    self._out.append('<div class="chat-html">')
                    self._closings.append("</div>\n")
                    piece = piece.lstrip("\n")
                self._write_piece(piece, tag)
        if len(self._closings) > outside:
            self._end()

    def _write_piece(self, piece: str, tag: Tag | None) -> None:
        if tag is None:
            self._out.append(escape(piece))
        else:
            self._write_tag(piece)

    def _write_block_tag(self, pieces: list[tuple[str, Tag | None]], index: int, tag: Tag) -> int:
        """Write `<details>` or a whole `<summary>`, or the end of one; the index of the next piece."""
        box = f'<div class="chat-html">{escape(pieces[index][0])}</div>\n'
        if tag.name == "details":
            self._write_half(tag, box)
            return index + 1
        end = index + 1
        while end < len(pieces) and not ((other := pieces[end][1]) and other.is_block):
            end += 1
        is_whole = not tag.is_end and end < len(pieces) and pieces[end][1] == tag._replace(is_end=True)
        if not is_whole or not self._pairs.is_open("details", len(self._closings)):
            self._out.append(box)
            return index + 1
        self._out.append(tag.opening)
        self._closings.append(f"{tag.closing}\n")
        for piece, inner in pieces[index + 1 : end]:
            self._write_piece(piece, inner)
        self._end()
        return end + 1
