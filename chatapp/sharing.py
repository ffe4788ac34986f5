"""Sharing a conversation: a link to what was said up to a message, as it was then.

What is shared is a copy that names nothing of the original: no ids, no people, no thoughts, nothing of a tool but that
it was called. Each kind of part says itself what of it others may see (Part.shared).
"""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from chatapp import registry
from chatapp.errors import Refused
from chatapp.files.parts import FilePart
from chatapp.finding import not_found
from chatapp.models import Attachment, Message, Share, Thread
from chatapp.models.calls import in_database
from chatapp.parts import Part, load_parts, plain_text
from chatapp.policy import get_policy
from chatapp.rendering.renderer import MessageView
from chatapp.runs import attachments, transcript
from chatapp.runs.hub import get_hub

TOKEN_BYTES: Final = 32
"""256 bits: nobody guesses one."""

DAYS: Final[Mapping[str, int | None]] = {"1": 1, "7": 7, "30": 30, "365": 365, "never": None}
"""After how many days a link may end, by what the form says."""


def share(
    user: Any,
    thread_id: UUID,
    *,
    scope: str = Share.Scope.LINK,
    until: str = "30",
    group: str = "",
    upto: UUID | None = None,
    with_files: bool = False,
) -> tuple[Share, str]:
    """Share a conversation up to this message of the shown branch, by default its last complete one.

    Gives the row and the token of its link, which can never be read again. `until` is a key of DAYS, `group` the key of
    one of the person's groups. Raises Refused: no such thread (404), no such scope, time, group or message, or nothing
    to share (422), sharing is off (403). Called in the database thread.
    """
    policy = get_policy()
    thread = policy.get_thread(user, thread_id)
    if thread is None:
        raise not_found()
    scopes = policy.get_share_scopes(user)
    if not scopes:
        raise Refused("sharing_off", _("Conversations cannot be shared on this site."), status=403)
    if scope not in scopes:
        raise Refused("bad_scope", _("Please choose who can read it."))
    if until not in DAYS:
        raise Refused("bad_time", _("Please choose until when it can be read."))
    found = policy.get_share_groups(user).filter(pk=group).first() if scope == "group" and group.isdecimal() else None
    if scope == Share.Scope.GROUP and found is None:
        raise Refused("bad_group", _("Please choose one of your groups."))
    days = DAYS[until]
    token = secrets.token_urlsafe(TOKEN_BYTES)
    row = Share.objects.create(
        thread=thread,
        owner=user,
        token_hash=_hash(token),
        scope=scope,
        group=found,
        title=thread.title,
        assistant=thread.assistant,
        messages=_take_down(thread, upto, with_files=with_files),
        with_files=with_files,
        expires_at=timezone.now() + timedelta(days=days) if days else None,
    )
    return row, token


def _hash(token: str) -> str:
    # A token has so many bits that it needs no salt and no slow hash.
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def _take_down(thread: Thread, upto: UUID | None, *, with_files: bool) -> list[dict[str, Any]]:
    """What is said on the shown branch, fit for others."""
    path = transcript.get_path(thread)
    if upto is not None and upto not in path:
        raise Refused("no_such_message", _("There is no such message in this conversation."))
    if upto is not None:
        path = path[: path.index(upto) + 1]
    found = Message.objects.filter(thread=thread, visible=True).select_related("run").in_bulk(path)
    messages = []
    for message in (found[pk] for pk in path if pk in found):
        view = transcript.to_view(thread, message)
        parts = [] if view.is_live else _share_parts(view.parts, with_files=with_files)
        author = "" if view.is_user else message.author_label or transcript.get_title(thread)
        said = {"id": str(uuid4()), "role": view.role, "author": author, "icon": view.icon}
        messages += [{**said, "parts": [part.dump() for part in parts]}] if parts else []
    if not messages:
        raise Refused("nothing_to_share", _("There is nothing to share yet."))
    return messages


def _share_parts(parts: Sequence[Part], *, with_files: bool) -> list[Part]:
    shared = (part.shared for part in parts if with_files or not isinstance(part, FilePart))
    return [part for part in shared if part is not None]


