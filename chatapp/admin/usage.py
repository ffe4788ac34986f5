"""What requests to models took and cost: each of them, and their sums with a chart and a file."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from chatapp.accounting import TITLES
from chatapp.admin.readonly import ReadOnlyAdmin
from chatapp.admin.threads import AssistantFilter, link_to_thread
from chatapp.models import UsageRecord
from chatapp.views.usage import make_report


@admin.register(UsageRecord)
class UsageRecordAdmin(ReadOnlyAdmin):
    """Requests, newest first; the sums are a page of their own."""

    change_list_template = "admin/chatapp/usagerecord/change_list.html"
    list_display = (
        "created_at",
        "kind",
        "person",
        "assistant",
        "model",
        "input_tokens",
        "cached_tokens",
        "output_tokens",
        "reasoning_tokens",
        "cost",
        "currency",
        "first_token_ms",
        "latency_ms",
        "error_code",
    )
    list_filter = ("kind", AssistantFilter, "created_at")
    list_select_related = ("person",)
    search_fields = ("=model", "=error_code")
    ordering = ("-created_at",)
    readonly_fields = ("thread_link",)
    exclude = ("thread", "run")

    def get_queryset(self, request: HttpRequest) -> Any:
        """With the thread, whose name the page of a record shows."""
        return super().get_queryset(request).select_related("thread")

    @admin.display(description=_("thread"))
    def thread_link(self, record: UsageRecord) -> str | None:
        """Its thread, to click."""
        return link_to_thread(record.thread) if record.thread is not None else None

    def get_urls(self) -> list[URLPattern]:
        """The sums beside the list."""
        own = path("summary/", self.admin_site.admin_view(self.show_summary), name="chatapp_usagerecord_summary")
        return [own, *super().get_urls()]

    def show_summary(self, request: HttpRequest) -> HttpResponse:
        """Sums by day, month, model, assistant, purpose or person; see views.usage.usage for what can be asked for."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = make_report(request, UsageRecord.objects.all(), tuple(TITLES), sees_cost=True)
        if isinstance(found, HttpResponse):
            return found
        context = {**self.admin_site.each_context(request), "opts": self.opts, "title": _("Sums"), **found}
        return TemplateResponse(request, "admin/chatapp/usagerecord/summary.html", context)
