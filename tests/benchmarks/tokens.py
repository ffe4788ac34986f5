"""A provider for benchmarks: streams words at an even pace, some of which carry the time at which they were sent.

    python -m tests.benchmarks.tokens --port 9000

The question says how: "n=200 rate=50" (rate 0: as fast as it goes). A token is a word of some four letters, as those of
models are; every fifth is "t<monotonic µs>", so whoever receives it on the same machine knows how long it was under
way. "tiny=100000": so many deltas of three characters, as fast as they go; "bytes=1000000": one delta of that size.
`GET /` tells when each request arrived, by the question's "id=…".
"""

import argparse
import asyncio
import json
import re
import time
from functools import cache
from typing import Final

STAMPED: Final = 5
"""One word in so many says when it was sent."""

WORDS: Final = ("the", "parcel", "will", "come", "on", "Monday", "with", "all", "that", "you", "have", "asked", "for")

_ARRIVED: dict[str, int] = {}
_HEAD: Final = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"


def now_us() -> int:
    """Microseconds of the clock that all processes of this machine share."""
    return time.monotonic_ns() // 1000


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        length = re.search(r"content-length: *(\d+)", head, re.I)
        body = json.loads(await reader.readexactly(int(length[1]))) if length else {}
        arrived = now_us()
        if not body:
            data = json.dumps(_ARRIVED).encode()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(data) + data)
            await writer.drain()
            return
        question = next(m["content"] for m in reversed(body["messages"]) if m["role"] == "user")
        options = dict(re.findall(r"(\w+)=([\w.-]+)", question))
        _ARRIVED[options.get("id", "")] = arrived
        writer.write(_HEAD)
        if "tiny" in options or "bytes" in options:
            await _burst(writer, int(options.get("tiny", 0)), int(options.get("bytes", 0)))
        else:
            await _stream(writer, int(options.get("n", 200)), float(options.get("rate", 50)))
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def _stream(writer: asyncio.StreamWriter, count: int, rate: float) -> None:
    start = time.monotonic()
    for number in range(count):
        if rate:
            await asyncio.sleep(max(0.0, start + number / rate - time.monotonic()))
        end = "\n\n" if number % 60 == 59 else ("**bold** " if number % 20 == 19 else " ")
        word = f"t{now_us()}" if number % STAMPED == 0 else WORDS[number % len(WORDS)]
        _write(writer, {"content": word + end})
        if rate or number % 50 == 0:
            await writer.drain()
    await _finish(writer)


async def _burst(writer: asyncio.StreamWriter, tiny: int, size: int) -> None:
    # Written down before it is asked for: the others' tokens come from this process as well.
    data = write_burst(tiny, size)
    for start in range(0, len(data), 64 * 1024):
        writer.write(data[start : start + 64 * 1024])
        await writer.drain()
    await _finish(writer)


@cache
def write_burst(tiny: int, size: int) -> bytes:
    """So many deltas of three characters, and one of this size, as they go over the wire."""
    deltas = ["ab\n"] * tiny + ["word " * (size // 5)] * bool(size)
    return b"".join(_encode({"content": text}) for text in deltas)


async def _finish(writer: asyncio.StreamWriter) -> None:
    _write(writer, {}, "stop")
    writer.write(b"data: [DONE]\n\n")
    await writer.drain()


def _write(writer: asyncio.StreamWriter, delta: dict[str, str], finish: str | None = None) -> None:
    writer.write(_encode(delta, finish))


def _encode(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    chunk = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


async def _serve(port: int) -> None:
    async with await asyncio.start_server(_answer, "127.0.0.1", port) as server:
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    for amounts in ((100_000, 0), (0, 1_000_000)):
        write_burst(*amounts)
    asyncio.run(_serve(parser.parse_args().port))
