"""What a writer is told, and what it gives back."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class TooLarge(Exception):
    """The HTML would be out of all proportion to its source."""


class LinkDefinition(NamedTuple):
    """Where a reference leads."""

    url: str
    title: str


class Note(NamedTuple):
    """A footnote."""

    label: str
    html: str
    """Not yet sanitised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What holds for a whole document."""

    links: Mapping[str, LinkDefinition]
    """Definitions by normalised label."""

    image_hosts: Collection[str] = ()
    """Hosts whose images are shown."""

    effort: int = 0
    """What may still be spent on highlighting and formulas; beyond it they are shown plain."""

    is_live: bool = False
    """Whether more may come: what has begun is shown as if it ended here."""


@dataclass(slots=True)
class Written:
    """What came of one run of the writer."""

    html: str = ""
    notes: list[Note] = field(default_factory=list)
    effort: int = 0
    """What was spent."""
