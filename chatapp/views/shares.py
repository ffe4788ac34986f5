"""Sharing: the form that makes a link, the list of one's links, and what others see who follow one."""

from typing import Any
from uuid import UUID

from asgiref.sync import async_to_sync
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from chatapp import registry, sharing
from chatapp.artifacts import Artifact
from chatapp.conf import settings
from chatapp.errors import Refused
from chatapp.finding import not_found
from chatapp.models import Share
from chatapp.policy import get_policy
from chatapp.rendering.artifacts import Addresses, use
from chatapp.rendering.renderer import render_transcript

from .access import personal, private
from .artifacts import show
from .files import send_file


@private
def share(request: HttpRequest, thread_id: UUID) -> HttpResponse:
    """The form that shares a conversation, and with POST its link: a page, or for htmx what stands in the dialog.

    Fields: `scope`, `group`, `until`, `files`, `message` (the last one that is shared). See sharing.share.
    """
    policy = get_policy()
    thread = policy.get_thread(request.user, thread_id)
    scopes = policy.get_share_scopes(request.user)
    if thread is None or not scopes:
        raise not_found()
    groups = list(policy.get_share_groups(request.user)) if "group" in scopes else []
    context: dict[str, Any] = {
        "thread": thread,
        "scopes": [(value, Share.Scope(value).label) for value in scopes if value != "group" or groups],
        "groups": groups,
        "times": list(_name_times().items()),
        "chosen": request.POST or {"scope": scopes[0], "until": "30"},
    }
    status = 200
    if request.method == "POST":
        try:
            row, token = sharing.share(request.user, thread_id, **_read(request))
        except Refused as error:
            context["refusal"], status = str(error), error.status
        else:
            link = request.build_absolute_uri(reverse("chatapp:shared", args=[token]))
            context |= {"share": row, "link": link}
    name = "_share.html" if request.headers.get("HX-Request") == "true" else "share.html"
    return render(request, f"chatapp/{name}", context | {"settings": settings}, status=status)


def _read(request: HttpRequest) -> dict[str, Any]:
    form = request.POST
    try:
        upto = UUID(form["message"]) if form.get("message") else None
    except ValueError as error:
        raise Refused("bad_id", _("%(name)s must be a UUID.") % {"name": "message"}) from error
    return {
        "scope": form.get("scope", ""),
        "until": form.get("until", ""),
        "group": form.get("group", ""),
        "upto": upto,
        "with_files": bool(form.get("files")),
    }


def _name_times() -> dict[str, str]:
    return {
        "1": _("Tomorrow"),
        "7": _("7 days from now"),
        "30": _("30 days from now"),
        "365": _("A year from now"),
        "never": _("No end"),
    }


@private
@require_safe
def list_shares(request: HttpRequest) -> HttpResponse:
    """The person's links, each with a button that takes it back."""
    context = {"shares": sharing.list_shares(request.user), "settings": settings}
    return render(request, "chatapp/shares.html", context)


@private
@require_POST
def revoke(request: HttpRequest, share_id: UUID) -> HttpResponse:
    """Take a link back."""
    sharing.revoke(request.user, share_id)
    return _go_to("chatapp:shares")


@personal
@require_safe
def shared(request: HttpRequest, token: str) -> HttpResponse:
    """What a link leads to, to read. 404 for everybody whom it leads nowhere."""
    row = sharing.find(request.user, token)
    if row is None:
        if not request.user.is_authenticated and sharing.wants_sign_in(token):
            return _seal(redirect_to_login(request.get_full_path()))
        raise not_found()
    with use(
        Addresses(
            artifact=lambda message, index: reverse("chatapp:shared-artifact", args=[token, message, index]),
            file=lambda attachment: reverse("chatapp:shared-file", args=[token, attachment]),
        )
    ):
        messages = render_transcript(sharing.load_views(row))
    assistant = registry.get(row.assistant)
    context = {
        "share": row,
        "messages": messages,
        "token": token,
        "assistant": assistant.title if assistant else row.assistant,
        "can_fork": assistant is not None,
        "settings": settings,
    }
    return _seal(render(request, "chatapp/shared.html", context))


@personal
@require_safe
def artifact(request: HttpRequest, token: str, message_id: UUID, index: int) -> HttpResponse:
    """As the address of an artifact in a thread; for those who may read what this link leads to."""
    row = sharing.find(request.user, token)
    part = sharing.load_part(row, message_id, index) if row is not None else None
    if not isinstance(part, Artifact):
        raise not_found()
    return _seal(show(request, part))


@personal
@require_safe
def file(request: HttpRequest, token: str, attachment_id: UUID) -> HttpResponse:
    """A file that was shared, as its own address gives it to its owner."""
    row = sharing.find(request.user, token)
    found = sharing.find_file(row, attachment_id) if row is not None else None
    if found is None:
        raise not_found()
    return _seal(send_file(request, found))


@private
def fork(request: HttpRequest, token: str) -> HttpResponse:
    """Go on with it in a conversation of one's own: a page that asks, and with POST the copy.

    A form on the page of the link itself would be refused: with no referrer a browser names no origin either.
    """
    row, refusal = sharing.find(request.user, token), ""
    if row is None:
        raise not_found()
    if request.method == "POST":
        try:
            thread_id = async_to_sync(sharing.fork)(request.user, token)
        except Refused as error:
            refusal = str(error)
        else:
            return _go_to("chatapp:thread", thread_id)
    context = {"share": row, "token": token, "refusal": refusal, "settings": settings}
    response = _seal(render(request, "chatapp/fork.html", context, status=403 if refusal else 200))
    response.headers["Referrer-Policy"] = "same-origin"
    return response


def _go_to(name: str, *arguments: Any) -> HttpResponse:
    response = redirect(name, *arguments)
    response.status_code = 303
    return response


def _seal(response: HttpResponse) -> HttpResponse:
    """The address is the key: no index may have it, and no other site may learn it from where a reader came."""
    response.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
