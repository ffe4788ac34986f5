"""Help for people who test their assistants, used by our own suite.

    async def test_support_knows_the_parcel(owner):
        answer = await ask(Support, "Where is 17?", user=owner, model_says=["It is in Bern."])
        assert answer.text == "It is in Bern."

`ask` needs no database. `ThreadSocket` opens a page's socket through the site's real routing, session and all; `Page`
is what a browser would show after the frames that came (it needs html5lib).
"""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from uuid import UUID, uuid4

from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import settings as django_settings
from django.test import Client
from django.utils.module_loading import import_string

from chatapp import stretches
from chatapp.approvals import ApprovalRequest
from chatapp.assistants import Assistant
from chatapp.errors import ChatappError
from chatapp.events import PartStart, Usage
from chatapp.inputs import InputUpdate
from chatapp.parts import Part, plain_text
from chatapp.providers.base import ModelRequest, Provider, replace_provider
from chatapp.providers.scripted import Script, ScriptedProvider, call, gate, split_rounds
from chatapp.questions import InputRequest, find_request
from chatapp.runs.assembler import Assembler
from chatapp.runs.hub import get_hub
from chatapp.runs.runner import get_runner
from chatapp.stretches import Speech
from chatapp.todos import TodoItem
from chatapp.turn import ChatMessage, Turn

from .page import Page

__all__ = [
    "Answer",
    "Page",
    "ScriptedProvider",
    "ThreadSocket",
    "ask",
    "call",
    "gate",
    "replace_provider",
    "stop_everything",
]

