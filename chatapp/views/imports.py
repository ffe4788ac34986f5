"""Conversations out of a file, for whoever has one: the page on which it is chosen."""

from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from chatapp.conf import settings
from chatapp.errors import Refused
from chatapp.importing import Imported, import_file
from chatapp.transfers import MAX_BYTES

from .access import private


@private
@require_http_methods(["GET", "HEAD", "POST"])
async def import_threads(request: HttpRequest) -> HttpResponse:
    """The page; a POST with `file` stores its conversations, with `again` also those that were imported before."""
    if request.method != "POST":
        return await _draw(request)
    try:
        imported = await import_file(request.user, await _read(request), again=request.POST.get("again") == "1")
    except Refused as error:
        return await _draw(request, problem=str(error), status=error.status)
    if len(imported.threads) == 1 and not imported.repeated:
        response: HttpResponse = redirect("chatapp:thread", imported.threads[0])
        response.status_code = 303
        return response
    return await _draw(request, outcome=_tell(imported))


@sync_to_async
def _read(request: HttpRequest) -> bytes:
    """The file that was sent. Raises Refused: none was, or it is too large."""
    sent = request.FILES.get("file")
    if sent is None:
        raise Refused("no_file", _("Choose a file first."))
    if sent.size is None or sent.size > MAX_BYTES:
        raise Refused("broken_file", _("The file is larger than %(size)s MB.") % {"size": MAX_BYTES // 1024**2})
    content: bytes = sent.read()
    return content


def _tell(imported: Imported) -> str:
    new, old = len(imported.threads), imported.repeated
    said = [ngettext("%(n)s conversation was imported.", "%(n)s conversations were imported.", new) % {"n": new}]
    if old:
        said.append(
            ngettext("%(n)s was imported before and left out.", "%(n)s were imported before and left out.", old)
            % {"n": old}
        )
    return " ".join(said)


@sync_to_async
def _draw(request: HttpRequest, *, status: int = 200, **context: Any) -> HttpResponse:
    return render(request, "chatapp/import.html", {"settings": settings, **context}, status=status)
