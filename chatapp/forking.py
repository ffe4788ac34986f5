"""A branch as a conversation of its own."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from chatapp.copying import copy_message
from chatapp.errors import Refused
from chatapp.finding import not_found
from chatapp.models import Message, Run, Thread
from chatapp.models.calls import in_database
from chatapp.policy import get_policy
from chatapp.runs import attachments, transcript
from chatapp.runs.hub import get_hub


async def fork(user: Any, thread_id: UUID, message_id: UUID) -> UUID:
    """Copy the shown branch up to this message into a new thread of its owner, and give back the id of that.

    The runs are not copied, what they said is; an answer that is still being said cannot be. Raises Refused: there is
    no such message here (409), no such thread (404).
    """
    new = await _store_fork(user, thread_id, message_id)
    await get_hub().thread_changed(new, str(user.pk))
    return new


@in_database
def _store_fork(user: Any, thread_id: UUID, message_id: UUID) -> UUID:
    with transaction.atomic():
        thread = get_policy().get_thread(user, thread_id)
        if thread is None:
            raise not_found()
        path = transcript.get_path(thread)
        live = transcript.get_live_run(thread)
        if message_id not in path or (live is not None and live.reply_id == message_id):
            raise Refused("nothing_to_fork", _("There is nothing here to go on from."), status=409)
        found = thread.messages.select_related("run").in_bulk(path[: path.index(message_id) + 1])
        kept = [found[pk] for pk in path if pk in found and found[pk].deleted_at is None]
        title = (_("%(title)s (copy)") % {"title": thread.title})[:200] if thread.title else ""
        new = Thread(
            owner_id=thread.owner_id,
            guest_key=thread.guest_key,
            assistant=thread.assistant,
            title=title,
            title_is_manual=thread.title_is_manual,
            settings=thread.settings,
            provider=thread.provider,
            temporary=thread.temporary,
            updated_at=Now(),
        )
        new.save(force_insert=True)
        copies = _copy_path(kept, new)
        Message.objects.bulk_create(copies)
        for copy, message in zip(copies, kept, strict=True):
            copy.created_at = message.created_at  # When it was said, and not when it was copied.
            attachments.copy_files(copy, new.owner_id)
        Message.objects.bulk_update(copies, ["created_at", "parts"])
        Thread.objects.filter(pk=new.pk).update(head_id=copies[-1].pk if copies else None)
        return new.pk


def _copy_path(messages: list[Message], thread: Thread) -> list[Message]:
    copies: list[Message] = []
    for message in messages:
        copy = copy_message(message, thread, copies[-1].pk if copies else None)
        run: Run | None = getattr(message, "run", None)
        copy.copied_from = message.pk
        copy.copied_model = run.model if run is not None and not run.error_code else message.copied_model
        copy.copied_tokens = run.output_tokens if run is not None else message.copied_tokens
        copies.append(copy)
    return copies
