"""Keys never get past the filter, wherever in a record they stand."""

import json
import logging
from io import StringIO

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st
from pythonjsonlogger.json import JsonFormatter

from chatapp.redaction import REDACTED, RedactSecrets, redact, remember

KEY = "sk-proj-0123456789abcdefABCDEF_-x"
PROVIDERS = {
    "default": {
        "BACKEND": "chatapp.providers.openai.OpenAIProvider",
        "OPTIONS": {"model": "gpt-5-mini", "api_key": "no-form-of-a-key", "headers": {"X-Token": "hidden-in-here"}},
    }
}


class Log:
    """A logger with one handler, as a site sets it up."""

    def __init__(self, formatter: logging.Formatter) -> None:
        self.out = StringIO()
        handler = logging.StreamHandler(self.out)
        handler.setFormatter(formatter)
        handler.addFilter(RedactSecrets())
        self.logger = logging.Logger("test")
        self.logger.addHandler(handler)

    @property
    def text(self) -> str:
        """What was written."""
        return self.out.getvalue()


@pytest.fixture(params=["text", "json"])
def log(request: pytest.FixtureRequest) -> Log:
    """A log for people and a log for programs."""
    return Log(JsonFormatter() if request.param == "json" else logging.Formatter("%(levelname)s %(message)s"))


@pytest.mark.parametrize(
    "text",
    [
        KEY,
        f"Incorrect API key provided: {KEY}.",
        f"Authorization: Bearer {'a' * 40}",
        "Authorization: Basic dXNlcjpwYXNzd29yZA==",
        "redis://:a-password@10.0.0.1:6379/0",
        "postgres://chat:a-password@db/chat",
    ],
)
def test_what_looks_like_a_key_is_taken_out(text: str) -> None:
    found = redact(text)

    assert REDACTED in found
    assert not any(secret in found for secret in (KEY, "a" * 40, "dXNlcjpwYXNzd29yZA==", "a-password"))


@pytest.mark.parametrize(
    "text",
    [
        "risk-free-of-charge",
        "ask-me-anything",
        "https://example.org/a:b@c",
        "Bearer of news",
        "run 7 failed",
        "http://h:80/",
    ],
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert redact(text) == text


@override_settings(SECRET_KEY="the-key-of-this-site", CHATAPP={"PROVIDERS": PROVIDERS})
def test_the_very_values_of_the_settings_are_taken_out() -> None:
    assert redact("the-key-of-this-site no-form-of-a-key hidden-in-here gpt-5-mini") == (
        f"{REDACTED} {REDACTED} {REDACTED} gpt-5-mini"
    )


@override_settings(CHATAPP="nonsense")
def test_invalid_settings_do_not_silence_the_log() -> None:
    assert redact("a line") == "a line"


def test_a_key_in_the_message_or_its_arguments_is_taken_out(log: Log) -> None:
    log.logger.warning("refused: %s", {"key": KEY})

    assert KEY not in log.text
    assert "refused" in log.text


def test_a_key_in_a_traceback_is_taken_out(log: Log) -> None:
    try:
        raise RuntimeError(f"401 for {KEY}")
    except RuntimeError:
        log.logger.exception("failed")

    assert KEY not in log.text
    assert "RuntimeError: 401 for [redacted]" in log.text


def test_a_key_in_the_stack_or_in_an_extra_is_taken_out(log: Log) -> None:
    log.logger.warning("odd", extra={"body": {"key": KEY}, "status": 401}, stack_info=True)

    assert KEY not in log.text


def test_extras_that_are_numbers_stay_numbers() -> None:
    log = Log(JsonFormatter())

    log.logger.warning("odd", extra={"status": 401, "said": None})

    assert json.loads(log.text) == {"message": "odd", "status": 401, "said": None}


def test_arguments_that_do_not_fit_are_still_logged(log: Log) -> None:
    log.logger.warning("%s and %s", KEY)

    assert KEY not in log.text
    assert "%s and %s" in log.text


@given(st.text(), st.text())
def test_whatever_stands_around_it_a_key_is_taken_out(before: str, after: str) -> None:
    assert KEY not in redact(f"{before} {KEY} {after}")


@override_settings(
    SECRET_KEY_FALLBACKS=["the-key-of-last-year"],
    SHOP_API_KEY="key+of,the;shop",
    SHOP_KEY_PREFIX="a-harmless-prefix",
)
def test_secret_settings_of_any_app_are_taken_out_and_others_are_not() -> None:
    assert (
        redact("the-key-of-last-year key+of,the;shop a-harmless-prefix") == f"{REDACTED} {REDACTED} a-harmless-prefix"
    )


def test_what_was_remembered_is_taken_out() -> None:
    remember("told, by a person")

    assert redact("it is told, by a person") == f"it is {REDACTED}"


@pytest.mark.parametrize(
    "text",
    [
        "{'api-key': '0123456789abcdef0123456789abcdef'}",
        "x-api-key: 0123456789abcdef",
        '"client_secret": "0123456789abcdef"',
        "GET /v1?api-key=0123456789abcdef&model=m",
        "token=0123456789abcdef",
        "authorization: bearer 0123456789abcdef",
    ],
)
def test_what_stands_behind_the_name_of_a_secret_is_taken_out_and_its_name_is_not(text: str) -> None:
    found = redact(text)

    assert "0123456789abcdef" not in found
    assert found.startswith(text[:4])


@pytest.mark.parametrize(
    "text", ["max_tokens=12345678", "Unexpected token: something", "cache key=threads", "a-" * 50_000]
)
def test_words_that_only_sound_like_a_secret_stay(text: str) -> None:
    assert redact(text) == text
