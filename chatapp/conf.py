"""`settings.CHATAPP`, typed.

    from chatapp.conf import settings
    settings.FLUSH_SECONDS

One dict in the site's settings becomes one frozen pydantic model, read on first use and again after
`override_settings`. What is wrong in it is an ImproperlyConfigured that names the nearest known key; the system check
`chatapp.E001` says the same without a crash.
"""

import difflib
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.utils.translation import gettext_noop
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import PydanticCustomError

WhileRunning = Literal["block", "disable", "stop", "queue"]
"""See Assistant.while_running."""

BuiltInCommand = Literal["clear", "export", "model", "system"]
"""See chatapp.commands."""
SubmitKey = Literal["enter", "enter+modifier"]
"""See Assistant.submit_key."""

_Value = TypeVar("_Value")

OnError = Literal["auto", "actual", "sanitize", "unhandled"]
"""See Assistant.on_error."""


class ProviderSettings(BaseModel):
    """One entry of `PROVIDERS`, in the shape of Django's CACHES."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    BACKEND: str
    """Dotted path of a `chatapp.providers.base.Provider`."""

    OPTIONS: dict[str, Any] = {}
    """Keyword arguments of that class."""

    MODELS: tuple[str, ...] | Literal["provider"] = ()
    """The models that people may choose from: names, or "provider" for what it says it offers. Empty: nobody chooses,
    unless an assistant has `models`."""

    FALLBACK: tuple[str, ...] = ()
    """Aliases of who is asked, in this order, when this one fails before its first word."""


class Price(BaseModel):
    """What a million tokens of a model cost, in CURRENCY."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: Decimal = Field(ge=0)
    """Of what it reads."""

    output: Decimal = Field(ge=0)
    """Of what it thinks and says."""

    cached: Decimal | None = Field(None, ge=0)
    """Of what it reads and the provider still knew. None: as much as the rest."""


