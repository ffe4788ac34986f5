"""What a page shows of a thread, and what it lacks: the difference to the database, drawn.

Made for the page's follower, which says what the page has and sends it the rest. Nothing here remembers anything.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from uuid import UUID

from django.utils.translation import gettext as _

from chatapp import composing, registry
from chatapp.conf import settings
from chatapp.models import Run, Thread
from chatapp.models.calls import in_database
from chatapp.policy import Policy, get_policy
from chatapp.rendering import fragments, renderer
from chatapp.rendering.activity import draw_todos
from chatapp.rendering.fragments import Fragment
from chatapp.rendering.greetings import WelcomeView, draw_welcome, render_welcome
from chatapp.rendering.menus import render_menu
from chatapp.rendering.renderer import MessageView
from chatapp.todos import TodoItem, load_todos

from . import changes, greetings, queue, transcript, trash
from .listing import list_threads
from .preferences import load_menu


@dataclass(slots=True)
class PageState:
    """What a page shows, as far as we know."""

    last: UUID | None = None
    cursors: dict[UUID, int] = field(default_factory=dict)
    title: str | None = None
    """Of the thread; of a stream its status."""
    todos: Sequence[TodoItem] | None = None
    queue: Sequence[UUID] | None = None
    is_live: bool | None = None
    disabled: str | None = None
    """Why nothing can be sent; see chatapp.composing."""
    visit: str | None = None
    menu: str | None = None
    """Digest of the settings. None: nobody knows; what is there is taken for right."""
    settings: Any = None
    """Those of the thread with which it was looked at last."""
    is_new: bool = False
    """It was loaded before there was a thread."""
    welcome: WelcomeView | None = None
    revision: int = 0
    """Of the thread when it was drawn, or an earlier one; see Thread.revision."""
    knows_welcome: bool = False
    """Whether `welcome` is what it shows; else nobody knows."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a page lacks, drawn, and what it shows then."""

    changed: list[Fragment]
    page: PageState
    live_run: Run | None = None
    mark: Any = None
    is_there: bool = True
    is_unhandled: bool = False
    """Whether the page is to be disconnected then."""


@in_database
def find(user: Any, thread_id: UUID, page: PageState, *, is_stale: bool, with_list: bool) -> Found:
    """What the page lacks, drawn. `is_stale`: what belongs to the person may have changed, and not only this thread."""
    policy = get_policy()
    thread = policy.get_thread(user, thread_id, *changes.WITH_HEAD)
    around = _draw_list(policy, user, thread_id) if with_list else []
    if thread is None:
        return Found(around, page, is_there=False)
    startup = greetings.load_startup(thread) if thread.head_id is None else {}
    # A page that shows the messages with which the thread will begin shows none of its own.
    last = None if page.last in startup else page.last
    found = changes.find_changes(
        thread,
        last=last,
        cursors=page.cursors,
        page_size=settings.PAGE_MESSAGES,
        revision=page.revision,
        user=user,
    )
    if found.all_new and startup:
        found = replace(found, new=transcript.load_views(thread, list(startup), startup, user=user))
    changed = draw_changes(found, fragments.THREAD, renderer)
    for view in found.updated:
        changed.append(fragments.fill(fragments.mark_id(view.id), renderer.render_mark(view.icon, view.initial)))
    is_live = found.live_run is not None
    composer = composing.look(registry.get(thread.assistant), user)
    before = page.disabled
    is_other = (before is None and composer.may_change) or (before or "") != composer.disabled
    if page.is_live is not is_live or is_other:
        mode = transcript.get_while_running(thread)
        action = renderer.render_action(is_live=is_live, while_running=mode, composer=composer)
        changed.append(fragments.fill(fragments.ACTION, action))
    if is_other:
        changed.append(fragments.fill(fragments.DISABLED, renderer.render_disabled(composer.disabled)))
    if page.title != thread.title:
        changed.append(fragments.text(fragments.TITLE, thread.title or _("New chat")))
    todos = load_todos(thread.todos)
    changed += draw_todos(page.todos, todos)
    menu, settings_changed = _draw_menu(page, thread, user, is_stale=is_stale)
    changed += settings_changed
    waiting = queue.list_waiting(thread)
    queued = tuple(message.pk for message in waiting)
    if queued != (page.queue or ()) or (page.queue is None and transcript.get_while_running(thread) in queue.MODES):
        changed.append(fragments.fill(fragments.QUEUE, renderer.render_queue(waiting)))
    above = greetings.find(thread, user, in_visit=page.visit is not None)
    welcome = _draw_welcome(page, thread, user, above)
    following, cursors = _with_greeting(found, page.cursors, above.run)
    if above.run is not None and any(fragment.target == fragments.GREETING for fragment in welcome):
        cursors.pop(above.run.pk, None)  # What the page had of it is not there any more.
    cursors, moved = move_cursors(following, cursors)
    changed += [*welcome, *moved]
    shown = PageState(
        last=found.last or next(reversed(startup), None),
        cursors=cursors,
        title=thread.title,
        todos=todos,
        queue=queued,
        is_live=is_live,
        revision=thread.revision,
        disabled=composer.disabled,
        visit=page.visit,
        menu=menu,
        settings=thread.settings,
        welcome=above.welcome,
        knows_welcome=True,
    )
    mark = changes.get_mark(thread, found.live_run)
    return Found([*changed, *around], shown, following.live_run, mark, is_unhandled=found.is_unhandled)


