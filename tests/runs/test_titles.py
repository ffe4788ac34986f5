"""A thread gets a short title by the model: bounded, optional, and never over the owner's own."""

import asyncio
from typing import Any

import pytest

import chatapp
from chatapp import signals, tidying
from chatapp.models import Run
from chatapp.providers.base import ModelRequest
from chatapp.providers.scripted import PATIENCE_SECONDS, gate
from chatapp.runs import titles
from tests.line import Line


@pytest.fixture
def titled(line: Line) -> Line:
    """The line, with titles by the model."""
    line.sets(TITLES="model")
    return line


async def get_title_run(line: Line) -> Run:
    """The one run that made a title, once it has ended."""
    await line.provider.ended(2)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            run = await Run.objects.aget(thread_id=line.thread_id, kind="title")
            if run.finished_at is not None:
                return run


async def test_the_model_names_the_thread_after_the_first_answer(titled: Line) -> None:
    provider = titled.plays(
        ["It is in Bern."], ["Parcel ", "in Bern", chatapp.Usage(input_tokens=40, output_tokens=4)], ["never"]
    )

    await titled.answer("Where is my parcel?")
    run = await get_title_run(titled)

    assert (await titled.thread()).title == "Parcel in Bern"
    assert (run.state, run.input_tokens, run.output_tokens, run.model) == ("complete", 40, 4, "script")
    assert run.reply_id is None
    assert [request.kind for request in provider.requests] == ["reply", "title"]


async def test_a_second_answer_asks_for_no_title(titled: Line) -> None:
    provider = titled.plays(["One."], ["A title"], ["Two."])
    await titled.answer()
    await provider.ended(2)

    await titled.answer()
    await titled.answer()

    assert [request.kind for request in provider.requests] == ["reply", "title", "reply", "reply"]


async def test_what_is_asked_is_bounded(titled: Line) -> None:
    provider = titled.plays(["word " * 2_000], ["A title"])

    await titled.answer("long " * 2_000)
    await get_title_run(titled)

    request = provider.requests[1]
    assert sum(len(message["content"]) for message in request.messages) <= 2_000
    assert request.options == {"max_tokens": 50}
    assert "long long" in request.question
    assert "word word" in request.question


async def test_thinking_never_becomes_a_title(titled: Line) -> None:
    titled.plays(["Hello."], [chatapp.ThinkingDelta("The user greets. "), "Greeting"])

    await titled.answer()
    await get_title_run(titled)

    assert (await titled.thread()).title == "Greeting"


async def test_thinking_in_the_answer_itself_never_becomes_a_title(titled: Line) -> None:
    titled.plays(["Hello."], ["<thinking>The user", " greets.</thinking>\n\nGreeting"])

    await titled.answer()
    await get_title_run(titled)

    assert (await titled.thread()).title == "Greeting"


async def test_a_model_that_does_not_stop_is_stopped(titled: Line) -> None:
    provider = titled.plays(["Hello."], ["A title\n", "\x00 " + "and more " * 1_000, gate("never")])

    await titled.answer()
    await get_title_run(titled)

    assert (await titled.thread()).title == "A title"
    assert provider.open == 0


async def test_thinking_of_the_answer_is_not_part_of_what_is_asked(titled: Line) -> None:
    provider = titled.plays([chatapp.ThinkingDelta("A secret thought."), "Hello."], ["Greeting"])

    await titled.answer()
    await get_title_run(titled)

    assert "secret" not in provider.requests[1].question


async def test_a_title_that_the_owner_chose_is_never_overwritten(titled: Line) -> None:
    provider = titled.plays(["Hello.", gate("answer")], ["The model's"])
    await titled.post()
    await provider.reached("answer")
    await tidying.rename(titled.owner, titled.thread_id, "Mine")
    provider.release("answer")
    await titled.ended()
    await get_title_run(titled)

    assert (await titled.thread()).title == "Mine"


async def test_not_even_when_it_is_chosen_while_the_model_thinks_of_one(titled: Line) -> None:
    provider = titled.plays(["Hello."], ["The model's", gate("title")])
    await titled.answer()
    await provider.reached("title")

    await tidying.rename(titled.owner, titled.thread_id, "Mine")
    provider.release("title")
    run = await get_title_run(titled)

    assert (await titled.thread()).title == "Mine"
    assert run.state == "complete"


@pytest.mark.parametrize(
    "script",
    [
        [chatapp.ProviderError("busy", "429 for sk-proj-0123456789abcdef")],
        ["Half a ti", chatapp.ProviderError("cut_off", "gone")],
        [],
        ["  \n "],
        ['"""'],
    ],
    ids=["fails", "cut off", "empty", "blank", "quotes"],
)
async def test_a_failure_keeps_the_first_words(titled: Line, script: Any) -> None:
    titled.plays(["Hello."], script)

    await titled.answer("Where is my parcel?")
    run = await get_title_run(titled)

    assert (await titled.thread()).title == "Where is my parcel?"
    assert run.finished_at is not None
    assert "sk-proj" not in run.error


