"""What a message is copied by: an edit, which keeps all of it but the words, and a fork, which keeps everything."""

from uuid import UUID

from chatapp.models import Message, Thread
from chatapp.parts import Part, TextPart


def copy_message(message: Message, thread: Thread, parent: UUID | None, *, text: str | None = None) -> Message:
    """A copy that is not stored yet, as what follows `parent` in the thread; with `text` in place of its words.

    What else belongs to a message is taken over here, so that no way of copying forgets it. Its files stay those of the
    original; a copy for another thread gets its own (see attachments.copy_files).
    """
    parts = message.load_parts()
    if text is not None:
        parts = _with_text(parts, text)
    return Message(
        thread=thread,
        parent_id=parent,
        role=message.role,
        parts=[part.dump() for part in parts],
        text=message.text if text is None else text,
        author_label=message.author_label,
        icon=message.icon,
        for_model=message.for_model,
        visible=message.visible,
    )


def _with_text(parts: list[Part], text: str) -> list[Part]:
    """The parts with one text in place of all, where the first one was."""
    place = next((at for at, part in enumerate(parts) if isinstance(part, TextPart)), 0)
    others = [part for part in parts if not isinstance(part, TextPart)]
    return [*others[:place], TextPart(text=text), *others[place:]]
