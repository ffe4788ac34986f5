"""What is stored, and what the database itself refuses."""

from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

import chatapp
from chatapp.models import LIVE_STATES, Message, Run, Thread
from chatapp.models.calls import give_back_connections, in_database
from tests.conftest import make_thread

pytestmark = pytest.mark.django_db


@pytest.fixture
def thread(owner: Any) -> Thread:
    """A thread with one exchange."""
    return make_thread(owner, ("Hi", "Hello."))


def make_run(thread: Thread, **values: Any) -> Run:
    """One more run of this thread."""
    now = timezone.now()
    return Run.objects.create(thread=thread, **{"started_at": now, "heartbeat_at": now, **values})


def test_the_latest_input_is_what_the_person_sent_last(owner: Any) -> None:
    thread = Thread.objects.create(owner=owner, assistant="guide", updated_at=timezone.now())
    assert thread.get_latest_input() is None
    for text in ("One", "Two"):
        Message.objects.create(thread=thread, role="user", text=text)
        Message.objects.create(thread=thread, role="assistant", text="So?")
    Message.objects.create(thread=thread, role="user", text="Hidden", visible=False)

    latest = thread.get_latest_input()

    assert latest is not None
    assert latest.text == "Two"


@pytest.mark.parametrize("first", LIVE_STATES)
@pytest.mark.parametrize("second", LIVE_STATES)
def test_a_thread_has_one_live_reply(thread: Thread, first: str, second: str) -> None:
    make_run(thread, state=first)

    with pytest.raises(IntegrityError), transaction.atomic():
        make_run(thread, state=second)


def test_a_title_or_what_has_ended_does_not_keep_it_from_that(thread: Thread, owner: Any) -> None:
    for state in ("complete", "stopped", "failed", "interrupted"):
        make_run(thread, state=state)
    make_run(thread, kind="title")
    make_run(thread, kind="title")
    make_run(make_thread(owner))

    assert make_run(thread).state == "running"


def test_a_client_id_is_once_in_a_thread(thread: Thread, owner: Any) -> None:
    client_id = uuid4()
    Message.objects.create(thread=thread, role="user", client_id=client_id)
    Message.objects.create(thread=make_thread(owner), role="user", client_id=client_id)
    Message.objects.create(thread=thread, role="assistant")
    Message.objects.create(thread=thread, role="assistant")

    with pytest.raises(IntegrityError), transaction.atomic():
        Message.objects.create(thread=thread, role="user", client_id=client_id)


def test_a_message_is_said_by_one_run(thread: Thread) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        make_run(thread, state="complete", reply=thread.head)


def test_a_person_takes_their_threads_with_them(thread: Thread, owner: Any) -> None:
    owner.delete()

    assert not Thread.objects.exists()
    assert not Message.objects.exists()
    assert not Run.objects.exists()


def test_a_message_that_is_deleted_is_no_head(thread: Thread) -> None:
    assert thread.head is not None
    thread.head.delete()

    thread.refresh_from_db()
    assert thread.head is None


def test_parts_are_stored_and_come_back(thread: Thread) -> None:
    parts = [{"kind": "text", "text": "Hi 😀"}, {"kind": "map", "points": [1, None, {"a": 1.5}]}]
    message = Message.objects.create(thread=thread, role="assistant", parts=parts)

    message.refresh_from_db()

    assert message.parts == parts
    assert message.load_parts() == [chatapp.TextPart(text="Hi 😀"), chatapp.UnknownPart(data=parts[1])]


def test_rows_name_themselves_without_what_was_said(thread: Thread) -> None:
    run = Run.objects.get()

    assert str(thread) == "A thread"
    assert str(Thread(pk=thread.pk)) == str(thread.pk)
    assert str(thread.head) == f"assistant {thread.head_id}"
    assert str(run) == f"reply {run.pk} (complete)"
    assert thread.get_absolute_url() == f"/chat/{thread.pk}/"


@pytest.mark.parametrize(
    ("state", "is_ended", "is_live"), [("running", False, True), ("stopped", False, True), ("stopped", True, False)]
)
def test_a_run_is_live_until_its_last_words_are_stored(
    thread: Thread, state: str, is_ended: bool, is_live: bool
) -> None:
    run = make_run(thread, state=state, finished_at=timezone.now() if is_ended else None)

    assert run.is_live is is_live


@pytest.mark.django_db(transaction=True)
async def test_a_call_into_the_database_is_awaited_and_says_what_went_wrong(owner: Any) -> None:
    @in_database
    def count(least: int) -> int:
        """How many there are."""
        found = Thread.objects.count()
        if found < least:
            raise LookupError(f"{found} are too few")
        return found

    await sync_to_async(make_thread)(owner)

    assert await count(1) == 1
    with pytest.raises(LookupError, match="1 are too few"):
        await count(2)


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_failed_is_given_back(owner: Any) -> None:
    connection.ensure_connection()
    connection.errors_occurred = True
    connection.close_at = 0.0

    give_back_connections()

    assert connection.connection is None
