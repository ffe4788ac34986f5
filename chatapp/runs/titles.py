"""A short title for a thread, by the model: bounded, optional, never over the owner's own."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from chatapp.conf import settings
from chatapp.models import Thread
from chatapp.parts import Part, text_for_model
from chatapp.providers.base import ModelRequest
from chatapp.turn import Turn

from .asides import ask_aside
from .hub import Hub

MAX_WORDS: Final = 6
MAX_CHARS: Final = 80
MAX_REQUEST_CHARS: Final = 2_000
MAX_TOKENS: Final = 50
SECONDS: Final = 12.0
INSTRUCTION: Final = (
    "Write a title for this conversation in its own language: at most six words, no quotes, no final full stop. "
    "Answer with the title only."
)


def get_first_words(text: str, limit: int = 50) -> str:
    """The beginning of a message as a title: white space folded, cut at a word."""
    line = " ".join(text.split())
    if len(line) <= limit:
        return line
    return line[: limit - 1].rsplit(" ", 1)[0].rstrip(" ,;:") + "…"


def clean(answer: str) -> str:
    """What a model answered, as a title; empty when it cannot be one."""
    lines = [line for line in answer.strip().splitlines() if line.strip()]
    words = lines[0].strip(" \t\"'“”„«»*#`").split() if lines else []
    return " ".join(words[:MAX_WORDS])[:MAX_CHARS].rstrip(".,;: ")


async def make_title(hub: Hub, thread_id: UUID, person: str, turn: Turn, parts: Sequence[Part]) -> None:
    """Ask the model for a title and store it. A failure keeps the first words and is nobody's concern but the log's."""
    question, answer = turn.text[:900], text_for_model(parts)[:900]
    request = ModelRequest(
        messages=[
            {"role": "system", "content": INSTRUCTION},
            {
                "role": "user",
                "content": f"Question: {question}\n\nAnswer: {answer}"[: MAX_REQUEST_CHARS - len(INSTRUCTION)],
            },
        ],
        model=turn.get_model(),
        options={"max_tokens": MAX_TOKENS},
        kind="title",
    )

    def store(said: str) -> bool:
        title = clean(said)
        # Conditional: the owner may have chosen a title meanwhile, and theirs is never overwritten.
        return bool(title and Thread.objects.filter(pk=thread_id, title_is_manual=False).update(title=title))

    if await ask_aside(
        turn,
        request,
        thread_id=thread_id,
        mailbox=hub.mailbox,
        max_chars=MAX_REQUEST_CHARS,
        seconds=SECONDS,
        store=store,
    ):
        await hub.thread_changed(thread_id, person)


def wants_title(*, is_first_answer: bool, is_manual: bool) -> bool:
    """Whether a model is to be asked for a title after this answer."""
    return settings.TITLES == "model" and is_first_answer and not is_manual
