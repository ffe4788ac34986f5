"""What each request to a provider took and cost. Bookkeeping: it outlives what it was for."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from chatapp.models.runs import Run
from chatapp.models.threads import Thread


class UsageRecord(models.Model):
    """One request to a provider: an answer, a round of tools, a title, a greeting; also one that failed or was stopped.

    Whoever deletes a conversation or a person leaves it without them. It is written together with the last words of a
    run and must never cost anybody these: so the database does not check where it leads, and an id of something that
    was deleted at that very moment may stay.
    """

    class Kind(models.TextChoices):
        REPLY = "reply", _("reply")
        TITLE = "title", _("title")
        GREETING = "greeting", _("greeting")
        SUMMARY = "summary", _("summary")
        EXTRACT = "extract", _("extraction")
        PLAYGROUND = "playground", _("playground")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    """ProviderCall.id: to write it down again changes nothing."""

    run = models.ForeignKey(
        Run,
        verbose_name=_("run"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        db_constraint=False,
        related_name="usage",
    )
    """What it was asked for. Null: for no run, or for one that was deleted."""

    thread = models.ForeignKey(
        Thread,
        verbose_name=_("thread"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        db_constraint=False,
        related_name="usage",
    )
    """Where. Null: nowhere, or it was deleted."""

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("person"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        db_constraint=False,
        db_index=False,
        related_name="chat_usage",
    )
    """Who asked. Null: a visitor, or somebody who was deleted."""

    assistant = models.SlugField(_("assistant"), max_length=64, blank=True, default="", db_index=False)
    """Slug of the assistant that asked."""

    alias = models.CharField(_("alias"), max_length=64, blank=True, default="")
    """Of the provider, in CHATAPP["PROVIDERS"]."""

    provider = models.CharField(_("provider"), max_length=64, blank=True, default="")
    """What kind of provider it is."""

    model = models.CharField(_("model"), max_length=128, blank=True, default="")
    """In the provider's own word."""

    kind = models.CharField(_("kind"), max_length=16, choices=Kind.choices, default=Kind.REPLY)
    """What the answer was for."""

    input_tokens = models.PositiveBigIntegerField(_("tokens in"), null=True, blank=True)
    """As the provider counted, like all counts. Null: it did not say."""

    cached_tokens = models.PositiveBigIntegerField(_("of these cached"), null=True, blank=True)
    """Of the input."""

    output_tokens = models.PositiveBigIntegerField(_("tokens out"), null=True, blank=True)
    reasoning_tokens = models.PositiveBigIntegerField(_("of these reasoning"), null=True, blank=True)
    """Of the output."""

    cost = models.DecimalField(_("cost"), max_digits=18, decimal_places=6, null=True, blank=True)
    """By the prices of that moment. Null: no price or no count is known."""

    currency = models.CharField(_("currency"), max_length=16, blank=True, default="")
    """Of the cost. Empty: there is none."""

    latency_ms = models.PositiveBigIntegerField(_("took (ms)"), null=True, blank=True)
    """From the request to the end of the answer."""

    first_token_ms = models.PositiveBigIntegerField(_("first token after (ms)"), null=True, blank=True)
    """From the request to the first word or thought. Null: none came."""

    finish = models.CharField(_("finish"), max_length=32, blank=True, default="")
    """How it finished. Empty: it did not."""

    error_code = models.CharField(_("error"), max_length=32, blank=True, default="")
    """Why it failed; key of errors.SENTENCES. Empty: it did not, or it was stopped."""

    created_at = models.DateTimeField(_("asked at"))
    """When it was asked, by the clock of the process."""

    class Meta:
        verbose_name = _("request to a model")
        verbose_name_plural = _("usage")
        ordering: ClassVar = ["-created_at"]
        indexes: ClassVar = [
            models.Index(fields=["person", "created_at"], name="chatapp_usage_person"),
            models.Index(fields=["created_at", "model"], name="chatapp_usage_recent"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.model} {self.created_at:%Y-%m-%d %H:%M}"
