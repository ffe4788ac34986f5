"""Everything that crosses a process boundary: frames from browsers, messages between processes, group names, close
codes.

Boundaries parse, insides trust: what has become one of these classes is never validated again.
"""

import json
from collections.abc import Mapping
from enum import IntEnum
from typing import Annotated, Any, ClassVar, Final, Literal
from uuid import UUID, uuid4

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from chatapp.errors import ChatappError
from chatapp.inputs import InputUpdate


class CloseCode(IntEnum):
    """Why a socket was closed for good (44xx) or should come back (4012)."""

    NONSENSE = 4400
    SIGNED_OUT = 4401
    FOREIGN_ORIGIN = 4403
    NO_SUCH_THREAD = 4404
    TOO_MANY = 4429
    UNHANDLED = 4450
    COME_BACK = 4012


MAX_MENTIONS: Final = 20
"""Context sources in one message."""


class BadFrame(ChatappError):
    """A frame that cannot be understood. Its text is fit for the person; nothing was changed."""


# ------------------------------------------------------------------ frames from a browser


class _Frame(BaseModel):
    # Unknown keys are ignored, so that HEADERS and csrfmiddlewaretoken of htmx, and whatever a client claims about its
    # role or owner, do nothing.
    model_config = ConfigDict(frozen=True, extra="ignore")

    is_counted: ClassVar[bool] = True
    """Whether the frame limit counts it."""


class Resume(_Frame):
    """First frame after each open: bring me up to date."""

    type: Literal["resume"]
    cursors: dict[UUID, Annotated[int, Field(ge=0)]] = Field(default_factory=dict, max_length=8)
    last: UUID | None = None


class Post(_Frame):
    """Send a message."""

    type: Literal["post"]
    text: str
    client_id: UUID
    # How many a message may really have is for the action to say, in a sentence.
    attachments: list[UUID] = Field(default_factory=list, max_length=100)
    mentions: list[Annotated[str, Field(max_length=64)]] = Field(default_factory=list, max_length=MAX_MENTIONS)
    """Ids of context sources."""


class Stop(_Frame):
    """Stop answering."""

    type: Literal["stop"]


class Retry(_Frame):
    """Answer that question again; the message is the answer that gets another version."""

    type: Literal["retry"]
    message: UUID
    model: Annotated[str, Field(max_length=128)] = ""
    """Who is to answer, of those that the assistant offers. Empty: who answers here anyway."""


class Edit(_Frame):
    """Ask that question anew, in other words; it gets another version."""

    type: Literal["edit"]
    message: UUID
    text: str
    client_id: UUID


class Answer(_Frame):
    """The answer to a question of the assistant, which `request` names."""

    type: Literal["answer"]
    request: Annotated[str, Field(min_length=1, max_length=100)]
    value: str


class Unqueue(_Frame):
    """Take back a message that waits to be sent."""

    type: Literal["unqueue"]
    message: UUID


class Ack(_Frame):
    """Seen up to step `seq` of the run that is followed."""

    type: Literal["ack"]
    seq: Annotated[int, Field(ge=0)]

    is_counted: ClassVar[bool] = False


Frame = Resume | Post | Stop | Retry | Edit | Answer | Unqueue | Ack

_frames: Final[TypeAdapter[Frame]] = TypeAdapter(Annotated[Frame, Field(discriminator="type")])


def parse_frame(text: str) -> Frame:
    """The frame in this text.

    Raises BadFrame with a sentence that says what was wrong, without repeating what was sent.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadFrame("The page sent something that is not JSON.") from error
    if not isinstance(data, dict):
        raise BadFrame("The page sent something that is not a JSON object.")
    if data.get("last") == "":
        data = {**data, "last": None}
    try:
        return _frames.validate_python(data)
    except ValidationError as error:
        detail = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(step) for step in detail["loc"])
        raise BadFrame(
            f"The page sent a frame that is not understood ({where or 'type'}: {detail['type']})."
        ) from error


# ------------------------------------------------------------------ hints and messages between processes

MAILBOX_TYPE: Final = "chatapp.mail"
"""Channel-layer type of everything below."""

MAX_MAIL_CHARS: Final = 12_000
"""Characters of JSON in one channel-layer message: four bytes each at the most stay below 64 KiB with its envelope."""


class _Mail(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ThreadChanged(_Mail):
    """Hint: a new message or run in this thread, or the thread is gone."""

    kind: Literal["thread_changed"] = "thread_changed"
    thread: UUID


class PersonChanged(_Mail):
    """Hint: this person's thread list changed, or they signed out (`session` names the session that ended)."""

    kind: Literal["person_changed"] = "person_changed"
    person: str
    session: str = ""


