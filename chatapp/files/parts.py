"""A file as it stands in a message."""

from typing import Final
from uuid import UUID

from django.utils.formats import localize
from django.utils.translation import gettext as _

from chatapp.parts import Part, part

from .kinds import Look, get_look

PREVIEW_CHARS: Final = 300


@part
class FilePart(Part):
    """A file that was sent along: where it is kept, and enough to show it without opening it.

    Made by chatapp when a file is stored (see `chatapp.attach_path`): the row it names has the content.
    """

    kind = "file"

    attachment: UUID
    """Id of the stored file; who may read its message may read it."""

    name: str
    media_type: str
    size_bytes: int

    width: int | None = None
    """Pixels of an image."""

    height: int | None = None

    preview: str = ""
    """The beginning of its text."""

    @property
    def shared(self) -> Part:
        return self  # where its person wants files to be shared at all; see chatapp.sharing

    @property
    def look(self) -> Look:
        """image, pdf or text."""
        return get_look(self.media_type)

    @property
    def size(self) -> str:
        """Its size for people: "84 KB"."""
        return format_size(self.size_bytes)


def format_size(size_bytes: int) -> str:
    """A number of bytes in words: 900 B, 84 KB, 1.2 MB."""
    if size_bytes < 1000:
        return _("%(size)s B") % {"size": size_bytes}
    if size_bytes < 1_000_000:
        return _("%(size)s KB") % {"size": round(size_bytes / 1000)}
    return _("%(size)s MB") % {"size": localize(round(size_bytes / 1_000_000, 1))}
