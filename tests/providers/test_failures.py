"""Which sentence a refusal becomes, and what staff read of it."""

import json
import time
from email.utils import formatdate

import pytest

from chatapp.errors import SENTENCES
from chatapp.providers.failures import MAX_CAUSE_CHARS, explain_event, explain_status, read_retry_after, redact

KEY = "0123-not-like-a-key"


@pytest.mark.parametrize(
    ("status", "body", "code", "may_retry"),
    [
        (400, b"", "refused", False),
        (404, b'{"detail": "Not Found"}', "refused", False),
        (408, b"", "timeout", False),
        (413, b"", "context", False),
        (418, b"teapot", "refused", False),
        (422, b'{"object": "error", "message": "maximum context length is 4096"}', "context", False),
        (
            400,
            b'[{"error": {"code": 400, "message": "The input token count exceeds the context window"}}]',
            "context",
            False,
        ),
        (400, b'{"error": {"code": "content_filter"}}', "filtered", False),
        (400, b'{"error": "Your credit balance is too low"}', "quota", False),
        (402, b"", "quota", False),
        (403, b'{"error": {"message": "rate limit of your plan"}}', "refused", False),
        (429, b"", "busy", True),
        (429, b'{"error": {"type": "insufficient_quota"}}', "quota", False),
        (500, b"", "failed", True),
        (500, b'{"error": "maximum context length"}', "failed", True),
        (502, b"", "unreachable", True),
        (503, b"", "busy", True),
        (504, b"", "timeout", False),
        (520, b"", "unreachable", False),
        (529, b"", "busy", True),
        (302, b"", "refused", False),
    ],
)
def test_a_status_and_its_words_become_a_code(status: int, body: bytes, code: str, may_retry: bool) -> None:
    failure = explain_status(status, {}, body)

    assert (failure.code, failure.may_retry) == (code, may_retry)
    assert failure.code in SENTENCES
    assert failure.cause.startswith(f"HTTP {status}: ")


def test_the_cause_tells_staff_what_they_need() -> None:
    body = json.dumps({"error": {"type": "invalid", "code": "model_not_found", "message": "No model x"}}).encode()

    failure = explain_status(404, {"x-request-id": "req_17"}, body)

    assert failure.cause == "HTTP 404: invalid: model_not_found: No model x (request req_17)"


@pytest.mark.parametrize(
    "body", [b"\xff\xfe", b"[" * 100_000, b"null", b"[]", b"7", b'"text"', b"{}", b'{"error": []}', b"<p>" * 9999]
)
def test_no_body_is_too_odd(body: bytes) -> None:
    failure = explain_status(400, {}, body)

    assert failure.code == "refused"
    assert len(failure.cause) <= MAX_CAUSE_CHARS


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
    ],
)
def test_retry_after_is_a_number_of_seconds(headers: dict[str, str], seconds: float | None) -> None:
    assert read_retry_after(headers) == seconds


def test_retry_after_may_be_a_date() -> None:
    seconds = read_retry_after({"retry-after": formatdate(time.time() + 30, usegmt=True)})

    assert seconds is not None
    assert 25 < seconds <= 30


@pytest.mark.parametrize(
    ("error", "said", "code"),
    [
        ({"message": "internal"}, True, "cut_off"),
        ({"message": "internal"}, False, "failed"),
        ({"type": "overloaded_error"}, True, "busy"),
        ("Rate limit reached", False, "busy"),
        ({"code": "context_length_exceeded"}, False, "context"),
        ({"code": 502}, False, "failed"),
        (None, False, "failed"),
    ],
)
def test_an_error_in_the_stream_becomes_a_code(error: object, said: bool, code: str) -> None:
    assert explain_event(error, said=said).code == code


@pytest.mark.parametrize(
    "text",
    [
        f"key {KEY} refused",
        "key sk-abcdef0123456789 refused",
        "key sk-proj-****abcd refused",
        "Authorization: Bearer abcdef.0123/456==",
        "https://user:pass-word@host/v1",
        "https://host/v1?key=abcdef",
        "https://host/v1?api-key=abcdef&x=1",
        "gsk_abcdef0123456789",
        "AIzaSyA0123456789abcdef",
    ],
)
def test_no_key_is_told(text: str) -> None:
    told = redact(text, [KEY, ""])

    assert "[redacted]" in told
    for secret in (KEY, "abcd", "0123", "pass-word"):
        assert secret not in told


def test_a_cause_is_one_short_line() -> None:
    told = redact("a\r\nFAKE log line\x1b[2J\u2028\ud800" + "x" * 1000)

    assert told.startswith("a FAKE log line [2J x")
    assert len(told) == MAX_CAUSE_CHARS
