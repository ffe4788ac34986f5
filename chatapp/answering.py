"""What becomes of a question that an answer asks: its person answers it, or allows a tool and takes that back.

Like the other actions: checked by the policy, stored in one transaction, told to the run that waits.
"""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from chatapp.approvals import ApprovalRequest
from chatapp.composing import check_text
from chatapp.errors import Refused
from chatapp.finding import not_found
from chatapp.models import Run, Thread
from chatapp.models.calls import in_database
from chatapp.policy import get_policy
from chatapp.questions import InputRequest
from chatapp.runs import journal, transcript
from chatapp.runs.hub import get_hub


async def answer(user: Any, thread_id: UUID, request_id: str, text: str, *, of_stream: bool = False) -> None:
    """Answer the question for which the answer in this thread waits, wherever it runs. It can be answered once.

    `of_stream`: the thread is a stream of theirs, and no conversation.

    Raises Refused: not one of the options, empty or too long (422), it is not open, or not any more (409), not the
    owner (403), no such thread (404). The run waits on then.
    """
    hub = get_hub()
    await hub.open()
    await hub.answer(await _store_answer(user, thread_id, request_id, text, of_stream))


@in_database
def _store_answer(user: Any, thread_id: UUID, request_id: str, text: str, of_stream: bool) -> Run:
    with transaction.atomic():
        policy = get_policy()
        if of_stream:
            thread = policy.get_streams(user).filter(pk=thread_id).first()
        else:
            thread = policy.get_thread(user, thread_id)
        if thread is None:
            raise not_found()
        if thread.owner_id is not None and thread.owner_id != user.pk:
            # A policy may let others read and write here; the assistant asked one person.
            raise Refused("not_yours", _("Only the owner of this conversation can answer that."), status=403)
        run = transcript.get_live_run(thread)
        question = journal.find_question(run.pk, request_id) if run is not None else None
        if run is None or question is None:
            raise Refused("not_open", _("This question is not open any more."), status=409)
        chosen = question.find_option(check_text(text))
        if chosen is None:
            raise Refused("not_an_option", _("Please choose one of the options."))
        journal.store_answer(run.pk, _decide(user, run, question, chosen))
        return run


def _decide(user: Any, run: Run, question: InputRequest, chosen: str) -> InputRequest:
    """The question with its answer; what it allows for the whole conversation is stored with that."""
    if not isinstance(question, ApprovalRequest):
        return question.answered(chosen)
    if not question.belongs_to(user, run.pk) or question.has_expired():
        raise Refused("not_open", _("This question is not open any more."), status=409)
    decided = question.decided(user, chosen)
    if chosen == "allow_thread":
        by = {"by": str(user.pk), "name": decided.decided_by, "at": decided.dump()["decided_at"]}
        thread = Thread.objects.select_for_update().get(pk=run.thread_id)
        Thread.objects.filter(pk=thread.pk).update(allowed_tools={**thread.allowed_tools, question.tool: by})
    return decided


async def revoke_tool(user: Any, thread_id: UUID, tool: str) -> bool:
    """Take back that this tool is allowed in the whole conversation; whether it was.

    Holds from the next call on, also within an answer that is under way. Raises Refused: no such thread (404).
    """
    return await _store_revoked_tool(user, thread_id, tool)


@in_database
def _store_revoked_tool(user: Any, thread_id: UUID, tool: str) -> bool:
    with transaction.atomic():
        if get_policy().get_thread(user, thread_id) is None:
            raise not_found()
        thread = Thread.objects.select_for_update().get(pk=thread_id)
        allowed = {name: by for name, by in thread.allowed_tools.items() if name != tool}
        Thread.objects.filter(pk=thread_id).update(allowed_tools=allowed)
        return len(allowed) < len(thread.allowed_tools)
