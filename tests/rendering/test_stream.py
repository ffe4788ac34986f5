"""The law of streaming, on random documents at random cuts, and the steps one by one."""

from collections.abc import Iterator

import html5lib
import pytest

from chatapp.rendering.blocks import Block
from chatapp.rendering.markdown import MarkdownStream, render
from chatapp.rendering.stream import BYTES_PER_SECOND, Step

from .documents import EXAMPLES, make_cuts, make_document
from .page import Page, split_roots, stream

PARAGRAPHS = "A paragraph with **bold** words.\n\n" * 40


def test_however_it_is_cut_a_document_streams_to_what_it_renders_to() -> None:
    """And on the way a settled block is never touched, save at the end by what was defined later."""
    for seed in range(EXAMPLES):
        source = make_document(seed)
        page = Page()
        growing = MarkdownStream()

        for piece in make_cuts(source, seed):
            growing.append(piece)
            step = growing.step()
            assert not step.corrections, f"seed {seed}"
            assert step.rewrite is None, f"seed {seed}"
            page.apply(step)
        settled = list(page.settled)
        page.apply(growing.finish())

        assert page.html == render(source), f"seed {seed}"
        assert page.live == "", f"seed {seed}"
        assert not page.was_rewritten, f"seed {seed}"
        touched = {index for index, html in enumerate(settled) if page.settled[index] != html}
        assert touched <= page.corrected, f"seed {seed}"
        assert not page.corrected or "]:" in source, f"seed {seed}"


@pytest.mark.parametrize(
    "source",
    [
        "# \\(\n- \\)\n\n `",
        "# \\(\n- \\)\n- [",
        "]\n|\\(||\n-|-\n\\)",
        "+\n[y]:e\n'\n'",
        "1.\n n\n2.\nb",
        "-\n o\n    h\ne",
        "- ~~~\n n\n\ta\nh",
        "* ```\n e\n=\n~",
        "* ```\n[e]:x\n    i\n`",
        "> [open]:\n[\n>\n   ~~~\n [late]: /x",
        "<details>\n\n</details>\n<details>\n\nx\n",
        "[^1]: [^2]: [^3]: x\ny\n\nz",
    ],
)
def test_what_looks_like_a_block_too_early_settles_nothing(source: str) -> None:
    for pieces in (list(source), source.splitlines(keepends=True), [source]):
        page = stream(pieces)

        assert page.html == render(source)
        assert not page.was_rewritten


