"""What a provider's refusal means: which sentence the person sees, what staff read, whether asking again may help.

Providers agree on little, so the status decides first, then the words of the error. What they write is quoted for staff
only, short, and without keys: a 401 likes to repeat the key that it refuses.
"""

import email.utils
import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from chatapp import redaction
from chatapp.errors import ProviderError

MAX_CAUSE_CHARS: Final = 500
MAX_WAIT_SECONDS: Final = 60.0  # a person does not sit through more

RETRIED: Final = frozenset({429, 500, 502, 503, 529})
"""Statuses after which asking again often helps."""

# Where the words of the error say nothing better.
_CODES: Final[Mapping[int, str]] = {
    402: "quota",
    408: "timeout",
    413: "context",
    429: "busy",
    500: "failed",
    502: "unreachable",
    503: "busy",
    504: "timeout",
    529: "busy",
}
_QUOTA: Final = re.compile(r"insufficient[_ ](quota|balance|credits?)|billing[_ ]|credit balance", re.IGNORECASE)
_CONTEXT: Final = re.compile(
    r"context[_ ](length|window|size)|maximum context|prompt is too long|too many tokens|reduce the length",
    re.IGNORECASE,
)
_FILTERED: Final = re.compile(
    r"content[_ ]?(filter|management|policy|safety)|moderation|responsible ?ai", re.IGNORECASE
)
_BUSY: Final = re.compile(r"overloaded|rate[_ ]limit|too[_ ]many[_ ]requests|capacity", re.IGNORECASE)

_CONTROLS: Final = re.compile(r"[\x00-\x20\x7f-\x9f\ud800-\udfff\u2028\u2029]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a request failed before the first byte of the answer."""

    code: str
    """Key of errors.SENTENCES."""

    cause: str
    """For staff, redacted."""

    may_retry: bool = False
    """Whether asking again may help."""

    retry_after: float | None = None
    """Seconds that the provider wants to be left alone; None if it did not say."""

    def to_error(self) -> ProviderError:
        """The error that ends the run."""
        return ProviderError(self.code, self.cause, retry_after=self.retry_after)


def explain_status(status: int, headers: Mapping[str, str], body: bytes, keys: Sequence[str] = ()) -> Failure:
    """What an HTTP answer other than 2xx means. `keys` are taken out of what staff read."""
    detail = _find_error(body)
    words = _join(detail)
    if 300 <= status < 400:
        words = f"a redirect to {headers.get('location', 'nowhere')}, which is not followed"
    request_id = headers.get("x-request-id", "")
    cause = f"HTTP {status}: {words.strip() or 'without a word'}" + (f" (request {request_id})" if request_id else "")
    code = _explain_words(words) if 400 <= status < 500 else ""
    if code == "busy" and status != 429:
        code = ""
    code = code or _CODES.get(status) or ("refused" if status < 500 else "unreachable")
    return Failure(
        code=code,
        cause=redact(cause, keys),
        may_retry=status in RETRIED and code != "quota",
        retry_after=read_retry_after(headers) if status in RETRIED else None,
    )


def explain_event(error: Any, keys: Sequence[str] = (), *, said: bool) -> ProviderError:
    """What an error inside a stream means; `said`: whether text had come before."""
    words = _join(error)
    code = _explain_words(words) or ("cut_off" if said else "failed")
    return ProviderError(code, redact(f"error in the stream: {words}", keys))


def read_retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait as `retry-after-ms` or `retry-after` say, as a number or a date; None if they say nothing."""
    milliseconds, value = headers.get("retry-after-ms", ""), headers.get("retry-after", "")
    try:
        seconds = float(milliseconds) / 1000 if milliseconds else float(value)
    except ValueError:
        date = email.utils.parsedate_tz(value)
        if date is None:
            return None
        seconds = email.utils.mktime_tz(date) - time.time()
    return max(seconds, 0.0) if seconds < float("inf") else None


def redact(text: str, keys: Sequence[str] = ()) -> str:
    """`text` on one line, without keys, and not longer than staff will read."""
    text = _CONTROLS.sub(" ", text).strip()
    for key in filter(None, keys):
        text = text.replace(key, redaction.REDACTED)
    text = redaction.redact(text)
    return text if len(text) <= MAX_CAUSE_CHARS else f"{text[: MAX_CAUSE_CHARS - 1]}…"


def _find_error(body: bytes) -> Any:
    """The part of a body that describes the error, whatever its shape; its text if it is not JSON."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        text = body.decode("utf-8", "replace")
        return re.sub(r"<(script|style)\b.*?</\1\s*>|<[^>]*>", " ", text[:20_000], flags=re.DOTALL | re.IGNORECASE)
    if isinstance(data, list) and data:
        data = data[0]
    return data.get("error") or data if isinstance(data, dict) else data


def _join(error: Any) -> str:
    """Type, code and message of an error in one line."""
    if not isinstance(error, Mapping):
        return str(error)
    names = ("type", "code", "status", "message", "detail", "innererror")
    pieces = [str(error[name]) for name in names if error.get(name) not in (None, "")]
    return ": ".join(dict.fromkeys(pieces)) or str(dict(error))


def _explain_words(words: str) -> str:
    for code, pattern in (("quota", _QUOTA), ("context", _CONTEXT), ("filtered", _FILTERED), ("busy", _BUSY)):
        if pattern.search(words):
            return code
    return ""
