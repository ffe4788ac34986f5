"""Pages: a new chat, a thread, and its earlier messages. Sync: they read the database and draw."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID, uuid4

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from chatapp import registry
from chatapp.conf import settings
from chatapp.finding import not_found
from chatapp.models import Thread
from chatapp.policy import get_policy
from chatapp.rendering import renderer
from chatapp.runs import journal, transcript

from .access import allow_own_frames, private
from .shell import FRAME, PAGE, VISIT_COOKIE, Shell, make_context

SWITCH_HEADER: Final = "Chat-Switch"
"""Asks for the page of a thread without the list beside it, which the browser has already; "alone": it has none. See
navigation.js."""

JUMP_PAGES: Final = 4
"""Most pages of earlier messages that come at once, on the way to one that is looked for."""


@private
@require_safe
def new_thread(request: HttpRequest, assistant: str = "") -> HttpResponse:
    """A fresh page: an id is chosen, no row exists until the first message."""
    chosen = registry.get(assistant) if assistant else registry.get_default()
    if chosen is None or not get_policy().can_use(request.user, chosen):
        raise Http404(f"no assistant {assistant!r}")
    return render_thread(request, Thread(pk=uuid4(), assistant=chosen.slug), is_new=True)


@private
@require_safe
def thread(request: HttpRequest, thread_id: UUID) -> HttpResponse:
    """A thread with its newest messages; with `?before=<message>` only the ones before that one, as a fragment.

    With `&upto=<message>` as many pages of them as it takes to have that one too, but at most JUMP_PAGES.
    """
    found = get_policy().get_thread(request.user, thread_id)
    if found is None:
        raise not_found()
    if "before" in request.GET:
        return _render_older(request, found)
    journal.sweep(found.pk)
    return render_thread(request, found)


def render_thread(
    request: HttpRequest,
    thread: Thread,
    *,
    is_new: bool = False,
    notice: str = "",
    level: str = "warning",
    draft: str = "",
    status: int = 200,
    problems: Mapping[str, str] | None = None,
    shell: Shell | None = None,
) -> HttpResponse:
    """The page of a thread; after a form with a notice, and the text if it was not taken.

    `shell` is what there is around the conversation; else all of it, and in a frame no list of conversations.
    `problems` are of settings that were not taken, by the item: then the settings are open.
    """
    in_frame = request.headers.get("Sec-Fetch-Dest") == "iframe" or request.headers.get(SWITCH_HEADER) == "alone"
    context = make_context(
        request,
        thread,
        shell or (FRAME if in_frame else PAGE),
        is_new=is_new,
        is_switch=SWITCH_HEADER in request.headers,
        problems=problems,
    )
    context |= {"notice": notice, "level": level, "draft": draft}
    response = render(request, "chatapp/thread.html", context, status=status)
    patch_vary_headers(response, [SWITCH_HEADER, "Sec-Fetch-Dest"])
    if in_frame or shell is not None:
        allow_own_frames(response)
    _remember_visit(request, response, thread)
    return response


def _remember_visit(request: HttpRequest, response: HttpResponse, thread: Thread) -> None:
    """A visit begins with the page of an empty thread, and ends when this browser opens another one."""
    path, visited = reverse("chatapp:list"), request.COOKIES.get(VISIT_COOKIE)
    if thread.head_id is None:
        secure = request.is_secure()
        response.set_cookie(VISIT_COOKIE, str(thread.pk), path=path, httponly=True, samesite="Lax", secure=secure)
    elif visited is not None and visited != str(thread.pk):
        response.delete_cookie(VISIT_COOKIE, path=path, samesite="Lax")


def _render_older(request: HttpRequest, thread: Thread) -> HttpResponse:
    path = transcript.get_path(thread)
    try:
        end = path.index(UUID(request.GET["before"]))
        wanted = path.index(UUID(request.GET["upto"]), 0, end) if "upto" in request.GET else end
    except ValueError as error:
        raise not_found() from error
    pages = -((wanted - end) // settings.PAGE_MESSAGES)
    start = max(0, end - settings.PAGE_MESSAGES * min(max(pages, 1), JUMP_PAGES))
    views = transcript.load_views(thread, path[start:end], user=request.user)
    older_before = path[start] if start else None
    return HttpResponse(renderer.render_messages(views, thread_id=thread.pk, older_before=older_before))
