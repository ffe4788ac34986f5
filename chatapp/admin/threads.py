"""Threads with their transcript, and messages. Both are drawn by the renderer that draws the person's own page."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from chatapp import registry
from chatapp.admin.readonly import ModelAdmin, ReadOnlyAdmin
from chatapp.conf import settings
from chatapp.errors import read_reference
from chatapp.models import LIVE_STATES, Message, Run, Thread
from chatapp.parts import load_parts, plain_text
from chatapp.policy import get_policy
from chatapp.rendering.renderer import MessageView, render_transcript
from chatapp.runs import transcript


class AssistantFilter(admin.SimpleListFilter):
    """By assistant. The choices come from the registry: asking the rows would read the whole table."""

    title = _("assistant")
    parameter_name = "assistant"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        """Slug and title of each."""
        return [(assistant.slug, assistant.title) for assistant in registry.get_all()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Threads of that assistant."""
        return queryset.filter(assistant=self.value()) if self.value() else queryset


class RunStateFilter(admin.SimpleListFilter):
    """Threads in which some answer has this state."""

    title = _("state of an answer")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, Any]]:
        """The states of a run."""
        return list(Run.State.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Threads with at least one such run."""
        if not self.value():
            return queryset
        return queryset.filter(Exists(Run.objects.filter(thread=OuterRef("pk"), state=self.value())))


@admin.register(Thread)
class ThreadAdmin(ReadOnlyAdmin):
    """Threads; one of them shows what was said, the newest page first. Deleting one is a permission of its own."""

    list_display = ("name", "owner", "assistant", "is_answering", "updated_at")
    list_filter = (AssistantFilter, RunStateFilter, "updated_at")
    list_select_related = ("owner",)
    ordering = ("-updated_at",)
    fields = (
        "title",
        "owner",
        "assistant",
        "created_at",
        "updated_at",
        "pinned",
        "archived_at",
        "deleted_at",
        "temporary",
        "settings",
        "allowed_tools",
        "greeted",
        "greeting_dismissed_at",
    )
    readonly_fields = ("greeted",)
    change_form_template = "admin/chatapp/thread/change_form.html"

    class Media:
        css: ClassVar = {"all": ("chatapp/chatapp.css", "chatapp/parts.css")}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Thread]:
        """All threads, with a mark on those that are answering."""
        live = Run.objects.filter(thread=OuterRef("pk"), kind=Run.Kind.REPLY, state__in=LIVE_STATES)
        queryset: QuerySet[Thread] = super().get_queryset(request)
        return queryset.annotate(has_live_run=Exists(live))

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """The title and the owner's name, whatever the site's users are known by."""
        return ("title", f"owner__{get_user_model().USERNAME_FIELD}")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """As Django does, and the thread in which somebody was given this reference."""
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        if reference := read_reference(search_term):
            failed = Run.objects.filter(error_reference=reference).order_by()
            found |= queryset.filter(pk__in=failed.values("thread"))
        return found, may_repeat

    @admin.display(description=_("title"), ordering="title")
    def name(self, thread: Thread) -> str:
        """The title, apart from what stands around it: it may be in another direction of writing."""
        return format_html("<bdi>{}</bdi>", thread.title or _("Untitled"))

    @admin.display(description=_("greeting"))
    def greeted(self, thread: Thread) -> str:
        """What the greeting says, as it was written."""
        return plain_text(load_parts(thread.greeting or []))

    @admin.display(description=_("answering"), boolean=True)
    def is_answering(self, thread: Thread) -> bool:
        """Whether an answer is under way."""
        return bool(getattr(thread, "has_live_run", False))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The thread's fields and, below, one page of its transcript; the last page is the newest."""
        context: dict[str, Any] = {}
        thread = self.get_object(request, object_id)
        if thread is not None and self.has_view_permission(request, thread):
            path = _get_path_to(thread, request.GET.get("message", ""))
            pages = Paginator(path, settings.PAGE_MESSAGES)
            page = pages.get_page(request.GET.get("page") or _find_page(path, request.GET.get("message", "")))
            html = render_for_staff(thread, list(page.object_list), request.user)
            context = {"transcript": html, "transcript_page": page}
        return super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who holds Django's own permission for it."""
        return ModelAdmin.has_delete_permission(self, request, obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What the confirmation page names: the threads, and how much goes with them.

        Django would load every message to list it, and would ask for the right to delete messages, which nobody has.
        """
        threads = list(objs)
        messages = Message.objects.filter(thread__in=threads).count()
        names = [format_html("<bdi>{}</bdi>", str(thread)) for thread in threads]
        counts = {_("threads"): len(threads), _("messages"): messages}
        return names, counts, set(), []


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    """Messages of all threads, newest first."""

    list_display = ("excerpt", "role", "thread_link", "created_at")
    list_filter = ("role", "created_at")
    list_select_related = ("thread",)
    search_fields = ("text",)
    ordering = ("-created_at",)
    fields = ("thread_link", "role", "author_label", "for_model", "visible", "client_id", "created_at")
    readonly_fields = ("thread_link",)
    change_form_template = "admin/chatapp/message/change_form.html"

    class Media:
        css: ClassVar = {"all": ("chatapp/chatapp.css", "chatapp/parts.css")}

    @admin.display(description=_("text"))
    def excerpt(self, message: Message) -> str:
        """The beginning of what was said, as text."""
        return format_html("<bdi>{}</bdi>", Truncator(message.text).chars(80) or _("nothing yet"))

    @admin.display(description=_("thread"), ordering="thread")
    def thread_link(self, message: Message) -> str:
        """Its thread, to click."""
        return link_to_thread(message.thread)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The message's fields and, below, the message."""
        context: dict[str, Any] = {}
        message = self.get_object(request, object_id)
        if message is not None and self.has_view_permission(request, message):
            context = {"transcript": render_for_staff(message.thread, [message.pk], request.user)}
        return super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})


def link_to_thread(thread: Thread) -> str:
    """A link to the thread in the admin."""
    url = reverse("admin:chatapp_thread_change", args=[thread.pk])
    return format_html('<a href="{}"><bdi>{}</bdi></a>', url, thread)


def _get_path_to(thread: Thread, message: str) -> list[UUID]:
    """The branch that is shown; if this message is not on it, the branch through that."""
    path = transcript.get_path(thread)
    if not message or message in map(str, path):
        return path
    return transcript.get_path_through(thread, message) or path


def _find_page(path: Sequence[UUID], message: str) -> int:
    """The page of the transcript with this message; the last one if it is on none."""
    place = next((at for at, pk in enumerate(path) if str(pk) == message), len(path) - 1)
    return max(0, place) // settings.PAGE_MESSAGES + 1


def render_for_staff(thread: Thread, ids: Sequence[Any], user: Any) -> SafeString:
    """These messages as the person sees them, without buttons: there is nothing here that could be pressed. Under what
    failed stands the cause, if this user may read it."""
    views = [without_actions(view) for view in transcript.load_views(thread, ids)]
    failed = [view.run_id for view in views if view.error_reference and view.run_id is not None]
    causes: dict[Any, str] = {}
    if failed and get_policy().may_read_causes(user):
        causes = dict(Run.objects.filter(pk__in=failed).order_by().values_list("pk", "error"))
    return render_transcript(replace(view, cause=causes.get(view.run_id, "")) for view in views)


def without_actions(view: MessageView) -> MessageView:
    """The same message, to read only."""
    return replace(view, can_retry=False, can_answer=False, source="")
