"""How long after a stop the server of the model sees that its client is gone.

    DJANGO_SETTINGS_MODULE=tests.settings python -m tests.benchmarks.stops [--times 20]

Each provider that speaks HTTP and each agent of another library answers a question whose server falls silent in the
middle of the answer; then the task is cancelled, as a stop does. Printed: milliseconds until that server saw the
connection end.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, aclosing
from typing import Any, Final

import django

django.setup()

from chatapp.providers.base import ModelRequest  # noqa: E402
from chatapp.providers.openai import OpenAIProvider  # noqa: E402
from chatapp.providers.responses import ResponsesProvider  # noqa: E402
from tests.adapters.agents import MAKERS, Parcels, make_turn  # noqa: E402
from tests.faults.server import FaultServer  # noqa: E402

FAULT: Final = "hang-mid-stream"
Answer = Callable[[], AsyncGenerator[Any, None]]


async def measure(server: FaultServer, answer: Answer, times: int) -> list[float]:
    """Milliseconds from the cancelling until the server saw it, so many times."""
    took = []
    for _time in range(times):
        before = server.get_stats(FAULT).aborted
        begun = asyncio.Event()

        async def listen(begun: asyncio.Event = begun) -> None:
            async with aclosing(answer()) as said:
                async for item in said:
                    if isinstance(item, str):
                        begun.set()

        task = asyncio.create_task(listen())
        await begun.wait()
        start = time.monotonic()
        task.cancel()
        await server.until(lambda before=before: server.get_stats(FAULT).aborted > before)  # type: ignore[misc]
        took.append(1000 * (time.monotonic() - start))
        await asyncio.gather(task, return_exceptions=True)
    return took


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=20)
    options = parser.parse_args()
    question = f"fault:{FAULT}"
    for kind in (OpenAIProvider, ResponsesProvider):
        async with FaultServer() as server:
            provider = kind(model="m", base_url=server.base_url)
            request = ModelRequest(messages=[{"role": "user", "content": question}])
            _show(kind.__name__, await measure(server, lambda: provider.stream(request), options.times))  # noqa: B023
            await provider.aclose()
    for name, make in MAKERS.items():
        async with FaultServer() as server, AsyncExitStack() as stack:
            desk = make(stack, server.base_url, Parcels())

            def answer(desk: Any = desk) -> AsyncGenerator[Any, None]:
                turn = make_turn(desk, question)
                said: AsyncGenerator[Any, None] = turn.assistant.answer(turn)
                return said

            _show(name, await measure(server, answer, options.times))


def _show(name: str, took: list[float]) -> None:
    print(f"{name:<20} median {statistics.median(took):.1f} ms, longest {max(took):.1f} ms", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
