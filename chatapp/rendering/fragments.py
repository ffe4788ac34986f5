"""Pieces of HTML with their place in the page, and the frames that carry them.

The only place that knows how htmx is told where something goes. A frame is always written here, around model HTML;
model text is never the frame. In one frame no fragment depends on another: what an element made by a frame is to
contain comes with it, or in the next frame.
"""

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from django.utils.html import escape

THREAD = "chat-thread"
CURSOR = "chat-cursor"
NOTICE = "chat-notice"
ACTION = "chat-action"
TITLE = "chat-title"
THREADS = "chat-threads"
UNDO = "chat-undo"
TODOS = "chat-todos"
QUEUE = "chat-queue"
GREETING = "chat-greeting"
START = "chat-start"
INPUT = "chat-input"
SETTINGS = "chat-settings-body"
MODEL = "chat-model"
DISABLED = "chat-disabled"


class Fragment(NamedTuple):
    """A swap: what to do (`verb`), with which element (`target`, an id), and the HTML."""

    verb: str
    """append, fill, extend (the open code fence in it), replace (the element), amend (its n-th child), delete."""

    target: str
    html: str


def message_id(message: UUID) -> str:
    """Element id of a message."""
    return f"m-{message}"


def parts_id(message: UUID) -> str:
    """Element id of the holder of a message's parts."""
    return f"m-{message}-parts"


def foot_id(message: UUID) -> str:
    """Element id of what stands under a message: its state, an error, actions."""
    return f"m-{message}-foot"


def mark_id(message: UUID) -> str:
    """Element id of the icon beside a message that is not the person's."""
    return f"m-{message}-mark"


def stream_id(stream: UUID) -> str:
    """Element id of the place of a stream outside of chats; what is in it has ids that begin so."""
    return f"s-{stream}"


def part_id(message: UUID, index: int) -> str:
    """Element id of the part at this index."""
    return f"m-{message}-{index}"


def append(target: str, html: str) -> Fragment:
    """Add to the end of the element."""
    return Fragment("append", target, html)


def fill(target: str, html: str) -> Fragment:
    """Replace what the element contains."""
    return Fragment("fill", target, html)


def extend(target: str, html: str) -> Fragment:
    """Add to the end of the one `code` element inside the element."""
    return Fragment("extend", target, html)


def replace(target: str, html: str) -> Fragment:
    """Replace the element itself. Walks the whole document in the browser: not for the hot path."""
    return Fragment("replace", target, html)


def amend(target: str, index: int, html: str) -> Fragment:
    """Replace the child at `index` (from 0) of the element. At the end of a run only."""
    return Fragment("amend", f"{target}:{index}", html)


def delete(target: str) -> Fragment:
    """Take the element out of the page."""
    return Fragment("delete", target, "")


def cursor(run: UUID | str, seq: int, target: str = CURSOR) -> Fragment:
    """Where the page stands after this frame; it sends that back when it returns."""
    return Fragment("fill", target, f"{run}:{seq}")


def no_cursor(target: str = CURSOR) -> Fragment:
    """Nothing is followed."""
    return Fragment("fill", target, "")


def notice(html: str) -> Fragment:
    """A line for the person that goes away again."""
    return Fragment("append", NOTICE, html)


def text(target: str, value: str) -> Fragment:
    """Replace what the element contains by plain text."""
    return Fragment("fill", target, escape(value))


def write_frames(fragments: Iterable[Fragment]) -> list[str]:
    """The frames that carry these fragments, in order.

    A fragment whose target is made by an earlier one goes into a later frame.
    """
    frames: list[str] = []
    lines: list[str] = []
    made: list[str] = []
    filled: set[str] = set()
    for fragment in fragments:
        target = fragment.target.partition(":")[0]
        is_inside = fragment.verb in ("amend", "extend") and target in filled
        if is_inside or (made and any(f'id="{target}"' in html for html in made)):
            frames.append("".join(lines))
            lines, made, filled = [], [], set()
        lines.append(_write(fragment))
        if fragment.verb in ("append", "fill"):
            filled.add(target)
        if fragment.target in (THREAD, GREETING) or fragment.target.endswith("-parts") or fragment.verb == "replace":
            made.append(fragment.html)
    if lines:
        frames.append("".join(lines))
    return frames


def _write(fragment: Fragment) -> str:
    verb, target, html = fragment
    if verb == "append":
        return f'<div hx-swap-oob="beforeend:#{target}">{html}</div>'
    if verb == "fill":
        return f'<div hx-swap-oob="innerHTML:#{target}">{html}</div>'
    if verb == "extend":
        return f'<div hx-swap-oob="beforeend:#{target} code">{html}</div>'
    if verb == "delete":
        return f'<div hx-swap-oob="delete:#{target}"></div>'
    if verb == "amend":
        parent, _, index = target.partition(":")
        target = f"{parent} > :nth-child({int(index) + 1})"
    # outerHTML keeps the wrapper, so the element itself carries the attribute; its tag name ends at the first space or
    # ">".
    end = min(at for at in (html.find(" "), html.find(">")) if at > 0)
    return f'{html[:end]} hx-swap-oob="outerHTML:#{target}"{html[end:]}'
