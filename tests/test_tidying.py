"""What people do to a conversation without saying anything."""

from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from chatapp import tidying
from chatapp.models import Thread
from chatapp.providers.scripted import gate
from chatapp.runs import trash
from tests.conftest import make_thread
from tests.line import Line


async def delete_for_good() -> None:
    """The time in which a deletion can be undone is over."""
    await Thread.objects.filter(deleted_at__isnull=False).aupdate(deleted_at=timezone.now() - timedelta(hours=1))
    await trash.aempty()


@pytest.mark.parametrize(
    ("title", "stored"),
    [
        ("Parcels", "Parcels"),
        ("  My \n parcels\x00 ", "My parcels"),
        ("x" * 300, "x" * 200),
    ],
)
async def test_a_title_of_the_owners_own_is_cleaned_and_kept(line: Line, title: str, stored: str) -> None:
    await line.answer()

    assert await tidying.rename(line.owner, line.thread_id, title) == stored

    thread = await line.thread()
    assert (thread.title, thread.title_is_manual) == (stored, True)


async def test_an_empty_title_changes_nothing(line: Line) -> None:
    await line.answer("Where?")

    assert await tidying.rename(line.owner, line.thread_id, " \n ") == "Where?"

    assert (await line.thread()).title_is_manual is False


async def test_a_deleted_thread_takes_everything_with_it(line: Line) -> None:
    await line.answer()
    await line.answer("And?")
    other = await sync_to_async(make_thread)(line.owner, ("Mine", "Stays."))

    await tidying.delete(line.owner, line.thread_id)
    await delete_for_good()

    assert [thread async for thread in Thread.objects.all()] == [other]
    assert await line.count() == (1, 2, 1)


async def test_an_answer_under_way_ends_quietly_with_its_thread(line: Line, caplog: pytest.LogCaptureFixture) -> None:
    line.says("Hi", gate("hold"))
    await line.post()
    await line.provider.reached("hold")

    await tidying.delete(line.owner, line.thread_id)
    await line.provider.ended()
    await delete_for_good()

    assert await line.count() == (0, 0, 0)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
