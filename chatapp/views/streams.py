"""The doors of streams outside of chats: follow one as server-sent events, cancel it. See chatapp.streams.

The address has the id of the stream, which says whose it is: after somebody else has signed in it leads nowhere.
"""

from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from chatapp.conf import settings
from chatapp.finding import not_found
from chatapp.runs.hub import get_hub
from chatapp.runs.runner import get_runner
from chatapp.runs.streams import StreamFollower, Viewer
from chatapp.streams import cancel_stream

from .access import personal
from .live import resume, stream_events


@personal
@require_GET
async def live(request: HttpRequest, stream_id: UUID, name: str) -> HttpResponseBase:
    """Follow a stream. `?last=` and `?cursor=` say what the page has, as for a thread."""
    viewer = await _find_viewer(request, stream_id, name)
    hub = get_hub()
    if get_runner().is_draining:
        return _come_back(503)
    if settings.LIMITS and hub.count_readers(viewer.person) >= settings.SOCKETS_PER_PERSON:
        return _come_back(429)
    follower = StreamFollower(hub, viewer, name)
    resume(follower, request)
    return stream_events(follower, request.session.session_key)


@personal
@require_POST
async def cancel(request: HttpRequest, stream_id: UUID, name: str) -> HttpResponse:
    """Cancel what streams there: 204, or back to the page (`next`) from a form without script."""
    viewer = await _find_viewer(request, stream_id, name)
    await cancel_stream(name, user=viewer.user, session=request.session)
    page = request.POST.get("next", "")
    if page and url_has_allowed_host_and_scheme(page, {request.get_host()}, require_https=request.is_secure()):
        response = HttpResponseRedirect(page)
        response.status_code = 303
        return response
    return HttpResponse(status=204)


async def _find_viewer(request: HttpRequest, stream_id: UUID, name: str) -> Viewer:
    user: Any = await request.auser()
    try:
        viewer = Viewer.find(user, request.session)
    except ValueError as error:
        raise not_found() from error
    if viewer.get_id(name) != stream_id or not await sync_to_async(viewer.is_admitted)():
        raise not_found()
    return viewer


def _come_back(status: int) -> HttpResponse:
    return HttpResponse(status=status, headers={"Retry-After": "5"})
