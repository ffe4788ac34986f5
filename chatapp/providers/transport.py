"""The HTTP of the SDK over aiohttp, with a hand on the connection.

The SDK can use aiohttp by itself, but whoever reads through that is woken up for each piece that a server sends. Here a
reader says when it wants to know what came; until then it waits in the kernel, and nobody wakes up for it.
"""

import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Final

import aiohttp
import httpx2

from chatapp.conf import settings

READER: Final = "chatapp.reader"
"""The extension of a response that has its BodyReader."""

# The first that fits.
_ERRORS: Final[tuple[tuple[type[Exception], type[httpx2.TransportError]], ...]] = (
    (aiohttp.ConnectionTimeoutError, httpx2.ConnectTimeout),
    (aiohttp.ClientConnectorError, httpx2.ConnectError),
    (aiohttp.InvalidURL, httpx2.UnsupportedProtocol),
    (aiohttp.ClientError, httpx2.ReadError),
    (OSError, httpx2.ReadError),
)


@contextmanager
def _as_httpx2() -> Iterator[None]:
    try:
        yield
    except (aiohttp.ClientError, OSError) as error:
        raise next(kind for known, kind in _ERRORS if isinstance(error, known))(str(error)) from error


class BodyReader(httpx2.AsyncByteStream):
    """The body of a response, by `read` or as a stream of httpx2."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def read(self) -> bytes:
        """What came since the last read, or else what comes next; empty at the end. Raises httpx2.ReadError."""
        self._let_come(True)
        with _as_httpx2():
            data = await self._response.content.readany()
        self._let_come(False)
        return data

    def _let_come(self, is_wanted: bool) -> None:
        # Once the body is whole the response has no connection any more: it may serve another by now.
        connection = self._response.connection
        if connection is None or connection.transport is None:
            return
        if is_wanted:
            connection.transport.resume_reading()
        else:
            connection.transport.pause_reading()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_httpx2():
            async for data in self._response.content.iter_any():
                yield data

    async def aclose(self) -> None:
        """Close the connection, unless the body is whole: then it was given back."""
        self._response.release()


class AiohttpTransport(httpx2.AsyncBaseTransport):
    """Sends the requests of one event loop, and closes its connections when that ends."""

    def __init__(self, tls: ssl.SSLContext, *, trust_env: bool) -> None:
        """`trust_env`: whether the proxies that the environment names are used."""
        self._tls = tls
        self.trust_env = trust_env
        self._session: aiohttp.ClientSession | None = None
        self._guard: AsyncGenerator[None, None] | None = None

    async def _get_session(self) -> aiohttp.ClientSession:
        """Made with the first request, for it wants a loop that runs."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=settings.PROVIDER_CONNECTIONS,
                    keepalive_timeout=settings.PROVIDER_KEEPALIVE_SECONDS,
                    ssl=self._tls,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,  # httpx2 does
                trust_env=self.trust_env,
            )
            self._guard = _close_with_the_loop(self._session)
            await anext(self._guard)
        return self._session

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        timeout = request.extensions.get("timeout", {})
        session = await self._get_session()
        with _as_httpx2():
            response = await session.request(
                request.method,
                str(request.url),
                headers=request.headers.multi_items(),
                data=await request.aread() or None,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=timeout.get("connect")),
            )
        reader = BodyReader(response)
        return httpx2.Response(
            response.status,
            headers=response.raw_headers,
            stream=reader,
            extensions={READER: reader},
            request=request,
        )

    async def aclose(self) -> None:
        guard, self._session, self._guard = self._guard, None, None
        if guard is not None:
            await guard.aclose()


async def _close_with_the_loop(session: aiohttp.ClientSession) -> AsyncGenerator[None, None]:
    """Begun in an event loop, this is closed at its end at the latest: a loop closes the generators it still has.

    So nobody who ends one has to know of us: a command, a test, a thread with a loop of its own.
    """
    try:
        yield
    finally:
        await session.close()
