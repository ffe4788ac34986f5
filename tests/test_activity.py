"""Tools, sources and tasks as values: what they take, what they refuse, and how they are stored."""

import json
import re
from typing import Any

import pytest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from pydantic import ValidationError

import chatapp
from chatapp.activity import settle
from chatapp.parts import load_part
from chatapp.runs.assembler import Assembler
from chatapp.runs.yields import UnknownYield
from chatapp.todos import MAX_ITEMS, are_all_done, load_todos
from tests.runs.test_assembler import assemble


def store(part: chatapp.Part) -> chatapp.Part:
    """The part after it was saved and loaded again."""
    return load_part(json.loads(json.dumps(part.dump())))


# ---- tools


def test_a_call_without_an_id_gets_one() -> None:
    one, other = chatapp.ToolCall(name="search"), chatapp.ToolCall(name="search")

    assert re.fullmatch(r"call_[0-9a-f]{8}", one.tool_id)
    assert one.tool_id != other.tool_id
    assert re.fullmatch(r"call_[0-9a-f]{8}", chatapp.ToolCallPart(name="search").tool_id)
    assert re.fullmatch(r"call_[0-9a-f]{8}", chatapp.ToolCallPart(tool_id=None, name="search").tool_id)


def test_a_call_without_a_name_is_refused() -> None:
    with pytest.raises(TypeError, match="name"):
        chatapp.ToolCall()  # type: ignore[call-arg]  # the mistake
    with pytest.raises(ValueError, match="ToolCall has no name"):
        chatapp.ToolCall(name="")


def test_a_result_fills_the_row_of_its_call() -> None:
    parts = assemble(
        chatapp.ToolCall(tool_id="a", name="search", arguments={"q": "x"}, title="Searching", icon="search"),
        chatapp.ToolCall(tool_id="b", name="book"),
        chatapp.ToolResult(tool_id="a", result=[1, 2]),
    )

    assert parts == [
        chatapp.ToolCallPart(
            tool_id="a",
            name="search",
            arguments={"q": "x"},
            title="Searching",
            icon="search",
            state="done",
            result=[1, 2],
        ),
        chatapp.ToolCallPart(tool_id="b", name="book", state="stopped"),
    ]


def test_a_result_that_nobody_called_for_is_one_row_of_its_own() -> None:
    parts = assemble("a", chatapp.ToolResult(tool_id="x", result="y"), chatapp.ToolResult(tool_id="x", result="z"), "b")

    assert [part.kind for part in parts] == ["text", "tool", "text"]
    assert parts[1] == chatapp.ToolCallPart(tool_id="x", name="", state="done", result="z")


def test_an_error_marks_the_row_as_failed() -> None:
    (part,) = assemble(
        chatapp.ToolCall(tool_id="a", name="rate"), chatapp.ToolResult(tool_id="a", result="No answer.", is_error=True)
    )

    assert isinstance(part, chatapp.ToolCallPart)
    assert (part.state, part.result_text) == ("failed", "No answer.")


def test_a_result_does_not_cut_the_text_that_is_being_said() -> None:
    parts = assemble(
        chatapp.ToolCall(tool_id="a", name="x"), "one ", chatapp.ToolResult(tool_id="a", result=1), "sentence"
    )

    assert [part.plain for part in parts] == ["", "one sentence"]


def test_an_id_that_is_used_again_after_its_result_is_another_call() -> None:
    parts = assemble(
        chatapp.ToolCall(tool_id="0", name="x"),
        chatapp.ToolResult(tool_id="0", result="first"),
        chatapp.ToolCall(tool_id="0", name="x"),
        chatapp.ToolResult(tool_id="0", result="second"),
    )

    assert [getattr(part, "result", None) for part in parts] == ["first", "second"]


def test_progress_is_shown_while_the_tool_runs_and_no_longer() -> None:
    assembler = Assembler()
    assembler.take(chatapp.ToolCall(tool_id="a", name="x"))
    assembler.take(chatapp.ToolProgress("a", "2 of 5"))
    assert assembler.to_parts()[0] == chatapp.ToolCallPart(tool_id="a", name="x", progress="2 of 5")

    assembler.take(chatapp.ToolResult(tool_id="a", result=1))
    assembler.take(chatapp.ToolProgress("a", "late"))
    assert assembler.to_parts()[0] == chatapp.ToolCallPart(tool_id="a", name="x", state="done", result=1)


