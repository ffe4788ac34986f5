"""A function becomes a tool: what the model is told of it, what it is given, and what comes of it in its row."""

import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, ValidationError

import chatapp
from chatapp.activity import ToolProgress, ToolResult
from chatapp.tools import MAX_PROGRESS_CHARS


@chatapp.tool
def find_parcel(turn: chatapp.Turn, order_number: int, carrier: str = "post") -> str:
    """Say where the parcel of an order is.

    Args:
        order_number: As it stands
            on the bill.
        carrier (str): Who brings it.

    Returns:
        Nothing that the model need know.
    """
    return f"{carrier} {order_number}"


async def perform(tool: chatapp.Tool, **arguments: Any) -> list[Any]:
    """What a call says, in order."""
    return [item async for item in tool.run("the turn", tool.check(arguments), "a")]


# ---- what the model is told


def test_a_function_with_hints_defaults_and_a_docstring_gives_its_json_schema() -> None:
    assert find_parcel.definition == {
        "type": "function",
        "function": {
            "name": "find_parcel",
            "description": "Say where the parcel of an order is.",
            "parameters": {
                "type": "object",
                "properties": {
                    "order_number": {"type": "integer", "description": "As it stands on the bill."},
                    "carrier": {"type": "string", "description": "Who brings it.", "default": "post"},
                },
                "required": ["order_number"],
                "additionalProperties": False,
            },
        },
    }


NUMPY = """Find parcels.

Only those that are under way.

Parameters
----------
town : str
    Where they
    are.
first, last : int, optional
    Which days.
other

Returns
-------
list of str
    Their numbers.
"""

SPHINX = """Find parcels.

Only those that are under way.

:param str town: Where they
    are.
:type town: str
:param first: Which days.
:param int | None last: Which days.
:returns: Their numbers.
:raises ValueError: never
"""

GOOGLE = """Find parcels.

Only those that are under way.

Args:
    town (str, optional): Where they
        are.

    first: Which days.
    last (dict(str, int)): Which days.

Returns:
    first: Their numbers.

Note:
    last: Slow.
"""


@pytest.mark.parametrize("docstring", [NUMPY, SPHINX, GOOGLE], ids=["NumPy", "Sphinx", "Google"])
def test_a_docstring_describes_the_arguments_in_each_of_the_usual_styles(docstring: str) -> None:
    def find(town: str, first: int = 0, last: int = 0, other: int = 0) -> list[str]:
        return []

    find.__doc__ = docstring
    tool = chatapp.tool(find)

    assert tool.description == "Find parcels.\n\nOnly those that are under way."
    described = {name: schema.get("description") for name, schema in tool.parameters["properties"].items()}
    assert described == {"town": "Where they are.", "first": "Which days.", "last": "Which days.", "other": None}


def test_what_an_annotation_says_itself_wins_over_the_docstring() -> None:
    @chatapp.tool
    def search(
        words: Annotated[str, Field(description="Space between them", max_length=50)],
        copy: list[Literal["a", "b"]] | None = None,
    ) -> None:
        """Search.

        :param words: not this
        :param copy: a name that models of pydantic have for something else
        """

    assert search.parameters["properties"]["words"] == {
        "type": "string",
        "description": "Space between them",
        "maxLength": 50,
    }
    assert search.parameters["properties"]["copy"]["description"].startswith("a name that")
    assert search.check({"words": "a", "copy": ["b"]}) == {"words": "a", "copy": ["b"]}


def test_a_tool_may_say_its_name_description_title_and_icon() -> None:
    @chatapp.tool(name="look-up", description="Look it up.", title="Looking it up", icon="search", timeout=3)
    def anything() -> None:
        """Not this."""

    function = anything.definition["function"]
    assert (function["name"], function["description"]) == ("look-up", "Look it up.")
    assert (anything.title, anything.icon, anything.timeout, anything.approval) == (
        "Looking it up",
        "search",
        3,
        "always",
    )
    assert function["parameters"] == {"type": "object", "properties": {}, "additionalProperties": False}


def test_a_tool_can_still_be_called() -> None:
    assert find_parcel("the turn", 17) == "post 17"


