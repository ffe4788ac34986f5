"""Messages, their parts and the pieces of the page around them as HTML: one template for each kind of part.

All of it is drawn as it is stored. A message that is still being said is drawn by drawing.py, with the same templates.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.template.loader import render_to_string
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

from chatapp.activity import ToolCallPart
from chatapp.errors import NextStep
from chatapp.inputs import InputUpdate
from chatapp.parts import HtmlPart, Part, RawPart, TemplatePart, TextPart, ThinkingPart

from . import fragments
from .activity import view_tool
from .figures import Figures
from .markdown import render, sanitize
from .thoughts import Topics, render_thinking, shows_thinking

logger = logging.getLogger("chatapp.rendering")


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageView:
    """A message as its template needs it, without the rows behind it."""

    id: UUID
    role: str
    state: str
    """streaming, waiting, complete, stopped, failed or interrupted."""

    label: str
    """Accessible name: "You said", "Guide said"."""

    icon: str = "spark"
    """Name of its icon. Empty: it has none."""

    initial: str = ""
    """In place of the icon: the first letter of an author who is not the assistant."""

    parts: Sequence[Part] = ()
    source: str = ""
    """What was said, for copying."""

    client_id: UUID | None = None
    run_id: UUID | None = None
    model: str = ""
    tokens: int | None = None
    """Of what was said. None: not known, or not shown."""

    figures: Figures | None = None
    """What else is known of what it took; None: nothing, or it is not shown."""

    error_code: str = ""
    error_reference: str = ""
    error_message: str = ""
    """Sentence for the person; empty when nothing went wrong."""

    cause: str = ""
    """What really went wrong, for those who may know; empty for everybody else."""

    cause_url: str = ""
    """Where those who may know read it; empty for everybody else."""

    next_step: NextStep = "retry"
    """What the person can do about a failure."""

    can_retry: bool = False
    can_answer: bool = False
    """Whether a question in it that is open gets its form: the run waits, and this is the person's own page."""

    has_actions: bool = False
    """Whether it is on a page of its owner, who may edit, rate, copy away and delete it."""

    is_deleted: bool = False
    """Its owner deleted it: only its place is left."""

    can_continue: bool = False
    """Whether it ends too early and can be gone on with."""

    is_cut: bool = False
    """Whether it ends at the limit of its length."""

    version: int = 1
    """Which of its versions this is, from 1."""

    versions: int = 1
    """How many there are."""

    previous: UUID | None = None
    """The version before this one."""

    next: UUID | None = None
    """The version after this one."""

    models: Sequence[tuple[str, str]] = ()
    """Other models that can be asked, with their labels."""

    rating: str = ""
    """good or bad. Empty: the owner has not rated it."""

    reasons: Sequence[str] = ()
    comment: str = ""

    created_at: datetime | None = None

    @property
    def is_user(self) -> bool:
        """Whether a person said it."""
        return self.role == "user"

    @property
    def step(self) -> NextStep:
        """What is offered beside the failure of an answer: where there is nothing to go on with, it is asked again."""
        if self.next_step == "continue" and not (self.has_actions and self.can_continue):
            return "retry"
        return self.next_step

    @property
    def offers_step(self) -> bool:
        """Whether a button stands in the box of the failure."""
        is_there = self.can_retry and not self.error_message and self.state in ("failed", "interrupted")
        return is_there and self.step != "none"

    @property
    def has_labelled_retry(self) -> bool:
        """Whether "Try again" is a button with words somewhere in the foot."""
        if self.state == "stopped" or self.error_message:
            return True
        return self.state in ("failed", "interrupted") and self.step == "retry"

    @property
    def is_live(self) -> bool:
        """Whether more may come."""
        return self.state in ("streaming", "waiting")


def render_part(
    part: Part,
    part_id: str,
    *,
    is_user: bool = False,
    can_answer: bool = False,
    settled: str = "",
    live: str = "",
) -> SafeString:
    """One part by the template of its kind. `settled` and `live` are the safe HTML in it."""
    context: dict[str, Any] = {
        "part": part,
        "part_id": part_id,
        "is_user": is_user,
        "can_answer": can_answer,
        "settled": mark_safe(settled),  # noqa: S308  # sanitised last by markdown.py, or the site's own
        "live": mark_safe(live),  # noqa: S308  # likewise
    }
    if isinstance(part, ToolCallPart):
        context |= look_at_tool(part, part_id)
        if context["shown"] is None:
            return SafeString("")
    try:
        return render_to_string(part.template_name, context)
    except Exception:
        # The app that had it or its tags is gone, or it was forgotten: the rest of the message is shown all the same.
        logger.exception("a part of kind %s cannot be drawn", part.kind)
        return render_to_string(_UNKNOWN, context)


_UNKNOWN = "chatapp/parts/unknown.html"


def look_at_tool(part: ToolCallPart, part_id: str) -> dict[str, Any]:
    """What the templates of a tool's row need beside the part: how it is shown, and the parts that stand in it."""
    shown = view_tool(part)
    inner = shown.parts if shown is not None else ()
    return {"shown": shown, "inner": [_render_inner(each, f"{part_id}-{place}") for place, each in enumerate(inner)]}


def _render_inner(part: Part, part_id: str) -> SafeString:
    """A part in the row of a tool. Text there is no text of the message: nobody says it."""
    if isinstance(part, TextPart):
        return format_html('<div class="chat-prose" dir="auto">{}</div>', mark_safe(render(part.text)))  # noqa: S308  # sanitised
    return render_whole(part, part_id)


