"""Pages: a new chat, a thread, and its earlier messages. Sync: they read the database and draw."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID, uuid4

from asgiref.sync import async_to_sync
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import get_script_prefix, reverse
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from chatapp import composing, registry
from chatapp.actions import not_found
from chatapp.assistants import Assistant
from chatapp.conf import settings
from chatapp.contexts import ContextSource, list_allowed
from chatapp.models import Thread
from chatapp.policy import get_policy
from chatapp.rendering import renderer
from chatapp.rendering.activity import TodoView
from chatapp.rendering.files import Tray, make_tray
from chatapp.rendering.greetings import render_welcome
from chatapp.rendering.menus import render_menu
from chatapp.runs import attachments, greetings, journal, queue, transcript, trash
from chatapp.runs.listing import list_threads
from chatapp.runs.preferences import load_menu
from chatapp.todos import load_todos

from .access import private

SWITCH_HEADER: Final = "Chat-Switch"
"""Asks for the page of a thread without the list beside it, which the browser has already; see navigation.js."""

JUMP_PAGES: Final = 4
"""Most pages of earlier messages that come at once, on the way to one that is looked for."""

VISIT_COOKIE: Final = "chat_visit"
"""Names the thread whose greeting this browser still shows."""


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
) -> HttpResponse:
    """The page of a thread; after a form with a notice, and the text if it was not taken.

    `problems` are of settings that were not taken, by the item: then the settings are open.
    """
    assistant = registry.get(thread.assistant)
    menu = load_menu(assistant, request.user, thread) if assistant and assistant.show_settings else None
    path = [] if is_new else transcript.get_path(thread)
    startup = greetings.load_startup(thread)
    shown = path[-settings.PAGE_MESSAGES :] or list(startup)
    policy = get_policy()
    composer = composing.look(assistant, request.user)
    live_run = None if is_new else transcript.get_live_run(thread)
    # Only the page of an empty thread, and what is loaded again in the same visit, has a greeting.
    in_visit = thread.head_id is None or request.COOKIES.get(VISIT_COOKIE) == str(thread.pk)
    above = greetings.find(thread, request.user, in_visit=in_visit)
    is_switch = SWITCH_HEADER in request.headers
    followed = live_run or (above.run if above.run is not None and above.run.is_live else None)
    query = f"assistant={thread.assistant}&revision={thread.revision}"
    # What is not stored yet is stored so by the first message, over whichever door it comes.
    is_temporary = thread.temporary or (thread.head_id is None and "temporary" in request.GET)
    if is_temporary and thread.head_id is None:
        query += "&temporary=1"
    if in_visit:
        query += f"&visit={above.welcome.digest if above.welcome is not None else 'none'}"
    if menu and menu.values:
        query += f"&menu={menu.digest}"
    context: dict[str, Any] = {
        "thread": {
            "id": thread.pk,
            "title": thread.title,
            "is_new": is_new,
            "is_temporary": is_temporary,
            "is_pinned": thread.pinned,
            "is_archived": thread.archived_at is not None,
            "folder_id": thread.folder_id,
        },
        "assistants": [item for item in registry.get_all() if policy.can_use(request.user, item)] if is_new else (),
        "assistant": assistant or {"title": thread.assistant, "slug": thread.assistant, "placeholder": ""},
        "reasons": [(name, _(label)) for name, label in settings.FEEDBACK_REASONS.items()],
        "prompts": assistant.list_prompts(request.user) if assistant and not composer.disabled else (),
        "composer": composer,
        "greeting": render_welcome(above.welcome, request),
        "messages": transcript.load_views(thread, shown, startup, user=request.user),
        "older_before": shown[0] if len(path) > len(shown) else None,
        "is_switch": is_switch,
        "page": None
        if is_switch
        else list_threads(
            policy.get_threads(request.user),
            folders=policy.get_folders(request.user),
            current=thread.pk,
            limit=settings.PAGE_THREADS,
        ),
        "deletions": () if is_switch else trash.list_deletions(policy.get_deleted(request.user)),
        "todos": TodoView(load_todos(thread.todos)),
        "queue": queue.list_waiting(thread),
        "tray": _load_tray(request.user, thread, assistant),
        "scroll": assistant.scroll if assistant else "stick",
        "while_running": transcript.get_while_running(thread),
        "live_run": live_run is not None,
        "ws_url": f"{get_script_prefix()}ws/chatapp/threads/{thread.pk}/?{query}",
        # Step 0: the first frame brings a live message up to date with what was said since the last checkpoint.
        "cursors": f"{followed.pk}:0" if followed else "",
        "live_url": f"{reverse('chatapp:live', args=[thread.pk])}?{query}",
        "client_id": uuid4(),
        "share_scopes": policy.get_share_scopes(request.user),
        "menu": menu,
        "menu_html": render_menu(menu, problems) if menu else "",
        "problems": problems,
        "model": (menu and menu.model) or thread.settings.get("model") or (assistant.find_model() if assistant else ""),
        "mentionable": _list_mentionable(assistant, request.user),
        "settings": settings,
        "notice": notice,
        "level": level,
        "draft": draft,
    }
    response = render(request, "chatapp/thread.html", context, status=status)
    patch_vary_headers(response, [SWITCH_HEADER])
    _remember_visit(request, response, thread)
    return response


def _load_tray(user: Any, thread: Thread, assistant: Assistant | None) -> Tray | None:
    """The files that wait to be sent here, and which can; None if none can."""
    accepted = assistant.load_accepted(user) if assistant is not None else None
    return make_tray(accepted, attachments.list_staged(user, thread.pk) if accepted is not None else ())


def _list_mentionable(assistant: Assistant | None, user: Any) -> list[ContextSource]:
    """What the person can mention; "@" does something only where there is anything."""
    sources = assistant.get_context_sources(user) if assistant is not None else ()
    return async_to_sync(list_allowed)(sources, user) if sources else []


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
