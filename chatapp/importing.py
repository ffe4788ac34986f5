"""Conversations out of a file into a person's own threads: all that are in it, or none."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from chatapp import registry
from chatapp.activity import ToolCallPart
from chatapp.assistants import Assistant
from chatapp.errors import Refused
from chatapp.models import Message, Thread, search
from chatapp.models.calls import in_database
from chatapp.parts import Part, plain_text
from chatapp.policy import get_policy
from chatapp.runs.hub import get_hub
from chatapp.transfers import BrokenFile, Conversation, Said, read_file

_BATCH: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of a file."""

    threads: tuple[UUID, ...]
    """The new ones, in the order of the file."""

    repeated: int
    """How many were not taken because they came from a file before."""


async def import_file(user: Any, content: bytes, *, again: bool = False) -> Imported:
    """Store the conversations of a file as threads of the person, with ids of their own.

    What was imported before and is still there is left out, unless it is wanted `again`. Raises Refused with what is
    wrong with the file and where; then nothing was stored.
    """
    imported = await _store_file(user, content, again)
    for thread_id in imported.threads[:1]:
        await get_hub().thread_changed(thread_id, str(user.pk))
    return imported


@in_database
def _store_file(user: Any, content: bytes, again: bool) -> Imported:
    return store_file(user, content, again=again)


def store_file(user: Any, content: bytes, *, again: bool = False) -> Imported:
    """See import_file; open pages hear nothing of it."""
    try:
        found = read_file(content)
    except BrokenFile as error:
        raise Refused("broken_file", str(error)) from error
    with transaction.atomic():
        mine = get_policy().get_threads(user)
        known = set() if again else set(mine.exclude(imported_digest="").values_list("imported_digest", flat=True))
        new: dict[str, Conversation] = {}
        for item in found:
            if item.messages and item.digest not in known:
                new.setdefault(item.digest, item)
        now = timezone.now()
        threads = tuple(_store(user, item, digest, now) for digest, item in new.items())
    return Imported(threads=threads, repeated=sum(item.digest in known for item in found))


def _store(user: Any, item: Conversation, digest: str, now: datetime) -> UUID:
    assistant = _get_assistant(user, item.assistant)
    first = item.created_at or next((said.created_at for said in item.messages if said.created_at), now)
    thread = Thread(
        owner=user,
        assistant=assistant.slug,
        title=item.title,
        title_is_manual=bool(item.title),
        imported_digest=digest,
        updated_at=item.updated_at or max((said.created_at for said in item.messages if said.created_at), default=now),
    )
    thread.save(force_insert=True)
    ids = {said.id: uuid4() for said in item.messages}
    times = _get_times(item, first)
    messages = [_make(said, thread, assistant, ids, times) for said in item.messages]
    # Past the ORM's own clock, and then into the search with the times that are meant.
    Message._base_manager.bulk_create(messages, batch_size=_BATCH)
    for message, said in zip(messages, item.messages, strict=True):
        message.created_at = times[said.id]
    Message._base_manager.bulk_update(messages, ["created_at"], batch_size=_BATCH)
    head = item.head or item.messages[-1].id
    Thread.objects.filter(pk=thread.pk).update(head_id=ids[head], created_at=first)
    search.index(messages, are_new=True)
    return thread.pk


def _make(
    said: Said, thread: Thread, assistant: Assistant, ids: Mapping[str, UUID], times: Mapping[str, datetime]
) -> Message:
    parts = [_end(part) for part in said.make_parts()]
    is_named = said.role == "assistant" and said.author != assistant.title
    return Message(
        pk=ids[said.id],
        thread=thread,
        parent_id=ids[said.parent] if said.parent is not None else None,
        role=said.role,
        parts=[part.dump() for part in parts],
        text=plain_text(parts),
        author_label=said.author[:100] if is_named else "",
        created_at=times[said.id],
    )


def _end(part: Part) -> Part:
    """Nothing in it is under way."""
    if isinstance(part, ToolCallPart) and part.state == "running":
        return part.model_copy(update={"state": "unknown"})
    return part


def _get_times(item: Conversation, first: datetime) -> dict[str, datetime]:
    """When each message was said; one that does not say it comes right after the one before it."""
    times: dict[str, datetime] = {}
    at = first
    for said in item.messages:
        at = times[said.id] = said.created_at or at + timedelta(microseconds=1)
    return times


def _get_assistant(user: Any, slug: str) -> Assistant:
    """The one that is named, if it is here and the person may talk to it, else the one that answers new chats."""
    for found in (registry.get(slug), registry.get_default()):
        if found is not None and get_policy().can_use(user, found):
            return found
    raise Refused("no_assistant", _("There is no assistant that could go on with these conversations."))
