"""Files over HTTP: they come in here, for a message that is still being written, and go out to who may read them."""

import logging
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from asgiref.sync import sync_to_async
from django.contrib.auth.decorators import login_required
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.cache import patch_vary_headers
from django.utils.http import content_disposition_header
from django.views.decorators.clickjacking import xframe_options_deny
from django.views.decorators.http import require_POST, require_safe

from chatapp import attaching
from chatapp.errors import Refused
from chatapp.files import images
from chatapp.files.kinds import get_look
from chatapp.models import Attachment
from chatapp.policy import get_policy
from chatapp.rendering.files import render_pill
from chatapp.runs import attachments

from .access import private
from .verbs import go_to, is_partial, refuse

logger = logging.getLogger("chatapp.files")

CLOSED_POLICY: Final = "sandbox; default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


@private
@require_POST
async def upload(request: HttpRequest, thread_id: UUID) -> HttpResponse:
    """Stage the files of a form, in its field `files`: JSON for script, else 303 to the thread.

    What is refused is refused by itself: those before it are staged. Then the JSON has the sentence as `error`.
    """
    staged = []
    try:
        # Also without a file: whose thread it is not, for them there is none.
        await attaching.afind_accepted(request.user, thread_id, request.POST.get("assistant", ""))
        for file in request.FILES.getlist("files"):
            staged.append(await stage_one(request, thread_id, file))
    except Refused as error:
        if error.status == HTTPStatus.NOT_FOUND or not is_partial(request):
            return await refuse(request, thread_id, error)
        response = JsonResponse({"files": staged, "error": str(error), "code": error.code}, status=error.status)
        if error.retry_after is not None:
            response["Retry-After"] = str(int(error.retry_after))
        return response
    if is_partial(request):
        return JsonResponse({"files": staged})
    return go_to(thread_id)


async def stage_one(request: HttpRequest, thread_id: UUID, file: "UploadedFile[Any]") -> dict[str, Any]:
    """Stage one file; what a page needs to show it. Raises Refused as attaching.stage."""
    slug = request.POST.get("assistant", "")
    row, notice = await attaching.astage(request.user, thread_id, file, assistant=slug)
    html = await sync_to_async(render_pill)(row.to_part(), thread_id)
    return {"id": str(row.pk), "name": row.name, "size_bytes": row.size_bytes, "notice": notice, "html": html}


@private
@require_POST
async def remove(request: HttpRequest, thread_id: UUID, attachment_id: UUID) -> HttpResponse:
    """Take away a file that waits to be sent."""
    await attaching.remove(request.user, thread_id, attachment_id)
    return HttpResponse(status=204) if is_partial(request) else go_to(thread_id)


@xframe_options_deny
@login_required
@require_safe
def file(request: HttpRequest, attachment_id: UUID) -> HttpResponse:
    """A file for who may read its message: an image to look at, everything else to keep; with `?thumb=1` a small image.

    Asked for anew each time, so that who may not read it any more cannot; the bytes come once.
    """
    found = get_policy().get_attachment(request.user, attachment_id)
    if found is None:
        raise Http404("no such file")
    return send_file(request, found)


def send_file(request: HttpRequest, found: Attachment) -> HttpResponse:
    """The answer for somebody who may read this file."""
    is_thumb = "thumb" in request.GET
    is_image = get_look(found.media_type) == "image"
    if is_thumb and not is_image:
        raise Http404("no image")
    tag = f'"{found.pk.hex}{"-thumb" if is_thumb else ""}"'
    if request.headers.get("If-None-Match") == tag:
        response = HttpResponse(status=HTTPStatus.NOT_MODIFIED)
    else:
        response = _answer(found, is_thumb=is_thumb, is_image=is_image)
    response["ETag"] = tag
    response["Cache-Control"] = "private, no-cache"
    patch_vary_headers(response, ["Cookie"])
    return response


def _answer(found: Attachment, *, is_thumb: bool, is_image: bool) -> HttpResponse:
    try:
        data = attachments.read(found)
    except OSError as error:
        logger.warning("the content of attachment %s is gone: %s", found.pk, type(error).__name__)
        raise Http404("gone") from error
    # Nothing that a browser would run or draw as a page, whatever is in it.
    media_type = found.media_type if is_image or get_look(found.media_type) == "pdf" else "text/plain; charset=utf-8"
    if is_thumb:
        data, media_type = images.make_thumb(data)
    response = HttpResponse(data, content_type=media_type)
    response["Content-Disposition"] = content_disposition_header(not is_image, found.name) or "attachment"
    response["Content-Security-Policy"] = CLOSED_POLICY
    response["X-Content-Type-Options"] = "nosniff"
    response["Referrer-Policy"] = "no-referrer"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    return response
