"""Where the model stops hearing of a conversation, while people see all of it; see chatapp.swapping."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from chatapp.models import Message
from chatapp.parts import NoticePart

_CODE: Final = "history_cut"


def make_cut(thread_id: UUID) -> Message:
    """A message, not stored yet, that nobody sees: of what stands before it the model hears nothing any more."""
    parts = [NoticePart(code=_CODE, message="").dump()]
    return Message(thread_id=thread_id, role=Message.Role.SYSTEM, parts=parts, visible=False)


def drop_before(messages: Sequence[Message]) -> Sequence[Message]:
    """What the model hears of these, the messages of a branch: what follows the last cut."""
    places = [place for place, message in enumerate(messages) if _is_cut(message)]
    return messages[places[-1] + 1 :] if places else messages


def _is_cut(message: Message) -> bool:
    return message.role == Message.Role.SYSTEM and any(part.get("code") == _CODE for part in message.parts)
