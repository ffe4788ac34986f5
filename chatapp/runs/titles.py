"""A short title for a thread, by the model: bounded, optional, never over the owner's own."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from typing import Final
from uuid import UUID, uuid4

from django.db.models.functions import Now

from chatapp.conf import settings
from chatapp.errors import ProviderError
from chatapp.events import Finish, Usage
from chatapp.models import Run, Thread
from chatapp.models.calls import in_database
from chatapp.parts import Part, plain_text, text_for_model
from chatapp.providers.base import ModelRequest
from chatapp.redaction import redact
from chatapp.scrubbing import scrub
from chatapp.turn import Turn

from .assembler import Assembler
from .hub import Hub

logger = logging.getLogger("chatapp.runs")

MAX_WORDS: Final = 6
MAX_CHARS: Final = 80
MAX_REQUEST_CHARS: Final = 2_000
MAX_TOKENS: Final = 50
SECONDS: Final = 12.0  # below the lease, which nobody renews for so short a run
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
    provider = turn.get_provider()
    run_id = await _begin(thread_id, hub.mailbox, turn.assistant.provider, provider.model)
    if run_id is None:
        return
    question, answer = turn.text[:900], text_for_model(parts)[:900]
    request = ModelRequest(
        messages=[
            {"role": "system", "content": INSTRUCTION},
            {
                "role": "user",
                "content": f"Question: {question}\n\nAnswer: {answer}"[: MAX_REQUEST_CHARS - len(INSTRUCTION)],
            },
        ],
        model=turn.config.model or turn.assistant.model or None,
        options={"max_tokens": MAX_TOKENS},
        kind="title",
    )
    said = Assembler(max_chars=MAX_REQUEST_CHARS)  # Thinking never becomes a title, however it is marked.
    state, error = Run.State.FAILED, ""
    deltas = provider.stream(request)
    try:
        async with asyncio.timeout(SECONDS):
            async for delta in deltas:
                said.take(delta)
                if isinstance(delta, Finish) or said.is_full:
                    break
        state = Run.State.COMPLETE
    except (ProviderError, TimeoutError) as failure:
        error = scrub(redact(str(failure)))
        logger.info("no title for thread %s: %s", thread_id, error)
    finally:
        if isinstance(deltas, AsyncGenerator):
            await deltas.aclose()
    said.end()
    title = clean(plain_text(said.to_parts())) if state == Run.State.COMPLETE else ""
    if await _end(thread_id, run_id, title, state, said.usage, error):
        await hub.thread_changed(thread_id, person)


@in_database
def _begin(thread_id: UUID, hub: str, provider: str, model: str) -> UUID | None:
    """The run that asks; None if the thread was deleted, which can be undone, while it was answered."""
    if Thread.objects.filter(pk=thread_id, deleted_at__isnull=False).exists():
        return None
    run = Run(
        id=uuid4(),
        thread_id=thread_id,
        kind=Run.Kind.TITLE,
        hub=hub,
        provider=provider,
        model=model,
        started_at=Now(),
        heartbeat_at=Now(),
    )
    run.save(force_insert=True)
    return run.pk


@in_database
def _end(thread_id: UUID, run_id: UUID, title: str, state: str, usage: Usage, error: str) -> bool:
    Run.objects.filter(pk=run_id, finished_at__isnull=True).update(
        state=state,
        error=error,
        error_code="failed" if error else "",
        finished_at=Now(),
        input_tokens=usage.input_tokens or None,
        output_tokens=usage.output_tokens or None,
    )
    # Conditional: the owner may have chosen a title meanwhile, and theirs is never overwritten.
    return bool(title and Thread.objects.filter(pk=thread_id, title_is_manual=False).update(title=title))


def wants_title(*, is_first_answer: bool, is_manual: bool) -> bool:
    """Whether a model is to be asked for a title after this answer."""
    return settings.TITLES == "model" and is_first_answer and not is_manual
