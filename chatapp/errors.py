"""What can go wrong, and the sentence a person sees for it.

Three readers, three texts: the person gets a sentence of `SENTENCES`, staff get the cause (`Run.error`), the log gets
ids and the same reference. The cause of a `ProviderError` is never shown to a person, whatever it says.
"""

import re
import secrets
from typing import Final, Literal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

SENTENCES: Final[dict[str, Promise]] = {
    "busy": _("The model is busy right now. Please try again in a moment."),
    "quota": _("The assistant has used up its allowance for now. Please try again later."),
    "unreachable": _("The model could not be reached. Please try again in a moment."),
    "refused": _("The model did not accept the request. Staff have been told."),
    "timeout": _("The model took too long to answer. Please try again."),
    "stalled": _("Nothing more came for a long time, so the answer was ended. Please try again."),
    "cut_off": _("The connection to the model was lost. What it had said is above."),
    "garbled": _("The model sent something unreadable. What it had said is above."),
    "empty": _("The model gave an empty answer. Please try again."),
    "filtered": _("The answer was withheld by the model's content filter. Other words may help."),
    "context": _("This conversation has become too long for the model. Please start a new chat."),
    "too_long": _("Your message is too long for the model. Please shorten it, or send fewer files with it."),
    "unreadable": _("The model's answer could not be read. Please try again."),
    "failed": _("Something went wrong while answering. Please try again."),
    "unhandled": _("Something went wrong while answering. Please try again."),
    "interrupted": _("The answer was interrupted. What it had said is above."),
    "length": _("The answer was cut off at the length limit."),
}
"""Sentence for a person, by `error_code`. A code outside this table is shown as "failed"."""

NextStep = Literal["retry", "continue", "new_chat", "none"]
"""What a person can do now: ask again, have it go on, begin a new chat, or nothing but what the sentence says."""

NEXT_STEPS: Final[dict[str, NextStep]] = {
    "busy": "retry",
    "quota": "none",
    "unreachable": "retry",
    "refused": "none",
    "timeout": "retry",
    "stalled": "retry",
    "cut_off": "continue",
    "garbled": "continue",
    "empty": "retry",
    "filtered": "none",
    "context": "new_chat",
    "too_long": "none",
    "unreadable": "retry",
    "failed": "retry",
    "unhandled": "retry",
    "interrupted": "continue",
    "length": "continue",
}
"""The button beside the sentence, by `error_code`. Where there is nothing to go on with, "continue" is "retry"."""

# Without 0/O, 1/I/L and U: a person may read it out on the phone.
_REFERENCE_ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTVWXYZ"


class ChatappError(Exception):
    """The root of everything chatapp raises on purpose."""


class VisibleError(ChatappError):
    """Raise it in an assistant to show its sentence to the person; its `__cause__` is for staff only.

    What was said before stays; the run ends as `failed`.
    """


class Refused(VisibleError):
    """An action was not done because of what was asked; nothing has changed.

    `code` is for programs, `status` is the HTTP status, `retry_after` the seconds after which asking again may work.
    """

    def __init__(self, code: str, sentence: str, *, status: int = 422, retry_after: float | None = None) -> None:
        super().__init__(sentence)
        self.code = code
        self.status = status
        self.retry_after = retry_after


class ProviderError(ChatappError):
    """The provider failed; what it had said before is kept.

    `code` is a key of `SENTENCES`; `cause` is for staff and may hold anything but a key; `retry_after` is in seconds.
    """

    def __init__(self, code: str, cause: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(f"{code}: {cause}" if cause else code)
        self.code = code
        self.cause = cause
        self.retry_after = retry_after


class ExtractionError(ProviderError):
    """The model gave nothing that `turn.extract` could read, twice; its `code` is "unreadable"."""

    def __init__(self, cause: str) -> None:
        super().__init__("unreadable", cause)


class RunLost(ChatappError):
    """The run is no longer ours: stopped, deleted, or swept after its lease. Nothing was written."""


def get_sentence(code: str) -> str:
    """The sentence for a person in the active language."""
    return str(SENTENCES.get(code, SENTENCES["failed"]))


def get_next_step(code: str) -> NextStep:
    """What a person can do about it."""
    return NEXT_STEPS.get(code, NEXT_STEPS["failed"])


def read_reference(text: str) -> str:
    """The reference that somebody typed, in any case, with or without its hyphen; empty if it is none."""
    letters = re.sub(r"^ref\s|[\s-]", "", text.strip(), flags=re.IGNORECASE).upper()
    is_one = len(letters) == 6 and set(letters) <= set(_REFERENCE_ALPHABET)
    return f"{letters[:4]}-{letters[4:]}" if is_one else ""


def new_reference() -> str:
    """A fresh reference like "7F3K-2Q" that a person can read out and staff can search for (29.4 bits)."""
    letters = "".join(secrets.choice(_REFERENCE_ALPHABET) for _ in range(6))
    return f"{letters[:4]}-{letters[4:]}"
