"""The stream and the page draw a message by the same templates, and end with the same HTML."""

import random
from typing import Any
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

import chatapp
from chatapp.rendering import fragments, renderer
from chatapp.rendering.drawing import LiveMessage
from chatapp.rendering.fragments import Fragment
from chatapp.rendering.markdown import MarkdownStream, Step
from chatapp.runs.assembler import Assembler
from chatapp.testing import Page

from .test_renderer import MESSAGE, make_view


class Drawing:
    """A page on which an answer is drawn while it is said."""

    def __init__(self) -> None:
        self.assembler = Assembler(clock=lambda: 0.0)
        self.live = LiveMessage(MESSAGE)
        self.page = Page(renderer.render_message(make_view(state="streaming"), with_parts=False))

    def say(self, *items: Any) -> list[Fragment]:
        """Say this and draw it; the fragments."""
        for item in items:
            self.assembler.take(item)
        return self.draw()

    def end(self) -> list[Fragment]:
        """Say no more and draw."""
        self.assembler.end()
        return self.draw()

    def draw(self) -> list[Fragment]:
        """Draw what is new."""
        changed = self.live.draw(self.assembler.slots, self.assembler.status)
        for frame in fragments.write_frames(changed):
            self.page.apply(frame)
        assert self.page.missed == []
        return changed

    @property
    def shown(self) -> str:
        """The parts as the page shows them."""
        return self.page.html_of(f"m-{MESSAGE}-parts")


def draw_stored(parts: list[chatapp.Part]) -> str:
    """The parts of a stored message as a page shows them."""
    return Page(renderer.render_message(make_view(parts=parts))).html_of(f"m-{MESSAGE}-parts")


def part_id(index: int, rest: str = "") -> str:
    """Element id of a part, or of something in it."""
    return fragments.part_id(MESSAGE, index) + rest


def test_what_is_new_is_drawn_and_no_settled_block_again() -> None:
    drawing = Drawing()
    first = drawing.say("One.\n\nTwo.\n\nThr")
    second = drawing.say("ee.\n\nFour")

    assert [(verb, target) for verb, target, _ in first] == [("fill", f"m-{MESSAGE}-parts")]
    assert [(verb, target) for verb, target, _ in second] == [
        ("append", part_id(0, "-done")),
        ("fill", part_id(0, "-live")),
    ]
    assert "One" not in "".join(html for _, _, html in second)


def test_nothing_new_is_nothing_to_draw() -> None:
    drawing = Drawing()
    drawing.say("One.")

    assert drawing.draw() == []


def test_an_open_code_fence_grows_by_its_lines() -> None:
    drawing = Drawing()
    drawing.say("```python\nfirst = 1\n")

    changed = drawing.say("if first < 2:\n")

    assert [tuple(fragment) for fragment in changed] == [("extend", part_id(0, "-live"), "if first &lt; 2:\n")]


def test_a_second_part_is_added_after_the_first() -> None:
    drawing = Drawing()
    drawing.say("One.")

    changed = drawing.say(chatapp.NoticePart(code="a", message="Careful."), "Two.")

    assert [(verb, target) for verb, target, _ in changed[-1:]] == [("append", f"m-{MESSAGE}-parts")]
    assert changed[-1].html.count("chat-part") == 2


def test_a_part_that_is_replaced_is_drawn_anew_in_its_place() -> None:
    drawing = Drawing()
    drawing.say(chatapp.PartStart(chatapp.NoticePart(code="a", message="Working"), key="k"), "Two.")

    changed = drawing.say(chatapp.PartStart(chatapp.TextPart(text="Done."), key="k"))

    assert ("replace", part_id(0)) in [(verb, target) for verb, target, _ in changed]
    assert "Working" not in drawing.shown
    drawing.end()
    assert drawing.shown == draw_stored([chatapp.TextPart(text="Done."), chatapp.TextPart(text="Two.")])


def test_thinking_grows_as_plain_text_and_says_in_the_end_how_long_it_took() -> None:
    drawing = Drawing()
    drawing.say(chatapp.ThinkingDelta("Is 1 < 2? "))
    assert "Thinking" in drawing.shown

    assert drawing.say(chatapp.ThinkingDelta("<b>Yes")) == [fragments.append(part_id(0, "-text"), "&lt;b&gt;Yes")]
    changed = drawing.say("It is.")

    assert ("fill", part_id(0, "-head")) in [(verb, target) for verb, target, _ in changed]
    assert "Thinking" not in drawing.shown
    drawing.end()
    assert drawing.shown == draw_stored(drawing.assembler.to_parts())


