"""Text without what a database, a socket or a terminal refuses.

PostgreSQL refuses NUL, UTF-8 has no lone surrogates, and the other control characters mean something only to terminals.
A model may send them all, and it may send the two halves of one character in two deltas.
"""

import re
from typing import Any, Final

_SUSPECT: Final = re.compile(r"[\x00-\x08\x0b-\x1f\ud800-\udfff]")
_PAIR: Final = re.compile(r"[\ud800-\udbff][\udc00-\udfff]")
_LONE: Final = re.compile(r"[\ud800-\udfff]")
# What the next delta may complete: a line end, or a character.
_HALF: Final = re.compile(r"[\r\ud800-\udbff]\Z")


def scrub(text: str) -> str:
    """The same text without controls but tab and line feed, which every line end becomes.

    Surrogate pairs become the character they stand for, lone surrogates U+FFFD.
    """
    if _SUSPECT.search(text) is None:
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _PAIR.sub(lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"), text)
    text = _LONE.sub("\ufffd", text)
    return _SUSPECT.sub("", text)


class Scrubber:
    """Scrubs a text that comes in pieces: the pieces it gives back are, joined, `scrub` of the pieces joined."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> str:
        """The next piece, scrubbed; a last character that may be half of something waits for the piece after it."""
        if self._held:
            text, self._held = self._held + text, ""
        if _SUSPECT.search(text) is None:
            return text
        if _HALF.search(text) is not None:
            text, self._held = text[:-1], text[-1]
        return scrub(text)

    def finish(self) -> str:
        """What still waited for its other half."""
        held, self._held = self._held, ""
        return scrub(held)


def scrub_value(value: Any) -> Any:
    """A value of JSON with every text in it scrubbed."""
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, dict):
        return {scrub(key): scrub_value(item) for key, item in value.items()}
    return [scrub_value(item) for item in value] if isinstance(value, list) else value
