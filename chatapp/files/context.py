"""`get_context`: the tool with which a model reads what was attached, by name."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from chatapp.tools import Tool, tool

from .chatfile import ChatFile

if TYPE_CHECKING:
    from chatapp.turn import ChatMessage


def list_contexts(messages: Sequence["ChatMessage"]) -> Iterator[tuple[str, str]]:
    """Names and texts of all that came with these messages, the newest first: files, and parts with a name and a
    text, such as what was mentioned."""
    for message in reversed(messages):
        for file in message.attachments:
            if isinstance(file, ChatFile):
                yield file.name, file.text or f"[{file.line}; it has no text that could be read]"
        for part in message.parts:
            name, text = getattr(part, "name", None), getattr(part, "text", None)
            if isinstance(name, str) and isinstance(text, str):
                yield name, text


def find_context(messages: Sequence["ChatMessage"], name: str) -> str:
    """The text of what has this name, with or without @; else a sentence that lists what there is."""
    wanted = name.strip().removeprefix("@")
    known = list(list_contexts(messages))
    for is_same in (str.__eq__, lambda one, other: one.casefold() == other.casefold()):
        for given, text in known:
            if is_same(given, wanted):
                return text
    names = ", ".join(dict.fromkeys(given for given, _ in known))
    return f"There is nothing of this name. There is: {names}." if names else "Nothing was attached."


@tool(name="get_context", title="Read what was attached", icon="paperclip", approval="never")
def _get_context(turn: Any, name: str) -> str:
    """Read something that the person attached or mentioned, by its name.

    Args:
        name: Its name as it stands in the conversation, such as "orders.csv" or "@Sales Data".
    """
    return find_context(turn.messages, name)


CONTEXT_TOOL: Final[Tool] = _get_context
"""Put it into the `tools` of an assistant: files that are too large for the request are then named there, and the
model reads those that it wants."""
