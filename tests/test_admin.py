"""What staff can see in the admin, and that they can change nothing."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from chatapp.activity import CitationPart, ToolCallPart
from chatapp.models import Message, Run, Thread
from chatapp.rendering.renderer import render_stored_part, render_transcript
from chatapp.runs import transcript
from tests.conftest import make_thread

HOSTILE = '<script>alert(1)</script> [x](javascript:alert(1)) <b hx-get="/accounts/logout/">hi</b>'
LISTS = ("chatapp_thread", "chatapp_message", "chatapp_run", "chatapp_feedback", "chatapp_usagerecord")


def list_url(name: str) -> str:
    """Address of a list of the admin."""
    return reverse(f"admin:{name}_changelist")


def change_url(row: Any) -> str:
    """Address of a record in the admin."""
    return reverse(f"admin:chatapp_{row._meta.model_name}_change", args=[row.pk])


def make_rows(owner: Any) -> list[Any]:
    """A thread, a message and a run."""
    thread = make_thread(owner, ("What is two and two?", "**Four**"))
    return [thread, Message.objects.get(role="assistant"), Run.objects.get()]


@pytest.mark.parametrize("name", LISTS)
def test_a_list_is_for_staff_only(owner_client: Client, staff_client: Client, name: str) -> None:
    assert owner_client.get(list_url(name)).status_code == 302
    assert staff_client.get(list_url(name)).status_code == 200


@pytest.mark.parametrize("name", LISTS)
def test_a_list_costs_the_same_for_one_row_and_for_many(
    owner: Any, staff_client: Client, django_assert_num_queries: Any, django_assert_max_num_queries: Any, name: str
) -> None:
    make_thread(owner, ("q", "a"))
    with django_assert_max_num_queries(12) as few:
        staff_client.get(list_url(name))

    for _ in range(15):
        make_thread(owner, ("q", "a"), ("q", "a"))

    with django_assert_num_queries(len(few)):
        staff_client.get(list_url(name))


def test_no_list_counts_the_whole_table(owner: Any, staff_client: Client, django_assert_max_num_queries: Any) -> None:
    make_thread(owner, ("q", "a"))

    with django_assert_max_num_queries(12) as queries:
        staff_client.get(list_url("chatapp_message"))

    counts = [query["sql"] for query in queries if "COUNT(" in query["sql"]]
    assert counts
    assert [sql for sql in counts if "LIMIT 10000" not in sql] == []


@pytest.mark.parametrize("kind", [0, 1, 2], ids=["thread", "message", "run"])
def test_a_record_can_be_read_and_not_written(owner: Any, staff_client: Client, kind: int) -> None:
    row = make_rows(owner)[kind]
    name = f"chatapp_{row._meta.model_name}"

    assert staff_client.get(change_url(row)).status_code == 200
    assert staff_client.post(change_url(row), {"title": "changed", "role": "system"}).status_code == 403
    assert staff_client.get(reverse(f"admin:{name}_add")).status_code == 403
    assert staff_client.post(reverse(f"admin:{name}_add"), {}).status_code == 403


@pytest.mark.parametrize("kind", [1, 2], ids=["message", "run"])
def test_messages_and_runs_cannot_be_deleted_by_themselves(owner: Any, staff_client: Client, kind: int) -> None:
    row = make_rows(owner)[kind]

    url = reverse(f"admin:chatapp_{row._meta.model_name}_delete", args=[row.pk])

    assert staff_client.post(url, {"post": "yes"}).status_code == 403
    assert type(row).objects.filter(pk=row.pk).exists()


def test_a_thread_can_be_deleted_with_all_that_belongs_to_it(owner: Any, staff_client: Client) -> None:
    thread = make_rows(owner)[0]
    url = reverse("admin:chatapp_thread_delete", args=[thread.pk])

    asked = staff_client.get(url)
    done = staff_client.post(url, {"post": "yes"})

    assert "<li>messages: 2</li>" in " ".join(asked.content.decode().split()).replace("Messages", "messages")
    assert done.status_code == 302
    assert (Thread.objects.count(), Message.objects.count(), Run.objects.count()) == (0, 0, 0)


def test_who_may_only_view_deletes_nothing(owner: Any) -> None:
    thread = make_rows(owner)[0]
    reader = get_user_model().objects.create_user("reader", is_staff=True)
    reader.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    browser = Client()
    browser.force_login(reader)

    assert browser.get(change_url(thread)).status_code == 200
    assert browser.post(reverse("admin:chatapp_thread_delete", args=[thread.pk]), {"post": "yes"}).status_code == 403
    assert Thread.objects.filter(pk=thread.pk).exists()


def test_staff_without_a_permission_see_no_thread(owner: Any) -> None:
    thread = make_rows(owner)[0]
    clerk = get_user_model().objects.create_user("clerk", is_staff=True)
    browser = Client()
    browser.force_login(clerk)

    assert browser.get(list_url("chatapp_thread")).status_code == 403
    assert browser.get(change_url(thread)).status_code == 403


def test_the_transcript_is_what_the_person_sees_without_the_buttons(owner: Any, staff_client: Client) -> None:
    thread, message, _ = make_rows(owner)

    page = staff_client.get(change_url(thread)).content.decode()

    (view,) = transcript.load_views(thread, [message.pk])
    assert "<strong>Four</strong>" in page
    assert str(render_transcript([view])).split('class="chat-foot"')[0] in page
    assert 'aria-label="Try again"' not in page
    assert "data-chat-copy" not in page


def test_the_transcript_shows_tools_and_sources_by_the_same_templates(owner: Any, staff_client: Client) -> None:
    thread = make_thread(owner, ("Hi", "Hello."))
    parts = [ToolCallPart(name="search", state="done", result="Found"), CitationPart(url="https://example.org/")]
    Message.objects.filter(role="assistant").update(parts=[part.dump() for part in parts])

    page = staff_client.get(change_url(thread)).content.decode()

    message = Message.objects.get(role="assistant")
    assert [render_stored_part(message.pk, at, part) in page for at, part in enumerate(parts)] == [True, True]


@pytest.mark.parametrize("kind", [0, 1], ids=["thread", "message"])
def test_hostile_text_is_as_harmless_here_as_there(owner: Any, staff_client: Client, kind: int) -> None:
    thread = make_thread(owner, (HOSTILE, HOSTILE), title=HOSTILE)
    row = [thread, Message.objects.get(role="assistant")][kind]

    for url in (change_url(row), list_url("chatapp_thread"), list_url("chatapp_message"), list_url("chatapp_run")):
        page = staff_client.get(url).content.decode()
        assert "<script>alert" not in page
        assert 'href="javascript:' not in page
        assert '<b hx-get="' not in page


def test_a_long_thread_opens_with_its_newest_page(owner: Any, staff_client: Client) -> None:
    thread = make_thread(owner, *[(f"question {n}.", f"answer {n}.") for n in range(60)])

    newest = staff_client.get(change_url(thread)).content.decode()
    oldest = staff_client.get(change_url(thread), {"page": "1"}).content.decode()

    assert newest.count("<article") == 20
    assert "answer 59." in newest
    assert "Page 3 of 3" in newest
    assert oldest.count("<article") == 50
    assert "question 0." in oldest


def test_a_thread_costs_the_same_whatever_its_length(
    owner: Any, staff_client: Client, django_assert_num_queries: Any, django_assert_max_num_queries: Any
) -> None:
    short = make_thread(owner, ("q", "a"))
    long = make_thread(owner, *[("q", "a")] * 40)

    with django_assert_max_num_queries(12) as few:
        staff_client.get(change_url(short))

    with django_assert_num_queries(len(few)):
        staff_client.get(change_url(long))


def test_threads_are_found_by_assistant_state_title_and_owner(owner: Any, stranger: Any, staff_client: Client) -> None:
    make_thread(owner, ("q", "a"), title="About tea", assistant="model")
    make_thread(stranger, ("q", "a"), title="About coffee", assistant="echo", state="failed")

    def titles(**query: str) -> list[str]:
        page = staff_client.get(list_url("chatapp_thread"), query).content.decode()
        return [title for title in ("About tea", "About coffee") if title in page]

    assert titles(assistant="echo") == ["About coffee"]
    assert titles(state="complete") == ["About tea"]
    assert titles(state="failed") == ["About coffee"]
    assert titles(q="tea") == ["About tea"]
    assert titles(q="stranger") == ["About coffee"]


def test_a_run_is_found_by_the_reference_that_a_person_reads_out(owner: Any, staff_client: Client) -> None:
    make_thread(owner, ("q", "a"), state="failed")
    Run.objects.update(error_reference="7F3K-2Q", error_code="refused", error="401 from the provider")

    found = staff_client.get(list_url("chatapp_run"), {"q": "7f3k-2q"}).content.decode()
    other = staff_client.get(list_url("chatapp_run"), {"q": "XXXX-XX"}).content.decode()

    assert "7F3K-2Q" in found
    assert "7F3K-2Q" not in other
    assert "401 from the provider" in staff_client.get(change_url(Run.objects.get())).content.decode()


def test_a_run_shows_how_long_it_took(owner: Any, staff_client: Client) -> None:
    make_rows(owner)

    assert "2.0 s" in staff_client.get(list_url("chatapp_run")).content.decode()


def test_a_thread_that_does_not_exist_leads_back_to_the_list(staff_client: Client) -> None:
    url = reverse("admin:chatapp_thread_change", args=["00000000-0000-4000-8000-000000000000"])

    assert staff_client.get(url).status_code == 302


def test_a_thread_shows_staff_its_greeting(staff_client: Client, owner: Any) -> None:
    thread = make_thread(owner, ("Hi", "Hello."), greeting=[{"kind": "text", "text": "Welcome <b>"}])

    html = staff_client.get(f"/admin/chatapp/thread/{thread.pk}/change/").content.decode()

    assert "Welcome &lt;b&gt;" in html
