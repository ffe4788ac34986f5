"""Files beside the message box: what the tray shows."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from chatapp.conf import settings
from chatapp.files.kinds import Accepted
from chatapp.files.parts import FilePart, format_size


@dataclass(frozen=True, slots=True, kw_only=True)
class Tray:
    """What a page shows of files that wait to be sent, and which it takes."""

    accepted: Accepted
    staged: tuple[FilePart, ...] = ()

    @property
    def most_bytes(self) -> int:
        """Of one file; no more than all may have together."""
        return min(settings.MAX_ATTACHMENT_BYTES, settings.MAX_TOTAL_ATTACHMENT_BYTES)

    @property
    def most(self) -> str:
        """The same for people."""
        return format_size(self.most_bytes)

    @property
    def total(self) -> str:
        """What all may have together, for people."""
        return format_size(settings.MAX_TOTAL_ATTACHMENT_BYTES)


def make_tray(accepted: Accepted | None, staged: Iterable[Any] = ()) -> Tray | None:
    """The tray of a page; None where no file can be sent."""
    return None if accepted is None else Tray(accepted=accepted, staged=tuple(row.to_part() for row in staged))


def render_pill(part: FilePart, thread_id: UUID) -> SafeString:
    """A file that waits to be sent."""
    return render_to_string("chatapp/_pill.html", {"part": part, "thread": {"id": thread_id}})
