"""What stands around a conversation on a page, and all that the templates of it are told.

The page of a thread has all of it. In a frame of another page of the site the list of conversations is left out, and a
page that puts the chat among its own things (`{% chat_shell %}`) says what it wants.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from asgiref.sync import async_to_sync
from django.http import HttpRequest
from django.urls import get_script_prefix, reverse
from django.utils.translation import gettext as _

from chatapp import composing, registry
from chatapp.assistants import Assistant
from chatapp.conf import settings
from chatapp.contexts import ContextSource, list_allowed
from chatapp.files.kinds import read_declared
from chatapp.menu import Menu
from chatapp.models import Thread
from chatapp.policy import get_policy
from chatapp.rendering.activity import TodoView
from chatapp.rendering.files import Tray, make_tray
from chatapp.rendering.greetings import render_welcome
from chatapp.rendering.menus import render_menu
from chatapp.runs import attachments, greetings, queue, transcript, trash
from chatapp.runs.listing import list_threads
from chatapp.runs.preferences import load_menu
from chatapp.todos import load_todos

VISIT_COOKIE: Final = "chat_visit"
"""Names the thread whose greeting this browser still shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """Which regions there are around the conversation."""

    sidebar: bool = True
    """The list of conversations, with what one does to them."""

    settings: bool = True
    """The settings of the assistant, if it has any."""

    context: bool = True
    """Mentions with "@", if the assistant knows what can be mentioned."""

    files: bool = True
    """Files to be sent along, if the assistant takes any."""

    accept: Sequence[str] | None = None
    """Which files are offered: extensions and media types. None: those of the assistant."""

    actions: str = ""
    """HTML of the site in the bar."""

    socket: str = ""
    """Address of a websocket of the site's own. Empty: chatapp's."""

    new_url: str = ""
    """Where a new chat begins, for a bar without a list beside it."""

    is_page: bool = True
    """It is a whole page, or the whole page of a frame, and no region of another one."""

    bookmarks: bool = True
    """Whether the address becomes that of the thread; see CHATAPP["BOOKMARK_ON"]."""


PAGE: Final = Shell()
FRAME: Final = Shell(sidebar=False)


def make_context(
    request: HttpRequest,
    thread: Thread,
    shell: Shell = PAGE,
    *,
    is_new: bool = False,
    is_switch: bool = False,
    problems: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """What the templates of a thread are told.

    `is_switch`: only the conversation takes the place of another one, and the list beside it is there.
    """
    assistant = registry.get(thread.assistant)
    menu = _load_menu(request.user, thread, assistant) if shell.settings else None
    path = [] if is_new else transcript.get_path(thread)
    startup = greetings.load_startup(thread)
    shown = path[-settings.PAGE_MESSAGES :] or list(startup)
    policy = get_policy()
    composer = composing.look(assistant, request.user)
    live_run = None if is_new else transcript.get_live_run(thread)
    # Only the page of an empty thread, and what is loaded again in the same visit, has a greeting.
    in_visit = thread.head_id is None or request.COOKIES.get(VISIT_COOKIE) == str(thread.pk)
    above = greetings.find(thread, request.user, in_visit=in_visit)
    followed = live_run or (above.run if above.run is not None and above.run.is_live else None)
    query = f"assistant={thread.assistant}&revision={thread.revision}"
    # What is not stored yet is stored so by the first message, over whichever door it comes.
    is_temporary = thread.temporary or (thread.head_id is None and "temporary" in request.GET)
    if is_temporary and thread.head_id is None:
        query += "&temporary=1"
    if not shell.sidebar:
        query += "&alone=1"
    if in_visit:
        query += f"&visit={above.welcome.digest if above.welcome is not None else 'none'}"
    if menu and menu.values:
        query += f"&menu={menu.digest}"
    return {
        "thread": {
            "id": thread.pk,
            "title": thread.title,
            "is_new": is_new,
            "is_temporary": is_temporary,
            "is_pinned": thread.pinned,
            "is_archived": thread.archived_at is not None,
            "folder_id": thread.folder_id,
        },
        "assistants": [item for item in registry.get_all() if policy.can_use(request.user, item)]
        if is_new and shell.sidebar
        else (),
        "assistant": assistant or {"title": thread.assistant, "slug": thread.assistant, "placeholder": ""},
        "reasons": [(name, _(label)) for name, label in settings.FEEDBACK_REASONS.items()],
        "prompts": assistant.list_prompts(request.user) if assistant and not composer.disabled else (),
        "composer": composer,
        "greeting": render_welcome(above.welcome, request),
        "messages": transcript.load_views(thread, shown, startup, user=request.user),
        "older_before": shown[0] if len(path) > len(shown) else None,
        "is_switch": is_switch,
        "shell": shell,
        "page": None
        if is_switch or not shell.sidebar
        else list_threads(
            policy.get_threads(request.user),
            folders=policy.get_folders(request.user),
            current=thread.pk,
            limit=settings.PAGE_THREADS,
        ),
        "deletions": () if is_switch or not shell.sidebar else trash.list_deletions(policy.get_deleted(request.user)),
        "todos": TodoView(load_todos(thread.todos)),
        "queue": queue.list_waiting(thread),
        "tray": _load_tray(request.user, thread, assistant, shell),
        "scroll": assistant.scroll if assistant else "stick",
        "while_running": transcript.get_while_running(thread),
        "live_run": live_run is not None,
        "ws_url": shell.socket or f"{get_script_prefix()}ws/chatapp/threads/{thread.pk}/?{query}",
        # Step 0: the first frame brings a live message up to date with what was said since the last checkpoint.
        "cursors": f"{followed.pk}:0" if followed else "",
        "live_url": f"{reverse('chatapp:live', args=[thread.pk])}?{query}",
        "client_id": uuid4(),
        "share_scopes": policy.get_share_scopes(request.user),
        "menu": menu,
        "menu_html": render_menu(menu, problems) if menu else "",
        "problems": problems,
        "model": (menu and menu.model)
        or thread.settings.get("model")
        or (assistant.find_model(thread.provider) if assistant else ""),
        "mentionable": _list_mentionable(assistant, request.user) if shell.context else (),
        "settings": settings,
    }


def _load_menu(user: Any, thread: Thread, assistant: Assistant | None) -> Menu | None:
    return load_menu(assistant, user, thread) if assistant is not None and assistant.show_settings else None


def _load_tray(user: Any, thread: Thread, assistant: Assistant | None, shell: Shell) -> Tray | None:
    """The files that wait to be sent here, and which can; None if none can."""
    accepted = assistant.load_accepted(user) if assistant is not None and shell.files else None
    if accepted is not None and shell.accept is not None:
        accepted = read_declared(shell.accept, "file_accept_types")
    return make_tray(accepted, attachments.list_staged(user, thread.pk) if accepted is not None else ())


def _list_mentionable(assistant: Assistant | None, user: Any) -> list[ContextSource]:
    """What the person can mention; "@" does something only where there is anything."""
    sources = assistant.get_context_sources(user) if assistant is not None else ()
    return async_to_sync(list_allowed)(sources, user) if sources else []
