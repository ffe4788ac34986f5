"""Another provider takes over a conversation that is under way."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from asgiref.sync import sync_to_async
from django.core.exceptions import ImproperlyConfigured

import chatapp
from chatapp import forking
from chatapp.models import Thread
from chatapp.providers.base import replace_provider
from chatapp.providers.scripted import ScriptedProvider, gate
from chatapp.testing import Page, ThreadSocket
from tests.line import Line

GUIDE = "chatapp.providers.guide.GuideProvider"


class Desk(chatapp.Assistant):
    """Has a provider, a model and instructions of its own."""

    model = "large"
    instructions = "Be brief."


@pytest.fixture
def spare(line: Line) -> Iterator[ScriptedProvider]:
    """Another provider, of the alias "spare"."""
    line.declares(Desk)
    provider = ScriptedProvider(["From the spare one."], model="spare-own")
    with replace_provider(provider, "spare"):
        yield provider


def tell(provider: ScriptedProvider) -> list[list[str]]:
    """What each request of the provider told the model, instructions left out."""
    return [
        [str(message["content"]) for message in request.messages if message["role"] != "system"]
        for request in provider.requests
    ]


async def test_the_next_answer_is_of_the_new_one_which_knows_what_was_said(line: Line, spare: ScriptedProvider) -> None:
    await line.answer("One?")

    await chatapp.set_provider(line.thread_id, "spare")
    run = await line.answer("Two?")

    assert tell(spare) == [["One?", "Hello.", "Two?"]]
    assert spare.requests[0].messages[0]["content"] == "Be brief."
    assert (run.provider, run.model) == ("spare", "spare-own")
    assert len(line.provider.requests) == 1


async def test_during_an_answer_that_is_said_to_its_end_by_who_began_it(line: Line, spare: ScriptedProvider) -> None:
    first = line.says("So far,", gate("mid"), " and to the end.")
    await line.post("One?")
    await first.reached("mid")

    await chatapp.set_provider(line.thread_id, "spare")
    first.release("mid")
    await line.ended()
    (part,) = await line.parts()
    await line.answer("Two?")

    assert part == chatapp.TextPart(text="So far, and to the end.")
    assert tell(spare) == [["One?", "So far, and to the end.", "Two?"]]


async def test_all_rounds_of_an_answer_are_asked_of_who_began_it(line: Line, spare: ScriptedProvider) -> None:
    swapped: list[UUID] = []

    @chatapp.tool(approval="never")
    async def swap(turn: chatapp.Turn) -> str:
        """Swap in the middle."""
        assert turn.thread_id
        await chatapp.set_provider(turn.thread_id, "spare")
        swapped.append(turn.thread_id)
        return "done"

    class Busy(Desk):
        """Has a tool."""

        tools = (swap,)

    line.declares(Busy)
    first = line.plays([chatapp.testing.call("swap")], ["To the end."])

    await line.answer("One?")

    assert swapped == [line.thread_id]
    assert (len(first.requests), len(spare.requests)) == (2, 0)


@pytest.mark.parametrize("is_answering", [False, True])
async def test_without_sync_the_new_one_hears_nothing_and_people_see_all(
    line: Line, spare: ScriptedProvider, owner_client: Any, is_answering: bool
) -> None:
    await line.answer("One?")
    first = line.says("Hello ", gate("mid"), "again.")
    if is_answering:
        await line.post("Two?")
        await first.reached("mid")

    await chatapp.set_provider(line.thread_id, "spare", sync=False)
    first.release("mid")
    await line.ended(2 if is_answering else 1)
    async with ThreadSocket(line.owner, line.thread_id) as socket:
        await socket.post("Three?")
        await socket.until(lambda page: "From the spare one." in page.text and not page.cursors)
        await socket.post("Four?")
        live = await socket.until(lambda page: page.texts.count("From the spare one.") == 2 and not page.cursors)
    fresh = Page((await sync_to_async(owner_client.get)(f"/chat/{line.thread_id}/")).content.decode())

    shown = ["One?", "Hello.", *(["Two?", "Hello again."] if is_answering else [])]
    said = [*shown, "Three?", "From the spare one.", "Four?", "From the spare one."]
    assert tell(spare) == [["Three?"], ["Three?", "From the spare one.", "Four?"]]
    assert fresh.texts == said
    assert live.texts == said
    assert [turn["content"] for turn in await chatapp.get_turns(line.thread_id)] == said[-4:]


async def test_a_model_of_the_new_one_can_be_named_and_what_was_chosen_for_the_old_one_is_forgotten(
    line: Line, spare: ScriptedProvider
) -> None:
    await line.answer("One?")
    await chatapp.update_settings(line.thread_id, {"model": "tiny"})

    await chatapp.set_provider(line.thread_id, "spare")
    await line.answer("Two?")
    await chatapp.set_provider(line.thread_id, "spare", model="spare-large")
    await line.answer("Three?")

    assert [request.model for request in spare.requests] == [None, "spare-large"]


async def test_back_to_the_assistants_own(line: Line, spare: ScriptedProvider) -> None:
    await line.answer("One?")
    await chatapp.set_provider(line.thread_id, "spare", model="spare-large")
    await line.answer("Two?")

    for alias in ("", "default"):
        await chatapp.set_provider(line.thread_id, alias)
        run = await line.answer("Three?")
        assert (run.provider, run.model, (await line.thread()).provider) == ("default", "large", "")

    assert len(spare.requests) == 1


async def test_people_choose_among_the_models_of_the_new_one(line: Line, owner_client: Any) -> None:
    class Choosy(Desk):
        """Has models of its own provider."""

        models = ("large", "small")

    line.declares(Choosy)
    line.sets(PROVIDERS={"spare": {"BACKEND": GUIDE, "MODELS": ["fast", "slow"]}})
    await line.answer("One?")
    await chatapp.set_provider(line.thread_id, "spare", model="slow")

    html = (await sync_to_async(owner_client.get)(f"/chat/{line.thread_id}/")).content.decode()

    assert [f'value="{name}"' in html for name in ("fast", "slow", "small")] == [True, True, False]
    assert "Try again with fast" in html
    assert "Try again with small" not in html


async def test_what_cannot_be_changes_nothing_and_says_what_would_be_right(line: Line) -> None:
    line.declares(Desk)
    line.sets(PROVIDERS={"spare": {"BACKEND": GUIDE, "MODELS": ["fast", "slow"]}})
    await line.answer("One?")

    with pytest.raises(ImproperlyConfigured, match="known aliases are 'default', 'spare'"):
        await chatapp.set_provider(line.thread_id, "spear", sync=False)
    with pytest.raises(ValueError, match=r"does not offer the model 'huge'; it offers .*fast, slow"):
        await chatapp.set_provider(line.thread_id, "spare", model="huge", sync=False)
    with pytest.raises(Thread.DoesNotExist):
        await chatapp.set_provider(UUID(int=1), "spare")

    thread = await line.thread()
    assert (thread.provider, thread.settings) == ("", {})
    assert len(await chatapp.get_turns(thread)) == 2


async def test_the_copy_of_a_conversation_is_answered_by_the_same(line: Line, spare: ScriptedProvider) -> None:
    await line.answer("One?")
    await chatapp.set_provider(line.thread_id, "spare", sync=False)
    run = await line.answer("Two?")
    assert run.reply

    line.thread_id = await forking.fork(line.owner, line.thread_id, run.reply.pk)
    await line.answer("Three?")

    assert tell(spare)[-1] == ["Two?", "From the spare one.", "Three?"]


async def test_code_that_is_not_async_has_a_twin(line: Line, spare: ScriptedProvider) -> None:
    await line.answer("One?")

    await sync_to_async(chatapp.set_provider_sync, thread_sensitive=False)(line.thread_id, "spare")

    assert (await line.thread()).provider == "spare"
