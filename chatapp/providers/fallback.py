"""Other providers answer when the first one cannot: only before the first word, and never after it.

What somebody has begun to read is not taken back, and two models do not say one answer. Each attempt is a request of
its own in the ledger, with the alias of who was asked.
"""

import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured

from chatapp.conf import settings
from chatapp.errors import ProviderError
from chatapp.events import Delta, Finish, ModelCall, ThinkingDelta, Usage

from .base import ModelRequest, Provider, get_provider, get_text
from .metering import Ledger, meter

logger = logging.getLogger(__name__)

CURED: Final = frozenset(
    {"busy", "quota", "unreachable", "refused", "timeout", "cut_off", "garbled", "empty", "failed"}
)
"""Codes of failures that another provider may not have. What a content filter withheld is not asked for elsewhere, and
a conversation that is too long for one model is for people to know."""


SHORT_SECONDS: Final = 2.0
"""Whoever wants to be left alone for longer is not waited for where another one can be asked."""


def get_fallback(alias: str, declared: Sequence[str] = ()) -> Sequence[str]:
    """The aliases to ask when this one fails: those that were declared, else its FALLBACK in CHATAPP["PROVIDERS"]."""
    entry = settings.PROVIDERS.get(alias)
    others = declared or (entry.FALLBACK if entry is not None else ())
    return [other for other in others if other != alias]


class Chain:
    """Who says one answer, over all its rounds of tools: the first provider, or the next that does not fail.

    Whoever has said something says the rest of it.
    """

    def __init__(self, provider: Provider, alias: str, fallback: Sequence[str], ledger: Ledger | None) -> None:
        self._provider = provider
        self._alias = alias
        self._left = list(fallback)
        self._ledger = ledger
        self._has_moved = False

    def ask(self, request: ModelRequest) -> AsyncGenerator[Delta, None]:
        """What is said to the request. Raises the ProviderError of the first who failed, with the causes of all.

        See metering.meter.
        """
        return self._ask_in_turn(request) if self._left else self._ask_one(request)

    def _ask_one(self, request: ModelRequest) -> AsyncGenerator[Delta, None]:
        if self._has_moved:
            # The model that was named is one of the first provider.
            request = replace(request, model=None, messages=_write_for(self._provider, request.messages))
        if self._left:
            request = replace(request, patience=SHORT_SECONDS)
        return meter(self._provider, request, alias=self._alias, ledger=self._ledger)

    async def _ask_in_turn(self, request: ModelRequest) -> AsyncGenerator[Delta, None]:
        failures: list[tuple[str, ProviderError]] = []
        spent = Usage()
        while True:
            has_spoken = False
            blank: list[str] = []
            try:
                async with aclosing(self._ask_one(request)) as deltas:
                    async for delta in deltas:
                        if isinstance(delta, Usage):
                            # Told once, at the end: what failed attempts cost belongs to the answer.
                            spent += delta
                            continue
                        if not has_spoken and isinstance(delta, str) and not delta.strip():
                            blank.append(delta)  # Nobody sees it; some give nothing else, and then fail.
                            continue
                        if isinstance(delta, str | ThinkingDelta | ModelCall) and not has_spoken:
                            has_spoken = True
                            self._left.clear()
                        while blank:
                            yield blank.pop(0)
                        if isinstance(delta, Finish) and spent != Usage():
                            yield spent
                        yield delta
                return
            except ProviderError as error:
                failures.append((self._alias, error))
            if has_spoken or failures[-1][1].code not in CURED or not self._move():
                break
            logger.warning("provider %r failed: %s; asking %r", failures[-1][0], failures[-1][1].code, self._alias)
        if spent != Usage():
            yield spent
        raise _join(failures, has_spoken=has_spoken)

    def _move(self) -> bool:
        """Go on to the next that can be made; whether there is one. One that cannot is a system check's to say."""
        while self._left:
            alias = self._left.pop(0)
            try:
                self._provider = get_provider(alias)
            except (ImproperlyConfigured, ImportError):
                logger.exception("provider %r cannot be made", alias)
            else:
                self._alias, self._has_moved = alias, True
                return True
        return False


def _write_for(provider: Provider, messages: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """The messages as this provider can read them: without images if it sees none."""
    if provider.sees_images or not any(isinstance(message.get("content"), list) for message in messages):
        return messages
    return [
        {**message, "content": get_text(message)} if isinstance(message.get("content"), list) else message
        for message in messages
    ]


def _join(failures: Sequence[tuple[str, ProviderError]], *, has_spoken: bool) -> ProviderError:
    """One error for all: what the person can do is what the first one says, or whoever broke off in the middle."""
    _alias, chosen = failures[-1 if has_spoken else 0]
    if len(failures) == 1:
        return chosen
    cause = "; ".join(f"{alias}: {error}" for alias, error in failures)
    return ProviderError(chosen.code, cause, retry_after=chosen.retry_after)
