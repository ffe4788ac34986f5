"""OpenAI, and every server that speaks its Chat Completions.

The SDK makes the request: addresses, headers, errors. Its stream is read as bytes, over aiohttp, for reading is what a
chat server does all day (CPU for a token: SDK objects 220 µs, its bytes over httpx2 85, over aiohttp 32;
tests/benchmarks/provider.py). Nothing else in chatapp imports openai.
"""

import asyncio
import contextlib
import ipaddress
import logging
import os
import random
import re
import ssl
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from functools import cache, partial
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2
import openai
from django.core.exceptions import ImproperlyConfigured

from chatapp.conf import settings
from chatapp.events import Delta

from .base import ModelRequest, Provider, pace
from .decoder import ChatDecoder
from .failures import MAX_WAIT_SECONDS, Failure, explain_status, redact
from .presets import PRESETS
from .transport import READER, AiohttpTransport
from .watchdog import TimeLimit, Watchdog

logger = logging.getLogger(__name__)

RETRIES: Final = 2
RETRY_SECONDS: Final = 0.5  # before the first one; doubled for the second, and spread by half
CONNECT_SECONDS: Final = 10.0
LAST_WORDS_SECONDS: Final = 1.0  # for the token counts that may follow the finish_reason
LAST_BYTE_SECONDS: Final = 0.1  # for the end of the response, without which its connection cannot serve again
READ_BYTES: Final = 16 * 1024  # in one read: more may have been left
MAX_ERROR_BYTES: Final = 64 * 1024


