"""A run belongs to the process that started it: it says, is written down, and ends in exactly one way."""

import asyncio
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.db import DatabaseError
from django.db.models import F
from django.db.models.functions import Now

import chatapp
from chatapp import actions, signals
from chatapp.models import Run, Thread
from chatapp.providers.scripted import PATIENCE_SECONDS, gate
from chatapp.rendering.drawing import LiveMessage
from chatapp.runs import journal, runner
from chatapp.runs.runner import get_runner
from tests.line import Line


async def test_an_answer_is_stored_with_all_that_is_known_of_it(line: Line) -> None:
    line.says(chatapp.ThinkingDelta("Hm."), "It is ", "in **Bern**.", chatapp.Usage(input_tokens=9, output_tokens=5))

    run = await line.answer("Where is 17?")

    thinking, text = await line.parts()
    assert isinstance(thinking, chatapp.ThinkingPart)
    assert text == chatapp.TextPart(text="It is in **Bern**.")
    assert run.reply is not None
    assert run.reply.text == "It is in **Bern**."
    assert (run.state, run.kind, run.provider, run.model) == ("complete", "reply", "default", "script")
    assert (run.input_tokens, run.output_tokens, run.error_code) == (9, 5, "")
    assert run.first_token_at is not None
    assert run.finished_at is not None
    assert run.seq > 0
    assert get_runner().count == 0


async def test_many_small_pieces_are_few_steps(line: Line) -> None:
    line.says(*"x" * 1000)

    run = await line.answer()

    assert run.seq < 100


async def test_nobody_watches_and_nothing_is_rendered(line: Line) -> None:
    with mock.patch.object(LiveMessage, "draw", autospec=True) as draw:
        await line.answer()

    assert draw.call_count == 0


async def test_a_run_knows_nothing_of_the_request_that_started_it(line: Line) -> None:
    language: ContextVar[str] = ContextVar("language", default="none")

    async def desk() -> str:
        return language.get()

    line.declares(desk)
    language.set("of the request")

    await line.answer()

    assert await line.parts() == [chatapp.TextPart(text="none")]


async def test_an_assistant_that_says_nothing_is_complete_and_empty(line: Line) -> None:
    line.declares(lambda: None)

    run = await line.answer()

    assert run.state == "complete"
    assert run.first_token_at is None
    assert await line.parts() == []


# ---- how it ends


async def test_an_answer_that_takes_too_long_is_ended(line: Line) -> None:
    line.sets(TOTAL_SECONDS=0.05)
    provider = line.says(gate("never"))

    run = await line.answer()

    (error,) = await line.parts()
    assert isinstance(error, chatapp.ErrorPart)
    assert error.message == "The model took too long to answer. Please try again."
    assert (run.error_code, run.error) == ("timeout", "no end within TOTAL_SECONDS (0.05 s)")
    assert provider.open == 0


async def test_a_time_limit_of_the_assistant_itself_is_a_failure_like_any_other(line: Line) -> None:
    line.says("So far.", TimeoutError("of the database of the shop"))

    run = await line.answer()

    assert run.error_code == "failed"
    assert run.error == "TimeoutError: of the database of the shop"


async def test_an_answer_that_grows_too_long_ends_with_a_notice(line: Line) -> None:
    line.sets(MAX_ANSWER_CHARS=1000)
    provider = line.says(*["x" * 300] * 5, gate("never"))

    run = await line.answer()

    text, notice = await line.parts()
    assert text == chatapp.TextPart(text="x" * 1000)
    assert notice == chatapp.NoticePart(code="length", message="The answer was cut off at the length limit.")
    assert run.state == "complete"
    assert provider.open == 0


async def test_an_answer_that_the_model_cut_off_says_so(line: Line) -> None:
    line.says("So far.", chatapp.Finish("length"))

    run = await line.answer()

    assert [part.kind for part in await line.parts()] == ["text", "notice"]
    assert run.state == "complete"


# ---- stop


async def test_a_stop_closes_the_provider_and_keeps_the_text(line: Line) -> None:
    provider = line.says("So far.", gate("hold"))
    await line.post()
    await provider.reached("hold")

    assert await actions.stop(line.owner, line.thread_id)
    await line.ended()

    run = await line.run()
    assert (run.state, run.error_code) == ("stopped", "")
    assert run.finished_at is not None
    assert await line.parts() == [chatapp.TextPart(text="So far.")]
    assert provider.open == 0


async def test_a_stop_before_the_first_token_leaves_an_empty_answer(line: Line) -> None:
    provider = line.says(gate("hold"), "never")
    await line.post()
    await provider.reached("hold")

    await actions.stop(line.owner, line.thread_id)
    await line.ended()

    assert (await line.run()).state == "stopped"
    assert await line.parts() == []
    assert provider.open == 0


