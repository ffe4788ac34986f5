"""What a document is made of, whoever parses it: blocks, and what they define for each other."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from .blocks import Block
from .leaves import write_notes
from .results import LinkDefinition, Note
from .source import normalize_label

EFFORT = 200_000
"""Characters of highlighted code in a document, or a quarter as many of TeX; what follows stays plain: about 0.5 s."""


@dataclass(slots=True)
class Known:
    """What is defined in the part of a document that has been seen."""

    links: dict[str, LinkDefinition] = field(default_factory=dict)
    notes: set[str] = field(default_factory=set)
    """Labels of footnotes, normalised as those of links are."""

    def learn(self, links: Mapping[str, LinkDefinition], notes: Iterable[str]) -> None:
        """Add the definitions of one more block. What was defined before counts."""
        self.notes.update(map(normalize_label, notes))
        for label, definition in links.items():
            self.links.setdefault(normalize_label(label), definition)

    def has_any(self, missing: Iterable[str]) -> bool:
        """Whether something that a block missed is known now."""
        return any((label[1:] in self.notes) if label[:1] == "^" else (label in self.links) for label in missing)


class Rendered(NamedTuple):
    """A block as it is shown."""

    html: str
    """No element or exactly one."""
    notes: tuple[Note, ...] = ()
    effort: int = 0
    missing: frozenset[str] = frozenset()
    """Labels that were referred to and not known; those of footnotes begin with ^."""


class Engine(Protocol):
    """Whoever knows the syntax; see markdown.py."""

    def list_blocks(self, source: str, *, is_final: bool) -> Iterator[tuple[str, Block]]:
        """The top-level blocks of `source`, each with its text from the end of the one before."""

    def list_links(self, source: str) -> Mapping[str, LinkDefinition]:
        """Link definitions in `source` by label."""

    def render_block(self, source: str, known: Known, *, effort: int = 0, is_live: bool = False) -> Rendered:
        """One block, or all that is still open. Never raises for anything in `source`."""

    def sanitize(self, html: str) -> str:
        """`html` with nothing but what may stand in a message."""


class Settled(NamedTuple):
    """A block that will not change, save for what is defined later."""

    source: str
    effort: int
    """What could be spent on it."""
    rendered: Rendered


def render_document(engine: Engine, source: str) -> list[Settled]:
    """All blocks of a whole document, each with all its definitions known: the rendering that a page shows."""
    known = Known()
    sources: list[str] = []
    for text, block in engine.list_blocks(source, is_final=True):
        sources.append(text)
        known.learn(engine.list_links(text), block.notes)
    # Definitions may stand behind the last block.
    known.learn(engine.list_links(source[sum(map(len, sources)) :]), ())
    settled: list[Settled] = []
    effort = EFFORT
    for text in sources:
        settled.append(Settled(text, effort, engine.render_block(text, known, effort=effort)))
        effort -= settled[-1].rendered.effort
    return settled


def render_notes(engine: Engine, blocks: Iterable[Settled], more: Iterable[Note] = ()) -> str:
    """The footnotes of these blocks as one block; "" if they have none."""
    html = write_notes([*(note for block in blocks for note in block.rendered.notes), *more])
    return engine.sanitize(html) if html else ""


def join(engine: Engine, blocks: list[Settled]) -> str:
    """HTML of a document."""
    return "".join(block.rendered.html for block in blocks) + render_notes(engine, blocks)
