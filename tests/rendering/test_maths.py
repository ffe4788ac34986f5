"""Formulas: where they are, where there are none, and what MathML they become."""

import re

import pytest

from chatapp.rendering.markdown import render
from chatapp.rendering.maths import MAX_TEX, Formula, render_formula


def find_formulas(source: str) -> list[str]:
    """TeX of the formulas that `source` shows, told by what could not be converted."""
    return [
        found[2:-2].strip() for found in re.findall(r'<code class="chat-tex">(.*?)</code>', render(source), re.DOTALL)
    ]


@pytest.mark.parametrize(
    "source",
    [
        "$x^2$",
        "$$x^2$$",
        "\\(x^2\\)",
        "\\[x^2\\]",
        "$$\nx^2\n$$",
        "\\[\n  x^2\n\\]",
        "**$x^2$**",
        "# $x^2$",
        "- \\[\n  x^2\n  \\]",
    ],
)
def test_a_formula_becomes_mathml(source: str) -> None:
    assert "<msup><mi>x</mi><mn>2</mn></msup>" in render(source)


@pytest.mark.parametrize(
    ("source", "display"), [("$x$", "inline"), ("\\(x\\)", "inline"), ("$$x$$", "block"), ("\\[x\\]", "block")]
)
def test_a_formula_stands_in_its_line_or_by_itself(source: str, display: str) -> None:
    assert f'<math display="{display}">' in render(source)


@pytest.mark.parametrize(
    "source",
    [
        "$25 is more than $24",
        "$5-$6",
        "US$5 and US$6",
        "between $10 and 20$",
        "$5 $",
        "$ 5$",
        "costs 5$ or 6$",
        "$a and $b",
        "$HOME/bin:$PATH",
        "$HOME:$PATH",
        "a\\$b$",
        "$$",
        "$",
        "$x$5",
    ],
)
def test_money_and_variables_are_no_formulas(source: str) -> None:
    html = render(source)

    assert "<math" not in html
    assert "chat-tex" not in html


@pytest.mark.parametrize("source", ["$2^n$", "$10 \\pm 2$", "$5x = y$ and $2^n$"])
def test_a_number_before_tex_is_no_money(source: str) -> None:
    assert "<math" in render(source)


@pytest.mark.parametrize(
    "source",
    [
        "`$x$`",
        "``\\(x\\)``",
        "```\n$$x$$\n```",
        "    $x$",
        "<div>\n$x$\n</div>",
        "- a\n\n      $x$",
        '<span title="$x$">',
    ],
)
def test_in_code_and_in_raw_html_there_is_no_formula(source: str) -> None:
    assert "<math" not in render(source)


def test_a_formula_does_not_reach_over_code() -> None:
    assert render("\\(a `\\)` b\\)") == "<p>(a <code>\\)</code> b)</p>"


def test_a_formula_does_not_reach_over_a_blank_line() -> None:
    assert "<math" not in render("\\[\n\nx\n\n\\]")


@pytest.mark.parametrize(
    "source", ["# a \\(b\nc\\) d", "| \\(a | b |\n|---|---|\n| c\\) | d |", "- \\(a\n\n  b\\)", "> \\(a\nb\\)\n> c"]
)
def test_a_formula_stays_in_its_heading_cell_or_paragraph(source: str) -> None:
    assert "<math" not in render(source)


def test_an_address_keeps_its_dollars() -> None:
    assert 'href="http://x.example/$a$b"' in render("[$y$](http://x.example/$a$b)")


def test_markdown_in_a_formula_is_tex() -> None:
    html = render("\\(\\mathbf{x}_{1} * y\\) and \\(\\mathbf{z}_{2} * y\\)")

    assert html.count("<msub>") == 2
    assert "<em>" not in html


@pytest.mark.parametrize("line", ["= b", "=", "- b", "+ b", "> b", "# b", "1. b", "    b", "| b"])
def test_lines_of_a_formula_are_no_blocks(line: str) -> None:
    html = render(f"$$\na\n{line}\nc\n$$\n\nafter")

    assert re.fullmatch(
        r'<p>(<math display="block">.*</math>|<code class="chat-tex">.*</code>)</p><p>after</p>', html, re.DOTALL
    )