async def test_many_stops_are_one(line: Line) -> None:
    provider = line.says("So far.", gate("hold"))
    await line.post()
    await provider.reached("hold")

    said = await asyncio.gather(*(actions.stop(line.owner, line.thread_id) for _ in range(5)))
    await line.ended()
    said.append(await actions.stop(line.owner, line.thread_id))

    assert said[0] is True
    assert said[-1] is False
    assert [state for _, state in line.ends] == ["stopped"]


class Shapes:
    """Answers of each shape that go on until they are closed."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.closed = threading.Event()

    def generator(self) -> Iterator[str]:
        try:
            while True:
                yield "more "
                self.begun.set()
        finally:
            self.closed.set()

    async def async_generator(self) -> Any:
        try:
            while True:
                await asyncio.sleep(0)
                yield "more "
                self.begun.set()
        finally:
            self.closed.set()

    async def coroutine(self) -> str:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.closed.set()
        return "never"

    async def coroutine_of_async_generator(self) -> Any:
        return self.async_generator()


@pytest.mark.parametrize("shape", ["generator", "async_generator", "coroutine", "coroutine_of_async_generator"])
async def test_a_stop_runs_the_finally_of_every_shape(line: Line, shape: str) -> None:
    shapes = Shapes()

    class Desk(chatapp.Assistant):
        respond = staticmethod(getattr(shapes, shape))

    line.declares(Desk)
    await line.post()
    assert await asyncio.to_thread(shapes.begun.wait, PATIENCE_SECONDS)

    await actions.stop(line.owner, line.thread_id)
    await line.ended()

    assert await asyncio.to_thread(shapes.closed.wait, PATIENCE_SECONDS)
    assert (await line.run()).state == "stopped"


async def test_a_stop_while_the_end_is_stored_changes_nothing(line: Line) -> None:
    storing, go_on = asyncio.Event(), asyncio.Event()
    write = journal.awrite

    async def slow(checkpoints: Any) -> Any:
        storing.set()
        await go_on.wait()
        return await write(checkpoints)

    with mock.patch.object(journal, "awrite", slow):
        posted = await line.post()
        await storing.wait()
        assert posted.run_id is not None
        get_runner().stop(posted.run_id)
        go_on.set()
        await line.ended()

    assert (await line.run()).state == "complete"


# ---- checkpoints


async def hold(line: Line, *said: Any) -> Run:
    """An answer that has said this and stands still."""
    provider = line.says(*said, gate("hold"), "never")
    posted = await line.post()
    await provider.reached("hold")
    return await line.run(posted.run_id)


async def test_a_checkpoint_stores_what_was_said_so_far(line: Line) -> None:
    run = await hold(line, "So ", "far.")

    await get_runner().checkpoint()

    assert await line.parts() == [chatapp.TextPart(text="So far.")]
    assert (await line.run(run.pk)).seq > 0


async def test_a_running_answer_is_written_down_by_itself(line: Line) -> None:
    line.sets(CHECKPOINT_SECONDS=0.01)
    written = asyncio.Event()
    write = journal.awrite

    async def note(checkpoints: Any) -> Any:
        kept = await write(checkpoints)
        if any(item.parts for item in checkpoints):
            written.set()
        return kept

    with mock.patch.object(journal, "awrite", note):
        await hold(line, "So far.")
        async with asyncio.timeout(PATIENCE_SECONDS):
            await written.wait()

    assert await line.parts() == [chatapp.TextPart(text="So far.")]


async def test_a_checkpoint_that_finds_nothing_new_renews_the_lease_only(line: Line) -> None:
    run = await hold(line, "So far.")
    await get_runner().checkpoint()
    await line.change(run, heartbeat_at=F("started_at"))

    with mock.patch.object(journal, "awrite", wraps=journal.awrite) as write:
        await get_runner().checkpoint()

    assert [item.parts for item in write.call_args.args[0]] == [None]
    renewed = await line.run(run.pk)
    assert renewed.heartbeat_at > renewed.started_at


async def test_a_run_that_was_stopped_elsewhere_is_let_go_with_its_last_words(line: Line) -> None:
    run = await hold(line, "So far.")
    await line.change(run, state="stopped")

    await get_runner().checkpoint()
    await line.ended()

    stored = await line.run(run.pk)
    assert stored.state == "stopped"
    assert stored.finished_at is not None
    assert await line.parts() == [chatapp.TextPart(text="So far.")]
    assert line.provider.open == 0


async def test_a_run_whose_thread_was_deleted_ends_quietly(line: Line, caplog: pytest.LogCaptureFixture) -> None:
    await hold(line, "So far.")
    await Thread.objects.filter(pk=line.thread_id).aupdate(head=None)
    await Thread.objects.filter(pk=line.thread_id).adelete()

    await get_runner().checkpoint()
    await line.ended()

    assert await line.count() == (0, 0, 0)
    assert line.provider.open == 0
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def test_a_run_that_was_swept_is_let_go_and_its_late_words_change_nothing(line: Line) -> None:
    run = await hold(line, "So far.")
    await line.change(run, heartbeat_at=Now() - timedelta(minutes=1))
    assert await journal.asweep() == 1

    await get_runner().checkpoint()
    await line.ended()

    stored = await line.run(run.pk)
    assert (stored.state, stored.error_code) == ("interrupted", "interrupted")
    assert await line.parts() == []
    assert line.provider.open == 0


async def test_a_database_that_fails_once_does_not_end_the_run(line: Line, caplog: pytest.LogCaptureFixture) -> None:
    await hold(line, "So far.")
    with mock.patch.object(journal, "awrite", side_effect=DatabaseError("gone")):
        await get_runner().checkpoint()

    line.provider.release("hold")
    await line.ended()

    assert "a checkpoint could not be stored" in caplog.text
    assert (await line.run()).state == "complete"


async def test_what_could_not_be_stored_is_stored_with_the_next_checkpoint(line: Line) -> None:
    await hold(line, "So far.")
    with mock.patch.object(journal, "awrite", side_effect=DatabaseError("gone")):
        await get_runner().checkpoint()
    assert await line.parts() == []

    await get_runner().checkpoint()

    assert await line.parts() == [chatapp.TextPart(text="So far.")]


async def test_the_last_words_are_tried_again_when_the_database_fails(line: Line) -> None:
    write, failures = journal.awrite, iter([DatabaseError("gone")])

    async def flaky(checkpoints: Any) -> Any:
        for failure in failures:
            raise failure
        return await write(checkpoints)

    with mock.patch.object(journal, "awrite", flaky):
        run = await line.answer()

    assert run.state == "complete"
    assert await line.parts() == [chatapp.TextPart(text="Hello.")]


async def test_when_the_database_stays_away_the_lease_decides(line: Line) -> None:
    with (
        mock.patch.object(runner, "LAST_WORDS_TRIES", 1),
        mock.patch.object(journal, "awrite", side_effect=DatabaseError("gone")),
    ):
        run = await line.answer()

    assert (run.state, run.finished_at) == ("running", None)
    assert get_runner().count == 0


# ---- signals


async def test_the_site_hears_of_messages_and_runs(line: Line) -> None:
    heard: list[tuple[str, Any, dict[str, Any]]] = []

    def hear_message(sender: Any, message: Any, **kwargs: Any) -> None:
        heard.append(("message", sender, {"text": message.text}))

    async def hear_start(sender: Any, signal: Any, **kwargs: Any) -> None:
        heard.append(("started", sender, kwargs))

    async def hear_end(sender: Any, signal: Any, **kwargs: Any) -> None:
        heard.append(("finished", sender, kwargs))

    class Desk(chatapp.Assistant):
        pass

    line.declares(Desk)
    signals.message_created.connect(hear_message)
    signals.run_started.connect(hear_start)
    signals.run_finished.connect(hear_end)
    try:
        run = await line.answer("Where?")
    finally:
        signals.message_created.disconnect(hear_message)
        signals.run_started.disconnect(hear_start)
        signals.run_finished.disconnect(hear_end)

    ids = {"run_id": run.pk, "thread_id": line.thread_id}
    assert sorted(heard, key=lambda item: item[0]) == [
        ("finished", Desk, {**ids, "state": "complete"}),
        ("message", Desk, {"text": "Where?"}),
        ("started", Desk, ids),
    ]


@pytest.mark.parametrize("name", ["message_created", "run_started", "run_finished"])
async def test_a_receiver_that_fails_breaks_nothing(line: Line, name: str, caplog: pytest.LogCaptureFixture) -> None:
    def fail(sender: Any, **kwargs: Any) -> None:
        raise RuntimeError("of the site")

    signal = getattr(signals, name)
    signal.connect(fail)
    try:
        run = await line.answer()
    finally:
        signal.disconnect(fail)

    assert run.state == "complete"
    assert "of the site" in caplog.text


# ---- the end of the process


async def test_a_drain_lets_answers_finish(line: Line) -> None:
    provider = line.says("So far.", gate("hold"), " Done.")
    await line.post()
    await provider.reached("hold")

    draining = asyncio.ensure_future(get_runner().drain(PATIENCE_SECONDS))
    await asyncio.sleep(0)
    provider.release("hold")
    await draining

    assert (await line.run()).state == "complete"
    assert await line.parts() == [chatapp.TextPart(text="So far. Done.")]


async def test_a_drain_stores_what_does_not_finish_as_interrupted(line: Line) -> None:
    run = await hold(line, "So far.")

    await get_runner().drain(0)

    stored = await line.run(run.pk)
    assert (stored.state, stored.error_code) == ("interrupted", "interrupted")
    assert stored.finished_at is not None
    assert await line.parts() == [chatapp.TextPart(text="So far.")]
    assert get_runner().is_draining


async def test_a_run_that_is_cancelled_by_somebody_else_keeps_its_text(line: Line) -> None:
    async def desk() -> Any:
        yield "So far."
        raise asyncio.CancelledError

    line.declares(desk)
    await line.post()

    await get_runner().drain(PATIENCE_SECONDS)

    assert (await line.run()).state == "interrupted"
    assert await line.parts() == [chatapp.TextPart(text="So far.")]
