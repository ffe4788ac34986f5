"""Stretches of an answer that are said anew, and what a page shows of that: always what a fresh page load shows."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import async_to_sync

import chatapp
from chatapp import actions, registry
from chatapp.errors import ChatappError
from chatapp.events import Mark, Rewind
from chatapp.models import Run
from chatapp.parts import Part
from chatapp.runs.assembler import Assembler
from chatapp.runs.yields import UnknownYield
from chatapp.stretches import MessageStream
from chatapp.testing import ask
from chatapp.turn import Turn
from tests.line import Line

from .histories import FIRST_SEED, HISTORIES, SETTINGS, Scene, play
from .samples import PIECES
from .test_follower import open_tab, reload

PARTS = [
    chatapp.CitationPart(url="https://example.org/", title="E"),
    chatapp.NoticePart(code="note", message="Mind the gap"),
    chatapp.ThinkingPart(text="Hm."),
    chatapp.ToolCall(name="search", arguments={"q": "<b>"}),
    chatapp.CodeArtifact(content="x = 1\n", language="python"),
]


class Speaks(chatapp.Assistant):
    """Says what the test gives it."""

    slug = "speaks"
    body: Any = None

    async def respond(self, turn: Turn) -> AsyncIterator[Any]:
        async for item in type(self).body(turn):
            yield item


def speak(line: Line, body: Any) -> None:
    """From now on `body(turn)` answers, an async generator function."""
    line.declares(type("Body", (Speaks,), {"body": staticmethod(body), "slug": "body"}))


async def hear(body: Any) -> str:
    """What an assistant says whose `respond` this is."""
    return (await ask(type("Body", (Speaks,), {"body": staticmethod(body), "slug": "body"}), "Hi")).text


async def test_what_is_appended_shows_at_once_and_is_stored_when_the_answer_ends(line: Line) -> None:
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def body(turn: Turn) -> AsyncIterator[Any]:
        async with turn.message_stream() as message:
            await message.append("Hello", " **you**")
            reached.set()
            await go_on.wait()
        yield "."

    speak(line, body)
    await line.post()
    async with open_tab(line) as tab:
        await reached.wait()
        await tab.until(lambda page: page.text == "Hello you")
        go_on.set()
        page = await tab.until(lambda page: page.state == "complete")

    assert page.text == "Hello you."
    assert page.thread == (await reload(line)).thread


async def test_what_was_said_is_stored_also_when_the_body_raises(line: Line) -> None:
    async def body(turn: Turn) -> AsyncIterator[Any]:
        async with turn.message_stream() as message:
            await message.append("So far.")
            if turn.text:
                raise RuntimeError("no more")
        yield ""

    speak(line, body)

    run = await line.answer()

    assert str(run.state) == "failed"
    assert [part.kind for part in await line.parts()] == ["text", "error"]
    assert (await line.parts())[0] == chatapp.TextPart(text="So far.")


async def test_leaving_an_inner_stream_neither_ends_nor_stores_the_message(line: Line) -> None:
    stored: list[Any] = []

    async def body(turn: Turn) -> AsyncIterator[Any]:
        async with turn.message_stream() as outer:
            await outer.append("One")
            async with turn.message_stream() as inner:
                await inner.append(" two")
            run = await Run.objects.select_related("reply").aget(pk=str(turn.run_id))
            stored.append((str(run.state), run.reply.parts if run.reply else None))
            await outer.append(" three")
        yield "."

    speak(line, body)
    await line.answer()

    assert stored == [("running", [])]
    assert await line.parts() == [chatapp.TextPart(text="One two three.")]


async def test_progress_that_is_replaced_leaves_the_final_text_only(line: Line) -> None:
    async def body(turn: Turn) -> AsyncIterator[Any]:
        yield "Working:\n\n"
        async with turn.message_stream() as message:
            for percent in range(0, 101, 20):
                await message.replace(f"**{percent} %**")
            await message.replace("Done.")

    speak(line, body)
    await line.post()
    async with open_tab(line) as tab:
        page = await tab.until(lambda page: page.state == "complete")

    assert await line.parts() == [chatapp.TextPart(text="Working:\n\nDone.")]
    assert page.thread == (await reload(line)).thread


async def test_replacing_by_nothing_goes_back_to_the_checkpoint() -> None:
    async def body(turn: Turn) -> AsyncIterator[Any]:
        async with turn.message_stream() as outer:
            await outer.append("Keep ")
            async with turn.message_stream() as inner:
                await inner.append("drop")
                await inner.replace("")
                await inner.append("this")
        yield "."

    assert await hear(body) == "Keep this."


async def test_the_outer_replace_takes_back_what_the_inner_said() -> None:
    async def body(turn: Turn) -> AsyncIterator[Any]:
        yield "Before. "
        async with turn.message_stream() as outer:
            await outer.append("Out ")
            async with turn.message_stream() as inner:
                await inner.append("in ")
            await outer.replace("New.")

    assert await hear(body) == "Before. New."


async def test_the_outer_replaces_while_the_inner_is_open() -> None:
    async def body(turn: Turn) -> AsyncIterator[Any]:
        async with turn.message_stream() as outer:
            await outer.append("Out ")
            async with turn.message_stream() as inner:
                await inner.append("in ")
                await outer.replace("New ")
                await inner.append("more")
                await inner.replace("words")
        yield "."

    assert await hear(body) == "New words."


async def test_a_replace_takes_back_parts_of_every_kind(line: Line) -> None:
    async def body(turn: Turn) -> AsyncIterator[Any]:
        yield "Before "
        async with turn.message_stream() as message:
            await message.append("text", *PARTS, "more text", chatapp.ThinkingDelta("and thinking"))
            await asyncio.sleep(0)
            await message.replace(chatapp.NoticePart(code="note", message="Only this."))
        yield "After"

    speak(line, body)
    await line.post()
    async with open_tab(line) as tab:
        page = await tab.until(lambda page: page.state == "complete")

    assert [part.kind for part in await line.parts()] == ["text", "notice", "text"]
    assert page.thread == (await reload(line)).thread
    assert page.missed == []


async def test_a_tool_deep_inside_finds_the_message_that_is_being_said(line: Line) -> None:
    async def look_up() -> str:
        async with chatapp.message_stream() as message:
            await message.append("Looking…")
            await message.replace(chatapp.CitationPart(url="https://example.org/", title="Found"))
        return "Bern"

    async def body(turn: Turn) -> AsyncIterator[Any]:
        yield "I look it up. "
        yield f"It is in {await asyncio.create_task(look_up())}."

    speak(line, body)
    await line.answer()

    assert [part.kind for part in await line.parts()] == ["text", "citation", "text"]


async def test_a_tool_in_a_thread_finds_it_too(line: Line) -> None:
    async def work() -> None:
        async with chatapp.message_stream() as message:
            await message.append("Working")
            async with chatapp.message_stream() as inner:
                await inner.append(" hard")
                await inner.replace(" well")

    def respond() -> Iterator[str]:
        yield "First. "
        async_to_sync(work)()
        yield "."

    line.declares(respond)
    await line.answer()

    assert await line.parts() == [chatapp.TextPart(text="First. Working well.")]


async def test_where_nothing_is_said_there_is_no_stream() -> None:
    with pytest.raises(ChatappError, match="no answer is being said here"):
        chatapp.message_stream()
    with pytest.raises(ChatappError, match="made by hand"):
        Turn(assistant=chatapp.Assistant(), messages=()).message_stream()


async def test_a_stream_is_used_while_it_is_open_and_entered_once() -> None:
    async def body(turn: Turn) -> AsyncIterator[Any]:
        async with turn.message_stream() as message:
            with pytest.raises(ChatappError, match="entered before"):
                await message.__aenter__()
        with pytest.raises(ChatappError, match="not open"):
            await message.append("late")
        with pytest.raises(ChatappError, match="not open"):
            await turn.message_stream().replace("early")
        yield "Done."

    assert await hear(body) == "Done."


async def test_nothing_is_added_after_the_end(line: Line) -> None:
    kept: list[Turn] = []

    async def body(turn: Turn) -> AsyncIterator[Any]:
        kept.append(turn)
        yield "Done."

    speak(line, body)
    await line.answer()

    with pytest.raises(ChatappError, match="this answer has ended"):
        async with kept[0].message_stream():
            pass
    assert await line.parts() == [chatapp.TextPart(text="Done.")]


async def test_two_parallel_streams_and_what_is_yielded_meanwhile_never_interleave() -> None:
    async def count(name: str, opened: asyncio.Event) -> None:
        async with chatapp.message_stream():
            opened.set()
            for number in range(3):
                await asyncio.sleep(0)
                async with chatapp.message_stream() as inner:
                    await inner.append("x")
                    await asyncio.sleep(0)
                    await inner.replace(f"{name}{number} ")

    async def body(turn: Turn) -> AsyncIterator[Any]:
        opened = asyncio.Event()
        tasks = [asyncio.create_task(count(name, opened)) for name in "ab"]
        await opened.wait()
        yield "Yielded. "
        await asyncio.gather(*tasks)

    said = await hear(body)

    assert sorted([said.index("a0 a1 a2 "), said.index("b0 b1 b2 "), said.index("Yielded. ")])[0] == 0
    assert len(said) == len("a0 a1 a2 b0 b1 b2 Yielded. ")


async def test_an_open_question_is_not_taken_back(line: Line) -> None:
    async def body(turn: Turn) -> AsyncIterator[Any]:
        async with turn.message_stream() as message:
            await message.append(chatapp.InputRequest(prompt="Proceed?", input_type="buttons"))
            with pytest.raises(ChatappError, match="a question is open"):
                await message.replace("")
            yield await turn.wait_for_input()

    speak(line, body)
    await line.post()
    question = await line.asked()
    await line.replies("Yes", question)
    await line.ended()

    assert [part.kind for part in await line.parts()] == ["question", "text"]


async def test_what_cannot_be_yielded_cannot_be_appended() -> None:
    async def body(turn: Turn) -> AsyncIterator[Any]:
        async with turn.message_stream() as message:
            with pytest.raises(UnknownYield, match="object"):
                await message.append("So far. ", object())
        yield "Done."

    assert await hear(body) == "So far. Done."


# ---- the marks beneath


def test_a_rewind_needs_its_mark() -> None:
    with pytest.raises(UnknownYield, match="yield the Mark first"):
        Assembler().take(Rewind(Mark()))


def test_what_was_changed_in_place_before_a_mark_stays_changed() -> None:
    assembler, mark = Assembler(), Mark()
    assembler.take(chatapp.ToolCall(tool_id="t", name="search"))
    assembler.take(mark)
    assembler.take("Words")
    assembler.take(chatapp.ToolResult(tool_id="t", result=3))

    assembler.take(Rewind(mark))

    (row,) = assembler.to_parts()
    assert isinstance(row, chatapp.ToolCallPart)
    assert row.state == "done"


def test_a_tag_that_a_rewind_cuts_is_as_if_it_had_never_gone_on() -> None:
    assembler, mark = Assembler(clock=lambda: 0.0), Mark()
    for item in ("<thin", mark, "g> is no tag", Rewind(mark), "king>Hm.</thinking>\nWell."):
        assembler.take(item)
    assembler.end()

    assert [part.kind for part in assembler.to_parts()] == ["thinking", "text"]


def test_room_that_is_taken_back_can_be_used_again() -> None:
    assembler, mark = Assembler(max_chars=10), Mark()
    for item in ("12345", mark, "6789 and more"):
        assembler.take(item)
    was_full = assembler.is_full

    assembler.take(Rewind(mark))
    assembler.take("678")
    assembler.end()

    assert (was_full, assembler.is_full) == (True, False)
    assert assembler.to_parts() == [chatapp.TextPart(text="12345678")]


def write_history(chance: random.Random, depth: int = 0) -> list[Any]:
    """What somebody does with streams: pieces that are said, streams (lists), and replacements (tuples)."""
    history: list[Any] = []
    for _ in range(chance.randint(1, 6)):
        what = chance.random()
        if what < 0.2 and depth < 3:
            history.append(write_history(chance, depth + 1))
        elif what < 0.4 and depth:
            history.append(tuple(chance.choices([*PIECES, *PARTS, ""], k=chance.randint(0, 2))))
        elif what < 0.55:
            history.append(chance.choice(PARTS))
        else:
            piece = chance.choice(PIECES)
            cut = chance.randint(0, len(piece))
            history += [piece[:cut], piece[cut:]]
    return history


def list_survivors(history: list[Any]) -> list[Any]:
    """What is left of a history in the end."""
    said: list[Any] = []
    for item in history:
        if isinstance(item, tuple):
            said = list(item)
        elif isinstance(item, list):
            said += list_survivors(item)
        else:
            said.append(item)
    return said


def play_marks(assembler: Assembler, history: list[Any]) -> None:
    """The history as marks and rewinds."""
    mark = Mark()
    assembler.take(mark)
    for item in history:
        if isinstance(item, tuple):
            for again in (Rewind(mark), *item):
                assembler.take(again)
        elif isinstance(item, list):
            play_marks(assembler, item)
        else:
            assembler.take(item)


async def play_streams(message: MessageStream, history: list[Any], chance: random.Random) -> None:
    """The history as streams in one another."""
    for item in history:
        if isinstance(item, tuple):
            await message.replace(*item)
        elif isinstance(item, list):
            async with chatapp.message_stream() as inner:
                await play_streams(inner, item, chance)
        else:
            await message.append(item)
        for _ in range(chance.choice([0, 0, 1, 5])):
            await asyncio.sleep(0)


def assemble(items: list[Any]) -> list[Part]:
    """The parts that somebody says who never takes anything back."""
    assembler = Assembler(clock=lambda: 0.0)
    for item in items:
        assembler.take(item)
    assembler.end()
    return assembler.to_parts()


def without_ids(parts: list[Part]) -> list[Part]:
    """The parts; calls of tools get an id each time."""
    return [
        part.model_copy(update={"tool_id": ""}) if isinstance(part, chatapp.ToolCallPart) else part for part in parts
    ]


@pytest.mark.parametrize("seed", range(200))
def test_what_was_taken_back_is_as_if_it_had_never_been_said(seed: int) -> None:
    history = write_history(random.Random(seed))
    assembler = Assembler(clock=lambda: 0.0)

    play_marks(assembler, history)
    assembler.end()

    assert without_ids(assembler.to_parts()) == without_ids(assemble(list_survivors(history)))


def make_assistant(chance: random.Random) -> Any:
    """Says things and takes them back, as chance will have it."""

    async def respond(turn: Turn) -> AsyncIterator[Any]:
        yield chance.choice(["", *PIECES])
        async with turn.message_stream() as message:
            await play_streams(message, write_history(chance, 1), chance)
            yield chance.choice(["", *PIECES])
        yield chance.choice(["", *PIECES])

    return respond


async def act(scene: Scene) -> None:
    """Somebody asks in one of the processes, and perhaps somebody stops the answer."""
    place = scene.chance.randrange(2)
    with scene.at(place):
        await actions.post_message(scene.user, scene.thread_id, text="What now?", client_id=uuid4())
        await scene.pause(60)
        if scene.chance.random() < 0.2:
            await actions.stop(scene.user, scene.thread_id)
    await scene.runners[place].checkpoint()
    async with asyncio.timeout(20):
        # A row of the database has no event to wait for.
        while await scene.is_answering():  # noqa: ASYNC110
            await asyncio.sleep(0.002)


@pytest.mark.django_db(transaction=True)
async def test_after_any_history_of_streams_the_page_equals_a_fresh_page_load(owner: Any, settings: Any) -> None:
    settings.CHATAPP = SETTINGS

    for seed in range(FIRST_SEED, FIRST_SEED + HISTORIES):
        with registry.override(make_assistant(random.Random(-seed))):
            await play(seed, owner, act, most=1)