class Settings(BaseModel):
    """Everything a site can set. Units are in the names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    PROVIDERS: dict[str, ProviderSettings] = {}
    """Who produces tokens, by alias. "default" answers for assistants that name none; without it the guide speaks."""

    PRICES: dict[str, Price] = {}
    """What a million tokens cost, by "alias/model", "model" or "alias/*": input, output and, if it differs, cached."""

    CURRENCY: str = "USD"
    """Of the prices."""

    CONTEXT_TOKENS: dict[str, Annotated[int, Field(ge=256)]] = {"*": 128_000}
    """How many tokens a model takes, question and answer together, by "alias/model", "model", "alias/*" or "*"."""

    CONTEXT_SUMMARY: bool = False
    """Whether the model summarises what of a long conversation no longer goes to it, after an answer."""

    SHOW_USAGE: Literal["none", "tokens", "cost"] = "tokens"
    """What people see of what their answers took: nothing, tokens and seconds, or also what they cost."""

    POLICY: str = "chatapp.policy.Policy"
    """Dotted path of the class that decides who may do what."""

    SITE_NAME: str = "chatapp"
    """Name above the thread list and in page titles."""

    DEFAULT_ASSISTANT: str = ""
    """Slug of the assistant that answers a new chat. Empty: the one that was registered first."""

    ERRORS: OnError = "auto"
    """What a person sees of an unexpected error: its text (actual), a sentence (sanitize), or by DEBUG (auto). With
    unhandled their pages are disconnected."""

    TITLES: Literal["model", "words", "off"] = "model"
    """Who names a thread: the model after the first answer, its first words only, or nobody."""

    WHILE_RUNNING: WhileRunning = "block"
    """What becomes of a message that is sent during an answer: refused (block, disable), or sent next (stop, queue)."""

    BUILTIN_COMMANDS: tuple[BuiltInCommand, ...] = ("clear", "export", "model", "system")
    """Slash commands of chatapp's own that there are, where an assistant does not say otherwise."""
    BOOKMARK_ON: Literal["message", "response"] | None = "message"
    """When the address of a new chat becomes that of its thread: with its first message, with the end of its first
    answer, or only when a script of the site dispatches chat:bookmark."""

    LIMITS: bool = True
    """Whether the rate limits below hold. Off for load tests."""

    MAX_MESSAGE_CHARS: int = Field(16_000, ge=1, le=60_000)
    """Longest message a person can send, in characters; the frame around it must stay below MAX_FRAME_BYTES."""

    MAX_ANSWER_CHARS: int = Field(400_000, ge=1000)
    """An answer that grows beyond this is ended with a notice."""

    MAX_FRAME_BYTES: int = Field(64 * 1024, ge=1024)
    """Longest frame a browser may send. Far below Daphne's own 1 MiB."""

    MAX_UNACKNOWLEDGED_BYTES: int = Field(256 * 1024, ge=16 * 1024)
    """What may be under way to a page that has not acknowledged it, so that no server buffers without limit."""

    FRAMES_PER_MINUTE: int = Field(120, ge=1)
    """Frames a socket may send in a minute, acknowledgements not counted."""

    MESSAGES_PER_MINUTE: int = Field(10, ge=1)
    """Messages a person may send in a minute, over all threads."""

    SEND_COOLDOWN_MS: int = Field(1000, ge=0, le=60_000)
    """Milliseconds from one message of a person to their next one, over all threads. 0: none."""

    RUNS_PER_PERSON: int = Field(3, ge=1)
    """Answers that may be under way for one person at once."""

    SOCKETS_PER_PERSON: int = Field(20, ge=1)
    """Open sockets of one person in one process."""

    MAX_ATTACHMENTS: int = Field(20, ge=0, le=100)
    """Files that can be sent with one message. 0: none, whatever an assistant declares."""

    MAX_ATTACHMENT_BYTES: int = Field(20 * 1024 * 1024, ge=1)
    """Largest file that can be sent."""

    MAX_TOTAL_ATTACHMENT_BYTES: int = Field(30 * 1024 * 1024, ge=0)
    """What the files of one message may have together, as they were sent."""

    ATTACHMENT_MODEL_CHARS: int = Field(60_000, ge=0)
    """How much text of files a model gets with one request, over all messages, the newest first."""

    ATTACHMENT_STORAGE: str = ""
    """Alias in STORAGES for the files that people send. Empty: a private folder `chatapp-files` beside MEDIA_ROOT."""

    ATTACHMENT_QUOTA_BYTES: int = Field(1024 * 1024 * 1024, ge=0)
    """What all the files of one person may have together."""

    UPLOADS_PER_MINUTE: int = Field(60, ge=1)
    """Files a person may upload in a minute, over all threads."""

    CONTEXT_ALLOWED_ROOTS: tuple[str, ...] = ()
    """Folders of this machine from which code may attach files by path (see chatapp.attach_path). None: no file."""

    FLUSH_SECONDS: float = Field(0.05, gt=0)
    """Shortest time between two steps of a feed."""

    CHECKPOINT_SECONDS: float = Field(0.8, gt=0)
    """How often a running answer is written to the database, and its lease renewed; with the write itself below 1 s."""

    LEASE_SECONDS: float = Field(15.0, gt=0)
    """A run without a heartbeat for this long is `interrupted`."""

    DRAIN_SECONDS: float = Field(20.0, ge=0)
    """How long running answers may go on after SIGTERM."""

    WATCH_SECONDS: float = Field(5.0, gt=0)
    """How often a process asks the database whether a hint about an open thread got lost."""

    SESSION_CHECK_SECONDS: float = Field(60.0, gt=0)
    """How often an open socket asks whether its person is still signed in."""

    MODELS_SECONDS: float = Field(3600.0, gt=0)
    """How long a list of models that a provider gave is taken for new; an old one holds until there is a newer one."""

    PROVIDER_CONNECTIONS: int = Field(1000, ge=1)
    """Connections that one provider may have open at once in one process; requests beyond them wait."""

    PROVIDER_KEEPALIVE_SECONDS: float = Field(60.0, ge=0)
    """How long an idle connection to a provider is kept, so that the next request need not open one."""

    PROVIDER_CONNECT_SECONDS: float = Field(10.0, gt=0)
    """How long opening a connection to a provider may take."""

    FIRST_BYTE_SECONDS: float = Field(60.0, gt=0)
    """How long a provider may take until its first token."""

    IDLE_SECONDS: float = Field(60.0, gt=0)
    """How long a provider may pause between two tokens."""

    TOTAL_SECONDS: float = Field(600.0, gt=0)
    """How long one answer may take."""

    STALL_SECONDS: float = Field(120.0, gt=0)
    """How long an assistant may be silent in the middle of an answer; while it waits for the person nothing counts."""

    MAX_TOOL_ROUNDS: int = Field(8, ge=1, le=100)
    """How often in one answer a model may ask for tools; after that the answer ends with a note."""

    MAX_TOOL_RESULT_CHARS: int = Field(20_000, ge=200)
    """How much of the result of a tool the model gets; the rest is cut off, with a note."""

    TOOL_SECONDS: float = Field(60.0, gt=0)
    """How long a tool may take that says nothing else."""

    APPROVAL_SECONDS: float = Field(900.0, gt=0)
    """How long a person may take to allow a tool; after that it is as if they had denied it."""

    TOOL_DISPLAY: Literal["none", "basic", "rich"] = "rich"
    """What is shown of tools: nothing, their calls and results as code, or the displays that they bring."""

    SHOW_THINKING_AFTER_SECONDS: float = Field(0.0, le=60, allow_inf_nan=False)
    """Thinking is shown once it has lasted so long, 0 at once. Below 0: never, and none of it is sent to the page."""

    FEEDBACK_REASONS: dict[str, str] = {
        "wrong": gettext_noop("Not correct"),
        "incomplete": gettext_noop("Something is missing"),
        "off_topic": gettext_noop("Not what I asked for"),
        "too_long": gettext_noop("Too long"),
        "harmful": gettext_noop("Harmful or offensive"),
    }
    """Reasons to choose from with "Bad answer": what is stored, and what people read (it is translated if you do)."""

    IMAGE_HOSTS: tuple[str, ...] = ()
    """Hosts whose images may be shown. An image from elsewhere is a link with the host in its place."""

    SHARE_SCOPES: tuple[Literal["link", "signed_in", "group"], ...] = ("link", "signed_in", "group")
    """With whom people may share a conversation: everybody who has the link, whoever is signed in, a group of theirs.
    Empty: with nobody; links that were given out before lead nowhere then."""

    PAGE_MESSAGES: int = Field(50, ge=2)
    """Messages on a freshly opened page; earlier ones load on demand."""

    PAGE_THREADS: int = Field(100, ge=1)
    """Threads in the sidebar of a freshly opened page."""

    UNDO_SECONDS: float = Field(10.0, ge=0, le=3600)
    """How long the deletion of a conversation can be undone; after that everything in it is deleted for good."""

    TEMPORARY_HOURS: float = Field(24.0, gt=0)
    """When a temporary chat in which nobody has said anything for so long is deleted, by chatapp_sweep."""

    @field_validator("SHOW_THINKING_AFTER_SECONDS", mode="before")
    @classmethod
    def _refuse_bool(cls, value: Any) -> Any:
        if isinstance(value, bool):
            raise PydanticCustomError("seconds", "Input should be seconds: 0 at once, up to 60 later, below 0 never")
        return value


