"""The faulty provider as a process of its own, and what it counts."""

import asyncio
import sys
import time
from collections.abc import Callable

import aiohttp

from tests.site import Process, get_free_port, wait_until_up

SECRET_KEY = "sk-SEEDED-0123456789abcdef0123456789abcdef"
MODEL = "seeded-model-17"


class Provider:
    """tests.faults.server behind a port of its own; `env` is what makes a site ask it."""

    def __init__(self) -> None:
        self.port = get_free_port()
        self.process = Process([sys.executable, "-m", "tests.faults.server", "--port", str(self.port)])
        wait_until_up(f"{self.url}/models", self.process)

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def env(self) -> dict[str, str]:
        """Environment of a site that asks it."""
        return {
            "CHATAPP_PROVIDER": "openai",
            "OPENAI_API_KEY": SECRET_KEY,
            "OPENAI_BASE_URL": self.url,
            "OPENAI_MODEL": MODEL,
        }

    async def get_stats(self, fault: str) -> dict[str, int]:
        """requests, in_flight, finished and aborted of this fault, since the beginning."""
        async with aiohttp.ClientSession() as http:
            return await self._ask(http, fault)

    async def until(self, fault: str, holds: Callable[[dict[str, int]], bool], seconds: float = 10.0) -> float:
        """Wait until something is true of what was counted; after how many seconds. Raises AssertionError."""
        start = time.monotonic()
        async with aiohttp.ClientSession() as http:
            while True:
                found = await self._ask(http, fault)
                took = time.monotonic() - start
                if holds(found):
                    return took
                assert took < seconds, f"{fault}: still {found} after {seconds} s"
                await asyncio.sleep(0.005)

    async def _ask(self, http: aiohttp.ClientSession, fault: str) -> dict[str, int]:
        async with http.get(f"{self.url}/__stats") as answer:
            table: dict[str, dict[str, int]] = await answer.json()
        return table.get(fault, {"requests": 0, "in_flight": 0, "finished": 0, "aborted": 0})
