"""What the catalogue shows: every kind of part in every state that it has, and what is hard to draw.

A new kind of part gets its list in PARTS (an artifact in artifacts.py), with a specimen for each state and for what may
break its look: nothing, much, long words, another direction of writing. tests/project/test_catalogue.py asks for it.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, Literal
from uuid import UUID

from django.utils.safestring import SafeString

from chatapp.activity import CitationPart, ToolCallPart, ToolDisplay, ToolState
from chatapp.approvals import DECISIONS, ApprovalRequest
from chatapp.artifacts import TableArtifact
from chatapp.contexts import ContextPart
from chatapp.figures import FiguresPart
from chatapp.files.parts import FilePart
from chatapp.parts import ErrorPart, HtmlPart, NoticePart, RawPart, TemplatePart, TextPart, ThinkingPart, UnknownPart
from chatapp.questions import InputRequest
from chatapp.todos import TodoItem

from .artifacts import ARTIFACTS
from .specimen import ARABIC, HEBREW, LONG_WORD, PROSE, Specimen

INLINE: Final = (
    'I can <span class="suggestion">write the reply</span> or <span class="suggestion submit">show the policy</span>.'
)

CARDS: Final = """\
What next?

1. <span class="suggestion" title="Refund">Book the refund of order 10432</span>
2. <span class="suggestion submit" title="Letter">Draft it in French</span>
3. <span class="suggestion">What about opened items?</span>
"""

TOPICS: Final = (
    "<topic>Reading the order</topic>Delivered 18 days ago, paid by card, one item opened.\n"
    "<topic>Comparing both policies</topic>The summer rule ended in September, so the window of 30 days applies."
)


DECIDED: Final = datetime(2026, 11, 20, 9, 41, tzinfo=UTC)


def _tool(state: ToolState, **fields: object) -> ToolCallPart:
    given = {"name": "book_refund", "arguments": {"order": 10432, "amount": "122.10"}, **fields}
    return ToolCallPart.model_validate({"tool_id": "call_1", "state": state, **given})


def _approval(decision: str = "", **fields: object) -> ApprovalRequest:
    given = {"tool": "book_refund", "title": "Book a refund", "arguments": {"order": 10432, "amount": "122.10"}}
    decided = {"state": "answered", "answer": decision, "decided_by": "Ada", "decided_at": DECIDED} if decision else {}
    rest = {"id": "approval_1", "input_type": "buttons", "options": DECISIONS, "call_id": "1", "expires_at": DECIDED}
    return ApprovalRequest.model_validate({**given, **rest, **decided, **fields})


def _file(name: str, media_type: str, *, preview: str = "") -> FilePart:
    return FilePart(attachment=UUID(int=1), name=name, media_type=media_type, size_bytes=84_000, preview=preview)


def _question(
    input_type: Literal["text", "buttons", "radio", "select"],
    state: Literal["open", "answered", "cancelled", "expired"],
    options: Sequence[str] | None = None,
) -> InputRequest:
    chosen = [*options] if options else ["Home, Rue de Bourg 4", "Office", HEBREW] if input_type != "text" else None
    fields = {"prompt": "Which address should the label use?", "input_type": input_type, "options": chosen}
    answer = (chosen or [ARABIC])[0] if state == "answered" else None
    return InputRequest.model_validate({**fields, "id": "input_1", "state": state, "answer": answer})


QUESTIONS: Final = tuple(
    Specimen(f"{input_type}, {state}", [_question(input_type, state)], "waiting" if state == "open" else "complete")
    for input_type in ("buttons", "radio", "select", "text")
    for state in ("open", "answered", "expired", "cancelled")
)

PARTS: Final[Mapping[str, Sequence[Specimen]]] = {
    "text": (
        Specimen("Markdown", [TextPart(text=PROSE)]),
        Specimen("right to left", [TextPart(text=f"{ARABIC}\n\n- {ARABIC}\n- {HEBREW}")]),
        Specimen("HTML of the model is text", [TextPart(text='<b onclick="x">bold</b>\n\n<script>alert(1)</script>')]),
        Specimen("a remote image is a link", [TextPart(text="![A kettle](https://example.org/kettle.png)")]),
        Specimen("empty", [TextPart(text="")]),
        Specimen("still coming", [TextPart(text="The first half is settled.\n\n```python\nreturn")], "streaming"),
        Specimen("suggestions", [TextPart(text=INLINE)]),
        Specimen("cards", [TextPart(text=CARDS)]),
        Specimen("cards, still coming", [TextPart(text=CARDS.rstrip())], "streaming"),
        Specimen("of a person", [TextPart(text=f"Refund 10432?\n\n**Literal.** {LONG_WORD}")], is_user=True),
        Specimen("of a person, right to left", [TextPart(text=ARABIC)], is_user=True),
    ),
    "raw": (
        Specimen("text, still coming", [RawPart(text=f"**Not bold**\n{ARABIC}\n{LONG_WORD}")], "streaming"),
        Specimen("text", [RawPart(text="**Not bold**\n  indented")]),
        Specimen("HTML, sanitised", [RawPart(text="<b>Bold</b><script>alert(1)</script>", content_type="html")]),
        Specimen("empty", [RawPart()]),
    ),
    "context": (
        Specimen(
            "mentioned by a person",
            [ContextPart(source="sales", name="Sales data", text="31 kettles"), TextPart(text="What sold best?")],
            is_user=True,
        ),
        Specimen("long", [ContextPart(source="x", name=f"{ARABIC} {LONG_WORD}"), TextPart(text="Hm?")], is_user=True),
    ),
    "thinking": (
        Specimen("live, with topics", [ThinkingPart(text=TOPICS)], "streaming"),
        Specimen("live, without", [ThinkingPart(text="Delivered 18 days ago, paid by card.")], "streaming"),
        Specimen("done", [ThinkingPart(text=TOPICS, seconds=6.2), TextPart(text="It can be refunded.")]),
        Specimen("done in a moment", [ThinkingPart(text=f"{ARABIC}\n{LONG_WORD}", seconds=0.4)]),
        Specimen("nobody measured", [ThinkingPart(text="Hm.")], "stopped"),
        Specimen("without a word: nothing is shown", [ThinkingPart(text=" ", seconds=1)]),
    ),
    "figures": (
        Specimen(
            "all known",
            [
                TextPart(text="It is."),
                FiguresPart(
                    provider="default",
                    model="gpt-5-mini",
                    seconds=2.41,
                    first_token_seconds=0.38,
                    input_tokens=1240,
                    output_tokens=186,
                    cached_tokens=1024,
                    reasoning_tokens=64,
                    cost=Decimal("0.000452"),
                    currency="USD",
                    requests=2,
                ),
            ],
        ),
        Specimen("nothing known", [FiguresPart(provider="default", model="", seconds=0.2)]),
        Specimen("long", [FiguresPart(provider="default", model=LONG_WORD, seconds=1234.5, output_tokens=9_876_543)]),
    ),
    "notice": (
        Specimen("short", [TextPart(text="It is"), NoticePart(code="length", message="The answer was cut off.")]),
        Specimen("long", [NoticePart(code="filtered", message=f"{ARABIC} {LONG_WORD}")]),
    ),
    "error": (
        Specimen(
            "with a reference, can be tried again",
            [
                TextPart(text="Order 10432 was delivered"),
                ErrorPart(code="cut_off", message="The connection to the model was lost.", reference="7F3K-2Q"),
            ],
            "failed",
        ),
        Specimen("without, long", [ErrorPart(code="failed", message=f"{LONG_WORD} {ARABIC}")], "failed"),
        Specimen(
            "said in a note, and not here",
            [TextPart(text="So far."), ErrorPart(code="busy", message="The model is busy.", display="toast")],
            "failed",
        ),
    ),
    "html": (
        Specimen("of the site", [HtmlPart(html='<p>Parcel <a href="/">7</a> is <kbd>here</kbd>.</p>', trusted=True)]),
        Specimen("of a library, sanitised", [HtmlPart(html='<b>Bold</b><script>alert(1)</script><i style="x">i</i>')]),
        Specimen("empty", [HtmlPart(html="")]),
    ),
    "template": (
        Specimen("drawn", [TemplatePart(template="catalogue/parcel.html", context={"number": 7}, text="Parcel 7")]),
        Specimen("whose template is gone", [TemplatePart(template="catalogue/gone.html", text="Parcel 7")]),
    ),
    "tool": (
        Specimen("running", [_tool("running")], "streaming"),
        Specimen("running, with progress", [_tool("running", title="Reading", progress="2 of 5")], "streaming"),
        Specimen("done", [_tool("done", result={"refunded": True, "reference": "R-77"})]),
        Specimen("failed", [_tool("failed", result="The rate service did not answer in 10 s.")]),
        Specimen("denied", [_tool("denied")]),
        Specimen("stopped", [_tool("stopped")], "stopped"),
        Specimen("its process died", [_tool("unknown", round=1)], "interrupted"),
        Specimen(
            "running, showing something",
            [_tool("running", progress="3 of 5", display=ToolDisplay(text="Bern: 3\nBasel: 1", open=True))],
            "streaming",
        ),
        Specimen(
            "displayed as parts",
            [
                _tool(
                    "done", display=ToolDisplay(parts=["**Before**", NoticePart(code="x", message="After.")], open=True)
                )
            ],
        ),
        Specimen(
            "displayed, open, with a footer",
            [
                _tool(
                    "done",
                    icon="truck",
                    display=ToolDisplay(
                        title="Order 10432",
                        preview="€ 129.00",
                        markdown="**Delivered** on Monday\n\n- Kettle K2",
                        footer="From the shop",
                        open=True,
                        full_screen=True,
                    ),
                )
            ],
        ),
        Specimen(
            "displayed as HTML of the site",
            [_tool("done", display=ToolDisplay(html=SafeString("<table><tr><td>7</td></tr></table>"), open=True))],
        ),
        Specimen("a long result", [_tool("done", result="Row. " * 200, display=ToolDisplay(open=True))]),
        Specimen("long words", [_tool("done", title=LONG_WORD, arguments={"_intent": LONG_WORD, "to": ARABIC})]),
        Specimen("a result that nobody called for", [ToolCallPart(tool_id="call_2", state="done", result=7)]),
        Specimen(
            "several in a row",
            [_tool("done"), _tool("failed", tool_id="2"), _tool("running", tool_id="3")],
            "streaming",
        ),
    ),
    "citation": (
        Specimen(
            "with the words that they prove",
            [
                TextPart(text="Opened items can be returned within 30 days, unless they are hygiene products."),
                CitationPart(url="/", title="Refund policy, § 4", grounded_text="returned within 30 days"),
                CitationPart(url="https://example.org/hygiene", title="Hygiene list", snippet="Razors, toothbrushes"),
            ],
        ),
        Specimen(
            "without a title, long, right to left",
            [
                CitationPart(url="https://example.org/policy?section=4"),
                CitationPart(url="/", title=LONG_WORD, snippet=LONG_WORD),
                CitationPart(url="/", title=ARABIC),
            ],
        ),
    ),
    "question": (
        *QUESTIONS,
        Specimen("long", [_question("buttons", "open", [LONG_WORD, ARABIC, "No"])], "waiting"),
    ),
    "approval": (
        Specimen("open", [_approval()], "waiting"),
        Specimen("open, long", [_approval(title=LONG_WORD, arguments={LONG_WORD: ARABIC})], "waiting"),
        Specimen("open, without arguments", [_approval(arguments={})], "waiting"),
        Specimen("allowed once", [_approval("allow"), _tool("done", round=1, result="Refunded.")]),
        Specimen("allowed in this conversation", [_approval("allow_thread"), _tool("done", round=1)]),
        Specimen("denied", [_approval("deny"), _tool("denied", round=1, result="The person did not allow it.")]),
        Specimen("nobody decided in time", [_approval().closed("expired"), _tool("denied", round=1)]),
        Specimen("stopped meanwhile", [_approval().closed("cancelled")], "stopped"),
    ),
    "file": (
        Specimen("a table", [_file("orders.csv", "text/csv", preview="order,total\n10432,122.10")], is_user=True),
        Specimen("a document without a preview", [_file("receipt-10432.pdf", "application/pdf")], is_user=True),
        Specimen(
            "long names", [_file(f"{LONG_WORD}.txt", "text/plain", preview=f"{LONG_WORD} {ARABIC}")], is_user=True
        ),
        Specimen("with a question", [_file(f"{HEBREW}.md", "text/markdown"), TextPart(text="Same?")], is_user=True),
        Specimen("in an answer", [TextPart(text="Here it is."), _file("reply.txt", "text/plain", preview="Dear …")]),
    ),
    **ARTIFACTS,
}
"""By kind. Whoever adds a kind of part adds its specimens here."""

UNKNOWN: Final = UnknownPart(data={"kind": "parcel-map", "parcel": 7})

MESSAGES: Final = (
    Specimen("nothing said yet", [], "streaming"),
    Specimen("with a status", [TextPart(text="Let me see.")], "streaming", status="Looking the order up"),
    Specimen("stopped", [TextPart(text="Order 10432 was")], "stopped"),
    Specimen("stopped before a word", [], "stopped"),
    Specimen("failed", [TextPart(text="Order 10432 was")], "failed", "unreachable"),
    Specimen("failed before a word", [], "failed", "timeout"),
    Specimen("interrupted", [TextPart(text="Order 10432 was")], "interrupted", "interrupted"),
    Specimen(
        "a part of an app that is not installed", [TextPart(text="Here it is:"), UNKNOWN, TextPart(text="On its way.")]
    ),
    Specimen(
        "many kinds in one answer",
        [
            ThinkingPart(text=TOPICS, seconds=6.2),
            _tool("done", result="Delivered"),
            TextPart(text="Here are the refunds:"),
            TableArtifact(data={"Week": [45, 46], "Refunds": [44, 31]}, title="Refunds by week"),
            TextPart(text="Week 45 is the highest."),
            CitationPart(url="/", title="Orders"),
            NoticePart(code="length", message="The answer was cut off at the length limit."),
        ],
    ),
)
"""What a message may be, whatever its parts."""

PLANS: Final[Mapping[str, Sequence[TodoItem]]] = {
    "not begun": (TodoItem(id=1, title="Check the return window"), TodoItem(id=2, title="Book the refund")),
    "working": (
        TodoItem(id=1, title="Check the return window", status="completed"),
        TodoItem(id=2, title="Book the refund", status="in-progress"),
        TodoItem(id=3, title=ARABIC),
    ),
    "all done": (TodoItem(id=1, title=LONG_WORD, status="completed"),),
}
"""The plan above the composer; it belongs to no message."""
