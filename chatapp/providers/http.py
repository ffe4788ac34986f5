"""The HTTP client of a provider: the SDK's, over our transport, with the limits and the manners that are ours.

The SDK makes the request: addresses, headers, errors. Nothing else in chatapp imports openai.
"""

import contextlib
import ipaddress
import ssl
from collections.abc import Awaitable, Callable, Mapping
from functools import cache, partial
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2
import openai

from chatapp.conf import settings

from .transport import READER, AiohttpTransport

MAX_ERROR_BYTES: Final = 64 * 1024

NO_KEY: Final = "none"
"""What the SDK is given where there is no key, for it wants one."""

Client = openai.AsyncOpenAI
Response = httpx2.Response


class Rejected(Exception):
    """A response that is no answer. Raised before the SDK sees it, which would read its body without a limit."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        super().__init__(status)
        self.status = status
        self.headers = headers
        self.body = body


def make_client(
    base_url: str, *, key: str, key_header: str = "", headers: Mapping[str, str], query: Mapping[str, str]
) -> Client:
    """A client for one event loop. It neither retries nor follows; responses other than 2xx raise `Rejected`.

    The key goes in `key_header`; empty: in Authorization, as a bearer. `headers` win over both.
    """
    bearer, own = ("", {key_header: key}) if key_header and key else (key, {})
    timeout = httpx2.Timeout(None, connect=settings.PROVIDER_CONNECT_SECONDS)  # The watchdog has the other limits.
    return openai.AsyncOpenAI(
        api_key=bearer or NO_KEY,
        base_url=base_url,
        timeout=timeout,
        max_retries=0,
        default_headers={**own, **headers},
        default_query=dict(query),
        http_client=openai.DefaultAsyncHttpxClient(
            timeout=timeout,
            follow_redirects=False,
            event_hooks={"request": [_leave_out_bearer] if own else [], "response": [_reject]},
            # A server on this machine is not behind the proxy of the environment.
            transport=AiohttpTransport(get_tls(), trust_env=not _is_loopback(base_url)),
        ),
    )


async def post(client: Client, path: str, body: Mapping[str, Any]) -> Response:
    """The response to `body`, its headers read. Raises whatever the SDK and its HTTP do, and Rejected within."""
    # Not `chat.completions.with_streaming_response.create`: it walks through all messages, 0.4 ms for each request.
    response: object = await client.post(
        path,
        body=body,
        cast_to=httpx2.Response,
        stream=True,
        stream_cls=openai.AsyncStream[Any],
        options={"security": {"bearer_auth": True}},
    )
    if not isinstance(response, httpx2.Response):
        raise TypeError(f"openai {openai.__version__} gave a {type(response).__name__} for a raw response")
    return response


async def get(client: Client, path: str, max_bytes: int) -> bytes:
    """What stands there, its beginning if there is more. Raises as `post` does."""
    body = bytearray()
    response: Any = await client.get(path, cast_to=httpx2.Response, stream=True, stream_cls=openai.AsyncStream[Any])
    try:
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > max_bytes:
                break
    finally:
        await response.aclose()
    return bytes(body[:max_bytes])


def get_reader(response: Response) -> Callable[[], Awaitable[bytes]]:
    """What gives the next bytes of the body, and none at its end."""
    if "content-encoding" in response.headers:  # by a server that compresses although it was asked not to
        return partial(anext, response.aiter_bytes(), b"")
    read: Callable[[], Awaitable[bytes]] = response.extensions[READER].read
    return read


def is_network_failure(error: Exception) -> bool:
    """Whether nobody answered, so that asking again may help."""
    return isinstance(error, openai.APIConnectionError)


def get_root(error: BaseException) -> BaseException:
    """The innermost cause, which says most: some versions of the SDK wrap even errors that are not theirs."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


@cache
def get_tls() -> ssl.SSLContext:
    """Read once: 20 ms for each client otherwise."""
    return httpx2.create_ssl_context()


async def _leave_out_bearer(request: httpx2.Request) -> None:
    """The SDK insists on a bearer; a server that has the key by another header may refuse one that is none."""
    if request.headers.get("Authorization") == f"Bearer {NO_KEY}":
        del request.headers["Authorization"]


async def _reject(response: httpx2.Response) -> None:
    if response.is_success:
        return
    body = bytearray()
    with contextlib.suppress(httpx2.HTTPError, httpx2.StreamError):  # The status says enough.
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) >= MAX_ERROR_BYTES:
                break
    raise Rejected(response.status_code, response.headers, bytes(body[:MAX_ERROR_BYTES]))


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
