"""Thinking on the page: its topics, what stands in its head, and whether it is shown."""

import random
from collections.abc import Iterable
from typing import Any

import pytest

import chatapp
from chatapp.rendering import renderer
from chatapp.rendering.thoughts import MAX_LABEL, Topics

from .documents import EXAMPLES
from .test_drawing import Drawing, draw_stored, part_id
from .test_renderer import MESSAGE

PANEL = "<details"


def draw(pieces: Iterable[str]) -> tuple[str, str]:
    """HTML of thinking fed in these pieces, and its latest topic."""
    topics = Topics()
    html = "".join([topics.feed(piece) for piece in pieces])
    return html + topics.finish(), topics.latest


def head(label: str) -> str:
    """A heading."""
    return f'<h3 class="chat-topic">{label}</h3>'


@pytest.mark.parametrize(
    ("said", "html", "topic"),
    [
        ("plain <b>", "plain &lt;b&gt;", ""),
        ("<topic>Reading</topic>\nIt says", f"{head('Reading')}It says", "Reading"),
        ("a\n<topic> A  &amp; <topic>B</topic>b", f"a\n&lt;topic&gt; A  &amp;amp; {head('B')}b", "B"),
        ("<topic>A & B</topic>\n\nx<topic>C</topic>", f"{head('A &amp; B')}x{head('C')}", "C"),
        ("\n\n one\n\n two \n\n<topic>A</topic>\n \n three \n\n", f"one\n\n two {head('A')}three ", "A"),
        ("a  <", "a  &lt;", ""),
        ("<topic> </topic>x", "x", ""),
        ("<topic>never ended", "&lt;topic&gt;never ended", ""),
        ("<topic>over\nlines</topic>", "&lt;topic&gt;over\nlines&lt;/topic&gt;", ""),
        (f"<topic>{'x' * (MAX_LABEL + 1)}</topic>", f"&lt;topic&gt;{'x' * (MAX_LABEL + 1)}&lt;/topic&gt;", ""),
        ("</topic><Topic>a</Topic>", "&lt;/topic&gt;&lt;Topic&gt;a&lt;/Topic&gt;", ""),
    ],
)
def test_a_topic_is_a_heading_and_everything_else_is_text(said: str, html: str, topic: str) -> None:
    assert draw([said]) == (html, topic)


@pytest.mark.parametrize(
    "said", ["a <topic>One</topic>\nb\n<topic>Two & 2</topic>c < d", "<topic><topic>x</topic>\n\n"]
)
def test_a_topic_cut_anywhere_is_the_same_topic(said: str) -> None:
    for cut in range(len(said)):
        assert draw([said[:cut], said[cut:]]) == draw([said])
    assert draw(said) == draw([said])


