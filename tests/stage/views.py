"""Pages and forms of a site that hosts chatapp: a page with a stream and nothing else, forms for messages."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.html import format_html
from django.views.decorators.http import require_POST

import chatapp
from chatapp.policy import get_policy
from chatapp.providers.base import ModelRequest, get_provider

STREAM = "report"


def page(request: HttpRequest) -> HttpResponse:
    """A page that is no chat. `?height=` and `?still=1` are options of the tag."""
    height, is_still = request.GET.get("height", ""), "still" in request.GET
    return render(request, "stage/page.html", {"stream": STREAM, "height": height, "auto_scroll": not is_still})


def two_chats(request: HttpRequest) -> HttpResponse:
    """A page of the site with two chats."""
    return render(request, "stage/two_chats.html")


def shell(request: HttpRequest) -> HttpResponse:
    """A page of the site with the markup of a chat; `?socket=` is the consumer that it talks to."""
    return render(request, "stage/shell.html", {"socket": request.GET.get("socket", "")})


@require_POST
async def begin(request: HttpRequest) -> HttpResponse:
    """Stream what the model says to this person or visitor; `question` is what it is asked."""
    asked = ModelRequest(messages=[{"role": "user", "content": request.POST["question"]}])
    await chatapp.stream_to(
        STREAM, lambda: get_provider().stream(asked), user=await request.auser(), session=request.session
    )
    return HttpResponse(status=204)


@login_required
@require_POST
def order(request: HttpRequest, thread_id: UUID) -> HttpResponse:
    """Take an order from a form in a message, and say so in the thread; for htmx what is to stand in its place."""
    chatapp.post_sync(thread_id, f"You ordered **{request.POST['count']}**.", author="The shop")
    if request.headers.get("HX-Request"):
        return HttpResponse(format_html('<p class="ordered">Ordered: {}</p>', request.POST["count"]))
    return redirect("chatapp:thread", thread_id)


@login_required
@require_POST
def keep_name(request: HttpRequest) -> HttpResponse:
    """Say the name that was posted."""
    return HttpResponse(f"Kept: {request.POST['name']}", content_type="text/plain")


@login_required
@require_POST
def compose(request: HttpRequest, thread_id: UUID) -> HttpResponse:
    """Three choices become a sentence in the message box."""
    thread = get_policy().get_thread(request.user, thread_id)
    if thread is None:
        raise Http404
    chosen = request.POST
    chatapp.update_input_sync(thread, f"Plan {chosen['long']} in {chosen['where']} for {chosen['who']}.")
    return HttpResponse(status=204)


@login_required
@require_POST
def clear(request: HttpRequest, thread_id: UUID) -> HttpResponse:
    """Begin the thread anew."""
    thread = get_policy().get_thread(request.user, thread_id)
    if thread is None:
        raise Http404
    chatapp.clear_messages_sync(thread, greeting=True)
    return HttpResponse(status=204)
