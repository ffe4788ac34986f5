"""The calls of tools in a stream, put together from their pieces.

Servers differ: pieces by index, whole calls without one, the same id twice, none at all, the old `function_call`.
"""

from typing import Any, Final

from chatapp.events import ModelCall

MAX_CALLS: Final = 64
MAX_ARGUMENT_CHARS: Final = 100_000
"""One character more is kept, so that whoever runs the call sees that it is too long."""


class _Call:
    __slots__ = ("id", "index", "name", "pieces", "size")

    def __init__(self, index: int | None, call_id: str) -> None:
        self.index = index
        self.id = call_id
        self.name = ""
        self.pieces: list[str] = []
        self.size = 0

    def add(self, arguments: str) -> None:
        piece = arguments[: MAX_ARGUMENT_CHARS + 1 - self.size]
        if piece:
            self.pieces.append(piece)
            self.size += len(piece)


class CallReader:
    """Reads the calls of one answer."""

    def __init__(self) -> None:
        self._calls: list[_Call] = []

    def __bool__(self) -> bool:
        return any(call.name for call in self._calls)

    def feed(self, deltas: Any) -> None:
        """Take what a chunk has under `tool_calls`; what has no shape is left out."""
        for delta in deltas if isinstance(deltas, list) else ():
            function = delta.get("function") if isinstance(delta, dict) else None
            if isinstance(function, dict):
                index, call_id = delta.get("index"), delta.get("id")
                self._take(index if isinstance(index, int) else None, _text(call_id), function)

    def feed_legacy(self, function: Any) -> None:
        """Take what a chunk has under `function_call`: there is only one."""
        if isinstance(function, dict):
            self._take(0, "", function)

    def put(self, index: int | None, call_id: str, name: str, arguments: str) -> None:
        """Take a call that is whole, or its whole arguments, in place of the pieces that came of it."""
        call = self._take(index, call_id, {"name": name})
        if call is not None and arguments:
            call.pieces, call.size = [], 0
            call.add(arguments)

    def finish(self) -> list[ModelCall]:
        """The calls in order, without those that have no name."""
        return [
            ModelCall(name=call.name, arguments="".join(call.pieces) or "{}", id=call.id)
            for call in self._calls
            if call.name
        ]

    def _take(self, index: int | None, call_id: str, function: dict[str, Any]) -> _Call | None:
        name = _text(function.get("name"))
        call = self._find(index, call_id, name)
        if call is None:
            if len(self._calls) == MAX_CALLS:
                return None
            call = _Call(index, call_id)
            self._calls.append(call)
        call.id = call.id or call_id
        call.name = call.name or name
        call.add(_text(function.get("arguments")))
        return call

    def _find(self, index: int | None, call_id: str, name: str) -> _Call | None:
        """The call that this is a piece of; None if it begins one."""
        if index is None:
            last = self._calls[-1] if self._calls else None
            is_next = last is None or (name and last.name) or (call_id and last.id and call_id != last.id)
            return None if is_next else last
        call = next((call for call in reversed(self._calls) if call.index == index), None)
        # Some servers number whole calls alike and tell them apart by their ids only.
        return None if call is not None and name and call_id and call.id and call_id != call.id else call


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
