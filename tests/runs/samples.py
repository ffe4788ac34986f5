"""What an answer can be made of, at random: for each kind of part a few things to yield that give one.

A kind that is registered and is not here fails test_stream_equals_reload, so that nothing can be added that need not
keep the law.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from random import Random
from typing import Any, Final
from uuid import UUID

from django.utils.safestring import mark_safe

import chatapp
from chatapp.approvals import make_approval
from chatapp.events import PartDelta, PartEnd, PartStart, ThinkingDelta
from chatapp.figures import FiguresPart
from chatapp.parts import RawPart

Sample = Callable[[Random], list[Any]]

PIECES: Final = [
    "plain words ", "**bold** ", "a `code` ", "[link](https://example.org/) ", "[late] ", "äöü € 漢字 ", "\n", "\n\n",
    "\n\n", "# Heading\n", "- item\n", "1. one\n", "> quote\n", "```python\nprint(1)\n", "```\n",
    "| a | b |\n|---|---|\n| 1 | 2 |\n",
    "<b>html</b> ", "<details>\n", "$x^2$ ", "$$\ny\n$$\n", "***\n", "![i](https://evil.example/x.png) ",
    "\n<thinking>hm</thinking>\n", "    indented\n", "note[^1] ",
    "\n<thinking><topic>one</topic>\nhm <topic>two</topic>",
    '\n\n- <span class="suggestion" title="Next">go on</span>\n', '<span data-suggestion="x">y</span> ',
]  # fmt: skip
ENDINGS: Final = ["\n[late]: https://example.org/late\n", "\n[^1]: the note\n", "", ""]


def say(chance: Random) -> list[Any]:
    """Markdown, suggestions and tags of thinking, cut anywhere."""
    text = "".join(chance.choices(PIECES, k=chance.randint(0, 40))) + chance.choice(ENDINGS)
    pieces: list[Any] = []
    while text:
        cut = chance.randint(1, 30)
        pieces.append(text[:cut])
        text = text[cut:]
    return pieces


def one_of(*items: Any) -> Sample:
    """One of these; now and then it takes the place of another part."""

    def choose(chance: Random) -> list[Any]:
        item = chance.choice(items)
        is_keyed = isinstance(item, chatapp.Part) and chance.random() < 0.5
        return [PartStart(item, key="same") if is_keyed else item]

    return choose


def some_of(*items: Any) -> Sample:
    """A few of these, in any order."""
    return lambda chance: chance.sample(items, chance.randint(1, min(4, len(items))))


def grow(chance: Random) -> list[Any]:
    """Text or HTML that is no Markdown, bit by bit."""
    key = f"raw:{chance.random()}"
    pieces = ["<p>one <em>", "two & three", "</em>\n", "</p><script>x</script>", "äöü ", "<i", "mg src=x>"]
    said = [PartDelta(piece, key=key) for piece in chance.choices(pieces, k=chance.randint(0, 8))]
    part = RawPart(content_type=chance.choice(["text", "html"]), text=chance.choice(["", "begun"]))
    return [PartStart(part, key=key), *said, *([PartEnd(key)] if chance.random() < 0.5 else [])]


def ask(chance: Random) -> list[Any]:
    """A question; whoever plays the answer waits for what the person says."""
    kind = chance.choice(["text", "buttons", "radio", "select"])
    options = None if kind == "text" else chance.choice([["One", "Two"], ["<b>", "Two"]])
    return [chatapp.InputRequest(prompt=f"Which <{kind}>?", input_type=kind, options=options)]


APPROVAL: Final = make_approval(
    None, 1, tool="refund", title="Refund <it>", icon="", call_id="a", arguments={"order": 1, "b": "<b>"}, seconds=900
)

SAMPLES: Final[Mapping[str, Sample]] = {
    "text": say,
    "thinking": some_of(
        ThinkingDelta("let me see "), ThinkingDelta("<topic>plan</topic>"), chatapp.ThinkingPart(text="hm")
    ),
    "notice": one_of(chatapp.NoticePart(code="length", message="It was <cut> off.")),
    "figures": one_of(FiguresPart(provider="default", model="m", seconds=1.5, output_tokens=30, cost=Decimal("0.002"))),
    "error": one_of(chatapp.ErrorPart(code="failed", message="It <failed>.", reference="7F3K-2Q")),
    "html": one_of(
        mark_safe("<form><input name='x'></form>"),
        chatapp.HtmlPart(html="<p>not <script>x</script>trusted"),
    ),
    "raw": grow,
    "template": one_of(
        chatapp.TemplatePart(template="chatapp/_copy.html", text="Copy"),
        chatapp.TemplatePart(template="nobody/has/this.html"),
    ),
    "tool": some_of(
        chatapp.ToolCall(tool_id="t", name="search", arguments={"q": "<b>"}),
        chatapp.ToolProgress("t", "2 of 5"),
        chatapp.ToolResult(tool_id="t", result={"found": 3}),
        chatapp.ToolResult(tool_id="t", result="no", is_error=True),
        chatapp.ToolResult(tool_id="t", display=chatapp.ToolDisplay(markdown="**3**", open=True)),
        chatapp.ToolProgress("t", "3 of 5", chatapp.ToolDisplay(text="half <b>", open=True)),
        chatapp.ToolProgress("t", "", chatapp.ToolDisplay(parts=["**4**", chatapp.NoticePart(code="x", message="y")])),
        chatapp.ToolCall(tool_id="u", name="look_up"),
        chatapp.ToolResult(tool_id="v", result="x" * 300),
    ),
    "context": one_of(chatapp.ContextPart(source="sales", name="Sales <data>", text="<b>1</b>")),
    "citation": one_of(
        chatapp.CitationPart(url="https://example.org/", title="E", snippet="<s>", grounded_text="words"),
        chatapp.CitationPart(url="/here/"),
    ),
    "question": ask,
    # Only those that are decided: an open one is bound to the run that asks.
    "approval": one_of(
        APPROVAL.model_copy(update={"state": "answered", "answer": "deny", "decided_by": "<b>"}),
        APPROVAL.closed("expired"),
    ),
    "file": one_of(
        chatapp.FilePart(attachment=UUID(int=1), name="<b>.csv", media_type="text/csv", size_bytes=12, preview="a,<b>"),
        chatapp.FilePart(
            attachment=UUID(int=2), name='"i".png', media_type="image/png", size_bytes=9, width=2, height=1
        ),
    ),
    "code-artifact": one_of(chatapp.CodeArtifact(content="if a < b:\n    pass\n", language="python")),
    "markdown-artifact": one_of(chatapp.MarkdownArtifact(content="# Title\n\n| a | b |\n|---|---|\n| 1 | 2 |")),
    "html-artifact": one_of(chatapp.HtmlArtifact(content="<script>document.title = 'x'</script>")),
    "table-artifact": one_of(chatapp.TableArtifact(data=[{"a": "<b>", "b": 1}, {"a": None, "b": 2.5}])),
    "chart-artifact": one_of(
        chatapp.ChartArtifact(figure={"data": [{"y": [3, None]}], "layout": {"title": "<b>"}}),
        chatapp.ChartArtifact(spec={"mark": "bar", "title": "<b>"}),
    ),
    "image-artifact": one_of(chatapp.ImageArtifact(url="https://img.example/x.png", alt="An <image>")),
    "json-artifact": one_of(chatapp.JsonArtifact(data={"a": [1, {"b": None}]})),
    "unknown": one_of({"kind": "of-an-app-that-is-gone", "rows": [{"a": "<b>"}]}),
}
"""By kind; `unknown` is what an app that was removed has left behind."""

EVENTS: Final[Sample] = one_of(
    chatapp.Status("busy"),
    chatapp.Status(""),
    chatapp.TodoUpdate([{"id": 1, "title": "One", "status": "completed"}]),
    chatapp.TodoUpdate([{"id": 1, "title": "<b>"}, {"id": "b", "title": "Two", "status": "in-progress"}]),
    chatapp.TodoUpdate([]),
)
"""What is shown and is no part."""


def mix(chance: Random) -> list[Any]:
    """What one answer yields: text, and between any two of its pieces whatever else there is."""
    script = [[piece] for piece in say(chance)]
    kinds = chance.choices(sorted(SAMPLES), k=chance.choice([0, 0, 1, 3, 8]))
    for sample in [*(SAMPLES[kind] for kind in kinds), *([EVENTS] * chance.choice([0, 0, 1, 3]))]:
        script.insert(chance.randint(0, len(script)), sample(chance))
    return [item for items in script for item in items]
