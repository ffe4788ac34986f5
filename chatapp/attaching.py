"""Files on their way into a conversation: staged beside the message box, taken away again, or attached by code.

What is staged is looked into, drawn anew if it is an image, and stored under a name of ours; actions.post_message takes
it along. Like the other actions: checked by the policy, and Refused with a sentence when nothing was done.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from asgiref.sync import async_to_sync
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from chatapp import registry
from chatapp.assistants import Assistant
from chatapp.conf import settings
from chatapp.errors import ChatappError, Refused
from chatapp.files.contents import Contents, examine
from chatapp.files.kinds import Accepted, clean_name, get_extension
from chatapp.files.parts import FilePart, format_size
from chatapp.finding import not_found
from chatapp.models import Attachment, Thread
from chatapp.models.calls import in_database
from chatapp.policy import get_policy
from chatapp.runs import attachments

MAX_STAGED_MESSAGES: Final = 2
"""Messages' worth of files that may wait beside one message box."""


class PathNotAllowed(ChatappError):
    """A file of this machine is not below a folder of CHATAPP["CONTEXT_ALLOWED_ROOTS"], or is no file."""


# ------------------------------------------------------------------ what people send


def stage(user: Any, thread_id: UUID, upload: "UploadedFile[Any]", *, assistant: str = "") -> tuple[Attachment, str]:
    """Store a file for the next message of this thread, which need not exist yet; and a sentence about what was
    changed in it, or "". The same bytes again give the file that is there.

    Called in the database thread. Raises Refused: no such thread or assistant (404), files are off here or too many
    (422), too large (413), not of an accepted kind or not what its name says (415), too often (429), the storage
    failed (507).
    """
    accepted = find_accepted(user, thread_id, assistant)
    name = clean_name(upload.name or "")
    check_upload(name, upload.size or 0, accepted)
    get_policy().check_upload(user, upload.size or 0)
    data = _read(upload, name)
    sha256 = hashlib.sha256(data).hexdigest()
    staged = attachments.list_staged(user, thread_id)
    for file in staged:
        if file.sha256 == sha256:
            return file, ""
    if len(staged) >= MAX_STAGED_MESSAGES * settings.MAX_ATTACHMENTS:
        attachments.check_count(len(staged) + 1)
    contents = examine(name, data)
    row = _make_row(contents, owner=user, sent_bytes=len(data), sha256=sha256)
    row.staged_for = thread_id
    try:
        _store(row, contents.data)
    except IntegrityError:
        # Another tab was faster with the same file.
        return Attachment.objects.get(owner_id=user.pk, staged_for=thread_id, sha256=sha256), ""
    return row, contents.notice


astage = in_database(stage)
"""See stage."""


def find_accepted(user: Any, thread_id: UUID, slug: str = "") -> Accepted:
    """The kinds of files that this person can send in this thread, or in a new one with this assistant.

    Raises Refused: no such thread or assistant (404), none (422).
    """
    if not getattr(user, "is_authenticated", False):
        raise not_found()
    policy = get_policy()
    thread = policy.get_thread(user, thread_id)
    if thread is None and Thread.objects.filter(pk=thread_id).exists():
        raise not_found()
    assistant = _find_assistant(thread.assistant if thread is not None else slug)
    if assistant is None or not policy.can_use(user, assistant):
        raise not_found()
    accepted = assistant.load_accepted(user)
    if accepted is None:
        raise Refused("no_attachments", _("Files cannot be sent in this conversation."))
    return accepted


afind_accepted = in_database(find_accepted)
"""See find_accepted."""


def _find_assistant(slug: str) -> Assistant | None:
    return registry.get(slug) if slug else registry.get_default()


def check_upload(name: str, size_bytes: int, accepted: Accepted) -> None:
    """Raise Refused for a file that cannot be sent, by its name and size."""
    if not get_extension(name):
        sentence = _("“%(name)s” has no extension, so nobody knows what it is.") % {"name": name or "?"}
        raise Refused("file_type", sentence, status=415)
    if not accepted.allows(name):
        kinds = ", ".join(accepted.extensions)
        sentence = _("“%(name)s” cannot be sent here. What can: %(kinds)s.") % {"name": name, "kinds": kinds}
        raise Refused("file_type", sentence, status=415)
    if size_bytes > settings.MAX_ATTACHMENT_BYTES:
        most = format_size(settings.MAX_ATTACHMENT_BYTES)
        sentence = _("“%(name)s” is too large; at most %(most)s can be sent.") % {"name": name, "most": most}
        raise Refused("file_large", sentence, status=413)
    attachments.check_total(size_bytes)


