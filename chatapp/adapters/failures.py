"""What an exception of an agent library means for people and staff.

Libraries wrap the errors of vendors' clients, which are known by the status of the response, else by the name of a
class: so nobody's library is imported for its errors.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from chatapp.errors import ChatappError, ProviderError
from chatapp.providers.failures import explain_event, explain_status, redact

_CODES: Final[Mapping[str, str]] = {
    # pydantic-ai
    "ContentFilterError": "filtered",
    "OutputTokenLimitExceeded": "length",
    "IncompleteToolCall": "length",
    "UnexpectedModelBehavior": "garbled",
    "UsageLimitExceeded": "quota",
    "ConcurrencyLimitExceeded": "busy",
    "ModelQuotaExceededError": "quota",
    "ModelRateLimitError": "busy",
    "ModelUnavailableError": "busy",
    "ModelContextWindowExceededError": "context",
    "ModelRequestRejectedError": "refused",
    "ModelRequestTimeout": "timeout",
    "ModelTimeoutError": "timeout",
    "ModelConnectionError": "unreachable",
    "ModelAPIError": "failed",
    # langchain
    "ContextOverflowError": "context",
    "OutputParserException": "garbled",
    # the clients of vendors, and what is under them
    "APITimeoutError": "timeout",
    "APIConnectionError": "unreachable",
    "TimeoutException": "timeout",
    "TransportError": "unreachable",
    "ClientConnectionError": "unreachable",
    "ConnectionError": "unreachable",
}
"""What a class means, by its name; the most special one that an error is an instance of counts."""

_WHOLE: Final = frozenset({"filtered", "length", "quota", "context"})
"""What the words of a library say better than the status does."""


def explain(error: BaseException, *, has_said: bool) -> ChatappError | None:
    """The failure that this is; None if it is no model's: a bug, of whoever wrote the agent. `has_said`: text had come.

    What is raised on purpose (VisibleError) is found inside of what a library made of it, and stays as it is.
    """
    chain = list(_walk(error))
    for cause in chain:
        if isinstance(cause, ChatappError):
            return cause
    for cause in chain:
        words = redact(f"{type(cause).__name__}: {cause}")
        code = next((_CODES[cls.__name__] for cls in type(cause).__mro__ if cls.__name__ in _CODES), "")
        if code in _WHOLE:
            return ProviderError(code, words)
        if (status := _get_status(cause)) is not None:
            failure = explain_status(status, _get_headers(cause), _get_body(cause))
            return failure.to_error()
        if code:
            return ProviderError("cut_off" if code == "unreachable" and has_said else code, words)
        if type(cause).__name__ == "APIError":  # of vendors' clients: an error inside a stream
            return explain_event(getattr(cause, "body", None) or str(cause), said=has_said)
    return None


def _walk(error: BaseException) -> Iterator[BaseException]:
    """The error, what it was raised from, and so on; of a group the first."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.exceptions[0] if isinstance(cause, BaseExceptionGroup) else cause.__cause__


def _get_status(error: BaseException) -> int | None:
    for holder in (error, getattr(error, "response", None)):
        status = getattr(holder, "status_code", None)
        if isinstance(status, int) and 300 <= status < 600:
            return status
    return None


def _get_headers(error: BaseException) -> Mapping[str, str]:
    headers: Any = getattr(error, "headers", None) or getattr(getattr(error, "response", None), "headers", None) or {}
    return {str(name).lower(): str(value) for name, value in dict(headers).items()}


def _get_body(error: BaseException) -> bytes:
    body: Any = getattr(error, "body", None)
    if isinstance(body, Mapping):
        return json.dumps(dict(body), default=str).encode()
    return str(body or error).encode()
