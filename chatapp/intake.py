"""Uploads that are too large are refused before they have come in.

Django reads the whole body of a request to a file before a view is asked. So the limit stands in front of Django: by
what the request says of its length, and by what really comes.
"""

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from django.utils.translation import gettext as _

from chatapp.conf import settings
from chatapp.files.parts import format_size

_ASGI = Callable[[Any, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]]

_UPLOADS: Final = re.compile(r"/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/(?:files|messages)/\Z", re.IGNORECASE)
"""Where files are posted to, wherever the site has its chats."""

SLACK_BYTES: Final = 256 * 1024
"""For the text of a message and the other fields around its files."""


class _TooLarge(Exception):
    """More came than was allowed."""


class BoundedBodies:
    """Answers a post of files that is too large with 413 and reads no more of it; everything else goes through."""

    def __init__(self, inner: _ASGI) -> None:
        self.inner = inner

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        if scope.get("method") != "POST" or not _UPLOADS.search(scope.get("path", "")):
            return await self.inner(scope, receive, send)
        most = settings.MAX_TOTAL_ATTACHMENT_BYTES + SLACK_BYTES
        if _get_length(scope) > most:
            return await _refuse(send)
        came = 0
        has_begun = False

        async def count() -> Any:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            if came > most:
                raise _TooLarge
            return message

        async def note(message: Any) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self.inner(scope, count, note)
        except _TooLarge:
            if not has_begun:
                await _refuse(send)


def _get_length(scope: MutableMapping[str, Any]) -> int:
    """What the request says of its length; 0 if it says nothing, or no number."""
    for name, value in scope.get("headers", ()):
        if name.lower() == b"content-length" and value.isdigit():
            return int(value[:20])
    return 0


async def _refuse(send: Any) -> None:
    most = format_size(settings.MAX_TOTAL_ATTACHMENT_BYTES)
    sentence = _("That was too large: the files of a message may have %(most)s together.") % {"most": most}
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"connection", b"close"),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": sentence.encode()})
