"""Tags that put a chat on a page of the site: `{% chat %}` in a frame of its own, `{% chat_shell %}` as a region."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from django import template
from django.contrib.auth.views import redirect_to_login
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from chatapp import registry
from chatapp.assistants import Assistant
from chatapp.models import Thread
from chatapp.policy import get_policy
from chatapp.views.shell import Shell, make_context

register = template.Library()


@register.simple_tag(takes_context=True)
def chat(
    context: template.RequestContext, assistant: str = "", *, name: str = "chat", title: str = "", height: int = 600
) -> SafeString:
    """A chat with this assistant, in a frame of its own; without a slug with the default one.

    There can be any number of them on a page, each under its own `name`, and none touches the others or the page. A
    frame goes on with its conversation on every page of the site with the same slug and name, as long as the person is
    signed in. `height` is in pixels. Who is not signed in gets a link for that; who may not use the assistant, nothing.
    """
    request = context["request"]
    chosen = _find(assistant)
    if not request.user.is_authenticated:
        url = redirect_to_login(request.get_full_path()).url
        return format_html('<a href="{}">{}</a>', url, _("Sign in to chat"))
    if not get_policy().can_use(request.user, chosen):
        return SafeString("")
    return format_html(
        '<iframe src="{}" title="{}" width="100%" height="{}" frameborder="0" loading="lazy"></iframe>',
        reverse("chatapp:frame", args=[chosen.slug, name]),
        title or chosen.title,
        int(height),
    )


@register.simple_tag(takes_context=True)
def chat_shell(
    context: template.RequestContext,
    assistant: str = "",
    *,
    thread: Thread | None = None,
    show_sidebar: bool = True,
    show_settings: bool = True,
    enable_context: bool = False,
    enable_file_attach: bool = False,
    file_accept_types: Sequence[str] | None = None,
    container_id: str = "",
    header_actions: str = "",
    socket: str = "",
) -> SafeString:
    """The markup of a chat as a region of this page, each part as the flags say; once on a page.

    `thread`: a conversation that the person may open; else a new one with this assistant. `file_accept_types` narrows
    which files are offered. `header_actions` is shown in the bar, escaped unless it is safe. `socket`: the path of a
    consumer of the site's own, see docs/embedding.md for what it gets and says. Needs `{% chat_assets %}` in the head.
    Nothing for who is not signed in, or may not use the assistant or open the thread.
    """
    request = context["request"]
    policy = get_policy()
    found = None
    if thread is not None:
        found = policy.get_thread(request.user, thread.pk)
        if found is None:
            return SafeString("")
    chosen = registry.get(found.assistant) if found is not None else _find(assistant)
    if not request.user.is_authenticated or (chosen is not None and not policy.can_use(request.user, chosen)):
        return SafeString("")
    shell = Shell(
        sidebar=show_sidebar,
        settings=show_settings,
        context=enable_context,
        files=enable_file_attach,
        accept=file_accept_types,
        actions=conditional_escape(header_actions),
        socket=socket,
        is_page=False,
    )
    shown = found or Thread(pk=uuid4(), assistant=chosen.slug if chosen is not None else assistant)
    values: dict[str, Any] = make_context(request, shown, shell, is_new=found is None)
    html = render_to_string("chatapp/_app.html", values, request=request)
    return format_html('<div id="{}">{}</div>', container_id, html) if container_id else html


@register.inclusion_tag("chatapp/_assets.html")
def chat_assets() -> dict[str, Any]:
    """Styles and scripts of chatapp, for the head of a page with `{% chat_shell %}`; a frame has its own."""
    return {}


def _find(slug: str) -> Assistant:
    found = registry.get(slug) if slug else registry.get_default()
    if found is None:
        known = ", ".join(repr(item.slug) for item in registry.get_all()) or "none"
        raise template.TemplateSyntaxError(f"there is no assistant {slug!r}; there are {known}")
    return found