PATIENCE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What an assistant said to one question."""

    parts: Sequence[Part]
    usage: Usage
    todos: Sequence[TodoItem] = ()
    """The plan as it was last said."""
    requests: Sequence[ModelRequest] = field(default=())
    """What the scripted model was asked, in order."""
    inputs: Sequence[InputUpdate] = ()
    """What it did to the message box, if somebody was there; see `person_says`."""

    @property
    def text(self) -> str:
        """What was said, without thinking, errors and notices."""
        return plain_text(self.parts)


async def ask(
    assistant: type[Assistant] | Assistant,
    text: str,
    *,
    user: Any = None,
    history: Iterable[ChatMessage] = (),
    model_says: Script = (),
    provider: Provider | None = None,
    person_says: Sequence[str] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Answer:
    """The answer of an assistant, with a scripted model behind it, or this provider. Raises what `respond` raises.

    A `call` in what the model says ends what it says to one request: what follows is for the next one. `person_says`
    are the answers to what it asks meanwhile, in order; "" and what is missing is nobody in time; a tool that must be
    allowed asks for "allow", "allow_thread" or "deny". Without it all tools are allowed, and other questions an error.
    `settings` is what the person set; the rest is as the assistant declares it.
    """
    scripted = ScriptedProvider(*([model_says] if callable(model_says) else split_rounds(model_says)))
    instance = assistant if isinstance(assistant, Assistant) else assistant()
    messages = [*history, ChatMessage(role="user", content=text)]
    assembler = Assembler()
    desk = _ScriptedPerson(person_says, assembler)

    async def hear(item: Any) -> None:
        request = find_request(item)
        if request is not None and person_says is not None:
            desk.open(request)
        else:
            assembler.take(item)

    speech = Speech(hear)
    items = await sync_to_async(instance.list_settings)(user)
    chosen = {item.id: item.value for item in items if item.has_value} | dict(settings or {})
    turn = Turn(
        assistant=instance,
        messages=messages,
        user=user,
        config=instance.make_config(chosen),
        settings=chosen,
        provider=provider or scripted,
        desk=desk,
        speech=speech,
    )
    stretches.enter(speech)
    async for item in instance.answer(turn):
        await speech.take(item)
    assembler.end()
    return Answer(assembler.to_parts(), assembler.usage, assembler.todos or (), scripted.requests, desk.inputs)


class _ScriptedPerson:
    """Answers at once."""

    def __init__(self, says: Iterable[str] | None, assembler: Assembler) -> None:
        self.inputs: list[InputUpdate] = []
        self._is_there = says is not None
        self._says = iter(says or ())
        self._allowed: set[str] = set()
        self._assembler = assembler
        self._request: InputRequest | None = None

    async def update_input(self, update: InputUpdate) -> None:
        self.inputs.append(update)

    def open(self, request: InputRequest) -> None:
        self._request = request
        self._assembler.take(PartStart(request, key=request.id))

    async def ask(self, request: InputRequest, timeout: float | None) -> str:  # noqa: ASYNC109  # of turn.Desk
        self.open(request)
        return await self.wait(timeout)

    async def wait(self, timeout: float | None) -> str:  # noqa: ASYNC109  # likewise
        if not self._is_there:
            raise ChatappError("nobody is there to be asked: this turn was made by hand, without person_says")
        request, self._request = self._request, None
        if request is None:
            raise AssertionError("the assistant waits for an answer, but asked nothing")
        text = next(self._says, "")
        if isinstance(request, ApprovalRequest) and text == "allow_thread":
            self._allowed.add(request.tool)
        if text and request.find_option(text) is None:
            raise AssertionError(f"{text!r} is none of the options {list(request.options)!r} of {request.prompt!r}")
        closed = request.answered(text) if text else request.closed("expired")
        self._assembler.take(PartStart(closed, key=request.id))
        return text

    async def allows(self, tool: str) -> bool:
        return not self._is_there or tool in self._allowed

    def leave_out(self, upto: UUID) -> None:
        """Nobody summarises."""

    async def save(self) -> None:
        """There is nowhere to."""


async def stop_everything() -> None:
    """End all runs, loops and relays of the running event loop; call it at the end of a test that opened sockets."""
    await get_runner().drain(0)
    await get_hub().close()


class ThreadSocket:
    """The socket of one open page, through the site's ASGI application.

        async with ThreadSocket(owner) as socket:
            await socket.post("Hello")
            page = await socket.until(lambda page: page.state == "complete")

    `html` is the page as it was loaded, else an empty one; `page` is what it shows after the frames that came.
    """

    def __init__(
        self,
        user: Any,
        thread_id: UUID | None = None,
        *,
        html: str = "",
        origin: str = "http://testserver",
        assistant: str = "",
        cookies: dict[str, str] | None = None,
    ) -> None:
        self.thread_id = thread_id or uuid4()
        self.page = Page(html)
        self.frames: list[str] = []
        self.close_code: int | None = None
        self._user = user
        self._origin = origin
        self._cookies = cookies
        self._assistant = assistant
        self._communicator: Any = None

    async def __aenter__(self) -> Self:
        await self.connect()
        await self.resume()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def connect(self) -> None:
        """Open the socket, without the first frame."""
        cookies = self._cookies if self._cookies is not None else await sync_to_async(_sign_in)(self._user)
        headers = [(b"host", b"testserver"), (b"cookie", "; ".join(f"{k}={v}" for k, v in cookies.items()).encode())]
        if self._origin:
            headers.append((b"origin", self._origin.encode()))
        path = f"/ws/chatapp/threads/{self.thread_id}/?assistant={self._assistant}"
        application = import_string(django_settings.ASGI_APPLICATION)
        self._communicator = WebsocketCommunicator(application, path, headers)
        await self._communicator.connect(timeout=PATIENCE_SECONDS)

    async def close(self) -> None:
        """Close it from the page's side."""
        await self._communicator.disconnect(timeout=PATIENCE_SECONDS)

    async def send(self, **frame: Any) -> None:
        """Send one frame."""
        await self._communicator.send_to(text_data=json.dumps(frame))

    async def send_raw(self, text: str | None = None, data: bytes | None = None) -> None:
        """Send something that may not be a frame."""
        await self._communicator.send_to(text_data=text, bytes_data=data)

    async def resume(self) -> None:
        """Say what the page has, as its script does after each open."""
        await self.send(type="resume", cursors=self.page.cursors, last=self.page.last)

    async def post(self, text: str, client_id: UUID | None = None) -> UUID:
        """Send a message; its client_id."""
        client_id = client_id or uuid4()
        await self.send(type="post", text=text, client_id=str(client_id))
        return client_id

    async def receive(self) -> str | None:
        """The next frame, applied to the page; None if the socket was closed (see close_code)."""
        output = await self._communicator.receive_output(timeout=PATIENCE_SECONDS)
        if output["type"] == "websocket.close":
            self.close_code = output.get("code", 1000)
            return None
        frame: str = output["text"]
        self.frames.append(frame)
        self.page.apply(frame)
        return frame

    async def until(self, is_so: Any) -> "Page":
        """Receive frames until `is_so(page)`. Raises AssertionError if the socket is closed or nothing comes."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not is_so(self.page):
                    if await self.receive() is None:
                        raise AssertionError(f"closed with {self.close_code}; the page shows {self.page.text!r}")
        except TimeoutError:
            raise AssertionError(f"it never came; the page shows {self.page.text!r}") from None
        return self.page

    async def until_closed(self) -> int:
        """Receive frames until the server closes the socket; with which code."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await self.receive() is not None:
                pass
        return self.close_code or 1000

    async def has_nothing(self) -> bool:
        """Whether no frame is under way."""
        return bool(await self._communicator.receive_nothing())


def _sign_in(user: Any) -> dict[str, str]:
    client = Client()
    if user is not None:
        client.force_login(user)
    return {name: morsel.value for name, morsel in client.cookies.items()}
