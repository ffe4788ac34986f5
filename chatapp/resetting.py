"""A conversation is begun anew by code: what people see goes, and of what the model knows what the caller says."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args
from uuid import UUID

from asgiref.sync import async_to_sync
from django.db import transaction
from django.utils.translation import gettext as _

from chatapp.copying import copy_message
from chatapp.errors import Refused
from chatapp.finding import is_answering
from chatapp.models import Message, Thread
from chatapp.models.calls import in_database
from chatapp.opening import store_cleared
from chatapp.reading import append_turns, check_turns
from chatapp.runs import attachments, transcript
from chatapp.runs.hub import get_hub

Mode = Literal["clear", "set", "append", "keep"]
"""clear: the model knows nothing any more. set: it knows the messages that are given. append: it knows what it knew,
and then these. keep: it knows what it knew."""


async def reset(
    thread: Thread | UUID,
    *,
    mode: Mode = "clear",
    messages: Sequence[Mapping[str, Any] | str] | None = None,
    greeting: bool = False,
) -> None:
    """Empty the thread in all open pages, and show `messages` in it, which "set" and "append" need; see Mode.

    Each is a dict with role and content as the API of a model has it, or a string that the assistant says. What is
    kept for the model people see no more. With `greeting` the chat begins as a new one does, unless the model knows
    something. Nobody is asked whether they may: that is for the caller to know.

    Raises ValueError for another mode, messages that are none, and for messages where there can be none;
    Thread.DoesNotExist; and Refused (409), with a sentence for people, while an answer is being said. Then nothing has
    changed.
    """
    if mode not in get_args(Mode):
        raise ValueError(f"mode {mode!r} is not known; known are {', '.join(get_args(Mode))}")
    needs_messages = mode in ("set", "append")
    if needs_messages and messages is None:
        raise ValueError(f"mode {mode!r} needs messages; to forget everything use 'clear'")
    if not needs_messages and messages is not None:
        raise ValueError(f"mode {mode!r} takes no messages; to show some use 'set' or 'append'")
    said = [{"role": "assistant", "content": each} if isinstance(each, str) else each for each in messages or ()]
    thread_id = thread.pk if isinstance(thread, Thread) else thread
    runs, owner = await _store(thread_id, check_turns(said), mode in ("append", "keep"), greeting)
    hub = get_hub()
    for run in runs:
        await hub.stop(run)
    await hub.thread_changed(thread_id, owner)


@in_database
def _store(thread_id: UUID, turns: list[dict[str, Any]], is_kept: bool, greeting: bool) -> tuple[list[Any], str]:
    with transaction.atomic():
        thread = Thread.objects.select_for_update(of=("self",)).get(pk=thread_id)
        if is_answering(thread):
            raise Refused("answering", _("Please wait for the answer to finish, or stop it first."), status=409)
        kept = _hide(thread) if is_kept else []
        runs, owner = store_cleared(thread_id, with_greeting=greeting, kept=kept)
        append_turns(thread, kept[-1].pk if kept else None, turns)
        return runs, str(owner or "")


def _hide(thread: Thread) -> list[Message]:
    """Copies of what the model knows, which nobody sees. The originals are about to go, and pages show those."""
    path = transcript.get_path(thread)
    found = thread.messages.filter(for_model=True).in_bulk(path)
    copies: list[Message] = []
    for message in (found[pk] for pk in path if pk in found):
        copy = copy_message(message, thread, copies[-1].pk if copies else None)
        copy.visible = False
        copies.append(copy)
    Message.objects.bulk_create(copies)
    for copy in copies:
        if attachments.copy_files(copy, thread.owner_id):
            copy.save(update_fields=["parts"])
    return copies


reset_sync = async_to_sync(reset)
"""See reset; for code that is not async."""
