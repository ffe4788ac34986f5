"""The checker finds what it must find: else the corpus proves nothing."""

import pytest

from .checker import find_problems, find_text_problems

SAFE = [
    "<p>a</p>",
    "<p>a &lt;script&gt; b</p>",
    '<p><a href="https://a.example" title="&lt;hx-x" target="_blank" rel="noopener noreferrer nofollow">x</a></p>',
    '<div class="chat-code" data-language="c++"><pre><code><span class="k">if</span></code></pre></div>',
    '<p><button type="button" class="chat-suggestion" data-suggestion="a &lt;b&gt;" data-submit="">x</button></p>',
    '<p><math display="block"><mrow><mi>x</mi><mo stretchy="false">&lt;</mo></mrow></math></p>',
    '<div class="chat-table"><table><thead><tr><th align="right">a</th></tr></thead><tbody></tbody></table></div>',
    "",
]
UNSAFE = [
    ("<script>x</script>", "element"),
    ("<p onclick=x>a</p>", "attribute"),
    ("<p id=chat-title>a</p>", "attribute"),
    ("<p style=color:red>a</p>", "attribute"),
    ("<p hx-get=/x>a</p>", "attribute"),
    ("<p data-hx-get=/x>a</p>", "attribute"),
    ("<p ws-send>a</p>", "attribute"),
    ("<form></form>", "element"),
    ("<input>", "element"),
    ("<svg></svg>", "element"),
    ("<iframe></iframe>", "element"),
    ("<x-y></x-y>", "element"),
    ('<a href="javascript:x" target="_blank" rel="noopener noreferrer nofollow">a</a>', "url"),
    ('<a href="/x" target="_blank" rel="noopener noreferrer nofollow">a</a>', "url"),
    ('<a href="https:x" target="_blank" rel="noopener noreferrer nofollow">a</a>', "url"),
    ('<a href="https://a@b.example" target="_blank" rel="noopener noreferrer nofollow">a</a>', "url"),
    ('<a href="https://a.example" target="_blank">a</a>', "rel"),
    ('<a href="https://a.example" rel="noopener noreferrer nofollow">a</a>', "target"),
    ("<img src=https://a.example/x.png>", "image"),
    ("<img src=x>", "image"),
    ('<p title="<hx-x onclick=y">a</p>', "htmx-rewrite"),
    ("<hx-partial>a</hx-partial>", "htmx-rewrite"),
    ("<p>a</p><!-- b -->", "comment"),
    ("<p>a <kbd", "open-tag"),
    ("</div><p>a</p>", "breakout"),
    ("<div>a", "breakout"),
    ("<table><tr><td>a", "breakout"),
    ("<p>a</p></div></div></body>b", "breakout"),
    ("<details>a", "unbalanced"),
    ("<p><em>a</p></em>", "unbalanced"),
    ("a</kbd>", "unbalanced"),
    ("<span class=chat-composer onclick=x>a</span>", "attribute"),
    ('<span class="btn-primary">a</span>', "class"),
    ('<button class="chat-suggestion">a</button>', "button"),
    ('<button type="button" class="x">a</button>', "button"),
    (
        '<button type="button" class="chat-suggestion" data-suggestion=""><a href="https://a.example" target="_blank" '
        'rel="noopener noreferrer nofollow">a</a></button>',
        "nested",
    ),
    ("<math><mtext><img src=x></mtext></math>", "mathml-token"),
    ("<math><annotation-xml></annotation-xml></math>", "element"),
    ("<math href=https://a.example></math>", "attribute"),
    ("<math><mi style=x>a</mi></math>", "attribute"),
    ("<math><mi mathcolor='red;x:url(y)'>a</mi></math>", "attribute"),
    ("<p>a\u202eb</p>", "invisible"),
    ("<p>a\x00b</p>", "invisible"),
    ("<p>a\U000e0041b</p>", "invisible"),
]


@pytest.mark.parametrize("html", SAFE)
def test_safe_html_has_no_problem(html: str) -> None:
    assert find_problems(html) == []


@pytest.mark.parametrize(("html", "code"), UNSAFE)
def test_unsafe_html_has_its_problem(html: str, code: str) -> None:
    assert code in {problem.code for problem in find_problems(html)}


def test_an_image_is_safe_if_its_host_is_open() -> None:
    html = '<p><img src="https://img.example/x.png" alt="" loading="lazy" referrerpolicy="no-referrer"></p>'

    assert find_problems(html, image_hosts=("img.example",)) == []
    assert find_problems(html.replace("img.example", "img.example.evil"), image_hosts=("img.example",))


def test_text_by_itself_holds_no_markup() -> None:
    assert find_text_problems("a &lt;b&gt;") == []
    assert find_text_problems("a <b>")
