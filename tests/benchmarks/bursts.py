"""Whether one answer that comes all at once slows down everybody else's.

    python -m tests.benchmarks.bursts [--n 20] [--tokens 1000] [--rounds 3] [--server uvicorn]

N conversations at 50 tokens/s through the hosted site, and in the middle of them one more whose model says 100,000 tiny
deltas as fast as they go, or one of a megabyte. Printed: the latencies of the N, from the provider to the socket, with
nothing beside them and with each burst, in turns; the ratio is that of the medians of the rounds. What came before the
burst was asked for does not count: that so many begin in one moment is what takes longest then, with or without one.
"""

import argparse
import asyncio
import json
import statistics
import sys
import time
from typing import Final
from uuid import uuid4

import aiohttp

from tests.site import Process, Site, get_free_port, wait_until_up

from .relay import Seen, read

BURSTS: Final = {"nothing": "", "100,000 tiny deltas": "tiny=100000", "a delta of 1 MB": "bytes=1000000"}
BEGIN_SECONDS: Final = 3.0
"""When the burst is asked for, after the others have begun."""


async def _forget_beginning(seen: Seen) -> None:
    await asyncio.sleep(BEGIN_SECONDS)
    seen.latencies_ms.clear()


async def _burst(http: aiohttp.ClientSession, url: str, cookie: str, question: str) -> float:
    """Ask for the burst, read all of it as a page does; the seconds that it took."""
    await asyncio.sleep(BEGIN_SECONDS)
    begun = time.monotonic()
    headers = {"Origin": url, "Cookie": f"sessionid={cookie}"}
    async with http.ws_connect(f"{url}/ws/chatapp/threads/{uuid4()}/", headers=headers, max_msg_size=0) as socket:
        await socket.send_str(json.dumps({"type": "resume", "cursors": {}}))
        await socket.send_str(json.dumps({"type": "post", "text": question, "client_id": str(uuid4())}))
        async for message in socket:
            if 'chat-state value="streaming"' not in message.data and "chat-state value=" in message.data:
                break
            await socket.send_str(json.dumps({"type": "ack", "seq": 1_000_000}))
    return time.monotonic() - begun


async def _measure(url: str, cookies: list[str], tokens: int, burst: str) -> tuple[float, float, float]:
    """Median and 99th percentile of the latencies of the others, in ms, and how long the burst took, in seconds.

    From BEGIN_SECONDS on.
    """
    seen = Seen()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        busy = asyncio.create_task(_burst(http, url, cookies[0], burst)) if burst else None
        others = [read(http, url, cookie, f"n={tokens} rate=50", seen, bare=False) for cookie in cookies[1:]]
        await asyncio.gather(_forget_beginning(seen), *others)
        took = await busy if busy is not None else 0.0
    ordered = sorted(seen.latencies_ms)
    return statistics.median(ordered), ordered[int(len(ordered) * 0.99)], took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=20)
    parser.add_argument("--tokens", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--server", default="uvicorn")
    options = parser.parse_args()
    provider = get_free_port()
    model = Process([sys.executable, "-m", "tests.benchmarks.tokens", "--port", str(provider)])
    base = f"http://127.0.0.1:{provider}/v1"
    env = {"CHATAPP_PROVIDER": "openai", "OPENAI_BASE_URL": base, "OPENAI_API_KEY": "none", "OPENAI_MODEL": "m"}
    found: dict[str, list[float]] = {name: [] for name in BURSTS}
    try:
        wait_until_up(f"http://127.0.0.1:{provider}/", model)
        with Site(server=options.server, env=env) as site:
            people = site.sign_in([f"reader{number}" for number in range(options.n + 1)])
            asyncio.run(_measure(site.url, people, 200, ""))
            for _round in range(options.rounds):
                for name, burst in BURSTS.items():
                    p50, p99, took = asyncio.run(_measure(site.url, people, options.tokens, burst))
                    found[name].append(p99)
                    print(f"beside {name:<20} p50 {p50:.0f} ms   p99 {p99:.0f} ms   it took {took:.1f} s", flush=True)
    finally:
        model.end()
    usual = statistics.median(found["nothing"])
    for name in BURSTS:
        print(f"{name:<20} p99 {statistics.median(found[name]):.0f} ms, {statistics.median(found[name]) / usual:.2f} ×")


if __name__ == "__main__":
    main()