@pytest.mark.parametrize(
    "how",
    [
        lambda part: part,
        lambda part: chatapp.PartStart(part),
        lambda part: part.dump(),
    ],
    ids=["part", "start", "dict"],
)
def test_a_call_that_is_yielded_as_a_part_gets_its_result_too(how: Any) -> None:
    (part,) = assemble(how(chatapp.ToolCallPart(tool_id="a", name="x")), chatapp.ToolResult(tool_id="a", result=1))

    assert part == chatapp.ToolCallPart(tool_id="a", name="x", state="done", result=1)


def test_a_tool_that_never_answered_does_not_run_in_an_answer_that_has_ended() -> None:
    running = chatapp.ToolCallPart(tool_id="a", name="x", progress="2 of 5")

    assert settle(running) == chatapp.ToolCallPart(tool_id="a", name="x", state="stopped")
    assert settle(text := chatapp.TextPart(text="a")) is text


def test_a_tool_is_saved_and_loaded_with_all_it_has() -> None:
    part = chatapp.ToolCallPart(
        name="search",
        arguments={"q": "x", "n": [1, None]},
        state="done",
        result={"a": float("nan"), "b": b"x", 3: ("c",)},
        display=chatapp.ToolDisplay(title="T", html=format_html("<b>{}</b>", "<"), footer="f", show_request=False),
    )

    assert store(part) == part
    assert part.result == {"a": None, "b": "eA==", "3": ["c"]}
    assert part.plain == ""


def test_the_words_for_the_model_and_for_people_may_differ() -> None:
    (part,) = assemble(chatapp.ToolResult(tool_id="a", result={"id": 17}, display=chatapp.ToolDisplay(text="A kettle")))

    assert isinstance(part, chatapp.ToolCallPart)
    assert part.result == {"id": 17}
    assert part.display == chatapp.ToolDisplay(text="A kettle")


def test_html_is_taken_from_code_that_vouches_for_it_only() -> None:
    trusted = SafeString("<b>x</b>")

    assert chatapp.ToolDisplay(html=trusted).html == trusted
    with pytest.raises(ValidationError, match="html must be a SafeString"):
        chatapp.ToolDisplay(html="<b>x</b>")
    with pytest.raises(ValidationError, match="html must be a SafeString"):
        chatapp.ToolResult(tool_id="a", display={"html": "<b>x</b>"})  # type: ignore[arg-type]


def test_no_dict_brings_html_in_not_even_on_the_way_through_the_database() -> None:
    stored = chatapp.ToolCallPart(name="x", display=chatapp.ToolDisplay(html=SafeString("<b>"))).dump()
    assembler = Assembler()
    assembler.take("Said before.")

    with pytest.raises(UnknownYield, match="html must be a SafeString"):
        assembler.take(json.loads(json.dumps(stored)))

    assert [part.plain for part in assembler.to_parts()] == ["Said before."]


def test_html_that_is_trusted_stays_so_when_something_beside_it_was_scrubbed() -> None:
    display = chatapp.ToolDisplay(html=SafeString("<b>x</b>"), title="a\x00b")

    (part,) = assemble(chatapp.ToolResult(tool_id="a", display=display))

    assert isinstance(part, chatapp.ToolCallPart)
    assert part.display == chatapp.ToolDisplay(html=SafeString("<b>x</b>"), title="ab")


@pytest.mark.parametrize("fields", [{"colour": "red"}, {"open": "maybe"}, {"title": 7}])
def test_a_display_that_cannot_be_is_refused_where_it_is_made(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        chatapp.ToolDisplay(**fields)


def test_a_dict_with_wrong_fields_is_refused_with_the_reason() -> None:
    with pytest.raises(UnknownYield, match=r"kind 'tool'(?s:.*)colour"):
        assemble({"kind": "tool", "name": "x", "colour": "red"})


def test_the_intent_of_a_call_is_no_argument_for_people() -> None:
    part = chatapp.ToolCallPart(name="x", arguments={"_intent": "To know.", "q": "ä"})

    assert (part.intent, part.arguments_text) == ("To know.", '{\n  "q": "ä"\n}')
    assert chatapp.ToolCallPart(name="x", arguments={"_intent": 7}).intent == ""


# ---- sources


@pytest.mark.parametrize("url", ["https://example.org/a?b#c", "http://example.org", "HTTPS://EXAMPLE.ORG/", "/docs/1/"])
def test_a_source_is_an_address_of_the_web_or_a_path_of_the_site(url: str) -> None:
    part = chatapp.CitationPart(url=url)

    assert store(part) == part
    assert part.label == url
    assert chatapp.CitationPart(url=url, title="Title").label == "Title"


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "\x01javascript:alert(1)",
        "java\nscript:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd", "//evil.example/",
        "/\\evil.example", "/a b", "https://a@b/", "https://", "https:/example.org", "example.org", "", " https://a.example",
        "https://a.example/\nx", "/\n/evil.example", "\thttps://a.example",
    ],
)  # fmt: skip
def test_a_source_that_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="url must begin with https://"):
        chatapp.CitationPart(url=url)


