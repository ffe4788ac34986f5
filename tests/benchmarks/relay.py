"""What the whole app costs for each token, beside a bare relay in the same run.

    python -m tests.benchmarks.relay [--n 50 150] [--tokens 600] [--database postgres://…] [--server uvicorn]

N conversations at 50 tokens/s from a provider of our own, through the hosted site (sessions, database, Markdown,
fragments, checkpoints) to N sockets that acknowledge as the page does; then the same through the two relays of
`bare.py`. Printed: CPU seconds of the server process for 1,000 tokens and their ratio, latency from the provider to the
socket, memory for each conversation, time from sending a message until the provider has the request, and how the cost
grows with the length of one answer.
"""

import argparse
import asyncio
import json
import math
import os
import re
import statistics
import sys
import time
from dataclasses import dataclass, field
from uuid import uuid4

import aiohttp

from tests.site import Process, Site, get_free_port, wait_until_up

from .tokens import now_us

_TOKEN = re.compile(r"t(\d{7,})")
_CURSOR = re.compile(r'innerHTML:#chat-cursor">[0-9a-f-]+:(\d+)<')
_UVICORN = ["--ws", "websockets-sansio", "--log-level", "warning"]
_DONE = 'chat-state value="complete"'


@dataclass
class Seen:
    """What the readers of one run saw."""

    latencies_ms: list[float] = field(default_factory=list)
    sent_us: dict[str, int] = field(default_factory=dict)
    frames: int = 0
    characters: int = 0
    tokens: int = 0


async def read(http: aiohttp.ClientSession, url: str, cookie: str, question: str, seen: Seen, *, bare: bool) -> None:
    """Ask, and read the answer as a page does."""
    headers = {"Origin": url, "Cookie": f"sessionid={cookie}"}
    address = f"{url}/ws/chatapp/threads/{uuid4()}/"
    async with http.ws_connect(address, headers=headers, max_msg_size=0) as socket:
        name = uuid4().hex
        if not bare:
            await socket.send_str(json.dumps({"type": "resume", "cursors": {}}))
        seen.sent_us[name] = now_us()
        await socket.send_str(json.dumps({"type": "post", "text": f"{question} id={name}", "client_id": str(uuid4())}))
        newest, acknowledged = 0, time.monotonic()
        async for message in socket:
            text, now = message.data, now_us()
            seen.frames += 1
            seen.characters += len(text)
            for stamp in map(int, _TOKEN.findall(text)):
                if stamp > newest:
                    seen.latencies_ms.append((now - stamp) / 1000)
                    seen.tokens += 1
                    newest = stamp
            if text == "DONE" or (_DONE in text and newest):
                return
            if not bare and time.monotonic() - acknowledged > 1 and (cursor := _CURSOR.search(text)):
                acknowledged = time.monotonic()
                await socket.send_str(json.dumps({"type": "ack", "seq": int(cursor[1])}))


@dataclass(frozen=True)
class Cost:
    """What a server process spent on one run."""

    cpu_per_1000: float
    p50_ms: float
    p99_ms: float
    kb_each: float
    start_ms: float
    frames: int
    tokens: int


async def _measure(
    process: Process, url: str, provider: int, cookies: list[str], count: int, rate: float, *, bare: bool
) -> Cost:
    seen = Seen()
    memory, cpu = process.get_memory_bytes(), process.get_cpu_seconds()
    peak = memory

    async def watch() -> None:
        nonlocal peak
        while True:
            peak = max(peak, process.get_memory_bytes())
            await asyncio.sleep(0.1)

    watcher = asyncio.create_task(watch())
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:

        async def later(place: int, cookie: str) -> None:
            # About ten a second, and not on the beat of the tokens: people do not press Enter in the same moment.
            await asyncio.sleep(place * 0.1037)
            await read(http, url, cookie, f"n={count} rate={rate:g}", seen, bare=bare)

        await asyncio.gather(*(later(place, cookie) for place, cookie in enumerate(cookies)))
        cpu = process.get_cpu_seconds() - cpu
        async with http.get(f"http://127.0.0.1:{provider}/") as answer:
            arrived = json.loads(await answer.text())
    watcher.cancel()
    starts = [(arrived[name] - sent) / 1000 for name, sent in seen.sent_us.items() if name in arrived]
    ordered = sorted(seen.latencies_ms)
    return Cost(
        cpu_per_1000=cpu / (count * len(cookies)) * 1000,
        p50_ms=statistics.median(ordered),
        p99_ms=ordered[int(len(ordered) * 0.99)],
        kb_each=(peak - memory) / len(cookies) / 1024,
        start_ms=statistics.median(starts) if starts else math.nan,
        frames=seen.frames,
        tokens=seen.tokens,
    )


