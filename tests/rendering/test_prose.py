"""The fast lane says what the parser would have said, or nothing."""

import random

from chatapp.rendering.markdown import render
from chatapp.rendering.prose import MAX_CHARS, Prose

PIECES = [
    "word ", "é ", "**bold** ", "**b c**", "`co de`", "`x<y`", " ", "\n", "\n\n", "a.b ", "x! ", "(y) ", "'q' ", '"r"',
    "#t ", "5 ", "1) ", "- ", "end.", "**x!**", "** y**", "a**b**c", "**", "`", "/", "…", "🙂", "\t", "=", "+ ", "  ",
    "&amp; ", "<b>", "[l](x)", "$x$", "~~s~~", "snake_case ", "\\*",
]  # fmt: skip


def test_prose_that_grows_is_drawn_as_the_parser_draws_it() -> None:
    chance = random.Random(20261120)
    drawn = 0

    for _ in range(4_000):
        text = "".join(chance.choices(PIECES, k=chance.randint(1, 9)))
        prose, end = Prose(), 0
        while end < len(text):
            end += chance.randint(1, 12)
            html = prose.draw(text[:end])
            if html is not None:
                drawn += 1
                assert html == render(text[:end]), repr(text[:end])

    assert drawn > 1_000


def test_what_may_be_markup_is_left_to_the_parser() -> None:
    suspects = ["<b>x", "a & b", "[x", "a\n- b", "1. x", "# x", "x | y", "a_b_c", "$1", "**a", "`a", "a  \nb", "\\"]

    for text in suspects:
        assert Prose().draw(text) is None, text


def test_a_long_block_is_left_to_the_parser() -> None:
    assert Prose().draw("word " * (MAX_CHARS // 5 + 1)) is None


def test_a_text_that_began_anew_is_drawn_anew() -> None:
    prose = Prose()
    prose.draw("one two three ")

    assert prose.draw("four five") == "<p>four five</p>"
