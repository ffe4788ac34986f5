"""Every request to a provider is written down once, however its run went, and never costs anybody their last words."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.test.utils import CaptureQueriesContext

import chatapp
from chatapp import opening, tidying
from chatapp.errors import ProviderError
from chatapp.models import Run, UsageRecord
from chatapp.providers.metering import ProviderCall
from chatapp.providers.scripted import PATIENCE_SECONDS, call, gate
from chatapp.runs import bills, journal
from chatapp.runs.runner import get_runner
from tests.conftest import make_thread
from tests.line import Line

PRICES = {"script": {"input": 1, "cached": "0.1", "output": 10}}
USAGE = chatapp.Usage(input_tokens=1000, output_tokens=100, cached_tokens=500, reasoning_tokens=40)
COUNTS = ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens")


@chatapp.tool(approval="never")
def look() -> str:
    """Look."""
    return "seen"


LOOKER: Any = type("Looker", (chatapp.Assistant,), {"tools": [look]})


def make_call(**values: Any) -> ProviderCall:
    """A request that ended."""
    known = {"alias": "default", "provider": "p", "model": "script", "started_at": datetime.now(UTC), "seconds": 1.5}
    return ProviderCall(**{**known, **values})


async def get_rows(count: int) -> list[UsageRecord]:
    """The bill, oldest first, once it has so many rows."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await UsageRecord.objects.acount() < count:  # noqa: ASYNC110  # rows set no event
            await asyncio.sleep(0.002)
    rows = [row async for row in UsageRecord.objects.order_by("created_at")]
    assert len(rows) == count
    return rows


async def test_an_answer_is_a_row_with_all_that_is_known_of_it(line: Line) -> None:
    line.sets(PRICES=PRICES, CURRENCY="EUR")
    line.says("Hello.", USAGE)

    run = await line.answer()

    (row,) = await get_rows(1)
    assert [getattr(row, name) for name in COUNTS] == [1000, 500, 100, 40]
    assert (row.cost, row.currency) == (Decimal("0.001550"), "EUR")
    assert (row.run_id, row.thread_id, row.person_id) == (run.pk, line.thread_id, line.owner.pk)
    said = (row.kind, row.provider, row.model, row.finish, row.error_code)
    assert said == ("reply", "scripted", "script", "stop", "")
    assert row.assistant
    assert row.latency_ms is not None
    assert row.first_token_ms is not None
    assert [getattr(run, name) for name in COUNTS] == [1000, 500, 100, 40]
    assert (run.cost, run.latency_ms) == (row.cost, row.latency_ms)


async def test_each_round_of_tools_is_a_row_and_the_run_has_their_sum(line: Line) -> None:
    line.sets(PRICES=PRICES)
    line.declares(LOOKER)
    line.plays([call("look"), USAGE], [call("look"), USAGE], ["Done.", USAGE])

    run = await line.answer()

    rows = await get_rows(3)
    assert [row.finish for row in rows] == ["tool_calls", "tool_calls", "stop"]
    assert (run.input_tokens, run.output_tokens, run.cost) == (3000, 300, sum(row.cost or 0 for row in rows))
    assert {row.run_id for row in rows} == {run.pk}


async def test_a_title_and_a_greeting_are_rows_of_their_kind(line: Line) -> None:
    async def greet(turn: chatapp.Turn) -> AsyncIterator[Any]:
        async for item in turn.stream("Greet the person."):
            yield item

    line.sets(TITLES="model", PRICES=PRICES)
    line.declares(type("Greeter", (chatapp.Assistant,), {"greeting": chatapp.Greeting(greet)}))
    line.plays(["Welcome.", USAGE], ["Hello.", USAGE], ["A title", USAGE])

    await opening.greet(line.owner, line.thread_id)
    await get_rows(1)
    await line.answer()

    rows = await get_rows(3)
    assert [row.kind for row in rows] == ["greeting", "reply", "title"]
    assert {(row.thread_id, row.person_id, row.assistant, row.input_tokens) for row in rows} == {
        (line.thread_id, line.owner.pk, "greeter", 1000)
    }
    title = await Run.objects.aget(kind="title")
    assert (title.pk, title.cost, title.reasoning_tokens) == (rows[2].run_id, rows[2].cost, 40)


async def test_a_title_that_fails_is_a_row_too(line: Line) -> None:
    line.sets(TITLES="model")
    line.plays(["Hello."], [ProviderError("busy", "429")])

    await line.answer()

    rows = await get_rows(2)
    assert [(row.kind, row.error_code, row.input_tokens) for row in rows] == [
        ("reply", "", None),
        ("title", "busy", None),
    ]


async def test_an_answer_that_is_stopped_has_what_is_known_of_it(line: Line) -> None:
    line.says("So far", gate("more"), " and on.", USAGE)
    posted = await line.post()
    await line.provider.reached("more")

    assert posted.run_id
    get_runner().stop(posted.run_id)
    await line.ended()

    (row,) = await get_rows(1)
    assert [getattr(row, name) for name in (*COUNTS, "cost")] == [None] * 5
    assert (row.finish, row.error_code, row.currency) == ("", "", "")
    assert row.first_token_ms is not None


async def test_an_answer_that_fails_says_why(line: Line) -> None:
    line.says("So far", USAGE, ProviderError("cut_off", "somewhere"))

    run = await line.answer()

    (row,) = await get_rows(1)
    assert (row.error_code, row.finish, row.input_tokens, run.state) == ("cut_off", "", 1000, "failed")