class Watch(_Mail):
    """Send me the steps of this run after `cursor`, and those to come."""

    kind: Literal["watch"] = "watch"
    run: UUID
    cursor: int
    reply_to: str


class Unwatch(_Mail):
    """Nobody here reads this run any more."""

    kind: Literal["unwatch"] = "unwatch"
    run: UUID
    reply_to: str


class Steps(_Mail):
    """What came after step `after` up to `seq`. `after` -1: `ops` begin with a snapshot."""

    kind: Literal["steps"] = "steps"
    run: UUID
    after: int
    seq: int
    ops: list[tuple[str, str, str]]
    done: bool = False
    unknown: bool = False
    """The sender does not run it any more; only the database knows how it ended."""


class StopRun(_Mail):
    """Somebody pressed Stop; the row already says so."""

    kind: Literal["stop_run"] = "stop_run"
    run: UUID


class AnswerRun(_Mail):
    """Somebody answered a question of this run; the stored message already has the answer."""

    kind: Literal["answer_run"] = "answer_run"
    run: UUID


class ChangeInput(_Mail):
    """Change the message box in the pages of this thread that this person has open."""

    kind: Literal["change_input"] = "change_input"
    thread: UUID
    person: str
    update: InputUpdate


Mail = ThreadChanged | PersonChanged | ChangeInput | Watch | Unwatch | Steps | StopRun | AnswerRun

_mails: Final[TypeAdapter[Mail]] = TypeAdapter(Annotated[Mail, Field(discriminator="kind")])


def pack_mail(mail: Mail) -> list[dict[str, Any]]:
    """Channel-layer messages that together carry this mail, each below MAX_MAIL_CHARS of JSON."""
    text = mail.model_dump_json()
    pieces = [text[at : at + MAX_MAIL_CHARS] for at in range(0, len(text), MAX_MAIL_CHARS)]
    if len(pieces) == 1:
        return [{"type": MAILBOX_TYPE, "body": text}]
    name = uuid4().hex
    return [
        {"type": MAILBOX_TYPE, "body": piece, "name": name, "at": at, "of": len(pieces)}
        for at, piece in enumerate(pieces)
    ]


class MailReader:
    """Puts the pieces of mail together again.

    A mail with a lost piece is dropped; its sender's next one shows the gap.
    """

    def __init__(self, keep: int = 64) -> None:
        self._open: dict[str, list[str]] = {}
        self._keep = keep

    def read(self, message: Mapping[str, Any]) -> Mail | None:
        """The mail, once its last piece is here. None: not yet, or not understood (another version of the code)."""
        body = message.get("body", "")
        if "name" in message:
            pieces = self._open.setdefault(message["name"], [])
            if message["at"] != len(pieces):
                self._open.pop(message["name"], None)
                return None
            pieces.append(body)
            if len(pieces) < message["of"]:
                self._forget_oldest()
                return None
            body = "".join(self._open.pop(message["name"]))
        try:
            return _mails.validate_json(body)
        except ValidationError:
            return None

    def _forget_oldest(self) -> None:
        while len(self._open) > self._keep:
            self._open.pop(next(iter(self._open)))


def thread_group(thread: UUID) -> str:
    """Channel-layer group of the processes in which somebody has this thread open."""
    return f"chatapp.thread.{thread.hex}"


def person_group(person: str) -> str:
    """Channel-layer group of the processes in which this person has a page open."""
    return f"chatapp.person.{person}"
