"""Files with conversations, read: our own JSON, and the `conversations.json` of ChatGPT.

What is in such a file is as little to be trusted as anything else that a person sends: it makes no HTML of the site's
own, no form, no template, no question. What cannot be kept as it was is kept as the text that it says.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from chatapp.parts import Part, TextPart, UnknownPart, load_part, make_part
from chatapp.scrubbing import scrub, scrub_value

FORMAT: Final = "chatapp/1"
"""What a JSON file of ours says that it is."""

MAX_BYTES: Final = 32 * 1024 * 1024
MAX_THREADS: Final = 5000
MAX_MESSAGES: Final = 20_000
"""In one file; and messages in one conversation."""

_KEPT: Final = frozenset(
    {
        *("text", "thinking", "notice", "error", "tool", "citation"),
        *("code-artifact", "markdown-artifact", "html-artifact", "image-artifact", "json-artifact", "table-artifact"),
        "chart-artifact",
    }
)
"""Kinds that are kept as they are: nothing in them can do more than what a model says."""

_SHOWN_ERRORS: Final = 3


class BrokenFile(ValueError):
    """The file is none of these; the sentence says what was found, and where."""


def _cut(text: Any) -> Any:
    return " ".join(scrub(text).split())[:200] if isinstance(text, str) else text


class Said(BaseModel):
    """A message of a file."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    id: str = Field(min_length=1, max_length=200)
    parent: str | None = None
    role: Literal["user", "assistant"]
    author: Annotated[str, BeforeValidator(_cut)] = ""
    created_at: AwareDatetime | None = None
    text: str = ""
    parts: list[dict[str, Any]] = []

    def make_parts(self) -> list[Part]:
        """What was said. Raises ValueError for a part that is none."""
        rows = self.parts or ([{"kind": "text", "text": self.text}] if self.text else [])
        return [part for row in rows if (part := _make_part(row)) is not None]


