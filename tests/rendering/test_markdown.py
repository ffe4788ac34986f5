"""What Markdown becomes: the closed set of HTML, and what is refused."""

import re
from typing import Any

import nh3
import pyromark
import pytest
from pyromark import Options

from chatapp.rendering.markdown import render

from .documents import EXAMPLES, make_plain_document
from .page import get_text

OPTIONS = Options.ENABLE_TABLES | Options.ENABLE_STRIKETHROUGH | Options.ENABLE_TASKLISTS | Options.ENABLE_FOOTNOTES


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("# One", "<h1>One</h1>"),
        ("Two\n---", "<h2>Two</h2>"),
        ("a\nb  \nc", "<p>a\nb<br>\nc</p>"),
        ("*a* **b** ~~c~~ `d`", "<p><em>a</em> <strong>b</strong> <del>c</del> <code>d</code></p>"),
        ("> a", "<blockquote>\n<p>a</p>\n</blockquote>"),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>"),
        ("3. a\n4. b", '<ol start="3">\n<li>a</li>\n<li>b</li>\n</ol>'),
        (
            "- [ ] a\n- [x] b",
            '<ul>\n<li><span class="chat-task">☐</span> a</li>\n<li><span class="chat-task">☑</span> b</li>\n</ul>',
        ),
        ("***", "<hr>"),
        ("&copy; &amp; &lt;", "<p>© &amp; &lt;</p>"),
        ("    code <b>", '<div class="chat-code"><pre><code>code &lt;b&gt;</code></pre></div>'),
        ("", ""),
        (" \n\n ", ""),
    ],
)
def test_markdown_becomes_html(source: str, html: str) -> None:
    assert render(source) == html


def test_blocks_are_concatenated_without_anything_between_them() -> None:
    assert render("a\n\nb\n\n\n# c") == "<p>a</p><p>b</p><h1>c</h1>"


def test_a_table_scrolls_in_a_box_of_its_own() -> None:
    html = render("| a | b | c |\n|---|:-:|--:|\n| 1 | 2 | 3 |")

    assert html == (
        '<div class="chat-table"><table><thead><tr><th>a</th><th align="center">b</th><th align="right">c</th></tr>'
        '</thead><tbody>\n<tr><td>1</td><td align="center">2</td><td align="right">3</td></tr>\n</tbody></table></div>'
    )


