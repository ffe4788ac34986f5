"""Keys never reach a log, a row or a page.

    LOGGING = {
        "filters": {"redact": {"()": "chatapp.redaction.RedactSecrets"}},
        "handlers": {"console": {"class": "logging.StreamHandler", "filters": ["redact"]}},
        …

Two nets, because either alone has holes: what looks like a key, and the very values of the site's own secrets: settings
and environment variables that are named like one, and what the providers were given.
"""

import functools
import logging
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from django.conf import settings as django_settings
from django.core.signals import setting_changed

REDACTED: Final = "[redacted]"

# Shorter values are words that occur in any text: redacting "none" everywhere helps nobody.
_SHORTEST_SECRET: Final = 8

_SECRET_NAME: Final = re.compile(r"key|token|secret|password|credential|authorization", re.IGNORECASE)
"""Of the options of a provider: none of those is anything else."""

_SECRET_SETTING: Final = re.compile(r"(?:SECRET|PASSWORD|TOKEN|CREDENTIALS?|(?:API|ACCESS|PRIVATE|SECRET)_?KEY)$")
"""Of settings and of environment variables, where KEY_PREFIX and AUTH_PASSWORD_VALIDATORS are no secrets."""

_SHORTEST_IN_ENVIRONMENT: Final = 16
"""Whoever writes API_KEY=disabled means nothing secret."""

_MOST_REMEMBERED: Final = 1000

_LOOKS_SECRET: Final = re.compile(
    "|".join(
        (
            # Keys of OpenAI, of those who took over its form, of other vendors, and keys that are masked in part.
            r"\b(?:sk|rk|pk|gsk|xai|hf|pplx|nvapi)[-_][\w.*-]{8,}",
            r"\bAIza[\w-]{10,}",
            r"\b(?:AKIA|ASIA)[0-9A-Z]{12,}",
            r"\bgh[pousr]_\w{16,}",
            r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*",
            # in the query of an address
            r"(?P<query>[?&][\w-]{0,40}(?i:key|token|secret|password|sig)=)[^&\s\"']+",
            r"(?<=\b[Bb]earer )[\w.~+/=-]{8,}",
            r"(?<=\b[Bb]asic )[\w+/=]{8,}",
            # user:password@ in addresses of databases and the like
            r"(?<=://)[^\s:/@]*:[^\s/@]+(?=@)",
            # api-key: …, "client_secret": "…", password=…
            r"(?P<name>\b[\w-]{0,40}(?i:api[-_]?key|access[-_]?key|secret|password|authorization)"
            r"[\"']?\s{0,3}[:=]\s{0,3}[\"']?(?i:(?:bearer|basic) )?)[^\s\"'&,;]{8,}",
            # A token is also what a parser did not expect.
            r"(?P<token>\b[\w-]{0,40}(?i:token)[\"']?\s{0,3}[:=]\s{0,3}[\"']?)(?=[^\s\"'&,;]*\d)[^\s\"'&,;]{8,}",
        )
    )
)

# Attributes that every record has; what stands beside them came from `extra=`.
_STANDARD_ATTRIBUTES: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def redact(text: str) -> str:
    """The text without keys: each is replaced by "[redacted]"."""
    known = _get_known()
    # First: what only looks like one may end before the value does.
    text = known.sub(REDACTED, text) if known is not None else text
    return _LOOKS_SECRET.sub(lambda match: f"{match['query'] or match['name'] or match['token'] or ''}{REDACTED}", text)


def remember(secret: str) -> None:
    """From now on this value is a secret, wherever it came from; the newest thousand of them are."""
    if secret in _remembered:
        return
    _remembered[secret] = None
    if len(_remembered) > _MOST_REMEMBERED:
        del _remembered[next(iter(_remembered))]
    _get_known.cache_clear()


_remembered: dict[str, None] = {}


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
def _get_known() -> re.Pattern[str] | None:
    values = {value for value in _list_secrets() if len(value) >= _SHORTEST_SECRET}
    return re.compile("|".join(map(re.escape, sorted(values, key=len, reverse=True)))) if values else None


def _list_secrets() -> Iterator[str]:
    yield from _remembered
    for name in dir(django_settings):
        is_secret = name.isupper() and (_SECRET_SETTING.search(name) or name == "SECRET_KEY_FALLBACKS")
        # Django warns whoever asks for a default that is deprecated.
        if is_secret and django_settings.is_overridden(name):  # type: ignore[misc]  # unknown to django-stubs' plugin
            value = getattr(django_settings, name)
            yield from [value] if isinstance(value, str) else filter(_is_text, value if _is_list(value) else ())
    for database in django_settings.DATABASES.values():
        yield str(database.get("PASSWORD") or "")
    chatapp = getattr(django_settings, "CHATAPP", None)
    if isinstance(chatapp, Mapping):  # the check chatapp.E001 complains of anything else
        yield from _walk(chatapp.get("PROVIDERS"))
    for name, value in os.environ.items():
        if _SECRET_SETTING.search(name.upper()) and len(value) >= _SHORTEST_IN_ENVIRONMENT:
            yield value


def _is_list(value: object) -> bool:
    return isinstance(value, list | tuple | set | frozenset)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _walk(value: Any) -> Iterator[str]:
    """Values in nested dicts under names that sound secret."""
    if not isinstance(value, Mapping):
        return
    for name, inner in value.items():
        if isinstance(inner, str) and str(name).endswith("_env"):
            yield os.environ.get(inner, "")
        elif isinstance(inner, str) and _SECRET_NAME.search(str(name)):
            yield inner
        yield from _walk(inner)


def _forget(**kwargs: Any) -> None:
    _get_known.cache_clear()


setting_changed.connect(_forget)
