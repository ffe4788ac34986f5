"""The guided tour: everything that an answer can be made of, without a model."""

import pytest

from chatapp import registry
from chatapp.models import Message
from chatapp.parts import get_kinds
from chatapp.testing import Page, ThreadSocket
from tests.line import Line

with registry.override():  # It is the hosted site's: the suite's own assistants stay as they are.
    from project.assistants import Tour

LEFT_OUT = {"error", "template", "file", "context", "figures"}
"""Kinds that the tour does not show: what failed, what needs a template, what people send along and mention, what an
answer took."""


def find_next(page: Page) -> str:
    """What the first suggestion of the last answer says."""
    return next("".join(item.itertext()) for item in page.articles[-1].iter("button") if "data-submit" in item.attrib)


async def test_the_tour_goes_through_every_kind_of_part_without_a_model(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    line.declares(Tour)
    monkeypatch.setattr(Tour, "pace_seconds", 0)
    said = "Start"
    stops = []

    async with ThreadSocket(line.owner, line.thread_id) as socket:
        for number in range(1, 6):
            await socket.post(said)
            if said == "Questions":
                for question, answer in (
                    ("Which colour", "Green"),
                    ("are you sure?", "Yes"),
                    ("wants to use", "allow"),
                ):
                    await socket.until(lambda page, words=question: words in page.thread)
                    await line.replies(answer, await line.asked())
            await line.ended(number)
            page = await socket.until(
                lambda page, count=2 * number: page.state == "complete" and len(page.articles) == count
            )
            said = find_next(page)
            stops.append(said)

    assert stops == ["Thinking", "Tools", "Questions", "Artifacts", "Text"]
    assert line.provider.requests == []
    assert [state for _, state in line.ends] == ["complete"] * 5
    answers = [message async for message in Message.objects.filter(thread_id=line.thread_id)]
    shown = {part.kind for message in answers for part in message.load_parts()}
    assert {cls.kind for cls in get_kinds() if cls.__module__.startswith("chatapp.")} - shown == LEFT_OUT
    assert {item["status"] for item in (await line.thread()).todos} == {"completed"}


async def test_whatever_else_is_said_begins_the_tour(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    line.declares(Tour)
    monkeypatch.setattr(Tour, "pace_seconds", 0)

    run = await line.answer("What can you do?")

    assert run.reply is not None
    assert run.reply.text.startswith("## Text")
