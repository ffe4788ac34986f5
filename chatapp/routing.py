"""The socket routes, and the ASGI application of a site that has nothing special."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.sessions import CookieMiddleware
from django.conf import settings as django_settings
from django.urls import re_path

from chatapp.conf import settings
from chatapp.consumers import ThreadConsumer
from chatapp.intake import BoundedBodies
from chatapp.providers.base import get_provider
from chatapp.runs.draining import drain, hear_of_the_end, hold_exit_of_daphne

logger = logging.getLogger("chatapp.sockets")

_ASGI = Callable[[dict[str, Any], Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]]

websocket_urlpatterns = [
    # Unanchored in front: a proxy may or may not strip the prefix under which the site lives.
    re_path(
        r"^(?:.+/)?ws/chatapp/threads/(?P<thread_id>[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})/$",
        ThreadConsumer.as_asgi(),
    ),
]


def application(http: _ASGI) -> _ASGI:
    """The ASGI application: `http` for pages, with bounded uploads; our sockets with the site's sessions; a clean end.

    application = chatapp.routing.application(get_asgi_application())
    """
    _warm_up()
    # The session only: the consumer asks anew who is signed in, at the beginning, before each write, and once a minute.
    sockets = URLRouter([*websocket_urlpatterns, _NOWHERE])
    router: _ASGI = ProtocolTypeRouter(
        {"http": BoundedBodies(http), "websocket": CookieMiddleware(ReadOnlySession(sockets)), "lifespan": _lifespan}
    )

    async def call(scope: dict[str, Any], receive: Any, send: Any) -> None:
        hold_exit_of_daphne()
        await router(scope, receive, send)

    return call


class ReadOnlySession:
    """Puts the session, not yet loaded, into the scope; its key comes from a cookie.

    The SessionMiddleware of Channels would also look at every frame that is sent. A socket writes no session.
    """

    def __init__(self, inner: _ASGI) -> None:
        self.inner = inner
        self._store = import_module(django_settings.SESSION_ENGINE).SessionStore

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        key = scope["cookies"].get(django_settings.SESSION_COOKIE_NAME)
        await self.inner({**scope, "session": self._store(key)}, receive, send)


def _warm_up() -> None:
    """Make the providers now: the first message must not wait while their libraries are imported."""
    for alias in {"default", *settings.PROVIDERS}:
        try:
            get_provider(alias)
        except Exception:
            # A system check says the same with a hint; a site must start all the same.
            logger.exception("provider %r cannot be made", alias)


async def _nowhere(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """A socket address that does not exist is refused, not a traceback in the log."""
    await receive()
    await send({"type": "websocket.close", "code": 4404})


_NOWHERE = re_path(r"", _nowhere)  # type: ignore[arg-type]  # an ASGI application, as URLRouter takes them


async def _lifespan(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """The beginning and end of the process, from servers that tell (uvicorn); daphne does not."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            hear_of_the_end()
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            try:
                await drain()
            except asyncio.CancelledError:
                raise
            finally:
                await send({"type": "lifespan.shutdown.complete"})
            return
