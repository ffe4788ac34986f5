"""Folders: how a person sorts their conversations. A name, and nothing that was said."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Folder(models.Model):
    """A folder of one person's list of conversations. What is in it goes on without it when it is deleted."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="chat_folders")
    """Whose list it is in."""

    name = models.CharField(max_length=80)
    """What its owner calls it; no two of their folders have the same."""

    position = models.PositiveIntegerField(default=0)
    """Its place among the owner's folders, the lowest first; equal ones stand by name."""

    is_open = models.BooleanField(default=True)
    """Whether the list shows what is in it. Stored, so that it is the same on every device from the first pixel on."""

    created_at = models.DateTimeField(auto_now_add=True)
    """When it was made."""

    class Meta:
        verbose_name = _("folder")
        verbose_name_plural = _("folders")
        ordering: ClassVar = ["position", "name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["owner", "name"], name="chatapp_folder_name_once")]

    def __str__(self) -> str:
        return self.name
