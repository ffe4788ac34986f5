"""Threads and messages: what was said. Content is read for years, so it knows nothing of runs, leases and bills."""

import uuid
from collections.abc import Iterable
from typing import Any, ClassVar

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from chatapp.models import search
from chatapp.parts import Part, load_parts


class Thread(models.Model):
    """A conversation of one owner with one assistant. No row exists before the first message or greeting.

    Or what a site streams to one person outside of chats, under a name: then only code writes in it, and no door to
    conversations leads there.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    """Chosen by the page before the row exists, so that the address is right from the first message on."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="chat_threads"
    )
    """The one person who may read and write it. Null: a visitor who is known by `guest_key` only."""

    guest_key = models.CharField(max_length=64, blank=True, default="")
    """Signed key of an anonymous visitor. Empty for threads with an owner."""

    assistant = models.SlugField(max_length=64)
    """Slug of the assistant that answers."""

    title = models.CharField(max_length=200, blank=True, default="")
    """First words of the first message, later a short title by the model."""

    title_is_manual = models.BooleanField(default=False)
    """The owner chose the title; no machine may change it any more."""

    settings = models.JSONField(default=dict, blank=True)
    """What the owner chose for this thread over the defaults: model, temperature, …"""

    provider = models.CharField(max_length=64, blank=True, default="")
    """Alias of the provider that answers here in place of the assistant's; see chatapp.swapping. Empty: its own."""

    pinned = models.BooleanField(default=False)
    """Listed above the others."""

    archived_at = models.DateTimeField(null=True, blank=True)
    """Not listed since then. Null: listed."""

    temporary = models.BooleanField(default=False)
    """Never listed, searched or reviewed, and purged first."""

    folder = models.ForeignKey("Folder", on_delete=models.SET_NULL, null=True, blank=True, related_name="threads")
    """Where its owner put it in the list. Null: it stands under its day."""

    deleted_at = models.DateTimeField(null=True, blank=True)
    """When it was deleted. It is nowhere since then, and really gone once that cannot be undone; see runs.trash."""

    head = models.ForeignKey("Message", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    """Last message of the branch that is shown and sent to the model."""

    stream = models.CharField(max_length=100, blank=True, default="")
    """Name of the stream outside chats that this is; see chatapp.streams. Empty: it is a conversation."""

    todos = models.JSONField(default=list, blank=True)
    """The plan above the composer; see chatapp.todos. Belongs to no message."""

    summary = models.JSONField(default=None, null=True, blank=True)
    """What a model wrote of the beginning, for what does not go to it any more; see runs.summaries. Null: nothing."""

    summary_claim = models.UUIDField(null=True, blank=True, editable=False)
    """Names who writes the summary just now, so that two processes never do. Null: nobody."""

    summary_claimed_until = models.DateTimeField(null=True, blank=True, editable=False)
    """How long that holds, by the database's clock: whoever writes it may die."""

    queued_at = models.DateTimeField(null=True, blank=True)
    """When the questions that wait for the end of an answer were last others. Null: none waits; see runs.queue."""

    allowed_tools = models.JSONField(default=dict, blank=True)
    """Tools that the owner allows here without being asked again: name of the tool to who said so, and when."""

    greeting = models.JSONField(default=None, null=True, blank=True)
    """Parts of the greeting; see chatapp.greetings. Null: none was shown yet. An empty list: it was taken away."""

    greeting_dismissible = models.BooleanField(default=True)
    """Whether the greeting goes away with the owner's first message."""

    greeting_dismissed_at = models.DateTimeField(null=True, blank=True)
    """When it went away. Null: it did not."""

    greeting_version = models.PositiveIntegerField(default=0)
    """Counts its changes: by its looks alone a page would not know one that was there before from the last one."""

    revision = models.PositiveIntegerField(default=0)
    """Counts changes of messages that stay where they are: a new version beside one, a rating, one that was deleted.

    0: nothing of that kind ever happened, so nobody has to look for versions or ratings.
    """

    imported_digest = models.CharField(max_length=64, blank=True, default="", editable=False)
    """Names what it was imported from, so that the same file makes no doubles. Empty: it began here."""

    metadata = models.JSONField(default=dict, blank=True)
    """For the site's own use; chatapp never reads it."""

    created_at = models.DateTimeField(auto_now_add=True)
    """When the first message was stored."""

    updated_at = models.DateTimeField(db_index=True)
    """When somebody last said something; the order of the thread list."""

    class Meta:
        verbose_name = _("thread")
        verbose_name_plural = _("threads")
        ordering: ClassVar = ["-updated_at"]
        indexes: ClassVar = [
            models.Index(fields=["owner", "-updated_at"], name="chatapp_thread_owner_recent"),
            models.Index(fields=["queued_at"], condition=Q(queued_at__isnull=False), name="chatapp_thread_queued"),
            models.Index(
                fields=["owner", "-pinned", "-updated_at", "-id"],
                condition=Q(archived_at__isnull=True, deleted_at__isnull=True, temporary=False),
                name="chatapp_thread_listed",
            ),
            models.Index(
                fields=["owner", "-archived_at"], condition=Q(archived_at__isnull=False), name="chatapp_thread_archived"
            ),
            models.Index(fields=["deleted_at"], condition=Q(deleted_at__isnull=False), name="chatapp_thread_deleted"),
            models.Index(fields=["updated_at"], condition=Q(temporary=True), name="chatapp_thread_temporary"),
        ]
        permissions: ClassVar = [
            ("use_model_command", _("Can choose the model of a conversation with /model")),
            ("use_system_command", _("Can change what the model is told with /system")),
        ]

    def __str__(self) -> str:
        return self.title or str(self.pk)

    def get_absolute_url(self) -> str:
        return reverse("chatapp:thread", args=[self.pk])

    def get_latest_input(self) -> "Message | None":
        """What its person said last; None before the first message."""
        said = self.messages.filter(role=Message.Role.USER, visible=True, queued_at__isnull=True)
        return said.order_by("-created_at").first()


class MessageQuerySet(models.QuerySet["Message"]):
    """Messages. Whoever writes the text of some in whatever way writes the words that are searched too."""

    def bulk_create(self, objs: Iterable["Message"], *args: Any, **kwargs: Any) -> list["Message"]:
        created: list[Message] = super().bulk_create(objs, *args, **kwargs)
        search.index((message for message in created if message.text), are_new=True)
        return created

    def update(self, **kwargs: Any) -> int:
        if "text" not in kwargs:
            return super().update(**kwargs)
        with transaction.atomic(using=self.db):
            ids = list(self.values_list("pk", flat=True))
            count = super().update(**kwargs)
            search.index(Message.objects.filter(pk__in=ids).select_related("thread").defer("parts"))
        return count


class Message(models.Model):
    """What somebody said: a role, a parent, a list of parts.

    Messages form a tree. Asking again or editing makes a sibling under the same parent; `Thread.head` names the leaf of
    the branch that counts.
    """

    class Role(models.TextChoices):
        USER = "user", _("user")
        ASSISTANT = "assistant", _("assistant")
        SYSTEM = "system", _("system")
        TOOL = "tool", _("tool")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    """Also the public id: in the page, in links, in frames."""

    thread = models.ForeignKey(Thread, on_delete=models.CASCADE, related_name="messages")
    """The thread it belongs to."""

    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True, blank=True, related_name="children")
    """What it follows. Null: it opens the thread."""

    role = models.CharField(max_length=16, choices=Role.choices)
    """Who speaks."""

    parts = models.JSONField(default=list)
    """The content, each part as JSON with its `kind`; see chatapp.parts."""

    text = models.TextField(blank=True, default="")
    """What was said as plain text, for search. Written when the message is complete."""

    client_id = models.UUIDField(null=True, blank=True)
    """Chosen by the sender, once for each message, so that a frame sent three times is one message."""

    author_label = models.CharField(max_length=100, blank=True, default="")
    """Name to show in place of the owner's or the assistant's."""

    icon = models.CharField(max_length=32, blank=True, default="")
    """Name of its icon in place of the assistant's; icons.NO_ICON: none at all. Empty: the assistant's."""

    for_model = models.BooleanField(default=True)
    """Whether the model gets it."""

    visible = models.BooleanField(default=True)
    """Whether people see it."""

    queued_at = models.DateTimeField(null=True, blank=True)
    """When it was put in the queue behind the answer that is being said. Null: it has its place in the thread.

    With a `client_id` it is a question that waits to be sent (see runs.queue), without one what code says.
    """

    leaf = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    """The end of the branch through it that was shown when another version took its place. Null: none ever did."""

    revision = models.PositiveIntegerField(default=0)
    """The thread's `revision` when what stands under it, or whether it is shown, changed last."""

    deleted_at = models.DateTimeField(null=True, blank=True)
    """When its owner deleted it; then it is neither shown nor sent. Null: they did not."""

    copied_from = models.UUIDField(null=True, blank=True)
    """The message of another thread whose copy this is. Null: it was said here. No key: the other may be deleted."""

    copied_model = models.CharField(max_length=128, blank=True, default="")
    """Of a copy: the model that said it. The run stays where it is, or its bill would be there twice."""

    copied_tokens = models.PositiveIntegerField(null=True, blank=True)
    """Of a copy: the tokens of that answer. Null: nobody counted."""

    created_at = models.DateTimeField(auto_now_add=True)
    """When it was stored."""

    objects = MessageQuerySet.as_manager()

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        ordering: ClassVar = ["created_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["thread", "client_id"], name="chatapp_message_client_id_once"),
        ]
        indexes: ClassVar = [models.Index(fields=["thread", "created_at"], name="chatapp_message_thread_order")]

    def __str__(self) -> str:
        return f"{self.role} {self.pk}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store it, and its words for search."""
        is_new, fields = self._state.adding, kwargs.get("update_fields")
        with transaction.atomic(using=kwargs.get("using")):
            super().save(*args, **kwargs)
            if (fields is None or "text" in fields) and (self.text or not is_new):
                search.index([self], are_new=is_new)

    def load_parts(self) -> list[Part]:
        """The content as parts; kinds that nobody registered come as UnknownPart."""
        return load_parts(self.parts)
