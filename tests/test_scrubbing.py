"""Text that a database, a socket and a terminal accept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatapp.scrubbing import Scrubber, scrub

ANY_TEXT = st.text(
    st.one_of(st.sampled_from("\r\n\ud83d\ude00\x00a"), st.characters(exclude_categories=[])), max_size=8
)


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("", ""),
        ("Grüße, 世界 👋🏽\n\tend\x7f\x85\u2028", "Grüße, 世界 👋🏽\n\tend\x7f\x85\u2028"),
        ("a\x00b\x07c\x1bd\x0be", "abcde"),
        ("a\r\nb\rc\n\rd", "a\nb\nc\n\nd"),
        ("\ud83d\ude00", "😀"),
        ("a\ud83db\ude00c\ud83d", "a\ufffdb\ufffdc\ufffd"),
        ("\ud83d\ud83d\ude00", "\ufffd😀"),
    ],
)
def test_only_what_nobody_can_store_is_changed(text: str, scrubbed: str) -> None:
    assert scrub(text) == scrubbed


@given(st.lists(ANY_TEXT, max_size=8))
def test_pieces_are_scrubbed_as_the_whole_is(pieces: list[str]) -> None:
    scrubber = Scrubber()

    assert "".join([scrubber.feed(piece) for piece in pieces]) + scrubber.finish() == scrub("".join(pieces))


@given(ANY_TEXT)
def test_scrubbing_twice_is_scrubbing_once(text: str) -> None:
    assert scrub(scrub(text)) == scrub(text)


def test_a_half_waits_for_the_other_half_only() -> None:
    scrubber = Scrubber()

    assert [scrubber.feed("a\ud83d"), scrubber.feed("\ude00b"), scrubber.feed("c\r"), scrubber.finish()] == [
        "a",
        "😀b",
        "c",
        "\n",
    ]
