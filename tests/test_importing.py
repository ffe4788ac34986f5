"""Conversations into files and out of them again."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client

import chatapp
from chatapp import importing, transfers
from chatapp.errors import Refused
from chatapp.exporting import export_all, export_json
from chatapp.models import Message, Thread
from chatapp.parts import Part
from chatapp.searching import find
from tests.conftest import make_thread

pytestmark = pytest.mark.django_db

PARTS: list[Part] = [
    chatapp.TextPart(text="In **Bern**. <script>x</script>"),
    chatapp.ThinkingPart(text="Let me see.", seconds=2.5),
    chatapp.NoticePart(code="length", message="Cut off."),
    chatapp.ErrorPart(code="failed", message="It failed.", reference="7F3K-2Q"),
    chatapp.CitationPart(title="Policy", url="https://example.org/"),
    chatapp.CodeArtifact(content="print(1)", language="python", title="a.py"),
    chatapp.JsonArtifact(data={"b": [1, None], "a": "x"}),
    chatapp.TableArtifact(data=[{"a": 1, "b": "x"}], title="Stops"),
    chatapp.MarkdownArtifact(content="# Hi"),
    chatapp.HtmlArtifact(content="<p>hi</p>"),
]


def store(user: Any, data: Any, *, again: bool = False) -> importing.Imported:
    """Import what was written as JSON."""
    return importing.store_file(user, json.dumps(data).encode(), again=again)


def strip(data: dict[str, Any]) -> dict[str, Any]:
    """An export without ids, which are new: messages name their parents by place."""
    places = {message["id"]: place for place, message in enumerate(data["messages"])}
    messages = [{**message, "id": None, "parent": places.get(message["parent"])} for message in data["messages"]]
    return {**data, "id": None, "head": places[data["head"]], "messages": messages}


@pytest.fixture
def thread(owner: Any) -> Thread:
    """A thread with two branches and parts of many kinds."""
    thread = make_thread(owner, ("Where?", "There."), ("And?", "Also."), title="My parcel", assistant="model")
    head = thread.head
    assert head is not None
    head.parts = [part.dump() for part in PARTS]
    head.author_label = "Post office"
    head.save()
    Message.objects.create(thread=thread, parent=head.parent, role="assistant", text="Rome.", parts=[])
    other = Message.objects.create(
        thread=thread, role="user", parts=[chatapp.TextPart(text="Else").dump()], text="Else"
    )
    Message.objects.filter(pk=other.pk).update(created_at=datetime(2020, 1, 1, tzinfo=UTC))
    Thread.objects.filter(pk=thread.pk).update(created_at=datetime(2019, 1, 1, tzinfo=UTC))
    thread.refresh_from_db()
    return thread


def test_what_is_exported_is_imported_as_it_was_with_all_branches(thread: Thread, stranger: Any) -> None:
    exported = export_json(thread, thinking=True)

    imported = store(stranger, exported)

    copy = Thread.objects.get(pk=imported.threads[0])
    again = export_json(copy, thinking=True)
    texts = {message["text"] for message in exported["messages"]} - {"Rome."}
    assert copy.owner == stranger
    assert copy.pk != thread.pk
    assert not {message["id"] for message in again["messages"]} & {message["id"] for message in exported["messages"]}
    kept = strip(again)
    for message, before in zip(kept["messages"], strip(exported)["messages"], strict=True):
        assert {**message, "text": ""} == {**before, "text": ""} or before["text"] == "Rome."
    assert (kept["title"], kept["created_at"], kept["updated_at"]) == tuple(
        exported[key] for key in ("title", "created_at", "updated_at")
    )
    assert len(texts) == 5
    assert len(find(stranger, "bern").hits) == 1


def test_the_same_file_makes_no_doubles_unless_it_is_wanted(thread: Thread, owner: Any) -> None:
    data = export_all(Thread.objects.all())

    counts = [len(store(owner, data).threads), store(owner, data).repeated, len(store(owner, data, again=True).threads)]

    assert counts == [1, 1, 1]
    Thread.objects.exclude(imported_digest="").delete()
    assert store(owner, data).repeated == 0


def test_what_only_the_site_may_say_becomes_text(owner: Any, owner_client: Client) -> None:
    evil = "<img src=x onerror=alert(1)>"
    parts = [
        {"kind": "html", "html": f"<form hx-get=/evil>Sign{evil}</form>", "trusted": True},
        {"kind": "template", "template": "admin/base.html", "context": {}, "text": "template"},
        {"kind": "raw", "text": "<script>raw</script>", "content_type": "html"},
        {"kind": "question", "id": "q", "prompt": "Password?"},
        {"kind": "unheard", "of": evil},
        {
            "kind": "tool",
            "tool_id": "t",
            "name": "look",
            "state": "running",
            "result": "r",
            "display": {"html": evil, "parts": [{"kind": "html", "html": evil, "trusted": True}], "text": "shown"},
        },
    ]
    messages = [{"id": "1", "role": "assistant", "author": evil, "parts": parts, "text": evil}]

    imported = store(owner, {"format": "chatapp/1", "title": evil, "messages": messages})

    (message,) = Message.objects.all()
    assert {part["kind"] for part in message.parts} == {"text", "tool"}
    html = owner_client.get(f"/chat/{imported.threads[0]}/").content.decode()
    assert "<img src=x" not in html
    assert "<form hx-get=/evil" not in html
    assert "hx-get=/evil" not in html.replace("&lt;form hx-get=/evil", "")
    assert message.load_parts()[-1].dump()["state"] == "unknown"


CHATGPT = {
    "title": "Kettle talk",
    "create_time": 1700000000.5,
    "update_time": 1700000100.0,
    "current_node": "d",
    "mapping": {
        "root": {"id": "root", "message": None, "parent": None, "children": ["s"]},
        "s": {"message": {"author": {"role": "system"}, "content": {"parts": [""]}}, "parent": "root"},
        "a": {
            "message": {
                "author": {"role": "user"},
                "create_time": 1700000001.0,
                "content": {"content_type": "text", "parts": ["How does a kettle work?"]},
            },
            "parent": "s",
        },
        "b": {
            "message": {
                "author": {"role": "assistant"},
                "create_time": 1700000002.0,
                "content": {"content_type": "code", "language": "python", "text": "boil()"},
            },
            "parent": "a",
        },
        "c": {
            "message": {"author": {"role": "tool"}, "content": {"content_type": "execution_output", "text": "```"}},
            "parent": "b",
        },
        "d": {
            "message": {
                "author": {"role": "assistant"},
                "create_time": 1700000003.0,
                "content": {"content_type": "multimodal_text", "parts": ["It *boils*.", {"content_type": "image"}]},
            },
            "parent": "c",
        },
        "e": {
            "message": {"author": {"role": "assistant"}, "content": {"content_type": "what", "result": "Other"}},
            "parent": "a",
        },
    },
}


def test_a_file_of_chatgpt_keeps_its_tree_its_times_and_what_it_says(owner: Any) -> None:
    imported = store(owner, [CHATGPT])

    thread = Thread.objects.get(pk=imported.threads[0])
    said = chatapp.get_messages_sync(thread)
    assert [(item.role, item.content) for item in said] == [
        ("user", "How does a kettle work?"),
        ("assistant", "```python\nboil()\n```"),
        ("assistant", "````\n```\n````"),
        ("assistant", "It *boils*.\n\n[image]"),
    ]
    assert thread.title == "Kettle talk"
    assert thread.created_at == datetime.fromtimestamp(1700000000.5, UTC)
    assert Message.objects.get(text="Other").parent == Message.objects.get(text="How does a kettle work?")


def break_it(**changes: Any) -> Callable[[], bytes]:
    """A file of which something is other than it should be."""
    message = {"id": "1", "role": "user", "text": "Hi", **changes.pop("message", {})}
    data = {"format": "chatapp/1", "messages": [message], **changes}
    return lambda: json.dumps([{"format": "chatapp/1", "messages": []}, data]).encode()


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: b"\xff\xfe", "The file is no text in UTF-8"),
        (lambda: b'{"a":\n 1,', "breaks off at line 2, column 4"),
        (lambda: b"[" * 100_000, "no JSON that can be read"),
        (lambda: b"[]", "There is no conversation"),
        (lambda: b"5", "There is no conversation"),
        (lambda: b"[1]", "There is no conversation"),
        (lambda: b"{}", "Conversation 1 has the format null; chatapp/1 is known"),
        (break_it(format="chatapp/2"), 'Conversation 2 has the format "chatapp/2"'),
        (break_it(message={"role": "wizard"}), "Conversation 2 cannot be read: messages 1 role: Input should be"),
        (break_it(message={"created_at": "yesterday"}), "messages 1 created_at: "),
        (break_it(message={"parent": "9"}), "there is no message 9"),
        (break_it(message={"parent": "1"}), "in a circle"),
        (break_it(head="9"), "its head is no message"),
        (break_it(messages=[{"id": "1", "role": "user"}] * 2), "the same id"),
        (break_it(message={"parts": [{"kind": "text", "text": 5}]}), "Conversation 2, message 1 has a part that"),
        (lambda: json.dumps({"mapping": {"a": {"message": {"author": 5}}}}).encode(), "Conversation 1 cannot be read"),
        (lambda: json.dumps({"mapping": 7}).encode(), "Conversation 1 cannot be read"),
    ],
    ids=[str(number) for number in range(17)],
)
def test_a_broken_file_says_what_is_wrong_where_and_nothing_of_it_is_stored(
    owner: Any, make: Callable[[], bytes], sentence: str
) -> None:
    with pytest.raises(Refused) as caught:
        importing.store_file(owner, make())

    assert sentence in str(caught.value)
    assert not Thread.objects.exists()


def test_nul_and_lone_surrogates_are_taken_out(owner: Any) -> None:
    store(
        owner, {"format": "chatapp/1", "title": "a\0b", "messages": [{"id": "1", "role": "user", "text": "x\0\ud800"}]}
    )

    assert Message.objects.get().text == "x\ufffd"


def test_the_page_takes_a_file_and_says_what_became_of_it(
    thread: Thread, owner: Any, owner_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = json.dumps(export_json(thread)).encode()

    def send(content: bytes, **fields: str) -> Any:
        return owner_client.post("/chat/import/", {"file": SimpleUploadedFile("x.json", content), **fields})

    assert "Choose a JSON file" in owner_client.get("/chat/import/").content.decode()
    first = send(content)
    copy = Thread.objects.exclude(pk=thread.pk).get()
    assert (first.status_code, first.headers["Location"]) == (303, f"/chat/{copy.pk}/")
    assert "1 was imported before and left out." in send(content).content.decode()
    assert send(content, again="1").status_code == 303
    broken = send(b"{")
    assert broken.status_code == 422
    assert "Nothing was imported." in broken.content.decode()
    assert "Choose a file first." in owner_client.post("/chat/import/").content.decode()
    monkeypatch.setattr("chatapp.views.imports.MAX_BYTES", 10)
    assert "larger than" in send(content).content.decode()
    assert Client().post("/chat/import/").status_code == 302


def test_a_person_of_whom_no_assistant_wants_to_know_imports_nothing(owner: Any) -> None:
    owner.is_active = False

    with pytest.raises(Refused, match="no assistant"):
        store(owner, [CHATGPT])


def test_the_commands_carry_everything_from_one_person_to_another(
    thread: Thread, owner: Any, stranger: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "all.json"

    call_command("chatapp_export", user=owner.username, output=str(file))
    call_command("chatapp_import", str(file), user=stranger.username)
    call_command("chatapp_import", str(file), user=stranger.username)
    call_command("chatapp_export", user=stranger.username)

    out = capsys.readouterr().out
    assert "1 conversations imported, 0 were here before" in out
    assert "0 conversations imported, 1 were here before" in out
    assert Thread.objects.get(owner=stranger).messages.count() == thread.messages.count()
    with pytest.raises(CommandError, match="there is no 'nobody'"):
        call_command("chatapp_export", user="nobody")
    file.write_text("{")
    with pytest.raises(CommandError, match="no JSON"):
        call_command("chatapp_import", str(file), user=stranger.username)
    assert transfers.FORMAT in out
