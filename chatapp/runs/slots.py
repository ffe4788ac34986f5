"""What a message is made of while it is being said: slots, and the places in it to which an answer can go back."""

from dataclasses import dataclass

from chatapp.parts import Part, ThinkingPart
from chatapp.rendering.thinking import ThinkingSplitter
from chatapp.scrubbing import Scrubber


class Slot:
    """A part that is being said: what it was when it started, and the text that has come since."""

    __slots__ = (
        "_chunks",
        "closed",
        "elapsed",
        "generation",
        "key",
        "length",
        "part",
        "seconds",
        "started_at",
        "version",
    )

    def __init__(self, part: Part, key: str | None, started_at: float) -> None:
        self.key = key
        self.started_at = started_at
        self.elapsed = 0.0
        """Seconds from its start to the last of its text."""
        self.version = 0
        self.generation = 0
        """How often another part has taken its place."""
        self.reset(part)

    def reset(self, part: Part) -> None:
        """Start again with another part in the same place."""
        text = getattr(part, "text", "") if part.streams else ""
        self.part = part.model_copy(update={"text": ""}) if part.streams else part
        self.generation += 1
        self._chunks: list[str] = [text] if text else []
        self.length = len(text)
        self.closed = not part.streams
        self.seconds: float | None = getattr(part, "seconds", None)

    @property
    def text(self) -> str:
        """All the text so far."""
        if len(self._chunks) > 1:
            self._chunks = ["".join(self._chunks)]
        return self._chunks[0] if self._chunks else ""

    def add(self, text: str) -> None:
        """More text."""
        self._chunks.append(text)
        self.length += len(text)

    def cut(self, length: int) -> None:
        """Be again what it was when it had so much text, and was open."""
        if length < self.length or self.closed:
            self._chunks = [self.text[:length]]
            self.length = len(self._chunks[0])
            self.closed = False
            self.seconds = None
            self.version += 1

    def since(self, length: int) -> str:
        """The text after the first `length` characters; costs what is new, not what there is."""
        missing = self.length - length
        pieces: list[str] = []
        for chunk in reversed(self._chunks):
            if missing <= 0:
                break
            pieces.append(chunk[-missing:] if len(chunk) > missing else chunk)
            missing -= len(chunk)
        return "".join(reversed(pieces))

    def to_part(self) -> Part:
        """The part as it stands now."""
        if isinstance(self.part, ThinkingPart):
            return self.part.model_copy(update={"text": self.text, "seconds": self.seconds})
        return self.part.model_copy(update={"text": self.text}) if self.part.streams else self.part


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message stood at a mark: its parts, and how far the one that was open had come."""

    slots: tuple[Slot, ...]
    open: Slot | None
    generation: int
    length: int
    blanks: str
    splitter: ThinkingSplitter | None
    scrubber: Scrubber
