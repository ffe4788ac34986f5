"""Random Markdown: every construct beside every other, finished and unfinished."""

import os
import re
from random import Random

EXAMPLES = int(os.environ.get("CHATAPP_EXAMPLES", "2000"))
"""How many random documents a property is tried on."""

WORDS = (
    "plain words here",
    "naïve Straße 東京 🏴 עברית",
    "*em*",
    "**strong**",
    "***both***",
    "**open",
    "a *b **c* d**",
    "_x_ snake_case_name",
    "~~gone~~",
    "`code`",
    "``a ` b``",
    "`open",
    "[link](http://example.com/a?b=1&c=2)",
    "[bad](javascript:alert(1))",
    "[late]",
    "[text][Late]",
    "[early][]",
    "![pic](https://img.example/x.png 'title')",
    "![ref][early]",
    "<http://auto.example>",
    "<me@mail.example>",
    "note[^1]",
    "note[^b] and [^nowhere]",
    "<b>raw</b>",
    "H<sub>2</sub>O",
    "<kbd>open",
    "</sup>",
    "<br>",
    '<span class="suggestion submit" data-suggestion="a &quot;b&quot;">press</span>',
    "<kbd class='suggestion' title='Head'>press *it*</kbd>",
    "<span data-suggestion='a > b'>",
    "<span>no</span>",
    "<script>alert(1)</script>",
    "$x^2$",
    "$5-$6",
    "US$5 and US$6",
    r"\(a_1 *b* \)",
    r"\(open",
    r"\[ c \]",
    "$$ \\frac{1}{2} $$",
    "&amp; &lt;b&gt; &copy; &#0; &bogus;",
    "a\\*b \\_ \\[ \\` \\<",
    "a | b",
    "line\\\nbroken",
    "two  \nspaces",
    "http://bare.example",
    "\u00a0\u200f\u202e\ufeff\x00\x1b",
    "|",
    "!",
    "[",
    "](",
    "<",
    "1986. A year",
    "# not a heading",
)
FENCES = ("```", "````", "~~~", "   ```", "  ~~~~")
LANGUAGES = ("", "python", "js", "c++", "no-such", "<b>", "python title=x", "{.r}")
CODE = (
    "x = 1",
    "",
    "    indented",
    "  two",
    "<div>&amp;",
    "``",
    "```",
    "~~~",
    "# no heading",
    "\tTab $x$",
    "- no item",
    "[late]: /x",
)
HTML = (
    "<div>\n*raw*\n</div>",
    "<details><summary>More</summary>\nhidden\n</details>",
    "<details>\n<summary>More *x*</summary>\n\nA paragraph\n\n- item\n\n</details>",
    "<details>",
    "</details>",
    "<details><details>\n\n</details>",
    "<summary>alone</summary>",
    "<!-- comment",
    "-->",
    "<!-- done -->",
    "<pre>\nx",
    "<script>\nlet x\n",
    "<style>",
    "<?php",
    "<![CDATA[",
    "<!DOCTYPE html>",
    "<kbd>\nx\n</kbd>",
    "<p id=a onclick=b>",
    "<table><tr><td>x",
)
CARDS = (
    '- <span class="suggestion">One</span>\n- <span class="suggestion submit" title="Two">2 **b** [late]</span>',
    '7. <mark data-suggestion="x">a `b`</mark>\n\n8. <sup class=suggestion>c\n   d</sup>',
    '* <span class="suggestion">a</span>\n* <span class="suggestion">b</span> and more',
    '- <span class="suggestion">a</span>\n- <span class="suggestion">never ended',
    '- <span class="suggestion">a</span>\n\n  <span class="suggestion">b</span>',
    '- <span class="suggestion">a <span>b</span></span>\n-\n- <kbd class="suggestion">$x$</kbd>',
    '+ <span class="suggestion">a</span>\n  - <span class="suggestion">nested</span>',
)
DEFINITIONS = (
    "[late]: http://late.example 'Title'",
    "[early]: http://early.example",
    "[late]: http://second.example",
    "[late]:\n  http://third.example\n  'over\n  lines'",
    "[early]: http://x.example\n'title that\ngoes on'",
    "[early]: http://x.example\n'title that never ends",
    "[open]:",
    "[^1]: The note",
    "[^1]: The second\n\n    with a paragraph\n\n        and code",
    "[^b]: lazy\ncontinued [late] [^1]",
    "[^c]:",
    "> [late]: http://quoted.example",
    "> [^b]: quoted note",
    "- [^b]: note in a list",
)
FORMULAS = (
    "$$\na\n= b\n- c\n$$",
    "\\[\na\n=\nb_1 + b_2\n\\]",
    "$$\nopen\n- item",
    "\\[\n\n\\]",
    "\\( a\nb \\) and \\(c\\)",
    "# \\( heading\nafter \\)",
    "| \\(a | b |\n|---|---|\n| c\\) | $|x|$ |",
    "> $$\n> x > 1\n> $$",
    "$$\n> x\n$$",
    "`\\(a`\\)",
    "$$ `code` $$",
    "\\[ " + "x" * 50 + " \\foo \\]",
)
TABLES = (
    "| a | b |\n|---|:-:|\n| 1 | 2 |\n| 3 |",
    "a | b\n-|-\nc | d | e",
    "| a |\n|---|",
    "| a |\n",
    "|:--|\n",
    "text\n| a | b |\n|---|---|\n| 1 | 2 |",
)
_SPECIAL = re.compile(r"[<$&!\x00\u202e]|\\[(\[]|\[\^")
INDENTS = (
    "",
    "",
    "",
    "",
    " ",
    "   ",
    "    ",
    "\t",
    "> ",
    ">",
    "> > ",
    "- ",
    "* ",
    "1. ",
    "12) ",
    "  - ",
    "- [ ] ",
    "- [x] ",
    "+ ",
)
ENDINGS = ("\n\n", "\n\n", "\n\n", "\n", "\n", "\n\n\n", "\r\n\r\n", "\r\n", "\r", "", " \n", "\n \n", "\n>\n", "\\\n")