def _get_shares(token: str) -> QuerySet[Share]:
    """The share of this link. That of a conversation which was deleted is gone too, also while that can be undone."""
    return Share.objects.filter(token_hash=_hash(token), thread__deleted_at=None)


def find(user: Any, token: str) -> Share | None:
    """What this link leads to, for this person or a visitor who is not signed in; None if it leads them nowhere."""
    row = _get_shares(token).select_related("group").first()
    return row if row is not None and get_policy().may_read_share(user, row) else None


def wants_sign_in(token: str) -> bool:
    """Whether a visitor who signs in may learn more: the link is for people with an account."""
    row = _get_shares(token).exclude(scope=Share.Scope.LINK).first()
    return row is not None and not row.is_over


def load_views(row: Share) -> list[MessageView]:
    """The messages as their template needs them."""
    views = []
    for message in row.messages:
        parts = load_parts(message["parts"])
        is_user = message["role"] == Message.Role.USER
        label = _("A person said") if is_user else _("%(name)s said") % {"name": message["author"]}
        views.append(
            MessageView(
                id=UUID(message["id"]),
                role=message["role"],
                state="complete",
                label=label,
                icon=message["icon"],
                parts=parts,
                source=plain_text(parts),
            )
        )
    return views


def load_part(row: Share, message_id: UUID, index: int) -> Part | None:
    """The part at this place of what was shared; None if there is none."""
    for message in row.messages:
        if message["id"] == str(message_id):
            return next(iter(load_parts(message["parts"][index : index + 1])), None)
    return None


def find_file(row: Share, attachment_id: UUID) -> Attachment | None:
    """This file, if it was shared and is still there; else None."""
    shared = (part for message in row.messages for part in load_parts(message["parts"]))
    if not any(isinstance(part, FilePart) and part.attachment == attachment_id for part in shared):
        return None
    return Attachment.objects.filter(pk=attachment_id, thread_id=row.thread_id).first()


def list_shares(user: Any) -> list[Share]:
    """The links of this person that lead somewhere, newest first."""
    rows = get_policy().get_shares(user).filter(revoked_at=None).select_related("group").defer("messages")
    return [row for row in rows if not row.is_over]


def revoke(user: Any, share_id: UUID) -> None:
    """Take a link back: from now on it leads nowhere. Again: nothing more happens. Raises Refused: not theirs (404)."""
    mine = get_policy().get_shares(user).filter(pk=share_id)
    if not mine.filter(revoked_at=None).update(revoked_at=timezone.now()) and not mine.exists():
        raise not_found()


async def fork(user: Any, token: str) -> UUID:
    """Copy what this link leads to into a conversation of the person's own, and give its id.

    Raises Refused: the link leads nowhere (404), or its assistant is not for them (403).
    """
    thread_id = await in_database(_store_fork)(user, token)
    await get_hub().thread_changed(thread_id, str(user.pk))
    return thread_id


def _store_fork(user: Any, token: str) -> UUID:
    row = find(user, token)
    if row is None:
        raise not_found()
    assistant = registry.get(row.assistant)
    if assistant is None or not get_policy().can_use(user, assistant):
        raise Refused("no_assistant", _("The assistant of this conversation is not available to you."), status=403)
    thread = Thread(owner=user, assistant=row.assistant, title=row.title, updated_at=Now())
    copies: list[Message] = []
    for message in row.messages:
        parts = load_parts(message["parts"])
        copies.append(
            Message(
                thread=thread,
                parent=copies[-1] if copies else None,
                role=message["role"],
                parts=message["parts"],
                text=plain_text(parts),
                author_label="" if message["author"] == assistant.title else message["author"],
            )
        )
    with transaction.atomic():
        thread.save(force_insert=True)
        Message.objects.bulk_create(copies)
        with_files = [copy for copy in copies if attachments.copy_files(copy, thread.owner_id)]
        Message.objects.bulk_update(with_files, ["parts"])
        Thread.objects.filter(pk=thread.pk).update(head=copies[-1])
    return thread.pk
