"""What happens to text that cannot be shown, and to a block that cannot be rendered."""

import logging
import re
from random import Random

import pyromark
import pytest

from chatapp.rendering.markdown import MarkdownStream, render
from chatapp.rendering.results import TooLarge
from chatapp.rendering.writer import Writer


class PanicException(BaseException):
    """What a panic of the parser looks like from here."""


def test_characters_that_cannot_be_seen_are_dropped() -> None:
    assert render("a\x00b\x1b\x7f\x85c\u202ed\ufeffe\U000e0041f\tg") == "<p>abcdef\tg</p>"


def test_a_lone_surrogate_is_replaced() -> None:
    assert render("a\ud800b") == "<p>a\ufffdb</p>"


def test_every_line_ending_is_one() -> None:
    assert render("a\r\nb\rc\n\r\nd") == "<p>a\nb\nc</p><p>d</p>"


@pytest.mark.parametrize("error", [ValueError("x"), RecursionError(), TooLarge(), PanicException("x")])
def test_a_block_that_cannot_be_rendered_is_shown_as_it_was_written(
    error: BaseException, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*args: object) -> None:
        raise error

    monkeypatch.setattr(Writer, "write", fail)
    caplog.set_level(logging.INFO)

    assert (
        render(f"**{type(error).__name__} <b>**\n")
        == f'<pre class="chat-plain">**{type(error).__name__} &lt;b&gt;**</pre>'
    )
    assert "<b>" not in caplog.text


def test_what_stops_the_process_is_not_held_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Writer, "write", stop)

    with pytest.raises(KeyboardInterrupt):
        render("**To** be stopped.")


def test_a_parser_that_fails_leaves_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise PanicException

    monkeypatch.setattr(pyromark, "events_with_range", fail)
    monkeypatch.setattr(pyromark, "events", fail)

    assert render("# a <b>\n\nc") == '<pre class="chat-plain"># a &lt;b&gt;\n\nc</pre>'


@pytest.mark.parametrize(
    "source",
    [
        "|" * 400 + "\n" + "|-" * 400 + "|\n" + "|\n" * 4000,
        f"[a]: http://x.example/{'y' * 3000}\n\n> " + "[a] " * 5000,
        "$x$ " * 20_000,
        "> " * 20_000,
        "[" * 50_000,
        "![" * 25_000,
        "*a **b " * 7_000,
    ],
    ids=["sparse table", "long address", "formulas", "quotes", "brackets", "images", "emphasis"],
)
def test_html_stays_in_proportion_to_its_source(source: str) -> None:
    assert len(render(source)) < 1_100_000


@pytest.mark.parametrize("mark", ["> ", "- ", "<kbd>", "*a "])
def test_nothing_is_nested_deeper_than_a_browser_likes(mark: str) -> None:
    html = render(mark * 5000 + "x" + "</kbd>" * 5000 + "*" * 5000)

    depth = deepest = 0
    for end, _ in re.findall(r"<(/?)(blockquote|ul|li|kbd|em|p)\b", html):
        depth += -1 if end else 1
        deepest = max(deepest, depth)
    assert 0 < deepest <= 65


def test_a_document_without_end_of_effort_is_still_shown() -> None:
    code = "```python\n" + "x = 1\n" * 3000 + "```\n\n"

    html = render(code * 15)

    assert html.count("x = 1") + html.count('x = <span class="mi">1</span>') == 45_000
    assert html.rstrip().endswith("x = 1\n</code></pre></div>")


def test_a_page_that_was_rendered_is_not_rendered_again(monkeypatch: pytest.MonkeyPatch) -> None:
    source = f"rendered once {Random(1).random()}"
    first = render(source)
    monkeypatch.setattr(MarkdownStream, "engine", None)

    assert render(source) == first