def make_document(seed: int, *, size: int = 8) -> str:
    """A document of up to `size` blocks."""
    random = Random(seed)
    make = _Maker(random)
    return "".join(make.block() + random.choice(ENDINGS) for _ in range(random.randint(1, size)))


def make_plain_document(seed: int) -> str:
    """A document of what every Markdown knows: no HTML, formulas, footnotes, images."""
    random = Random(seed)
    pick = _Maker(random, is_plain=True)
    blocks = [pick.block() + random.choice(ENDINGS).replace("\r\n", "\n").replace("\r", "\n") for _ in range(6)]
    return "".join(blocks)


def make_cuts(source: str, seed: int) -> list[str]:
    """`source` in pieces: single characters, words, lines, or all at once."""
    random = Random(~seed)
    # One by one only where there are few of them: that is where most of the time would go.
    widest = random.choice((1 if len(source) < 150 else 20, 12, 40, 120, 400, len(source) or 1))
    pieces: list[str] = []
    position = 0
    while position < len(source):
        end = position + random.randint(1, widest)
        pieces.append(source[position:end])
        position = end
    return pieces


class _Maker:
    """Makes blocks from one source of randomness."""

    def __init__(self, random: Random, *, is_plain: bool = False) -> None:
        self._random = random
        self._words = tuple(word for word in WORDS if not (is_plain and _SPECIAL.search(word)))
        self._code = tuple(line for line in CODE if not (is_plain and _SPECIAL.search(line)))
        self._indents = tuple(indent for indent in INDENTS if not (is_plain and "[" in indent))
        definitions = tuple(text for text in DEFINITIONS if not (is_plain and "[^" in text))
        self._others = (TABLES, definitions) if is_plain else (TABLES, definitions, HTML, FORMULAS, CARDS)
        self._languages = ("", "python") if is_plain else LANGUAGES

    def block(self) -> str:
        """One block, perhaps indented or in a container."""
        random = self._random
        others = (self._list, self._heading, self._fence, self._other, self._other)
        block = random.choice((self._lines, self._lines, self._lines, *others))()
        prefix = random.choice(self._indents)
        if prefix and random.random() < 0.5:
            return "\n".join(prefix + line for line in block.split("\n"))
        return prefix + block if random.random() < 0.2 else block

    def _lines(self) -> str:
        words = (self._random.choice(self._words) for _ in range(self._random.randint(1, 6)))
        return self._random.choice((" ", "\n", "")).join(words)

    def _list(self) -> str:
        random = self._random
        lines = []
        for _ in range(random.randint(1, 5)):
            marker = random.choice(("- ", "- ", "* ", "1. ", "2. ", "  - ", "    - ", "-\t", "-", "+ "))
            lines.append(marker + self._lines().replace("\n", random.choice(("\n", "\n  ", "\n\n  ", "\n\n"))))
        return random.choice(("\n", "\n", "\n\n")).join(lines)

    def _heading(self) -> str:
        random = self._random
        if random.random() < 0.5:
            return "#" * random.randint(1, 7) + " " + random.choice(self._words)
        return self._lines() + "\n" + random.choice(("===", "---", "=", "-", "***", "- - -", "--x"))

    def _fence(self) -> str:
        random = self._random
        fence = random.choice(FENCES)
        code = (random.choice(self._code) for _ in range(random.randint(0, 5)))
        lines = [fence + random.choice(self._languages), *code]
        if random.random() < 0.7:
            lines.append(random.choice((fence, fence + "`", fence + "  ", fence.strip() + fence.strip(), "```")))
        return "\n".join(lines)

    def _other(self) -> str:
        return self._random.choice(self._random.choice(self._others))
