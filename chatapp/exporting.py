"""A conversation as a file: Markdown or a page of HTML to read, JSON to keep, CSV for the tables of staff.

What people were never shown is in neither: hidden messages, instructions. Thoughts come along only when asked for.
"""

from collections.abc import Iterator
from typing import Any, Final

from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from chatapp.artifacts import Artifact, CodeArtifact, JsonArtifact
from chatapp.artifacts.tables import write_csv
from chatapp.files.parts import FilePart
from chatapp.models import Message, Thread
from chatapp.parts import Part, ThinkingPart
from chatapp.rendering import markdown
from chatapp.runs import transcript
from chatapp.transfers import FORMAT

_COLUMNS: Final = ("created_at", "role", "author", "text")


def export_markdown(thread: Thread, *, thinking: bool = False) -> str:
    """The branch that is shown, as a Markdown document: who said it, and what."""
    blocks = [f"# {_to_line(thread.title) or _('Conversation')}"]
    for message in _load_shown(thread):
        name = _("You") if message.role == Message.Role.USER else _get_author(thread, message)
        said = [text for part in message.load_parts() for text in _write_part(part, thinking=thinking)]
        blocks += [f"## {_to_line(name)}", *said]
    return "\n\n".join(blocks) + "\n"


def export_html(thread: Thread, *, thinking: bool = False) -> str:
    """The same as a page that needs nothing else. What was said is drawn as in the chat: it is no HTML."""
    messages = [
        {
            "author": _("You") if message.role == Message.Role.USER else _get_author(thread, message),
            "created_at": message.created_at,
            "parts": [
                markdown.render(text) for part in message.load_parts() for text in _write_part(part, thinking=thinking)
            ],
        }
        for message in _load_shown(thread)
    ]
    return render_to_string("chatapp/export.html", {"title": thread.title, "messages": messages})


def export_csv(thread: Thread) -> str:
    """The same as a table, one message a row. No cell begins like a formula."""
    rows = [
        (
            message.created_at.isoformat(),
            message.role,
            _to_line("" if message.role == Message.Role.USER else _get_author(thread, message)),
            message.text,
        )
        for message in _load_shown(thread)
    ]
    return write_csv(_COLUMNS, rows)


def export_all(threads: QuerySet[Thread], *, thinking: bool = True) -> dict[str, Any]:
    """All of these threads in one file, which importing.py reads again."""
    return {
        "format": FORMAT,
        "threads": [
            export_json(thread, thinking=thinking)
            for thread in threads.filter(head__isnull=False).order_by("created_at")
        ],
    }


def export_json(thread: Thread, *, thinking: bool = False) -> dict[str, Any]:
    """The whole tree with all its branches: each message names its parent, and `head` the end of the shown one."""
    return {
        "format": FORMAT,
        "id": str(thread.pk),
        "title": thread.title,
        "assistant": thread.assistant,
        "created_at": thread.created_at.isoformat(),
        "updated_at": thread.updated_at.isoformat(),
        "head": str(thread.head_id) if thread.head_id else None,
        "messages": [
            {
                "id": str(message.pk),
                "parent": str(message.parent_id) if message.parent_id else None,
                "role": message.role,
                "author": "" if message.role == Message.Role.USER else _get_author(thread, message),
                "created_at": message.created_at.isoformat(),
                "text": message.text,
                "parts": [
                    part.dump() for part in message.load_parts() if thinking or not isinstance(part, ThinkingPart)
                ],
            }
            for message in _get_visible(thread).filter(queued_at__isnull=True).order_by("created_at")
        ],
    }


def _get_visible(thread: Thread) -> QuerySet[Message]:
    """The messages that people see, of all branches."""
    return Message.objects.filter(thread=thread, visible=True).exclude(role=Message.Role.SYSTEM)


def _load_shown(thread: Thread) -> list[Message]:
    """Those of the shown branch, oldest first."""
    path = transcript.get_path(thread)
    found = _get_visible(thread).in_bulk(path)
    return [found[pk] for pk in path if pk in found]


def _get_author(thread: Thread, message: Message) -> str:
    return message.author_label or transcript.get_title(thread)


def _to_line(text: str) -> str:
    return " ".join(text.split())


def _write_part(part: Part, *, thinking: bool) -> Iterator[str]:
    """The Markdown of a part; nothing for one that says nothing."""
    if isinstance(part, ThinkingPart):
        if thinking and part.text.strip():
            yield "\n".join(f"> {line}".rstrip() for line in part.text.strip().splitlines())
    elif isinstance(part, CodeArtifact | JsonArtifact):
        language = part.language if isinstance(part, CodeArtifact) else "json"
        yield f"**{_to_line(part.heading)}**"
        yield _fence(part.source, language)
    elif isinstance(part, Artifact):
        yield f"**{_to_line(part.heading)}**"
    elif isinstance(part, FilePart):
        yield f"*{_to_line(_('File: %(name)s (%(size)s)') % {'name': part.name, 'size': part.size})}*"
    elif part.plain.strip():
        yield part.plain.strip()


def _fence(source: str, language: str) -> str:
    """A code block whose fence is longer than any in it."""
    fence = "```"
    while fence in source:
        fence += "`"
    return f"{fence}{_to_line(language).replace('`', '')}\n{source.rstrip()}\n{fence}"
