"""A chat in a frame of another page of the site: see the tag `chat`."""

from itertools import count
from typing import Any, Final
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import salted_hmac
from django.views.decorators.http import require_safe

from chatapp import registry
from chatapp.models import Thread
from chatapp.policy import get_policy
from chatapp.runs import journal

from .access import private
from .pages import render_thread
from .shell import Shell

SESSION_KEY: Final = "chatapp_frames"
"""In the session: which conversation of each frame is shown, if a new one was begun in this session."""

BLOCK: Final = 20
"""Conversations of a frame that are looked for with one query."""


@private
@require_safe
def frame(request: HttpRequest, assistant: str, name: str) -> HttpResponse:
    """The page in the frame: the newest conversation of this person with this assistant in frames of this name.

    With `?new` another one begins.
    """
    chosen = registry.get(assistant)
    policy = get_policy()
    if chosen is None or not policy.can_use(request.user, chosen):
        raise Http404(f"no assistant {assistant!r}")
    place = f"{assistant}/{name}"
    begun: dict[str, int] = request.session.get(SESSION_KEY, {})
    newest = _find_newest(request.user, place)
    number = max(begun.get(place, 0), newest)
    if "new" in request.GET:
        number = newest + 1
        request.session[SESSION_KEY] = {**begun, place: number}
    thread_id = make_id(request.user, place, number)
    found = policy.get_thread(request.user, thread_id)
    if found is None and Thread.objects.filter(pk=thread_id).exists():  # It was deleted, which can be undone.
        thread_id = make_id(request.user, place, number + 1)
    shell = Shell(sidebar=False, new_url=f"{request.path}?new", bookmarks=False)
    if found is None:
        return render_thread(request, Thread(pk=thread_id, assistant=chosen.slug), is_new=True, shell=shell)
    journal.sweep(found.pk)
    return render_thread(request, found, shell=shell)


def make_id(user: Any, place: str, number: int) -> UUID:
    """The id of a conversation of this person in this frame.

    Nothing has to be kept for it: two frames of a page are loaded at once, and would overwrite what the other one keeps
    in the session. Nobody else can know it, or they could take it first.
    """
    digest = salted_hmac(SESSION_KEY, f"{user.pk}/{place}/{number}", algorithm="sha256").digest()
    return UUID(bytes=digest[:16], version=4)


def _find_newest(user: Any, place: str) -> int:
    """Number of the newest conversation there is; 0 if there is none."""
    newest = 0
    for start in count(0, BLOCK):
        numbers = {make_id(user, place, number): number for number in range(start, start + BLOCK)}
        there = set(Thread.objects.filter(pk__in=numbers).values_list("pk", flat=True))
        newest = max([newest, *(numbers[pk] for pk in there)])
        if newest < start + BLOCK - 1:
            return newest
    raise AssertionError("unreachable")
