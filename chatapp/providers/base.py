"""Who produces tokens: what every provider promises, and where the configured ones are found.

A provider knows nothing of threads, runs or pages: it gets a `ModelRequest` and yields what the model says.
"""

import difflib
import inspect
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from chatapp.conf import ProviderSettings, settings
from chatapp.errors import ProviderError
from chatapp.events import Delta

RequestKind = Literal["reply", "title", "greeting", "summary", "extract", "playground"]
"""What an answer is for."""

INSTALL: Final[Mapping[str, str]] = {
    "openai": "pip install 'openai[aiohttp]'",
    "httpx2": "pip install 'openai[aiohttp]'",
    "aiohttp": "pip install 'openai[aiohttp]'",
}
"""What to do when one of these packages is missing; nothing else of chatapp needs them."""

PHASES: Final = 4  # of a pace
GUIDE: Final = ProviderSettings(BACKEND="chatapp.providers.guide.GuideProvider")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """What is asked of a model."""

    messages: Sequence[Mapping[str, Any]]
    """Each as the API has it, with role and content, oldest first; the instructions come first, as "system"."""

    model: str | None = None
    """Name of the model. None: the provider's own."""

    options: Mapping[str, Any] = field(default_factory=dict)
    """temperature, max_tokens, top_p, …; they win over the provider's own."""

    tools: Sequence[Mapping[str, Any]] = ()
    """What the model may call, each as the API defines a function. Nothing: it has no tools."""

    kind: RequestKind = "reply"
    """What the answer is for. A model reads it in the instructions; a script cannot."""

    patience: float = 60.0
    """Seconds that the provider may wait before it asks again, if it was told to come back later."""

    @property
    def question(self) -> str:
        """What the person said last, as text."""
        return next((get_text(message) for message in reversed(self.messages) if message.get("role") == "user"), "")


class Provider:
    """Produces tokens. One instance answers everybody, so it keeps nothing of one request on itself.

    Options are the OPTIONS of its entry in CHATAPP["PROVIDERS"]; they are keyword arguments of `__init__`.
    """

    name: str = ""
    """What kind of provider it is; stored with every run."""

    model: str = ""
    """The model that answers a request which names none."""

    sees_images: bool = False
    """Whether a request may have images in it, as the API has them. Assistant.sees_images wins over it."""

    json_schema: bool = True
    """Whether the option `response_format` may be a JSON schema. See Turn.extract, which asks in words otherwise."""

    def __init__(self, *, model: str = "") -> None:
        self.model = model or self.model

    def stream(self, request: ModelRequest) -> AsyncGenerator[Delta, None]:
        """Ask the model and yield what it says: text as `str`, ThinkingDelta, then each ModelCall, Usage at most
        once, and Finish once and last.

        Raises ProviderError, and nothing else but CancelledError, after what was said before. Without a Finish the
        answer is not whole. Closing the generator, or cancelling the task that waits for it, closes the connection
        at once.
        """
        raise NotImplementedError(f"{type(self).__qualname__}.stream")

    async def list_models(self) -> Sequence[str]:
        """The models that it offers, in its own words and order. Raises ProviderError, also if it cannot say."""
        raise ProviderError("refused", f"{type(self).__qualname__} cannot say which models it offers")

    async def aclose(self) -> None:
        """Close the connections of the running event loop. The provider can be used again afterwards."""


