"""What an artifact holds, by an address of its own: a page for its frame, a file, its source, rows of a table.

Nothing of it may act as a part of the site: whatever is answered is in a sandbox without an origin.
"""

import asyncio
import time
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, JsonResponse, QueryDict
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from chatapp.artifacts import Artifact, ChartArtifact, HtmlArtifact, TableArtifact
from chatapp.artifacts.tables import PAGE_ROWS
from chatapp.conf import settings
from chatapp.finding import not_found
from chatapp.models import Run
from chatapp.models.calls import in_database
from chatapp.parts import load_part
from chatapp.policy import get_policy
from chatapp.rendering import artifacts as drawing

from . import charts
from .access import private

CLOSED_POLICY = "sandbox; default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

PAGE_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data:; font-src data:; media-src data:; "
    "frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
)
"""For the page of an HTML artifact: its own scripts and styles, no origin, no request, framed by this site only."""

POLL_SECONDS = 0.1


@private
@require_safe
async def artifact(request: HttpRequest, message_id: UUID, index: int) -> HttpResponse:
    """The part at this index of a message: with `?download=1` as a file, with `?source=1` as text to copy, with
    `?rows=<start>` rows of a table as JSON, else the page of HTML or of a chart. 404 for all that is not there.

    A frame may ask for what is still being said: then the answer waits until it is stored.
    """
    query = request.GET
    end = time.monotonic() + 3 * settings.CHECKPOINT_SECONDS + 1
    part, may_come = await _load(request.user, message_id, index, query.get("version", ""))
    while may_come and time.monotonic() < end:
        await _pause()
        part, may_come = await _load(request.user, message_id, index, query.get("version", ""))
    if part is None:
        raise not_found()
    return await in_database(show)(request, part)


def show(request: HttpRequest, part: Artifact) -> HttpResponse:
    """What is asked for of this artifact, in a sandbox. Called in the database thread. Raises Refused (404)."""
    response = _answer(request, part)
    response.headers.setdefault("Content-Security-Policy", CLOSED_POLICY)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return response


async def _pause() -> None:
    # Another process may be the one that stores it: there is nothing to be woken by.
    await asyncio.sleep(POLL_SECONDS)


@in_database
def _load(user: Any, message_id: UUID, index: int, version: str) -> tuple[Artifact | None, bool]:
    """The artifact as it is stored, and whether another one may soon stand there. Raises Refused for strangers."""
    message = get_policy().get_message(user, message_id)
    if message is None:
        raise not_found()
    part = load_part(message.parts[index]) if index < len(message.parts) else None
    is_there = part is not None and not (version and isinstance(part, Artifact) and part.version != version)
    may_come = not is_there and Run.objects.filter(reply_id=message_id, finished_at__isnull=True).exists()
    return part if isinstance(part, Artifact) else None, may_come


def _answer(request: HttpRequest, part: Artifact) -> HttpResponse:
    query = request.GET
    if "download" in query and part.extension:
        headers = {"Content-Disposition": content_disposition_header(True, part.file_name) or "attachment"}
        return HttpResponse(part.file_content, content_type=part.media_type, headers=headers)
    if "source" in query:
        return _send(part.source, "text/plain")
    if "rows" in query and isinstance(part, TableArtifact):
        return _send_rows(part, query)
    if isinstance(part, ChartArtifact) and not query.keys() - {"version"}:
        return charts.make_page(request, part)
    if isinstance(part, HtmlArtifact) and not query.keys() - {"version"}:
        response = _send(_make_page(part.content), "text/html")
        response.headers["Content-Security-Policy"] = PAGE_POLICY
        response.headers["X-Frame-Options"] = "SAMEORIGIN"
        return response
    raise not_found()


def _send(text: str, content_type: str) -> HttpResponse:
    return HttpResponse(text.encode(errors="replace"), content_type=f"{content_type}; charset=utf-8")


def _make_page(content: str) -> str:
    # Without it browsers lay out as they did before there were standards.
    return content if content.lstrip()[:9].lower() == "<!doctype" else f"<!doctype html>\n{content}"


def _send_rows(part: TableArtifact, query: QueryDict) -> HttpResponse:
    try:
        start, count = int(query.get("rows") or 0), int(query.get("count") or PAGE_ROWS)
        sort = int(wanted) if (wanted := query.get("sort")) else None
        if start < 0 or not 0 < count <= PAGE_ROWS or (sort is not None and not 0 <= sort < len(part.columns)):
            raise ValueError
    except ValueError:
        text = _("rows and sort are numbers from 0 on, count is at most %(most)s.") % {"most": PAGE_ROWS}
        return HttpResponseBadRequest(text, content_type="text/plain; charset=utf-8")
    selection = part.select(
        start=start, count=count, sort=sort, is_descending=query.get("order") == "desc", wanted=query.get("filter", "")
    )
    return JsonResponse(
        {
            "start": start,
            "total": selection.total,
            "rows": drawing.show_cells(selection),
            "status": drawing.describe(selection),
        }
    )
