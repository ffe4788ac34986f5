"""How tools, sources and tasks look, live and stored, and that nothing in them gets out of its place."""

import re
from typing import Any
from uuid import UUID

import pytest
from django.utils.html import format_html
from django.utils.safestring import SafeString

import chatapp
from chatapp.approvals import make_approval
from chatapp.parts import Part
from chatapp.rendering import fragments, renderer
from chatapp.rendering.activity import draw_todos, render_todos
from chatapp.runs.assembler import Assembler
from chatapp.scrubbing import scrub
from tests.hostile.checker import find_problems
from tests.hostile.corpus import PAYLOADS

from .test_drawing import Drawing, draw_stored, part_id

MESSAGE = UUID(int=1)
CALL = chatapp.ToolCall(tool_id="a", name="search", arguments={"q": "<b>"}, title="Searching", icon="search")


def draw(part: Part) -> str:
    """The part in a stored message."""
    return renderer.render_stored_part(MESSAGE, 0, part)


def draw_result(result: Any = None, **display: Any) -> str:
    """A tool that has answered."""
    shown = chatapp.ToolDisplay(**display) if display else None
    return draw(chatapp.ToolCallPart(name="search", arguments={"q": 1}, state="done", result=result, display=shown))


def read(html: str) -> str:
    """What people read."""
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


# ---- tools


def test_a_row_goes_from_running_to_done_in_the_element_that_is_there() -> None:
    drawing = Drawing()
    drawing.say(CALL)
    assert "Searching running" in read(drawing.shown)

    progress = drawing.say(chatapp.ToolProgress("a", "2 of 5"))
    assert "Searching 2 of 5" in read(drawing.shown)
    result = drawing.say(chatapp.ToolResult(tool_id="a", result="Found.", display=chatapp.ToolDisplay(title="Search")))

    for changed in (progress, result):
        assert [(verb, target) for verb, target, _ in changed] == [
            ("fill", part_id(0, "-head")),
            ("fill", part_id(0, "-body")),
        ]
    assert drawing.shown.count("<details") == 1
    assert "Search done" in read(drawing.shown)
    assert "Found." in drawing.shown
    assert drawing.shown == draw_stored(drawing.assembler.to_parts())


def test_a_result_that_is_to_be_open_replaces_the_row() -> None:
    drawing = Drawing()
    drawing.say(CALL)

    changed = drawing.say(chatapp.ToolResult(tool_id="a", display=chatapp.ToolDisplay(text="x", open=True)))

    assert [(verb, target) for verb, target, _ in changed] == [("replace", part_id(0))]
    assert drawing.shown == draw_stored(drawing.assembler.to_parts())


def test_a_tool_that_runs_when_the_answer_ends_is_shown_as_not_finished() -> None:
    drawing = Drawing()
    drawing.say(CALL)

    drawing.end()

    assert "Searching not finished" in read(drawing.shown)
    assert "chat-spinner" not in drawing.shown
    assert drawing.shown == draw_stored(drawing.assembler.to_parts())


def test_what_a_tool_shows_while_it_runs_is_in_its_row_and_gives_way_to_the_result() -> None:
    drawing = Drawing()
    drawing.say(CALL)

    drawing.say(chatapp.ToolProgress("a", "2 of 5", chatapp.ToolDisplay(text="Basel " + "x" * 300, open=True)))
    running = drawing.shown
    drawing.say(chatapp.ToolProgress("a", "3 of 5"))
    further = drawing.shown
    table = chatapp.ToolDisplay(markdown="| a |\n|---|\n| 1 |", open=True)
    drawing.say(chatapp.ToolResult("1", tool_id="a", display=table))

    assert "Basel" in running
    assert "Show all" not in running
    assert "3 of 5" in further
    assert "Basel" in further
    assert "<td>1</td>" in drawing.shown
    assert "Basel" not in drawing.shown
    assert drawing.shown == draw_stored(drawing.assembler.to_parts())


def test_basic_shows_no_progress_of_a_tool(settings: Any) -> None:
    settings.CHATAPP = {"TOOL_DISPLAY": "basic"}
    drawing = Drawing()
    drawing.say(CALL)

    drawing.say(chatapp.ToolProgress("a", "2 of 5", chatapp.ToolDisplay(text="half")))

    assert "2 of 5" in drawing.shown
    assert "half" not in drawing.shown


