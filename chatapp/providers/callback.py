"""A model that is a function of the site's own: any library, any service, a rule.

def speak(messages, options):
    yield "Hello "
    yield "world"

CHATAPP = {"PROVIDERS": {"default": {
    "BACKEND": "chatapp.providers.callback.CallbackProvider",
    "OPTIONS": {"stream": "shop.models.speak"},
}}}
"""

import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, Final, cast

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from chatapp import handlers
from chatapp.errors import ProviderError
from chatapp.events import Delta, Finish, ModelCall, ThinkingDelta, Usage

from .base import ModelRequest, Provider
from .failures import redact

ARGUMENTS: Final = ("request", "messages", "model", "options", "tools", "cancel_event")
"""Names that a function may take. `request` is the chatapp.providers.base.ModelRequest, `cancel_event` a
threading.Event that is set when nobody waits for the answer any more; the others are attributes of the request."""

_DELTAS: Final = (str, ThinkingDelta, ModelCall, Usage, Finish)


class CallbackProvider(Provider):
    """Asks a function: `stream` yields what a provider yields, `generate` gives it as a whole.

    Each may be a function, a coroutine function, a generator or an async generator, or the dotted path of one. What is
    not async runs in a thread. Closing the stream closes the function: an async one at its next await, a generator in
    a thread at its next yield, and what does neither can look at its `cancel_event`.
    """

    name = "callback"
    model = "callback"

    def __init__(
        self,
        *,
        stream: Callable[..., Any] | str | None = None,
        generate: Callable[..., Any] | str | None = None,
        model: str = "",
        sees_images: bool = False,
    ) -> None:
        """With both, `stream` is asked, unless the option "stream" of the request is off.

        Raises ImproperlyConfigured without either, or for one that takes what is not known.
        """
        super().__init__(model=model)
        self.sees_images = sees_images
        self._stream, self._generate = _read(stream, "stream"), _read(generate, "generate")
        if self._stream is None and self._generate is None:
            raise ImproperlyConfigured("give stream or generate: a function, or the dotted path of one")

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Delta, None]:
        wants_whole = not request.options.get("stream", True)
        chosen = (self._generate or self._stream) if wants_whole else (self._stream or self._generate)
        function, names = cast(tuple[Callable[..., Any], tuple[str, ...]], chosen)
        cancel_event = threading.Event()
        known = {"request": request, "cancel_event": cancel_event, "model": request.model or self.model}
        values = {name: known[name] if name in known else getattr(request, name) for name in names}
        last: Delta | None = None
        failure: ProviderError | None = None
        try:
            async with aclosing(handlers.iterate(function, values)) as said:
                async for item in said:
                    if not isinstance(item, _DELTAS):
                        raise TypeError(
                            f"{function!r} gave a {type(item).__name__}; give strings, or ThinkingDelta, ModelCall, "
                            "Usage and Finish of chatapp.events"
                        )
                    last = item if not isinstance(item, Usage) else last
                    yield item
                    if isinstance(item, Finish):
                        return
        except ProviderError:
            raise
        except Exception as error:
            failure = ProviderError("failed", redact(f"{type(error).__name__}: {error}"))
        finally:
            cancel_event.set()
        if failure is not None:
            raise failure
        if last is None:
            raise ProviderError("empty", "the function gave nothing")
        yield Finish("tool_calls" if isinstance(last, ModelCall) else "stop")


def _read(given: Callable[..., Any] | str | None, name: str) -> tuple[Callable[..., Any], tuple[str, ...]] | None:
    """The function, and what it takes."""
    if given is None:
        return None
    try:
        function = import_string(given) if isinstance(given, str) else given
    except ImportError as error:
        raise ImproperlyConfigured(f"{name} is {given!r}, which cannot be imported: {error}") from None
    if not callable(function):
        raise ImproperlyConfigured(f"{name} is {given!r}; give a function, or the dotted path of one")
    try:
        return function, handlers.check_arguments(function, "CallbackProvider", known=ARGUMENTS, name=name)
    except TypeError as error:
        raise ImproperlyConfigured(str(error)) from None
