"""Thoughts in tags at the beginning of an answer."""

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chatapp.events import Finish, ThinkingDelta
from chatapp.providers.decoder import ChatDecoder
from chatapp.providers.thoughts import OpeningThoughts
from tests.faults.exchange import write_chunk


def split(text: str, cuts: list[int] | None = None) -> tuple[str, str]:
    """Thinking and text of an answer that comes in pieces."""
    reader = OpeningThoughts()
    edges = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts or ())})
    pieces = [piece for start, end in itertools.pairwise(edges) for piece in reader.feed(text[start:end])]
    pieces += reader.finish()
    thinking, said = ("".join(piece for is_text, piece in pieces if is_text is wanted) for wanted in (False, True))
    return thinking, said


ANSWERS = [
    ("<think>Hm.</think>Hello", "Hm.", "Hello"),
    ("\n <think>\nHm.\n</think>\n\n  Hello\n\n", "Hm.\n", "  Hello\n\n"),
    ("<thought>Hm.</thought>Hello", "Hm.", "Hello"),
    ("<think></think>Hello", "", "Hello"),
    ("<think>a < b </thin k> </thought></think>Hello", "a < b </thin k> </thought>", "Hello"),
    ("<think>Hm.", "Hm.", ""),
    ("<think>Hm.</thi", "Hm.</thi", ""),
    ("<think>Hm.</think>", "Hm.", ""),
    ("<think>Hm.</think>Say <think>this</think>.", "Hm.", "Say <think>this</think>."),
    ("<thinking>Hm.</thinking>Hello", "", "<thinking>Hm.</thinking>Hello"),
    ("Hello <think>Hm.</think>", "", "Hello <think>Hm.</think>"),
    ("<th", "", "<th"),
    ("  Hello", "", "  Hello"),
    ("", "", ""),
    (" \n", "", " \n"),
]


@pytest.mark.parametrize(("answer", "thinking", "text"), ANSWERS)
@given(cuts=st.lists(st.integers(0, 60), max_size=20))
@example(cuts=list(range(60)))
def test_thoughts_are_split_off_at_any_cuts(answer: str, thinking: str, text: str, cuts: list[int]) -> None:
    assert split(answer, cuts) == (thinking, text)


def test_a_model_that_only_thought_in_tags_said_nothing() -> None:
    decoder = ChatDecoder()

    deltas = decoder.feed(write_chunk({"content": "<think>Hm.</think>"}) + write_chunk({}, "stop")) + decoder.end()

    assert deltas == [ThinkingDelta("Hm.")]
    assert decoder.failure is not None
    assert decoder.failure.code == "empty"


def test_thoughts_in_tags_come_as_they_are_thought() -> None:
    decoder = ChatDecoder()

    pieces = [
        decoder.feed(write_chunk({"content": piece})) for piece in ("<thi", "nk>H", "m.</", "think>\n", "Hi", "!")
    ]

    assert pieces == [[], [ThinkingDelta("H")], [ThinkingDelta("m.")], [], ["Hi"], ["!"]]
    assert decoder.feed(write_chunk({}, "stop")) + decoder.end() == [Finish("stop")]
