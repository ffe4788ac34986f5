"""What a run said, and waiting for it from elsewhere."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from unittest import mock

import pytest
from asgiref.sync import sync_to_async

import chatapp
from chatapp import actions
from chatapp.errors import ProviderError
from chatapp.models import Run, Thread
from chatapp.providers.scripted import PATIENCE_SECONDS, gate
from chatapp.runs.hub import get_hub
from chatapp.runs.results import wait_for_run
from tests.line import Line

NOTICE = chatapp.NoticePart(code="a", message="b")


async def begin(line: Line) -> Run:
    """A run that has said "So far." and waits at the gate "end"."""
    line.says("So far.", gate("end"))
    posted = await line.post()
    await line.provider.reached("end")
    return await line.run(posted.run_id)


@pytest.mark.parametrize(
    ("script", "stops", "state"),
    [
        (["Done."], False, "complete"),
        ([ProviderError("unreachable", "x")], False, "failed"),
        ([gate("end")], True, "stopped"),
    ],
)
async def test_the_state_of_the_latest_run_can_be_read_anywhere(
    line: Line, script: list[Any], stops: bool, state: str
) -> None:
    async def read() -> str | None:
        latest = await sync_to_async(Run.get_latest)(await line.thread())
        return latest.state if latest else None

    line.says(gate("begin"), *script)
    await line.post()
    await line.provider.reached("begin")
    before = await read()
    line.provider.release("begin")
    if stops:
        await line.provider.reached("end")
        await actions.stop(line.owner, line.thread_id)
    await line.ended()

    assert (before, await read()) == ("running", state)


async def start_waiting(run: Run) -> "asyncio.Future[Run]":
    """Somebody waits for the run, and would hear of it now."""
    hub, joined = get_hub(), asyncio.Event()
    join = hub.join

    async def note(reader: Any) -> None:
        await join(reader)
        joined.set()

    with mock.patch.object(hub, "join", note):
        waiting = asyncio.ensure_future(wait_for_run(run.pk))
        async with asyncio.timeout(PATIENCE_SECONDS):
            await joined.wait()
    return waiting


async def test_who_waits_for_a_run_gets_it_with_all_that_it_said(line: Line) -> None:
    run = await begin(line)
    waiting = await start_waiting(run)
    line.provider.release("end")

    async with asyncio.timeout(PATIENCE_SECONDS):
        ended = await waiting

    assert (ended.state, ended.get_result()) == ("complete", "So far.")
    assert get_hub().count_all() == 0


async def test_a_run_that_has_ended_need_not_be_waited_for(line: Line) -> None:
    run = await line.answer()

    assert (await wait_for_run(run.pk)).get_result() == "Hello."


async def test_a_stop_ends_the_wait(line: Line) -> None:
    run = await begin(line)
    waiting = await start_waiting(run)
    await actions.stop(line.owner, line.thread_id)

    async with asyncio.timeout(PATIENCE_SECONDS):
        assert (await waiting).state == "stopped"


async def test_a_hint_that_was_lost_is_made_up_for(line: Line) -> None:
    run = await begin(line)
    waiting = await start_waiting(run)
    await line.change(run, finished_at=run.started_at, state="interrupted")

    await get_hub().look()

    async with asyncio.timeout(PATIENCE_SECONDS):
        assert (await waiting).state == "interrupted"


async def test_a_run_that_is_deleted_meanwhile_is_not_there(line: Line) -> None:
    run = await begin(line)
    waiting = await start_waiting(run)

    await Thread.objects.filter(pk=line.thread_id).aupdate(head=None)
    await Thread.objects.filter(pk=line.thread_id).adelete()
    await get_hub().thread_changed(line.thread_id)

    async with asyncio.timeout(PATIENCE_SECONDS):
        with pytest.raises(Run.DoesNotExist):
            await waiting


async def test_the_result_is_a_text_or_if_there_is_more_the_parts(line: Line) -> None:
    class Mixed(chatapp.Assistant):
        async def respond(self, turn: chatapp.Turn) -> AsyncIterator[Any]:
            yield chatapp.ThinkingPart(text="Hm.")
            yield "Look:"
            if "more" in turn.text:
                yield NOTICE

    line.declares(Mixed)

    assert (await line.answer("Hi")).get_result() == "Look:"
    assert (await line.answer("more")).get_result() == [chatapp.TextPart(text="Look:"), NOTICE]
