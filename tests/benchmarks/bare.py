"""The least that could be: a relay of each token of a provider to a websocket, and nothing else.

    PROVIDER=http://127.0.0.1:9000/v1 python -m uvicorn tests.benchmarks.bare:application --ws websockets-sansio

No database, no Markdown, no page, no second reader: what the whole app is compared with. `application` is a bare ASGI
callable; `consumer` is the same as a consumer of Channels, the least that a Django site could write by hand.
"""

import json
import os
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.urls import re_path

_session: aiohttp.ClientSession | None = None


async def _ask(frame: str) -> AsyncIterator[str]:
    """The tokens of the answer to the question in this frame."""
    global _session
    _session = _session or aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
    body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": json.loads(frame)["text"]}]}
    async with _session.post(os.environ["PROVIDER"] + "/chat/completions", json=body) as response:
        async for line in response.content:
            if line.startswith(b"data: {"):
                choice = json.loads(line[6:])["choices"][0]
                if text := choice["delta"].get("content"):
                    yield text


async def _say_ok(scope: dict[str, Any], receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Take a question on the socket, send each token of the answer as a frame."""
    if scope["type"] == "http":
        await _say_ok(scope, receive, send)
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    async for text in _ask((await receive())["text"]):
        await send({"type": "websocket.send", "text": text})
    await send({"type": "websocket.send", "text": "DONE"})
    await receive()


class Relay(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels has no types
    """The same as a consumer."""

    async def receive(self, text_data: str = "", bytes_data: bytes | None = None) -> None:
        """Answer, and take nothing meanwhile."""
        async for text in _ask(text_data):
            await self.send(text_data=text)
        await self.send(text_data="DONE")


if not settings.configured:
    settings.configure()
consumer = ProtocolTypeRouter({"http": _say_ok, "websocket": URLRouter([re_path("", Relay.as_asgi())])})
