"""Files that people send along. The rows say whose they are; what is in them lies in a private storage."""

import uuid
from pathlib import Path
from typing import Any, ClassVar

from django.conf import settings as django_settings
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, Storage, storages
from django.db import models, transaction
from django.db.models import Q
from django.db.models.signals import post_delete
from django.utils.translation import gettext_lazy as _

from chatapp.conf import settings
from chatapp.files.parts import PREVIEW_CHARS, FilePart
from chatapp.models.threads import Message, Thread


def choose_storage() -> Storage:
    """Where the content of files lies: the storage that CHATAPP["ATTACHMENT_STORAGE"] names, else a private folder.

    It is nobody's business but the view's that asks who may see a file: no address leads there.
    """
    if settings.ATTACHMENT_STORAGE:
        return storages[settings.ATTACHMENT_STORAGE]
    media = Path(str(django_settings.MEDIA_ROOT) or "media").resolve()
    return FileSystemStorage(
        location=media.with_name("chatapp-files"), file_permissions_mode=0o600, directory_permissions_mode=0o700
    )


class PrivateStorage(Storage):
    """The storage that `choose_storage` chooses, once somebody needs it: models are loaded before settings are checked,
    and what is wrong with them is for a check to say."""

    def _open(self, name: str, mode: str = "rb") -> "File[Any]":
        return choose_storage().open(name, mode)

    def _save(self, name: str, content: Any) -> str:
        return choose_storage().save(name, content)

    def delete(self, name: str) -> None:
        choose_storage().delete(name)

    def exists(self, name: str) -> bool:
        return choose_storage().exists(name)

    def size(self, name: str) -> int:
        return choose_storage().size(name)


def get_storage() -> Storage:
    """What the field keeps its files in."""
    return PrivateStorage()


def make_file_name(attachment: "Attachment", name: str) -> str:
    """Where a file lies in the storage. Nothing of it is anybody's choice."""
    return f"{attachment.pk.hex[:2]}/{attachment.pk.hex}"


class Attachment(models.Model):
    """A file that somebody sent, or that code attached.

    It is staged for a thread, which need not exist yet, until a message takes it along; then it belongs to the thread
    and goes with it. What is staged and never sent is purged; see chatapp.runs.attachments.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    """Also the public id: in the page, in frames, in the address."""

    owner = models.ForeignKey(
        django_settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="chat_files"
    )
    """Who sent it. Null: code attached it in the thread of a visitor."""

    staged_for = models.UUIDField(null=True, blank=True)
    """Id of the thread in whose message box it waits. Null: it was sent."""

    thread = models.ForeignKey(Thread, on_delete=models.CASCADE, null=True, blank=True, related_name="attachments")
    """The thread it was sent in: who may read that may read it. Null: it was not sent."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, null=True, blank=True, related_name="attachments")
    """The message it was sent with. Null: it was not sent, or code attached it."""

    file = models.FileField(storage=get_storage, upload_to=make_file_name, max_length=200)
    """Where its content lies, under a name that was made up."""

    name = models.CharField(max_length=150)
    """What its owner called it. To be shown, never to be opened."""

    media_type = models.CharField(max_length=100)
    """By its extension and its content; see chatapp.files.kinds."""

    size_bytes = models.PositiveBigIntegerField()
    """Of what is kept: of an image that was drawn anew, not of the one that was sent."""

    sent_bytes = models.PositiveBigIntegerField()
    """Of what was sent; the limit of a message counts these."""

    sha256 = models.CharField(max_length=64)
    """Of what was sent, as hexadecimal digits: the same file twice is one."""

    width = models.PositiveIntegerField(null=True, blank=True)
    """Pixels of an image."""

    height = models.PositiveIntegerField(null=True, blank=True)
    """Pixels of an image."""

    text = models.TextField(blank=True, default="")
    """What is in it, for the model: the beginning of a very long one."""

    created_at = models.DateTimeField(auto_now_add=True)
    """When it was stored."""

    class Meta:
        verbose_name = _("file")
        verbose_name_plural = _("files")
        ordering: ClassVar = ["created_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["owner", "staged_for", "sha256"],
                condition=Q(staged_for__isnull=False),
                name="chatapp_attachment_once",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["created_at"], condition=Q(staged_for__isnull=False), name="chatapp_attachment_staged"
            ),
            models.Index(fields=["owner", "-created_at"], name="chatapp_attachment_owner"),
        ]

    def __str__(self) -> str:
        return self.name

    def to_part(self) -> FilePart:
        """The file as it stands in a message."""
        return FilePart(
            attachment=self.pk,
            name=self.name,
            media_type=self.media_type,
            size_bytes=self.size_bytes,
            width=self.width,
            height=self.height,
            preview=self.text[:PREVIEW_CHARS],
        )


def _delete_content(sender: Any, instance: Attachment, **kwargs: Any) -> None:
    """What was stored goes with its row, once that is really gone."""
    storage, name = instance.file.storage, instance.file.name
    if name:
        transaction.on_commit(lambda: storage.delete(name))


post_delete.connect(_delete_content, sender=Attachment, dispatch_uid="chatapp.models.files")
