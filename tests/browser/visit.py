"""Somebody who looks at the site in Chromium, and everything that the browser complains of meanwhile."""

import json
import re
from typing import Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

from playwright.async_api import BrowserContext, ConsoleMessage, Locator, Page, Request, WebSocket, expect

from tests.site import Site


class Visit:
    """A tab. What it sends over its sockets is in `sent`, what it receives in `received`."""

    def __init__(self, page: Page, site: Site) -> None:
        self.page = page
        self.site = site
        self.sent: list[dict[str, Any]] = []
        self.received: list[str] = []
        self.requests: list[str] = []
        self._answered: str | None = None
        self._complaints: list[str] = []
        self._expected: list[str] = []
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self._complaints.append(f"uncaught: {error}"))
        page.on("request", self._on_request)
        page.on("websocket", self._on_socket)
        page.on("dialog", lambda dialog: self._complaints.append(f"dialog: {dialog.message}"))

    # ---- what is on the page

    @property
    def context(self) -> BrowserContext:
        """The browser of this person, in which more tabs can be opened."""
        return self.page.context

    @property
    def box(self) -> Locator:
        """The message box."""
        return self.page.get_by_role("textbox", name="Message", exact=True)

    @property
    def thread(self) -> Locator:
        """The log of messages."""
        return self.page.get_by_role("log", name="Conversation")

    @property
    def asked(self) -> Locator:
        """The messages of this person."""
        return self.page.get_by_role("article", name="You said")

    @property
    def questions(self) -> Locator:
        """What this person said in them."""
        return self.asked.locator("[data-chat-text]")

    @property
    def answer(self) -> Locator:
        """The last answer."""
        return self.page.locator('[data-chat-role="assistant"]').last

    @property
    def said(self) -> Locator:
        """The text of the last answer."""
        return self.answer.locator("[data-chat-text]").last

    @property
    def banner(self) -> Locator:
        """The line about the connection."""
        return self.page.get_by_role("status", name="Connection")

    @property
    def jump(self) -> Locator:
        """The button that goes to the end."""
        return self.page.get_by_role("button", name="Jump to latest")

    def button(self, name: str) -> Locator:
        """The button with this name."""
        return self.page.get_by_role("button", name=name, exact=True)

    @property
    def thread_id(self) -> UUID:
        """Of the thread in the address."""
        found = re.search(r"/chat/([0-9a-f-]{36})/", self.page.url)
        assert found, f"no thread in {self.page.url}"
        return UUID(found[1])

    # ---- what one does

    async def go(self, path: str) -> None:
        """Open a page and wait until its socket is open."""
        before = self.count_sent("resume")
        async with self.page.expect_websocket() as socket:
            await self.page.goto(self.site.url + path)
        if self.count_sent("resume") == before:
            await (await socket.value).wait_for_event("framesent")
        await self.until_modules()

    async def ask(self, text: str) -> None:
        """Write a message and press Enter. `until_state` means the answer to it."""
        answers = self.page.locator('[data-chat-role="assistant"]')
        self._answered = await self.answer.get_attribute("data-chat-message") if await answers.count() else None
        await self.box.fill(text)
        await self.box.press("Enter")

    async def until_state(
        self, state: Literal["streaming", "waiting", "complete", "stopped", "failed", "interrupted"]
    ) -> None:
        """Wait until the last answer is in this state, and is newer than what was said by `ask` last."""
        if self._answered:
            await expect(self.answer).not_to_have_attribute("data-chat-message", self._answered, timeout=10_000)
        await expect(self.answer).to_have_attribute("data-chat-state", state, timeout=10_000)
        await self.until_modules()

    async def until_modules(self) -> None:
        """Wait until the scripts of the parts that are shown listen."""
        await self.page.evaluate(
            """() => Promise.all([...document.querySelectorAll("[data-chat-module]")].map(
                       ({ dataset }) => import(dataset.chatModule)))"""
        )

    async def get_place(self) -> tuple[float, float]:
        """Pixels above the view, and below it."""
        place: list[float] = await self.page.evaluate(
            """() => { const { scrollTop, scrollHeight, clientHeight } = document.getElementById("chat-scroll");
                       return [scrollTop, scrollHeight - clientHeight - scrollTop] }"""
        )
        return place[0], place[1]

    async def until_at_end(self) -> None:
        """Wait until the end of the thread is in view, to a few pixels."""
        await self.page.wait_for_function(
            """() => { const { scrollTop, scrollHeight, clientHeight } = document.getElementById("chat-scroll");
                       return scrollHeight - clientHeight - scrollTop <= 8 }"""
        )

    def count_sent(self, kind: str) -> int:
        """Frames of this type that were sent."""
        return sum(frame.get("type") == kind for frame in self.sent)

    # ---- what the browser complains of

    def expect_complaint(self, *pieces: str) -> None:
        """A complaint with one of these in it is what the test is about."""
        self._expected += pieces

    @property
    def complaints(self) -> list[str]:
        """Errors and warnings on the console (a violated content policy is one), uncaught errors, dialogs, requests to
        other hosts; without those that were expected."""
        return [text for text in self._complaints if not any(piece in text for piece in self._expected)]

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._complaints.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    def _on_request(self, request: Request) -> None:
        self.requests.append(request.url)
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and parts.netloc != urlsplit(self.site.url).netloc:
            self._complaints.append(f"request to {request.url}")

    def _on_socket(self, socket: WebSocket) -> None:
        socket.on("framesent", lambda data: self.sent.append(json.loads(data)))
        socket.on("framereceived", lambda data: self.received.append(str(data)))
