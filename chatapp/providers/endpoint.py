"""What every provider behind an address does alike: ask, wait, ask again, read at a pace, and end in time.

The stream is read as bytes, over aiohttp, for reading is what a chat server does all day (CPU for a token: SDK objects
220 µs, its bytes over httpx2 85, over aiohttp 32; tests/benchmarks/provider.py).
"""

import asyncio
import logging
import os
import random
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

from django.core.exceptions import ImproperlyConfigured

from chatapp.conf import settings
from chatapp.events import Delta
from chatapp.redaction import remember

from .addresses import read_address, read_origin
from .answer import AnswerDecoder
from .base import ModelRequest, Provider, pace
from .failures import MAX_WAIT_SECONDS, Failure, explain_status, redact
from .http import Client, Rejected, Response, get, get_reader, get_root, get_tls, is_network_failure, make_client, post
from .listing import MAX_LIST_BYTES, read_models
from .presets import PRESETS, find_preset
from .watchdog import TimeLimit, Watchdog

logger = logging.getLogger(__name__)

RETRIES: Final = 2
RETRY_SECONDS: Final = 0.5  # before the first one; doubled for the second, and spread by half
LAST_WORDS_SECONDS: Final = 1.0  # for the token counts that may follow the finish_reason
LAST_BYTE_SECONDS: Final = 0.1  # for the end of the response, without which its connection cannot serve again
READ_BYTES: Final = 16 * 1024  # in one read: more may have been left
MOST_BYTES: Final = 64 * 1024  # that are taken in one go: some 4 ms of work
OTHERS: Final = 2.0  # for each second that such an answer takes of the process, so many are left to others

_STREAMING: Final = re.compile(r"\bstream(?:ing)?\b", re.IGNORECASE)
"""In the words of a server that gives whole answers only."""