def test_texts_and_images_of_a_result_stand_in_their_order() -> None:
    image = chatapp.ImageArtifact(url="data:image/png;base64,iVBORw0KGgo=", alt="A map")
    drawing = Drawing()

    drawing.say(
        chatapp.ToolResult(tool_id="a", display=chatapp.ToolDisplay(parts=["**One**", image, "<script>two</script>"]))
    )

    html = drawing.shown
    assert html.index("<strong>One</strong>") < html.index('alt="A map"') < html.index("two")
    assert "<script" not in draw(drawing.assembler.to_parts()[0])
    assert "data-chat-text" not in html
    assert len(re.findall(r'id="[^"]*"', html)) == len(set(re.findall(r'id="[^"]*"', html)))
    assert html == draw_stored(drawing.assembler.to_parts())


def test_a_tool_of_which_nobody_knows_what_it_did_says_so() -> None:
    assert "refund outcome not known" in read(draw(chatapp.ToolCallPart(name="refund", state="unknown", round=1)))


def test_arguments_are_indented_escaped_and_hidden_when_there_are_none() -> None:
    html = draw(chatapp.ToolCallPart(name="x", arguments={"q": "<b>", "n": [1]}))

    assert "<code>{\n  &quot;n&quot;: [\n    1\n  ],\n  &quot;q&quot;: &quot;&lt;b&gt;&quot;\n}</code>" in html
    assert "<pre" not in draw(chatapp.ToolCallPart(name="x", arguments={}))
    assert "<pre" not in draw(chatapp.ToolCallPart(name="x", arguments={"_intent": "Why not."}))
    assert "Why not." in draw(chatapp.ToolCallPart(name="x", arguments={"_intent": "Why not."}))


def test_a_failed_tool_has_its_own_look_and_says_why() -> None:
    html = draw(chatapp.ToolCallPart(name="rate", state="failed", result="No <answer> in 10 s."))

    assert "chat-tool-failed" in html
    assert 'class="chat-tool-error"' in html
    assert "rate failed" in read(html)
    assert "No &lt;answer&gt; in 10 s." in html
    assert "chat-tool-failed" not in draw_result("x")


def test_a_long_result_is_shown_by_its_beginning_until_somebody_opens_it() -> None:
    html = draw_result("x" * 200 + "y" * 4800)
    _, inside = html.split('<details class="chat-tool-long">')
    preview, rest = inside.split("</summary>")

    assert f"<code>{'x' * 200}</code>" in preview
    assert "Show all 5000 characters" in preview
    assert f"<code>{'x' * 200}{'y' * 4800}</code>" in rest
    assert "chat-tool-long" not in draw_result("x" * 200)


def test_of_what_a_result_brings_the_first_in_order_is_shown() -> None:
    display = {"html": SafeString("<i>in html</i>"), "markdown": "**in markdown**", "text": "in text"}
    failed = chatapp.ToolCallPart(
        name="x",
        state="failed",
        result="an error",
        display=chatapp.ToolDisplay(**display),
    )
    shown = [read(draw(failed)), *(read(draw_result({"a": 1}, **dict(list(display.items())[at:]))) for at in range(4))]
    forms = ["an error", "in html", "in markdown", "in text", "&quot;a&quot;: 1"]

    assert [[form in text for form in forms] for text in shown] == [
        [row == column for column in range(5)] for row in range(5)
    ]
    assert "<i>in html</i>" in draw_result(**display)
    assert "<strong>in markdown</strong>" in draw_result(markdown="**in markdown**")


def test_trusted_html_is_shown_as_it_is_also_after_a_reload() -> None:
    part = chatapp.ToolCallPart(
        name="x", state="done", display=chatapp.ToolDisplay(html=format_html('<table id="t"><td>{}</td></table>', "<"))
    )
    stored = chatapp.parts.load_part(part.dump())

    assert '<table id="t"><td>&lt;</td></table>' in draw(part)
    assert draw(stored) == draw(part)


def test_markdown_of_a_result_is_sanitised() -> None:
    assert "<script" not in draw_result(markdown="<script>alert(1)</script>[x](javascript:alert(1))")
    assert "javascript:" not in draw_result(markdown="[x](javascript:alert(1))")