class _Relay:
    """A bare relay in a process of its own; see bare.py."""

    def __init__(self, name: str, provider: str) -> None:
        port = get_free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.process = Process(
            [sys.executable, "-m", "uvicorn", f"tests.benchmarks.bare:{name}", "--port", str(port), *_UVICORN],
            env={**os.environ, "PROVIDER": provider},
        )


def _show(name: str, cost: Cost) -> None:
    print(
        f"{name:<26} CPU {cost.cpu_per_1000:.3f} s/1,000 tokens   "
        f"latency p50 {cost.p50_ms:.0f} ms p99 {cost.p99_ms:.0f} ms   {cost.kb_each:.0f} KB each   "
        f"start {cost.start_ms:.1f} ms   {cost.frames} frames, {cost.tokens} tokens seen",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, nargs="+", default=[50, 150])
    parser.add_argument("--tokens", type=int, default=600)
    parser.add_argument("--database", default="")
    parser.add_argument("--server", default="uvicorn")
    parser.add_argument("--no-growth", action="store_true")
    options = parser.parse_args()
    provider = get_free_port()
    tokens = Process([sys.executable, "-m", "tests.benchmarks.tokens", "--port", str(provider)])
    base = f"http://127.0.0.1:{provider}/v1"
    relays = {name: _Relay(name, base) for name in ("application", "consumer")}
    env = {"CHATAPP_PROVIDER": "openai", "OPENAI_BASE_URL": base, "OPENAI_API_KEY": "none", "OPENAI_MODEL": "m"}
    if options.database:
        env["DATABASE_URL"] = options.database
    try:
        wait_until_up(f"http://127.0.0.1:{provider}/", tokens)
        for relay in relays.values():
            wait_until_up(f"{relay.url}/", relay.process)
        with Site(server=options.server, env=env) as site:
            people = site.sign_in([f"reader{number}" for number in range(max(options.n))])
            asyncio.run(_measure(site.processes[0], site.url, provider, people[:10], 50, 50, bare=False))
            for relay in relays.values():
                asyncio.run(_measure(relay.process, relay.url, provider, people[:10], 50, 50, bare=True))
            for n in options.n:
                args = (provider, people[:n], options.tokens, 50.0)
                app = asyncio.run(_measure(site.processes[0], site.url, *args, bare=False))
                _show(f"chatapp, N = {n}", app)
                for name, relay in relays.items():
                    least = asyncio.run(_measure(relay.process, relay.url, *args, bare=True))
                    _show(f"bare {name}, N = {n}", least)
                    print(f"ratio, N = {n}: {app.cpu_per_1000 / least.cpu_per_1000:.2f} ×", flush=True)
            if not options.no_growth:
                _show_growth(site, provider, people[:1])
    finally:
        tokens.end()
        for relay in relays.values():
            relay.process.end()


def _show_growth(site: Site, provider: int, people: list[str]) -> None:
    """CPU of one answer by its length, at 2,000 tokens/s: the slope in a log-log picture is the exponent."""
    points = []
    for count in (2_500, 5_000, 10_000, 20_000):
        cost = asyncio.run(_measure(site.processes[0], site.url, provider, people, count, 1000.0, bare=False))
        points.append((math.log(count), math.log(cost.cpu_per_1000 * count)))
        print(f"one answer of {count:>6} tokens: {cost.cpu_per_1000 * count / 1000:.2f} s CPU", flush=True)
    slope = statistics.linear_regression([x for x, _ in points], [y for _, y in points]).slope
    print(f"exponent {slope:.2f}", flush=True)


if __name__ == "__main__":
    main()
