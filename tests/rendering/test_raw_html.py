"""Raw HTML of a model is text, save a few tags, and these in pairs only."""

import re

import pytest

from chatapp.rendering.markdown import render


@pytest.mark.parametrize(
    "name", ["b", "i", "div", "script", "svg", "form", "input", "a href=http://x.example", "style", "p"]
)
def test_a_raw_tag_is_text(name: str) -> None:
    html = render(f"a <{name}>b</{name.split()[0]}>")

    assert f"&lt;{name.split()[0]}" in html
    assert not re.search(rf"<{name.split()[0]}\b", html.removeprefix("<p>").removesuffix("</p>").replace("<a href", ""))


@pytest.mark.parametrize("name", ["sub", "sup", "kbd", "mark"])
def test_a_few_tags_are_allowed_without_their_attributes(name: str) -> None:
    assert render(f'H<{name} id="x" onclick="y()">2</{name}>O') == f"<p>H<{name}>2</{name}>O</p>"


def test_a_line_break_is_allowed() -> None:
    assert render("a<br>b<br/>c") == "<p>a<br>b<br>c</p>"


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("a <kbd>b", "<p>a &lt;kbd&gt;b</p>"),
        ("a </kbd>b", "<p>a &lt;/kbd&gt;b</p>"),
        ("<sub>*a</sub>*", "<p>&lt;sub&gt;<em>a&lt;/sub&gt;</em></p>"),
        ("<sub><kbd>a</sub></kbd>", "<p><sub>&lt;kbd&gt;a</sub>&lt;/kbd&gt;</p>"),
        ("<mark>a\n\nb</mark>", "<p>&lt;mark&gt;a</p><p>b&lt;/mark&gt;</p>"),
    ],
)
def test_a_tag_without_its_end_at_the_same_place_is_text_and_swallows_nothing(source: str, html: str) -> None:
    assert render(source) == html


@pytest.mark.parametrize(
    "start", ["<!-- ", "<script>", "<style>", "<pre>", "<textarea>", "<?php ", "<![CDATA[", "<!X "]
)
def test_html_that_is_never_closed_swallows_no_further_block(start: str) -> None:
    assert render(f"{start}\n\n**b**").endswith("<p><strong>b</strong></p>")


def test_a_block_of_raw_html_is_text_with_its_line_breaks() -> None:
    assert render("<div>\n *x*\n</div>") == '<div class="chat-html">&lt;div&gt;\n *x*\n&lt;/div&gt;</div>'


def test_details_may_hold_markdown() -> None:
    html = render("<details>\n<summary>More <kbd>k</kbd></summary>\n\n**a**\n\n- b\n\n</details>\n\nafter")

    assert html == (
        "<div><details><summary>More <kbd>k</kbd></summary>\n<p><strong>a</strong></p>\n<ul>\n<li>b</li>\n</ul>\n"
        "</details></div><p>after</p>"
    )


def test_details_that_are_never_closed_are_text() -> None:
    assert render("<details>\n\na").endswith("<p>a</p>")
    assert "<details>" not in render("<details>\n\na")


def test_details_whose_end_is_far_away_are_text() -> None:
    assert "<details>" not in render("<details>\n\n" + "A paragraph.\n\n" * 3000 + "</details>")


@pytest.mark.parametrize(
    ("tag", "button"),
    [
        ('<span class="suggestion">', 'data-suggestion=""'),
        ('<span class="x suggestion submit">', 'data-suggestion="" data-submit=""'),
        ('<span data-suggestion="a &quot;b&quot; <c>">', 'data-suggestion="a &quot;b&quot; &lt;c&gt;"'),
        ("<span data-suggestion='x' data-suggestion-submit>", 'data-suggestion="x" data-submit=""'),
        ("<span data-suggestion=x data-suggestion-submit=false>", 'data-suggestion="x"'),
        ('<span class="suggestion" id="a" hx-get="/x" onclick="y">', 'data-suggestion=""'),
    ],
)
def test_a_suggestion_becomes_a_button_of_ours(tag: str, button: str) -> None:
    assert render(f"{tag}ask</span>") == f'<p><button type="button" class="chat-suggestion" {button}>ask</button></p>'


def test_a_suggestion_holds_nothing_else_that_can_be_pressed() -> None:
    html = render('<span class="suggestion">a [b](http://x.example) <span class="suggestion">c</span></span>')

    assert re.findall(r"<(button|a)\b", html) == ["a", "button"]


def test_another_span_is_text_and_does_not_end_a_suggestion() -> None:
    html = render('<span class="suggestion">a <span>b</span> c</span>')

    assert html.endswith('data-suggestion="">a &lt;span&gt;b&lt;/span&gt; c</button></p>')
