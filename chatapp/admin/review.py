"""What people think of answers, for those who look after the assistants: filters, a way to the answer, a file."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from chatapp import registry
from chatapp.admin.readonly import ModelAdmin, ReadOnlyAdmin
from chatapp.artifacts.tables import write_csv
from chatapp.conf import settings
from chatapp.models import Feedback


class FeedbackAssistantFilter(admin.SimpleListFilter):
    """By the assistant that answered."""

    title = _("assistant")
    parameter_name = "assistant"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        """Slug and title of each."""
        return [(assistant.slug, assistant.title) for assistant in registry.get_all()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """What was said of that assistant."""
        return queryset.filter(message__thread__assistant=self.value()) if self.value() else queryset


class ReasonFilter(admin.SimpleListFilter):
    """By one of the reasons."""

    title = _("reason")
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        """Key and label of each."""
        return [(name, gettext(label)) for name, label in settings.FEEDBACK_REASONS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Where that reason was given. As text: not every database can look into a list."""
        return queryset.filter(reasons__icontains=f'"{self.value()}"') if self.value() else queryset


@admin.register(Feedback)
class FeedbackAdmin(ReadOnlyAdmin):
    """Ratings, newest first. The comment is content: it is shown with the one rating, and in the file."""

    list_display = ("updated_at", "rating", "reason_labels", "excerpt", "assistant", "user", "answer_link")
    list_filter = ("rating", ReasonFilter, FeedbackAssistantFilter, "updated_at")
    list_select_related = ("message__thread", "user")
    search_fields = ("comment",)
    ordering = ("-updated_at",)
    fields = ("rating", "reason_labels", "comment", "user", "assistant", "answer_link", "created_at", "updated_at")
    readonly_fields = ("reason_labels", "assistant", "answer_link")
    actions = ("export_csv",)  # type: ignore[assignment]  # read-only lists have none

    @admin.display(description=_("reasons"))
    def reason_labels(self, feedback: Feedback) -> str:
        """The reasons as people read them; one that is not offered any more by its key."""
        return ", ".join(gettext(settings.FEEDBACK_REASONS.get(name, name)) for name in feedback.reasons)

    @admin.display(description=_("comment"))
    def excerpt(self, feedback: Feedback) -> str:
        """The beginning of the comment."""
        return format_html("<bdi>{}</bdi>", Truncator(feedback.comment).chars(80))

    @admin.display(description=_("assistant"))
    def assistant(self, feedback: Feedback) -> str:
        """Who answered."""
        return feedback.message.thread.assistant

    @admin.display(description=_("answer"))
    def answer_link(self, feedback: Feedback) -> str:
        """The transcript at this answer, to click."""
        message = feedback.message
        url = reverse("admin:chatapp_thread_change", args=[message.thread_id])
        return format_html(
            '<a href="{}?message={}#m-{}"><bdi>{}</bdi></a>', url, message.pk, message.pk, message.thread
        )

    @admin.action(description=_("Save as CSV"), permissions=["view"])
    def export_csv(self, request: HttpRequest, queryset: QuerySet[Feedback]) -> HttpResponse:
        """Every field that the list shows, as a file; no cell of it is a formula."""
        columns = ["updated_at", "rating", "reasons", "comment", "assistant", "user", "thread", "message"]
        rows = queryset.select_related("message__thread", "user").order_by("-updated_at")
        response = HttpResponse(write_csv(columns, self._list_rows(rows)), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = 'attachment; filename="feedback.csv"'
        return response

    def _list_rows(self, feedback: QuerySet[Feedback]) -> Iterator[Sequence[str]]:
        for each in feedback.iterator(chunk_size=1000):
            changed: datetime = each.updated_at
            yield (
                changed.isoformat(),
                each.rating,
                self.reason_labels(each),
                each.comment,
                each.message.thread.assistant,
                each.user.get_username() if each.user is not None else "",
                str(each.message.thread_id),
                str(each.message_id),
            )
