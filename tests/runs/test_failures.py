"""What fails keeps what was said: the person reads a sentence and a reference, staff and the log the cause."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import override_settings

import chatapp
from tests.line import Line

KEY = "sk-proj-0123456789abcdef"
GENERAL = "Something went wrong while answering. Please try again."
ACTUAL = f"{GENERAL} (RuntimeError: no parcel in /srv/shop)"


async def test_an_unknown_yield_fails_the_run_and_keeps_the_text_before_it(line: Line) -> None:
    def desk() -> Iterator[Any]:
        yield "So far."
        yield 7

    line.declares(desk)

    run = await line.answer()

    text, error = await line.parts()
    assert text == chatapp.TextPart(text="So far.")
    assert error == chatapp.ErrorPart(code="failed", message=GENERAL, reference=run.error_reference)
    assert (run.state, run.error_code) == ("failed", "failed")
    assert run.error.startswith("UnknownYield: respond yielded builtins.int; yield a str, a chatapp.Part or an event")


@pytest.mark.parametrize(
    ("errors", "debug", "sentence"),
    [
        ("actual", False, ACTUAL),
        ("actual", True, ACTUAL),
        ("sanitize", False, GENERAL),
        ("sanitize", True, GENERAL),
        ("auto", False, GENERAL),
        ("auto", True, ACTUAL),
    ],
    ids=lambda value: str(value).partition(" ")[0],
)
async def test_what_a_person_sees_of_an_error_is_a_setting(line: Line, errors: str, debug: bool, sentence: str) -> None:
    def desk() -> None:
        raise RuntimeError("no parcel in /srv/shop")

    line.declares(desk)
    line.enters(override_settings(DEBUG=debug))
    line.sets(ERRORS=errors)

    run = await line.answer()

    (error,) = await line.parts()
    assert isinstance(error, chatapp.ErrorPart)
    assert error.message == sentence
    assert run.error == "RuntimeError: no parcel in /srv/shop"


async def test_the_log_has_the_cause_under_the_reference_that_the_person_sees(
    line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    def desk() -> None:
        raise RuntimeError("no parcel")

    line.declares(desk)

    run = await line.answer()

    assert f"run {run.pk} failed with failed, reference {run.error_reference}: RuntimeError: no parcel" in caplog.text
    assert "Traceback" in caplog.text


@pytest.mark.parametrize("errors", ["actual", "sanitize", "auto"])
async def test_a_visible_error_shows_its_sentence_and_hides_its_cause(line: Line, errors: str) -> None:
    def desk() -> None:
        try:
            raise LookupError("table orders")
        except LookupError as error:
            raise chatapp.VisibleError("The library is closed on Mondays.") from error

    line.declares(desk)
    line.sets(ERRORS=errors)

    run = await line.answer()

    (error,) = await line.parts()
    assert isinstance(error, chatapp.ErrorPart)
    assert error.message == "The library is closed on Mondays."
    assert run.error == "LookupError('table orders')"


async def test_a_failure_of_the_provider_keeps_the_text_and_says_which(
    line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    line.says("So far.", chatapp.ProviderError("busy", f"429 for {KEY} at https://api.example/v1"))

    run = await line.answer()

    text, error = await line.parts()
    assert text == chatapp.TextPart(text="So far.")
    assert error == chatapp.ErrorPart(
        code="busy",
        message="The model is busy right now. Please try again in a moment.",
        reference=run.error_reference,
    )
    assert (run.state, run.error_code) == ("failed", "busy")
    assert run.error == "429 for [redacted] at https://api.example/v1"
    assert "Traceback" not in caplog.text


async def test_no_key_reaches_a_row_a_page_or_the_log(line: Line, caplog: pytest.LogCaptureFixture) -> None:
    def desk() -> None:
        raise RuntimeError(f"401 for {KEY}")

    line.declares(desk)
    line.sets(ERRORS="actual")

    run = await line.answer()

    (error,) = await line.parts()
    assert isinstance(error, chatapp.ErrorPart)
    assert error.message == f"{GENERAL} (RuntimeError: 401 for [redacted])"
    assert run.error == "RuntimeError: 401 for [redacted]"
    assert KEY not in "".join(record.getMessage() for record in caplog.records)


@pytest.mark.parametrize(
    "error",
    [RuntimeError("a\x00b\ud800"), chatapp.VisibleError("a\x00b\ud800"), chatapp.ProviderError("busy", "a\x00b\ud800")],
    ids=lambda error: type(error).__name__,
)
async def test_an_error_that_no_database_takes_is_stored_all_the_same(line: Line, error: Exception) -> None:
    def desk() -> Iterator[str]:
        yield "So far."
        raise error

    line.declares(desk)

    run = await line.answer()

    assert [part.kind for part in await line.parts()] == ["text", "error"]
    assert run.state == "failed"
    assert run.error.endswith("ab\ufffd")
