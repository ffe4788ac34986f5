"""Icons and messages in templates."""

import re
from uuid import UUID

import pytest
from django.template import Context, Template

from chatapp.icons import ICONS
from chatapp.parts import TextPart
from chatapp.rendering.renderer import MessageView, render_message
from chatapp.templatetags.chatapp import icon


@pytest.mark.parametrize("name", ICONS)
def test_an_icon_is_a_drawing_without_text(name: str) -> None:
    html = icon(name)

    assert re.fullmatch(
        r'<svg class="chat-icon chat-icon-[a-z-]+" [^<>]*aria-hidden="true"><path d="[^"<>]+"/></svg>', html
    )


def test_an_unknown_icon_is_the_spark() -> None:
    assert icon('"><script>') == icon("spark")


def test_a_page_draws_a_message_as_the_stream_does() -> None:
    view = MessageView(
        id=UUID(int=7), role="assistant", state="complete", label="Guide said", parts=[TextPart(text="**Hello**")]
    )
    page = Template("{% load chatapp %}{% render_message message %}")

    assert page.render(Context({"message": view})) == render_message(view)
    assert "<strong>Hello</strong>" in render_message(view)


@pytest.mark.parametrize(
    ("state", "words", "is_disabled"),
    [
        (None, "", True),
        ("streaming", "Answering…", False),
        ("waiting", "Answering…", False),
        ("complete", "Answer finished.", True),
        ("stopped", "Answer stopped.", True),
        ("failed", "The answer failed.", True),
        ("interrupted", "The answer failed.", True),
    ],
)
def test_the_tags_say_how_the_last_answer_stands(state: str | None, words: str, is_disabled: bool) -> None:
    views = [MessageView(id=UUID(int=1), role="user", state="complete", label="You said")]
    if state:
        views.append(MessageView(id=UUID(int=2), role="assistant", state=state, label="", run_id=UUID(int=3)))

    html = Template("{% load chatapp %}{% chat_status %}|{% chat_cancel %}").render(Context({"messages": views}))

    status, cancel = html.split("|")
    assert re.sub(r"<[^>]+>", "", status) == words
    assert (" disabled>" in cancel) is is_disabled