def test_the_quote_marks_around_a_formula_are_not_part_of_it() -> None:
    html = render("> $$\n> x > 1\n> $$")

    assert "<mi>x</mi><mo>&gt;</mo><mn>1</mn>" in html
    assert html.count("&gt;") == 1


def test_a_bar_in_a_formula_ends_no_cell() -> None:
    html = render("| a | b |\n|---|---|\n| $|x|$ | 2 |")

    assert html.count("<td>") == 2
    assert '<mo stretchy="false">|</mo><mi>x</mi>' in html


def test_what_cannot_be_converted_is_shown_as_it_was_written() -> None:
    assert render("a \\(\\foo{x} < 1\\)") == '<p>a <code class="chat-tex">\\(\\foo{x} &lt; 1\\)</code></p>'


@pytest.mark.parametrize(
    "tex",
    [
        "\\foo{x}",
        "x_",
        "{",
        "\\left(",
        "\\def\\a{bb}\\a",
        "\\newcommand{\\a}{b}\\a",
        "\\renewcommand{\\a}{b}\\a",
        "\\gdef\\a{b}",
        "\\let\\a=b",
        "\\DeclareMathOperator{\\a}{b}",
        "\\newenvironment{a}{b}{c}",
        "\\begin{nothing}x\\end{nothing}x\\nothing",
        "\\sqrt" * 900,
        "{" * 900 + "}" * 900,
        "x" * (MAX_TEX + 1),
        "\\!" * 50,
    ],
)
def test_a_formula_that_is_too_much_or_not_understood_is_not_converted(tex: str) -> None:
    assert render_formula(Formula(tex, display=False, source="")) is None


@pytest.mark.parametrize(
    "tex",
    [
        "\\frac{a}{b}",
        "\\int_0^\\infty e^{-x^2}\\,dx",
        "\\begin{aligned} a &= b \\\\ c &= d \\end{aligned}",
        "\\begin{align} a &= b \\end{align}",
        "\\begin{gathered} a \\\\ b \\end{gathered}",
        "\\begin{cases} 1 & x>0 \\\\ 0 & \\text{otherwise} \\end{cases}",
        "\\begin{bmatrix} 1 & 2 \\\\ 3 & 4 \\end{bmatrix}",
        "\\left( \\frac{1}{2} \\right)",
        "\\mathbb{R} \\to \\mathcal{L}",
        "\\hat{x} \\vec{v} \\overline{AB}",
        "\\boxed{42}",
        "\\underbrace{a+b}_{c}",
        "100\\%",
        "\\{1, 2\\}",
    ],
)
def test_what_people_write_in_answers_is_converted(tex: str) -> None:
    html = render_formula(Formula(tex, display=True, source=""))

    assert html is not None
    assert "&amp;" not in html
    assert "\\" not in html


@pytest.mark.parametrize(
    "tex",
    [
        "\\href{javascript:alert(1)}{x}",
        "\\class{evil}{x}",
        "\\style{position:fixed}{x}",
        "\\text{<img src=x onerror=alert(1)>}",
        "\\text{&lt;img src=x onerror=alert(1)&gt;}",
        "\\operatorname{<script>}",
        "\\color{red;position:fixed}{x}",
        '\\color{"><script>}{x}',
        "\\hspace{-9999em}x",
        "\\rule{9999em}{9999em}",
        "\\unicode{3C}script>",
        "\\unicode{x3c}",
        "\\verb|<b>|",
    ],
)
def test_tex_brings_no_attributes_and_no_html_of_its_own(tex: str) -> None:
    html = render(f"\\({tex}\\)")

    assert not re.search(r"href=|class=\"(?!chat-tex)|style=|<(?!/?(p|m[a-z]+|code)\b)|9999em\"", html)


def test_a_token_holds_text_only() -> None:
    html = render("\\(\\hbox{a $b$ c}\\mbox{<b>}\\)")

    assert not re.search(r"<(mi|mo|mn|mtext)\b[^>]*>[^<]*<(?!/\1>)", html)
