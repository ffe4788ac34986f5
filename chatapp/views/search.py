"""Search, as a page, as a fragment for the list of conversations, or as JSON. Sync: it reads the database and draws."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from chatapp import searching
from chatapp.conf import settings

from .access import private


@private
@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """The person's own conversations with the words of `?q=`; `?format=json` is for programs."""
    found = searching.find(request.user, request.GET.get("q", ""))
    response: HttpResponse
    if request.headers.get("HX-Request") == "true":
        response = render(request, "chatapp/_search.html", {"results": found})
    elif request.GET.get("format") == "json":
        hits = [_dump(hit) for hit in found.hits]
        response = JsonResponse({"query": found.query, "hits": hits, "more": found.has_more})
    else:
        response = render(request, "chatapp/search.html", {"results": found, "settings": settings})
    patch_vary_headers(response, ["HX-Request"])
    return response


def _dump(hit: searching.Hit) -> dict[str, object]:
    return {
        "thread": str(hit.thread_id),
        "message": str(hit.message_id) if hit.message_id else None,
        "title": "".join(piece.text for piece in hit.title),
        "snippet": [{"text": piece.text, "match": piece.is_match} for piece in hit.snippet],
        "url": hit.url,
        "archived": hit.is_archived,
        "other_version": hit.is_elsewhere,
    }
