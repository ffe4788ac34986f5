"""Where thinking begins and ends in an answer, however it is cut."""

from collections.abc import Iterable
from itertools import groupby
from random import Random

import pytest

from chatapp.rendering.thinking import ThinkingSplitter

from .documents import EXAMPLES

PIECES = (
    *("<thinking>", "</thinking>", "<think", "ing>", "</thin", "king>", "<", "a", "b c", "> ", "- "),
    *(" ", "  ", "\t", " " * 63, "\n", "\n\n", "\r\n", "\r", "`", "``", "```", "~~~", "\\`", "````"),
)


def split(pieces: Iterable[str]) -> list[tuple[str, str]]:
    """Kinds and texts of an answer fed in these pieces, neighbours of one kind joined."""
    splitter = ThinkingSplitter()
    found = [part for piece in pieces for part in splitter.feed(piece)] + splitter.finish()
    assert all(text for _, text in found)
    return [(kind, "".join(text for _, text in parts)) for kind, parts in groupby(found, key=lambda part: part[0])]


@pytest.mark.parametrize(
    ("answer", "parts"),
    [
        ("plain", [("text", "plain")]),
        ("", []),
        ("<thinking>a</thinking>b", [("thinking", "a"), ("text", "b")]),
        ("<thinking>\na\n</thinking>\n\nb", [("thinking", "\na\n"), ("text", "b")]),
        ("one\n  <thinking>a</thinking>two", [("text", "one\n"), ("thinking", "a"), ("text", "two")]),
        ("<thinking>a</thinking>\n\n\nb", [("thinking", "a"), ("text", "\nb")]),
        ("<thinking>a</thinking>\r\n\r\nb", [("thinking", "a"), ("text", "b")]),
        ("<thinking>a</thinking><thinking>b</thinking>", [("thinking", "ab")]),
    ],
)
def test_thinking_is_what_stands_between_the_tags(answer: str, parts: list[tuple[str, str]]) -> None:
    assert split([answer]) == parts


@pytest.mark.parametrize(
    "answer",
    [
        "so <thinking>a",
        "> <thinking>a",
        "```\n<thinking>\n```\n",
        "~~~\n<thinking>\n~~~\n",
        "````\n```\n<thinking>\n````\n",
        "- ```\n  <thinking>\n  ```\n",
        "`<thinking>`",
        "`code\n<thinking>`",
        "<Thinking>",
        "<thinking >",
        "</thinking>",
        "<thinkin",
        " " * 100 + "<thinking>",
    ],
)
def test_elsewhere_the_tag_is_literal(answer: str) -> None:
    assert split([answer]) == [("text", answer)]


@pytest.mark.parametrize(
    "answer", ["a `tick\n\n<thinking>b", "```\ncode\n```\n<thinking>b", "```a`b\n\n<thinking>b", "\\\n<thinking>b"]
)
def test_code_that_has_ended_hides_no_tag(answer: str) -> None:
    assert split([answer])[-1] == ("thinking", "b")


@pytest.mark.parametrize("code", ["`</thinking>`", "\n```\n</thinking>\n```\n", "``a ` </thinking>``"])
def test_the_end_tag_is_literal_in_code(code: str) -> None:
    assert split([f"<thinking>{code} b</thinking>c"]) == [("thinking", f"{code} b"), ("text", "c")]


def test_a_stray_backtick_does_not_hide_an_end_tag_at_the_start_of_a_line() -> None:
    assert split(["<thinking>it`s\n</thinking>\n\nb"]) == [("thinking", "it`s\n"), ("text", "b")]


def test_what_is_never_ended_stays_thinking() -> None:
    assert split(["<thinking>a </think"]) == [("thinking", "a </think")]


def test_empty_thinking_is_not_given() -> None:
    assert split(["<thinking></thinking>\n\na"]) == [("text", "a")]


@pytest.mark.parametrize(
    "answer", ["<thinking>one `</thinking>` two</thinking>\r\n\nafter", "text\n  <thinking>a\n</thinking>"]
)
def test_a_tag_cut_anywhere_is_the_same_tag(answer: str) -> None:
    for cut in range(len(answer)):
        assert split([answer[:cut], answer[cut:]]) == split([answer])


def test_the_cuts_do_not_matter() -> None:
    for seed in range(EXAMPLES):
        random = Random(seed)
        answer = "".join(random.choice(PIECES) for _ in range(random.randint(1, 14)))
        size = random.randint(1, 5)

        assert split(answer) == split([answer]), f"seed {seed}"
        assert split(answer[at : at + size] for at in range(0, len(answer), size)) == split([answer]), f"seed {seed}"


def test_nothing_but_a_tag_is_kept_back() -> None:
    splitter = ThinkingSplitter()

    assert splitter.feed("a <think") == [("text", "a <think")]
    assert splitter.feed("ing> b\n<thin") == [("text", "ing> b\n")]
    assert splitter.feed("g") == [("text", "<thing")]
    assert splitter.feed("\n<thinking>x </th") == [("text", "\n"), ("thinking", "x ")]
    assert splitter.feed("e") == [("thinking", "</the")]
