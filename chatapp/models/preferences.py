"""What people and staff set of an assistant, beside what `Thread.settings` says for one thread."""

from typing import ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from chatapp import registry
from chatapp.menu import read_value


class PersonSettings(models.Model):
    """What one person set for all their threads with one assistant."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="chat_settings")
    """Whose they are."""

    assistant = models.SlugField(max_length=64)
    """Slug of the assistant."""

    values = models.JSONField(default=dict, blank=True)
    """What was chosen, by the id of the item."""

    config_digest = models.CharField(max_length=16, blank=True, default="")
    """Of the configuration that the assistant declared then; with another one its numbers hold no more."""

    updated_at = models.DateTimeField(auto_now=True)
    """When something was last chosen."""

    class Meta:
        verbose_name = _("settings of a person")
        verbose_name_plural = _("settings of people")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "assistant"], name="chatapp_person_settings_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.assistant}"


class SettingDefault(models.Model):
    """What staff say of one setting of an assistant, for everybody: another default, or that nobody may change it."""

    assistant = models.SlugField(max_length=64)
    """Slug of the assistant."""

    key = models.CharField(max_length=64)
    """Id of the item."""

    value = models.JSONField(default=None, null=True, blank=True)
    """The default, as JSON: true, "text", 0.5. Null: the one that the assistant declares."""

    locked = models.BooleanField(default=False)
    """Nobody may change it, and what people chose before holds no more."""

    class Meta:
        verbose_name = _("default of a setting")
        verbose_name_plural = _("defaults of settings")
        ordering: ClassVar = ["assistant", "key"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["assistant", "key"], name="chatapp_setting_default_once"),
        ]

    def __str__(self) -> str:
        return f"{self.assistant}: {self.key}"

    def clean(self) -> None:
        """A default must be one that its item takes, if the assistant declares the same items for everybody."""
        assistant = registry.get(self.assistant)
        if assistant is None:
            raise ValidationError({"assistant": _("There is no such assistant.")})
        declared = assistant.list_declared()
        if declared is None:
            return  # Whatever does not fit will not hold.
        items = {item.id: item for item in declared if item.has_value}
        if self.key not in items:
            raise ValidationError({"key": _("This assistant has these settings: %s") % (", ".join(items) or "–")})
        if self.value is not None:
            try:
                self.value = read_value(items[self.key], self.value)
            except ValueError as error:
                raise ValidationError({"value": str(error)}) from error
