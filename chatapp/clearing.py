"""A person clears a conversation: its messages go for good, and so do what waits to be sent and the plan."""

from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from chatapp.errors import Refused
from chatapp.finding import not_found
from chatapp.models.calls import in_database
from chatapp.opening import start_over
from chatapp.policy import get_policy


async def clear(user: Any, thread_id: UUID) -> None:
    """Empty the thread in all open pages; an answer that is under way is stopped. Its title and settings stay.

    The settings and /clear do this. What begins is a new chat, with its greeting; see opening.start_over.
    Raises Refused: not the owner (403), no such thread (404).
    """
    await _check(user, thread_id)
    await start_over(thread_id)


@in_database
def _check(user: Any, thread_id: UUID) -> None:
    thread = get_policy().get_thread(user, thread_id)
    if thread is None:
        raise not_found()
    if thread.owner_id != user.pk:
        raise Refused("not_yours", _("Only the owner of this conversation can do that."), status=403)
