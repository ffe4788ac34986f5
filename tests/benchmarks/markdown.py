"""What Markdown costs while it streams: `python -m tests.benchmarks.markdown`.

A flush at 1, 10 and 100 kB of answer should cost the same. An open block may cost more the longer it is, but the pace
it asks for keeps the share of a processor bounded. A hostile shape should cost in proportion to its length: exponent 1.

CPU time of this process; other work on the machine blurs it, so look at the ratios.
"""

import math
import os
import sys
from collections.abc import Callable
from time import process_time

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from chatapp.rendering import highlighting, maths  # noqa: E402  # they read settings
from chatapp.rendering.markdown import MarkdownStream  # noqa: E402
from chatapp.rendering.stream import Stream  # noqa: E402
from chatapp.rendering.thinking import ThinkingSplitter  # noqa: E402

FLUSH_SECONDS = 0.05
DELTA = "four or so"  # what comes in one flush, at 50 tokens a second

PARAGRAPH = (
    "The **quick** brown fox `jumps` over the *lazy* dog, reads [a page](https://example.com/page) and goes on to say "
    "how little all of that costs. "
)
SECTION = f"""## A heading of an answer

{PARAGRAPH}{PARAGRAPH}

- a first item
- a second, **bolder** one
- a third with `code`

{PARAGRAPH}

```python
def area(radius: float) -> float:
    return math.pi * radius**2  # a comment
```

| what | how much |
|------|---------:|
| this | 1 |
| that | 2 |

The sum \\(\\sum_{{i=1}}^n i\\) is $\\frac{{n(n+1)}}{{2}}$.

"""

OPEN = {
    "sections": SECTION,
    "fence": ("```python\n", "    total = add(total, row.price)  # of all\n"),
    "paragraph": ("", PARAGRAPH),
    "list": ("", "- an item with some **words** and `code`\n"),
    "table": ("| a | b | c |\n|---|---|---|\n", "| some | words | `code` |\n"),
    "quote": ("", "> a line of a **quotation** that goes on\n"),
    "formula": ("$$\n", "x_1 + \\frac{a}{b}\n"),
    "details": ("<details>\n<summary>More</summary>\n\n", "A paragraph.\n\n"),
    "definitions": ("Text.\n\n", "[label-%d]: https://example.com/page\n"),
}
"""Shapes of an answer that goes on: how it begins, and what repeats."""