def _read(upload: "UploadedFile[Any]", name: str) -> bytes:
    """The bytes of an upload, no more than may be: what a request says of its length is only its word."""
    pieces, size = [], 0
    for piece in upload.chunks():
        size += len(piece)
        if size > settings.MAX_ATTACHMENT_BYTES:
            raise Refused("file_large", _("“%(name)s” is too large.") % {"name": name}, status=413)
        pieces.append(piece)
    return b"".join(pieces)


@in_database
def remove(user: Any, thread_id: UUID, attachment_id: UUID) -> None:
    """Take away a file that waits to be sent. Raises Refused: there is none such (404)."""
    found = Attachment.objects.filter(pk=attachment_id, owner_id=user.pk, staged_for=thread_id).first()
    if found is None:
        raise not_found()
    found.delete()


# ------------------------------------------------------------------ what code attaches


async def attach_path(thread: Thread | UUID, path: str | Path, *, name: str = "") -> FilePart:
    """Attach a file of this machine to a thread: a copy is stored, and the part to yield or to post is given back.

    Only files below a folder of CHATAPP["CONTEXT_ALLOWED_ROOTS"] can be attached, wherever links lead. `name` is what
    people see in place of the file's own. Raises PathNotAllowed, Refused as for an upload, Thread.DoesNotExist.
    """
    return await _attach_path(thread.pk if isinstance(thread, Thread) else thread, Path(path), name)


attach_path_sync = async_to_sync(attach_path)
"""See attach_path; for code that is not async."""


@in_database
def _attach_path(thread_id: UUID, path: Path, name: str) -> FilePart:
    real = resolve(path)
    thread = Thread.objects.get(pk=thread_id)
    if real.stat().st_size > settings.MAX_ATTACHMENT_BYTES:
        raise Refused("file_large", _("“%(name)s” is too large.") % {"name": real.name}, status=413)
    data = real.read_bytes()
    contents = examine(clean_name(name or real.name), data)
    row = _make_row(contents, owner=None, sent_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    row.owner_id, row.thread = thread.owner_id, thread
    _store(row, contents.data)
    return row.to_part()


def resolve(path: Path) -> Path:
    """The real place of a file that may be attached. Raises PathNotAllowed, which does not say what is there."""
    roots = [Path(root).resolve() for root in settings.CONTEXT_ALLOWED_ROOTS]
    if not path.is_absolute() or ".." in path.parts:
        raise PathNotAllowed(f"{path} is not an absolute path without ..")
    real = path.resolve()
    if not any(real.is_relative_to(root) for root in roots) or not real.is_file():
        raise PathNotAllowed(f'{path} is no file below a folder of CHATAPP["CONTEXT_ALLOWED_ROOTS"]')
    return real


# ------------------------------------------------------------------ both


def _make_row(contents: Contents, *, owner: Any, sent_bytes: int, sha256: str) -> Attachment:
    return Attachment(
        owner=owner,
        name=contents.name,
        media_type=contents.media_type,
        size_bytes=len(contents.data),
        sent_bytes=sent_bytes,
        sha256=sha256,
        width=contents.width,
        height=contents.height,
        text=contents.text,
    )


def _store(row: Attachment, data: bytes) -> None:
    with _nothing_half_done(row):
        try:
            row.file.save(row.name, ContentFile(data), save=False)
        except OSError as error:
            sentence = _("The file could not be stored. Please try again later.")
            raise Refused("not_stored", sentence, status=507) from error
        with transaction.atomic():
            row.save(force_insert=True)


@contextmanager
def _nothing_half_done(row: Attachment) -> Iterator[None]:
    """Neither a row without its content nor content without a row."""
    try:
        yield
    except BaseException:
        if row.file.name:
            row.file.storage.delete(row.file.name)
        raise