class EndpointProvider(Provider):
    """Asks a server over HTTP. What it is asked and how it answers is a subclass's matter.

    Only an end that was said makes an answer whole; redirects are not followed; a request that failed before the answer
    began is made again, twice at most, and never after that.
    """

    path: ClassVar[str]
    """Where requests go, below the address."""

    option_names: ClassVar[Mapping[str, str]] = {}
    """What the protocol calls options that all others know by another name."""

    unknown_options: ClassVar[frozenset[str]] = frozenset()
    """Options that the protocol does not have."""

    def __init__(
        self,
        *,
        model: str = "",
        preset: str = "openai",
        base_url: str = "",
        api_key: str = "",
        api_key_env: str = "",
        options: Mapping[str, Any] | None = None,
        max_tokens_field: str = "",
        include_usage: bool | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        sees_images: bool | None = None,
        json_schema: bool = True,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """A preset fills in what is left out; its key goes to its own address only.

        `model` may be left out if the address of an Azure deployment names it. `options` go with every request
        (temperature, max_tokens, …, and whatever else the server knows, unchanged); `max_tokens_field` is what
        max_tokens is called there; `include_usage` off is for servers that refuse `stream_options`; `headers` and
        `query` go with every request. `api_key_env` names the environment variable that holds the key; a server that is
        none of the presets' may have none. `sees_images` is whether the model does; `json_schema` off is for a server
        that knows no `response_format`. Raises ImproperlyConfigured.
        """
        self.name, known = find_preset(preset, base_url)
        base_url = base_url or os.environ.get(known.base_url_env, "") or known.base_url
        if not base_url:
            variable = f", or set the environment variable {known.base_url_env}" if known.base_url_env else ""
            raise ImproperlyConfigured(f"'base_url' is missing: give one like {known.example}{variable}")
        if read_origin(base_url) is None:
            raise ImproperlyConfigured(f"base_url {redact(base_url)!r} must begin with http:// or https:// and a host")
        self._address = read_address(base_url, query or {}, is_azure=known is PRESETS["azure"])
        self.base_url = self._address.base_url
        super().__init__(model=model or self._address.deployment)
        if not self.model:
            raise ImproperlyConfigured(f"'model' is missing; {type(self).__name__} needs it")
        # A key is never sent to another address because it happens to be in the environment.
        variable = api_key_env or (known.api_key_env if known.owns(self.base_url) else "")
        self._key = (api_key or os.environ.get(variable, "")).strip()
        if not self._key and variable and (api_key_env or not known.key_optional):
            raise ImproperlyConfigured(f"no key: give api_key, or set the environment variable {variable}")
        if self._key:
            remember(self._key)
        self._preset = known
        self._options = dict(options or {})
        self._names = {**known.option_names, **self.option_names}
        if max_tokens_field:
            self._names["max_tokens"] = max_tokens_field
        self._include_usage = known.include_usage if include_usage is None else include_usage
        self._headers = {"Accept-Encoding": "identity", **(headers or {})}
        self.sees_images = known.sees_images if sees_images is None else sees_images
        self.json_schema = json_schema
        self._sleep = sleep
        self._jitter = jitter
        self._clients: dict[asyncio.AbstractEventLoop, Client] = {}
        get_tls()  # reads the certificates now, and not in front of the first message

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} {self.model} at {redact(self.base_url)}>"

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Delta, None]:
        watchdog = Watchdog(first=settings.FIRST_BYTE_SECONDS, idle=settings.IDLE_SECONDS, total=settings.TOTAL_SECONDS)
        decoder = self._make_decoder([self._key])
        response: Response | None = None
        try:
            response = await self._open(self._write_body(request), watchdog, request.patience)
            read = get_reader(response)
            failure: tuple[str, str] | None = None
            may_pause = is_ending = False
            unread = b""
            while decoder.failure is None:
                # Nothing is raised inside of `except`, so that no error of ours carries one of theirs along: its text
                # may hold the key.
                try:
                    with watchdog:
                        if may_pause and decoder.has_said and not decoder.finished:
                            # What comes meanwhile is read in one go: waking up for each token costs more than the
                            # token. It is a wait for the provider like the read, else comments would look like words.
                            await asyncio.sleep(pace.get_due(now := time.monotonic()) - now)
                        unread = unread or await read()
                except TimeLimit as error:
                    failure = "timeout", str(error)
                except Exception as error:
                    failure = "cut_off" if decoder.has_said else "unreachable", _describe(get_root(error))
                if failure is not None or not unread:
                    break
                data, unread = unread[:MOST_BYTES], unread[MOST_BYTES:]
                may_pause = len(data) < READ_BYTES
                begun = time.monotonic()
                deltas = decoder.feed(data)
                if deltas:
                    watchdog.content_came()
                    for delta in deltas:
                        yield delta
                if not may_pause:
                    # There is more than anybody reads: the others of this process have their turn.
                    await asyncio.sleep(OTHERS * (time.monotonic() - begun))
                if decoder.complete:
                    watchdog.restart(LAST_BYTE_SECONDS, "the response did not end")
                elif decoder.finished and not is_ending:
                    is_ending = True
                    watchdog.restart(LAST_WORDS_SECONDS, "the response did not end")
            for delta in decoder.cut(*failure) if failure is not None else decoder.end():
                yield delta
            if decoder.failure is not None:
                raise decoder.failure
        finally:
            watchdog.stop()
            if response is not None:
                await response.aclose()

    async def list_models(self) -> Sequence[str]:
        """See Provider.list_models. Asked once, for FIRST_BYTE_SECONDS at most."""
        failure: Failure | None = None
        body = b""
        try:
            async with asyncio.timeout(settings.FIRST_BYTE_SECONDS):
                body = await get(self._get_client(), "/models", MAX_LIST_BYTES)
        except TimeoutError:
            failure = Failure(code="timeout", cause=f"no list of models within {settings.FIRST_BYTE_SECONDS:g} s")
        except Exception as error:
            failure = self._explain(error)
        if failure is not None:
            raise failure.to_error()
        return read_models(body)

    async def aclose(self) -> None:
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.close()

    def _write_body(self, request: ModelRequest) -> dict[str, Any]:
        """What is sent for a request; a `stream` that is not true asks for the whole answer at once."""
        raise NotImplementedError(f"{type(self).__qualname__}._write_body")

    def _get_options(self, request: ModelRequest) -> dict[str, Any]:
        """What the request and the provider ask for, by the names and within the limits of the server."""
        unknown = self.unknown_options | self._preset.unknown_options
        given = {**self._options, **request.options}
        return {
            self._names.get(name, name): value
            for name, value in given.items()
            if name not in unknown and value is not None
        }

    def _get_path(self, body: Mapping[str, Any]) -> str:
        """Where this body goes, below the address."""
        return self.path

    def _make_decoder(self, keys: Sequence[str]) -> AnswerDecoder:
        """What reads one answer."""
        raise NotImplementedError(f"{type(self).__qualname__}._make_decoder")

    async def _open(self, body: dict[str, Any], watchdog: Watchdog, patience: float) -> Response:
        """The response to `body`, its headers read, after up to RETRIES more attempts. Raises ProviderError."""
        for attempt in range(RETRIES + 1):
            watchdog.restart(settings.FIRST_BYTE_SECONDS, f"nothing was said within {settings.FIRST_BYTE_SECONDS:g} s")
            try:
                with watchdog:
                    return await post(self._get_client(), self._get_path(body), body)
            except TimeLimit as error:
                failure = Failure(code="timeout", cause=str(error))
            except Exception as error:
                failure = self._explain(error)
            if "stream_options" in body and failure.code == "refused" and "stream_options" in failure.cause:
                logger.warning("%s: %s; asking without it: set include_usage to False", self.name, failure.cause)
                return await self._open(_leave_out(body, "stream_options"), watchdog, patience)
            if body["stream"] and failure.code == "refused" and _STREAMING.search(failure.cause):
                logger.warning("%s: %s; asking without streaming", self.name, failure.cause)
                return await self._open({**_leave_out(body, "stream_options"), "stream": False}, watchdog, patience)
            wait = self._get_wait(failure, attempt, patience)
            if wait is None or wait >= watchdog.remaining:
                raise failure.to_error()
            logger.warning("%s: %s; asking again in %.1f s", self.name, failure.cause, wait)
            await self._sleep(wait)
        raise failure.to_error()

    def _explain(self, error: Exception) -> Failure:
        root = get_root(error)
        if isinstance(root, Rejected):
            return explain_status(root.status, root.headers, root.body, [self._key])
        has_network_failed = is_network_failure(error)
        return Failure(
            code="unreachable" if has_network_failed else "failed",
            cause=redact(_describe(root), [self._key]),
            may_retry=has_network_failed,
        )

    def _get_wait(self, failure: Failure, attempt: int, patience: float) -> float | None:
        """Seconds until the next attempt; None if there is none."""
        if not failure.may_retry or attempt == RETRIES:
            return None
        if failure.retry_after is not None:
            return failure.retry_after if failure.retry_after <= min(patience, MAX_WAIT_SECONDS) else None
        return RETRY_SECONDS * (1 << attempt) * (0.5 + self._jitter())

    def _get_client(self) -> Client:
        """The client of the running loop; connections cannot be shared between loops."""
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            for stale in [each for each in list(self._clients) if each.is_closed()]:
                del self._clients[stale]
            client = self._clients[loop] = self._make_client()
        return client

    def _make_client(self) -> Client:
        return make_client(
            self.base_url,
            key=self._key,
            key_header=self._preset.key_header,
            headers=self._headers,
            query=self._address.query,
        )


def _leave_out(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {each: value for each, value in body.items() if each != name}


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
