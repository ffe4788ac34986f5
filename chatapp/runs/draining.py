"""The end of a process: no new work, readers are told to come back, running answers may finish for a while.

Correctness never depends on it: a process that is killed leaves its runs to the lease.
"""

import asyncio
import functools
import logging
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any, Final

from chatapp.conf import settings
from chatapp.providers.base import close_providers

from .hub import get_hub
from .runner import get_runner

logger = logging.getLogger("chatapp.runs")

GOODBYE_SECONDS: Final = 0.2
"""Until what is said to the readers is on its way. A loop that ended at once would take it along."""

_held: set[int] = set()


async def drain() -> None:
    """Refuse new work, send readers away, let runs finish for DRAIN_SECONDS, store the rest as interrupted."""
    hub, runner = get_hub(), get_runner()
    if runner.count:
        logger.info("draining: %s answers are under way", runner.count)
    _send_away()
    if hub.count_all():
        await asyncio.sleep(GOODBYE_SECONDS)
    await runner.drain(settings.DRAIN_SECONDS)
    await hub.close()
    await close_providers()


def hear_of_the_end() -> None:
    """Send readers away as soon as the signal comes, in processes whose server hears it in Python, as uvicorn does.

    Uvicorn tells the application only when all responses have ended, and an event stream has no end of its own.
    """
    if threading.current_thread() is threading.main_thread():
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            theirs = signal.getsignal(number)
            if callable(theirs):
                signal.signal(number, functools.partial(_hear, loop, theirs))


def _hear(loop: asyncio.AbstractEventLoop, theirs: Callable[[int, Any], Any], number: int, frame: Any) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(_send_away)
    theirs(number, frame)


def _send_away() -> None:
    get_runner().is_draining = True
    get_hub().send_away()


def hold_exit_of_daphne() -> None:
    """Drain before Twisted's reactor ends, if this process runs one. Daphne knows no lifespan events."""
    reactor: Any = sys.modules.get("twisted.internet.reactor")
    loop = asyncio.get_running_loop()
    if reactor is None or id(loop) in _held or not getattr(reactor, "running", False):
        return
    _held.add(id(loop))
    from twisted.internet.defer import Deferred  # only where Twisted already runs

    # A "before shutdown" trigger that gives a Deferred holds the exit until it fires.
    reactor.addSystemEventTrigger("before", "shutdown", lambda: Deferred.fromFuture(loop.create_task(drain())))
