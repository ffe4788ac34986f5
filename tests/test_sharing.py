"""Sharing a conversation: what others see, who may, and for how long."""

import re
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import Group
from django.core.files.base import ContentFile
from django.test import Client
from django.utils import timezone
from django.utils.safestring import SafeString

import chatapp
from chatapp import sharing
from chatapp.errors import Refused
from chatapp.models import Attachment, Message, Run, Share, Thread
from chatapp.parts import HtmlPart, Part, load_parts
from project.specimens import PARTS
from tests.conftest import make_thread

pytestmark = pytest.mark.django_db


@pytest.fixture
def thread(owner: Any) -> Thread:
    """Two questions, two answers."""
    return make_thread(owner, ("Where is my parcel?", "In Bern."), ("And now?", "In **Basel**."), title="My parcel")


@pytest.fixture
def visitor() -> Client:
    """Somebody who is not signed in."""
    return Client()


def make_link(visitor: Client, thread: Thread, **form: str) -> str:
    """Share it by the form, and give the path of its link."""
    response = visitor.post(f"/chat/{thread.pk}/share/", {"scope": "link", "until": "30", **form})
    assert response.status_code == 200, response.content
    found = re.search(r'value="http://testserver(/chat/shared/[\w-]{43}/)"', response.content.decode())
    assert found
    return found[1]


def say(thread: Thread, *parts: Part) -> Message:
    """The last answer, with these parts in place of what it said."""
    message = thread.head
    assert message is not None
    message.parts = [part.dump() for part in parts]
    message.save()
    return message


def test_whoever_has_the_link_reads_what_was_said(owner_client: Client, visitor: Client, thread: Thread) -> None:
    link = make_link(owner_client, thread)

    response = visitor.get(link)

    text = response.content.decode()
    assert response.status_code == 200
    assert "My parcel" in text
    assert re.findall(r'aria-label="([^"]+ said)"', text) == ["A person said", "Model said"] * 2
    assert "<strong>Basel</strong>" in text


def test_it_stays_as_it_was_whatever_is_said_changed_or_renamed_later(
    owner_client: Client, visitor: Client, thread: Thread
) -> None:
    link = make_link(owner_client, thread)
    before = visitor.get(link).content

    say(thread, chatapp.TextPart(text="Something else."))
    Message.objects.create(thread=thread, parent=thread.head, role="user", text="Later", parts=[])
    Thread.objects.filter(pk=thread.pk).update(title="Renamed")

    assert visitor.get(link).content == before


def test_it_goes_up_to_the_message_that_was_chosen(owner: Any, thread: Thread) -> None:
    first = Message.objects.get(thread=thread, text="In Bern.")

    row, _ = sharing.share(owner, thread.pk, upto=first.pk)

    assert [message["role"] for message in row.messages] == ["user", "assistant"]


def test_what_is_being_said_is_not_in_it_yet(owner: Any, thread: Thread) -> None:
    assert thread.head
    Run.objects.filter(reply=thread.head).update(state="running", finished_at=None)

    row, _ = sharing.share(owner, thread.pk)

    assert len(row.messages) == 3


def test_nothing_of_the_original_is_named(owner: Any, owner_client: Client, visitor: Client, thread: Thread) -> None:
    owner.email = "owner@example.com"
    owner.save()
    ids = [str(thread.pk), *map(str, Message.objects.values_list("pk", flat=True))]
    link = make_link(owner_client, thread)

    text = visitor.get(link).content.decode()

    assert [secret for secret in [*ids, owner.email, owner.username] if secret in text] == []


def test_thoughts_tools_and_references_stay_at_home(owner: Any, thread: Thread) -> None:
    display = chatapp.ToolDisplay(title="Parcels", markdown="SECRET display")
    call = chatapp.ToolCall(name="find_parcel", arguments={"number": "SECRET argument"}, tool_id="call-1")
    say(
        thread,
        chatapp.ThinkingPart(text="SECRET thought"),
        chatapp.ToolResult("SECRET result", tool_id="call-1", display=display).fill(call.to_part()),
        chatapp.ErrorPart(code="busy", message="It was busy.", reference="SECRET"),
        chatapp.CitationPart(url="/intranet/SECRET", title="SECRET"),
        chatapp.CitationPart(url="https://example.com/post", title="The post"),
        chatapp.TextPart(text="In Basel."),
    )

    row, _ = sharing.share(owner, thread.pk)

    kinds = [part["kind"] for part in row.messages[-1]["parts"]]
    assert kinds == ["tool", "error", "citation", "text"]
    assert "SECRET" not in str(row.messages)
    assert "Parcels" in str(row.messages)