async def test_a_model_that_takes_too_long_names_nothing(titled: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(titles, "SECONDS", 0.02)
    provider = titled.plays(["Hello."], ["A ti", gate("never")])

    await titled.answer("Hi")
    run = await get_title_run(titled)

    assert (await titled.thread()).title == "Hi"
    assert run.state == "failed"
    assert provider.open == 0


async def test_a_thread_that_is_deleted_meanwhile_gets_none(titled: Line, caplog: pytest.LogCaptureFixture) -> None:
    titled.sets(TITLES="model", UNDO_SECONDS=0)
    provider = titled.plays(["Hello."], ["A title", gate("title")])
    await titled.answer()
    await provider.reached("title")

    await tidying.delete(titled.owner, titled.thread_id)
    provider.release("title")
    await provider.ended(2)

    assert await titled.count() == (0, 0, 0)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def test_a_thread_that_is_deleted_before_gets_none(titled: Line, caplog: pytest.LogCaptureFixture) -> None:
    titled.sets(TITLES="model", MESSAGES_PER_MINUTE=100, UNDO_SECONDS=0)
    provider = titled.plays(["Hello."], ["never"])

    async def delete(sender: Any, **kwargs: Any) -> None:
        await tidying.delete(titled.owner, titled.thread_id)

    signals.run_finished.connect(delete)
    try:
        await titled.post()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while f"no title for thread {titled.thread_id}" not in caplog.text:
                await titled.count()
    finally:
        signals.run_finished.disconnect(delete)

    assert len(provider.requests) == 1


@pytest.mark.parametrize(("setting", "title"), [("words", "Where is my parcel?"), ("off", "")])
async def test_a_site_may_do_without_the_model(line: Line, setting: str, title: str) -> None:
    line.sets(TITLES=setting)

    await line.answer("Where is my parcel?")
    await line.answer()

    assert (await line.thread()).title == title
    assert [request.kind for request in line.provider.requests] == ["reply", "reply"]


async def test_an_answer_that_failed_names_nothing(titled: Line) -> None:
    provider = titled.plays([chatapp.ProviderError("busy")], ["A title"])

    await titled.answer()
    await titled.answer()

    assert [request.kind for request in provider.requests] == ["reply", "reply"]


async def test_the_assistant_chooses_which_model_is_asked(titled: Line) -> None:
    class Desk(chatapp.Assistant):
        model = "small"

    titled.declares(Desk)

    await titled.answer()
    await get_title_run(titled)

    assert [request.model for request in titled.provider.requests] == ["small", "small"]
    assert isinstance(titled.provider.requests[1], ModelRequest)


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Where is my parcel?", "Where is my parcel?"),
        ("  Where\n is\tmy  parcel? ", "Where is my parcel?"),
        (
            "one two three four five six seven eight nine ten eleven twelve",
            "one two three four five six seven eight nine ten…",
        ),
        ("x" * 60, "x" * 49 + "…"),
        ("a long word, and then " + "y" * 60, "a long word, and then…"),
    ],
)
def test_the_first_words_are_cut_at_a_word(text: str, title: str) -> None:
    assert titles.get_first_words(text) == title
    assert len(title) <= 50


@pytest.mark.parametrize(
    ("answer", "title"),
    [
        ("Parcel in Bern", "Parcel in Bern"),
        ('"Parcel in Bern."', "Parcel in Bern"),
        ("„Paket in Bern“", "Paket in Bern"),
        ("**Parcel in Bern**\n\nI chose this because", "Parcel in Bern"),
        ("# Parcel", "Parcel"),
        ("\n\n  Parcel  in \t Bern \n", "Parcel in Bern"),
        ("one two three four five six seven", "one two three four five six"),
        ("x" * 200, "x" * 80),
        ("", ""),
        ('""', ""),
    ],
)
def test_an_answer_is_cleaned_to_a_title(answer: str, title: str) -> None:
    assert titles.clean(answer) == title


@pytest.mark.parametrize(
    ("setting", "is_first", "is_manual", "wants"),
    [
        ("model", True, False, True),
        ("model", False, False, False),
        ("model", True, True, False),
        ("words", True, False, False),
    ],
)
def test_a_title_is_wanted_after_the_first_answer_only(
    settings: Any, setting: str, is_first: bool, is_manual: bool, wants: bool
) -> None:
    settings.CHATAPP = {"TITLES": setting}

    assert titles.wants_title(is_first_answer=is_first, is_manual=is_manual) is wants
