"""What reading a model's stream costs: CPU for each chunk and request, and how soon the provider has the request.

    python -m tests.benchmarks.provider            # about a minute
    python -m tests.benchmarks.provider --uvloop

A server of this file in another process says one chunk at a time, as OpenAI writes it, to many connections (paced), or
as fast as it is read (burst). Only the CPU of the reading process counts. The last column compares with the provider as
it is.
"""

import argparse
import asyncio
import json
import re
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import aiohttp
import openai
from django.conf import settings

from chatapp.providers import openai as ours
from chatapp.providers.base import ModelRequest
from chatapp.providers.decoder import ChatDecoder
from tests.faults.exchange import write_chunk

FIELDS = {"service_tier": "default", "system_fingerprint": "fp_44709d6fcb", "usage": None, "obfuscation": "a8Hd72kf"}
CHUNK = write_chunk({"content": " hello"}, **FIELDS)
END = write_chunk({}, "stop", **FIELDS) + b"data: [DONE]\n\n"
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


class Load(NamedTuple):
    """How the server speaks: so many chunks to so many connections, with a pause between two (0: none)."""

    name: str
    connections: int
    chunks: int
    delay: float


LOADS = (Load("paced", 25, 250, 0.02), Load("burst", 5, 5000, 0.0))


# The server.


def frame(data: bytes) -> bytes:
    """`data` as a chunk of HTTP."""
    return b"%x\r\n%s\r\n" % (len(data), data)


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer requests whose message is [chunks, delay]; the first piece says when the request was here."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            size = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
            assert size is not None
            body = json.loads(await reader.readexactly(int(size[1])))
            arrived = time.monotonic()
            chunks, delay = json.loads(body["messages"][-1]["content"])
            writer.write(HEAD + frame(write_chunk({"content": f"{arrived!r} "})))
            chunk, batch = frame(CHUNK), 1 if delay else 50
            for _ in range(chunks // batch):
                writer.write(chunk * batch)
                await (asyncio.sleep(delay) if delay else writer.drain())
            writer.write(frame(END) + b"0\r\n\r\n")
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def run_server(port: int) -> None:
    async with await asyncio.start_server(serve, "127.0.0.1", port, backlog=500) as server:
        await server.serve_forever()


# The readers: each gives back what was said.


def body(load: Load) -> dict[str, Any]:
    return {
        "model": "m",
        "stream": True,
        "messages": [{"role": "user", "content": json.dumps([load.chunks, load.delay])}],
    }


async def read_objects(client: openai.AsyncOpenAI, load: Load) -> str:
    said = [
        chunk.choices[0].delta.content or ""
        async for chunk in await client.chat.completions.create(**body(load))
        if chunk.choices
    ]
    return "".join(said)


async def read_raw(client: openai.AsyncOpenAI, load: Load) -> str:
    decoder, said = ChatDecoder(), []
    async with client.chat.completions.with_streaming_response.create(**body(load)) as response:
        async for data in response.http_response.aiter_raw():
            said += decoder.feed(data)
    return "".join(map(str, said))


async def read_plain(session: aiohttp.ClientSession, load: Load) -> str:
    decoder, said = ChatDecoder(), []
    async with session.post(f"{address}/chat/completions", json=body(load)) as response:
        async for data in response.content.iter_any():
            said += decoder.feed(data)
    return "".join(map(str, said))


async def read_provider(provider: ours.OpenAIProvider, load: Load) -> str:
    request = ModelRequest(messages=body(load)["messages"])
    return "".join([delta async for delta in provider.stream(request) if isinstance(delta, str)])


address = ""


def make_sdk(http_client: Any) -> Callable[[], Any]:
    return lambda: openai.AsyncOpenAI(api_key="x", base_url=address, max_retries=0, http_client=http_client())


def make_provider(*, with_aiohttp: bool) -> Callable[[], Any]:
    def make() -> ours.OpenAIProvider:
        vars(ours)["_HAS_AIOHTTP"] = with_aiohttp
        return ours.OpenAIProvider(model="m", base_url=address, include_usage=False)

    return make


READERS: dict[str, tuple[Callable[[], Any], Callable[[Any, Load], Awaitable[str]]]] = {
    "SDK objects, httpx2": (make_sdk(openai.DefaultAsyncHttpxClient), read_objects),
    "SDK objects, aiohttp": (make_sdk(openai.DefaultAioHttpClient), read_objects),
    "SDK raw response, httpx2": (make_sdk(openai.DefaultAsyncHttpxClient), read_raw),
    "SDK raw response, aiohttp": (make_sdk(openai.DefaultAioHttpClient), read_raw),
    "plain aiohttp": (lambda: aiohttp.ClientSession(), read_plain),
    "OpenAIProvider, httpx2": (make_provider(with_aiohttp=False), read_provider),
    "OpenAIProvider, aiohttp": (make_provider(with_aiohttp=True), read_provider),
}


class Cost(NamedTuple):
    """CPU in microseconds, and milliseconds until the server had a request."""

    chunk: float
    request: float
    first_ms: float
    then_ms: float


async def measure(make: Callable[[], Any], read: Callable[[Any, Load], Awaitable[str]], load: Load) -> Cost:
    client = make()

    async def ask(load: Load) -> float:
        began = time.monotonic()
        said = await read(client, load)
        assert said.count("hello") == load.chunks, said
        return (float(said.partition(" ")[0]) - began) * 1000

    async def ask_all(load: Load) -> float:
        began = time.process_time()
        await asyncio.gather(*(ask(load) for _ in range(load.connections)))
        return time.process_time() - began

    nothing = load._replace(chunks=0)
    first_ms = await ask(nothing)
    then_ms = statistics.median([await ask(nothing) for _ in range(30)])
    await ask_all(nothing)
    requests = statistics.median([await ask_all(nothing) for _ in range(3)])
    chunks = await ask_all(load) - requests
    await (client.aclose() if isinstance(client, ours.OpenAIProvider) else client.close())
    return Cost(
        chunk=chunks / (load.connections * load.chunks) * 1e6,
        request=requests / load.connections * 1e6,
        first_ms=first_ms,
        then_ms=then_ms,
    )


def main() -> None:
    global address  # The readers are plain functions.
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--uvloop", action="store_true", help="read on uvloop, as uvicorn does")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(run_server(options.serve))
        return
    settings.configure(SECRET_KEY="only-for-a-benchmark")
    factory = __import__("uvloop").new_event_loop if options.uvloop else None
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}/v1"
    server = subprocess.Popen([sys.executable, "-m", "tests.benchmarks.provider", "--serve", str(port)])
    try:
        while socket.socket().connect_ex(("127.0.0.1", port)):
            time.sleep(0.05)
        for load in LOADS:
            print(f"{load.name}: {load.connections} connections, {load.chunks} chunks each, CPU of the reading process")
            print(f"{'':28}{'µs/chunk':>9}{'µs/request':>12}{'ms to send, first, then':>26}{'ratio':>8}")
            costs: dict[str, Cost] = {}
            for name, (make, read) in READERS.items():
                with asyncio.Runner(loop_factory=factory) as runner:
                    costs[name] = runner.run(measure(make, read, load))
            ratio = costs["OpenAIProvider, aiohttp"].chunk
            for name, cost in costs.items():
                print(
                    f"{name:28}{cost.chunk:9.1f}{cost.request:12.0f}{cost.first_ms:18.1f}{cost.then_ms:8.1f}"
                    f"{cost.chunk / ratio:8.1f}"
                )
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
