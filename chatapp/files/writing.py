"""Files as a model gets them: text between marks, within a budget; images as images, if the model sees.

The newest message is served first. What a file says is data: it cannot forge the mark that ends it, and what its name
says is escaped.
"""

import asyncio
import base64
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from chatapp.fencing import fence

from .chatfile import ChatFile

if TYPE_CHECKING:
    from chatapp.turn import ChatMessage

logger = logging.getLogger("chatapp.files")

MAX_IMAGES: Final = 20
"""In one request, the newest ones; each costs as much as a page of text."""

MIN_CHARS: Final = 200
"""A shorter piece of a file helps nobody."""


@dataclass(slots=True)
class Written:
    """What a message says of its files."""

    text: str = ""
    images: list[dict[str, Any]] = field(default_factory=list)


def wrap(file: ChatFile, text: str) -> str:
    """The text of a file between marks that say its name and type."""
    return fence("attachment", text, name=file.name, type=file.media_type)


def write_context(files: Sequence[ChatFile]) -> str:
    """All of the text of these files, each between its marks; of an image a line about it."""
    return "\n\n".join(wrap(file, file.text) if file.text else f"[{file.line}]" for file in files)


def write_summary(files: Sequence[ChatFile]) -> str:
    """One line that lists them; empty without any."""
    return "Attached: " + ", ".join(file.line for file in files) if files else ""


async def write_files(
    messages: Sequence["ChatMessage"], *, budget_chars: int, sees_images: bool, can_ask: bool
) -> Mapping[int, Written]:
    """What each message that has files says of them, by its place.

    `can_ask`: the model has the tool `get_context`, so a file that does not fit is named and not cut.
    """
    written: dict[int, Written] = {}
    left, images_left = budget_chars, MAX_IMAGES if sees_images else 0
    for place in reversed(range(len(messages))):
        if not messages[place].attachments:
            continue
        blocks: list[str] = []
        named: list[ChatFile] = []
        now = written[place] = Written()
        for file in messages[place].attachments:
            if not isinstance(file, ChatFile):
                continue  # A site's own kind, which its assistant deals with.
            if file.look == "image":
                # Only what people say may have images in it.
                image = await _load_image(file) if images_left and messages[place].role == "user" else None
                if image is not None:
                    now.images.append(image)
                    images_left -= 1
                blocks.append(f"[Image: {file.line}{'' if image else '; you cannot see it'}]")
            elif not file.text:
                blocks.append(f"[{file.line}; it has no text that could be read]")
            elif len(file.text) <= left:
                blocks.append(wrap(file, file.text))
                left -= len(file.text)
            elif can_ask or left < MIN_CHARS:
                named.append(file)
            else:
                cut = len(file.text) - left
                blocks.append(wrap(file, f"{file.text[:left]}\n… ({cut} more characters were cut off)"))
                left = 0
        if named:
            way = "read each with get_context" if can_ask else "there is no room for their text"
            blocks.append(f"{write_summary(named)} ({way})")
        now.text = "\n\n".join(blocks)
    return written


def add_files(messages: Sequence[dict[str, Any]], role: str, files: Written) -> list[dict[str, Any]]:
    """What a message says in the words of the API, with its files before it."""
    if len(messages) > 1 or (messages and "tool_calls" in messages[0]):
        return [*messages, {"role": role, "content": files.text}]
    said = messages[0]["content"] if messages else ""
    text = "\n\n".join(filter(None, (files.text, said)))
    if not files.images:
        return [{"role": role, "content": text}] if text else []
    return [{"role": role, "content": [{"type": "text", "text": text}, *files.images]}]


async def _load_image(file: ChatFile) -> dict[str, Any] | None:
    try:
        data = await asyncio.to_thread(file.read)
    except OSError as error:
        logger.warning("the file of attachment %s cannot be read: %s", file.id, type(error).__name__)
        return None
    url = f"data:{file.media_type};base64,{base64.b64encode(data).decode()}"
    return {"type": "image_url", "image_url": {"url": url}}