def test_what_is_shown_depends_on_the_text_so_far_and_not_on_its_cuts() -> None:
    for seed in range(EXAMPLES // 10):
        source = make_document(seed, size=6)
        growing = MarkdownStream()
        so_far = ""

        for piece in make_cuts(source, seed):
            so_far += piece
            growing.append(piece)
            growing.step()
            fresh = MarkdownStream(so_far)
            fresh.step()

            assert growing.settled_html == fresh.settled_html, f"seed {seed}, after {so_far!r}"
            assert growing.live_html == fresh.live_html, f"seed {seed}, after {so_far!r}"


def test_the_steps_are_what_the_snapshot_says() -> None:
    for seed in range(EXAMPLES // 10):
        page = Page()
        growing = MarkdownStream()

        for piece in make_cuts(make_document(seed), seed):
            growing.append(piece)
            page.apply(growing.step())

            assert page.html == growing.settled_html, f"seed {seed}"
            assert page.live == growing.live_html, f"seed {seed}"
        page.apply(growing.finish())

        assert page.html == growing.settled_html, f"seed {seed}"


def test_a_browser_finds_as_many_elements_as_blocks_were_settled() -> None:
    for seed in range(EXAMPLES // 20):
        growing = MarkdownStream()

        for piece in make_cuts(make_document(seed), seed):
            growing.append(piece)
            settled = growing.step().settled

            parsed = html5lib.parseFragment(settled, treebuilder="etree", namespaceHTMLElements=False)
            assert len(parsed) == len(split_roots(settled)), f"seed {seed}: {settled!r}"
            assert not (parsed.text or "").strip(), f"seed {seed}: {settled!r}"


def test_a_settled_block_is_at_most_one_element() -> None:
    for seed in range(EXAMPLES // 10):
        growing = MarkdownStream(make_document(seed))
        growing.finish()

        assert all(len(split_roots(block.rendered.html)) <= 1 for block in growing._blocks), f"seed {seed}"


# Steps


def steps_of(*pieces: str) -> list[Step]:
    """One step for each piece, and the last."""
    growing = MarkdownStream()
    steps = []
    for piece in pieces:
        growing.append(piece)
        steps.append(growing.step())
    return [*steps, growing.finish()]


def test_a_step_without_anything_new_says_nothing() -> None:
    growing = MarkdownStream("a")
    growing.step()

    assert growing.step() == Step()
    growing.append("")
    assert growing.step() == Step()


def test_a_block_is_settled_when_the_next_one_has_begun_in_a_complete_line() -> None:
    first, second, third, _ = steps_of("one\n", "\ntwo", "\n")

    assert (first.settled, first.live) == ("", "<p>one</p>")
    assert (second.settled, second.live) == ("", "<p>one</p><p>two</p>")
    assert (third.settled, third.live) == ("<p>one</p>", "<p>two</p>")


def test_a_line_that_may_become_something_else_decides_nothing() -> None:
    *steps, last = steps_of("one\n\n", "***", "bold***")

    assert [step.settled for step in steps] == ["", "", ""]
    assert last.settled == "<p>one</p><p><em><strong>bold</strong></em></p>"


def test_the_live_element_is_left_alone_while_nothing_in_it_changes() -> None:
    _, second, _ = steps_of("one", "\n")

    assert second.live is None


def test_the_last_step_settles_the_rest_and_empties_the_live_element() -> None:
    *_, last = steps_of("one\n\ntwo")

    assert (last.settled, last.live) == ("<p>one</p><p>two</p>", "")


def test_after_the_end_nothing_more_comes() -> None:
    growing = MarkdownStream("one")
    growing.finish()

    assert growing.finish() == Step()


def test_an_open_fence_appends_its_lines() -> None:
    first, second, third, _ = steps_of("text\n\n```py\na = 1\n", "b < 2\n", "c")

    assert first.settled == "<p>text</p>"
    assert first.live == '<div class="chat-code" data-language="py"><pre><code>a = 1\n</code></pre></div>'
    assert (second.live, second.live_append) == (None, "b &lt; 2\n")
    assert (third.live, third.live_append) == (None, "c")


def test_what_may_be_the_end_of_a_fence_is_kept_back() -> None:
    _, second, third, _ = steps_of("```\na\n", "``", "`b\n")

    assert (second.live_append, third.live_append) == ("", "```b\n")


def test_a_fence_is_settled_and_highlighted_when_it_closes() -> None:
    _, second, _ = steps_of("```python\nx = 1\n", "```\n")

    assert (
        second.settled
        == '<div class="chat-code" data-language="python"><pre><code>x = <span class="mi">1</span>\n</code></pre></div>'
    )
    assert second.live == ""


@pytest.mark.parametrize("fence", ["```", "~~~~", "   ```"])
def test_lines_of_a_fence_lose_its_indent_while_it_is_open_and_when_it_is_closed(fence: str) -> None:
    indent = " " * (len(fence) - len(fence.lstrip()))
    source = f"{fence}\n{indent}a\n{indent}  b\n"

    growing = MarkdownStream(source)
    growing.step()

    assert "<code>a\n  b\n</code>" in growing.live_html
    assert "<code>a\n  b\n</code>" in render(source)


def test_a_line_ending_cut_in_two_is_one() -> None:
    page = stream(["a\r", "\nb\r", "\r", "\nc"])

    assert page.html == "<p>a\nb</p><p>c</p>"


def test_a_late_definition_corrects_the_blocks_that_missed_it() -> None:
    *_, last = steps_of("one\n\n", "see [it] and [^1]\n\n", "three\n\n", "[it]: http://x.example\n[^1]: note\n")

    assert list(last.corrections) == [1]
    assert 'href="http://x.example"' in last.corrections[1]
    assert '<sup class="chat-note-ref">1</sup>' in last.corrections[1]
    assert last.settled.endswith("</ol>")
    assert last.rewrite is None


def test_an_early_definition_corrects_nothing() -> None:
    *_, last = steps_of("[it]: http://x.example\n\n", "see [it]\n\n", "three\n")

    assert not last.corrections


class Inattentive:
    """An engine that takes other cuts while it streams than in the end."""

    def __init__(self, *, merges: bool) -> None:
        self._merges = merges
        self._engine = MarkdownStream.engine
        self.list_links = self._engine.list_links
        self.render_block = self._engine.render_block
        self.sanitize = self._engine.sanitize

    def list_blocks(self, source: str, *, is_final: bool) -> Iterator[tuple[str, Block]]:
        blocks = list(self._engine.list_blocks(source, is_final=is_final))
        if not is_final and len(blocks) > 2:
            (first, block), (second, other) = blocks[:2]
            both = [(first + second, other)] if self._merges else [(first.rstrip(), block), ("\n" + second, other)]
            blocks[:2] = both
        return iter(blocks)


@pytest.mark.parametrize("merges", [True, False])
def test_if_blocks_were_ever_cut_otherwise_the_page_is_still_right(
    merges: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "one\n\ntwo\n\nthree\n"
    expected = render(source)
    monkeypatch.setattr(MarkdownStream, "engine", Inattentive(merges=merges))

    page = stream([source])

    assert page.html == expected
    assert page.was_rewritten is merges


def test_footnotes_are_shown_while_they_are_written() -> None:
    growing = MarkdownStream("a[^1]\n\n[^1]: one\n[^2]: tw")
    growing.step()

    assert growing.settled_html.startswith("<p>a")
    assert growing.live_html.count("<li>") == 2


@pytest.mark.parametrize("unit", ["- item\n", "| a | b |\n", "words ", "> quote\n"])
def test_the_pace_slows_with_a_big_open_block(unit: str) -> None:
    start = "| a | b |\n|---|---|\n" if "|" in unit else ""
    growing = MarkdownStream(start + unit * 10_000)

    step = growing.step()

    assert step.live is not None
    assert len(step.live) / step.pace <= BYTES_PER_SECOND


def test_the_pace_does_not_slow_with_the_settled_blocks_or_with_an_open_fence() -> None:
    growing = MarkdownStream(PARAGRAPHS * 20 + "```\n" + "code\n" * 10_000)
    growing.step()
    growing.append("more\n")

    assert growing.step().pace == 0
    assert MarkdownStream(PARAGRAPHS * 20).step().pace < 0.01


def test_only_the_open_rest_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    growing = MarkdownStream(PARAGRAPHS)
    growing.step()
    looked_at: list[str] = []
    engine = growing.engine

    class Spy:
        def list_blocks(self, source: str, *, is_final: bool):
            looked_at.append(source)
            return engine.list_blocks(source, is_final=is_final)

        def render_block(self, source: str, *args: object, **kwargs: object):
            looked_at.append(source)
            return engine.render_block(source, *args, **kwargs)  # type: ignore[arg-type]  # passed on as they come

        list_links = staticmethod(engine.list_links)
        sanitize = staticmethod(engine.sanitize)

    monkeypatch.setattr(MarkdownStream, "engine", Spy())
    growing.append("next **one**\n")
    growing.step()

    assert looked_at
    assert max(map(len, looked_at)) < 100


def test_an_open_fence_is_not_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    growing = MarkdownStream("```\n" + "code\n" * 1000)
    growing.step()
    monkeypatch.setattr(MarkdownStream, "engine", None)
    growing.append("more\n")

    assert growing.step() == Step(live_append="more\n")


# What has begun


@pytest.mark.parametrize(
    ("text", "live"),
    [
        ("a **bo", "<p>a <strong>bo</strong></p>"),
        ("a **bold ", "<p>a <strong>bold</strong></p>"),
        ("a **", "<p>a</p>"),
        ("a `co", "<p>a <code>co</code></p>"),
        ("a `**co", "<p>a <code>**co</code></p>"),
        ("a ~~go", "<p>a <del>go</del></p>"),
        ("a [link](http://exam", "<p>a link</p>"),
        ("a <sp", "<p>a</p>"),
        ('a <span class="sugg', "<p>a</p>"),
        ("a <sub>2", "<p>a <sub>2</sub></p>"),
        ("a < b and c", "<p>a &lt; b and c</p>"),
        ("1 * 2 * 3", "<p>1 * 2 * 3</p>"),
        ("one\n-", "<p>one</p>"),
        ("one\n1.", "<p>one</p>"),
        ("one\n```", "<p>one</p>"),
        ("- a\n- ", "<ul>\n<li>a</li>\n</ul>"),
        ("42", "<p>42</p>"),
    ],
)
def test_half_a_construct_is_kept_back_or_closed_while_it_streams(text: str, live: str) -> None:
    growing = MarkdownStream(text)

    assert growing.step().live == live


def test_what_was_kept_back_is_there_in_the_end() -> None:
    assert stream(["a **bo"]).html == "<p>a **bo</p>"


def test_details_are_shown_as_such_while_they_are_open() -> None:
    growing = MarkdownStream("<details>\n<summary>More</summary>\n\nhidden **wo")

    assert growing.step().live == "<details><summary>More</summary>\n<p>hidden <strong>wo</strong></p>\n</details>"


def test_a_formula_that_may_still_end_settles_nothing_of_its_lines() -> None:
    steps = steps_of("$$\na\n", "- b\n", "= c\n", "$$\n\n", "d\n")

    assert [step.settled for step in steps[:4]] == ["", "", "", ""]
    assert "<ul>" not in steps[4].settled
    assert "<math" in steps[4].settled


def test_text_of_a_stream_is_scrubbed_as_a_whole_text_is() -> None:
    source = "a\x00b\ud800\u202ec\r\n\ufeff\rd"

    assert stream(list(source)).html == render(source)
