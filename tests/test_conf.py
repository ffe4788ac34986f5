"""One dict in, typed settings out; what is wrong is said with a name beside it."""

from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.test import override_settings
from pydantic import ValidationError

from chatapp.conf import read_settings, settings


def test_nothing_needs_to_be_set() -> None:
    found = read_settings({})

    assert found.FLUSH_SECONDS == 0.05
    assert found.LEASE_SECONDS == 15.0
    assert found.PROVIDERS == {}


def test_settings_follow_a_test_that_overrides_them() -> None:
    before = settings.PAGE_MESSAGES

    with override_settings(CHATAPP={"PAGE_MESSAGES": 7}):
        assert settings.PAGE_MESSAGES == 7

    assert settings.PAGE_MESSAGES == before == 50


def test_a_site_without_the_dict_gets_the_defaults() -> None:
    with override_settings():
        del django_settings.CHATAPP
        setting_changed.send(sender=None, setting="CHATAPP", value=None, enter=True)

        assert settings.TITLES == "model"


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            {"FLUSH_SECOND": 1},
            "CHATAPP['FLUSH_SECOND'] is not known; did you mean 'FLUSH_SECONDS'?",
        ),
        ({"providers": {}}, "CHATAPP['providers'] is not known; did you mean 'PROVIDERS'?"),
        (
            {"PROVIDERS": {"default": {"BACKEND": "a.B", "OPTION": {}}}},
            "CHATAPP['PROVIDERS']['default']['OPTION'] is not known; did you mean 'OPTIONS'?",
        ),
        ({"PROVIDERS": {"default": {}}}, "CHATAPP['PROVIDERS']['default']['BACKEND']: Field required"),
        ({"FLUSH_SECONDS": 0}, "CHATAPP['FLUSH_SECONDS']: Input should be greater than 0"),
        ({"ERRORS": "loud"}, "CHATAPP['ERRORS']: Input should be 'auto', 'actual', 'sanitize' or 'unhandled'"),
        ({"TOOL_DISPLAY": "full"}, "CHATAPP['TOOL_DISPLAY']: Input should be 'none', 'basic' or 'rich'"),
        *(
            (
                {"SHOW_THINKING_AFTER_SECONDS": value},
                f"CHATAPP['SHOW_THINKING_AFTER_SECONDS']: Input should be {sentence}",
            )
            for value, sentence in (
                (True, "seconds: 0 at once, up to 60 later, below 0 never"),
                (float("nan"), "a finite number"),
                (float("inf"), "a finite number"),
                (61, "less than or equal to 60"),
            )
        ),
        ({"LEASE_SECONDS": "soon"}, "CHATAPP['LEASE_SECONDS']: Input should be a valid number, unable to parse string"),
    ],
)
def test_what_is_wrong_is_said_with_what_would_be_right(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        read_settings(values)

    assert sentence in str(caught.value)


def test_a_key_like_no_other_is_answered_by_those_that_are_known() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"CHATAPP\['ZZZ'\] is not known; known are .*WATCH_SECONDS"):
        read_settings({"ZZZ": 1})


def test_each_mistake_gets_its_line() -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        read_settings({"TITLES": 1, "LIMITS": "perhaps"})

    assert len(str(caught.value).splitlines()) == 2


def test_a_value_never_stands_in_the_message_for_it_may_be_a_key() -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        read_settings({"PROVIDERS": {"default": {"BACKEND": "a.B", "OPTIONS": "sk-secret-123"}}})

    assert "sk-secret-123" not in str(caught.value)


def test_something_else_than_a_dict_is_refused_by_its_type() -> None:
    with pytest.raises(ImproperlyConfigured, match="CHATAPP must be a dict, not list"):
        read_settings([])


def test_settings_cannot_be_changed_in_passing() -> None:
    with pytest.raises(ValidationError):
        read_settings({}).FLUSH_SECONDS = 1.0  # type: ignore[misc]  # that is what must fail


@pytest.mark.parametrize("value", [0, 5, 60, 0.5, -1])
def test_thinking_may_be_shown_at_once_or_later_or_never(value: float) -> None:
    found = read_settings({"SHOW_THINKING_AFTER_SECONDS": value}).model_dump()

    assert found["SHOW_THINKING_AFTER_SECONDS"] == value
