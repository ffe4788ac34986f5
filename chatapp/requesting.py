"""From a turn to what its model is asked: instructions, the branch that is shown, what goes before the question."""

from bisect import bisect_left
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from chatapp.conf import settings
from chatapp.contexts import add_before_question, add_context, read_silent
from chatapp.files.context import CONTEXT_TOOL
from chatapp.files.writing import Written, add_files, write_files
from chatapp.history import is_model_call, write_messages
from chatapp.prompts import CONTINUE
from chatapp.providers.base import ModelRequest
from chatapp.retrieval import retrieve_context
from chatapp.tools import Tool
from chatapp.trimming import Window

if TYPE_CHECKING:
    from chatapp.turn import ChatMessage, Turn


async def make_request(
    turn: "Turn", tools: Mapping[str, Tool], prompt: str, instructions: str | None = None
) -> tuple[ModelRequest, Window]:
    """The whole request with these tools, and how much of it goes; `instructions` in place of the assistant's."""
    if instructions is None:
        instructions = await turn.assistant.load_instructions(turn)
    system = [{"role": "system", "content": instructions}] if instructions else []
    # Without a tool at hand some servers refuse to hear of calls.
    placed = await write_history(turn, with_calls=bool(tools), can_ask=CONTEXT_TOOL.name in tools)
    said, places = [said for said, _place in placed], [place for _said, place in placed]
    asked = [place for place, message in enumerate(turn.messages) if _is_question(message)]
    newest = bisect_left(places, asked[-1]) if asked else 0
    if prompt:
        said.append({"role": "user", "content": prompt})
    request = ModelRequest(
        messages=[*system, *said],
        model=turn.get_named_model() or None,
        options={**turn.assistant.options, **turn.config.get_options()},
        tools=tuple(tool.definition for tool in tools.values()),
        kind=turn.kind,
    )
    first = len(system)
    return request, Window(turn, first=first, newest=first + newest, places=places)


async def write_history(turn: "Turn", *, with_calls: bool, can_ask: bool) -> list[tuple[dict[str, Any], int]]:
    """See Turn.write_history; each with its place in the messages of the turn."""
    files = await _write_files(turn, can_ask=can_ask)
    placed = [
        (said, place)
        for place, message in enumerate(turn.messages)
        if message.role in ("user", "assistant", "system")
        for said in _write(message, files.get(place), with_calls=with_calls)
    ]
    if not turn.messages:
        return placed
    silent = await read_silent(await turn.assistant.load_context_sources(turn.user), turn)
    with_context = add_context([said for said, _place in placed], silent)
    if turn.assistant.retriever is not None:
        with_context = add_before_question(with_context, await retrieve_context(turn.assistant.retriever, turn))
    return [(said, place) for said, (_said, place) in zip(with_context, placed, strict=True)]


async def _write_files(turn: "Turn", *, can_ask: bool) -> Mapping[int, Written]:
    if not any(message.attachments for message in turn.messages):
        return {}
    return await write_files(
        turn.messages,
        budget_chars=settings.ATTACHMENT_MODEL_CHARS,
        sees_images=turn.sees_images,
        can_ask=can_ask,
    )


def _write(message: "ChatMessage", files: Written | None, *, with_calls: bool) -> list[dict[str, Any]]:
    if with_calls and any(is_model_call(part) for part in message.parts):
        said = write_messages(message.role, message.parts)
    else:
        said = [{"role": message.role, "content": message.content}] if message.content.strip() else []
    return add_files(said, message.role, files) if files is not None else said


def _is_question(message: "ChatMessage") -> bool:
    return message.role == "user" and message.content != CONTINUE
