"""A page that is no chat: its stream runs in one process and is followed in another one."""

import asyncio
import re
from collections.abc import Callable
from html.parser import HTMLParser

import aiohttp
import pytest

from chatapp.testing import Page
from tests.site import Site

from .conftest import HERE, THERE
from .people import PATIENCE_SECONDS, Person


class Place(HTMLParser):
    """The element of the stream in a page as it was loaded."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self.page = Page(html)
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if any(name == "data-chat-stream" for name, _ in attrs):
            self.found = {name: value or "" for name, value in attrs}

    @property
    def last(self) -> str:
        """Id of the last piece that is shown."""
        return next(iter(re.findall(r'data-chat-message="([^"]+)"', self.draw("log"))[::-1]), "")

    def read(self, piece: str) -> str:
        """The text of a piece of the place: log, cursor or status."""
        return re.sub(r"<[^>]*>", "", self.draw(piece))

    def draw(self, piece: str) -> str:
        """A piece of the place, equal for equal documents."""
        return self.page.html_of(f"{self.found['id']}-{piece}")


async def load(person: Person, *, place: int) -> Place:
    """The page with the place of the stream, freshly loaded from this process."""
    answer = await person.get("/stage/", place=place)
    assert answer.status == 200
    return Place(answer.text)


async def follow(person: Person, shown: Place, *, place: int, until: Callable[[Place], bool]) -> int:
    """Follow in this process, from what is shown, until that is so; how many events it took."""
    url = person.site.urls[place] + shown.found["data-chat-live"]
    query = {"cursor": shown.read("cursor"), "last": shown.last}
    count = 0
    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        person.http.get(url, params=query, timeout=aiohttp.ClientTimeout(None)) as response,
    ):
        lines: list[str] = []
        async for raw in response.content:
            line = raw.decode().rstrip("\n")
            if line.startswith("data: "):
                lines.append(line.removeprefix("data: "))
            elif not line and lines:
                shown.page.apply("\n".join(lines))
                lines, count = [], count + 1
                if until(shown):
                    break
    return count


@pytest.fixture
def site(pair: Site) -> Site:
    """Two processes, HERE and THERE."""
    return pair


async def test_what_streams_here_is_followed_there_cancelled_there_and_equal_after_a_reload(person: Person) -> None:
    there = await load(person, place=THERE)
    begun = await person.post("/stage/begin/", {"question": "fault:slow-drip;n=400;delay=0.05"}, place=HERE)
    middle = await load(person, place=THERE)

    count = await follow(person, there, place=THERE, until=lambda shown: "word60" in shown.read("log"))
    cancelled = await person.post(there.found["data-chat-live"].replace("/live/", "/cancel/"), place=THERE)
    await follow(person, there, place=THERE, until=lambda shown: shown.read("status") == "cancelled")

    fresh = [await load(person, place=place) for place in (HERE, THERE)]
    assert (begun.status, cancelled.status) == (204, 204)
    assert middle.read("status") == "running"
    assert count > 5, "it came at once and not as a stream"
    assert there.page.missed == []
    assert {shown.draw("log") for shown in [there, *fresh]} == {there.draw("log")}
    assert fresh[HERE].read("status") == "cancelled"
