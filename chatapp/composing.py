"""The message box as one person has it: what it takes, how it looks, and whether it takes anything at all.

The page draws what `look` says, and the actions refuse what `check_message` says; so a hand-made frame gets no further
than the box does.
"""

from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _

from chatapp.assistants import Assistant
from chatapp.conf import settings
from chatapp.errors import Refused
from chatapp.scrubbing import scrub

COUNT_FROM: Final = 0.9
"""From which share of the longest message on the box says how many characters there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Composer:
    """What the templates of the message box need."""

    max_chars: int
    """Longest message, in characters."""

    count_from: int
    """From so many characters on they are counted in view."""

    cooldown_ms: int
    """Milliseconds from one message to the next. 0: none."""

    sends_by_modifier: bool
    """Whether Enter makes a new line, and Ctrl or Cmd with it sends."""

    send_icon: str
    """Name of the icon on the button."""

    disabled: str
    """Why nothing can be sent now, as a sentence for the person. Empty: it can."""

    may_change: bool
    """Whether `disabled` may be another for the next page, so that one which was open before has to be told."""


def look(assistant: Assistant | None, user: Any) -> Composer:
    """The message box of this person for this assistant; None: its app was removed. Called in the database thread."""
    chosen = assistant or Assistant()
    max_chars = chosen.get_max_chars()
    return Composer(
        max_chars=max_chars,
        count_from=int(max_chars * COUNT_FROM),
        cooldown_ms=settings.SEND_COOLDOWN_MS if settings.LIMITS else 0,
        sends_by_modifier=chosen.submit_key == "enter+modifier",
        send_icon=chosen.send_icon or "send",
        disabled=find_reason(chosen, user),
        may_change=type(chosen).get_disabled is not Assistant.get_disabled,
    )


def find_reason(assistant: Assistant, user: Any) -> str:
    """Why this person cannot send to this assistant now, as a sentence; empty if they can."""
    reason = assistant.get_disabled(user)
    if not reason:
        return ""
    return _("Nothing can be sent here at the moment.") if reason is True else str(reason)


def check_text(text: str, *, may_be_empty: bool = False) -> str:
    """The text as it is stored. Raises Refused if it is empty, or longer than anything may be."""
    text = scrub(text).strip()
    if not text and not may_be_empty:
        raise Refused("empty", _("Please write something first."))
    _check_length(text, settings.MAX_MESSAGE_CHARS)
    return text


def check_message(text: str, assistant: Assistant, user: Any) -> None:
    """Let this text of the person through to this assistant, or not. Called in the database thread.

    Raises Refused: nothing can be sent now (403), the text is too long for this assistant (422).
    """
    check_is_open(assistant, user)
    _check_length(text, assistant.get_max_chars())


def check_is_open(assistant: Assistant, user: Any) -> None:
    """Raises Refused (403) with the reason if this person can send nothing to this assistant now."""
    reason = find_reason(assistant, user)
    if reason:
        raise Refused("disabled", reason, status=403)


def _check_length(text: str, most: int) -> None:
    if len(text) > most:
        raise Refused(
            "too_long",
            _("Your message has %(count)s characters; at most %(limit)s can be sent. Please shorten it.")
            % {"count": len(text), "limit": most},
        )