HOSTILE: dict[str, Callable[[int], str]] = {
    "quotes deep": lambda n: ">" * n,
    "quotes, one more a line": lambda n: "\n".join(">" * i for i in range(int(math.sqrt(2 * n)))),
    "lists deep": lambda n: "\n".join("  " * i + "- x" for i in range(int(math.sqrt(n)))),
    "list markers": lambda n: "- " * (n // 2),
    "open brackets": lambda n: "[" * n,
    "images": lambda n: "![" * (n // 2),
    "brackets": lambda n: "[a]" * (n // 3),
    "closed brackets": lambda n: "[" * (n // 2) + "]" * (n // 2),
    "link starts": lambda n: "[a](" * (n // 4),
    "link destinations": lambda n: "[a](<b" * (n // 6),
    "emphasis": lambda n: "*a **b " * (n // 7),
    "emphasis, mixed": lambda n: "*_~" * (n // 3),
    "emphasis, closed late": lambda n: "*" * (n // 2) + "a" + "*" * (n // 2),
    "underscores": lambda n: "a_" * (n // 2),
    "struck": lambda n: "~~a " * (n // 4),
    "backticks, growing": lambda n: " ".join("`" * i for i in range(int(math.sqrt(2 * n)))),
    "backticks": lambda n: "`a" * (n // 2),
    "escapes": lambda n: "\\" * n,
    "entities": lambda n: "&#x" * (n // 3),
    "open tags": lambda n: "<a " * (n // 3),
    "known tags": lambda n: "<kbd>" * (n // 5),
    "known tags, ended": lambda n: "<kbd>" * (n // 11) + "</kbd>" * (n // 11),
    "tags, crossed": lambda n: "<sub><kbd></sub></kbd>" * (n // 22),
    "spans": lambda n: '<span class="suggestion">' * (n // 25) + "</span>" * 9,
    "attributes": lambda n: "<span " + "a='b' " * (n // 6) + ">",
    "comments": lambda n: "<!-- " * (n // 5),
    "declarations": lambda n: "<!A " * (n // 4),
    "instructions": lambda n: "<?" * (n // 2),
    "details, one after the other": lambda n: "<details>\n\n" * (n // 11),
    "details in one line": lambda n: "<details>" * (n // 9),
    "details, ended": lambda n: "<details>\n\n" * (n // 24) + "</details>\n\n" * (n // 24),
    "sparse table": lambda n: "|" * (n // 4) + "\n" + "|-" * (n // 8) + "|\n" + "|\n" * (n // 4),
    "table rows": lambda n: "|a|b|\n|-|-|\n" + "|c|d|\n" * (n // 6),
    "definitions": lambda n: "".join(f"[a{i}]: /x\n" for i in range(n // 12)),
    "definitions used": lambda n: f"[a]: http://x/{'y' * 1000}\n\n" + "[a] " * (n // 4),
    "title never ended": lambda n: "[a]: /x '" + "b\n" * (n // 2),
    "footnotes": lambda n: "".join(f"[^{i}]: x\n" for i in range(n // 10)),
    "footnote references": lambda n: "[^1] " * (n // 10) + "\n\n" + "".join(f"[^{i}]: x\n" for i in range(n // 20)),
    "footnotes deep": lambda n: "[^1]: " * (n // 6),
    "money": lambda n: "$1 " * (n // 3),
    "dollars": lambda n: "$" * n,
    "dollar words": lambda n: "$a " * (n // 3),
    "formula starts": lambda n: "\\( " * (n // 3),
    "formula starts, both": lambda n: "\\( \\[ $$ " * (n // 9),
    "formulas": lambda n: "$x$ " * (n // 4),
    "formulas, one long": lambda n: "$$" + "a+" * (n // 2) + "$$",
    "formulas across cells": lambda n: "|\\(|\\)|\n|-|-|\n" + "|\\(|\\)|\n" * (n // 9),
    "headings": lambda n: "# a\n" * (n // 4),
    "underlines": lambda n: "a\n=\n" * (n // 4),
    "rules": lambda n: "***\n" * (n // 4),
    "blank lines": lambda n: "a" + "\n" * n,
    "blanks": lambda n: " " * n + "a",
    "tabs": lambda n: "\t" * n + "a",
    "one word": lambda n: "a" * n,
    "fences": lambda n: "```\n" * (n // 4),
    "fences, longer": lambda n: "".join("`" * (3 + i) + "\n" for i in range(int(math.sqrt(2 * n)))),
    "python": lambda n: ("```python\n" + "x = (\n" * 3000 + "```\n\n") * (n // 18_000 or 1),
    "code of few words": lambda n: ("```c\n" + " \n" * 200 + "//\n" * 5800 + "```\n\n") * (n // 18_000 or 1),
    "addresses": lambda n: "http://a.b/)))" * (n // 14),
    "one address": lambda n: "http://a.b/" + ")" * n,
    "autolinks": lambda n: "<http://a" * (n // 9),
    "carriage returns": lambda n: "\r" * n,
}


def measure_flush(start: str, unit: str, size: int, *, flushes: int = 120) -> tuple[float, float]:
    """Seconds that a flush costs in an answer that has `size` characters, and seconds of pace it asks for."""
    text = start + unit * (size // len(unit) + 1)
    text = text[: text.rfind("\n", 0, size) + 1] if "\n" in unit else text[:size]
    stream = MarkdownStream(text)
    stream.step()
    coming = unit * (flushes * len(DELTA) // len(unit) + 1)
    took = pace = 0.0
    for index in range(flushes):
        stream.append(coming[index * len(DELTA) : (index + 1) * len(DELTA)])
        began = process_time()
        step = stream.step()
        took += process_time() - began
        pace = max(pace, step.pace)
    return took / flushes, pace


def measure_whole(source: str) -> float:
    """Seconds that a document costs at once, without what has been kept from before."""
    best = math.inf
    for _ in range(3):
        highlighting._highlight.cache_clear()
        maths._convert.cache_clear()
        stream: Stream = MarkdownStream(source)
        began = process_time()
        stream.finish()
        best = min(best, process_time() - began)
        if best > 0.5:
            break
    return best


def measure_splitter(source: str) -> float:
    """Seconds that it takes to look for thinking in `source`, fed in deltas."""
    splitter = ThinkingSplitter()
    began = process_time()
    for index in range(0, len(source), len(DELTA)):
        splitter.feed(source[index : index + len(DELTA)])
    splitter.finish()
    return process_time() - began


def print_flushes() -> None:
    """How much a flush costs, by the length of the answer."""
    sizes = f"{'1 kB':>9} {'10 kB':>9} {'100 kB':>9}"
    print(f"{'a flush while this goes on':30} {sizes}  {'ratio':>6}  {'pace':>6}  share of a CPU")
    for name, shape in OPEN.items():
        start, unit = shape if isinstance(shape, tuple) else ("", shape)
        costs = [measure_flush(start, unit, size) for size in (1_000, 10_000, 100_000)]
        took, pace = costs[-1]
        share = took / max(pace, FLUSH_SECONDS)
        cells = " ".join(f"{cost * 1e6:6.0f} µs" for cost, _ in costs)
        print(f"{name:30} {cells}  {took / costs[0][0]:6.1f}  {pace:4.2f} s  {share:6.2%}")


def print_hostile(names: list[str]) -> None:
    """How the cost of hostile shapes grows. Exponent 1 is linear."""
    print(f"\n{'a whole document of this':30} {'25 kB':>9} {'100 kB':>9}  exponent  {'HTML':>8}  splitter, 100 kB")
    for name in names or HOSTILE:
        make = HOSTILE[name]
        short, long = measure_whole(make(25_000)), measure_whole(make(100_000))
        exponent = math.log(long / max(short, 1e-6), 4)
        stream = MarkdownStream(make(100_000))
        stream.finish()
        html = len(stream.settled_html)
        split = measure_splitter(make(100_000))
        took = f"{short * 1e3:6.1f} ms {long * 1e3:6.1f} ms"
        print(f"{name:30} {took}  {exponent:8.2f}  {html / 1e3:5.0f} kB  {split * 1e3:6.1f} ms")


if __name__ == "__main__":
    print_flushes()
    print_hostile(sys.argv[1:])
