"""The law of test_stream_equals_reload, for answers that ask: after any history of questions, answers given anywhere,
mail that is lost, stops and deaths, the page equals a fresh page load, and no answer that was taken is lost."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

import chatapp
from chatapp import actions, answering, registry
from chatapp.errors import Refused
from chatapp.models import Message

from .histories import FIRST_SEED, HISTORIES, SETTINGS, Scene, play


def make_assistant(chance: random.Random) -> Any:
    """Says and asks things, as chance will have it."""

    async def asks(turn: Any) -> AsyncIterator[Any]:
        for number in range(chance.randint(1, 3)):
            yield chance.choice(["", "Some *text* ", "```python\nprint(1)\n", "\n\nA paragraph"])
            options = chance.choice([None, ["One", "Two"], ["<b>", "Two"]])
            kind = chance.choice(["buttons", "radio", "select"]) if options else chance.choice(["buttons", "text"])
            if chance.random() < 0.3:
                yield chatapp.InputRequest(prompt=f"Number {number}?", input_type=kind, options=options)
                if chance.random() < 0.3:
                    yield "Meanwhile. "
                yield await turn.wait_for_input()
            else:
                wait = chance.choice([None, None, None, 0.003])
                yield await turn.ask(f"Number {number}?", kind=kind, options=options, timeout=wait)
        yield chance.choice(["", "Done."])

    return asks


async def act(scene: Scene, taken: dict[str, str]) -> None:
    """Somebody sends a message in one process, and somebody answers, stops or kills; the answers that were taken."""
    chance, place = scene.chance, scene.chance.randrange(2)
    with scene.at(place):
        await actions.post_message(scene.user, scene.thread_id, text="What now?", client_id=uuid4())
    async with asyncio.timeout(20):
        while await scene.is_answering():
            question = await scene.find_open()
            what = chance.random()
            with scene.at(chance.randrange(2)):
                if what < 0.04:
                    await actions.stop(scene.user, scene.thread_id)
                elif question is not None and what < 0.5:
                    value = chance.choice(question.options or ("Ada",))
                    with suppress(Refused):  # It was closed meanwhile.
                        await answering.answer(scene.user, scene.thread_id, question.id, value)
                        taken[question.id] = value
            if what > 0.97:
                await scene.kill(place)
            elif what > 0.6:
                # What the mail did not tell is found by looking, as each process does.
                await scene.runners[place].checkpoint()
            await scene.pause(10)


@pytest.mark.django_db(transaction=True)
async def test_after_any_history_of_questions_the_page_equals_a_fresh_page_load(owner: Any, settings: Any) -> None:
    settings.CHATAPP = SETTINGS

    for seed in range(FIRST_SEED, FIRST_SEED + HISTORIES // 4):
        taken: dict[str, str] = {}
        with registry.override(make_assistant(random.Random(seed))):
            page = await play(seed, owner, partial(act, taken=taken), most=2)

        kept: dict[str, str] = {}
        async for message in Message.objects.all():
            kept |= {part["id"]: part["answer"] for part in message.parts if part.get("answer") is not None}
        assert kept == taken, f"seed {seed}"
        assert 'form="chat-answer"' not in page.thread, f"seed {seed}"
        await Message.objects.all().adelete()
