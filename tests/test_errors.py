"""Three readers, three texts."""

import re
from typing import get_args

import pytest
from django.utils.functional import Promise

from chatapp import errors


def test_a_reference_can_be_read_out_on_the_phone() -> None:
    references = {errors.new_reference() for _ in range(200)}

    assert all(re.fullmatch(r"[2-9A-HJKMNP-TV-Z]{4}-[2-9A-HJKMNP-TV-Z]{2}", reference) for reference in references)
    assert len(references) == 200


@pytest.mark.parametrize("code", errors.SENTENCES)
def test_each_sentence_is_one_for_a_person(code: str) -> None:
    sentence = errors.get_sentence(code)

    assert sentence.endswith(".")
    assert not re.search(r"[_{}<>]|error|exception|null|None", sentence)


def test_every_sentence_can_be_translated_and_has_a_next_step() -> None:
    assert all(isinstance(sentence, Promise) for sentence in errors.SENTENCES.values())
    assert errors.NEXT_STEPS.keys() == errors.SENTENCES.keys()
    assert set(errors.NEXT_STEPS.values()) == set(get_args(errors.NextStep))


def test_a_code_that_nobody_knows_gets_the_general_sentence() -> None:
    assert errors.get_sentence("of a newer version") == "Something went wrong while answering. Please try again."


def test_the_cause_of_a_failure_is_apart_from_its_code() -> None:
    error = errors.ProviderError("busy", "429 from the proxy", retry_after=3.0)

    assert (error.code, error.cause, error.retry_after) == ("busy", "429 from the proxy", 3.0)
    assert str(error) == "busy: 429 from the proxy"
    assert str(errors.ProviderError("busy")) == "busy"


def test_what_was_refused_has_a_sentence_a_code_and_a_status() -> None:
    refused = errors.Refused("too_fast", "Please wait.", status=429, retry_after=60)

    assert str(refused) == "Please wait."
    assert (refused.code, refused.status, refused.retry_after) == ("too_fast", 429, 60)
    assert errors.Refused("empty", "Please write something.").status == 422


@pytest.mark.parametrize("text", ["7F3K-2Q", "7f3k-2q", "7f3k2q", " 7F3K 2Q ", "ref 7F3K-2Q", "Ref 7f3k2q"])
def test_a_reference_is_known_however_it_was_typed(text: str) -> None:
    assert errors.read_reference(text) == "7F3K-2Q"


@pytest.mark.parametrize("text", ["", "7F3K", "7F3K-2QQ", "parcel", "O0IL-1U", "a question"])
def test_what_is_no_reference_is_none(text: str) -> None:
    assert errors.read_reference(text) == ""