def read_settings(values: Any) -> Settings:
    """Validate a CHATAPP dict. Raises ImproperlyConfigured with one line for each thing that is wrong."""
    if not isinstance(values, dict):
        raise ImproperlyConfigured(f"CHATAPP must be a dict, not {type(values).__name__}")
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise ImproperlyConfigured("\n".join(_explain(detail) for detail in error.errors())) from error


def _explain(detail: Any) -> str:
    where = "".join(f"[{step!r}]" for step in detail["loc"])
    if detail["type"] != "extra_forbidden":
        # The message only, never the value: a value may be a key.
        return f"CHATAPP{where}: {detail['msg']}"
    known = Settings if len(detail["loc"]) == 1 else ProviderSettings
    near = difflib.get_close_matches(str(detail["loc"][-1]).upper(), known.model_fields, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(known.model_fields))}"
    return f"CHATAPP{where} is not known; {hint}"


def find_by_model(table: Mapping[str, _Value], alias: str, model: str) -> _Value | None:
    """What a table says of a model: under "alias/model", then "model", then "alias/*". None: nothing."""
    return table.get(f"{alias}/{model}") or table.get(model) or table.get(f"{alias}/*")


class _LazySettings:
    """Reads CHATAPP on first use; forgets it when a test overrides it."""

    _current: Settings | None = None

    def __getattr__(self, name: str) -> Any:
        if self._current is None:
            self._current = read_settings(getattr(django_settings, "CHATAPP", {}))
        return getattr(self._current, name)

    def reload(self, *, setting: str, **kwargs: Any) -> None:
        if setting == "CHATAPP":
            self._current = None


_lazy = _LazySettings()
setting_changed.connect(_lazy.reload)
settings: Settings = _lazy  # type: ignore[assignment]  # it answers every attribute that Settings has