async def test_rounds_that_have_ended_are_written_down_before_the_answer_has(line: Line) -> None:
    line.declares(LOOKER)
    line.plays([call("look"), USAGE], ["Done", gate("more"), ".", USAGE])
    await line.post()
    await line.provider.reached("more")

    await get_runner().checkpoint()
    await get_runner().checkpoint()

    (first,) = await get_rows(1)
    line.provider.release("more")
    await line.ended()
    again, _last = await get_rows(2)
    assert again.pk == first.pk


async def test_a_request_is_in_the_bill_although_its_checkpoint_was_lost(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lose(checkpoints: Any) -> list[bool]:
        return [True for _ in checkpoints]

    line.declares(LOOKER)
    line.plays([call("look"), USAGE], ["Done", gate("more"), ".", USAGE])
    await line.post()
    await line.provider.reached("more")
    with monkeypatch.context() as broken:
        broken.setattr(journal, "awrite", lose)
        await get_runner().checkpoint()

    line.provider.release("more")
    await line.ended()

    await get_rows(2)


async def test_what_was_asked_for_a_thread_that_is_deleted_meanwhile_is_still_to_be_paid_for(line: Line) -> None:
    line.says("So far", gate("more"), " and on.", USAGE)
    await line.post()
    await line.provider.reached("more")
    await sync_to_async((await line.thread()).delete)()

    line.provider.release("more")
    await line.ended()

    (row,) = await get_rows(1)
    assert row.input_tokens == 1000


async def test_a_stream_that_an_answer_left_half_read_is_a_row_when_it_is_thrown_away(line: Line) -> None:
    async def respond(turn: chatapp.Turn) -> AsyncIterator[Any]:
        async for item in turn.stream():
            yield item
            break

    line.declares(type("Hasty", (chatapp.Assistant,), {"respond": staticmethod(respond)}))
    line.says("One", "two", USAGE)

    await line.answer()

    (row,) = await get_rows(1)
    assert (row.finish, row.error_code, row.input_tokens) == ("", "", None)


async def test_an_answer_that_asked_by_itself_and_told_its_usage_is_a_row_without_a_model(line: Line) -> None:
    async def respond() -> AsyncIterator[Any]:
        yield "Hello."
        yield USAGE

    line.declares(type("Alone", (chatapp.Assistant,), {"respond": staticmethod(respond)}))

    run = await line.answer()

    (row,) = await get_rows(1)
    assert (row.model, row.input_tokens, row.cost, row.assistant) == ("", 1000, None, "alone")
    assert run.input_tokens == 1000


async def test_an_answer_without_a_model_is_no_row(line: Line) -> None:
    line.declares(type("Plain", (chatapp.Assistant,), {"respond": staticmethod(lambda text: "Hello.")}))

    run = await line.answer()

    await get_rows(0)
    assert (run.input_tokens, run.latency_ms) == (None, None)


# ---- writing down


@pytest.mark.django_db
def test_a_request_is_written_down_once_however_often_that_is_tried() -> None:
    asked = make_call(usage=USAGE)

    bills.store([bills.Bill(calls=[asked])])
    bills.store([bills.Bill(calls=[asked, make_call()])])

    assert UsageRecord.objects.count() == 2


@pytest.mark.django_db
def test_counts_that_cannot_be_true_and_words_that_are_too_long_do_no_harm() -> None:
    absurd = chatapp.Usage(input_tokens=10**30, output_tokens=-5)
    asked = make_call(usage=absurd, model="m" * 999, alias="a" * 999, error_code="e" * 999, seconds=1e30)

    bills.store([bills.Bill(calls=[asked], assistant="s" * 999)])

    row = UsageRecord.objects.get()
    assert (row.input_tokens, row.output_tokens, row.cached_tokens) == (None, None, 0)
    assert bills.sum_up([asked])["input_tokens"] is None


@pytest.mark.django_db
def test_the_end_of_a_run_costs_one_more_query_and_its_checkpoints_none(owner: Any) -> None:
    def count(**values: Any) -> int:
        thread = make_thread(owner, ("Hi", ""), state="running")
        run = Run.objects.get(thread=thread)
        parts = [chatapp.TextPart(text="Hello.")]
        item = journal.Checkpoint(run_id=run.pk, reply_id=run.reply_id, hub="", seq=3, parts=parts, **values)
        with CaptureQueriesContext(connection) as queries:
            assert journal.write([item]) == [True]
        return len(queries)

    bill = bills.Bill(calls=[make_call(usage=USAGE) for _ in range(20)], thread_id=uuid4())
    end = journal.Outcome(state="complete")

    assert count(outcome=end, bill=bill) == count(outcome=end) + 1
    assert count(bill=None) < count(bill=bill)


@pytest.mark.django_db(transaction=True)
def test_the_bill_outlives_thread_and_person(owner: Any) -> None:
    thread = make_thread(owner, ("Hi", "Hello."))
    run = Run.objects.get(thread=thread)
    bill = bills.Bill(calls=[make_call(usage=USAGE)], run_id=run.pk, thread_id=thread.pk, person_id=owner.pk)
    bills.store([bill])

    thread.delete()
    row = UsageRecord.objects.get()
    assert (row.run_id, row.thread_id, row.person_id) == (None, None, owner.pk)

    owner.delete()
    row.refresh_from_db()
    assert (row.person_id, row.input_tokens) == (None, 1000)


async def test_a_deleted_conversation_leaves_its_bill(line: Line) -> None:
    line.says("Hello.", USAGE)
    await line.answer()

    line.sets(UNDO_SECONDS=0)
    await tidying.delete(line.owner, line.thread_id)

    (row,) = await get_rows(1)
    assert row.input_tokens == 1000
