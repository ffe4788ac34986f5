"""Streams outside of chats as HTML: the same parts in a plainer frame, without actions."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID, uuid4

from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe

from chatapp.parts import Part

from .renderer import MessageView, render_stored_part


def render_foot(view: MessageView) -> SafeString:
    """What stands under it when it was interrupted; an error within it is one of its parts."""
    return render_to_string("chatapp/_stream_foot.html", {"message": view})


def render_message(view: MessageView) -> SafeString:
    """What was streamed at once."""
    html = [
        render_stored_part(view.id, index, part, is_user=view.is_user, can_answer=view.can_answer)
        for index, part in enumerate(view.parts)
    ]
    return render_to_string("chatapp/_stream_message.html", {"message": view, "part_html": html})


def render_transcript(views: Iterable[MessageView]) -> SafeString:
    """What was streamed, one after the other."""
    return mark_safe("".join(render_message(view) for view in views))  # noqa: S308  # each is a rendered template


def render_messages(views: Sequence[MessageView], *, thread_id: UUID, older_before: UUID | None = None) -> SafeString:
    """All that stands in the place of the stream: there is no way to earlier ones."""
    return render_transcript(views)


def render_content(part: Part) -> SafeString:
    """What stands there as long as nothing was streamed."""
    return render_stored_part(uuid4(), 0, part)


def render_stream(context: dict[str, Any]) -> SafeString:
    """The place of a stream in a page; see the tag chatapp_stream."""
    return render_to_string("chatapp/_stream.html", context)
