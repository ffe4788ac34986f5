"""One page for staff that shows every part in every state, light and dark: what is to be looked at after a change.

What it shows is stored: each specimen is two messages, one for each theme, in a conversation of whoever looks. So the
addresses of artifacts are real ones, and what is drawn went through the database.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID, uuid5

from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from chatapp.events import PartStart
from chatapp.models import Message, Run, Thread
from chatapp.parts import Part, plain_text
from chatapp.rendering.activity import TodoView
from chatapp.rendering.drawing import LiveMessage
from chatapp.rendering.renderer import render_message
from chatapp.runs.assembler import Assembler
from chatapp.runs.slots import Slot
from chatapp.runs.transcript import to_view
from chatapp.todos import dump_todos, load_todos

from .specimens import MESSAGES, PARTS, PLANS
from .specimens.specimen import Specimen

THEMES: Final = ("light", "dark")

NAMESPACE: Final = UUID("3c0a7f0e-3f0f-4a57-8d3c-5f1b9d0a7c11")
"""Ids are made of the person and the place: whoever looks again finds the same rows."""

GROUPS: Final[Mapping[str, Sequence[Specimen]]] = {**PARTS, "message": MESSAGES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhibit:
    """A specimen as it is drawn, once for each of THEMES."""

    name: str
    drawn: Sequence[tuple[str, SafeString]]


@never_cache
@login_required
@require_safe
def catalogue(request: HttpRequest) -> HttpResponse:
    """The page; 404 for everybody but staff."""
    if not (request.user.is_active and request.user.is_staff):
        raise Http404
    thread = store_catalogue(request.user)
    found = Message.objects.filter(thread=thread).select_related("run").in_bulk()
    groups = [
        (kind, [_exhibit(thread, found, kind, place, item) for place, item in enumerate(specimens)])
        for kind, specimens in GROUPS.items()
    ]
    plans = [(name, TodoView(load_todos(dump_todos(items)))) for name, items in PLANS.items()]
    return render(
        request, "catalogue/catalogue.html", {"groups": groups, "plans": plans, "themes": THEMES, "thread": thread}
    )


def store_catalogue(owner: Any) -> Thread:
    """The conversation of this person with all specimens in it, made anew where they have changed since."""
    wanted = list(_walk())
    content = [[*key, item.name, item.state, [part.dump() for part in item.parts]] for key, item in wanted]
    version = hashlib.sha256(json.dumps(content).encode()).hexdigest()
    now = timezone.now()
    with transaction.atomic():
        thread, _ = Thread.objects.get_or_create(
            pk=make_id(owner.pk, "thread"),
            defaults={"owner": owner, "assistant": "guide", "title": "Catalogue", "updated_at": now},
        )
        thread = Thread.objects.select_for_update().get(pk=thread.pk)
        if thread.metadata.get("catalogue") == version:
            return thread
        thread.messages.all().delete()
        head: UUID | None = None
        messages: list[Message] = []
        for (kind, place, theme), specimen in wanted:
            if theme == THEMES[0]:
                parent, head = head, make_id(owner.pk, kind, place, theme)
            messages.append(_make_message(thread, make_id(owner.pk, kind, place, theme), parent, specimen))
        Message.objects.bulk_create(messages)
        Run.objects.bulk_create(
            _make_run(thread, message, specimen)
            for message, (_, specimen) in zip(messages, wanted, strict=True)
            if not specimen.is_user and not is_live(specimen)
        )
        thread.head_id, thread.metadata = head, {**thread.metadata, "catalogue": version}
        thread.save(update_fields=["head", "metadata"])
    return thread


def _walk() -> Iterator[tuple[tuple[str, int, str], Specimen]]:
    for kind, specimens in GROUPS.items():
        for place, specimen in enumerate(specimens):
            for theme in THEMES:
                yield (kind, place, theme), specimen


def is_live(specimen: Specimen) -> bool:
    """Whether more may come. It has no run: nobody says anything, so whoever looks for dead runs would end it."""
    return specimen.state in ("streaming", "waiting")


def make_id(*words: object) -> UUID:
    """Id of what is named so: the person, then kind, place and theme of a specimen."""
    return uuid5(NAMESPACE, " ".join(map(str, words)))


def _make_message(thread: Thread, pk: UUID, parent: UUID | None, specimen: Specimen) -> Message:
    return Message(
        pk=pk,
        thread=thread,
        parent_id=parent,
        role=Message.Role.USER if specimen.is_user else Message.Role.ASSISTANT,
        parts=[part.dump() for part in specimen.parts],
        text=plain_text(specimen.parts),
    )


def _make_run(thread: Thread, message: Message, specimen: Specimen) -> Run:
    now = timezone.now()
    return Run(
        pk=make_id(message.pk, "run"),
        thread=thread,
        reply=message,
        state=specimen.state,
        model="sample",
        output_tokens=17,
        error_code=specimen.error_code,
        error_reference="7F3K-2Q" if specimen.error_code else "",
        started_at=now,
        heartbeat_at=now,
        finished_at=now,
    )


def _exhibit(thread: Thread, found: Mapping[UUID, Message], kind: str, place: int, specimen: Specimen) -> Exhibit:
    keys = [(theme, make_id(thread.owner_id, kind, place, theme)) for theme in THEMES]
    return Exhibit(
        name=specimen.name,
        drawn=[(theme, draw(thread, found[key], specimen)) for theme, key in keys if key in found],
    )


def draw(thread: Thread, message: Message, specimen: Specimen) -> SafeString:
    """The stored message as a page shows it; one that is live as those see it who follow it."""
    view = to_view(thread, message)
    if not is_live(specimen):
        return render_message(view)
    view = replace(view, state=specimen.state, can_retry=False, source="")
    html = render_message(view, with_parts=False)
    for fragment in LiveMessage(message.pk).draw(_assemble(message.load_parts()), specimen.status):
        html = SafeString(html.replace(f'id="{fragment.target}"></', f'id="{fragment.target}">{fragment.html}</', 1))
    return html


def _assemble(parts: Sequence[Part]) -> Sequence[Slot]:
    """The parts as they are while they are said: the last one is open, if it is one that grows."""
    assembler = Assembler()
    for part in parts:
        assembler.take(PartStart(part) if part is parts[-1] else part)
    return assembler.slots
