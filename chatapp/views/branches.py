"""Verbs for single messages over HTTP, and the pages that edit and rate one where no script runs."""

from typing import Any
from uuid import UUID, uuid4

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from chatapp import branching, forking, rating
from chatapp.conf import settings
from chatapp.errors import Refused
from chatapp.finding import not_found
from chatapp.models import Message
from chatapp.models.calls import in_database
from chatapp.policy import get_policy
from chatapp.rendering.renderer import MessageView
from chatapp.runs import transcript

from .access import private
from .verbs import do_it, is_partial, parse_uuid, refuse, see_other


@private
@require_http_methods(["GET", "HEAD", "POST"])
async def edit(request: HttpRequest, thread_id: UUID) -> HttpResponse:
    """Ask a question anew: `message`, `text`, `client_id`. A GET gives the page with the form for that."""
    if request.method != "POST":
        return await _render_form(request, thread_id, "chatapp/edit.html")
    text = request.POST.get("text", "")
    try:
        message = parse_uuid(request.POST.get("message"), "message")
        client_id = parse_uuid(request.POST.get("client_id"), "client_id")
    except Refused as error:
        return await refuse(request, thread_id, error, draft=text)
    work = branching.edit_message(request.user, thread_id, message, text=text, client_id=client_id)
    return await do_it(request, thread_id, work, draft=text)


@private
@require_POST
async def show_version(request: HttpRequest, thread_id: UUID) -> HttpResponse:
    """Show another version: its id as `message`."""
    return await _do_to_message(request, thread_id, branching.show_version)


@private
@require_POST
async def continue_answer(request: HttpRequest, thread_id: UUID) -> HttpResponse:
    """Have an answer go on that was cut off: its id as `message`."""
    return await _do_to_message(request, thread_id, branching.continue_answer)


@private
@require_POST
async def delete_message(request: HttpRequest, thread_id: UUID) -> HttpResponse:
    """Take one message away: its id as `message`."""
    return await _do_to_message(request, thread_id, branching.delete_message)


async def _do_to_message(request: HttpRequest, thread_id: UUID, action: Any) -> HttpResponse:
    try:
        message = parse_uuid(request.POST.get("message"), "message")
    except Refused as error:
        return await refuse(request, thread_id, error)
    return await do_it(request, thread_id, action(request.user, thread_id, message))


@private
@require_POST
async def fork(request: HttpRequest, thread_id: UUID) -> HttpResponse:
    """Go on from a message in a new chat: its id as `message`; 303 to that, for script 204 with its address."""
    try:
        new = await forking.fork(request.user, thread_id, parse_uuid(request.POST.get("message"), "message"))
    except Refused as error:
        return await refuse(request, thread_id, error)
    if is_partial(request):
        return HttpResponse(status=204, headers={"Location": reverse("chatapp:thread", args=[new])})
    return see_other(redirect("chatapp:thread", new))


@private
@require_http_methods(["GET", "HEAD", "POST"])
async def feedback(request: HttpRequest, thread_id: UUID) -> HttpResponse:
    """Rate an answer: `message`, `rating` (good, bad, or nothing to take it back), `reasons`, `comment`.

    `vote` may carry rating and message together, so that a button can say both. Where no script runs, the page with
    the reasons follows a bad rating; a GET gives it.
    """
    if request.method != "POST":
        return await _render_form(request, thread_id, "chatapp/feedback.html")
    rated, _space, named = request.POST.get("vote", "").partition(" ")
    opinion = rating.Opinion(
        rating=rated.strip("-") or request.POST.get("rating", ""),
        reasons=request.POST.getlist("reasons"),
        comment=request.POST.get("comment", ""),
    )
    try:
        message = parse_uuid(named or request.POST.get("message"), "message")
        await rating.rate(request.user, thread_id, message, opinion)
    except Refused as error:
        return await refuse(request, thread_id, error)
    if is_partial(request):
        return HttpResponse(status=204)
    if rated == "bad":
        return see_other(redirect(f"{reverse('chatapp:feedback', args=[thread_id])}?message={message}"))
    return see_other(redirect(f"{reverse('chatapp:thread', args=[thread_id])}#m-{message}"))


@in_database
def _render_form(request: HttpRequest, thread_id: UUID, template: str) -> HttpResponse:
    """A page with the form for the `message` that the address names."""
    try:
        message_id = parse_uuid(request.GET.get("message"), "message")
    except Refused as error:
        raise not_found() from error
    context = {
        "thread": {"id": thread_id},
        "message": _find_view(request.user, thread_id, message_id),
        "settings": settings,
        "client_id": uuid4(),
        "reasons": [(name, _(label)) for name, label in settings.FEEDBACK_REASONS.items()],
    }
    return render(request, template, context)


def _find_view(user: Any, thread_id: UUID, message_id: UUID) -> MessageView:
    thread = get_policy().get_thread(user, thread_id)
    views = transcript.load_views(thread, [message_id], user=user) if thread is not None else []
    if not views or views[0].is_deleted or views[0].role not in (Message.Role.USER, Message.Role.ASSISTANT):
        raise not_found()
    return views[0]
