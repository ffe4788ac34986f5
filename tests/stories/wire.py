"""A websocket client that does what no browser would: fragments, frames that are none, and not reading."""

import asyncio
import base64
import os
import socket
import struct
from contextlib import suppress
from typing import Final, Self
from urllib.parse import urlsplit
from uuid import UUID

from .people import Person

TEXT, BINARY, CONTINUATION, CLOSE, PING = 0x1, 0x2, 0x0, 0x8, 0x9
SMALL_BUFFER_BYTES: Final = 4096


class Wire:
    """A connection after the handshake, as the person's browser would open it for a thread."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, person: Person, thread_id: UUID) -> Self:
        """Connect. The kernel keeps little of what is not read, so that the server has to."""
        address = urlsplit(person.site.url)
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER_BYTES)
        raw.setblocking(False)
        await asyncio.get_running_loop().sock_connect(raw, (address.hostname, address.port))
        # A limit of one byte: the stream's own buffer pauses reading at once.
        reader, writer = await asyncio.open_connection(sock=raw, limit=SMALL_BUFFER_BYTES)
        cookies = "; ".join(f"{name}={value}" for name, value in person.cookies.items())
        lines = [
            f"GET /ws/chatapp/threads/{thread_id}/ HTTP/1.1",
            f"Host: {address.netloc}",
            f"Origin: {person.site.url}",
            f"Cookie: {cookies}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        ]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101"), head
        return cls(reader, writer)

    async def send(self, data: bytes, *, opcode: int = TEXT, is_last: bool = True) -> None:
        """Send one frame, masked with zeros."""
        length = len(data)
        size = (
            bytes([0x80 | length])
            if length < 126
            else b"\xfe" + struct.pack("!H", length)
            if length < 65_536
            else b"\xff" + struct.pack("!Q", length)
        )
        self.writer.write(bytes([(0x80 if is_last else 0) | opcode]) + size + b"\0\0\0\0" + data)
        await self.writer.drain()

    async def send_in_fragments(self, data: bytes) -> None:
        """Send a text of one frame for each byte."""
        for at in range(len(data)):
            await self.send(data[at : at + 1], opcode=CONTINUATION if at else TEXT, is_last=at == len(data) - 1)

    async def read_to_the_end(self) -> bytes:
        """What comes until the server closes the connection."""
        data = b""
        async with asyncio.timeout(10):
            with suppress(ConnectionResetError):
                while piece := await self.reader.read(SMALL_BUFFER_BYTES):
                    data += piece
        return data

    def pause(self) -> None:
        """Read nothing more."""
        self.writer.transport.pause_reading()  # type: ignore[attr-defined]  # the transport of a stream can

    async def close(self) -> None:
        """Tear it down."""
        self.writer.transport.abort()
        await asyncio.sleep(0)
