"""A prompt of the menu beside the message box, for browsers without script: a page with its blanks, and then the page
of the conversation with the text in the box. Nothing is sent."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from chatapp import registry
from chatapp.assistants import Assistant
from chatapp.conf import settings
from chatapp.finding import not_found
from chatapp.models import Thread
from chatapp.policy import get_policy
from chatapp.prompts import Suggestion, fill

from .access import private
from .pages import render_thread


@dataclass(frozen=True, slots=True)
class Field:
    """A blank of the form."""

    name: str
    value: str
    is_first: bool
    """Whether it gets the focus: the first one that is blank."""


@private
@require_http_methods(["GET", "HEAD", "POST"])
def prompt(request: HttpRequest, thread_id: UUID, key: str) -> HttpResponse:
    """The blanks of a prompt of the person's menu; once all are filled in, the conversation with the text in its box.

    A prompt without blanks goes there at once. 404 for one that is not in the menu.
    """
    thread, is_new = _find_thread(request, thread_id)
    assistant = registry.get(thread.assistant)
    if assistant is None or not get_policy().can_use(request.user, assistant):
        raise not_found()
    chosen = _find_prompt(assistant, request.user, key)
    values = {name: request.POST.get(f"blank-{name}", "").strip() for name in chosen.blanks}
    if all(values.values()):
        return render_thread(request, thread, is_new=is_new, draft=fill(chosen.text, values))
    first = next(name for name, value in values.items() if not value)
    context = {
        "title": chosen.title,
        "assistant": assistant,
        "fields": [Field(name, value, is_first=name == first) for name, value in values.items()],
        "preview": fill(chosen.text, values),
        "thread_url": reverse("chatapp:new", args=[assistant.slug]) if is_new else thread.get_absolute_url(),
        "settings": settings,
    }
    return render(request, "chatapp/prompt.html", context, status=422 if request.method == "POST" else 200)


def _find_thread(request: HttpRequest, thread_id: UUID) -> tuple[Thread, bool]:
    """The thread, and whether it has yet to be made. Raises Refused (404) if it is somebody else's."""
    thread = get_policy().get_thread(request.user, thread_id)
    if thread is not None:
        return thread, False
    assistant: Any = registry.get(request.POST.get("assistant") or request.GET.get("assistant") or "")
    if assistant is None or Thread.objects.filter(pk=thread_id).exists():
        raise not_found()
    return Thread(pk=thread_id, assistant=assistant.slug), True


def _find_prompt(assistant: Assistant, user: Any, key: str) -> Suggestion:
    """The prompt with this key in the person's menu. Raises Refused (404)."""
    for item in assistant.list_prompts(user):
        if item.key == key:
            return item
    raise not_found()
