"""Links under which others read a conversation: what it was when it was shared, and who may follow the link."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chatapp.models.threads import Thread


class Share(models.Model):
    """A conversation up to a message, as it was when somebody shared it. What is said later is not in it."""

    class Scope(models.TextChoices):
        LINK = "link", _("Anyone with the link")
        SIGNED_IN = "signed_in", _("Signed-in people with the link")
        GROUP = "group", _("People of a group with the link")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    """Names it to its owner. Whoever reads it knows the token only."""

    thread = models.ForeignKey(Thread, on_delete=models.CASCADE, related_name="shares")
    """What was shared. The link dies with it."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="chat_shares")
    """Who shared it, and may take it back."""

    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    """SHA-256 of the token in the link, in hex. The token itself is stored nowhere."""

    scope = models.CharField(max_length=16, choices=Scope.choices)
    """Who may read it, of those who have the link."""

    group = models.ForeignKey(Group, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    """Whose people may, if the scope is a group."""

    title = models.CharField(max_length=200, blank=True, default="")
    """Title of the thread at that time."""

    assistant = models.SlugField(max_length=64)
    """Slug of the assistant that answered."""

    messages = models.JSONField(default=list)
    """What was said: for each message its id here, role, author and parts; see chatapp.sharing."""

    with_files = models.BooleanField(default=False)
    """Whether files that were sent can be read too."""

    created_at = models.DateTimeField(auto_now_add=True)
    """When it was shared."""

    expires_at = models.DateTimeField(null=True, blank=True)
    """When the link ends. Null: it does not."""

    revoked_at = models.DateTimeField(null=True, blank=True)
    """When its owner took it back. Null: they did not."""

    class Meta:
        verbose_name = _("shared conversation")
        verbose_name_plural = _("shared conversations")
        ordering: ClassVar = ["-created_at"]
        indexes: ClassVar = [models.Index(fields=["owner", "-created_at"], name="chatapp_share_owner_recent")]

    def __str__(self) -> str:
        return self.title or str(self.pk)

    @property
    def is_over(self) -> bool:
        """Whether the link leads nowhere any more."""
        return self.revoked_at is not None or (self.expires_at is not None and self.expires_at <= timezone.now())
