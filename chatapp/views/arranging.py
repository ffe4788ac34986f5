"""The list of conversations over HTTP: its pages, what was archived, and what people do with many at once."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from chatapp import arranging, foldering
from chatapp.conf import settings
from chatapp.errors import Refused
from chatapp.finding import not_found
from chatapp.policy import get_policy
from chatapp.rendering import renderer
from chatapp.runs import listing, trash
from chatapp.runs.listing import Cursor, ThreadPage

from .access import private

_VERBS: Final[dict[str, Callable[[Any, Sequence[UUID]], Awaitable[int]]]] = {
    "pin": arranging.pin,
    "unpin": lambda user, ids: arranging.pin(user, ids, to=False),
    "archive": arranging.archive,
    "unarchive": lambda user, ids: arranging.archive(user, ids, to=False),
    "delete": arranging.delete,
    "restore": arranging.restore,
}
"""What `do` may say, beside `move`."""


@private
@require_safe
def threads(request: HttpRequest) -> HttpResponse:
    """The list as a page; for htmx and script only its lines: `after` a cursor, `until` another, of one `folder`.

    `current` is the thread that the page shows.
    """
    policy = get_policy()
    mine, folder = policy.get_threads(request.user), _read_int(request.GET.get("folder"))
    after, until = _read_cursor(request, "after"), _read_cursor(request, "until")
    current, limit = _read_id(request.GET.get("current")), settings.PAGE_THREADS
    if folder is not None and not policy.get_folders(request.user).filter(pk=folder).exists():
        raise not_found()
    if after is None and folder is None:
        folders = policy.get_folders(request.user)
        page = listing.list_threads(mine, folders=folders, current=current, limit=limit)
    else:
        start = after or Cursor(False, listing.END_OF_TIME, UUID(int=0))
        page = listing.list_more(mine, after=start, until=until, folder=folder, current=current, limit=limit)
    if _is_partial(request):
        return HttpResponse(renderer.render_threads(page, folder=folder))
    return _render_list(request, page, title=_("Conversations"), folder=folder)


@private
@require_safe
def archived(request: HttpRequest) -> HttpResponse:
    """The page of what was archived, from where it can be listed again or deleted."""
    mine = get_policy().get_threads(request.user)
    page = listing.list_archived(mine, after=_read_cursor(request, "after"), limit=settings.PAGE_THREADS)
    return _render_list(request, page, title=_("Archived conversations"), is_archive=True)


def _render_list(request: HttpRequest, page: ThreadPage, **context: Any) -> HttpResponse:
    deletions = trash.list_deletions(get_policy().get_deleted(request.user))
    status = context.pop("status", 200)
    context = {"page": page, "deletions": deletions, "settings": settings, **context}
    return render(request, "chatapp/threads.html", context, status=status)


@private
@require_POST
async def arrange(request: HttpRequest) -> HttpResponse:
    """Do something (`do`) with these threads (`thread`, each one id or several with commas between them).

    pin, unpin, archive, unarchive, delete, restore; or move: to `folder`, or to a new one whose name is `name`, or to
    none. 303 to where it shows, 204 for script.
    """
    try:
        ids = _read_ids(request)
        done = request.POST.get("do", "")
        if done == "move":
            await arranging.move(request.user, ids, await _find_folder(request))
        elif done in _VERBS:
            await _VERBS[done](request.user, ids)
        else:
            raise Refused("unknown", _("That is not possible."))
    except Refused as error:
        return await _refuse(request, error)
    if _is_partial(request):
        return HttpResponse(status=204)
    if request.POST.get("next") == "archived":
        return _see_other(redirect("chatapp:archived"))
    if done == "delete" or len(ids) > 1:
        return _see_other(redirect("chatapp:list"))
    return _see_other(redirect("chatapp:thread", ids[0]))


async def _find_folder(request: HttpRequest) -> int | None:
    name = request.POST.get("name", "").strip()
    if name:
        return int((await foldering.create_folder(request.user, name)).pk)
    return _read_int(request.POST.get("folder"))


@private
@require_POST
async def folder(request: HttpRequest, folder_id: int) -> HttpResponse:
    """Do something (`do`) with a folder: rename (to `name`), open, close, delete. 303 to the list, 204 for script."""
    user, name = request.user, request.POST.get("name", "")
    try:
        match request.POST.get("do"):
            case "rename":
                await foldering.rename_folder(user, folder_id, name)
            case "open":
                await foldering.open_folder(user, folder_id)
            case "close":
                await foldering.open_folder(user, folder_id, to=False)
            case "delete":
                await foldering.delete_folder(user, folder_id)
            case _:
                raise Refused("unknown", _("That is not possible."))
    except Refused as error:
        return await _refuse(request, error)
    return HttpResponse(status=204) if _is_partial(request) else _see_other(redirect("chatapp:threads"))


async def _refuse(request: HttpRequest, error: Refused) -> HttpResponse:
    if error.status == 404:
        raise error
    if _is_partial(request):
        return HttpResponse(str(error), status=error.status, content_type="text/plain; charset=utf-8")
    draw = sync_to_async(_render_list)
    return await draw(request, ThreadPage(), title=_("Conversations"), notice=str(error), status=error.status)


def _read_ids(request: HttpRequest) -> list[UUID]:
    texts = [text for value in request.POST.getlist("thread") for text in value.split(",") if text]
    try:
        ids = list(dict.fromkeys(UUID(text.strip()) for text in texts))
    except ValueError as error:
        raise Refused("bad_id", _("%(name)s must be a UUID.") % {"name": "thread"}) from error
    if not ids:
        raise Refused("no_thread", _("Please choose a conversation first."))
    return ids


def _read_cursor(request: HttpRequest, name: str) -> Cursor | None:
    text = request.GET.get(name, "")
    try:
        return listing.parse_cursor(text) if text else None
    except ValueError as error:
        raise not_found() from error


def _read_int(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) < 19 else None


def _read_id(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None


def _is_partial(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true"


def _see_other(response: HttpResponse) -> HttpResponse:
    response.status_code = 303
    return response