def test_what_the_model_gets_is_not_shown_when_people_get_something_else() -> None:
    html = draw_result({"secret": 17}, text="A kettle")

    assert "A kettle" in html
    assert "secret" not in html


def test_the_title_and_icon_are_the_calls_while_it_runs_and_the_results_after() -> None:
    running = CALL.to_part()
    done = chatapp.ToolResult(tool_id="a", display=chatapp.ToolDisplay(title="Found", icon="book")).fill(running)
    plain = chatapp.ToolResult(tool_id="a").fill(running)

    assert "Searching" in draw(running)
    assert "chat-spinner" in draw(running)
    assert "Found" in draw(done)
    assert "chat-icon-book" in draw(done)
    assert "Searching" not in draw(done)
    assert "chat-icon-search" in draw(plain)
    assert "search" in draw(chatapp.ToolCallPart(name="search"))
    assert "Result of a tool" in draw(chatapp.ToolResult(tool_id="z").fill(chatapp.ToolCallPart(tool_id="z")))


def test_a_display_can_hide_the_request_add_words_and_a_footer_and_be_open() -> None:
    html = draw_result("x", show_request=False, preview="3 <found>", footer="As of <today>", open=True)

    assert "Arguments" not in html
    assert "3 &lt;found&gt;" in html
    assert "As of &lt;today&gt;" in html
    assert re.match(r"<details [^>]* open>", html)
    assert "data-chat-full" not in html
    assert "data-chat-full" in draw_result("x", full_screen=True)


def test_basic_shows_code_only_and_none_no_tool_at_all(settings: Any) -> None:
    display = {"html": SafeString("<i>rich</i>"), "title": "Title", "footer": "foot"}
    settings.CHATAPP = {"TOOL_DISPLAY": "basic"}
    basic = draw_result({"a": 1}, **display)
    settings.CHATAPP = {"TOOL_DISPLAY": "none"}
    drawing = Drawing()
    drawing.say("Before.", CALL)
    changed = drawing.say(chatapp.ToolResult(tool_id="a", result="x"), " After.")
    drawing.end()

    assert "&quot;a&quot;: 1" in basic
    assert "rich" not in basic
    assert "foot" not in basic
    assert draw_result({"a": 1}, **display) == ""
    assert part_id(1) not in str(changed)
    assert "search" not in drawing.shown
    assert drawing.shown == draw_stored(drawing.assembler.to_parts())


# ---- sources


def test_a_source_opens_a_new_tab_that_knows_nothing_of_us() -> None:
    html = draw(chatapp.CitationPart(url="https://example.org/a?b=1&c", title="A <b>", snippet='"words"'))

    assert 'href="https://example.org/a?b=1&amp;c"' in html
    assert 'target="_blank"' in html
    assert 'rel="noopener noreferrer nofollow"' in html
    assert read(html) == "A &lt;b&gt; &quot;words&quot;"
    assert read(draw(chatapp.CitationPart(url="https://example.org/a"))) == "https://example.org/a"


def test_a_source_asks_nobody_for_anything() -> None:
    html = draw(chatapp.CitationPart(url="https://example.org/", title="A", grounded_text="words"))

    assert re.findall(r"(?:src|srcset|poster|action)=", html) == []
    assert re.findall(r"<(\w+)", html) == ["a", "span"]


# ---- tasks

PLAN = (
    chatapp.TodoItem(id=1, title="Check", status="completed"),
    chatapp.TodoItem(id=2, title="Book <it>", status="in-progress"),
    chatapp.TodoItem(id=3, title="Write"),
)


def test_the_plan_says_how_far_it_is() -> None:
    working = render_todos(PLAN)
    begun_not = render_todos(PLAN[2:])
    done = render_todos(PLAN[:1])

    assert read(working).startswith("Working 1 of 3 33 % Check completed Book &lt;it&gt; in progress Write not started")
    assert read(begun_not).startswith("Tasks 0 of 1 0 %")
    assert read(done).startswith("All done 1 of 1 100 %")
    assert [bool(re.search(r"<details[^>]* open", html)) for html in (working, begun_not, done)] == [True, True, False]
    assert re.findall(r'data-chat-todo="([^"]*)"><(?:svg class="chat-icon )?[^-]*chat-([a-z-]+)"', working) == [
        ("completed", "icon-check"),
        ("in-progress", "spinner"),
        ("not-started", "icon-circle"),
    ]
    assert read(render_todos(())) == ""


