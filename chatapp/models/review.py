"""What people think of answers. Kept apart from what was said: a message is never changed by it."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from chatapp.models.threads import Message


class Feedback(models.Model):
    """What one person thinks of one answer. They may change it or take it back at any time."""

    MAX_COMMENT_CHARS: ClassVar[int] = 2_000

    class Rating(models.TextChoices):
        GOOD = "good", _("good")
        BAD = "bad", _("bad")

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="feedback")
    """The answer."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="chat_feedback"
    )
    """Who thinks so. Null: the visitor whose thread it is, and who is no user."""

    rating = models.CharField(max_length=8, choices=Rating.choices)
    """Good or bad."""

    reasons = models.JSONField(default=list, blank=True)
    """Why: keys of CHATAPP["FEEDBACK_REASONS"]."""

    comment = models.TextField(max_length=MAX_COMMENT_CHARS, blank=True, default="")
    """Why, in their own words."""

    created_at = models.DateTimeField(auto_now_add=True)
    """When they first said so."""

    updated_at = models.DateTimeField(auto_now=True)
    """When they last changed it."""

    class Meta:
        verbose_name = _("feedback")
        verbose_name_plural = _("feedback")
        ordering: ClassVar = ["-updated_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["message", "user"], name="chatapp_feedback_once"),
            models.UniqueConstraint(
                fields=["message"], condition=Q(user__isnull=True), name="chatapp_feedback_visitor_once"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["-updated_at"], name="chatapp_feedback_recent"),
            models.Index(fields=["rating", "-updated_at"], name="chatapp_feedback_rating"),
        ]

    def __str__(self) -> str:
        return f"{self.rating} {self.message_id}"