def declare(source: str) -> Callable[..., Any]:
    """A function from its source, in a module of its own."""
    names: dict[str, Any] = {"__name__": "shop", "socket": socket}
    exec(source, names)  # noqa: S102  # as a site would write it
    function: Callable[..., Any] = names["f"]
    return function


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("def f(order): ...", r"shop\.f: 'order' has no annotation; write what it is, such as order: str"),
        ("def f(*orders: int): ...", r"shop\.f takes '\*orders: int'; a model gives each argument by its name"),
        ("def f(**orders: int): ...", r"shop\.f takes '\*\*orders: int'"),
        ("def f(order: int, /): ...", r"shop\.f takes 'order: int'"),
        ("def f(line: socket.socket): ...", r"shop\.f: 'line' is a <class 'socket\.socket'>, which has no JSON schema"),
        ("def f(order: 'Order'): ...", r"shop\.f: name 'Order' is not defined; declare a tool where the types"),
    ],
)
def test_what_no_model_could_call_fails_where_it_is_declared(source: str, problem: str) -> None:
    with pytest.raises(TypeError, match=problem):
        chatapp.tool(declare(source))


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"name": "find parcel"}, "the name 'find parcel' is not usable"),
        ({"approval": "sometimes"}, 'approval is \'sometimes\'; give "always", "never" or a function'),
        ({"timeout": -1}, "timeout must be seconds, or None for ever, not -1"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        chatapp.tool(**options)(find_parcel.function)


def test_only_a_function_becomes_a_tool() -> None:
    with pytest.raises(TypeError, match=r"@chatapp\.tool takes a function, not 17"):
        chatapp.tool(17)  # type: ignore[call-overload]


def test_an_assistant_has_tools_only_and_each_name_once() -> None:
    def plain() -> None: ...

    with pytest.raises(TypeError, match=r"\.tools has <function .*plain.*>, which is no tool; declare it with"):
        type("A", (chatapp.Assistant,), {"tools": [plain]})()
    with pytest.raises(ValueError, match="two tools of the name 'find_parcel'"):
        type("B", (chatapp.Assistant,), {"tools": [find_parcel, find_parcel]})()


# ---- what it is given


def test_arguments_become_what_the_annotations_say_and_the_rest_is_refused() -> None:
    assert find_parcel.check({"order_number": "17"}) == {"order_number": 17, "carrier": "post"}
    assert find_parcel.check({"order_number": 17, "_intent": "to know"}) == {"order_number": 17, "carrier": "post"}
    for wrong in ({}, {"order_number": "x"}, {"order_number": 1, "turn": 2}, [17], None):
        with pytest.raises(ValidationError):
            find_parcel.check(wrong)


# ---- what comes of it


async def test_every_shape_of_function_gives_its_result() -> None:
    main = threading.get_ident()

    @chatapp.tool
    def sync(turn: Any, word: str) -> Any:
        """In a thread of its own."""
        return [word, turn, threading.get_ident() == main]

    @chatapp.tool
    async def coroutine(turn: Any, word: str) -> Any:
        """In the loop."""
        return [word, turn, threading.get_ident() != main]

    @chatapp.tool
    def generator(turn: Any, word: str) -> Any:
        """Gives back what it returns."""
        yield chatapp.Status("half")
        return [word, turn, False]  # that is the point

    @chatapp.tool
    async def async_generator(turn: Any, word: str) -> AsyncIterator[Any]:
        """Gives back what it yields last."""
        yield [word]
        yield [word, turn, False]
        yield chatapp.Status("done")

    for tool in (sync, coroutine, generator, async_generator):
        assert (await perform(tool, word="a"))[-1] == ToolResult(["a", "the turn", False], tool_id="a")


async def test_what_a_generator_yields_is_shown_in_its_row_at_once() -> None:
    @chatapp.tool
    async def search() -> AsyncIterator[Any]:
        """Search."""
        yield chatapp.Status("2 of 5")
        yield "Found one. "
        yield "Found two."
        yield chatapp.NoticePart(code="x", message="Enough")
        yield chatapp.ToolDisplay(markdown="| a |\n|---|\n| 1 |", open=True)
        yield chatapp.ToolResult({"found": 2}, display=chatapp.ToolDisplay(text="Two"))

    *progress, result = await perform(search)

    shown = [(item.text, item.display.text, item.display.parts) if item.display else item.text for item in progress]
    notice = {"kind": "notice", "code": "x", "message": "Enough"}
    text = {"kind": "text", "text": "Found one. Found two."}
    assert all(isinstance(item, ToolProgress) and item.tool_id == "a" for item in progress)
    assert shown[:3] == ["2 of 5", ("2 of 5", "Found one. ", ()), ("2 of 5", "Found one. Found two.", ())]
    assert shown[3] == ("2 of 5", "", (text, notice))
    assert progress[4].display.markdown.startswith("| a |")
    assert result == ToolResult({"found": 2}, tool_id="a", display=chatapp.ToolDisplay(text="Two"))


async def test_of_a_long_text_that_a_tool_yields_its_row_shows_the_end() -> None:
    @chatapp.tool
    def talk() -> Iterator[str]:
        """Talk."""
        yield "x" * MAX_PROGRESS_CHARS
        yield "end"

    progress = await perform(talk)

    assert len(progress[1].display.text) == MAX_PROGRESS_CHARS
    assert progress[1].display.text.endswith("xend")


async def test_texts_and_images_are_shown_in_their_order_and_the_model_gets_the_words() -> None:
    image = chatapp.ImageArtifact(url="data:image/png;base64,iVBORw0KGgo=", alt="A map")

    @chatapp.tool
    def draw() -> Any:
        """Draw."""
        return ["Before", image, "after"]

    (result,) = await perform(draw)

    assert [part["kind"] for part in result.display.parts] == ["text", "image-artifact", "text"]
    assert result.result == "Before\n\nA map\n\nafter"


async def test_a_list_of_anything_else_is_data() -> None:
    @chatapp.tool
    def count() -> Any:
        """Count."""
        return [1, 2]

    assert await perform(count) == [ToolResult([1, 2], tool_id="a")]


def test_tools_and_questions_cannot_stand_in_the_row_of_a_tool() -> None:
    for part in (chatapp.ToolCallPart(name="a"), chatapp.InputRequest(prompt="Go?")):
        with pytest.raises(ValidationError, match=f"a part of kind '{part.kind}' cannot stand in the row of a tool"):
            chatapp.ToolDisplay(parts=[part])


async def test_a_generator_in_a_thread_is_closed_with_the_caller() -> None:
    closed = threading.Event()

    @chatapp.tool
    def wait() -> Iterator[Any]:
        """Wait."""
        try:
            yield chatapp.Status("waiting")
            yield chatapp.Status("never")
        finally:
            closed.set()

    events = wait.run("the turn", {}, "a")
    await anext(events)
    await events.aclose()

    assert closed.wait(5)
