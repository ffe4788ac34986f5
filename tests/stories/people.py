"""People who use the site from outside: each has a browser, and tabs in it that show what they are sent."""

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Self
from uuid import UUID, uuid4

import aiohttp

from chatapp.testing import Page
from tests.site import Site

PASSWORD: Final = "a long enough sentence"
PATIENCE_SECONDS: Final = 15.0
ACK_CHARS, ACK_SECONDS = 64 * 1024, 1.0  # as chatapp.js

_THREAD: Final = re.compile(r'data-chat-thread="([0-9a-f-]{36})"')


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back over HTTP."""

    status: int
    text: str
    headers: Mapping[str, str]


class Person:
    """Somebody with a browser. `place` is the number of the server process they talk to."""

    def __init__(self, site: Site) -> None:
        self.site = site
        # Also for an address without a name; one jar for all ports, as in a browser.
        self.http = aiohttp.ClientSession(
            cookie_jar=aiohttp.CookieJar(unsafe=True), timeout=aiohttp.ClientTimeout(PATIENCE_SECONDS)
        )
        self.name = ""
        self._tabs: list[Tab] = []

    async def sign_up(self) -> Self:
        """Make an account and be signed in."""
        self.name = f"p{uuid4().hex[:12]}"
        await self.get("/accounts/signup/")
        fields = {"username": self.name, "password1": PASSWORD, "password2": PASSWORD}
        answer = await self.post("/accounts/signup/", fields)
        assert (answer.status, answer.headers.get("Location")) == (302, "/chat/"), answer.text[-500:]
        return self

    async def sign_in(self, other: "Person") -> Self:
        """Be signed in as somebody who has an account, in a session of one's own."""
        self.name = other.name
        await self.get("/accounts/login/")
        answer = await self.post("/accounts/login/", {"username": self.name, "password": PASSWORD})
        assert answer.status == 302, answer.text[-500:]
        return self

    @property
    def cookies(self) -> dict[str, str]:
        """What the browser keeps for this site."""
        return {cookie.key: cookie.value for cookie in self.http.cookie_jar}

    async def get(self, path: str, *, place: int = 0, **headers: str) -> Answer:
        """Redirects are not followed."""
        async with self.http.get(self.site.urls[place] + path, allow_redirects=False, headers=headers) as response:
            return Answer(response.status, await response.text(), response.headers)

    async def post(
        self,
        path: str,
        fields: Mapping[str, str] | None = None,
        *,
        place: int = 0,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a form, with the token against forged ones. Redirects are not followed."""
        data = {"csrfmiddlewaretoken": self.cookies.get("csrftoken", ""), **(fields or {})}
        url = self.site.urls[place] + path
        async with self.http.post(url, data=data, allow_redirects=False, headers=headers) as response:
            return Answer(response.status, await response.text(), response.headers)

    async def load(self, thread_id: UUID, *, place: int = 0) -> Page:
        """The page of a thread as it is freshly loaded."""
        answer = await self.get(f"/chat/{thread_id}/", place=place)
        assert answer.status == 200, f"{answer.status} for the page of a thread"
        return Page(answer.text)

    async def open(self, thread_id: UUID | None = None, *, place: int = 0, assistant: str = "") -> "Tab":
        """A tab with this thread, or with a new chat: its page, its socket, and its first frame sent.

        `assistant`: who answers the new chat, by slug.
        """
        new = f"/chat/new/{assistant}/" if assistant else "/chat/"
        answer = await self.get(f"/chat/{thread_id}/" if thread_id else new, place=place)
        assert answer.status == 200, f"{answer.status} for the page"
        found = _THREAD.search(answer.text)
        assert found, "the page names no thread"
        tab = self.tab(UUID(found[1]), place=place, html=answer.text)
        await tab.connect(query=f"?assistant={assistant}" if assistant else "")
        return tab

    def tab(self, thread_id: UUID, *, place: int = 0, html: str = "") -> "Tab":
        """A tab that has not opened its socket."""
        tab = Tab(self, thread_id, place=place, html=html)
        self._tabs.append(tab)
        return tab

    async def ask(self, text: str, *, place: int = 0) -> "Tab":
        """A tab with a new chat in which this was sent, and which shows it."""
        tab = await self.open(place=place)
        await tab.post(text)
        await tab.until(lambda page: page.texts)
        return tab

    async def leave(self) -> None:
        """Close the browser."""
        for tab in self._tabs:
            await tab.close()
        await self.http.close()


class Tab:
    """An open page of a thread. Frames are swapped in as they come, and acknowledged as the page's script does."""

    def __init__(self, person: Person, thread_id: UUID, *, place: int, html: str) -> None:
        self.person = person
        self.thread_id = thread_id
        self.place = place
        self.html = html
        """The page as it was loaded."""
        self.page = Page(html)
        self.frames: list[str] = []
        self.close_code: int | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._reader: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._received = 0
        self._seen = 0
        self._timer: asyncio.Task[None] | None = None

    async def connect(self, *, origin: str | None = None, query: str = "", resume: bool = True) -> None:
        """Open the socket (again), and say what the page has. `origin`: another one than the site's; "" sends none."""
        await self.disconnect()
        site = self.person.site.urls[self.place]
        headers = {"Origin": site if origin is None else origin}
        url = f"{site}/ws/chatapp/threads/{self.thread_id}/{query}"
        self.close_code = None
        self._socket = await self.person.http.ws_connect(
            url, headers={name: value for name, value in headers.items() if value}, max_msg_size=0
        )
        self._reader = asyncio.create_task(self._read(self._socket))
        if resume:
            await self.send(type="resume", cursors=self.page.cursors, last=self.page.last)

    async def disconnect(self) -> None:
        """Lose the socket; the page stays as it is."""
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
            self._reader = None
        if self._socket is not None:
            with suppress(aiohttp.ClientError, TimeoutError):
                await self._socket.close()

    close = disconnect

    async def send(self, **frame: Any) -> None:
        """Send one frame; nothing happens if the socket is closed."""
        await self.send_raw(json.dumps(frame))

    async def send_raw(self, text: str) -> None:
        """Send text that may not be a frame."""
        assert self._socket is not None
        with suppress(ConnectionError, aiohttp.ClientError):
            await self._socket.send_str(text)

    async def send_bytes(self, data: bytes) -> None:
        """Send a binary frame."""
        assert self._socket is not None
        with suppress(ConnectionError, aiohttp.ClientError):
            await self._socket.send_bytes(data)

    async def post(self, text: str, client_id: UUID | None = None) -> UUID:
        """Send a message; its client_id."""
        client_id = client_id or uuid4()
        await self.send(type="post", text=text, client_id=str(client_id))
        return client_id

    async def stop(self) -> None:
        """Press Stop."""
        await self.send(type="stop")

    async def retry(self) -> None:
        """Press Try again under the last message."""
        await self.send(type="retry", message=self.page.last)

    @property
    def is_open(self) -> bool:
        """Whether the socket is."""
        return self._reader is not None and not self._reader.done()

    async def until(self, is_so: Callable[[Page], object], seconds: float = PATIENCE_SECONDS) -> Page:
        """Wait until the page shows something. Raises AssertionError if the socket is closed or it never does."""
        try:
            async with asyncio.timeout(seconds):
                while not is_so(self.page):
                    if not self.is_open:
                        break
                    await self._news.wait()
        except TimeoutError:
            pass
        if not is_so(self.page):
            why = "it never came" if self.is_open else f"closed with {self.close_code}"
            shown = (
                f"{self.page.state}, {self.page.notices}, {len(self.page.texts)} messages, … {self.page.text[-200:]!r}"
            )
            raise AssertionError(f"{why}; the page shows {shown}")
        return self.page

    async def until_ended(self, state: str = "complete", *, answers: int = 1, seconds: float = 30.0) -> Page:
        """Wait until so many answers have been given and the last one is in this state."""
        return await self.until(lambda page: len(page.articles) == 2 * answers and page.state == state, seconds)

    async def until_closed(self, seconds: float = PATIENCE_SECONDS) -> int:
        """Wait until the server closes the socket; with which code."""
        assert self._reader is not None
        await asyncio.wait([self._reader], timeout=seconds)
        assert self.close_code is not None, "the socket stays open"
        return self.close_code

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._received = 0
        try:
            async for message in socket:
                self.frames.append(message.data)
                self.page.apply(message.data)
                self._tell()
                self._received += len(message.data)
                self._seen = max(self.page.cursors.values(), default=self._seen)
                if self._received > ACK_CHARS:
                    await self._acknowledge()
                elif self._timer is None:
                    self._timer = asyncio.create_task(self._acknowledge_later())
            self.close_code = socket.close_code
        finally:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            asyncio.get_running_loop().call_soon(self._tell)  # Once this task is seen to be done.

    async def _acknowledge_later(self) -> None:
        await asyncio.sleep(ACK_SECONDS)
        self._timer = None
        await self._acknowledge()

    async def _acknowledge(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._received = 0
        await self.send(type="ack", seq=self._seen)

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
