"""The thread list of one person, grouped by date."""

from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock
from uuid import uuid4

import pytest
from django.utils import timezone

from chatapp.models import Thread
from chatapp.runs.listing import ThreadGroup, list_threads
from tests.conftest import make_thread

NOW = datetime(2026, 7, 15, 12, 0, tzinfo=UTC)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _noon() -> Any:
    with mock.patch.object(timezone, "now", return_value=NOW), timezone.override("UTC"):
        yield


def list_all(**values: Any) -> list[ThreadGroup]:
    """The list of everybody's threads."""
    return list_threads(Thread.objects.all(), **{"current": None, "limit": 100, **values}).groups


def list_titles(**values: Any) -> dict[str, list[str]]:
    """The titles under each label."""
    return {group.label: [item.title for item in group.items] for group in list_all(**values)}


def make_titled(owner: Any, title: str, *, days: float = 0, **values: Any) -> Thread:
    """A thread in which somebody last said something so many days ago."""
    return make_thread(owner, title=title, updated_at=NOW - timedelta(days=days), **values)


def test_threads_stand_under_the_day_the_week_or_the_month(owner: Any) -> None:
    for title, days in [
        ("now", 0),
        ("this morning", 0.45),
        ("yesterday", 1),
        ("two days ago", 2),
        ("six days ago", 6),
        ("a week ago", 7),
        ("in June", 20),
        ("last year", 300),
        ("the year before", 600),
    ]:
        make_titled(owner, title, days=days)

    assert list_titles() == {
        "Today": ["now", "this morning"],
        "Yesterday": ["yesterday"],
        "Previous 7 days": ["two days ago", "six days ago"],
        "July": ["a week ago"],
        "June": ["in June"],
        "September 2025": ["last year"],
        "November 2024": ["the year before"],
    }


def test_a_day_begins_where_the_person_lives(owner: Any) -> None:
    make_titled(owner, "late in London", days=0.52)  # 23:31 the evening before, UTC

    assert list_titles() == {"Yesterday": ["late in London"]}
    with timezone.override("Europe/Zurich"):
        assert list_titles() == {"Today": ["late in London"]}


def test_a_clock_that_runs_ahead_makes_no_group_of_its_own(owner: Any) -> None:
    make_titled(owner, "from tomorrow", days=-1)

    assert list_titles() == {"Today": ["from tomorrow"]}


def test_pinned_threads_stand_on_top(owner: Any) -> None:
    make_titled(owner, "new")
    make_titled(owner, "pinned", days=400, pinned=True)

    assert list_titles() == {"Pinned": ["pinned"], "Today": ["new"]}


def test_archived_and_temporary_threads_are_not_listed(owner: Any) -> None:
    make_titled(owner, "archived", archived_at=NOW)
    make_titled(owner, "temporary", temporary=True)

    assert list_all() == []


def test_a_thread_without_a_title_is_a_new_chat(owner: Any) -> None:
    make_titled(owner, "")

    assert list_titles() == {"Today": ["New chat"]}


@pytest.mark.parametrize(
    ("state", "is_live"), [("running", True), ("waiting", True), ("complete", False), ("stopped", False)]
)
def test_a_thread_that_is_answering_has_a_mark(owner: Any, state: str, is_live: bool) -> None:
    make_thread(owner, ("Hi", "Hello"), state=state)

    assert [item.is_live for group in list_all() for item in group.items] == [is_live]


def test_the_thread_of_the_page_is_marked_and_linked(owner: Any) -> None:
    here = make_titled(owner, "here")
    there = make_titled(owner, "there", days=0.1)

    items = list_all(current=here.pk)[0].items

    assert [(item.title, item.is_current, item.url) for item in items] == [
        ("here", True, f"/chat/{here.pk}/"),
        ("there", False, f"/chat/{there.pk}/"),
    ]


def test_the_newest_are_listed_in_one_query_whatever_their_number(owner: Any, django_assert_num_queries: Any) -> None:
    Thread.objects.bulk_create(
        Thread(
            pk=uuid4(), owner=owner, assistant="model", title=str(number), updated_at=NOW - timedelta(minutes=number)
        )
        for number in range(20)
    )

    with django_assert_num_queries(1):
        listed = list_titles(limit=3)

    assert listed == {"Today": ["0", "1", "2"]}
