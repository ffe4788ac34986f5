"""The branch of a thread that is shown, and what a page lacks of it."""

import re
from typing import Any
from unittest import mock
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.test import override_settings
from django.utils import timezone

import chatapp
from chatapp.models import Message, Run, Thread
from chatapp.policy import Policy
from chatapp.rendering.renderer import MessageView, render_foot, render_message
from chatapp.runs import changes, transcript
from chatapp.runs.changes import Changes
from tests.conftest import make_thread

pytestmark = pytest.mark.django_db


def find(
    thread: Thread, *, last: UUID | None = None, cursors: dict[UUID, int] | None = None, size: int = 50
) -> Changes:
    """What a page lacks that shows this."""
    thread = Thread.objects.select_related(*changes.WITH_HEAD).get(pk=thread.pk)
    return changes.find_changes(thread, last=last, cursors=cursors or {}, page_size=size)


def get_texts(views: Any) -> list[str]:
    """What these messages say."""
    return [view.source for view in views]


def add_reply(thread: Thread, parent: Message, text: str, *, state: str = "complete") -> Message:
    """Another answer to this question, which becomes the head."""
    parts = [chatapp.TextPart(text=text).dump()]
    reply = Message.objects.create(thread=thread, parent=parent, role="assistant", parts=parts, text=text)
    now = timezone.now()
    ended = None if state == "running" else now
    Run.objects.create(
        thread=thread,
        prompt=parent,
        reply=reply,
        state=state,
        started_at=now,
        heartbeat_at=now,
        finished_at=ended,
        seq=3,
    )
    thread.head = reply
    thread.save(update_fields=["head"])
    return reply


@pytest.fixture
def thread(owner: Any) -> Thread:
    """Two questions and their answers."""
    return make_thread(owner, ("One?", "One."), ("Two?", "Two."))


# ---- the branch


def test_the_branch_is_what_leads_to_the_head(thread: Thread) -> None:
    assert thread.head is not None
    assert thread.head.parent is not None
    first = add_reply(thread, thread.head.parent, "Other two.")

    path = transcript.get_path(thread)

    assert get_texts(transcript.load_views(thread, path)) == ["One?", "One.", "Two?", "Other two."]
    assert path[-1] == first.pk


def test_a_thread_without_a_head_is_empty(owner: Any) -> None:
    assert transcript.get_path(make_thread(owner)) == []


def test_a_branch_takes_one_query_whatever_its_length(owner: Any, django_assert_num_queries: Any) -> None:
    thread = make_thread(owner, *[(f"{number}?", f"{number}.") for number in range(20)])

    with django_assert_num_queries(1):
        path = transcript.get_path(thread)
    with django_assert_num_queries(1):
        views = transcript.load_views(thread, path)

    assert len(views) == 40


def test_hidden_messages_are_not_shown(thread: Thread) -> None:
    Message.objects.filter(thread=thread, text="One.").update(visible=False)

    assert get_texts(transcript.load_views(thread, transcript.get_path(thread))) == ["One?", "Two?", "Two."]


def test_messages_of_another_thread_are_not_loaded(thread: Thread, stranger: Any) -> None:
    other = make_thread(stranger, ("Secret?", "Secret."))

    assert transcript.load_views(thread, transcript.get_path(other)) == []


def test_the_model_gets_the_branch_up_to_the_question(thread: Thread) -> None:
    Message.objects.filter(thread=thread, text="One.").update(
        parts=[
            chatapp.ThinkingPart(text="Hm.").dump(),
            chatapp.TextPart(text="One.").dump(),
            chatapp.ErrorPart(code="a", message="Oops").dump(),
        ]
    )
    question = Message.objects.get(thread=thread, text="Two?")

    history = transcript.load_history(thread, question.pk)

    assert [(message.role, message.content) for message in history] == [
        ("user", "One?"),
        ("assistant", "One."),
        ("user", "Two?"),
    ]
    assert history[-1].id == question.pk
    assert [part.kind for part in history[1].parts] == ["thinking", "text", "error"]


def test_the_model_does_not_get_what_is_not_for_it_and_gets_what_is_hidden(thread: Thread) -> None:
    Message.objects.filter(thread=thread, text="One?").update(visible=False)
    Message.objects.filter(thread=thread, text="One.").update(for_model=False)

    history = transcript.load_history(thread, transcript.get_path(thread)[-1])

    assert [message.content for message in history] == ["One?", "Two?", "Two."]


# ---- a message as its template needs it


def test_thinking_that_its_process_never_ended_does_not_go_on_for_ever(thread: Thread) -> None:
    Message.objects.filter(text="Two.").update(parts=[chatapp.ThinkingPart(text="Hm.").dump()])

    view = view_last(thread, state="interrupted", error_code="interrupted")

    assert "<chat-thought>" not in render_message(view)
    assert "Thought for a moment" in render_message(view)


