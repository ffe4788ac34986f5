"""Sockets that are opened from pages of others, or where there are none."""

from contextlib import suppress
from uuid import uuid4

import aiohttp
import pytest

from chatapp import routing
from chatapp.consumers import ThreadConsumer
from tests.site import Site

from .people import Person


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://127.0.0.1:1",
        "http://127.0.0.1",
        "http://127.0.0.1.evil.example",
        "{https}",
        "{site}/",
        "http://localhost:{port}",
        "null",
        "file://",
        "",
    ],
)
async def test_a_socket_from_a_foreign_page_is_refused(site: Site, person: Person, origin: str) -> None:
    foreign = origin.format(https=site.url.replace("http", "https"), site=site.url, port=site.ports[0])
    tab = await person.open()
    await tab.connect(origin=foreign)

    await tab.post("I was here. fault:ok")

    assert await tab.until_closed(5) == 4403
    assert tab.frames == []
    assert (await person.get(f"/chat/{tab.thread_id}/")).status == 404


async def test_a_socket_whose_origin_is_none_at_all_is_refused(site: Site, person: Person) -> None:
    tab = await person.open()

    with suppress(aiohttp.WSServerHandshakeError):  # Daphne refuses it by itself.
        await tab.connect(origin=f"{site.url}.evil.example")
        assert await tab.until_closed(5) == 4403

    assert not tab.is_open
    assert tab.frames == []


@pytest.mark.parametrize(
    "path", ["/", "/ws/", "/ws/chatapp/threads/", "/ws/chatapp/threads/{id}", "/chat/{id}/", "/ws/x"]
)
async def test_a_socket_address_that_does_not_exist_is_refused(site: Site, person: Person, path: str) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await person.http.ws_connect(site.url + path.format(id=uuid4()), headers={"Origin": site.url})

    assert refused.value.status == 403


def test_every_socket_route_leads_to_the_one_consumer() -> None:
    consumers = [getattr(route.callback, "consumer_class", None) for route in routing.websocket_urlpatterns]

    assert consumers == [ThreadConsumer] * len(consumers)
    assert consumers
