"""The database is the truth: every write is conditional, and what was not ours changes nothing."""

import math
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection
from django.db.models.functions import Now
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

import chatapp
from chatapp.models import Message, Run
from chatapp.providers.scripted import gate
from chatapp.runs import journal
from chatapp.runs.journal import Checkpoint, Outcome
from tests.conftest import make_thread

HUB = "process.one"

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(owner: Any) -> Run:
    """A run of the process HUB."""
    return make_run(owner)


def make_run(owner: Any, *, seconds_ago: float = 0.0, said: str = "", **values: Any) -> Run:
    """A live run in a thread of its own, whose process was last heard of so long ago."""
    thread = make_thread(owner, ("Hi", said), state="running")
    Run.objects.filter(thread=thread).update(
        **{"hub": HUB, "heartbeat_at": Now() - timedelta(seconds=seconds_ago), **values}
    )
    return Run.objects.get(thread=thread)


def make_checkpoint(run: Run, **values: Any) -> Checkpoint:
    """The run as it stands after step 3."""
    known = {
        "run_id": run.pk,
        "reply_id": run.reply_id,
        "hub": HUB,
        "seq": 3,
        "parts": [chatapp.TextPart(text="So far")],
    }
    return Checkpoint(**{**known, **values})


def get_text(run: Run) -> str:
    """What is stored of the answer."""
    return "".join(part["text"] for part in Message.objects.get(run=run).parts)


COMPLETE = Outcome(state="complete", usage=chatapp.Usage(input_tokens=3, output_tokens=5))


def test_a_checkpoint_stores_parts_number_and_heartbeat_together(owner: Any) -> None:
    run = make_run(owner, seconds_ago=10)
    before = run.heartbeat_at

    assert journal.write([make_checkpoint(run, has_said=True)]) == [True]

    run.refresh_from_db()
    assert (run.seq, run.state, get_text(run)) == (3, "running", "So far")
    assert run.heartbeat_at > before
    assert run.first_token_at is not None
    assert run.finished_at is None


def test_the_time_of_the_first_token_is_kept(run: Run) -> None:
    journal.write([make_checkpoint(run)])
    run.refresh_from_db()
    assert run.first_token_at is None

    journal.write([make_checkpoint(run, has_said=True)])
    run.refresh_from_db()
    first = run.first_token_at
    journal.write([make_checkpoint(run, has_said=True, seq=4)])

    run.refresh_from_db()
    assert run.first_token_at == first


def test_without_parts_only_the_lease_is_renewed(run: Run) -> None:
    journal.write([make_checkpoint(run)])

    assert journal.write([make_checkpoint(run, parts=None)]) == [True]

    assert get_text(run) == "So far"


def test_the_last_words_store_how_it_ended_and_the_text_to_search(run: Run) -> None:
    outcome = Outcome(
        state="failed",
        usage=chatapp.Usage(input_tokens=3, output_tokens=5),
        error_code="busy",
        error_reference="7F3K-2Q",
        error="429",
    )

    assert journal.write([make_checkpoint(run, outcome=outcome)]) == [True]

    run.refresh_from_db()
    assert (run.state, run.error_code, run.error_reference, run.error) == ("failed", "busy", "7F3K-2Q", "429")
    assert (run.input_tokens, run.output_tokens) == (3, 5)
    assert run.finished_at is not None
    assert Message.objects.get(run=run).text == "So far"


def test_tokens_that_nobody_counted_stay_unknown(run: Run) -> None:
    journal.write([make_checkpoint(run, outcome=Outcome(state="complete"))])

    run.refresh_from_db()
    assert (run.input_tokens, run.output_tokens) == (None, None)


def stop(run: Run) -> None:
    """Somebody pressed Stop."""
    assert journal.request_stop(run.pk)


def finish(run: Run) -> None:
    """It has ended already."""
    journal.write([make_checkpoint(run, parts=[chatapp.TextPart(text="All")], outcome=COMPLETE)])


def sweep(run: Run) -> None:
    """Its process was silent for too long."""
    Run.objects.filter(pk=run.pk).update(heartbeat_at=Now() - timedelta(minutes=1))
    assert journal.sweep() == 1


def move(run: Run) -> None:
    """Another process runs it."""
    Run.objects.filter(pk=run.pk).update(hub="process.two")


def delete(run: Run) -> None:
    """Its thread was deleted."""
    run.thread.delete()


@pytest.mark.parametrize("happening", [stop, finish, sweep, move, delete], ids=lambda it: it.__name__)
def test_a_run_that_is_not_ours_any_more_is_not_written(run: Run, happening: Callable[[Run], None]) -> None:
    happening(run)
    before = list(Run.objects.values()), list(Message.objects.values())

    assert journal.write([make_checkpoint(run, seq=99, parts=[chatapp.TextPart(text="Late")])]) == [False]

    assert (list(Run.objects.values()), list(Message.objects.values())) == before


