"""The dialog "Settings" over HTTP: each change as it is made, and the whole form without script."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from chatapp import choosing
from chatapp.errors import Refused
from chatapp.models import Thread
from chatapp.policy import get_policy

from .access import private
from .pages import render_thread

FIELD = "set."
"""How the names of the controls begin, so that none is one of ours."""


@private
@require_POST
async def change_settings(request: HttpRequest, thread_id: UUID) -> HttpResponse:
    """Set one thing (`key`, `value`), do one thing (`key` of an action), or take the whole form.

    `scope` is thread or person. 303 to the page, or 204 for script; a refusal is the page with its sentence beside the
    control, for script the sentence alone.
    """
    post, user = request.POST, request.user
    key, slug = post.get("key", ""), post.get("assistant", "")
    scope: choosing.Scope = "person" if post.get("scope") == "person" else "thread"
    given: dict[str, Any] = {key: post.get("value", "")} if key else _read_form(post)
    is_partial = request.headers.get("HX-Request") == "true"
    try:
        if key and await choosing.is_action(user, thread_id, key, assistant=slug):
            await choosing.act(user, thread_id, key, assistant=slug)
        else:
            await choosing.choose(user, thread_id, given, scope=scope, assistant=slug)
    except Refused as error:
        if error.status == 404:
            raise
        if is_partial:
            return HttpResponse(str(error), status=error.status, content_type="text/plain; charset=utf-8")
        return await sync_to_async(_draw_refused)(request, thread_id, error, slug)
    if is_partial:
        return HttpResponse(status=204)
    return await sync_to_async(_go_back)(thread_id, slug)


def _read_form(post: Mapping[str, Any]) -> dict[str, Any]:
    """What the whole form says. A switch that is off is sent as such by a hidden field before it."""
    return {name.removeprefix(FIELD): value for name, value in post.items() if name.startswith(FIELD)}


def _go_back(thread_id: UUID, slug: str) -> HttpResponse:
    is_there = Thread.objects.filter(pk=thread_id).exists()
    response = redirect("chatapp:thread", thread_id) if is_there else redirect("chatapp:new", slug)
    response.status_code = 303
    return response


def _draw_refused(request: HttpRequest, thread_id: UUID, error: Refused, slug: str) -> HttpResponse:
    thread = get_policy().get_thread(request.user, thread_id)
    problems = getattr(error, "problems", {})
    notice = "" if problems else str(error)
    if thread is not None:
        return render_thread(request, thread, notice=notice, problems=problems, status=error.status)
    new = Thread(pk=thread_id, assistant=slug)
    return render_thread(request, new, is_new=True, notice=notice, problems=problems, status=error.status)