@pytest.mark.parametrize("kind", PARTS)
def test_what_is_shared_of_a_part_can_be_stored_and_of_thoughts_and_approvals_there_is_nothing(kind: str) -> None:
    parts = [part for specimen in PARTS[kind] for part in specimen.parts if part.kind == kind]

    shared = [part.shared for part in parts]

    assert all(part is None or load_parts([part.dump()]) == [part] for part in shared)
    if kind in ("thinking", "approval"):
        assert shared == [None] * len(parts)


def test_html_of_the_site_is_shared_without_its_forms(owner_client: Client, visitor: Client, thread: Thread) -> None:
    html = SafeString('<p>Hello</p><form action="/buy/" method="post"><button hx-post="/buy/">Buy</button></form>')
    say(thread, HtmlPart(html=html, trusted=True))

    text = visitor.get(make_link(owner_client, thread)).content.decode()

    assert "<p>Hello</p>" in text
    assert "/buy/" not in text


@pytest.mark.parametrize("path", ["", "0a8c3b2e-1111-4222-8333-444455556666/0/"])
def test_a_link_that_was_never_given_leads_nowhere(visitor: Client, path: str) -> None:
    assert visitor.get(f"/chat/shared/{'x' * 43}/{path}").status_code == 404


def test_no_index_no_other_site_and_no_frame_may_have_it(owner_client: Client, visitor: Client, thread: Thread) -> None:
    response = visitor.get(make_link(owner_client, thread))

    assert response.headers["X-Robots-Tag"].startswith("noindex")
    assert '<meta name="robots" content="noindex' in response.content.decode()
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["X-Frame-Options"] == "DENY"
    assert "no-store" in response.headers["Cache-Control"]


def test_of_the_token_only_a_hash_is_stored(owner: Any, thread: Thread) -> None:
    row, token = sharing.share(owner, thread.pk)
    _, other = sharing.share(owner, thread.pk)

    assert len(token) == 43
    assert token != other
    assert token not in str(Share.objects.filter(pk=row.pk).values().get())
    assert sharing.find(None, token) == row
    assert sharing.find(None, token[:-1]) is None


def test_a_link_that_is_taken_back_leads_nowhere_at_once(
    owner_client: Client, visitor: Client, stranger_client: Client, thread: Thread
) -> None:
    link = make_link(owner_client, thread)
    row = Share.objects.get()
    assert "My parcel" in owner_client.get("/chat/shares/").content.decode()
    assert "My parcel" not in stranger_client.get("/chat/shares/").content.decode()
    assert stranger_client.post(f"/chat/shares/{row.pk}/revoke/").status_code == 404
    assert visitor.get(link).status_code == 200

    response = owner_client.post(f"/chat/shares/{row.pk}/revoke/")

    assert (response.status_code, response.headers["Location"]) == (303, "/chat/shares/")
    assert visitor.get(link).status_code == 404
    assert owner_client.get(link).status_code == 404
    assert "My parcel" not in owner_client.get("/chat/shares/").content.decode()
    assert owner_client.post(f"/chat/shares/{row.pk}/revoke/").status_code == 303


def test_a_link_ends_when_its_time_is_over_and_with_its_conversation(
    owner_client: Client, visitor: Client, thread: Thread
) -> None:
    link, other = make_link(owner_client, thread, until="1"), make_link(owner_client, thread, until="never")
    row = Share.objects.exclude(expires_at=None).get()
    assert row.expires_at
    assert timedelta(hours=23) < row.expires_at - timezone.now() <= timedelta(days=1)

    Share.objects.filter(pk=row.pk).update(expires_at=timezone.now())

    assert (visitor.get(link).status_code, visitor.get(other).status_code) == (404, 200)
    owner_client.post(f"/chat/{thread.pk}/delete/")
    assert visitor.get(other).status_code == 404  # also while that can be undone
    Thread.objects.filter(pk=thread.pk).update(head=None)
    thread.delete()
    assert visitor.get(other).status_code == 404