@pytest.mark.parametrize("happening", [finish, sweep, move, delete], ids=lambda it: it.__name__)
def test_late_last_words_change_nothing(run: Run, happening: Callable[[Run], None]) -> None:
    happening(run)
    before = list(Run.objects.values()), list(Message.objects.values())

    assert journal.write([make_checkpoint(run, seq=99, outcome=COMPLETE)]) == [False]

    assert (list(Run.objects.values()), list(Message.objects.values())) == before


def test_a_stopped_run_may_write_its_last_words_once_and_stays_stopped(run: Run) -> None:
    stop(run)

    assert journal.write([make_checkpoint(run, outcome=COMPLETE)]) == [True]
    assert journal.write([make_checkpoint(run, seq=9, outcome=COMPLETE)]) == [False]

    run.refresh_from_db()
    assert (run.state, run.seq, get_text(run)) == ("stopped", 3, "So far")
    assert run.finished_at is not None


def test_a_stop_happens_once(run: Run) -> None:
    assert [journal.request_stop(run.pk) for _ in range(3)] == [True, False, False]
    assert journal.request_stop(uuid4()) is False


@pytest.mark.parametrize("state", ["complete", "failed", "interrupted", "stopped"])
def test_what_has_ended_cannot_be_stopped(run: Run, state: str) -> None:
    Run.objects.filter(pk=run.pk).update(state=state)

    assert journal.request_stop(run.pk) is False

    run.refresh_from_db()
    assert run.state == state


def test_a_run_without_a_heartbeat_is_interrupted_and_keeps_its_text(owner: Any) -> None:
    late = make_run(owner, seconds_ago=16, said="So far", seq=7)
    lively = make_run(owner, seconds_ago=14)

    assert journal.sweep() == 1
    assert journal.sweep() == 0

    late.refresh_from_db()
    lively.refresh_from_db()
    assert (late.state, late.error_code, late.seq) == ("interrupted", "interrupted", 1007)
    assert late.finished_at is not None
    assert Message.objects.get(run=late).text == "So far"
    assert (lively.state, lively.finished_at) == ("running", None)


def test_a_run_that_was_stopped_and_whose_process_died_stays_stopped(owner: Any) -> None:
    run = make_run(owner, seconds_ago=60, state="stopped")

    assert journal.sweep() == 0

    run.refresh_from_db()
    assert (run.state, run.error_code) == ("stopped", "")
    assert run.finished_at is not None


def test_a_sweep_of_one_thread_leaves_the_others(owner: Any) -> None:
    mine, other = make_run(owner, seconds_ago=60), make_run(owner, seconds_ago=60)

    assert journal.sweep(mine.thread_id) == 1

    other.refresh_from_db()
    assert other.state == "running"


@override_settings(CHATAPP={"LEASE_SECONDS": 100})
def test_the_lease_is_a_setting(owner: Any) -> None:
    make_run(owner, seconds_ago=60)

    assert journal.sweep() == 0


BAD = [chatapp.UnknownPart(data={"kind": "chart", "value": math.nan})]
"""No database takes this as JSON."""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("outcome", [None, COMPLETE], ids=["checkpoint", "last words"])
def test_one_bad_row_does_not_cost_the_others(
    owner: Any, outcome: Outcome | None, caplog: pytest.LogCaptureFixture
) -> None:
    runs = [make_run(owner) for _ in range(3)]
    gone = make_run(owner)
    gone.thread.delete()
    values: list[dict[str, Any]] = [{}, {"parts": BAD, "outcome": outcome}, {}, {}]

    kept = journal.write([make_checkpoint(run, **more) for run, more in zip([*runs, gone], values, strict=True)])

    assert kept == [True, True, True, False]
    assert [get_text(run) for run in runs] == ["So far", "", "So far"]
    assert f"checkpoint of run {runs[1].pk} failed" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_a_single_row_that_cannot_be_written_is_told_and_changes_nothing(run: Run) -> None:
    with pytest.raises(DatabaseError):
        journal.write([make_checkpoint(run, parts=BAD)])

    run.refresh_from_db()
    assert run.seq == 0


def test_a_hundred_runs_are_written_with_as_many_queries_as_ten(owner: Any) -> None:
    runs = [make_run(owner) for _ in range(100)]
    with CaptureQueriesContext(connection) as ten:
        journal.write([make_checkpoint(run, has_said=True) for run in runs[:10]])

    with CaptureQueriesContext(connection) as hundred:
        journal.write([make_checkpoint(run, has_said=True) for run in runs])

    assert len(hundred) == len(ten)


def test_nothing_to_write_is_nothing() -> None:
    assert journal.write([]) == []


async def test_the_coroutine_twins_do_the_same(line: Any) -> None:
    line.says("So far", gate("hold"))
    posted = await line.post()
    run = await line.run(posted.run_id)

    assert await journal.asweep() == 0
    assert await journal.arequest_stop(run.pk)
    assert await journal.awrite([make_checkpoint(run, hub=run.hub)]) == [False]
