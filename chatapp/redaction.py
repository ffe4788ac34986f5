"""Keys never reach a log, a row or a page.

    LOGGING = {
        "filters": {"redact": {"()": "chatapp.redaction.RedactSecrets"}},
        "handlers": {"console": {"class": "logging.StreamHandler", "filters": ["redact"]}},
        …

Two nets, because either alone has holes: what looks like a key, and the very values of SECRET_KEY and of the providers'
options that are named like a key.
"""

import functools
import logging
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from django.conf import settings as django_settings
from django.core.signals import setting_changed

REDACTED: Final = "[redacted]"

# Shorter values are words that occur in any text: redacting "none" everywhere helps nobody.
_SHORTEST_SECRET: Final = 8

_SECRET_NAME: Final = re.compile(r"key|token|secret|password|credential", re.IGNORECASE)

_LOOKS_SECRET: Final = (
    # Keys of OpenAI and of those who took over its form.
    r"\bsk-[\w-]{8,}",
    # Keys of other vendors, and keys that somebody has masked in part.
    r"\b(?:sk|rk|pk|gsk|xai|hf|pplx|nvapi)[-_][\w.*-]{8,}",
    r"\bAIza[\w-]{10,}",
    # in the query of an address
    r"(?<=[?&]key=)[^&\s\"']+",
    r"(?<=[?&]api_key=)[^&\s\"']+",
    r"(?<=[?&]token=)[^&\s\"']+",
    r"(?<=\bBearer )[\w.~+/=-]{8,}",
    r"(?<=\bBasic )[\w+/=]{8,}",
    # user:password@ in addresses of databases and the like
    r"(?<=://)[^\s:/@]*:[^\s/@]+(?=@)",
)

# Attributes that every record has; what stands beside them came from `extra=`.
_STANDARD_ATTRIBUTES: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def redact(text: str) -> str:
    """The text without keys: each is replaced by "[redacted]"."""
    return _get_pattern().sub(REDACTED, text)


class RedactSecrets(logging.Filter):
    """A filter for handlers that lets every record pass, without its secrets: message, traceback and extras.

    The record is changed in place, so handlers that come later get the redacted one too.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact; always True."""
        try:
            record.msg = redact(record.getMessage())
        except (TypeError, ValueError):
            record.msg = redact(f"{record.msg} {record.args}")  # the arguments do not fit; say what there is
        record.args = None
        if record.exc_info:
            # Formatted here, because a formatter would take the traceback as it is.
            record.exc_text = record.exc_text or logging.Formatter().formatException(record.exc_info)
            record.exc_info = None
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
        if record.stack_info:
            record.stack_info = redact(record.stack_info)
        for name, value in vars(record).items():
            if name not in _STANDARD_ATTRIBUTES and not isinstance(value, int | float | None):
                setattr(record, name, redact(str(value)))
        return True


@functools.cache
def _get_pattern() -> re.Pattern[str]:
    known = sorted(
        {re.escape(value) for value in _list_secrets() if len(value) >= _SHORTEST_SECRET}, key=len, reverse=True
    )
    return re.compile("|".join([*known, *_LOOKS_SECRET]))


def _list_secrets() -> Iterator[str]:
    yield str(django_settings.SECRET_KEY)
    chatapp = getattr(django_settings, "CHATAPP", None)
    if isinstance(chatapp, Mapping):  # the check chatapp.E001 complains of anything else
        yield from _walk(chatapp.get("PROVIDERS"))


def _walk(value: Any) -> Iterator[str]:
    """Values in nested dicts under names that sound secret."""
    if not isinstance(value, Mapping):
        return
    for name, inner in value.items():
        if isinstance(inner, str) and _SECRET_NAME.search(str(name)):
            yield inner
        yield from _walk(inner)


def _forget(*, setting: str, **kwargs: Any) -> None:
    if setting in ("CHATAPP", "SECRET_KEY"):
        _get_pattern.cache_clear()


setting_changed.connect(_forget)