def test_a_plan_that_goes_on_keeps_its_element_and_one_that_comes_or_goes_does_not() -> None:
    on = draw_todos(PLAN, PLAN[1:])
    whole = [draw_todos(*pair) for pair in ((None, ()), ((), PLAN), (PLAN, ()), (PLAN, PLAN[:1]), (None, PLAN))]

    assert draw_todos(PLAN, PLAN) == []
    assert [target for _, target, _ in on] == ["chat-todos-head", "chat-todos-list"]
    assert [[target for _, target, _ in changed] for changed in whole] == [["chat-todos"]] * 5


# ---- whoever means harm

HOSTILE = [payload.text for payload in PAYLOADS if payload.family == "field"]


def make_card(text: str) -> chatapp.ApprovalRequest:
    """A tool with this text, to be allowed."""
    arguments = {text: text, "q": [text]}
    card = make_approval(None, 1, tool="x", title=text, icon=text, call_id=text, arguments=arguments, seconds=9)
    return card.model_copy(update={"id": "approval_1"})


def say_everywhere(text: str) -> list[Any]:
    """This text in every place where a model, or a source, may put it."""
    return [
        chatapp.ToolCall(tool_id="a", name=text or "x", arguments={text: text, "_intent": text}, title=text, icon=text),
        chatapp.ToolProgress("a", text),
        chatapp.ToolCall(tool_id="b", name="x", arguments={"q": [text]}),
        chatapp.ToolResult(tool_id="b", result={text: [text]}),
        chatapp.ToolResult(tool_id="c", result=text, is_error=True),
        chatapp.ToolResult(
            tool_id="d",
            display=chatapp.ToolDisplay(title=text, icon=text, preview=text, text=text + "x" * 300, footer=text),
        ),
        chatapp.ToolResult(tool_id="e", display=chatapp.ToolDisplay(markdown="x")),
        chatapp.ToolResult(tool_id="f", display=chatapp.ToolDisplay(parts=[chatapp.CitationPart(url="/", title=text)])),
        chatapp.ToolCall(tool_id="g", name="x"),
        chatapp.ToolProgress("g", text, chatapp.ToolDisplay(text=text)),
        chatapp.CitationPart(url="https://example.org/", title=text, snippet=text, grounded_text=text),
        make_card(text).model_copy(update={"state": "answered", "answer": text, "decided_by": text}),
    ]


def find_harm(text: str) -> set[tuple[str, str]]:
    """What the checker says of the HTML with this text, without what it says of ours."""
    assembler = Assembler()
    for item in say_everywhere(text):
        assembler.take(item)
    assembler.take(make_card(text))
    parts = assembler.to_parts()
    html = "".join(renderer.render_stored_part(MESSAGE, at, part, can_answer=True) for at, part in enumerate(parts))
    html += render_todos([chatapp.TodoItem(id=text, title=text)])
    # Where an element has a direction of its own, what turns it ends with the element.
    isolated = re.compile('(<[^>]* dir="auto"[^>]*>(?:<code>)?)([^<]*)')
    html = isolated.sub(lambda found: found[1] + found[2].replace("\u202e", ""), html)
    attributes = re.compile(r'(?<= )(?:title|data-chat-claim)="[^"]*"')
    ours = [(problem.code, problem.found) for problem in find_problems(attributes.sub(r'title="x"', html))]
    return {*ours, *(("attribute", value) for value in attributes.findall(html) if re.search(r"[<>]", value))}


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_a_tool_a_source_or_a_task_gets_out_of_its_place(text: str) -> None:
    assert find_harm(text) <= find_harm("harmless")


def test_the_frames_of_a_hostile_tool_are_ours() -> None:
    text = scrub("".join(HOSTILE))
    drawing = Drawing()
    for item in say_everywhere(text):
        changed = drawing.say(item)
        assert "".join(fragments.write_frames(changed)).count("hx-swap-oob=") == len(changed) + sum(
            html.count("hx-swap-oob=") for _, _, html in changed
        )

    assert drawing.shown == draw_stored(drawing.assembler.to_parts())
