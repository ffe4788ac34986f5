"""What code says and does in a thread that people have open: from a view, a task, a signal, a shell.

Messages stand at the end of the thread and appear in open pages like any others. While an answer is being said they
wait in the database, in order, and follow it when it ends, however it ends.
"""

from collections.abc import Iterable
from typing import Any, Final, Literal
from uuid import UUID

from asgiref.sync import async_to_sync
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from chatapp import signals
from chatapp.handlers import resolve
from chatapp.icons import to_stored
from chatapp.inputs import InputUpdate
from chatapp.models import Message, Run, Thread
from chatapp.models.calls import in_database
from chatapp.parts import plain_text
from chatapp.runs.assembler import Assembler
from chatapp.runs.hub import get_hub

_ALIASES: Final = {"human": "user", "ai": "assistant"}

_RACES = 5
"""How often a place in the thread is looked for while answers begin and end."""


async def post(
    thread: Thread | UUID,
    *said: Any,
    role: str = Message.Role.ASSISTANT,
    author: str = "",
    icon: str | Literal[False] = "",
    for_model: bool = True,
    visible: bool = True,
) -> Message:
    """Say something in a thread: strings (Markdown), parts, or whatever else an assistant may yield, in this order.

    `author` is shown in place of the assistant's name, and its first letter in place of the icon, unless `icon` names
    one (see chatapp.icons; False: none). `role` is user, assistant, system or tool; human and ai are the first two.
    With `for_model` false the model never gets it, with `visible` false people never see it; a system message is never
    seen. The message is returned as it was stored; `queued_at` is set if it waits for the end of an answer. Nobody is
    asked whether they may: that is for the caller to know.

    Raises Thread.DoesNotExist; ValueError for an unknown role or icon, or when nothing was said; UnknownYield for what
    an assistant could not yield either. Then nothing is stored.
    """
    role = _ALIASES.get(role, role)
    if role not in Message.Role.values:
        raise ValueError(f"role {role!r} is not known; known are {', '.join(Message.Role.values)}")
    assembler = _assemble([piece for item in said for piece in await resolve(item)])
    parts = assembler.to_parts()
    if not parts:
        raise ValueError("nothing was said: give a string or a part")
    if icon != "" and role == Message.Role.USER:
        raise ValueError("what a person says has no icon")
    message = Message(
        thread_id=thread.pk if isinstance(thread, Thread) else thread,
        role=role,
        parts=[part.dump() for part in parts],
        text=plain_text(parts),
        author_label=author,
        icon=to_stored(icon) or assembler.icon or "",
        for_model=for_model,
        visible=visible and role != Message.Role.SYSTEM,
    )
    owner = await in_database(place)(message)
    await signals.message_created.asend_robust(Message, message=message)
    await get_hub().thread_changed(message.thread_id, str(owner))
    return message


async def update_input(
    thread: Thread | UUID,
    value: str | None = None,
    *,
    placeholder: str | None = None,
    submit: bool = False,
    focus: bool = False,
) -> None:
    """Change the message box in the pages of this thread that its owner has open; what is not given stays as it is.

    With `submit` the value is sent as if by the owner, by one of the pages, once nothing is being said any more; a
    draft of theirs stays. Pages that are opened later hear nothing of it. Raises ValueError for `submit` or `focus`
    without a value, Thread.DoesNotExist.
    """
    update = InputUpdate(value=value, placeholder=placeholder, submit=submit, focus=focus)
    thread_id = thread.pk if isinstance(thread, Thread) else thread
    owner = await in_database(_get_owner)(thread_id)
    await get_hub().change_input(thread_id, str(owner), update)


def _get_owner(thread_id: UUID) -> Any:
    return Thread.objects.values_list("owner_id", flat=True).get(pk=thread_id)


post_sync = async_to_sync(post)
"""See post; for code that is not async."""

update_input_sync = async_to_sync(update_input)
"""See update_input; for code that is not async."""


def _assemble(said: Iterable[Any]) -> Assembler:
    assembler = Assembler()
    for item in said:
        assembler.take(item)
    assembler.end()
    return assembler


def place(message: Message) -> Any:
    """Put the message at the end of its thread, or in the queue behind the answer; the owner's key."""
    for _attempt in range(_RACES):
        with transaction.atomic():
            # The run before the thread, as whoever stores the end of a run locks them. Asked for and marked at once: an
            # answer that ends at this moment finds the mark, or we find that it has ended.
            live = Run.objects.filter(thread_id=message.thread_id, kind=Run.Kind.REPLY, finished_at__isnull=True)
            if live.update(has_queue=True):
                message.queued_at = timezone.now()
                message.save(force_insert=True)
                return Thread.objects.values_list("owner_id", flat=True).get(pk=message.thread_id)
            thread = Thread.objects.select_for_update().get(pk=message.thread_id)
            if not live.exists():
                message.parent_id = thread.head_id
                message.save(force_insert=True)
                Thread.objects.filter(pk=thread.pk).update(head=message, updated_at=Now())
                return thread.owner_id
        # An answer began between the two questions: it goes behind that one.
    raise RuntimeError(f"thread {message.thread_id} never stood still")