class Conversation(BaseModel):
    """A conversation of a file."""

    format: Literal["chatapp/1"]
    title: Annotated[str, BeforeValidator(_cut)] = ""
    assistant: str = ""
    created_at: AwareDatetime | None = None
    updated_at: AwareDatetime | None = None
    head: str | None = None
    messages: list[Said] = Field(max_length=MAX_MESSAGES)

    @property
    def digest(self) -> str:
        """Names what is in it: the same conversation has the same one in every file."""
        data = self.model_dump(mode="json", exclude={"title", "updated_at"})
        return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def read_file(content: bytes) -> list[Conversation]:
    """The conversations in a file. Raises BrokenFile."""
    if len(content) > MAX_BYTES:
        raise BrokenFile(_("The file is larger than %(size)s MB.") % {"size": MAX_BYTES // 1024**2})
    try:
        data = json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise BrokenFile(_("The file is no text in UTF-8. Choose the JSON file of an export.")) from error
    except json.JSONDecodeError as error:
        where = {"line": error.lineno, "column": error.colno}
        raise BrokenFile(
            _("The file is no JSON: it breaks off at line %(line)s, column %(column)s.") % where
        ) from error
    except (RecursionError, ValueError) as error:
        raise BrokenFile(_("The file is no JSON that can be read.")) from error
    items = data.get("threads", [data]) if isinstance(data, dict) else data
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
        raise BrokenFile(_("There is no conversation in the file."))
    if len(items) > MAX_THREADS:
        raise BrokenFile(_("There are more than %(most)s conversations in the file.") % {"most": MAX_THREADS})
    return [_read(item, place) for place, item in enumerate(items, 1)]


def _read(item: Mapping[str, Any], place: int) -> Conversation:
    try:
        item = scrub_value(_translate(item) if "mapping" in item else item)
    except (RecursionError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise BrokenFile(_("Conversation %(place)s cannot be read.") % {"place": place}) from error
    found = item.get("format")
    if found != FORMAT:
        raise BrokenFile(
            _("Conversation %(place)s has the format %(found)s; %(known)s is known, and ChatGPT's conversations.json.")
            % {"place": place, "found": json.dumps(found)[:40], "known": FORMAT}
        )
    try:
        conversation = Conversation.model_validate(item)
    except ValidationError as error:
        raise BrokenFile(_explain(error, place)) from error
    _check_tree(conversation, place)
    for number, said in enumerate(conversation.messages, 1):
        try:
            said.make_parts()
        except ValueError as error:
            where = {"place": place, "number": number}
            raise BrokenFile(
                _("Conversation %(place)s, message %(number)s has a part that cannot be read.") % where
            ) from error
    return conversation


def _explain(error: ValidationError, place: int) -> str:
    """What was found where, without a word of what people said."""
    details = error.errors(include_url=False, include_context=False, include_input=False)
    lines = []
    for detail in details[:_SHOWN_ERRORS]:
        steps = [str(step + 1) if isinstance(step, int) else step for step in detail["loc"]]
        lines.append(f"{' '.join(steps)}: {detail['msg']}")
    if more := len(details) - _SHOWN_ERRORS:
        lines += [ngettext("and %(more)s more", "and %(more)s more", more) % {"more": more}] if more > 0 else []
    return _("Conversation %(place)s cannot be read: %(why)s.") % {"place": place, "why": "; ".join(lines)}


def _check_tree(conversation: Conversation, place: int) -> None:
    """Each message once, each parent there, and no circle."""
    parents = {said.id: said.parent for said in conversation.messages}
    why = ""
    if len(parents) < len(conversation.messages):
        why = _("two messages have the same id")
    elif missing := next((parent for parent in parents.values() if parent is not None and parent not in parents), None):
        why = _("there is no message %(id)s, which another one follows") % {"id": missing[:60]}
    elif conversation.head is not None and conversation.head not in parents:
        why = _("its head is no message of it")
    else:
        rooted: set[str] = set()
        for start in parents:
            path: list[str] = []
            at: str | None = start
            while at is not None and at not in rooted and len(path) <= len(parents):
                path.append(at)
                at = parents[at]
            if len(path) > len(parents):
                why = _("its messages follow one another in a circle")
                break
            rooted.update(path)
    if why:
        raise BrokenFile(_("Conversation %(place)s cannot be read: %(why)s.") % {"place": place, "why": why})


def _make_part(row: Mapping[str, Any]) -> Part | None:
    """A part as it was, or what it says as text; None for one that says nothing. Raises ValueError."""
    kind = row.get("kind")
    if kind not in _KEPT:
        said = load_part(row).plain
        return TextPart(text=said) if said.strip() else None
    made = make_part(_disarm(row))
    if isinstance(made, UnknownPart):
        raise ValueError(f"no kind {kind!r}")
    return made


def _disarm(row: Mapping[str, Any]) -> dict[str, Any]:
    """A part without what only code of the site may say."""
    row = dict(row)
    if row.get("kind") == "json-artifact" and isinstance(row.get("data"), str):
        row["data"] = json.loads(row["data"])  # as it is stored; see JsonArtifact
    if isinstance(row.get("display"), dict):
        display = {**row["display"], "html": ""}
        inner = [_make_part(part) for part in display.get("parts") or () if isinstance(part, dict)]
        display["parts"] = [part.dump() if part.kind != "json-artifact" else part for part in inner if part is not None]
        row["display"] = display
    return row


# ------------------------------------------------------------------ ChatGPT


def _translate(item: Mapping[str, Any]) -> dict[str, Any]:
    """A conversation of ChatGPT as one of ours: its tree without the nodes that say nothing."""
    nodes = item["mapping"]
    messages: list[dict[str, Any]] = []
    for key, node in nodes.items():
        message = node.get("message")
        if (text := _get_text(message)) is None:
            continue
        role = "user" if message["author"]["role"] == "user" else "assistant"
        messages.append(
            {
                "id": key,
                "parent": _find_said(nodes, node.get("parent")),
                "role": role,
                "created_at": _to_time(message.get("create_time")),
                "parts": [{"kind": "text", "text": text}],
            }
        )
    return {
        "format": FORMAT,
        "title": item.get("title") or "",
        "created_at": _to_time(item.get("create_time")),
        "updated_at": _to_time(item.get("update_time")),
        "head": _find_said(nodes, item.get("current_node")),
        "messages": messages,
    }


def _find_said(nodes: Mapping[str, Any], key: str | None) -> str | None:
    """The next message at or above this node that says something."""
    for _step in range(len(nodes) + 1):
        if key is None or key not in nodes:
            return None
        if _get_text(nodes[key].get("message")) is not None:
            return key
        key = nodes[key].get("parent")
    raise ValueError("a circle")


def _get_text(message: Any) -> str | None:
    """What a message of ChatGPT says, as Markdown; None for instructions, hidden and empty ones."""
    if not isinstance(message, dict) or (message.get("author") or {}).get("role") in (None, "system"):
        return None
    if (message.get("metadata") or {}).get("is_visually_hidden_from_conversation"):
        return None
    content = message.get("content") or {}
    kind = content.get("content_type", "text")
    if kind in ("code", "execution_output"):
        language = str(content.get("language") or "").replace("unknown", "")
        text = _fence(str(content.get("text") or ""), language)
    else:
        text = "\n\n".join(_list_texts(content))
    return text if text.strip() else None


def _list_texts(content: Mapping[str, Any]) -> Iterator[str]:
    parts: Sequence[Any] = content.get("parts") or [content.get("text") or content.get("result") or ""]
    for part in parts:
        if isinstance(part, str):
            yield part
        elif isinstance(part, dict):
            yield str(part.get("text") or f"[{part.get('content_type', 'file')}]")


def _fence(source: str, language: str) -> str:
    if not source.strip():
        return ""
    fence = "```"
    while fence in source:
        fence += "`"
    return f"{fence}{language if language.isalnum() else ''}\n{source.rstrip()}\n{fence}"


def _to_time(seconds: Any) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int | float) and seconds else None
