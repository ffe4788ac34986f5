"""What the message box offers after "/" and "@": commands, prompts, context sources."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from chatapp.commanding import list_commands
from chatapp.contexts import list_allowed
from chatapp.finding import find_assistant
from chatapp.models.calls import in_database

from .access import private

MAX_SOURCES = 20
"""Context sources that are offered at once; whoever wants another one types more of its name."""


@private
@require_safe
async def palette(request: HttpRequest, thread_id: UUID) -> HttpResponse:
    """The rows as a fragment: of `?for=commands` all, of `?for=sources` those whose name contains `q`.

    `assistant` is the slug of who would answer in a thread that does not exist yet.
    """
    user = await request.auser()
    assistant = await in_database(find_assistant)(user, thread_id, request.GET.get("assistant", ""))
    context: dict[str, Any] = {}
    if request.GET.get("for") == "sources":
        wanted = request.GET.get("q", "").casefold()
        sources = await list_allowed(await assistant.load_context_sources(user), user)
        found = [source for source in sources if wanted in source.name.casefold() or wanted in source.id.casefold()]
        context["sources"] = sorted(found, key=lambda source: source.name.casefold())[:MAX_SOURCES]
    else:
        context["commands"] = await in_database(list_commands)(user, assistant)
        context["prompts"] = await in_database(assistant.list_prompts)(user)
    return await in_database(render)(request, "chatapp/_palette.html", context)
