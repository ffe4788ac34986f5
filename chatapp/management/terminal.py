"""What a person types in a terminal, and their Ctrl-C, for an event loop: nothing of it blocks.

A thread that waits in `input()` could not be ended, and would keep the process from its end.
"""

import asyncio
import codecs
import os
import signal
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

_READ_BYTES: Final = 64 * 1024


class Interrupted(Exception):
    """Ctrl-C, while somebody was to type something."""


class Terminal:
    """Use it as a context manager within the event loop. Not for Windows, whose loop watches neither."""

    def __init__(self, fd: int | None) -> None:
        """`fd`: what is typed on. None: nobody is there to type."""
        self.news = asyncio.Event()
        """Set when something was typed or interrupted; others may set it too. Whoever waits for it clears it."""
        self.is_interrupted = False
        """Ctrl-C was pressed. Whoever does something about it sets it back."""
        self._fd = fd
        self._lines: deque[str] = deque()
        self._rest = ""
        self._has_ended = False
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    @property
    def has_person(self) -> bool:
        """Whether somebody is there."""
        return self._fd is not None

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, self._interrupt)
        if self._fd is not None:
            loop.add_reader(self._fd, self._read)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_signal_handler(signal.SIGINT)
        if self._fd is not None:
            loop.remove_reader(self._fd)

    async def read(self, until: Callable[[], bool] = lambda: False) -> str | None:
        """The next line; None if there are no more, or once `until` holds. Raises Interrupted."""
        while not self._lines and not self._has_ended and not until():
            await self.news.wait()
            self.news.clear()
            if self.is_interrupted:
                self.is_interrupted = False
                raise Interrupted
        return self._lines.popleft() if self._lines and not until() else None

    def _interrupt(self) -> None:
        self.is_interrupted = True
        self.news.set()

    def _read(self) -> None:
        try:
            data = os.read(self._fd, _READ_BYTES) if self._fd is not None else b""
        except OSError:  # The terminal was closed.
            data = b""
        if not data:
            self._has_ended = True
            if self._fd is not None:
                asyncio.get_running_loop().remove_reader(self._fd)
        *lines, self._rest = (self._rest + self._decoder.decode(data)).split("\n")
        self._lines += lines
        self.news.set()