def test_a_link_for_people_with_an_account_asks_visitors_to_sign_in(
    owner_client: Client, visitor: Client, stranger_client: Client, thread: Thread
) -> None:
    link = make_link(owner_client, thread, scope="signed_in")

    response = visitor.get(link)

    assert response.status_code == 302
    assert response.headers["Location"].startswith("/accounts/login/")
    assert stranger_client.get(link).status_code == 200


def test_a_link_for_a_group_is_for_its_people(
    owner: Any, stranger: Any, owner_client: Client, stranger_client: Client, visitor: Client, thread: Thread
) -> None:
    group = Group.objects.create(name="Post office")
    form = {"scope": "group", "until": "30", "group": str(group.pk)}
    assert owner_client.post(f"/chat/{thread.pk}/share/", form).status_code == 422  # not a group of theirs
    owner.groups.add(group)
    link = make_link(owner_client, thread, **form)

    assert [visitor.get(link).status_code, stranger_client.get(link).status_code] == [302, 404]
    stranger.groups.add(group)
    assert stranger_client.get(link).status_code == 200


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"scope": "everybody"}, "who can read it"),
        ({"until": "tomorrow"}, "until when"),
        ({"scope": "group", "group": "x"}, "one of your groups"),
        ({"message": str(uuid4())}, "no such message"),
        ({"message": "x"}, "must be a UUID"),
    ],
)
def test_what_the_form_cannot_mean_is_a_sentence_and_no_link(
    owner_client: Client, thread: Thread, form: dict[str, str], words: str
) -> None:
    response = owner_client.post(f"/chat/{thread.pk}/share/", {"scope": "link", "until": "30", **form})

    assert response.status_code == 422
    assert words in response.content.decode()
    assert not Share.objects.exists()


def test_an_empty_conversation_has_nothing_to_share(owner: Any) -> None:
    thread = Thread.objects.create(owner=owner, assistant="guide", updated_at=timezone.now())

    with pytest.raises(Refused, match="nothing to share"):
        sharing.share(owner, thread.pk)


def test_a_site_can_turn_sharing_off_for_links_that_were_given_out_too(
    owner: Any, owner_client: Client, visitor: Client, thread: Thread, settings: Any
) -> None:
    link = make_link(owner_client, thread)
    settings.CHATAPP = {**settings.CHATAPP, "SHARE_SCOPES": []}

    assert visitor.get(link).status_code == 404
    assert owner_client.get(f"/chat/{thread.pk}/share/").status_code == 404
    assert "data-chat-share" not in owner_client.get(f"/chat/{thread.pk}/").content.decode()
    with pytest.raises(Refused, match="cannot be shared"):
        sharing.share(owner, thread.pk)


def test_an_artifact_is_read_by_the_link_and_not_by_its_own_address(
    owner_client: Client, visitor: Client, thread: Thread
) -> None:
    message = say(thread, chatapp.TableArtifact(data=[{"a": 1}], title="Stops"))
    link = make_link(owner_client, thread)

    text = visitor.get(link).content.decode()
    found = re.search(rf'data-chat-artifact="({link}[0-9a-f-]{{36}}/0/)"', text)

    assert found
    response = visitor.get(f"{found[1]}?download=1")
    assert response.status_code == 200
    assert response.content.splitlines()[:2] == [b"a", b"1"]
    assert "sandbox" in response.headers["Content-Security-Policy"]
    assert str(message.pk) not in text
    Share.objects.update(revoked_at=timezone.now())
    assert visitor.get(found[1]).status_code == 404


