"""A stored message, its parts and the pieces of the page around it."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

import chatapp
from chatapp.rendering import renderer
from chatapp.rendering.renderer import MessageView

MESSAGE = UUID(int=1)


def make_view(**values: Any) -> MessageView:
    """A complete answer."""
    return MessageView(**{"id": MESSAGE, "role": "assistant", "state": "complete", "label": "Guide said", **values})


def test_a_message_of_a_person_is_not_markdown() -> None:
    html = renderer.render_message(make_view(role="user", parts=[chatapp.TextPart(text="**<b>Hi</b>**")]))

    assert "**&lt;b&gt;Hi&lt;/b&gt;**" in html
    assert "<strong>" not in html


def test_a_message_names_itself_for_people_and_programs() -> None:
    client = uuid4()

    html = renderer.render_message(make_view(client_id=client, parts=[chatapp.TextPart(text="Hi")], source="Hi"))

    for attribute in (
        f'id="m-{MESSAGE}"',
        f'data-chat-message="{MESSAGE}"',
        'data-chat-role="assistant"',
        'data-chat-state="complete"',
        f'data-chat-client="{client}"',
        'aria-label="Guide said"',
        "data-chat-text",
    ):
        assert attribute in html


def test_without_parts_a_message_is_the_frame_to_draw_into() -> None:
    view = make_view(parts=[chatapp.TextPart(text="Hi")], state="streaming")

    html = renderer.render_message(view, with_parts=False)

    assert "Hi" not in html
    assert f'id="m-{MESSAGE}-parts"' in html


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (
            chatapp.ErrorPart(code="busy", message="Busy <now>.", reference="7F3K-2Q"),
            ["Busy &lt;now&gt;.", "ref 7F3K-2Q"],
        ),
        (chatapp.NoticePart(code="length", message="Cut <off>."), ["Cut &lt;off&gt;."]),
        (chatapp.ThinkingPart(text="<i>Hm", seconds=3.4), ["&lt;i&gt;Hm", "Thought for 3 s"]),
        (chatapp.UnknownPart(data={"kind": "map", "html": "<b>"}), ["This part of the message cannot be shown here."]),
    ],
    ids=lambda part: getattr(part, "kind", None),
)
def test_each_kind_of_part_says_what_it_has_and_nothing_as_html(part: chatapp.Part, said: list[str]) -> None:
    html = renderer.render_stored_part(MESSAGE, 4, part)

    assert f'id="m-{MESSAGE}-4"' in html
    assert all(text in html for text in said)


@pytest.mark.parametrize(
    ("view", "has", "has_not"),
    [
        (make_view(can_retry=True, source="Hi"), ["Try again", "data-chat-copy", "data-chat-source"], ["chat-failure"]),
        (make_view(state="stopped", can_retry=True), ["You stopped this answer.", "Try again"], ["chat-failure"]),
        (
            make_view(
                state="interrupted", can_retry=True, error_message="It was interrupted.", error_reference="7F3K-2Q"
            ),
            ["It was interrupted.", "ref 7F3K-2Q", "Try again"],
            [],
        ),
        (make_view(state="failed", can_retry=True), ["Try again"], ["chat-failure"]),
        (make_view(state="streaming"), ['value="streaming"'], ["Try again", "data-chat-copy"]),
        (make_view(model="gpt-5-mini", tokens=1), ["gpt-5-mini · 1 token<"], ["Try again"]),
        (make_view(cause="<b>timeout"), ["&lt;b&gt;timeout"], []),
        (make_view(role="user"), ['value="complete"'], ["Try again", "data-chat-copy"]),
    ],
    ids=["complete", "stopped", "interrupted", "failed", "streaming", "metered", "cause", "user"],
)
def test_the_foot_says_how_it_ended_and_what_can_be_done(view: MessageView, has: list[str], has_not: list[str]) -> None:
    html = renderer.render_foot(view)

    assert [text for text in has if text not in html] == []
    assert [text for text in has_not if text in html] == []
    assert f'<chat-state value="{view.state}">' in html


@pytest.mark.parametrize(
    ("view", "is_user", "is_live"),
    [
        (make_view(), False, False),
        (make_view(role="user"), True, False),
        (make_view(state="streaming"), False, True),
        (make_view(state="waiting"), False, True),
        (make_view(created_at=datetime.now(UTC), state="stopped"), False, False),
    ],
)
def test_a_view_knows_who_speaks_and_whether_more_may_come(view: MessageView, is_user: bool, is_live: bool) -> None:
    assert (view.is_user, view.is_live) == (is_user, is_live)


def test_a_notice_is_escaped_and_names_the_message_that_was_not_taken() -> None:
    html = renderer.render_notice("No <b>way</b>.", level="error", refused="abc")

    assert "No &lt;b&gt;way&lt;/b&gt;." in html
    assert 'data-chat-refused="abc"' in html
    assert 'role="alert"' in html
    assert 'role="status"' in renderer.render_notice("Hi", level="info")


def test_there_is_one_button_send_or_stop() -> None:
    assert "Stop answering" in renderer.render_action(is_live=True)
    assert "Send message" in renderer.render_action(is_live=False)
    assert renderer.render_action(is_live=True).count("<button") == 1


def test_the_log_has_a_way_to_earlier_messages_only_if_there_are_any() -> None:
    older, thread = uuid4(), uuid4()

    html = renderer.render_messages([make_view()], thread_id=thread, older_before=older)

    assert f"/chat/{thread}/?before={older}" in html
    assert "Show earlier messages" not in renderer.render_messages([make_view()], thread_id=thread)


def test_plain_text_is_shown_letter_by_letter() -> None:
    part = chatapp.RawPart(text="**not bold** <b>nor this</b>")

    html = renderer.render_stored_part(uuid4(), 0, part)

    assert "**not bold** &lt;b&gt;nor this&lt;/b&gt;" in html
    assert part.plain == "**not bold** <b>nor this</b>"
