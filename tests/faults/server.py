"""A provider on loopback that obeys a rule in the last message of the user, in both protocols of OpenAI.

    fault:http-401          fault:slow-drip;n=400;delay=0.05          fault:ok

    python -m tests.faults.server --port 9999       # then OPENAI_BASE_URL=http://127.0.0.1:9999/v1
    curl http://127.0.0.1:9999/__stats              # requests, in_flight, finished, aborted of each fault

Within a test:

    async with FaultServer() as server:
        provider = OpenAIProvider(model="m", base_url=server.base_url, api_key="sk-test")
"""

import argparse
import asyncio
import contextlib
import json
import re
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Self

from . import breakages, refusals, streams, tools
from .exchange import Exchange, Gone
from .fault import FAULTS

__all__ = ["FAULTS", "FaultServer", "breakages", "refusals", "streams", "tools"]

PATIENCE_SECONDS = 10.0
_RULE = re.compile(r"fault:([\w-]+)((?:;[\w=.-]+)*)")


@dataclass(slots=True)
class Stats:
    """What happened to the requests of one fault."""

    requests: int = 0
    in_flight: int = 0
    finished: int = 0
    aborted: int = 0
    """The client closed the connection before the answer was complete."""


class FaultServer:
    """The server, usable as an async context manager."""

    def __init__(self, port: int = 0, *, always: str = "") -> None:
        """Port 0 is any that is free. `always`: a rule for all messages that have none, such as "http-503"."""
        self.always = f"fault:{always}" if always else ""
        self.port = port
        self.stats: dict[str, Stats] = {}
        self.connections = 0
        """How many were opened."""

        self.models: object = {"object": "list", "data": [{"id": "by-prompt", "object": "model", "created": 1}]}
        """What it says that it offers. An int: the status with which it refuses to say."""

        self.received: deque[Exchange] = deque(maxlen=100)
        """The last requests."""

        self._attempts: Counter[str] = Counter()
        self._tasks: dict[asyncio.Task[Any], asyncio.StreamWriter] = {}
        self._changed = asyncio.Event()

    @property
    def open_connections(self) -> int:
        """How many are open at this moment."""
        return len(self._tasks)

    @property
    def base_url(self) -> str:
        """What a provider is given."""
        return f"http://127.0.0.1:{self.port}/v1"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, backlog=500)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exception: object) -> None:
        self._server.close()
        for writer in self._tasks.values():
            writer.transport.abort()  # Every exchange ends as if its client had gone.
        await asyncio.gather(*self._tasks)
        await self._server.wait_closed()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something is true of `stats`. Raises TimeoutError after PATIENCE_SECONDS."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not holds():
                await self._changed.wait()

    def get_stats(self, name: str) -> Stats:
        """Of one fault, also before its first request."""
        return self.stats.setdefault(name, Stats())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks[task] = writer
        self.connections += 1
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            while True:
                path, headers = _parse_head(head)
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                # Reading on already: so the next request is there, or it is known that nobody waits for the answer.
                next_head = asyncio.ensure_future(reader.readuntil(b"\r\n\r\n"))
                next_head.add_done_callback(lambda done: done.cancelled() or done.exception())
                exchange = Exchange(
                    path=path, headers=headers, body=json.loads(body or b"{}"), writer=writer, next_head=next_head
                )
                try:
                    exchange.path = path
                    await self._answer(path, exchange)
                    if not exchange.keeps_connection:
                        return
                    head = await next_head
                finally:
                    next_head.cancel()
        except (asyncio.IncompleteReadError, ConnectionError, Gone):
            pass
        finally:
            del self._tasks[task]
            writer.close()
            self._tell()

    async def _answer(self, path: str, exchange: Exchange) -> None:
        if path.endswith("/__stats"):
            table = {name: asdict(stats) for name, stats in self.stats.items()}
            await exchange.answer("200 OK", json.dumps(table).encode())
            return
        if path.endswith("/models"):
            if isinstance(self.models, int):
                await exchange.refuse(f"{self.models} Refused", f"not with {exchange.headers.get('authorization')}")
            else:
                await exchange.answer("200 OK", json.dumps(self.models).encode())
            return
        if not path.partition("?")[0].endswith(("/chat/completions", "/responses")):
            await exchange.refuse("404 Not Found", f"nothing at {path}")
            return
        rule = _RULE.search(exchange.question) or _RULE.search(self.always)
        name = rule[1] if rule else "ok"
        if name not in FAULTS:
            await exchange.refuse("400 Bad Request", f"no fault {name}; known are {', '.join(FAULTS)}")
            return
        if rule:
            exchange.options = dict(option.split("=", 1) for option in rule[2].split(";") if "=" in option)
        self._attempts[exchange.question] += 1
        exchange.attempt = self._attempts[exchange.question]
        self.received.append(exchange)
        stats = self.get_stats(name)
        stats.requests += 1
        stats.in_flight += 1
        self._tell()
        try:
            fault = FAULTS[name]
            if exchange.body.get("stream") or fault.code or not fault.text:
                await fault.play(exchange)
            else:
                await refusals.whole_answer(exchange)
            stats.finished += 1
        except (Gone, ConnectionError):
            stats.aborted += 1
            raise
        finally:
            stats.in_flight -= 1
            self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def _parse_head(head: bytes) -> tuple[str, dict[str, str]]:
    first, *lines = head.decode("latin-1").rstrip().split("\r\n")
    headers = dict(line.split(":", 1) for line in lines)
    return first.split(" ")[1], {name.lower(): value.strip() for name, value in headers.items()}


async def _main(port: int) -> None:
    async with FaultServer(port) as server:
        print(f"faulty provider at {server.base_url}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0, help="0: any that is free")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main(parser.parse_args().port))
