"""Verbs over HTTP: for forms without script, and for pages whose sockets are blocked."""

import math
from collections.abc import Awaitable
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from chatapp import actions, answering, attaching, composing, finding, opening, protocol, queueing, registry, tidying
from chatapp.errors import Refused
from chatapp.models import Thread
from chatapp.models.calls import in_database
from chatapp.policy import get_policy
from chatapp.rendering import fragments, renderer
from chatapp.runs import queue, transcript

from .access import private
from .pages import render_thread


@private
@require_POST
async def post_message(request: HttpRequest, thread_id: UUID) -> HttpResponse:
    """Send a message: 303 to the thread, or fragments for htmx. See actions.post_message for what is refused."""
    text, slug = request.POST.get("text", ""), request.POST.get("assistant", "")
    try:
        client_id = parse_uuid(request.POST.get("client_id"), "client_id")
        attachments = [parse_uuid(item, "attachments") for item in request.POST.getlist("attachments")]
        # Without script the files come with the message. One that is refused keeps the others beside the message box.
        for file in request.FILES.getlist("files"):
            staged, _notice = await attaching.astage(request.user, thread_id, file, assistant=slug)
            attachments.append(staged.pk)
        posted = await actions.post_message(
            request.user,
            thread_id,
            text=text,
            client_id=client_id,
            assistant=slug,
            attachments=attachments,
            mentions=request.POST.getlist("mentions")[: protocol.MAX_MENTIONS],
            temporary="temporary" in request.GET,
        )
    except Refused as error:
        return await refuse(request, thread_id, error, draft=text)
    if not posted.is_shown:
        return await _answer_command(request, thread_id, posted, client_id)
    if is_partial(request):
        return HttpResponse(await sync_to_async(_draw_posted)(request.user, thread_id, posted.message_id))
    return go_to(thread_id)


async def _answer_command(
    request: HttpRequest, thread_id: UUID, posted: actions.Posted, client_id: UUID
) -> HttpResponse:
    """What a command gives to whoever sent it: a file, a line, or the thread as it is now."""
    if is_partial(request):
        taken = renderer.render_taken(client_id, posted.notice, posted.download)
        return HttpResponse("".join(fragments.write_frames([fragments.notice(taken)])))
    if posted.download:
        return see_other(redirect(posted.download))
    if posted.notice:
        return await sync_to_async(_draw_page)(request, thread_id, posted.notice, "info", "", 200)
    thread = await in_database(get_policy().get_thread)(request.user, thread_id)
    return go_to(thread_id) if thread is not None else see_other(redirect("chatapp:list"))


@private
@require_POST
async def stop(request: HttpRequest, thread_id: UUID) -> HttpResponse:
    """Stop the answer that is under way."""
    return await do_it(request, thread_id, actions.stop(request.user, thread_id))


@private
@require_POST
async def retry(request: HttpRequest, thread_id: UUID) -> HttpResponse:
    """Answer a question again: the `message` is the answer (the last one), `model` who is to answer (who does anyway).

    `choice` may carry both, with a space between, so that a button can say it.
    """
    named, _space, model = request.POST.get("choice", "").partition(" ")
    named, model = named or request.POST.get("message", ""), model or request.POST.get("model", "")
    try:
        message = parse_uuid(named, "message") if named else None
    except Refused as error:
        return await refuse(request, thread_id, error)
    return await do_it(request, thread_id, actions.retry(request.user, thread_id, message, model=model))


@private
@require_POST
async def answer(request: HttpRequest, thread_id: UUID) -> HttpResponse:
    """Answer a question of the assistant: its id as `request`, the answer as `value`."""
    request_id, text = request.POST.get("request", ""), request.POST.get("value", "")
    return await do_it(request, thread_id, answering.answer(request.user, thread_id, request_id, text))


@private
@require_POST
async def unqueue(request: HttpRequest, thread_id: UUID) -> HttpResponse:
    """Take back a message that waits to be sent: its id as `message`."""
    try:
        message = parse_uuid(request.POST.get("message"), "message")
    except Refused as error:
        return await refuse(request, thread_id, error)
    return await do_it(request, thread_id, queueing.unqueue(request.user, thread_id, message))


@private
@require_POST
async def rename(request: HttpRequest, thread_id: UUID) -> HttpResponse:
    """Give the thread a title of the person's own."""
    return await do_it(request, thread_id, tidying.rename(request.user, thread_id, request.POST.get("title", "")))


