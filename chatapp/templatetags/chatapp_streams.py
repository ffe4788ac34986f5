"""The tag that puts the place of a stream into a page which is no chat: `{% chatapp_stream "name" %}`."""

from typing import Any

from django import template
from django.http import HttpRequest
from django.utils.safestring import SafeString

from chatapp.parts import HtmlPart, Part, RawPart, TextPart
from chatapp.rendering import fragments
from chatapp.rendering.streams import render_content, render_stream, render_transcript
from chatapp.runs import journal
from chatapp.runs.streams import Viewer, get_run, get_status, load_pieces
from chatapp.streams import ContentType, check

register = template.Library()

_HAS_ASSETS = "chatapp_streams_assets"


@register.simple_tag(takes_context=True)
def chatapp_stream(
    context: template.RequestContext,
    name: str,
    *,
    content: str = "",
    content_type: ContentType = "markdown",
    auto_scroll: bool = True,
    cancel: bool | str = False,
    width: str = "",
    height: str = "",
) -> SafeString:
    """The place that chatapp.stream_to(name, …) fills for whoever looks at the page.

    `content` stands there as long as nothing was streamed; it is Markdown, or what `content_type` says: "html", which
    is sanitised unless it is safe, or "text". `auto_scroll`: whoever is at the end of the nearest box that scrolls is
    kept there. `cancel`: with a button to cancel, while something streams; a
    text is what it says. `width` and `height` are CSS lengths. Needs
    the request in the context, and reads the database: not in async code.
    """
    check(name, content, content_type)
    request: HttpRequest = context["request"]
    viewer = _find_viewer(request)
    stream = viewer.find_stream(name) if viewer is not None else None
    if stream is not None:
        journal.sweep(stream.pk)
        stream.refresh_from_db(fields=["head"])
    run = get_run(stream)
    views = load_pieces(stream) if stream is not None else []
    render_context: Any = context.render_context
    has_assets, render_context[_HAS_ASSETS] = _HAS_ASSETS in render_context, True
    stream_id = viewer.get_id(name) if viewer is not None else None
    return render_stream(
        {
            "request": request,
            "csrf_token": context.get("csrf_token"),
            "name": name,
            "stream_id": stream_id,
            "place": fragments.stream_id(stream_id) if stream_id is not None else "",
            "status": get_status(run),
            "log": render_transcript(views) if stream is not None else _draw_content(content, content_type),
            "cursor": f"{run.pk}:0" if run is not None and run.is_live else "",
            "with_assets": not has_assets,
            "auto_scroll": auto_scroll,
            "cancel": cancel,
            "width": width,
            "height": height,
        }
    )


def _find_viewer(request: HttpRequest) -> Viewer | None:
    """Who looks at the page; a visitor without a session gets one. None: the policy does not let them have streams."""
    user = getattr(request, "user", None)
    is_known = user is not None and user.is_authenticated
    if not Viewer(user=user if is_known else None).is_admitted():
        return None
    if not is_known and not request.session.session_key:
        request.session.create()
    return Viewer.find(user, request.session)


def _draw_content(content: str, content_type: ContentType) -> SafeString:
    if not content:
        return SafeString("")
    if content_type == "markdown":
        part: Part = TextPart(text=content)
    elif content_type == "html" and isinstance(content, SafeString):
        part = HtmlPart(html=content, trusted=True)  # What is written in a template is the site's own.
    else:
        part = RawPart(text=content, content_type=content_type)
    return render_content(part)
