"""Parts are values that survive the database, whoever reads them back."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

import chatapp
from chatapp.parts import load_part, load_parts, plain_text

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("part", "stored"),
    [
        (chatapp.TextPart(text="**Hi**"), {"kind": "text", "text": "**Hi**"}),
        (chatapp.ThinkingPart(text="Hm.", seconds=1.5), {"kind": "thinking", "text": "Hm.", "seconds": 1.5}),
        (chatapp.ThinkingPart(text="Hm."), {"kind": "thinking", "text": "Hm.", "seconds": None}),
        (
            chatapp.NoticePart(code="length", message="Cut off."),
            {"kind": "notice", "code": "length", "message": "Cut off."},
        ),
        (
            chatapp.ErrorPart(code="busy", message="Busy.", reference="7F3K-2Q"),
            {"kind": "error", "code": "busy", "message": "Busy.", "reference": "7F3K-2Q", "display": "bubble"},
        ),
    ],
)
def test_a_part_is_stored_with_its_kind_and_comes_back_equal(part: chatapp.Part, stored: dict[str, Any]) -> None:
    assert part.dump() == stored
    assert load_part(stored) == part


@given(data=st.dictionaries(st.text(), json_values, max_size=4), kind=st.text().map(lambda text: f"of-an-app-{text}"))
def test_a_kind_that_nobody_registered_is_kept_as_it_was(data: dict[str, Any], kind: str) -> None:
    stored = {**data, "kind": kind}

    part = load_part(stored)

    assert isinstance(part, chatapp.UnknownPart)
    assert part.dump() == stored
    assert list(part.dump()) == list(stored)


@pytest.mark.parametrize(
    "stored",
    [
        {},
        {"kind": None},
        {"kind": "unknown", "data": {"a": 1}},
        {"kind": "text", "text": "Hi", "from_a_newer_version": True},
        {"kind": "text", "text": ["not", "a", "text"]},
        {"kind": "error"},
    ],
)
def test_stored_data_that_does_not_fit_its_kind_is_kept_as_it_was(stored: dict[str, Any]) -> None:
    part = load_part(stored)

    assert isinstance(part, chatapp.UnknownPart)
    assert part.dump() == stored
    assert part.plain == ""


def test_the_order_of_parts_is_kept() -> None:
    rows: list[dict[str, Any]] = [
        {"kind": "thinking", "text": "a", "seconds": None},
        {"kind": "map", "points": [1, 2]},
        {"kind": "text", "text": "b"},
    ]

    assert [part.dump() for part in load_parts(rows)] == rows


def test_parts_are_frozen() -> None:
    part = chatapp.TextPart(text="Hi")

    with pytest.raises(ValidationError):
        part.text = "Ho"  # type: ignore[misc]  # that is what must fail


def test_only_text_is_what_was_said() -> None:
    parts = [
        chatapp.ThinkingPart(text="Hm."),
        chatapp.TextPart(text="One."),
        chatapp.NoticePart(code="length", message="Cut off."),
        chatapp.TextPart(text=""),
        chatapp.TextPart(text="Two."),
        chatapp.ErrorPart(code="busy", message="Busy."),
    ]

    assert plain_text(parts) == "One.\n\nTwo."


def test_a_part_is_drawn_by_the_template_of_its_kind() -> None:
    assert chatapp.ThinkingPart().template_name == "chatapp/parts/thinking.html"


def test_a_site_registers_a_kind_of_its_own() -> None:
    @chatapp.part
    class Sources(chatapp.Part):
        kind = "test-sources"

        urls: list[str]

    assert load_part({"kind": "test-sources", "urls": ["/a"]}) == Sources(urls=["/a"])


def test_a_part_without_a_kind_cannot_be_registered() -> None:
    class Nameless(chatapp.Part):
        pass

    with pytest.raises(ValueError, match=r'Nameless has no kind; write kind = "…"'):
        chatapp.part(Nameless)


def test_a_kind_that_is_taken_cannot_be_registered_again() -> None:
    class Other(chatapp.Part):
        kind = "text"

    with pytest.raises(ValueError, match=r"part kind 'text' of .*Other is taken by TextPart"):
        chatapp.part(Other)

    assert isinstance(load_part({"kind": "text", "text": "Hi"}), chatapp.TextPart)


def test_a_module_that_is_loaded_twice_may_register_its_part_twice() -> None:
    for _ in range(2):

        @chatapp.part
        class Reloaded(chatapp.Part):
            kind = "test-reloaded"

    assert isinstance(load_part({"kind": "test-reloaded"}), chatapp.Part)
