"""What a run yields becomes the parts of a message, whatever the chunking."""

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chatapp
from chatapp.runs.assembler import Assembler
from chatapp.runs.yields import UnknownYield
from chatapp.scrubbing import scrub

text = st.text(st.sampled_from("ab *`~\n<>/ti") | st.characters(), max_size=40)


class Clock:
    """Stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def assemble(*items: Any, **options: Any) -> list[chatapp.Part]:
    """The parts that these yields become."""
    assembler = Assembler(clock=Clock(), **options)
    for item in items:
        assembler.take(item)
    assembler.end()
    return assembler.to_parts()


def say(said: str) -> chatapp.TextPart:
    """A part with this text."""
    return chatapp.TextPart(text=said)


def think(said: str, seconds: float | None = 0.0) -> chatapp.ThinkingPart:
    """A part with this thought."""
    return chatapp.ThinkingPart(text=said, seconds=seconds)


NOTICE = chatapp.NoticePart(code="a", message="b")


@pytest.mark.parametrize(
    ("items", "parts"),
    [
        ([], []),
        ([None, "", None], []),
        (["Hello", " ", "world"], [say("Hello world")]),
        (["a", NOTICE, "b"], [say("a"), NOTICE, say("b")]),
        ([say("a"), say("b")], [say("a"), say("b")]),
        ([say("a"), "b"], [say("a"), say("b")]),
        (["a", say("b"), "c"], [say("a"), say("b"), say("c")]),
        (["a", chatapp.PartEnd(), "b"], [say("a"), say("b")]),
        (["a", chatapp.Status("Reading"), "b"], [say("ab")]),
        (["a", chatapp.Usage(output_tokens=1), "b"], [say("ab")]),
        ([chatapp.PartStart(say("a")), "b", chatapp.PartDelta("c")], [say("abc")]),
        ([chatapp.PartStart(say("a")), chatapp.PartEnd(), "b"], [say("a"), say("b")]),
        ([{"content": "a"}, {"content": "b"}], [say("a"), say("b")]),
        ([{"kind": "notice", "code": "a", "message": "b"}], [NOTICE]),
        ([{"kind": "map", "points": [1]}], [chatapp.UnknownPart(data={"kind": "map", "points": [1]})]),
        ([chatapp.ThinkingDelta("a"), chatapp.ThinkingDelta("b"), "c"], [think("ab"), say("c")]),
        (["a", chatapp.ThinkingDelta("b"), "c"], [say("a"), think("b"), say("c")]),
        ([chatapp.ThinkingDelta(""), "a"], [say("a")]),
        ([chatapp.ThinkingDelta("a"), "\n\n", chatapp.ThinkingDelta("b")], [think("ab")]),
        (["    ", "a"], [say("    a")]),
        (["\n", "    ", NOTICE, "a"], [NOTICE, say("a")]),
        ([chatapp.ThinkingDelta("a"), "\n", chatapp.ThinkingDelta("b"), "c"], [think("ab"), say("c")]),
        ([" "], []),
        (["<thinking>a</thinking>\n\nb"], [think("a"), say("b")]),
        (["a\n<thinking>b"], [say("a\n"), think("b")]),
        (["<thinking></thinking>a"], [say("a")]),
        (["a <thinking>b</thinking>"], [say("a <thinking>b</thinking>")]),
        (["```\n<thinking>a</thinking>\n```"], [say("```\n<thinking>a</thinking>\n```")]),
        (["a\n<thin", chatapp.PartDelta("ner"), ">"], [say("a\n<thinner>")]),
        (["a <thin", NOTICE, "king>"], [say("a <thin"), NOTICE, say("king>")]),
    ],
)
def test_what_is_yielded_becomes_parts(items: list[Any], parts: list[chatapp.Part]) -> None:
    assert assemble(*items) == parts


@given(whole=text, cuts=st.lists(st.integers(0, 40)))
def test_any_chunking_gives_the_same_parts(whole: str, cuts: list[int]) -> None:
    places = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]

    assert assemble(*(whole[start:end] for start, end in pairwise(places))) == assemble(whole)


@pytest.mark.parametrize("cut", range(len("Hi.\n<thinking>Hm.</thinking>\n\nBern.")))
def test_a_tag_of_thinking_may_be_cut_anywhere(cut: int) -> None:
    whole = "Hi.\n<thinking>Hm.</thinking>\n\nBern."

    assert assemble(whole[:cut], whole[cut:]) == [say("Hi.\n"), think("Hm."), say("Bern.")]


def test_a_part_with_a_key_that_is_used_again_is_replaced_in_its_place() -> None:
    start = chatapp.PartStart

    parts = assemble(
        start(NOTICE, key="table"),
        "between",
        start(say("half"), key="table"),
        " done",
        chatapp.PartEnd(key="table"),
        "after",
    )

    assert parts == [say("half done"), say("between"), say("after")]


def test_parts_with_keys_may_grow_in_turn() -> None:
    parts = assemble(
        chatapp.PartStart(say(""), key="a"),
        chatapp.PartDelta("1", key="a"),
        chatapp.PartStart(NOTICE, key="b"),
        chatapp.PartStart(say(""), key="c"),
        chatapp.PartDelta("3", key="c"),
        chatapp.PartEnd(key="a"),
        chatapp.PartDelta("4", key="c"),
    )

    assert parts == [say("1"), NOTICE, say("34")]


def test_a_part_that_is_replaced_ends_the_one_that_was_open() -> None:
    assembler = Assembler()
    assembler.take(chatapp.PartStart(NOTICE, key="table"))
    assembler.take("open")

    assembler.take(chatapp.PartStart(say("done"), key="table"))

    assert [slot.closed for slot in assembler.slots] == [False, True]


@pytest.mark.parametrize(
    "delta",
    [chatapp.PartDelta("a"), chatapp.PartDelta("a", key="nobody"), chatapp.PartDelta("a", key="notice")],
)
def test_a_delta_for_a_part_that_is_not_open_says_so(delta: chatapp.PartDelta) -> None:
    with pytest.raises(UnknownYield, match=r"no part with that key is open; yield a PartStart first"):
        assemble(chatapp.PartStart(NOTICE, key="notice"), delta)


def test_an_end_for_a_part_that_is_not_there_is_nothing() -> None:
    assert assemble("a", chatapp.PartEnd(key="nobody"), "b") == [say("ab")]


@pytest.mark.parametrize(
    ("item", "sentence"),
    [
        (7, "respond yielded builtins.int; yield a str, a chatapp.Part or an event"),
        (b"bytes", "respond yielded builtins.bytes"),
        ([say("a")], "respond yielded builtins.list"),
        ({"text": "a", "role": "assistant"}, r"respond yielded a dict with \['role', 'text'\]; give it a 'kind'"),
        ({"content": 7}, r"respond yielded a dict with \['content'\]"),
    ],
)
def test_an_unknown_yield_says_what_was_found_and_what_would_be_right(item: Any, sentence: str) -> None:
    assembler = Assembler()
    assembler.take("so far")

    with pytest.raises(UnknownYield, match=sentence):
        assembler.take(item)
    assert assembler.to_parts() == [say("so far")]


def test_a_status_stands_until_text_comes() -> None:
    assembler = Assembler()

    assembler.take(chatapp.Status("Looking\x00 " + "x" * 300))
    assert assembler.status == "Looking " + "x" * 192

    assembler.take("Found it.")
    assert assembler.status == ""

    assembler.take(chatapp.Status("Again"))
    assembler.end()
    assert assembler.status == ""


def test_what_it_cost_and_how_it_finished_are_kept() -> None:
    assembler = Assembler()

    assembler.take(chatapp.Usage(input_tokens=3, output_tokens=5))
    assembler.take(chatapp.Finish("stop"))

    assert assembler.usage == chatapp.Usage(input_tokens=3, output_tokens=5)
    assert assembler.finish == chatapp.Finish("stop")
    assert assembler.to_parts() == []


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        ("length", "The answer was cut off at the length limit."),
        ("filtered", "The answer was withheld by the model's content filter. Other words may help."),
    ],
)
def test_an_answer_that_was_cut_off_says_so(reason: Any, message: str) -> None:
    assert assemble("a", chatapp.Finish(reason)) == [say("a"), chatapp.NoticePart(code=reason, message=message)]


def test_thinking_is_measured() -> None:
    clock = Clock()
    assembler = Assembler(clock=clock)
    assembler.take(chatapp.ThinkingDelta("Hm."))
    clock.now = 2.34
    assert assembler.to_parts() == [think("Hm.", None)]

    assembler.take("Bern.")

    assert assembler.to_parts() == [think("Hm.", 2.3), say("Bern.")]


def test_thinking_that_somebody_else_measured_keeps_its_seconds() -> None:
    assert assemble(think("Hm.", 7.5), "Bern.") == [think("Hm.", 7.5), say("Bern.")]


def test_an_answer_that_grows_too_long_is_full() -> None:
    assembler = Assembler(max_chars=10)

    for item in ("12345", chatapp.ThinkingDelta("678"), "90", "never"):
        assembler.take(item)
    assembler.end()

    assert assembler.is_full
    assert assembler.to_parts() == [say("12345"), think("678", 0.0), say("90")]


def test_an_answer_of_blanks_is_full_some_time() -> None:
    assembler = Assembler(max_chars=10)

    for _ in range(4):
        assembler.take("\n\n\n")

    assert assembler.is_full


def test_a_part_that_is_yielded_whole_cannot_be_larger_than_an_answer_may_be() -> None:
    assembler = Assembler(max_chars=10)

    assembler.take(say("x" * 25))

    assert assembler.is_full
    assert assembler.to_parts() == [say("x" * 10)]


@pytest.mark.parametrize(
    ("items", "has_said"),
    [
        ([], False),
        ([" \n"], False),
        ([chatapp.ThinkingDelta("Hm.")], False),
        ([chatapp.PartStart(say(" "))], False),
        (["a"], True),
        ([NOTICE], True),
    ],
)
def test_thinking_and_blanks_say_nothing_yet(items: list[Any], has_said: bool) -> None:
    assembler = Assembler()
    for item in items:
        assembler.take(item)

    assert assembler.has_said is has_said


UNSTORABLE = "a\x00b\x07c\x1bd\x08e\ud800f\udfffg"
CLEAN = "abcde\ufffdf\ufffdg"


def test_what_no_database_takes_is_scrubbed() -> None:
    assert scrub(UNSTORABLE) == CLEAN
    assert scrub("tab\tline\nreturn\r\n é 😀") == "tab\tline\nreturn\n é 😀"


@pytest.mark.parametrize(
    ("item", "part"),
    [
        (UNSTORABLE, say(CLEAN)),
        (chatapp.PartStart(say(UNSTORABLE)), say(CLEAN)),
        (say(UNSTORABLE), say(CLEAN)),
        ({"content": UNSTORABLE}, say(CLEAN)),
        (chatapp.ThinkingDelta(UNSTORABLE), think(CLEAN)),
        (think(UNSTORABLE, 1.0), think(CLEAN, 1.0)),
    ],
)
def test_text_is_scrubbed_however_it_comes(item: Any, part: chatapp.Part) -> None:
    assert assemble(item) == [part]


def test_a_delta_of_a_keyed_part_is_scrubbed() -> None:
    assert assemble(chatapp.PartStart(say(""), key="a"), chatapp.PartDelta(UNSTORABLE, key="a")) == [say(CLEAN)]


def test_every_text_in_a_part_of_an_app_is_scrubbed() -> None:
    part = chatapp.UnknownPart(data={"kind": "map", "names": ["a\x00b", {"c\x00d": "e\ud800", "f": None}], "zoom": 3})

    (scrubbed,) = assemble(part)

    assert scrubbed.dump() == {"kind": "map", "names": ["ab", {"cd": "e\ufffd", "f": None}], "zoom": 3}


def test_numbers_that_json_does_not_have_become_none() -> None:
    (scrubbed,) = assemble(chatapp.UnknownPart(data={"kind": "chart", "values": [1.5, math.nan, -math.inf]}))

    assert scrubbed.dump() == {"kind": "chart", "values": [1.5, None, None]}


def test_a_part_that_cannot_be_stored_fails_before_anything_is_lost() -> None:
    assembler = Assembler()
    assembler.take("so far")

    with pytest.raises(ValueError, match="serialize"):
        assembler.take(chatapp.UnknownPart(data={"kind": "chart", "value": object()}))
    assert assembler.to_parts() == [say("so far")]


def test_a_part_that_is_replaced_again_and_again_does_not_fill_the_answer() -> None:
    assembler = Assembler(max_chars=10)

    for number in range(9):
        assembler.take(chatapp.PartStart(say(f"step {number}"), key="progress"))

    assert not assembler.is_full
    assert assembler.to_parts() == [say("step 8")]
