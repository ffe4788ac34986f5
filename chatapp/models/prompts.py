"""The prompt library: texts that staff keep for others to put into their message box."""

from typing import ClassVar

from django.contrib.auth.models import Group
from django.db import models
from django.utils.translation import gettext_lazy as _


class Prompt(models.Model):
    """A text that some people find in the menu beside their message box. See Policy.get_prompts for who does.

    A name between double braces, as in `{{customer}}`, is a blank that they fill in first; see chatapp.prompts.
    """

    title = models.CharField(_("title"), max_length=100)
    """Its name in the menu."""

    text = models.TextField(_("text"))
    """What is put into the message box."""

    assistant = models.SlugField(_("assistant"), max_length=64, blank=True, default="")
    """Slug of the assistant that it is for. Empty: all of them."""

    groups = models.ManyToManyField(Group, verbose_name=_("groups"), blank=True, related_name="+")
    """Whose members find it. None: everybody."""

    position = models.PositiveSmallIntegerField(_("position"), default=0)
    """Its place in the menu, smaller ones first; those with the same go by title."""

    active = models.BooleanField(_("active"), default=True)
    """Whether it is offered."""

    class Meta:
        verbose_name = _("prompt")
        verbose_name_plural = _("prompts")
        ordering: ClassVar = ["position", "title", "pk"]
        indexes: ClassVar = [models.Index(fields=["active", "assistant"], name="chatapp_prompt_offered")]

    def __str__(self) -> str:
        return self.title
