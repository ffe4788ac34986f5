"""The law: after any history of frames, faults and reconnects the page equals a fresh page load.

Each history is random and repeatable by its seed: what the model says and how it ends, which parts of which kinds are
mixed, who reads in which of two processes, whose connection is cut and when, which frames and which mail between
processes are lost, who answers, presses Stop, asks again, edits, goes to
other versions, deletes or rates, which process dies. CHATAPP_EXAMPLES sets how many
histories there are, CHATAPP_SEED the first.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from chatapp import actions, answering, branching, parts, rating, registry
from chatapp.errors import ProviderError, Refused
from chatapp.events import Finish, Usage
from chatapp.models import Message
from chatapp.providers.base import ModelRequest
from chatapp.questions import InputRequest
from chatapp.testing import ScriptedProvider, replace_provider

from .histories import FIRST_SEED, HISTORIES, SETTINGS, Scene, play
from .samples import SAMPLES, mix


def write_script(chance: random.Random, request: ModelRequest) -> list[Any]:
    """What a model says in a history, and one of several ends."""
    script = mix(chance)
    if chance.random() < 0.6:
        script.append(Usage(input_tokens=9_000, output_tokens=1_700, cached_tokens=5, reasoning_tokens=7))
    end = chance.random()
    if end < 0.15:
        script.append(ProviderError("cut_off", "somewhere"))
    elif end < 0.25:
        script.append(Finish("length"))
    return script


def make_assistant(chance: random.Random) -> Any:
    """Yields what its model says, and waits for the answers to its questions."""

    async def says(turn: Any) -> AsyncIterator[Any]:
        async for item in turn.stream():
            yield item
            if isinstance(item, InputRequest):
                yield await turn.wait_for_input(chance.choice([0.003, 0.05, 0.2]))

    return says


async def until_quiet(scene: Scene) -> None:
    """Wait until no run of the thread is unfinished; meanwhile somebody may answer its questions, anywhere."""
    async with asyncio.timeout(20):
        while await scene.is_answering():
            question = await scene.find_open() if scene.chance.random() < 0.3 else None
            if question is not None:
                value = scene.chance.choice(question.options or ("Ada",))
                with scene.at(scene.chance.randrange(2)), suppress(Refused):  # It was closed meanwhile.
                    await answering.answer(scene.user, scene.thread_id, question.id, value)
            await asyncio.sleep(0.002)


async def change_something(scene: Scene) -> None:
    """Some message, on the branch that is shown or beside it, is edited, tried again, shown, gone on with or deleted.

    Raises Refused for what makes no sense; the page must not care.
    """
    said = Message.objects.filter(thread_id=scene.thread_id).order_by("created_at")
    ids = [pk async for pk in said.values_list("pk", flat=True)]
    if not ids:
        return
    chance, message = scene.chance, scene.chance.choice(ids)
    where = (scene.user, scene.thread_id)
    for _ in range(chance.choice([1, 1, 3])):
        match chance.randrange(7):
            case 0:
                await actions.retry(*where, chance.choice([None, message]))
            case 1:
                await branching.edit_message(*where, message, text="Or what?", client_id=uuid4())
            case 2 | 3:
                await branching.show_version(*where, chance.choice(ids))
            case 4:
                await branching.continue_answer(*where, message)
            case 5:
                await branching.delete_message(*where, message)
            case _:
                opinion = rating.Opinion(rating=chance.choice(["good", "bad", ""]), reasons=["wrong"], comment="<b>")
                await rating.rate(*where, message, opinion)
        await scene.pause(10)


async def act(scene: Scene) -> None:
    """Somebody sends or asks again in one of the processes; perhaps somebody stops it, perhaps its process dies."""
    chance, place = scene.chance, scene.chance.randrange(2)
    with scene.at(place):
        if chance.random() < 0.55:
            with suppress(Refused):
                await change_something(scene)
        else:
            await actions.post_message(scene.user, scene.thread_id, text="What now?", client_id=uuid4())
    await scene.pause(30)
    end = chance.random()
    if end < 0.3:
        with scene.at(chance.randrange(2)), suppress(Refused):
            await actions.stop(scene.user, scene.thread_id)
        if chance.random() < 0.5:
            await scene.runners[place].checkpoint()
    elif end < 0.4:
        await scene.runners[place].checkpoint()
        await scene.pause(30)
        await scene.kill(place)
    # What the mail did not tell is found by looking, as each process does every WATCH_SECONDS.
    await scene.runners[place].checkpoint()
    await until_quiet(scene)


def test_every_kind_of_part_has_a_sample() -> None:
    kinds = {cls.kind for cls in parts.get_kinds() if cls.__module__.startswith("chatapp.")}

    assert kinds | {"unknown"} == set(SAMPLES)


@pytest.mark.django_db(transaction=True)
async def test_after_any_history_the_page_equals_a_fresh_page_load(owner: Any, settings: Any) -> None:
    settings.CHATAPP = SETTINGS

    differences = []
    for seed in range(FIRST_SEED, FIRST_SEED + HISTORIES):
        chance = random.Random(seed)
        provider = ScriptedProvider(partial(write_script, chance))
        with replace_provider(provider), registry.override(make_assistant(chance)):
            try:
                await play(seed, owner, act, most=6)
            except AssertionError as error:
                differences.append(str(error))  # The others are played all the same.

    assert not differences, "\n\n".join(differences)
