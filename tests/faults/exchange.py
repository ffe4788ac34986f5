"""One request to the faulty provider and its answer, with words for what a server can do wrong."""

import asyncio
import json
import re
import socket
import struct
from collections.abc import Mapping
from typing import Any

from .responses import ResponsesWriter, read_input

HELLO = "Hello there, this is an ordinary answer of a dozen words."


class Gone(Exception):
    """The client closed the connection before the answer was complete."""


class Exchange:
    """A request, and the means to answer it well or badly."""

    def __init__(
        self,
        *,
        path: str,
        headers: Mapping[str, str],
        body: Mapping[str, Any],
        writer: asyncio.StreamWriter,
        next_head: "asyncio.Task[bytes]",
    ) -> None:
        self.path = path
        self.headers = headers
        self.body = body
        self._writer_of_responses = ResponsesWriter() if "input" in body else None
        self.path = ""
        """What was asked for, with its query."""

        self.attempt = 1
        """How often this question was asked, this time included."""

        self.options: Mapping[str, str] = {}
        """What stands behind the name of the fault: n=400;delay=0.05."""

        self.keeps_connection = False
        """Whether the response ended so that another may follow."""

        self._writer = writer
        self._next_head = next_head
        self._is_chunked = False

    @property
    def question(self) -> str:
        """The last message of the user."""
        for message in reversed(self.messages):
            if message.get("role") == "user":
                content = message.get("content") or ""
                return content if isinstance(content, str) else " ".join(part.get("text", "") for part in content)
        return ""

    @property
    def messages(self) -> list[dict[str, Any]]:
        """What was said so far, as Chat Completions has it in either protocol."""
        return self.body["messages"] if "messages" in self.body else read_input(self.body.get("input", []))

    @property
    def key(self) -> str:
        """The key that came with the request."""
        return self.headers.get("authorization", "").removeprefix("Bearer ")

    def number(self, name: str, default: float) -> float:
        """An option as a number."""
        return float(self.options.get(name, default))

    # Whole responses.

    async def answer(self, status: str, body: bytes, content_type: str = "application/json", **headers: str) -> None:
        """A complete response; an underscore in a header's name is a hyphen."""
        more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        head = f"HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {len(body)}\r\n{more}\r\n"
        await self._write(head.encode() + body)
        self.keeps_connection = True

    async def refuse(self, status: str, message: str, code: str = "", **headers: str) -> None:
        """An error in OpenAI's shape."""
        error = {"message": message, "type": "invalid_request_error", "param": None, "code": code or None}
        await self.answer(status, json.dumps({"error": error}).encode(), x_request_id="req_17", **headers)

    # Streams.

    async def start(self, content_type: str = "text/event-stream", **headers: str) -> None:
        """The head of a stream."""
        more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        head = f"HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ntransfer-encoding: chunked\r\n{more}\r\n"
        await self._write(head.encode())
        self._is_chunked = True

    async def send(self, data: bytes) -> None:
        """Bytes of the stream."""
        if data:  # Nothing would be the end.
            await self._write(b"%x\r\n%s\r\n" % (len(data), data) if self._is_chunked else data)

    async def say(self, *pieces: str) -> None:
        """Deltas of text."""
        for piece in pieces:
            await self.chunk({"content": piece})

    async def chunk(self, delta: Mapping[str, Any] | None, finish: str | None = None, **fields: Any) -> None:
        """An event with a chunk of one choice."""
        await self.send(self.write(delta, finish, **fields))

    def write(
        self, delta: Mapping[str, Any] | None, finish: str | None = None, *, ascii: bool = True, **fields: Any
    ) -> bytes:
        """The events that say in this protocol what a chunk of one choice says."""
        if self._writer_of_responses is None:
            return write_event(make_chunk(delta, finish, **fields), ascii=ascii)
        events = self._writer_of_responses.write(delta or {}, finish, fields.get("usage"))
        return b"".join(write_event(event, ascii=ascii, name=event["type"]) for event in events)

    async def answer_whole(self, text: str, usage: Mapping[str, int] | None = None) -> None:
        """The whole answer as one JSON object."""
        if self._writer_of_responses is not None:
            *_, end = self._writer_of_responses.write({"content": text}, "stop", usage)
            answer = end["response"]
        else:
            choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            answer = {"object": "chat.completion", "choices": [choice], "usage": usage}
        await self.answer("200 OK", json.dumps(answer, indent=2).encode())

    async def finish(self, reason: str = "stop", *, usage: Any = None) -> None:
        """The finish_reason, the usage if it was asked for, [DONE] and the end of the response."""
        usage = usage or {"prompt_tokens": 3, "completion_tokens": 9, "total_tokens": 12}
        if self._writer_of_responses is not None:
            await self.chunk({}, reason, usage=usage)
            await self.end()
            return
        await self.chunk({}, reason)
        if (self.body.get("stream_options") or {}).get("include_usage"):
            await self.send(write_event({"object": "chat.completion.chunk", "choices": [], "usage": usage}))
        await self.send(b"data: [DONE]\n\n")
        await self.end()

    async def end(self) -> None:
        """The end of the response, whatever was said."""
        await self._write(b"0\r\n\r\n")
        self.keeps_connection = True

    # What else can happen.

    async def pause(self, seconds: float) -> None:
        """Say nothing for a while. Raises Gone if the client does not wait."""
        if seconds > 0.1:
            await asyncio.wait([self._next_head], timeout=seconds)
        else:
            await asyncio.sleep(seconds)  # a fifth of the CPU, and hardly later
        self._check()

    async def hang(self) -> None:
        """Say nothing more until the client goes."""
        await asyncio.wait([self._next_head])
        raise Gone

    def reset(self) -> None:
        """Tear the connection down, as a crashing server does: RST and not FIN."""
        raw: socket.socket = self._writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    def _check(self) -> None:
        if self._next_head.done() or self._writer.is_closing():
            raise Gone

    async def _write(self, data: bytes) -> None:
        self._check()
        self._writer.write(data)
        try:
            await self._writer.drain()
        except ConnectionError as error:
            raise Gone from error


def write_event(data: Any, *, ascii: bool = True, name: str = "") -> bytes:
    """One event with JSON in it."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data, ensure_ascii=ascii)}\n\n".encode()


def make_chunk(delta: Mapping[str, Any] | None, finish: str | None = None, **fields: Any) -> dict[str, Any]:
    """A chunk of one choice."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    head = {"id": "chatcmpl-17", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return {**head, "choices": [choice], **fields}


def write_chunk(delta: Mapping[str, Any] | None, finish: str | None = None, **fields: Any) -> bytes:
    """One event with a chunk of one choice."""
    return write_event(make_chunk(delta, finish, **fields))


def split_words(text: str) -> list[str]:
    """`text` in words with the white space that follows them."""
    return re.findall(r"\S+\s*|\s+", text)
