"""The last few renderings, bounded by their size."""

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock


class Cache:
    """Strings by key; the least recently used go first when there are more than `max_bytes`. Safe between threads."""

    def __init__(self, *, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._size = 0
        self._entries: OrderedDict[Hashable, tuple[str, int]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable) -> str | None:
        """The string of `key`, if it is still here."""
        with self._lock:
            found = self._entries.get(key)
            if found is None:
                return None
            self._entries.move_to_end(key)
            return found[0]

    def put(self, key: Hashable, value: str, size: int) -> None:
        """Keep `value`, which counts as `size`. What would fill a quarter of the cache is not kept."""
        if 4 * size > self._max_bytes:
            return
        with self._lock:
            self._size += size - self._entries.pop(key, ("", 0))[1]
            self._entries[key] = (value, size)
            while self._size > self._max_bytes:
                self._size -= self._entries.popitem(last=False)[1][1]