def view_last(thread: Thread, **run_values: Any) -> Any:
    """The view of the last message, whose run has these values."""
    Run.objects.filter(reply=thread.head).update(**run_values)
    return transcript.load_views(thread, transcript.get_path(thread))[-1]


@pytest.mark.parametrize(
    ("state", "shown", "can_retry"),
    [
        ("running", "streaming", False),
        ("waiting", "waiting", False),
        ("complete", "complete", True),
        ("stopped", "stopped", True),
        ("failed", "failed", True),
        ("interrupted", "interrupted", True),
    ],
)
def test_an_answer_is_in_the_state_of_its_run(thread: Thread, state: str, shown: str, can_retry: bool) -> None:
    view = view_last(thread, state=state)

    assert (view.state, view.can_retry) == (shown, can_retry)


def test_an_answer_without_a_run_is_complete(thread: Thread) -> None:
    Run.objects.all().delete()

    assert transcript.load_views(thread, transcript.get_path(thread))[-1].state == "complete"


def test_a_question_is_complete_and_cannot_be_tried_again(thread: Thread) -> None:
    view = transcript.load_views(thread, transcript.get_path(thread))[0]

    assert (view.role, view.label, view.state, view.can_retry) == ("user", "You said", "complete", False)


def test_an_answer_is_named_after_its_assistant_or_its_author(thread: Thread) -> None:
    assert view_last(thread).label == "Model said"

    thread.assistant = "removed-app"
    assert view_last(thread).label == "removed-app said"
    assert view_last(thread).icon == "spark"

    Message.objects.filter(run__reply=thread.head).update(author_label="Ann")
    assert view_last(thread).label == "Ann said"


def test_an_answer_that_failed_says_why_once(thread: Thread) -> None:
    values = {"state": "interrupted", "error_code": "interrupted", "error_reference": "7F3K-2Q"}
    view = view_last(thread, **values)
    assert view.error_message == "The answer was interrupted. What it had said is above."
    assert view.error_reference == "7F3K-2Q"

    error = chatapp.ErrorPart(code="interrupted", message="It was interrupted.").dump()
    Message.objects.filter(run__reply=thread.head).update(parts=[error])
    assert view_last(thread, **values).error_message == ""


def test_the_cause_of_a_failure_is_not_in_the_view(thread: Thread) -> None:
    view = view_last(thread, state="failed", error_code="busy", error="429 from 10.0.0.1")

    assert "10.0.0.1" not in repr(view)


def test_an_answer_shows_its_model_and_its_tokens(thread: Thread) -> None:
    view = view_last(thread, model="gpt-5-mini", output_tokens=7)

    assert (view.model, view.tokens) == ("gpt-5-mini", 7)


FIGURES: dict[str, Any] = {
    "input_tokens": 12_345,
    "output_tokens": 200,
    "cached_tokens": 12_000,
    "reasoning_tokens": 150,
    "cost": "0.001234",
    "latency_ms": 4_000,
}


def view_for(thread: Thread, user: Any) -> MessageView:
    """The last message as the page of this person has it; of nobody's page without one."""
    assert thread.head_id
    (view,) = transcript.load_views(thread, [thread.head_id], user=user)
    return view


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ("tokens", "m · 200 tokens · 4.0 s · 50 tokens/s"),
        ("cost", "m · 200 tokens · 0.0012 USD · 4.0 s · 50 tokens/s"),
        ("none", "m"),
    ],
)
def test_what_an_answer_took_stands_under_it_as_far_as_the_site_wants(thread: Thread, shown: str, said: str) -> None:
    Run.objects.filter(reply=thread.head).update(model="m", **FIGURES)

    with override_settings(CHATAPP={**settings.CHATAPP, "SHOW_USAGE": shown}):
        html = str(render_foot(view_for(thread, thread.owner)))

    meta = re.search(r'<span class="chat-meta".*?</span>(</span>)?', html)
    assert meta
    assert re.sub("<[^>]*>", "", meta[0]) == said
    details = "12,345 tokens in (12,000 cached) · 200 out (150 reasoning)"
    assert (f'title="{details}"' in html, f"{details}<br>" in html) == (shown != "none", shown != "none")


def test_what_an_answer_cost_is_for_whom_the_policy_lets_see_it(thread: Thread) -> None:
    Run.objects.filter(reply=thread.head).update(**FIGURES)

    with override_settings(CHATAPP={**settings.CHATAPP, "SHOW_USAGE": "cost"}):
        mine, read = view_for(thread, thread.owner), view_for(thread, None)
        with mock.patch.object(Policy, "can_see_cost", return_value=False):
            kept = view_for(thread, thread.owner)

    assert [view.figures and view.figures.cost for view in (mine, read, kept)] == ["0.0012 USD", "", ""]


