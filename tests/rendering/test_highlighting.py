"""Highlighted code: classes only, the text as it was."""

import re

import pytest
from pygments.lexer import Lexer

from chatapp.rendering import highlighting
from chatapp.rendering.highlighting import CLASSES, LANGUAGES, MAX_CODE, MAX_LINE, highlight, is_known

from .page import get_text

HOSTILE = [
    "<b>&amp;</b>",
    "\n\n  x\n\n\n",
    "\t\ta\tb",
    "'\"`" * 40,
    "(" * 200,
    "/* // # -- ",
    "é\u00a0🏴\u2028",
    "$$ ${ {{ }} %}",
    "\ufeffx",
]


def test_tokens_have_classes() -> None:
    assert highlight("def f():\n    return 1 # one", "python") == (
        '<span class="k">def</span> <span class="nf">f</span>():\n'
        '    <span class="k">return</span> <span class="mi">1</span> <span class="c1"># one</span>'
    )


@pytest.mark.parametrize("language", ["Python", "py", "PY", "python3"])
def test_a_language_has_other_names(language: str) -> None:
    assert highlight("x = 1", language) == 'x = <span class="mi">1</span>'


@pytest.mark.parametrize("language", ["", "no-such", "guess", "text", "smithy"])
def test_an_unknown_language_stays_plain(language: str) -> None:
    assert not is_known(language)
    assert highlight("x = 1", language) is None


def test_long_code_stays_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(highlighting, "MAX_SECONDS", 60)  # it is the length that counts here, and not the machine

    assert highlight("x = 1\n" * (MAX_CODE // 6), "python") is not None
    assert highlight("x = 1\n" * (MAX_CODE // 6 + 1), "python") is None


@pytest.mark.parametrize("code", ["x" * (MAX_LINE + 1), "x\n" * 5 + "\n" * MAX_LINE, "x" + " \n" * MAX_LINE])
def test_code_of_an_unusual_shape_stays_plain(code: str) -> None:
    assert highlight(code, "python") is None


def test_a_lexer_that_takes_too_long_is_abandoned(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1000))
    monkeypatch.setattr(highlighting, "thread_time", lambda: next(clock))

    assert highlight("x = 'seen too late'\n" * 30, "python") is None


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_the_text_is_exactly_the_code(language: str) -> None:
    for code in HOSTILE:
        html = highlight(code, language)

        assert html is not None, code
        assert get_text(html) == code


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_only_spans_with_known_classes_are_written(language: str) -> None:
    for code in HOSTILE:
        tags = re.findall(r"<[^>]*>", highlight(code, language) or "")

        assert all(tag == "</span>" or tag.removeprefix('<span class="').removesuffix('">') in CLASSES for tag in tags)


def test_a_lexer_that_fails_leaves_the_code_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Lexer, text: str) -> None:
        raise RecursionError

    monkeypatch.setattr(type(highlighting._get_lexer("python")), "get_tokens_unprocessed", fail)

    assert highlight("x = 'not yet seen'", "python") is None


def test_a_lexer_that_loses_text_leaves_the_code_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(highlighting._get_lexer("python")), "get_tokens_unprocessed", lambda self, text: [])

    assert highlight("x = 'not yet seen either'", "python") is None