def test_the_cuts_of_thinking_do_not_matter() -> None:
    pieces = ("<topic>", "</topic>", "<top", "ic>", "</to", "<", ">", "a", "b c", "\n", " ", " \n", "&", "x" * 70)
    for seed in range(EXAMPLES // 4):
        chance = random.Random(seed)
        said = "".join(chance.choices(pieces, k=chance.randint(1, 12)))

        assert draw(said) == draw([said]), f"seed {seed}"


def test_the_head_names_the_latest_topic_while_it_thinks() -> None:
    drawing = Drawing()
    drawing.say(chatapp.ThinkingDelta("<topic>Reading the order</topic>\nIt was opened. <top"))
    assert '<chat-thought>Thinking · <b dir="auto">Reading the order</b></chat-thought>' in drawing.shown

    changed = drawing.say(chatapp.ThinkingDelta("ic>Comparing</topic>So"))

    assert changed[0].html == f"{head('Comparing')}So"
    assert '<b dir="auto">Comparing</b>' in drawing.shown
    assert drawing.shown.count("chat-topic") == 2
    drawing.say("It is.")
    assert "<chat-thought>" not in drawing.shown
    assert "Thought for a moment" in drawing.shown
    drawing.end()
    assert drawing.shown == draw_stored(drawing.assembler.to_parts())


def test_thinking_that_was_never_ended_is_a_panel_without_an_answer() -> None:
    drawing = Drawing()

    drawing.say("<thinking>one ", "<topic>two")
    drawing.end()

    assert "one <topic>two</div>" in drawing.shown
    assert "open" not in drawing.shown
    assert drawing.shown == draw_stored(drawing.assembler.to_parts())


@pytest.mark.parametrize(
    "said",
    [
        [chatapp.PartStart(chatapp.ThinkingPart()), chatapp.PartEnd(), "Bern."],
        [chatapp.PartStart(chatapp.ThinkingPart(), key="k"), chatapp.PartEnd("k"), "Bern."],
        [chatapp.ThinkingDelta(""), chatapp.ThinkingDelta(" \n"), "Bern."],
        ["<thinking> \n</thinking>\n\n", "Bern."],
    ],
)
def test_thinking_without_a_word_adds_no_panel(said: list[Any]) -> None:
    drawing = Drawing()

    for item in said:
        drawing.say(item)
        assert PANEL not in drawing.shown
    drawing.end()

    assert "Bern." in drawing.shown
    assert drawing.shown == draw_stored(drawing.assembler.to_parts())
    assert PANEL not in drawing.shown


def test_a_panel_comes_with_the_first_word() -> None:
    drawing = Drawing()
    drawing.say(chatapp.PartStart(chatapp.ThinkingPart()))

    drawing.say(chatapp.ThinkingDelta("Hm."))

    assert drawing.shown.count(PANEL) == 1
    drawing.end()
    assert drawing.shown == draw_stored(drawing.assembler.to_parts())


# SHOW_THINKING_AFTER_SECONDS


class Clock:
    """Seconds that the test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def think_for(seconds: float) -> tuple[Drawing, bool]:
    """Thinking with a word each second and then an answer; whether it was shown before it ended."""
    clock = Clock()
    drawing = Drawing()
    drawing.assembler = type(drawing.assembler)(clock=clock)
    while clock.now < seconds:
        drawing.say(chatapp.ThinkingDelta("hm "))
        clock.now += 1.0
    was_shown = PANEL in drawing.shown
    drawing.say("Bern.")
    drawing.end()
    assert drawing.shown == draw_stored(drawing.assembler.to_parts())
    return drawing, was_shown


@pytest.mark.parametrize(
    ("after", "seconds", "was_shown", "is_shown"),
    [
        (0, 1, True, True),
        (5, 9, True, True),
        (5, 3, False, False),
        (5, 5, False, True),
        (-1, 60, False, False),
    ],
)
def test_thinking_is_shown_once_it_has_lasted_as_long_as_the_site_says(
    settings: Any, after: float, seconds: float, was_shown: bool, is_shown: bool
) -> None:
    settings.CHATAPP = {"SHOW_THINKING_AFTER_SECONDS": after}

    drawing, shown_before = think_for(seconds)

    assert shown_before is was_shown
    assert (PANEL in drawing.shown) is is_shown
    assert ("hm " in drawing.shown) is is_shown


def test_where_thinking_is_never_shown_none_of_it_is_sent(settings: Any) -> None:
    settings.CHATAPP = {"SHOW_THINKING_AFTER_SECONDS": -1}
    drawing = Drawing()

    sent = [*drawing.say(chatapp.ThinkingDelta("secret")), *drawing.say(chatapp.ThinkingDelta(" secret"), "Bern.")]

    assert not any("secret" in fragment.html for fragment in sent)
    assert "secret" not in renderer.render_stored_part(MESSAGE, 0, chatapp.ThinkingPart(text="secret", seconds=99))


def test_thinking_that_nobody_measured_is_shown(settings: Any) -> None:
    settings.CHATAPP = {"SHOW_THINKING_AFTER_SECONDS": 30}

    assert "Hm" in renderer.render_stored_part(MESSAGE, 0, chatapp.ThinkingPart(text="Hm"))


def test_the_panel_stands_before_the_answer_and_closed() -> None:
    html = draw_stored([chatapp.ThinkingPart(text="Hm", seconds=4), chatapp.TextPart(text="Bern.")])

    assert html.index(part_id(0)) < html.index("Thought for 4 s") < html.index("Bern.")
    assert " open" not in html