def test_a_stored_source_that_is_no_address_is_a_neutral_box() -> None:
    assert isinstance(load_part({"kind": "citation", "url": "javascript:alert(1)"}), chatapp.UnknownPart)


# ---- tasks


def test_a_task_keeps_its_id_as_it_is() -> None:
    update = chatapp.TodoUpdate([chatapp.TodoItem(id=1, title="One"), {"id": "1", "title": "Other"}])

    assert update.items == (
        chatapp.TodoItem(id=1, title="One", status="not-started"),
        chatapp.TodoItem(id="1", title="Other", status="not-started"),
    )


@pytest.mark.parametrize(
    "item",
    [
        {"id": 1, "title": "x", "status": "done"},
        {"id": 1.5, "title": "x"},
        {"id": True, "title": "x"},
        {"id": 1},
        {"title": "x"},
        {"id": 1, "title": "x", "priority": "high"},
        "One",
    ],
)
def test_a_task_that_cannot_be_is_refused(item: Any) -> None:
    with pytest.raises(ValidationError):
        chatapp.TodoUpdate([item])


@pytest.mark.parametrize(
    "items", ["One", {"id": 1, "title": "x"}, [{"id": n, "title": "x"} for n in range(MAX_ITEMS + 1)]]
)
def test_a_plan_that_is_no_list_or_too_long_is_refused(items: Any) -> None:
    with pytest.raises(ValueError, match=r"must be a list|are too many"):
        chatapp.TodoUpdate(items)


def test_stored_tasks_that_nobody_understands_are_left_out() -> None:
    good = {"id": 1, "title": "x", "status": "completed"}

    assert load_todos([good, {"id": 2}, 3, None]) == (chatapp.TodoItem(id=1, title="x", status="completed"),)
    assert load_todos({"a": 1}) == load_todos(None) == ()
    assert are_all_done(load_todos([good]))


def test_the_last_plan_that_was_said_counts_and_is_no_part() -> None:
    assembler = Assembler()
    assembler.take(chatapp.TodoUpdate([{"id": 1, "title": "One"}]))
    assembler.take(chatapp.TodoUpdate([{"id": 2, "title": "Two"}]))

    assert assembler.todos == (chatapp.TodoItem(id=2, title="Two"),)
    assert assembler.to_parts() == []


# ---- order and status


def test_what_is_said_and_what_is_shown_keep_their_order() -> None:
    call = chatapp.ToolCall(name="x")
    cite = chatapp.CitationPart(url="https://example.org/")
    parts = assemble("a", "b", call, "c", cite, cite, "d", chatapp.TodoUpdate([]), "e")

    assert [part.plain or part.kind for part in parts] == ["ab", "tool", "c", "citation", "citation", "de"]


def test_a_text_part_and_a_bare_string_are_stored_alike() -> None:
    assert [part.dump() for part in assemble("Hi **you**")] == [
        part.dump() for part in assemble(chatapp.TextPart(text="Hi **you**"))
    ]


def test_a_status_goes_when_text_goes_on_when_it_is_empty_and_at_the_end() -> None:
    assembler = Assembler()
    said = []
    for item in [
        "a",
        chatapp.Status("Looking"),
        " b",
        chatapp.Status("Again"),
        chatapp.Status(""),
        chatapp.Status("x"),
    ]:
        assembler.take(item)
        said.append(assembler.status)
    assembler.end()

    assert said == ["", "Looking", "", "Again", "", "x"]
    assert assembler.status == ""
    assert [part.plain for part in assembler.to_parts()] == ["a b"]
