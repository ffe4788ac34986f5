"""The files of a thread: which are staged, which a message takes along, and what an assistant sees of them.

Sync: called in the database thread.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.core.files.base import ContentFile
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from chatapp.assistants import Assistant
from chatapp.conf import settings
from chatapp.errors import Refused
from chatapp.files.chatfile import ChatFile
from chatapp.files.parts import FilePart, format_size
from chatapp.models import Attachment, Message, Thread
from chatapp.parts import Part

STAGED: Final = timedelta(hours=24)
"""How long a file waits to be sent."""


def list_staged(user: Any, thread_id: UUID) -> list[Attachment]:
    """What this person has put beside the message box of this thread, in the order in which it came."""
    if not getattr(user, "is_authenticated", False):
        return []
    return list(Attachment.objects.filter(owner_id=user.pk, staged_for=thread_id).order_by("created_at", "pk"))


def claim(user: Any, thread: Thread, assistant: Assistant, ids: Sequence[UUID]) -> list[Attachment]:
    """The staged files that a message is to take along, locked, in this order.

    Raises Refused: the assistant takes none or not these, there are too many, one is not there (any more).
    """
    wanted = list(dict.fromkeys(ids))
    if not wanted:
        return []
    accepted = assistant.load_accepted(user)
    if accepted is None:
        raise Refused("no_attachments", _("Files cannot be sent in this conversation."))
    check_count(len(wanted))
    found = Attachment.objects.select_for_update().filter(pk__in=wanted, owner_id=user.pk, staged_for=thread.pk)
    by_id = found.in_bulk()
    if by_id.keys() != set(wanted):
        raise Refused("no_such_file", _("One of the files is not there any more. Please attach it again."), status=409)
    files = [by_id[pk] for pk in wanted]
    check_total(sum(file.sent_bytes for file in files))
    for file in files:
        # A large GIF was made a PNG.
        if not (accepted.allows(file.name) or (file.media_type == "image/png" and "gif" in accepted.extensions)):
            raise Refused("file_type", _("“%(name)s” is of a kind that cannot be sent here.") % {"name": file.name})
    return files


def check_count(count: int) -> None:
    """Raise Refused if a message may not have so many files."""
    if count > settings.MAX_ATTACHMENTS:
        sentence = ngettext(
            "At most %(most)d file can be sent with a message.",
            "At most %(most)d files can be sent with a message.",
            settings.MAX_ATTACHMENTS,
        )
        raise Refused("too_many_files", sentence % {"most": settings.MAX_ATTACHMENTS})


def check_total(size_bytes: int) -> None:
    """Raise Refused if the files of a message may not have so many bytes together."""
    most = settings.MAX_TOTAL_ATTACHMENT_BYTES
    if size_bytes > most:
        sentence = _("The files of a message may have %(most)s together.") % {"most": format_size(most)}
        raise Refused("files_large", sentence, status=413)


def bind(files: Sequence[Attachment], message: Message) -> None:
    """These files belong to a message that is stored now."""
    if files:
        Attachment.objects.filter(pk__in=[file.pk for file in files]).update(
            message=message, thread_id=message.thread_id, staged_for=None
        )


def find_ids(parts: Iterable[Part]) -> list[UUID]:
    """Ids of the files among these parts."""
    return [part.attachment for part in parts if isinstance(part, FilePart)]


def load_files(thread: Thread, parts: Iterable[Part]) -> Mapping[UUID, ChatFile]:
    """The files that these parts of a thread name, by id; one query, or none without files."""
    ids = find_ids(parts)
    if not ids:
        return {}
    # The owner's only, whatever a part says.
    rows = Attachment.objects.filter(pk__in=ids, owner_id=thread.owner_id)
    return {row.pk: _to_chat_file(row) for row in rows}


def _to_chat_file(row: Attachment) -> ChatFile:
    return ChatFile(
        id=row.pk,
        name=row.name,
        media_type=row.media_type,
        size_bytes=row.size_bytes,
        text=row.text,
        url=reverse("chatapp:file", args=[row.pk]),
        width=row.width,
        height=row.height,
        load=partial(read, row),
    )


def copy_files(message: Message, owner_id: Any) -> bool:
    """Give a stored copy of a message files of its own, in place of those of the original; whether it has any.

    Changes `message.parts`, which is for the caller to save. A file whose content is gone stays as it is: gone.
    """
    parts = message.load_parts()
    originals = Attachment.objects.in_bulk(find_ids(parts))
    for place, part in enumerate(parts):
        original = originals.get(part.attachment) if isinstance(part, FilePart) else None
        if original is not None:
            with suppress(OSError):
                parts[place] = _copy_file(original, message, owner_id).to_part()
    message.parts = [part.dump() for part in parts]
    return bool(originals)


def _copy_file(original: Attachment, message: Message, owner_id: Any) -> Attachment:
    kept = ("name", "media_type", "size_bytes", "sent_bytes", "sha256", "width", "height", "text")
    copy = Attachment(
        owner_id=owner_id,
        thread_id=message.thread_id,
        message=message,
        **{name: getattr(original, name) for name in kept},
    )
    copy.file.save(original.name, ContentFile(read(original)), save=True)
    return copy


def read(row: Attachment) -> bytes:
    """The content of a file. Raises FileNotFoundError when it is gone from the storage."""
    with row.file.storage.open(str(row.file.name)) as file:
        data: bytes = file.read()
    return data


def purge() -> int:
    """Delete the files that were staged and never sent; how many there were."""
    old = Attachment.objects.filter(staged_for__isnull=False, created_at__lt=Now() - STAGED)
    count, _by_model = old.delete()
    return count
