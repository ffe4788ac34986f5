"""A conversation as a file, for its owner."""

import json
from typing import Any

import pytest
from django.test import Client

import chatapp
from chatapp.exporting import export_json, export_markdown
from chatapp.models import Message, Thread
from chatapp.parts import load_part
from tests.conftest import make_thread

pytestmark = pytest.mark.django_db


@pytest.fixture
def thread(owner: Any) -> Thread:
    """A thread with what people see and what they do not."""
    thread = make_thread(owner, ("Where is\nmy parcel?", "In **Bern**."), title="My parcel")
    answer = thread.head
    assert answer is not None
    parts = [
        chatapp.ThinkingPart(text="Let me see.\n\nYes."),
        chatapp.TextPart(text="In **Bern**. <script>x</script>"),
        chatapp.CodeArtifact(content="print('```')", language="python", title="track.py"),
        chatapp.TableArtifact(data=[{"a": 1}], title="Stops"),
    ]
    answer.parts = [part.dump() for part in parts]
    answer.save()
    Message.objects.create(thread=thread, parent=answer.parent, role="assistant", text="In Rome.", parts=[])
    hidden = Message.objects.create(thread=thread, parent=answer, role="user", text="Hidden", visible=False)
    rules = Message.objects.create(thread=thread, parent=hidden, role="system", text="Rules", parts=[])
    thread.head = Message.objects.create(
        thread=thread,
        parent=rules,
        role="assistant",
        author_label="Post office",
        parts=[chatapp.TextPart(text="It is here.").dump()],
    )
    thread.save()
    return thread


def test_markdown_has_the_branch_that_is_shown_as_people_see_it(thread: Thread) -> None:
    title = chatapp.registry.get(thread.assistant)
    name = title.title if title else thread.assistant

    assert export_markdown(thread) == (
        "# My parcel\n\n"
        "## You\n\nWhere is\nmy parcel?\n\n"
        f"## {name}\n\nIn **Bern**. <script>x</script>\n\n"
        "**track.py**\n\n````python\nprint('```')\n````\n\n"
        "**Stops**\n\n"
        "## Post office\n\nIt is here.\n"
    )


def test_thoughts_come_along_when_they_are_asked_for(thread: Thread) -> None:
    assert "> Let me see.\n>\n> Yes." in export_markdown(thread, thinking=True)
    assert "Let me see." not in json.dumps(export_json(thread))
    assert "Let me see." in json.dumps(export_json(thread, thinking=True))


def test_json_has_all_branches_and_every_part_can_be_read_back(thread: Thread) -> None:
    data = json.loads(json.dumps(export_json(thread, thinking=True)))

    stored = {str(message.pk): message for message in thread.messages.all()}
    assert [message["text"] for message in data["messages"]].count("In Rome.") == 1
    assert data["head"] == str(thread.head_id)
    assert {message["role"] for message in data["messages"]} == {"user", "assistant"}
    assert "Hidden" not in json.dumps(data)
    assert "Rules" not in json.dumps(data)
    for message in data["messages"]:
        assert [load_part(part) for part in message["parts"]] == stored[message["id"]].load_parts()


def test_the_file_is_named_after_the_title_and_downloaded(owner_client: Client, thread: Thread) -> None:
    answer = owner_client.get(f"/chat/{thread.pk}/export/")
    data = owner_client.post(f"/chat/{thread.pk}/export/?format=json")

    assert answer.headers["Content-Disposition"] == 'attachment; filename="my-parcel.md"'
    assert answer.headers["Content-Type"] == "text/markdown; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.content.decode() == export_markdown(thread)
    assert data.headers["Content-Disposition"] == 'attachment; filename="my-parcel.json"'
    assert data.json() == json.loads(json.dumps(export_json(thread)))


def test_a_title_without_letters_gives_a_name_too(owner: Any, owner_client: Client) -> None:
    thread = make_thread(owner, ("Hi", "Hello."), title="../../\r\n\"'")

    answer = owner_client.get(f"/chat/{thread.pk}/export/")

    assert answer.headers["Content-Disposition"] == 'attachment; filename="conversation.md"'


def test_a_format_that_does_not_exist_gets_a_sentence(owner_client: Client, thread: Thread) -> None:
    answer = owner_client.get(f"/chat/{thread.pk}/export/?format=docx")

    assert answer.status_code == 400
    assert answer.content.decode() == "There is no format 'docx'; there are md, json, html."


def test_nobody_else_finds_it(thread: Thread, stranger: Any) -> None:
    browser = Client()
    visitor = browser.get(f"/chat/{thread.pk}/export/")
    browser.force_login(stranger)

    assert visitor.status_code == 302
    assert browser.get(f"/chat/{thread.pk}/export/?format=json").status_code == 404


def test_a_script_is_escaped_in_html_kept_in_markdown_and_no_formula_in_csv(
    owner: Any, owner_client: Client, staff: Any, staff_client: Client
) -> None:
    for person in (owner, staff):
        make_thread(person, ("=HYPERLINK(1)", "<script>x</script>\n\n**bold**"), title="<script>t</script>")
    mine, theirs = Thread.objects.get(owner=owner), Thread.objects.get(owner=staff)

    html = owner_client.get(f"/chat/{mine.pk}/export/?format=html")
    csv = staff_client.get(f"/chat/{theirs.pk}/export/?format=csv")

    assert html.headers["Content-Disposition"].startswith("attachment")
    assert "<script" not in html.content.decode()
    assert "<strong>bold</strong>" in html.content.decode()
    assert "&lt;script&gt;t" in html.content.decode()
    assert "<script>x</script>" in owner_client.get(f"/chat/{mine.pk}/export/").content.decode()
    assert ",user,,'=HYPERLINK(1)" in csv.content.decode()
    assert owner_client.get(f"/chat/{mine.pk}/export/?format=csv").status_code == 400