def test_an_answer_of_which_nobody_counted_anything_shows_no_figures(thread: Thread) -> None:
    view = view_last(thread, model="m", latency_ms=4_000)

    assert (view.tokens, view.figures) == (None, None)


@pytest.mark.parametrize(
    ("values", "is_live"),
    [
        ({"state": "running", "finished_at": None}, True),
        ({"state": "stopped", "finished_at": None}, True),
        ({"state": "complete"}, False),
        ({"kind": "title", "state": "running", "finished_at": None}, False),
    ],
)
def test_a_live_run_is_a_reply_that_has_yet_to_write_its_last_words(
    thread: Thread, values: dict[str, Any], is_live: bool
) -> None:
    Run.objects.filter(reply=thread.head).update(**values)

    assert (transcript.get_live_run(thread) is not None) is is_live


# ---- what a page lacks


def test_a_page_that_shows_nothing_gets_the_newest_messages(thread: Thread) -> None:
    found = find(thread, size=3)

    assert found.all_new
    assert get_texts(found.new) == ["One.", "Two?", "Two."]
    assert found.older_before == found.new[0].id
    assert found.last == thread.head_id


def test_a_page_that_shows_nothing_of_a_short_thread_gets_all_of_it(thread: Thread) -> None:
    found = find(thread)

    assert len(found.new) == 4
    assert found.older_before is None


def test_a_page_that_shows_all_lacks_nothing(thread: Thread) -> None:
    found = find(thread, last=thread.head_id)

    assert (found.new, found.gone, found.all_new, found.updated, found.ended, found.live_run) == (
        (),
        [],
        False,
        [],
        [],
        None,
    )


def test_a_page_gets_what_came_after_its_last_message(thread: Thread) -> None:
    first = transcript.get_path(thread)[1]

    found = find(thread, last=first)

    assert not found.all_new
    assert get_texts(found.new) == ["Two?", "Two."]
    assert found.gone == []


def test_a_page_on_another_branch_drops_what_is_not_on_this_one(thread: Thread) -> None:
    old = thread.head
    assert old is not None
    assert old.parent is not None
    new = add_reply(thread, old.parent, "Other two.", state="running")

    found = find(thread, last=old.pk)

    assert found.gone == [old.pk]
    assert get_texts(found.new) == ["Other two."]
    assert found.live_run is not None
    assert found.live_run.reply_id == new.pk


def test_a_page_whose_last_message_is_not_known_gets_everything_anew(thread: Thread) -> None:
    found = find(thread, last=uuid4())

    assert found.all_new
    assert len(found.new) == 4
    assert found.gone == ()


def test_a_page_that_followed_a_run_to_its_end_gets_the_foot_only(thread: Thread) -> None:
    run = Run.objects.get(reply=thread.head)

    found = find(thread, last=thread.head_id, cursors={run.pk: run.seq})

    assert get_texts(found.ended) == ["Two."]
    assert found.updated == []
    assert found.settled == [run.pk]


def test_a_page_that_missed_steps_of_a_run_that_ended_gets_its_parts(thread: Thread) -> None:
    Run.objects.filter(reply=thread.head).update(seq=9)
    run = Run.objects.get(reply=thread.head)

    found = find(thread, last=thread.head_id, cursors={run.pk: 4})

    assert get_texts(found.updated) == ["Two."]
    assert found.ended == []
    assert found.settled == [run.pk]


def test_an_older_message_that_ended_unseen_is_brought_up_to_date_with_the_new_ones(thread: Thread) -> None:
    path = transcript.get_path(thread)
    run = Run.objects.get(reply_id=path[1])

    found = find(thread, last=path[1], cursors={run.pk: 99})

    assert get_texts(found.updated) == ["One."]
    assert get_texts(found.new) == ["Two?", "Two."]


def test_the_run_that_is_live_is_to_be_followed(owner: Any) -> None:
    thread = make_thread(owner, ("Hi", "So far"), state="running")
    run = Run.objects.get(thread=thread)

    found = find(thread, last=thread.head_id, cursors={run.pk: 2})

    assert found.live_run == run
    assert found.settled == []


def test_a_cursor_of_somebody_elses_run_tells_nothing(thread: Thread, stranger: Any) -> None:
    other = make_thread(stranger, ("Secret?", "Secret."))
    run = Run.objects.get(thread=other)

    found = find(thread, last=thread.head_id, cursors={run.pk: 0})

    assert (found.updated, found.ended, found.settled) == ([], [], [])
