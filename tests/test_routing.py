"""The ASGI application: where sockets are, and the beginning and end of the process."""

import asyncio
from typing import Any
from unittest import mock
from uuid import uuid4

import pytest
from channels.testing import ApplicationCommunicator, WebsocketCommunicator
from django.test import override_settings

from chatapp import routing
from chatapp.providers.scripted import PATIENCE_SECONDS
from chatapp.runs.runner import get_runner
from chatapp.testing import stop_everything
from tests.asgi import application

ID = uuid4()


async def get_close_code(path: str) -> Any:
    """With which code a socket at this address is closed, before or after it was accepted."""
    communicator = WebsocketCommunicator(application, path)
    accepted, code = await communicator.connect(timeout=PATIENCE_SECONDS)
    if accepted:
        closing = await communicator.receive_output(timeout=PATIENCE_SECONDS)
        code = closing["code"]
    await communicator.disconnect()
    return accepted, code


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("prefix", ["", "/site", "/deep/er"])
async def test_a_socket_is_found_under_any_prefix(prefix: str) -> None:
    # Found, and refused: it does not say where it comes from.
    assert await get_close_code(f"{prefix}/ws/chatapp/threads/{ID}/") == (True, 4403)
    assert await get_close_code(f"{prefix}/ws/chatapp/threads/{str(ID).upper()}/") == (True, 4403)


THREADS = "/ws/chatapp/threads/"


@pytest.mark.parametrize("path", ["/", "/ws/", THREADS, f"{THREADS}{ID}", f"{THREADS}{ID.hex}/", f"{THREADS}x/"])
async def test_an_address_that_does_not_exist_is_refused(path: str) -> None:
    assert await get_close_code(path) == (False, 4404)


async def test_pages_are_served_beside_the_sockets() -> None:
    headers = [(b"host", b"testserver")]
    scope = {"type": "http", "method": "GET", "path": "/healthz", "query_string": b"", "headers": headers}
    communicator = ApplicationCommunicator(application, scope)
    await communicator.send_input({"type": "http.request", "body": b""})

    assert (await communicator.receive_output(PATIENCE_SECONDS))["status"] == 200
    assert (await communicator.receive_output(PATIENCE_SECONDS))["body"] == b'{"status": "ok"}'
    await communicator.wait()


async def test_a_server_that_tells_of_its_end_waits_for_the_drain() -> None:
    communicator = ApplicationCommunicator(application, {"type": "lifespan"})

    with mock.patch.object(routing, "hear_of_the_end") as hear:
        await communicator.send_input({"type": "lifespan.startup"})
        assert await communicator.receive_output(PATIENCE_SECONDS) == {"type": "lifespan.startup.complete"}
    await communicator.send_input({"type": "lifespan.shutdown"})
    assert await communicator.receive_output(PATIENCE_SECONDS) == {"type": "lifespan.shutdown.complete"}
    await communicator.wait()

    assert hear.call_count == 1
    assert get_runner().is_draining


async def test_a_drain_that_is_cut_short_still_ends_the_process() -> None:
    draining = asyncio.Event()

    async def drain() -> None:
        draining.set()
        await asyncio.Event().wait()

    sent: list[dict[str, str]] = []

    async def receive() -> dict[str, str]:
        return {"type": "lifespan.shutdown"}

    async def send(message: dict[str, str]) -> None:
        sent.append(message)

    with mock.patch.object(routing, "drain", drain):
        task = asyncio.ensure_future(application({"type": "lifespan"}, receive, send))
        await draining.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert sent == [{"type": "lifespan.shutdown.complete"}]
    await stop_everything()


def test_providers_are_made_at_start_and_a_broken_one_does_not_stop_the_site(caplog: pytest.LogCaptureFixture) -> None:
    providers = {"default": {"BACKEND": "no.such.Provider"}, "other": {"BACKEND": "no.such.Other"}}

    with override_settings(CHATAPP={"PROVIDERS": providers}):
        routing.application(mock.AsyncMock())

    for alias in providers:
        assert f"provider '{alias}' cannot be made" in caplog.text