def render_whole(part: Part, part_id: str, *, is_user: bool = False, can_answer: bool = False) -> SafeString:
    """A part that does not grow, or has stopped growing."""
    if isinstance(part, ThinkingPart):
        topics = Topics()
        html = topics.feed(part.text) + topics.finish() if shows_thinking(part, part.seconds) else None
        return render_thinking(part, part_id, html, topics.latest)
    settled = ""
    if isinstance(part, TextPart) and not is_user:
        settled = render(part.text)
    elif isinstance(part, RawPart):
        settled = escape(part.text) if part.content_type == "text" else sanitize(part.text)
    elif isinstance(part, HtmlPart):
        settled = part.html if part.trusted else sanitize(part.html)
    elif isinstance(part, TemplatePart):
        try:
            settled = render_to_string(part.template, dict(part.context))
        except Exception:
            # It is the site's own, and may fail in any way; one message must not take the page down.
            logger.exception("the template %r of a part cannot be drawn", part.template)
            return render_to_string(_UNKNOWN, {"part": part, "part_id": part_id})
    return render_part(part, part_id, is_user=is_user, can_answer=can_answer, settled=settled)


def render_stored_part(
    message: UUID, index: int, part: Part, *, is_user: bool = False, can_answer: bool = False
) -> SafeString:
    """One part of a message as it is stored."""
    return render_whole(part, fragments.part_id(message, index), is_user=is_user, can_answer=can_answer)


def render_message(view: MessageView, *, with_parts: bool = True) -> SafeString:
    """A whole message. Without parts it is the frame that a live message is drawn into."""
    parts = view.parts if with_parts else ()
    html = [
        render_stored_part(view.id, index, part, is_user=view.is_user, can_answer=view.can_answer)
        for index, part in enumerate(parts)
    ]
    return render_to_string("chatapp/_message.html", {"message": view, "part_html": html})


def render_foot(view: MessageView) -> SafeString:
    """What stands under a message: its state, an error, actions."""
    return render_to_string("chatapp/_foot.html", {"message": view})


def render_mark(icon: str, initial: str = "") -> SafeString:
    """What stands beside a message: an icon, a letter, or nothing."""
    return render_to_string("chatapp/_mark.html", {"icon_name": icon, "initial": initial})


def render_transcript(views: Iterable[MessageView]) -> SafeString:
    """Messages one after the other, as in the page."""
    return mark_safe("".join(render_message(view) for view in views))  # noqa: S308  # each is a rendered template


def render_notice(text: str, *, level: str = "warning", refused: str = "", reference: str = "") -> SafeString:
    """A line for the person that goes away again. `refused` is the client_id of a message that was not taken."""
    context = {"text": text, "level": level, "refused": refused, "reference": reference}
    return render_to_string("chatapp/_notice.html", context)


def render_taken(client_id: UUID, notice: str = "", download: str = "") -> SafeString:
    """Tells the page that a message of its own was taken, and will not be in the thread: a line for the person, or
    nothing that is seen. `download` is the address of a file for them."""
    if not notice:
        return format_html('<i hidden data-chat-taken="{}"></i>', client_id)
    context = {"text": notice, "level": "info", "taken": client_id, "download": download}
    return render_to_string("chatapp/_notice.html", context)


def render_input(update: InputUpdate) -> SafeString:
    """A change of the message box, for the page's script."""
    return render_to_string("chatapp/_input.html", {"update": update})


def render_messages(views: Sequence[MessageView], *, thread_id: UUID, older_before: UUID | None = None) -> SafeString:
    """What stands in the log: messages, and above them a way to the earlier ones, if there are any."""
    context = {"messages": views, "thread": {"id": thread_id}, "older_before": older_before}
    return render_to_string("chatapp/_messages.html", context)


def render_action(*, is_live: bool, while_running: str = "block", composer: Any = None) -> SafeString:
    """The button in the composer: Stop while something is being said, else Send; both where messages queue.

    `composer` is a composing.Composer.
    """
    context = {"live_run": is_live, "while_running": while_running, "composer": composer}
    return render_to_string("chatapp/_action.html", context)


def render_disabled(reason: str) -> SafeString:
    """Why nothing can be sent now, beside the message box; empty without a reason."""
    return render_to_string("chatapp/_disabled.html", {"reason": reason}) if reason else SafeString("")


def render_queue(waiting: Sequence[Any]) -> SafeString:
    """The messages that wait to be sent; empty without any."""
    return render_to_string("chatapp/_queue.html", {"queue": waiting}) if waiting else SafeString("")


def render_threads(page: Any, *, folder: int | None = None) -> SafeString:
    """A page of the thread list; of one `folder` only its lines. See runs.listing."""
    template = "chatapp/_threads.html" if folder is None else "chatapp/_thread_items.html"
    group = page.groups[0] if page.groups else None
    more = page.end if page.has_more else ""
    return render_to_string(
        template, {"page": page, "items": group.items if group else (), "folder": folder, "more": more}
    )


def render_undo(deletions: Sequence[Any]) -> SafeString:
    """What can be undone; see runs.trash."""
    return render_to_string("chatapp/_undo.html", {"deletions": deletions}) if deletions else SafeString("")