def test_a_reader_goes_on_in_a_conversation_of_their_own(
    owner_client: Client, stranger: Any, stranger_client: Client, visitor: Client, thread: Thread
) -> None:
    link = make_link(owner_client, thread)
    assert visitor.post(f"{link}fork/").status_code == 302
    assert stranger_client.get(f"{link}fork/").headers["Referrer-Policy"] == "same-origin"
    assert not Thread.objects.filter(owner=stranger).exists()

    response = stranger_client.post(f"{link}fork/")

    assert response.status_code == 303
    mine = Thread.objects.get(pk=UUID(response.headers["Location"].split("/")[2]))
    assert (mine.owner, mine.title) == (stranger, "My parcel")
    assert mine.head
    assert [message.text for message in (mine.head.parent, mine.head) if message] == ["And now?", "In **Basel**."]
    assert stranger_client.get(response.headers["Location"]).status_code == 200
    assert thread.messages.count() == 4


def test_without_script_the_form_is_a_page_that_shows_the_link(owner_client: Client, thread: Thread) -> None:
    page = owner_client.get(f"/chat/{thread.pk}/share/").content.decode()
    part = owner_client.get(f"/chat/{thread.pk}/share/", headers={"HX-Request": "true"}).content.decode()

    assert "<html" in page
    assert "<html" not in part
    assert 'name="scope"' in page
    assert 'name="scope"' in part


def test_staff_see_links_without_their_content_and_may_take_them_back(
    admin_client: Client, owner_client: Client, visitor: Client, thread: Thread
) -> None:
    link = make_link(owner_client, thread)
    row = Share.objects.get()

    listed = admin_client.get("/admin/chatapp/share/").content.decode()
    shown = admin_client.get(f"/admin/chatapp/share/{row.pk}/change/").content.decode()
    admin_client.post("/admin/chatapp/share/", {"action": "revoke", "_selected_action": [str(row.pk)]})

    assert str(row.pk) in listed
    assert "Basel" not in listed + shown
    assert visitor.get(link).status_code == 404


def attach(thread: Thread, owner: Any) -> Attachment:
    """A file in the last question of the thread."""
    question = Message.objects.get(thread=thread, text="And now?")
    row = Attachment(
        owner=owner,
        thread=thread,
        message=question,
        name="stops.csv",
        media_type="text/csv",
        size_bytes=4,
        sent_bytes=4,
    )
    row.file.save("stops.csv", ContentFile(b"a,b\n"), save=True)
    question.parts = [row.to_part().dump(), *question.parts]
    question.save()
    return row


@pytest.fixture
def storage(tmp_path: Any, settings: Any) -> None:
    """A folder for files."""
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.mark.usefixtures("storage")
def test_files_are_shared_only_if_they_are_chosen(
    owner: Any, owner_client: Client, visitor: Client, thread: Thread
) -> None:
    row = attach(thread, owner)
    without, with_files = make_link(owner_client, thread), make_link(owner_client, thread, files="1")

    assert "stops.csv" not in visitor.get(without).content.decode()
    assert visitor.get(f"{without}files/{row.pk}/").status_code == 404
    assert f'href="{with_files}files/{row.pk}/"' in visitor.get(with_files).content.decode()
    response = visitor.get(f"{with_files}files/{row.pk}/")

    assert response.content == b"a,b\n"
    assert response.headers["Content-Disposition"] == 'attachment; filename="stops.csv"'
    assert visitor.get(f"/chat/files/{row.pk}/").status_code == 302
    Share.objects.update(revoked_at=timezone.now())
    assert visitor.get(f"{with_files}files/{row.pk}/").status_code == 404


@pytest.mark.usefixtures("storage")
@pytest.mark.django_db(transaction=True)
def test_who_goes_on_has_files_of_their_own(
    owner: Any, owner_client: Client, stranger: Any, stranger_client: Client, thread: Thread
) -> None:
    row = attach(thread, owner)
    link = make_link(owner_client, thread, files="1")

    stranger_client.post(f"{link}fork/")
    Thread.objects.filter(pk=thread.pk).update(head=None)
    thread.delete()

    copy = Attachment.objects.get()
    assert (copy.owner, copy.name, copy.pk == row.pk) == (stranger, "stops.csv", False)
    assert stranger_client.get(f"/chat/files/{copy.pk}/").content == b"a,b\n"
    page = stranger_client.get(f"/chat/{copy.thread_id}/").content.decode()
    assert f"/chat/files/{copy.pk}/" in page