def _draw_menu(page: PageState, thread: Thread, user: Any, *, is_stale: bool) -> tuple[str | None, list[Fragment]]:
    """The digest of the settings, and what makes them what they should be. No query if nothing hints at a change."""
    if page.settings == thread.settings and not is_stale:
        return page.menu, []
    assistant = registry.get(thread.assistant)
    if assistant is None or not assistant.show_settings:
        return None, []
    menu = load_menu(assistant, user, thread)
    if page.menu in (None, menu.digest):
        return menu.digest, []
    changed = [fragments.fill(fragments.SETTINGS, render_menu(menu))]
    if menu.model:
        changed.append(fragments.text(fragments.MODEL, f"{assistant.title} · {menu.model}"))
    return menu.digest, changed


def _with_greeting(
    found: changes.Changes, cursors: Mapping[UUID, int], run: Run | None
) -> tuple[changes.Changes, dict[UUID, int]]:
    """The same with the run that says the greeting, or said it last; and where the page stands."""
    if run is not None and run.is_live:
        found = replace(found, live_run=found.live_run or run)
    elif run is not None and run.pk in cursors:
        found = replace(found, settled=[*found.settled, run.pk])
    return found, dict(cursors)


def _draw_welcome(page: PageState, thread: Thread, user: Any, found: greetings.Found) -> list[Fragment]:
    """What stands above the messages, for a page that may have something else there."""
    before, now = page.welcome, found.welcome
    if page.is_new:
        new = Thread(pk=thread.pk, assistant=thread.assistant)
        before = greetings.find(new, user, in_visit=True).welcome
    elif not page.knows_welcome:
        # Whoever begins with messages outside of the visit was given nothing there.
        is_sure = page.last is not None and page.visit is None and thread.head_id is not None
        is_the_same = now is not None and page.visit == now.digest
        return [] if is_sure or is_the_same else [fragments.fill(fragments.GREETING, render_welcome(now))]
    run = found.run
    if before is not None and now is not None and run is not None and page.cursors.get(run.pk) == run.seq:
        before = replace(before, parts=now.parts)  # It was followed to its end.
    return draw_welcome(before, now)


class Drawing(Protocol):
    """How messages look on a page; `renderer` for that of a thread."""

    def render_messages(
        self, views: Sequence[MessageView], *, thread_id: UUID, older_before: UUID | None = None
    ) -> str: ...

    def render_transcript(self, views: Iterable[MessageView]) -> str: ...

    def render_foot(self, view: MessageView) -> str: ...


def draw_changes(found: changes.Changes, log: str, drawing: Drawing) -> list[Fragment]:
    """What makes the messages in the element `log` what they should be."""
    changed = [fragments.delete(fragments.message_id(pk)) for pk in found.gone]
    if found.all_new:
        html = drawing.render_messages(found.new, thread_id=found.thread.pk, older_before=found.older_before)
        changed.append(fragments.fill(log, html))
    elif found.new:
        changed.append(fragments.append(log, drawing.render_transcript(found.new)))
    for view in found.updated:
        parts = [renderer.render_stored_part(view.id, index, part) for index, part in enumerate(view.parts)]
        changed.append(fragments.fill(fragments.parts_id(view.id), "".join(parts)))
        changed.append(fragments.fill(f"{fragments.message_id(view.id)}-status", ""))
    for view in found.renewed:
        if view.is_deleted:
            html = drawing.render_transcript([view]).strip()
            changed.append(fragments.replace(fragments.message_id(view.id), html))
    standing = [view for view in found.renewed if not view.is_deleted]
    for view in [*found.updated, *found.ended, *standing]:
        changed.append(fragments.fill(fragments.foot_id(view.id), drawing.render_foot(view)))
    for part in found.failures:
        note = renderer.render_notice(part.message, level="error", reference=part.reference)
        changed.append(fragments.notice(note))
    return changed


def move_cursors(
    found: changes.Changes, cursors: Mapping[UUID, int], target: str = fragments.CURSOR
) -> tuple[dict[UUID, int], list[Fragment]]:
    """Where the page stands after these changes, and what tells it so."""
    changed = []
    if found.settled and found.live_run is None:
        changed.append(fragments.no_cursor(target))
    kept = {run: seq for run, seq in cursors.items() if run not in found.settled}
    if found.live_run is not None and found.live_run.pk not in kept:
        # A page that is cut off now must ask for this run when it returns: it may have ended by then.
        changed.append(fragments.cursor(found.live_run.pk, 0, target))
        kept[found.live_run.pk] = 0
    return kept, changed


def _draw_list(policy: Policy, user: Any, current: UUID) -> list[Fragment]:
    """The first page of the list, and what can be undone; what else a page has loaded, it asks for by itself."""
    threads, folders = policy.get_threads(user), policy.get_folders(user)
    page = list_threads(threads, folders=folders, current=current, limit=settings.PAGE_THREADS)
    undo = renderer.render_undo(trash.list_deletions(policy.get_deleted(user)))
    return [
        fragments.fill(fragments.THREADS, renderer.render_threads(page)),
        fragments.fill(fragments.UNDO, undo),
    ]
