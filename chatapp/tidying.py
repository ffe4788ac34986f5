"""What people do to a conversation without saying anything: they give it a title, clear its plan, delete it.

Like the other actions: checked by the policy, stored in one transaction, told to the readers. No run comes of it.
"""

from typing import Any
from uuid import UUID

from chatapp import arranging
from chatapp.finding import not_found
from chatapp.models import Thread
from chatapp.models.calls import in_database
from chatapp.policy import get_policy
from chatapp.runs.hub import get_hub
from chatapp.scrubbing import scrub


async def rename(user: Any, thread_id: UUID, title: str) -> str:
    """Give the thread a title of the owner's own; the title as it is stored. An empty one changes nothing.

    Raises Refused: no such thread (404).
    """
    stored = await _store_title(user, thread_id, " ".join(scrub(title).split())[:200])
    await get_hub().thread_changed(thread_id, str(user.pk))
    return stored


@in_database
def _store_title(user: Any, thread_id: UUID, title: str) -> str:
    thread = get_policy().get_thread(user, thread_id)
    if thread is None:
        raise not_found()
    if title:
        Thread.objects.filter(pk=thread.pk).update(title=title, title_is_manual=True)
    return title or thread.title


async def clear_todos(user: Any, thread_id: UUID) -> None:
    """Take the plan above the composer away, in all open pages. Raises Refused: no such thread (404)."""
    await _store_cleared_todos(user, thread_id)
    await get_hub().thread_changed(thread_id)


@in_database
def _store_cleared_todos(user: Any, thread_id: UUID) -> None:
    thread = get_policy().get_thread(user, thread_id)
    if thread is None:
        raise not_found()
    Thread.objects.filter(pk=thread.pk).update(todos=[])


async def delete(user: Any, thread_id: UUID) -> None:
    """Delete the thread with all it contains; an answer that is under way ends quietly.

    It can be undone for a while; see arranging.delete. Raises Refused: none such (404).
    """
    await arranging.delete(user, [thread_id])