@private
@require_POST
async def clear_todos(request: HttpRequest, thread_id: UUID) -> HttpResponse:
    """Take the plan above the composer away."""
    return await do_it(request, thread_id, tidying.clear_todos(request.user, thread_id))


@private
@require_POST
async def greet(request: HttpRequest, thread_id: UUID) -> HttpResponse:
    """Have the greeting of an empty chat said."""
    slug = request.POST.get("assistant", "")
    return await do_it(request, thread_id, opening.greet(request.user, thread_id, assistant=slug))


@private
@require_POST
async def delete(request: HttpRequest, thread_id: UUID) -> HttpResponse:
    """Delete the thread."""
    await tidying.delete(request.user, thread_id)
    if is_partial(request):
        return HttpResponse(status=204)
    return see_other(redirect("chatapp:list"))


async def do_it(request: HttpRequest, thread_id: UUID, work: Awaitable[Any], *, draft: str = "") -> HttpResponse:
    """Do what was asked; 303 to the thread, or 204 for script. What is refused is said with its own status."""
    try:
        await work
    except Refused as error:
        return await refuse(request, thread_id, error, draft=draft)
    return HttpResponse(status=204) if is_partial(request) else go_to(thread_id)


async def refuse(request: HttpRequest, thread_id: UUID, error: Refused, *, draft: str = "") -> HttpResponse:
    """The sentence, as a notice or in the page; what was written is not lost. Raises it again if it is a 404."""
    if error.status == 404:
        raise error
    if is_partial(request):
        refused = request.POST.get("client_id", "")
        html = "".join(fragments.write_frames([fragments.notice(renderer.render_notice(str(error), refused=refused))]))
        response = HttpResponse(html, status=error.status)
    else:
        response = await sync_to_async(_draw_page)(request, thread_id, str(error), "warning", draft, error.status)
    if error.retry_after is not None:
        response["Retry-After"] = str(math.ceil(error.retry_after))
    return response


def _draw_page(request: HttpRequest, thread_id: UUID, notice: str, level: str, draft: str, status: int) -> HttpResponse:
    """The page from which the form came, with a line for the person."""
    thread = get_policy().get_thread(request.user, thread_id)
    if thread is not None:
        return render_thread(request, thread, notice=notice, level=level, draft=draft, status=status)
    assistant = registry.get(request.POST.get("assistant", "")) or registry.get_default()
    if assistant is None or Thread.objects.filter(pk=thread_id).exists():
        raise finding.not_found()
    new = Thread(pk=thread_id, assistant=assistant.slug)
    return render_thread(request, new, is_new=True, notice=notice, level=level, draft=draft, status=status)


def _draw_posted(user: Any, thread_id: UUID, message_id: UUID) -> str:
    """The message and the answer that has begun, as fragments for a page that shows what was before."""
    thread = get_policy().get_thread(user, thread_id)
    if thread is None:
        raise finding.not_found()
    path = transcript.get_path(thread)
    new = path[path.index(message_id) :] if message_id in path else []
    views = transcript.load_views(thread, new, user=user)
    mode, is_live = transcript.get_while_running(thread), transcript.get_live_run(thread) is not None
    changed = [
        fragments.append(fragments.THREAD, renderer.render_transcript(views)),
        fragments.fill(
            fragments.ACTION,
            renderer.render_action(
                is_live=is_live, while_running=mode, composer=composing.look(registry.get(thread.assistant), user)
            ),
        ),
    ]
    if not new:  # It waits.
        changed.append(fragments.fill(fragments.QUEUE, renderer.render_queue(queue.list_waiting(thread))))
    return "".join(fragments.write_frames(changed))


def is_partial(request: HttpRequest) -> bool:
    """Whether script asks, and wants no page."""
    return request.headers.get("HX-Request") == "true"


def parse_uuid(value: Any, name: str) -> UUID:
    try:
        return UUID(str(value))
    except ValueError as error:
        raise Refused("bad_id", _("%(name)s must be a UUID.") % {"name": name}) from error


def go_to(thread_id: UUID) -> HttpResponse:
    """To the page of the thread, with a 303."""
    return see_other(redirect("chatapp:thread", thread_id))


def see_other(response: HttpResponse) -> HttpResponse:
    response.status_code = 303  # Also after PUT or POST the next request is a GET, in every client.
    return response
