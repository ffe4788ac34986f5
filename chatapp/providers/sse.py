"""Server-sent events from bytes, at any cuts and in bounded memory.

A server is taken at its word, not at its content type: what begins with "{" is one JSON answer, what begins with "<" is
a page of somebody in between, and all else is a stream of events.
"""

from typing import Final, Literal, NamedTuple

MAX_EVENT_BYTES: Final = 2 * 1024 * 1024  # twice what any provider was seen to send at once

_BOM: Final = b"\xef\xbb\xbf"


class ServerEvent(NamedTuple):
    """One event: its name, mostly empty, and its data."""

    name: bytes
    data: bytes


class EventReader:
    """Reads one response body."""

    __slots__ = ("_data", "_name", "_rest", "_size", "kind", "overflowed")

    def __init__(self) -> None:
        self.kind: Literal["", "events", "json", "page"] = ""
        """What the body is; "" until its first byte that is not white."""

        self.overflowed = False
        """Whether a line, an event or a JSON answer was longer than MAX_EVENT_BYTES. Nothing is read after that."""

        self._rest: list[bytes] = []  # a line that has begun, or the body so far
        self._data: list[bytes] = []  # data lines of the event that has begun
        self._size = 0  # of both
        self._name = b""

    @property
    def body(self) -> bytes:
        """What was read of a body that is no stream of events."""
        return b"".join(self._rest)

    def feed(self, data: bytes) -> list[ServerEvent]:
        """The events that `data` makes complete."""
        if self.overflowed:
            return []
        if not self.kind:
            data = self._recognise(data)
        end = data.rfind(b"\n") if self.kind == "events" else -1
        if end < 0:
            self._keep(data)
            return []
        lines = data[:end].split(b"\n")
        if self._rest:
            lines[0] = b"".join((*self._rest, lines[0]))
            self._rest = []
        self._size = sum(map(len, self._data)) if self._data else 0
        events: list[ServerEvent] = []
        for line in lines:
            self._take(line, events)
        self._keep(data[end + 1 :])
        return events

    def end(self) -> list[ServerEvent]:
        """The event that the end of the stream found without its empty line, whole or not."""
        events: list[ServerEvent] = []
        if self.kind == "events" and not self.overflowed:
            self._take(b"".join(self._rest), events)
            self._take(b"", events)
        return events

    def _recognise(self, data: bytes) -> bytes:
        data = b"".join((*self._rest, data)).removeprefix(_BOM).lstrip()
        self._rest, self._size = [], 0
        if data and not (len(data) < len(_BOM) and _BOM.startswith(data)):
            self.kind = "page" if data[:1] == b"<" else "json" if data[:1] in b"{[" else "events"
        return data

    def _keep(self, data: bytes) -> None:
        if data:
            self._rest.append(data)
            self._grow(len(data))

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > MAX_EVENT_BYTES:
            self.overflowed = True
            self._rest, self._data = [], []

    def _take(self, line: bytes, events: list[ServerEvent]) -> None:
        if line.startswith(b"data:"):
            self._data.append(line[5:].strip())
            self._grow(len(line))
        elif not line.strip():
            if self._data:
                events.append(
                    ServerEvent(self._name, self._data[0] if len(self._data) == 1 else b"\n".join(self._data))
                )
                self._data, self._size = [], 0
            self._name = b""
        elif line.startswith(b"event:"):
            self._name = line[6:].strip()
        # Comments, ids and retry times say nothing about the answer.