def test_blocks_rendered_one_by_one_are_what_the_parser_makes_of_the_whole() -> None:
    for seed in range(EXAMPLES // 4):
        source = make_plain_document(seed)

        assert _normalize(render(source)) == _normalize(pyromark.html(source, options=OPTIONS)), f"seed {seed}"


def _normalize(html: str) -> str:
    """What two renderings must share: the tags that Markdown knows, no blanks around blocks, no bare links."""
    tags = "p h1 h2 h3 h4 h5 h6 ul ol li blockquote pre code em strong del hr br table thead tbody tr th td a"
    html = nh3.clean(
        html,
        tags=set(tags.split()),
        attributes={"a": {"href"}, "ol": {"start"}},
        link_rel=None,
        url_schemes={"http", "https", "mailto"},
        url_relative="deny",
    )
    html = re.sub(r"<a>(.*?)</a>", r"\1", html, flags=re.DOTALL)
    html = re.sub(r'<a href="(https?://[^"]*)">\1</a>', r"\1", html)
    blocks = r"\s*(</?(?:p|h\d|ul|ol|li|blockquote|pre|hr|table|thead|tbody|tr|th|td)\b[^>]*>)\s*"
    return re.sub(blocks, r"\1", html).replace("<tbody></tbody>", "").strip()


# Links and images


@pytest.mark.parametrize(
    "address", ["http://example.com", "https://example.com/a?b=1&c=2#d", "HTTPS://Example.com", "mailto:me@example.com"]
)
def test_a_link_to_the_web_or_to_mail_opens_in_a_new_tab_and_says_nothing_about_us(address: str) -> None:
    html = render(f"[text]({address})")

    address = address.replace("&", "&amp;")
    assert html == f'<p><a href="{address}" target="_blank" rel="noopener noreferrer nofollow">text</a></p>'


@pytest.mark.parametrize(
    "address",
    [
        "/admin/",
        "admin",
        "?a=b",
        "#top",
        "//evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java&#115;cript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "https:evil",
        "https:/evil",
        "https:\\\\evil.example",
        "http://good.example\\@evil.example",
        "http://",
        "http://[::1",
        "mailto:",
        "ftp://example.com",
    ],
)
def test_of_a_link_to_anywhere_else_only_the_text_stays(address: str) -> None:
    assert render(f"[text]({address})") == "<p>text</p>"


def test_a_bare_address_is_a_link_without_the_punctuation_behind_it() -> None:
    html = render("See http://example.com/a_(b), or (https://example.org/c_d).")

    assert re.findall(r'href="([^"]*)"', html) == ["http://example.com/a_(b)", "https://example.org/c_d"]


def test_a_bare_address_in_code_stays_text() -> None:
    assert render("`http://example.com`") == "<p><code>http://example.com</code></p>"


def test_a_remote_image_is_a_link_that_names_its_host() -> None:
    html = render("![a cat](https://img.example/cat.png)")

    assert html == (
        '<p><a class="chat-remote-image" href="https://img.example/cat.png" target="_blank" '
        'rel="noopener noreferrer nofollow">🖼 a cat (img.example)</a></p>'
    )


def test_a_remote_image_in_a_link_loads_nothing_either() -> None:
    html = render("[![badge](http://img.example/b.svg)](http://example.com)")

    assert '<span class="chat-remote-image">🖼 badge (img.example)</span></a>' in html
    assert "<img" not in html


def test_an_image_of_an_open_host_is_shown(settings: Any) -> None:
    settings.CHATAPP = {"IMAGE_HOSTS": ("img.example",)}

    html = render("![a <b>](https://img.example/cat.png 'title') ![x](https://sub.img.example/x.png)")

    assert 'src="https://img.example/cat.png" alt="a &lt;b&gt;" title="title"' in html
    assert 'loading="lazy" referrerpolicy="no-referrer">' in html
    assert html.count("<img") == 1


@pytest.mark.parametrize("address", ["/x.png", "data:image/png;base64,AAAA", "x.png", "mailto:a@b.example"])
def test_of_an_image_that_cannot_be_fetched_the_description_stays(address: str) -> None:
    assert render(f"![a cat]({address})") == "<p>a cat</p>"


# Code


def test_a_code_block_says_its_language_and_holds_exactly_what_was_said() -> None:
    html = render("```python\nif a < 1:\n\n\tpass  \n```")

    assert html.startswith('<div class="chat-code" data-language="python"><pre><code>')
    assert get_text(html) == "if a < 1:\n\n\tpass  \n"


@pytest.mark.parametrize("info", ["", '"><script>', "{.python}", "a" * 31, "héllo"])
def test_a_language_that_is_no_plain_name_is_not_named(info: str) -> None:
    assert render(f"```{info}\nx\n```") == '<div class="chat-code"><pre><code>x\n</code></pre></div>'


# Definitions


def test_a_reference_finds_its_definition_wherever_it_stands() -> None:
    html = render("[a] and [b][A]\n\n> [a]: http://first.example 'T'\n\n[a]: http://second.example")

    assert re.findall(r'href="([^"]*)" title="T"', html) == ["http://first.example"] * 2


def test_a_reference_without_definition_is_text() -> None:
    assert render("[a] [b][c] [^d]") == "<p>[a] [b][c] [^d]</p>"


def test_a_footnote_is_a_raised_label_and_a_note_at_the_end() -> None:
    html = render("a[^1] b[^x]\n\n[^1]: One *note*\n\n[^X]: Other\n\n    with more\n\nafter")

    assert html == (
        '<p>a<sup class="chat-note-ref">1</sup> b<sup class="chat-note-ref">x</sup></p><p>after</p>'
        '<ol class="chat-notes">\n<li><sup class="chat-note-label">1</sup> <p>One <em>note</em></p>\n</li>\n'
        '<li><sup class="chat-note-label">X</sup> <p>Other</p>\n<p>with more</p>\n</li>\n</ol>'
    )
