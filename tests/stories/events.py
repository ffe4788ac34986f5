"""A page where websockets are blocked: frames come as server-sent events, and what is said is posted."""

import asyncio
from collections.abc import Callable
from typing import Self
from uuid import UUID

import aiohttp

from chatapp.testing import Page

from .people import PATIENCE_SECONDS, Person


class EventStream:
    """An event source as browsers have it: it remembers the last id, and comes back with it."""

    def __init__(self, person: Person, thread_id: UUID, *, html: str = "") -> None:
        self.thread_id = thread_id
        self.page = Page(html)
        self.last_event_id = ""
        self.closed_with: int | None = None
        """What the server said before it ended the stream for good."""
        self.events: list[str] = []
        """Those that changed the page."""
        self.openings = 0
        self._person = person
        self._response: aiohttp.ClientResponse | None = None

    async def open(self, *, by_event_id: bool = False) -> Self:
        """Connect (again). The address says what the page has, as chatapp.js writes it, or Last-Event-ID does."""
        await self.close()
        headers = {"Accept": "text/event-stream"}
        query = {}
        if by_event_id:
            headers["Last-Event-ID"] = self.last_event_id
        else:
            cursor = " ".join(f"{run}:{seq}" for run, seq in self.page.cursors.items())
            query = {"cursor": cursor, "last": self.page.last or ""}
        url = f"{self._person.site.url}/chat/{self.thread_id}/live/"
        self._response = await self._person.http.get(url, params=query, headers=headers, allow_redirects=False)
        self.openings += 1
        assert self._response.status == 200, self._response.status
        assert self._response.content_type == "text/event-stream"
        return self

    async def close(self) -> None:
        """Lose the connection."""
        if self._response is not None:
            self._response.close()
            self._response = None
            await asyncio.sleep(0)

    async def until(self, is_so: Callable[[Page], object], seconds: float = PATIENCE_SECONDS) -> Page:
        """Take events until the page shows something; comes back by itself when the server ends the response."""
        try:
            async with asyncio.timeout(seconds):
                while not is_so(self.page) and self.closed_with is None:
                    if not await self._take_event():
                        await self.open()
        except TimeoutError:
            pass
        assert is_so(self.page), f"it never came; the page shows {self.page.state}, {self.page.text[-200:]!r}"
        return self.page

    async def until_closed(self, seconds: float = PATIENCE_SECONDS) -> int | None:
        """Take events until the server ends the response; what it said last, if that was for good."""
        async with asyncio.timeout(seconds):
            while await self._take_event():
                pass
        return self.closed_with

    async def _take_event(self) -> bool:
        """Take one event; False at the end of the response."""
        assert self._response is not None
        kind, data = "message", []
        while line := (await self._response.content.readline()).decode():
            name, _, value = line.rstrip("\n").partition(":")
            value = value.removeprefix(" ")
            if not name and not value:
                break
            if name == "event":
                kind = value
            elif name == "id":
                self.last_event_id = value
            elif name == "data":
                data.append(value)
        else:
            return False
        if data and kind == "close":
            self.closed_with = int(data[0])
        elif data:
            self.events.append("\n".join(data))
            self.page.apply(self.events[-1])
        return True
