"""What is taken for one paragraph without asking the parser is one for the parser too, and is written as it would."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chatapp.rendering import markdown
from chatapp.rendering.document import Known, Rendered
from chatapp.rendering.markdown import MarkdownStream
from chatapp.rendering.paragraphs import write_paragraph
from chatapp.rendering.source import scrub

WORDS = [
    *("word", "a", "Zürich", "1.", "-", "*", "**", "_", "`", "```", "~~~", "#", "# ", ">", "<", "<div>", "<details>"),
    *("</details>", "<!--", "[", "]", "[a]", "[a]:", "[^1]", "[^1]:", "(b)", "![", ":", ": ", "::", "=", "===", "---"),
    *("+", "&amp;", "&", "{", "}", "http://a.b", "\t", "  ", "    ", "!", '"', "'", "\x0b", "\x0c", "\u2028", "\u00a0"),
    *("\ufeff", "日本", "🙂", "^", "~", "{#x}"),
]
LINES = st.builds("{}{}".format, st.sampled_from("aZé日"), st.lists(st.sampled_from(WORDS), max_size=6).map("".join))


@given(lines=st.lists(LINES, min_size=1, max_size=6), ends=st.booleans())
@example(lines=["a", "b: c", "d"], ends=False)
@settings(max_examples=400)
@pytest.mark.parametrize("is_final", [True, False])
def test_lines_that_begin_with_a_letter_are_one_paragraph(lines: list[str], ends: bool, is_final: bool) -> None:
    source = "\n".join(lines) + ("\n" if ends or not is_final else "")

    assert markdown._ONE_PARAGRAPH.fullmatch(source)
    found = list(MarkdownStream.engine.list_blocks(source, is_final=is_final))
    parsed = markdown._list_blocks(source, is_final=is_final)
    assert [(text, block.kind, block.notes) for text, block in found] == [(source, "Paragraph", [])]
    assert [(block.end, block.kind, block.notes) for block in parsed] == [(len(source.encode()), "Paragraph", [])]


@pytest.mark.parametrize(
    "source",
    [
        "a\n\nb",
        "a\n- b",
        "a\n===",
        "a | b\n- | -",
        "a $b",
        "a \\( b",
        "1. a",
        " a",
        "a\n b",
        "",
        "\n",
        "[a]: b",
        "> a",
        "a\n```",
    ],
)
def test_anything_else_is_left_to_the_parser(source: str) -> None:
    assert not markdown._ONE_PARAGRAPH.fullmatch(source)


def test_looking_at_a_long_text_takes_one_way_through_it() -> None:
    assert not re.compile(markdown._ONE_PARAGRAPH.pattern).fullmatch("a\n" * 200_000 + "|")


LETTERS = st.sampled_from(
    [*"abÄßж中e\u0301.,;:!?'\"()/%=+-#1^@{}  \n\n\n\t\xa0\u2003\u2028*_`[]<>&$|~\\…“”😀\u200b\u200d"]
)
SHORT = st.sampled_from(
    ["a b", "a", "=", "- a", "1. a", "1) a", "# a", ": a", "+ a", "---", "b  ", "(c)", "é", "ж:", "\n"]
)
MARKED = [
    "_b_",
    "*b*",
    "`b`",
    "[b](//c)",
    "<b>",
    "a>b",
    "&amp;",
    "~~b~~",
    "\\*",
    "http://a.b",
    "  ",
    "\xa0",
    "\t",
    "$b$",
    "|",
]
PLAIN = ["a", "ж", "1", ".", " b", "\nc", "\n", ' "d" ', "(e)", "=", "-", "#", "{f}", "!", "@g", ":", "^"]
ONE_MARK = st.builds(
    "a{}{}{}".format, st.sampled_from(PLAIN), st.sampled_from([*MARKED, *PLAIN]), st.sampled_from(PLAIN)
)
TEXTS = st.one_of(ONE_MARK, st.text(LETTERS, max_size=30), st.lists(SHORT, max_size=6).map("\n".join))


def draw(source: str, *, is_live: bool) -> Rendered:
    return MarkdownStream.engine.render_block(source, Known(), is_live=is_live)


@given(source=TEXTS, is_live=st.booleans())
@example(source="a\nb", is_live=False)
@example(source="\n\nWhat is this: “that” (3 = 1 + 2)?\nThe same, but #2.\n\n", is_live=True)
@example(source="ǅ\nª b", is_live=False)
@settings(max_examples=1500)
def test_the_short_way_leads_to_what_the_parser_and_the_sanitiser_say(source: str, is_live: bool) -> None:
    source = scrub(source)
    with pytest.MonkeyPatch.context() as patch:
        short = draw(source, is_live=is_live)
        patch.setattr(markdown, "write_paragraph", lambda source: None)
        assert draw(source, is_live=is_live) == short


@given(source=TEXTS)
def test_a_paragraph_is_one_block_for_the_parser_too(source: str) -> None:
    source = scrub(source)
    if write_paragraph(source) is not None:
        assert [block.kind for block in markdown._list_blocks(source, is_final=True)] == ["Paragraph"]


@pytest.mark.parametrize("source", ["Plain words.", "Two\nlines.", "Größe, 中文, жук!\n", "\n\nA question?"])
def test_words_take_the_short_way(source: str) -> None:
    assert write_paragraph(source) == f"<p>{source.strip(chr(10))}</p>"


def test_a_paragraph_beyond_all_measure_is_plain_text_as_before() -> None:
    assert draw("a " * 600_000 + "a", is_live=False).html.startswith('<pre class="chat-plain">')
