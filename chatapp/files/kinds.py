"""Which files can be sent, by the last part of their names. What a browser says about a file counts for nothing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final, Literal

from chatapp.scrubbing import scrub

MEDIA_TYPES: Final[Mapping[str, str]] = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "pdf": "application/pdf",
    "md": "text/markdown",
    "txt": "text/plain",
    "csv": "text/csv",
    "json": "application/json",
    "py": "text/x-python",
    "js": "text/javascript",
    "ts": "text/x-typescript",
    "r": "text/x-r",
    "yaml": "application/yaml",
    "yml": "application/yaml",
    "toml": "application/toml",
    "qmd": "text/x-quarto",
    "rmd": "text/x-r-markdown",
    "ipynb": "application/x-ipynb+json",
    "rst": "text/x-rst",
    "tex": "text/x-tex",
    "sql": "application/sql",
    "sh": "application/x-sh",
    "html": "text/html",
    "htm": "text/html",
    "css": "text/css",
    "xml": "application/xml",
    "ini": "text/x-ini",
    "cfg": "text/x-ini",
    "log": "text/plain",
}
"""Everything that can be sent, by extension: what is read of it, and how, is known for these."""

MAX_NAME_CHARS: Final = 150

Declared = bool | Sequence[str]
"""How an assistant says what it takes: False, True for everything, or extensions and media types."""

Look = Literal["image", "pdf", "text"]


@dataclass(frozen=True, slots=True)
class Accepted:
    """The kinds of files that somebody takes."""

    extensions: tuple[str, ...]
    """Without dots, in lower case, sorted."""

    def allows(self, name: str) -> bool:
        """Whether a file of this name is of one of these kinds, as far as its name tells."""
        return get_extension(name) in self.extensions

    @property
    def attribute(self) -> str:
        """For the `accept` of a file input."""
        return ",".join(f".{extension}" for extension in self.extensions)


def read_declared(declared: Any, where: str) -> Accepted | None:
    """The kinds that `attachments = declared` means; None if no file is taken: False, or an empty list.

    Raises TypeError for what is no declaration, ValueError for a kind that nobody knows.
    """
    if isinstance(declared, bool):
        return Accepted(tuple(sorted(MEDIA_TYPES))) if declared else None
    if isinstance(declared, str) or not isinstance(declared, Iterable):
        raise TypeError(f'{where} must be True, False or a list like ["pdf", ".csv", "image/*"], not {declared!r}')
    found: set[str] = set()
    for item in declared:
        if not isinstance(item, str):
            raise TypeError(f"{where} has {item!r}, which is neither an extension nor a media type")
        matching = _find_extensions(item.strip().lower())
        if not matching:
            known = ", ".join(sorted(MEDIA_TYPES))
            raise ValueError(f"{where} has {item!r}, which nobody can read; there are {known}, and their media types")
        found |= matching
    return Accepted(tuple(sorted(found))) if found else None


def _find_extensions(item: str) -> set[str]:
    if item.lstrip(".") in MEDIA_TYPES:
        return {item.lstrip(".")}
    # "image" is short for "image/*", as in a file input of other systems.
    pattern = item if "/" in item else f"{item}/*"
    return {extension for extension, media_type in MEDIA_TYPES.items() if item and fnmatchcase(media_type, pattern)}


def get_extension(name: str) -> str:
    """What follows the last dot, in lower case; empty without a dot, or when nothing else is there."""
    stem, dot, extension = name.rpartition(".")
    return extension.lower() if dot and stem.strip() else ""


def get_look(media_type: str) -> Look:
    """How a file of this type is shown and read."""
    if media_type.startswith("image/"):
        return "image"
    return "pdf" if media_type == "application/pdf" else "text"


def clean_name(name: str) -> str:
    """The name to show: without folders, controls and what would make it endless. The extension stays."""
    name = " ".join(scrub(name.replace("\\", "/").rpartition("/")[2]).split())
    if len(name) <= MAX_NAME_CHARS:
        return name
    stem, dot, extension = name.rpartition(".")
    return f"{stem[: MAX_NAME_CHARS - len(extension) - 1]}{dot}{extension}"[:MAX_NAME_CHARS]
