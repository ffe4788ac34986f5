"""Tags of chatapp's templates: icons, and a message drawn as the stream draws it."""

from typing import Any, Final

from django import template
from django.template import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString

from chatapp.icons import ICONS
from chatapp.policy import get_policy
from chatapp.rendering.renderer import MessageView
from chatapp.rendering.renderer import render_message as render_message_view

register = template.Library()


@register.simple_tag
def icon(name: str) -> SafeString:
    """The icon as inline SVG, silent for screen readers; the spark for a name nobody knows."""
    known = name if name in ICONS else "spark"
    return format_html(
        '<svg class="chat-icon chat-icon-{}" viewBox="0 0 24 24" aria-hidden="true"><path d="{}"/></svg>',
        known,
        ICONS[known],
    )


@register.filter
def may_play(user: Any) -> bool:
    """Whether this person may use the playground."""
    return get_policy().can_use_playground(user)


@register.simple_tag
def render_message(message: MessageView) -> SafeString:
    """The message, drawn by the renderer that also draws the stream."""
    return render_message_view(message)


_STATUS: Final = {"streaming": "running", "waiting": "running", "complete": "success", "stopped": "cancelled"}


def _find_status(context: Context) -> dict[str, str]:
    """initial, running, success, error or cancelled: how the last answer on this page stands."""
    answers = [message for message in context.get("messages") or () if getattr(message, "run_id", None)]
    return {"status": _STATUS.get(answers[-1].state, "error") if answers else "initial"}


@register.inclusion_tag("chatapp/_status.html", takes_context=True)
def chat_status(context: Context) -> dict[str, str]:
    """A few words about how the answer stands, for anywhere on the page of a thread; they follow it."""
    return _find_status(context)


@register.inclusion_tag("chatapp/_cancel.html", takes_context=True)
def chat_cancel(context: Context) -> dict[str, str]:
    """A button that stops the answer, for anywhere on the page of a thread; it is disabled unless one is under way."""
    return _find_status(context)
