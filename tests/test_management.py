"""The commands that look after runs."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from chatapp.models import Run, Thread
from tests.conftest import make_thread

pytestmark = pytest.mark.django_db


def run(name: str, *arguments: str) -> str:
    """What a command prints."""
    out = StringIO()
    call_command(name, *arguments, stdout=out)
    return out.getvalue()


def test_status_shows_live_runs_with_what_is_left_of_their_lease(owner: Any) -> None:
    thread = make_thread(owner, ("q", "a"), state="running")
    Run.objects.update(hub="box.7", seq=12, heartbeat_at=timezone.now() - timedelta(seconds=5))

    (row,) = json.loads(run("chatapp_status", "--json"))["runs"]

    assert row["thread"] == str(thread.pk)
    assert (row["state"], row["live"], row["hub"], row["seq"], row["kind"]) == ("running", True, "box.7", 12, "reply")
    assert row["lease_left_seconds"] == pytest.approx(10, abs=2)
    assert row["age_seconds"] == pytest.approx(0, abs=5)


def test_status_shows_runs_of_the_last_hour_and_not_older_ones(owner: Any) -> None:
    make_thread(owner, ("q", "a"))
    old = make_thread(owner, ("q", "a"))
    Run.objects.filter(thread=old).update(started_at=timezone.now() - timedelta(hours=2))

    (row,) = json.loads(run("chatapp_status", "--json"))["runs"]

    assert (row["state"], row["live"], row["lease_left_seconds"]) == ("complete", False, None)


def test_status_for_people_counts_and_never_says_what_was_said(owner: Any) -> None:
    make_thread(owner, ("a secret question", "a secret answer"), state="running")
    make_thread(owner, ("q", "a"))

    text = run("chatapp_status")

    assert text.splitlines()[0] == "1 live, 2 in all"
    assert "secret" not in text
    assert "lease +" in text


def test_status_costs_one_query(owner: Any, django_assert_num_queries: Any) -> None:
    for _ in range(5):
        make_thread(owner, ("q", "a"))

    with django_assert_num_queries(1):
        run("chatapp_status")


@pytest.mark.django_db(transaction=True)
def test_sweep_ends_runs_whose_lease_has_run_out(owner: Any) -> None:
    dead = make_thread(owner, ("q", "a"), state="running")
    make_thread(owner, ("q", "a"), state="running")
    Run.objects.filter(thread=dead).update(heartbeat_at=timezone.now() - timedelta(minutes=5))

    assert run("chatapp_sweep") == "1 interrupted\n"
    assert run("chatapp_sweep") == "0 interrupted\n"
    assert Run.objects.get(thread=dead).state == "interrupted"


def test_sweep_deletes_threads_that_nobody_ever_began(owner: Any) -> None:
    old = make_thread(owner, title="", greeting=[])
    make_thread(owner, title="")
    make_thread(owner, ("Hi", "Hello."), greeting=[])
    Thread.objects.update(updated_at=timezone.now() - timedelta(days=2))

    assert run("chatapp_sweep") == "0 interrupted\n1 purged\n"

    assert not Thread.objects.filter(pk=old.pk).exists()
    assert Thread.objects.count() == 2
