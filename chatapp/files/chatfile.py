"""A file as an assistant sees it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from .kinds import Look, get_look
from .parts import format_size


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatFile:
    """A file that came with a message: in `turn.attachments` and `ChatMessage.attachments`."""

    name: str
    """What the person called it, without folders."""

    media_type: str
    """By its extension and its content."""

    size_bytes: int = 0

    id: UUID | None = None
    """Of the stored file; None for one that was made up."""

    text: str = ""
    """What is in it as text, the beginning of a very long one. Empty for an image."""

    url: str = ""
    """Its address on this site; whoever may read the message may fetch it."""

    width: int | None = None
    """Pixels of an image."""

    height: int | None = None

    load: Callable[[], bytes] | None = field(default=None, repr=False, compare=False)

    @property
    def look(self) -> Look:
        """image, pdf or text."""
        return get_look(self.media_type)

    @property
    def line(self) -> str:
        """One line about it: "orders.csv (text/csv, 84 KB)"."""
        return f"{self.name} ({self.media_type}, {format_size(self.size_bytes)})"

    def read(self) -> bytes:
        """All of it, from storage: not in the event loop. Raises FileNotFoundError when it is gone."""
        if self.load is None:
            return self.text.encode()
        return self.load()