class Pace:
    """When a provider reads on, and when what it said is shown: one rhythm for the process.

    What comes meanwhile piles up, for waking up for each token costs more than the token does. And all runs beat on
    four moments of each pace, so that the process, and whoever gets what it sends, wakes up once for many of them.
    """

    seconds: float | None = None
    """From one step to the next; the runner lengthens it when many runs are under way. None: FLUSH_SECONDS."""

    def get_due(self, moment: float) -> float:
        """When the next step is due after one at `moment`; both as time.monotonic() has them."""
        grid = (settings.FLUSH_SECONDS if self.seconds is None else self.seconds) / PHASES
        # Who wakes up a moment too early is on time, or every other wait would be shorter.
        return ((moment + grid / 4) // grid + PHASES) * grid


pace = Pace()

_providers: dict[str, Provider] = {}
_replaced: dict[str, Provider] = {}
# No longer configured, but maybe with open connections: close_providers() is for them as well.
_retired: list[Provider] = []


def get_provider(alias: str = "default") -> Provider:
    """The provider of CHATAPP["PROVIDERS"][alias], made on first use and shared by everybody.

    Making one imports its library (half a second for `openai`): ask once at start, not with the first message.
    Without a "default" in the settings that alias is the guide. Raises ImproperlyConfigured for an alias, a backend or
    an option that is not known.
    """
    if alias in _replaced:
        return _replaced[alias]
    if alias not in _providers:
        _providers[alias] = _make_provider(alias)
    return _providers[alias]


@contextmanager
def replace_provider(provider: Provider, alias: str = "default") -> Iterator[Provider]:
    """Let `provider` answer for `alias` within the block, whatever the settings say. For tests."""
    before = _replaced.get(alias)
    _replaced[alias] = provider
    try:
        yield provider
    finally:
        if before is None:
            del _replaced[alias]
        else:
            _replaced[alias] = before


async def close_providers() -> None:
    """Close the connections that providers have in the running event loop. Whoever ends a loop calls it first."""
    retired, _retired[:] = list(_retired), []
    for provider in (*_providers.values(), *retired):
        await provider.aclose()


def get_text(message: Mapping[str, Any]) -> str:
    """What a message of a request says: its content, or the text parts of it."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "".join(str(part.get("text", "")) for part in content if isinstance(part, Mapping))


def _make_provider(alias: str) -> Provider:
    entry = settings.PROVIDERS.get(alias) or (GUIDE if alias == "default" else None)
    where = f'CHATAPP["PROVIDERS"][{alias!r}]'
    if entry is None:
        known = ", ".join(map(repr, sorted({"default", *settings.PROVIDERS})))
        raise ImproperlyConfigured(f"{where} is not there; known aliases are {known}")
    return make_backend(entry.BACKEND, entry.OPTIONS, where)


def make_backend(path: str, options: Mapping[str, Any], where: str) -> Provider:
    """A new provider of the class at this dotted path. Raises ImproperlyConfigured that names `where` it was asked for,
    and what to install if a package is missing."""
    try:
        backend = import_string(path)
    except ImportError as error:
        found = f'{where}["BACKEND"] is {path!r}'
        missing = (error.name or "").partition(".")[0]
        hint = f"; {INSTALL[missing]}" if missing in INSTALL else ""
        raise ImproperlyConfigured(f"{found}, which cannot be imported: {error}{hint}") from error
    if not (isinstance(backend, type) and issubclass(backend, Provider)):
        raise ImproperlyConfigured(f'{where}["BACKEND"] is {path!r}; name a subclass of {__name__}.Provider')
    _check_options(backend, options, f'{where}["OPTIONS"]')
    try:
        return backend(**options)
    except ImproperlyConfigured as error:
        raise ImproperlyConfigured(f'{where}["OPTIONS"]: {error}') from None


def _check_options(backend: type[Provider], options: Mapping[str, Any], where: str) -> None:
    parameters = inspect.signature(backend).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return
    for name in options:
        if name not in parameters:
            near = difflib.get_close_matches(name, parameters, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(parameters))}"
            raise ImproperlyConfigured(f"{where}[{name!r}] is not known to {backend.__name__}; {hint}")
    for name, parameter in parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty and name not in options:
            raise ImproperlyConfigured(f"{where}: {name!r} is missing; {backend.__name__} needs it")


def _forget_providers(*, setting: str, **kwargs: Any) -> None:
    if setting == "CHATAPP":
        _retired.extend(_providers.values())
        _providers.clear()


setting_changed.connect(_forget_providers)
