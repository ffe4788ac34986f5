"""Runs: what the machine did in order to say a message. An event with a state, a lease and a bill."""

import uuid
from typing import ClassVar, Final

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from chatapp.models.threads import Message, Thread
from chatapp.parts import Part, TextPart, ThinkingPart, plain_text

LIVE_STATES: Final = ("running", "waiting")


class Run(models.Model):
    """What the machine did in order to say one message.

        running ──► waiting ──► running     `waiting` is a question to the person
           ├──────► complete
           ├──────► stopped        somebody pressed Stop; what was said so far is kept
           ├──────► failed         `error_code` says why; `error` says it to staff, never to the person
           └──────► interrupted    no heartbeat for LEASE_SECONDS; found by journal.sweep()

    A thread has at most one live reply (see Meta.constraints). A run may be `stopped` with `finished_at` still null:
    the process that runs it has yet to write its last words.
    """

    class Kind(models.TextChoices):
        REPLY = "reply", _("reply")
        TITLE = "title", _("title")
        GREETING = "greeting", _("greeting")
        SUMMARY = "summary", _("summary")

    class State(models.TextChoices):
        RUNNING = "running", _("running")
        WAITING = "waiting", _("waiting")
        COMPLETE = "complete", _("complete")
        STOPPED = "stopped", _("stopped")
        FAILED = "failed", _("failed")
        INTERRUPTED = "interrupted", _("interrupted")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    """Named in the page's cursor."""

    thread = models.ForeignKey(Thread, on_delete=models.CASCADE, related_name="runs")
    """The thread it works for."""

    prompt = models.ForeignKey(Message, on_delete=models.CASCADE, null=True, blank=True, related_name="answers")
    """The message it answers."""

    reply = models.OneToOneField(Message, on_delete=models.CASCADE, null=True, blank=True, related_name="run")
    """The message it says. Null for titles and summaries."""

    kind = models.CharField(max_length=16, choices=Kind.choices, default=Kind.REPLY)
    """What it is for."""

    state = models.CharField(max_length=16, choices=State.choices, default=State.RUNNING)
    """Where it stands; see the picture above."""

    seq = models.PositiveIntegerField(default=0)
    """Number of the last step contained in the stored parts. 0: none yet. Never goes back."""

    hub = models.CharField(max_length=200, blank=True, default="")
    """Mailbox of the process that runs it; only that process may write it."""

    provider = models.CharField(max_length=64, blank=True, default="")
    """Alias of the provider that was asked."""

    model = models.CharField(max_length=128, blank=True, default="")
    """Model that was asked, in the provider's own word."""

    input_tokens = models.PositiveIntegerField(null=True, blank=True)
    """As the provider counted, over all its requests. Null: it did not say."""

    output_tokens = models.PositiveIntegerField(null=True, blank=True)
    """As the provider counted. Null: it did not say."""

    cached_tokens = models.PositiveIntegerField(null=True, blank=True)
    """Of the input. Null: nobody said anything."""

    reasoning_tokens = models.PositiveIntegerField(null=True, blank=True)
    """Of the output. Null: nobody said anything."""

    cost = models.DecimalField(max_digits=18, decimal_places=6, null=True, blank=True)
    """In the currency of the site's price table. Null: no price is known."""

    latency_ms = models.PositiveIntegerField(null=True, blank=True)
    """What its requests to providers took, one after the other. Null: there was none. Each is a UsageRecord."""

    error_code = models.CharField(max_length=32, blank=True, default="")
    """Key of errors.SENTENCES. Empty: nothing went wrong."""

    error_reference = models.CharField(max_length=16, blank=True, default="")
    """What the person sees and staff search for; the log has the cause under it."""

    error = models.TextField(blank=True, default="")
    """The cause, for staff only, keys redacted."""

    started_at = models.DateTimeField()
    """When it was asked for, by the database's clock."""

    first_token_at = models.DateTimeField(null=True, blank=True)
    """When the first text came. Null: none came."""

    heartbeat_at = models.DateTimeField()
    """When its process last said that it lives, by the database's clock."""

    has_queue = models.BooleanField(default=False)
    """Messages wait for its end; whoever stores the end puts them behind it."""

    finished_at = models.DateTimeField(null=True, blank=True)
    """When its last words were stored. Null: they have yet to be."""

    class Meta:
        verbose_name = _("run")
        verbose_name_plural = _("runs")
        ordering: ClassVar = ["-started_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["thread"], condition=Q(kind="reply", state__in=LIVE_STATES), name="chatapp_run_one_live_reply"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["thread", "-started_at"], name="chatapp_run_thread_recent"),
            models.Index(
                fields=["heartbeat_at"], condition=Q(finished_at__isnull=True), name="chatapp_run_unfinished_lease"
            ),
            models.Index(fields=["state", "-started_at"], name="chatapp_run_state_recent"),
            models.Index(fields=["error_reference"], name="chatapp_run_reference"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk} ({self.state})"

    @classmethod
    def get_latest(cls, thread: Thread) -> "Run | None":
        """The newest answer of the thread, whose `state` says how it stands; None before the first one."""
        return cls.objects.filter(thread=thread, kind=cls.Kind.REPLY).order_by("-started_at").first()

    def get_result(self) -> str | list[Part]:
        """What it said so far: the text if it is nothing but text, else its parts in order, thinking left out.

        Nothing was said: an empty string. Complete once `is_live` is false.
        """
        parts = self.reply.load_parts() if self.reply else []
        said = [part for part in parts if not isinstance(part, ThinkingPart)]
        return plain_text(said) if all(isinstance(part, TextPart) for part in said) else said

    @property
    def is_live(self) -> bool:
        """Whether words may still come: the state is live, or its process has yet to write its last ones."""
        return self.finished_at is None