class OpenAIProvider(Provider):
    """Asks a Chat Completions server.

    Only a finish_reason that was seen makes an answer whole; redirects are not followed; a request that failed before
    the answer began is made again, twice at most, and never after that.
    """

    name = "openai"

    def __init__(
        self,
        *,
        model: str,
        preset: str = "openai",
        base_url: str = "",
        api_key: str = "",
        api_key_env: str = "",
        options: Mapping[str, Any] | None = None,
        max_tokens_field: str = "",
        include_usage: bool = True,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        sees_images: bool = True,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """A preset fills in what is left out, but not the key where `base_url` is another than its own.

        `options` go with every request (temperature, max_tokens, …); `max_tokens_field` is what max_tokens is called
        there; `include_usage` off is for servers that refuse `stream_options`; `headers` and `query` go with every
        request. `api_key_env` names the environment variable that holds the key; a server on another address than
        OpenAI's may have none. `sees_images` off is for a model that does not see. Raises ImproperlyConfigured.
        """
        super().__init__(model=model)
        if preset not in PRESETS:
            raise ImproperlyConfigured(f"preset {preset!r} is not known; known are {', '.join(sorted(PRESETS))}")
        self.name = preset
        known = PRESETS[preset]
        self.base_url = (base_url or known.base_url).rstrip("/")
        is_elsewhere = self.base_url != known.base_url
        if urlsplit(self.base_url).scheme not in ("http", "https"):
            raise ImproperlyConfigured(f"base_url {redact(self.base_url)!r} must begin with http:// or https://")
        # A key for OpenAI is never sent to another address because it happens to be in the environment.
        variable = api_key_env or ("" if is_elsewhere else known.api_key_env)
        self._key = (api_key or os.environ.get(variable, "")).strip()
        if not self._key and variable:
            raise ImproperlyConfigured(f"no key: give api_key, or set the environment variable {variable}")
        self._options = dict(options or {})
        self._max_tokens_field = max_tokens_field or ("max_tokens" if is_elsewhere else known.max_tokens_field)
        self._unknown_options = frozenset() if is_elsewhere else known.unknown_options
        self._include_usage = include_usage
        self._headers = {"Accept-Encoding": "identity", **(headers or {})}
        self._query = dict(query or {})
        self.sees_images = sees_images
        self._sleep = sleep
        self._jitter = jitter
        self._clients: dict[asyncio.AbstractEventLoop, openai.AsyncOpenAI] = {}
        _get_tls()  # reads the certificates now, and not in front of the first message

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} {self.model} at {redact(self.base_url)}>"

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Delta, None]:
        watchdog = Watchdog(first=settings.FIRST_BYTE_SECONDS, idle=settings.IDLE_SECONDS, total=settings.TOTAL_SECONDS)
        decoder = ChatDecoder(keys=[self._key])
        response: httpx2.Response | None = None
        try:
            response = await self._open(self._write_body(request), watchdog)
            read: Callable[[], Awaitable[bytes]] = response.extensions[READER].read
            if "content-encoding" in response.headers:  # by a server that compresses although it was asked not to
                read = partial(anext, response.aiter_bytes(), b"")
            failure: tuple[str, str] | None = None
            may_pause = is_ending = False
            while decoder.failure is None:
                # Nothing is raised inside of `except`, so that no error of ours carries one of theirs along: its text
                # may hold the key.
                data = b""
                try:
                    with watchdog:
                        if may_pause and decoder.has_said and not decoder.finished:
                            # What comes meanwhile is read in one go: waking up for each token costs more than the
                            # token. It is a wait for the provider like the read, else comments would look like words.
                            await asyncio.sleep(pace.get_due(now := time.monotonic()) - now)
                        data = await read()
                except TimeLimit as error:
                    failure = "timeout", str(error)
                except Exception as error:
                    failure = "cut_off" if decoder.has_said else "unreachable", _describe(_get_root(error))
                if not data:
                    break
                may_pause = len(data) < READ_BYTES
                deltas = decoder.feed(data)
                if deltas:
                    watchdog.content_came()
                    for delta in deltas:
                        yield delta
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

    async def aclose(self) -> None:
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.close()

    def _write_body(self, request: ModelRequest) -> dict[str, Any]:
        given = {**self._options, **request.options}
        options = {name: value for name, value in given.items() if name not in self._unknown_options}
        if "max_tokens" in options:
            options[self._max_tokens_field] = options.pop("max_tokens")
        body = {"model": request.model or self.model, "messages": list(request.messages), "stream": True}
        if request.tools:
            body["tools"] = list(request.tools)
        if self._include_usage and options.get("stream", True):
            body["stream_options"] = {"include_usage": True}
        return body | {name: value for name, value in options.items() if value is not None}

    async def _open(self, body: dict[str, Any], watchdog: Watchdog) -> httpx2.Response:
        """The response to `body`, its headers read, after up to RETRIES more attempts. Raises ProviderError."""
        for attempt in range(RETRIES + 1):
            watchdog.restart(settings.FIRST_BYTE_SECONDS, f"nothing was said within {settings.FIRST_BYTE_SECONDS:g} s")
            try:
                with watchdog:
                    return await self._post(body)
            except TimeLimit as error:
                failure = Failure(code="timeout", cause=str(error))
            except Exception as error:
                failure = self._explain(error)
            if body["stream"] and failure.code == "refused" and _STREAMING.search(failure.cause):
                logger.warning("%s: %s; asking without streaming", self.name, failure.cause)
                whole = {name: value for name, value in body.items() if name != "stream_options"}
                return await self._open({**whole, "stream": False}, watchdog)
            wait = self._get_wait(failure, attempt)
            if wait is None or wait >= watchdog.remaining:
                raise failure.to_error()
            logger.warning("%s: %s; asking again in %.1f s", self.name, failure.cause, wait)
            await self._sleep(wait)
        raise failure.to_error()

    async def _post(self, body: dict[str, Any]) -> httpx2.Response:
        # Not `chat.completions.with_streaming_response.create`: it walks through all messages, 0.4 ms for each request.
        response: object = await self._get_client().post(
            "/chat/completions",
            body=body,
            cast_to=httpx2.Response,
            stream=True,
            stream_cls=openai.AsyncStream[Any],
            options={"security": {"bearer_auth": True}},
        )
        if not isinstance(response, httpx2.Response):
            raise TypeError(f"openai {openai.__version__} gave a {type(response).__name__} for a raw response")
        return response

    def _explain(self, error: Exception) -> Failure:
        root = _get_root(error)
        if isinstance(root, _Rejected):
            return explain_status(root.status, root.headers, root.body, [self._key])
        has_network_failed = isinstance(error, openai.APIConnectionError)
        return Failure(
            code="unreachable" if has_network_failed else "failed",
            cause=redact(_describe(root), [self._key]),
            may_retry=has_network_failed,
        )

    def _get_wait(self, failure: Failure, attempt: int) -> float | None:
        """Seconds until the next attempt; None if there is none."""
        if not failure.may_retry or attempt == RETRIES:
            return None
        if failure.retry_after is not None:
            return failure.retry_after if failure.retry_after <= MAX_WAIT_SECONDS else None
        return RETRY_SECONDS * (1 << attempt) * (0.5 + self._jitter())

    def _get_client(self) -> openai.AsyncOpenAI:
        """The client of the running loop; connections cannot be shared between loops."""
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            for stale in [each for each in list(self._clients) if each.is_closed()]:
                del self._clients[stale]
            client = self._clients[loop] = self._make_client()
        return client

    def _make_client(self) -> openai.AsyncOpenAI:
        timeout = httpx2.Timeout(None, connect=CONNECT_SECONDS)  # The watchdog has the other limits.
        return openai.AsyncOpenAI(
            api_key=self._key or "none",
            base_url=self.base_url,
            timeout=timeout,
            max_retries=0,
            default_headers=self._headers,
            default_query=self._query,
            http_client=openai.DefaultAsyncHttpxClient(
                timeout=timeout,
                follow_redirects=False,
                event_hooks={"response": [_reject]},
                # A server on this machine is not behind the proxy of the environment.
                transport=AiohttpTransport(_get_tls(), trust_env=not _is_loopback(self.base_url)),
            ),
        )


_STREAMING: Final = re.compile(r"\bstream(?:ing)?\b", re.IGNORECASE)
"""In the words of a server that gives whole answers only."""


class _Rejected(Exception):
    """A response that is no answer. Raised before the SDK sees it, which would read its body without a limit."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        super().__init__(status)
        self.status = status
        self.headers = headers
        self.body = body


async def _reject(response: httpx2.Response) -> None:
    if response.is_success:
        return
    body = bytearray()
    with contextlib.suppress(httpx2.HTTPError, httpx2.StreamError):  # The status says enough.
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) >= MAX_ERROR_BYTES:
                break
    raise _Rejected(response.status_code, response.headers, bytes(body[:MAX_ERROR_BYTES]))


@cache
def _get_tls() -> ssl.SSLContext:
    """Read once: 20 ms for each client otherwise."""
    return httpx2.create_ssl_context()


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _get_root(error: BaseException) -> BaseException:
    """The innermost cause, which says most: some versions of the SDK wrap even errors that are not theirs."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
