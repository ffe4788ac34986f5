"""Somebody leaves, or an assistant is taken out: nothing of it goes on."""

import asyncio
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer

import chatapp
from chatapp import actions, opening, registry, signals
from chatapp.errors import Refused
from chatapp.providers.scripted import gate
from chatapp.runs.hub import get_hub
from chatapp.runs.runner import get_runner
from chatapp.testing import ThreadSocket
from tests.line import Line


async def test_a_tab_that_closes_leaves_no_task_no_reader_and_no_group(line: Line) -> None:
    hub = get_hub()
    await hub.open()
    await line.answer()
    before = asyncio.all_tasks()
    receivers = len(signals.run_finished.receivers)

    for _ in range(5):
        async with ThreadSocket(line.owner, line.thread_id) as socket:
            await socket.until(lambda page: len(page.texts) == 2)
            assert len(hub._readers[line.thread_id]) == 1

    layer: Any = get_channel_layer()
    assert asyncio.all_tasks() - before == set()
    assert not any(hub._readers.values())
    assert not any(hub._persons.values())
    assert [name for name, members in layer.groups.items() if hub.mailbox in members] == []
    assert len(signals.run_finished.receivers) == receivers


async def test_a_tab_that_closes_in_mid_answer_leaves_only_the_answer_and_that_ends(line: Line) -> None:
    hub = get_hub()
    await hub.open()
    provider = line.says("So far", gate("mid"), ".")
    before = asyncio.all_tasks()
    async with ThreadSocket(line.owner, line.thread_id) as socket:
        await socket.post("Hi")
        await provider.reached("mid")
        await socket.until(lambda page: "So far" in page.text)

    assert not any(hub._readers.values())
    assert get_runner().count == 1
    provider.release("mid")
    await line.ended()
    left = asyncio.all_tasks() - before
    if left:
        await asyncio.wait(left, timeout=10)
    assert asyncio.all_tasks() - before == set()
    assert (get_runner().count, hub.feeds, provider.open) == (0, {}, 0)


CALLED: list[str] = []


class Desk(chatapp.Assistant):
    """Notes what of it is called."""

    settings = [{"id": "brief", "type": "toggle"}]

    def get_greeting(self, user: Any) -> str:
        CALLED.append("greeting")
        return "Hello"

    def get_disabled(self, user: Any) -> bool:
        CALLED.append("disabled")
        return False

    def on_settings_change(self, thread: Any, key: str, value: Any, user: Any) -> None:
        CALLED.append("settings")

    def respond(self, turn: chatapp.Turn) -> str:
        CALLED.append("respond")
        return "Yes."


async def test_an_assistant_that_was_taken_out_is_not_called_any_more(line: Line, owner_client: Any) -> None:
    line.declares(Desk)
    await line.answer()
    assert CALLED
    chatapp.unregister(Desk)
    CALLED.clear()

    with pytest.raises(Refused, match="not available any more"):
        await line.post("Are you there?")
    with pytest.raises(Refused):
        await actions.retry(line.owner, line.thread_id)
    assert not await opening.greet(line.owner, line.thread_id)
    page = await sync_to_async(owner_client.get)(f"/chat/{line.thread_id}/")

    assert page.status_code == 200
    assert b"Yes." in page.content
    assert CALLED == []


def test_a_function_and_a_slug_can_be_taken_out_and_what_is_unknown_is_no_matter() -> None:
    def shop(text: str) -> str:
        return text

    with registry.override(shop, Desk):
        chatapp.unregister(shop)
        chatapp.unregister("nobody")
        assert [assistant.slug for assistant in registry.get_all()] == ["desk"]
        chatapp.unregister("desk")
        assert registry.get_all() == []
