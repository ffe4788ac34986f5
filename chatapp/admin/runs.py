"""Runs: failures, latencies and tokens, without digging in what was said."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from chatapp.admin.readonly import ReadOnlyAdmin
from chatapp.admin.threads import link_to_thread
from chatapp.errors import read_reference
from chatapp.models import Run


@admin.register(Run)
class RunAdmin(ReadOnlyAdmin):
    """Runs, newest first. `error` is for staff: it says what really went wrong."""

    list_display = (
        "started_at",
        "state",
        "kind",
        "thread_link",
        "model",
        "input_tokens",
        "output_tokens",
        "first_token_after",
        "took",
        "error_code",
        "error_reference",
    )
    list_filter = ("state", "kind", "error_code", "started_at")
    list_select_related = ("thread",)
    search_fields = ("=error_reference", "model")
    ordering = ("-started_at",)
    readonly_fields = ("thread_link", "first_token_after", "took")
    exclude = ("thread", "prompt", "reply")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """As Django does; a reference is found however it was typed."""
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        if reference := read_reference(search_term):
            found |= queryset.filter(error_reference=reference)
        return found, may_repeat

    @admin.display(description=_("thread"))
    def thread_link(self, run: Run) -> str:
        """Its thread, to click."""
        return link_to_thread(run.thread)

    @admin.display(description=_("first token after"))
    def first_token_after(self, run: Run) -> str | None:
        """Seconds from the question to the first text."""
        return _format_seconds(run.started_at, run.first_token_at)

    @admin.display(description=_("took"))
    def took(self, run: Run) -> str | None:
        """Seconds from the question to the last words."""
        return _format_seconds(run.started_at, run.finished_at)


def _format_seconds(start: datetime, end: datetime | None) -> str | None:
    return None if end is None else f"{(end - start) / timedelta(seconds=1):.1f} s"
