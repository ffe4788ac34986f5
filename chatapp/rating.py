"""What people think of answers. A rating is beside what was said: it touches no message and no run."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from chatapp import registry, signals
from chatapp.conf import settings
from chatapp.errors import Refused
from chatapp.finding import not_found
from chatapp.models import Feedback, Message, Thread
from chatapp.models.calls import in_database
from chatapp.policy import get_policy
from chatapp.runs import branches, transcript
from chatapp.runs.hub import get_hub
from chatapp.scrubbing import scrub


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What a person thinks of an answer."""

    rating: str
    """good or bad. Empty: nothing any more."""

    reasons: Sequence[str] = ()
    """Keys of CHATAPP["FEEDBACK_REASONS"]."""

    comment: str = ""


async def rate(user: Any, thread_id: UUID, message_id: UUID, opinion: Opinion) -> Feedback | None:
    """Store what the person thinks of an answer, in place of what they thought before; None: it was taken back.

    Works in any state of the thread but for the answer that is being said, and changes nothing of what is said. Raises
    Refused: no such rating or reason, or too long a comment (422), the answer has not ended (409), no such answer or
    thread (404).
    """
    opinion = check_opinion(opinion)
    slug, feedback = await _store_opinion(user, thread_id, message_id, opinion)
    assistant = registry.get(slug)
    sender = type(assistant) if assistant is not None else None
    await signals.feedback_given.asend_robust(sender, message_id=message_id, feedback=feedback)
    await get_hub().thread_changed(thread_id)
    return feedback


def check_opinion(opinion: Opinion) -> Opinion:
    """The opinion as it is stored. Raises Refused for what cannot be."""
    comment = scrub(opinion.comment).strip()
    if opinion.rating not in ("", *Feedback.Rating.values):
        raise Refused("bad_rating", _("An answer can be rated good or bad."))
    if not set(opinion.reasons) <= settings.FEEDBACK_REASONS.keys():
        raise Refused("bad_reason", _("There is no such reason to choose."))
    if len(comment) > Feedback.MAX_COMMENT_CHARS:
        raise Refused(
            "long_comment",
            _("Your comment has %(count)s characters; at most %(limit)s can be stored. Please shorten it.")
            % {"count": len(comment), "limit": Feedback.MAX_COMMENT_CHARS},
        )
    reasons = [name for name in settings.FEEDBACK_REASONS if name in opinion.reasons]
    return Opinion(rating=opinion.rating, reasons=reasons, comment=comment)


@in_database
def _store_opinion(user: Any, thread_id: UUID, message_id: UUID, opinion: Opinion) -> tuple[str, Feedback | None]:
    with transaction.atomic():
        thread = get_policy().get_thread(user, thread_id)
        message = _find_rateable(thread, message_id) if thread is not None else None
        if thread is None or message is None:
            raise not_found()
        live = transcript.get_live_run(thread)
        if live is not None and live.reply_id == message.pk:
            raise Refused("answering", _("Please wait for the answer to finish, or stop it first."), status=409)
        # First, so that ratings of one thread come one after the other.
        branches.note_change(thread, Q(pk=message.pk))
        person = user.pk if getattr(user, "is_authenticated", False) else None
        mine = Feedback.objects.filter(branches.given_by(person), message=message)
        if not opinion.rating:
            mine.delete()
            return thread.assistant, None
        feedback = mine.first() or Feedback(message=message, user_id=person)
        feedback.rating, feedback.comment = opinion.rating, opinion.comment
        feedback.reasons = list(opinion.reasons)
        feedback.save()
        return thread.assistant, feedback


def _find_rateable(thread: Thread, message_id: UUID) -> Message | None:
    return thread.messages.filter(pk=message_id, role=Message.Role.ASSISTANT, visible=True).first()
