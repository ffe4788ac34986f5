"""Events are values: what one receiver gets, no other can change."""

import dataclasses

import pytest

import chatapp

EVENTS = [
    chatapp.PartStart(chatapp.TextPart(text="Hi"), key="a"),
    chatapp.PartDelta("Hi"),
    chatapp.PartEnd(),
    chatapp.ThinkingDelta("Hm."),
    chatapp.Status("Looking"),
    chatapp.Usage(input_tokens=3, output_tokens=5),
    chatapp.Finish(),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_is_frozen_and_equal_by_content(event: object) -> None:
    name = dataclasses.fields(event)[0].name  # type: ignore[arg-type]  # each of them is a dataclass

    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(event, name, None)
    assert dataclasses.replace(event) == event  # type: ignore[type-var]  # each of them is a dataclass


def test_a_provider_that_says_no_more_has_stopped_by_itself() -> None:
    assert chatapp.Finish().reason == "stop"
