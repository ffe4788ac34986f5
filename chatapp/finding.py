"""The thread, the assistant, the answer that a person means, if they may; else a Refused.

Sync: called in the database thread. A thread that is somebody else's is a thread that does not exist.
"""

from typing import Any
from uuid import UUID

from django.db.models.functions import Now
from django.utils.translation import gettext as _

from chatapp import registry
from chatapp.assistants import Assistant
from chatapp.errors import Refused
from chatapp.models import Message, Run, Thread
from chatapp.models.calls import in_database
from chatapp.policy import get_policy
from chatapp.runs import journal, transcript


def not_found() -> Refused:
    """The same for a thread that is missing and one that is somebody else's."""
    return Refused("not_found", _("There is no such conversation."), status=404)


def has_begun(user: Any, thread_id: UUID) -> bool | None:
    """Whether this thread of the person has messages; None if it is not theirs to open. Nobody's yet: it has none.

    Called in the database thread.
    """
    # Most pages that open a socket before there is a thread are new chats: they cost one question only.
    if not Thread.objects.filter(pk=thread_id).exists():
        return False
    return True if get_policy().get_thread(user, thread_id) is not None else None


ahas_begun = in_database(has_begun)
"""See has_begun."""


def find_assistant(user: Any, thread_id: UUID, slug: str) -> Assistant:
    """Who answers in this thread, or would if it were begun with this slug. Called in the database thread.

    Raises Refused: no such thread or assistant for this person (404).
    """
    policy = get_policy()
    thread = policy.get_thread(user, thread_id)
    if thread is None:
        if Thread.objects.filter(pk=thread_id).exists():
            raise not_found()
        thread = make_thread(user, thread_id, slug)
    assistant = get_assistant(thread)
    if not policy.can_use(user, assistant):
        raise not_found()
    return assistant


def make_thread(user: Any, thread_id: UUID, slug: str) -> Thread:
    """A thread that is not stored yet. Raises Refused: who is not signed in, no such assistant (404)."""
    if not getattr(user, "is_authenticated", False):
        raise not_found()
    assistant = registry.get(slug) if slug else registry.get_default()
    if assistant is None:
        raise Refused("no_assistant", _("There is no such assistant."), status=404)
    return Thread(pk=thread_id, owner=user, assistant=assistant.slug, updated_at=Now())


def get_assistant(thread: Thread) -> Assistant:
    """Who answers in this thread. Raises Refused: nobody any more (404)."""
    assistant = registry.get(thread.assistant)
    if assistant is None:
        raise Refused("no_assistant", _("The assistant of this conversation is not available any more."), status=404)
    return assistant


def is_answering(thread: Thread) -> bool:
    """Whether an answer is under way in this thread."""
    if transcript.get_live_run(thread) is None:
        return False
    # A process that died must not keep the thread busy for longer than its lease.
    journal.sweep(thread.pk)
    return transcript.get_live_run(thread) is not None


def check_is_free(thread: Thread) -> None:
    """Raises Refused while an answer is under way (409)."""
    if is_answering(thread):
        raise Refused("answering", _("Please wait for the answer to finish, or stop it first."), status=409)


def lock_free_thread(user: Any, thread_id: UUID) -> tuple[Thread, Assistant]:
    """The thread, locked, with nothing being said in it, and its assistant, which the person may use.

    Raises Refused: an answer is under way (409), no such thread (404).
    """
    thread = get_policy().get_threads(user).select_for_update(of=("self",)).filter(pk=thread_id).first()
    if thread is None:
        raise not_found()
    assistant = get_assistant(thread)
    if not get_policy().can_use(user, assistant):
        raise not_found()
    check_is_free(thread)
    return thread, assistant


def find_answer(thread: Thread, message_id: UUID | None) -> Message | None:
    """This answer with its question, if it is on the branch that is shown and both can be seen."""
    if message_id is None:
        return None
    answers = thread.messages.select_related("parent", "run").filter(visible=True, parent__visible=True)
    answer = answers.filter(pk=message_id, role=Message.Role.ASSISTANT, parent__role=Message.Role.USER).first()
    if answer is None or (answer.pk != thread.head_id and answer.pk not in transcript.get_path(thread)):
        return None
    run: Run | None = getattr(answer, "run", None)
    is_answer = run is not None and run.prompt_id is not None
    return answer if is_answer or answer.copied_from is not None else None