@chatapp.part
class Poem(chatapp.Part):
    """A part of an app whose text may grow."""

    kind = "test-poem"
    streams = True

    text: str = ""

    @property
    def message(self) -> str:
        """What the template shows."""
        return self.text

    @property
    def template_name(self) -> str:
        return "chatapp/parts/notice.html"


def test_a_part_of_an_app_that_grows_is_drawn_when_it_starts_and_when_it_ends() -> None:
    drawing = Drawing()
    drawing.say(chatapp.PartStart(Poem(text="Roses")))
    assert drawing.say(chatapp.PartDelta(" are red")) == []

    changed = drawing.say(chatapp.PartEnd())

    assert [(verb, target) for verb, target, _ in changed] == [("replace", part_id(0))]
    assert drawing.end() == []
    assert drawing.shown == draw_stored([Poem(text="Roses are red")])


def test_settled_blocks_that_have_to_be_written_anew_are() -> None:
    drawing = Drawing()
    drawing.say("One.\n\nTwo.\n\nThree")

    with mock.patch.object(MarkdownStream, "finish", return_value=Step(rewrite="<p>All</p>")):
        changed = drawing.end()

    assert changed[0] == fragments.fill(part_id(0, "-done"), "<p>All</p>")


def test_a_status_is_shown_until_text_comes() -> None:
    drawing = Drawing()

    assert fragments.text(f"m-{MESSAGE}-status", "Looking <here>") in drawing.say(chatapp.Status("Looking <here>"))
    assert fragments.text(f"m-{MESSAGE}-status", "") in drawing.say("Found.")
    assert f"m-{MESSAGE}-status" not in [target for _, target, _ in drawing.say(" More.")]


def test_the_first_drawing_replaces_what_an_older_checkpoint_left() -> None:
    drawing = Drawing()
    drawing.page = Page(renderer.render_message(make_view(parts=[chatapp.TextPart(text="Old")], state="streaming")))

    drawing.say("New")

    assert "Old" not in drawing.shown
    assert "New" in drawing.shown


def test_a_long_open_list_slows_the_pace() -> None:
    drawing = Drawing()
    drawing.say("- item\n")
    assert drawing.live.pace == 0.0

    drawing.say("".join(f"- a rather long item number {number}\n" for number in range(1000)))
    assert drawing.live.pace > 0.0

    drawing.end()
    assert drawing.live.pace == 0.0


PIECES = [
    "word ", "**bold** ", "[late] ", "\n", "\n\n", "# Head\n", "- item\n", "```py\nx = 1\n", "```\n", "| a |\n|-|\n",
    "<b>", "é\n\n", "\n<thinking>in</thinking>\n", "\n\n[late]: /x\n", chatapp.TextPart(text="whole\n\n[late]"),
    chatapp.ThinkingDelta("hm "),
    chatapp.ThinkingDelta("<topic>a"), chatapp.ThinkingDelta("</topic>\n"),
    chatapp.Status("busy"), chatapp.PartEnd(), chatapp.NoticePart(code="a", message="b"),
    chatapp.PartStart(chatapp.TextPart(text="k "), key="k"),
    chatapp.PartStart(chatapp.NoticePart(code="k", message="l"), key="k"),
    chatapp.ToolCall(tool_id="t", name="search", arguments={"q": "<b>"}), chatapp.ToolProgress("t", "2 of 5"),
    chatapp.ToolResult(tool_id="t", result={"found": 3}), chatapp.ToolResult(tool_id="t", result="no", is_error=True),
    chatapp.ToolResult(tool_id="t", display=chatapp.ToolDisplay(markdown="**3**", open=True, footer="f")),
    chatapp.ToolResult(tool_id="u", result="x" * 300), chatapp.CitationPart(url="https://example.org/", title="E"),
]  # fmt: skip


@given(st.randoms(use_true_random=False))
def test_however_an_answer_comes_it_ends_as_the_page_draws_it(chance: random.Random) -> None:
    drawing = Drawing()

    for _ in range(chance.randint(1, 6)):
        drawing.say(*chance.choices(PIECES, k=chance.randint(0, 5)))
    drawing.end()

    assert drawing.shown == draw_stored(drawing.assembler.to_parts())
