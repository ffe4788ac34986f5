"""Finding conversations, on the database of the suite: SQLite, or PostgreSQL in the second run of CI."""

import time
from typing import Any
from unittest import mock

import pytest
from asgiref.sync import sync_to_async
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from chatapp import searching, tidying
from chatapp.models import Message, SearchEntry, Thread, search
from chatapp.parts import TextPart
from chatapp.policy import Policy
from tests.conftest import make_thread
from tests.line import Line


def find(user: Any, query: str) -> list[str]:
    """Titles of the conversations that are found, in order."""
    return ["".join(piece.text for piece in hit.title) for hit in searching.find(user, query).hits]


def show(user: Any, query: str) -> str:
    """The snippet of the one that is found, with its marks."""
    (hit,) = searching.find(user, query).hits
    return "".join(f"[{piece.text}]" if piece.is_match else piece.text for piece in hit.snippet)


async def test_a_word_of_an_answer_is_found_within_a_second_after_it_was_said(line: Line) -> None:
    line.says("The **Rumpelstilzchen** rule: ", "keep it for 30 days.")
    await line.answer("What rule?")
    ended = time.monotonic()

    found = await sync_to_async(searching.find)(line.owner, "rumpelst")

    assert time.monotonic() - ended < 1
    (hit,) = found.hits
    thread = await line.thread()
    assert (hit.thread_id, hit.message_id) == (thread.pk, thread.head_id)
    assert [piece.text for piece in hit.snippet if piece.is_match] == ["Rumpelstilzchen"]
    assert hit.url == f"/chat/{thread.pk}/#m-{thread.head_id}"


async def test_a_question_and_a_new_title_are_found_at_once_and_a_deleted_thread_never(
    line: Line, settings: Any
) -> None:
    settings.CHATAPP = {**settings.CHATAPP, "UNDO_SECONDS": 0}
    await line.answer("Where is my Bücherregal?")

    assert len((await sync_to_async(searching.find)(line.owner, "bucherregal")).hits) == 1
    await tidying.rename(line.owner, line.thread_id, "Furniture")
    assert len((await sync_to_async(searching.find)(line.owner, "furni")).hits) == 1
    await tidying.delete(line.owner, line.thread_id)
    assert not (await sync_to_async(searching.find)(line.owner, "bucherregal")).hits
    assert not await SearchEntry.objects.aexists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("refund window", ["Draft", "Policy"]),
        ("REFUND WIN", ["Draft", "Policy"]),
        ("wi refund", []),  # only the last word may be begun
        ('"refund window"', ["Draft"]),
        ('"window refund"', []),
        ("policy", ["Policy"]),
        ("zurich", ["Draft"]),
        ("nothing", []),
        ("京タ", ["Policy"]),
        ("京ワ", []),
        ("or and not near", []),
    ],
)
def test_all_words_have_to_be_there_phrases_together_and_the_last_may_be_begun(
    owner: Any, query: str, titles: list[str]
) -> None:
    make_thread(owner, ("How long?", "The window is open for a refund. 東京タワー"), title="Policy")
    make_thread(owner, ("A win?", "Missed the refund window by two days, in Zürich."), title="Draft")

    assert find(owner, query) == titles


@pytest.mark.django_db
def test_titles_come_first_and_then_the_newest(owner: Any) -> None:
    make_thread(owner, ("Kettle", "Yes."), title="First")
    make_thread(owner, ("And?", "A kettle."), title="Second")
    make_thread(owner, ("Hm", "No."), title="The kettle")

    assert find(owner, "kettle") == ["The kettle", "Second", "First"]


@pytest.mark.django_db
def test_the_snippet_is_of_the_message_and_html_in_it_is_text(owner: Any, owner_client: Client) -> None:
    make_thread(owner, ("<mark>x</mark> & <script>kettle</script>", "ok"), title="<b>Kettle</b>")

    html = owner_client.get("/chat/search/?q=kettle", headers={"HX-Request": "true"}).content.decode()

    assert show(owner, "script") == "<mark x</mark & <[script] kettle</[script]"
    assert "&lt;script" in html
    assert "<mark>kettle</mark>" in html
    assert "&lt;b&gt;<mark>Kettle</mark>&lt;/b&gt;" in html
    assert "<script" not in html


@pytest.mark.django_db
def test_what_is_hidden_or_waits_or_is_temporary_or_a_stream_is_not_found(owner: Any) -> None:
    make_thread(owner, ("kettle", "kettle"), title="temporary", temporary=True)
    make_thread(owner, ("kettle", "kettle"), title="stream", stream="news")
    thread = make_thread(owner, ("Hi", "kettle"), title="hidden")
    thread.messages.update(visible=False)
    waiting = make_thread(owner, ("Hi", "ok"), title="waiting")
    Message.objects.create(thread=waiting, role="user", text="kettle", queued_at=timezone.now())
    Message.objects.create(thread=waiting, role="system", text="kettle")

    assert find(owner, "kettle") == []


@pytest.mark.django_db
def test_an_archived_one_and_another_version_are_found_and_say_so(owner: Any, owner_client: Client) -> None:
    thread = make_thread(owner, ("Hi", "One answer."), archived_at=timezone.now())
    first = thread.messages.get(role="user")
    Message.objects.create(thread=thread, parent=first, role="assistant", text="Another answer.")

    (shown,) = searching.find(owner, "one answer").hits
    (other,) = searching.find(owner, "another answer").hits

    assert (shown.is_archived, shown.is_elsewhere) == (True, False)
    assert (other.is_archived, other.is_elsewhere) == (True, True)
    assert "archived · in another version" in owner_client.get("/chat/search/?q=another").content.decode()


@pytest.mark.django_db
def test_nobody_finds_what_others_said(owner: Any, stranger: Any, stranger_client: Client) -> None:
    make_thread(owner, ("kettle", "kettle"), title="kettle")

    assert find(stranger, "kettle") == []
    assert "kettle</" not in stranger_client.get("/chat/search/?q=kettle").content.decode()
    assert Client().get("/chat/search/?q=kettle").status_code == 302


@pytest.mark.django_db
def test_the_policy_decides_whatever_the_index_says(owner: Any) -> None:
    make_thread(owner, ("kettle", "kettle"))
    with mock.patch.object(Policy, "get_threads", return_value=Thread.objects.none()):
        assert find(owner, "kettle") == []


@pytest.mark.django_db
def test_a_text_that_is_written_in_whatever_way_is_found(owner: Any) -> None:
    thread = make_thread(owner, ("alpha", "beta"))
    assert thread.head is not None
    Message.objects.filter(pk=thread.head.pk).update(text="gamma", parts=[TextPart(text="gamma").dump()])
    Message.objects.bulk_create([Message(thread=thread, role="user", text="delta")])
    thread.head.refresh_from_db()
    saved = Message.objects.get(text="alpha")
    saved.text = "epsilon"
    saved.save(update_fields=["text"])

    assert [len(find(owner, word)) for word in ("alpha", "beta", "gamma", "delta", "epsilon")] == [0, 0, 1, 1, 1]
    saved.text = ""
    saved.save()
    assert find(owner, "epsilon") == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    "query",
    [
        *(
            "'",
            '"',
            "\x00",
            "a\x00b",
            "*",
            "a:*",
            "NEAR(a b)",
            "-a",
            "a & | !",
            "!!",
            "{x}: y",
            "^a",
            "(",
            "\\",
            "%",
            "💥",
        ),
        *("x" * 10_000, "a b " * 3000, '"' * 999, "\ud800", "'@1' | a", "owner_id: 1"),
    ],
)
def test_an_odd_query_never_fails(owner: Any, owner_client: Client, query: str) -> None:
    make_thread(owner, ("a b x", "y"))

    searching.find(owner, query)
    if "\ud800" not in query:
        assert owner_client.get("/chat/search/", {"q": query}).status_code == 200


@pytest.mark.django_db
def test_a_message_of_a_hundred_thousand_words_can_be_stored_and_found(owner: Any) -> None:
    text = " ".join(f"w{number:x}ord" for number in range(100_000)) + " ÿ" * 1000
    make_thread(owner, (text, "needle " * 40_000), title="Long")

    assert find(owner, "w1f4ord") == ["Long"]
    assert find(owner, "needle") == ["Long"]


@pytest.mark.django_db
def test_a_rare_word_said_long_ago_is_found_behind_many_messages(owner: Any) -> None:
    thread = make_thread(owner, ("needle one", "pin x"), title="Old")
    with mock.patch.object(search, "RECENT", 5):
        Message.objects.bulk_create([Message(thread=thread, role="user", text=f"hay {n}") for n in range(20)])
        Message.objects.filter(text__startswith="hay").update(thread=make_thread(owner, title="Hay"))

        assert find(owner, "needl") == ["Old"]
        assert find(owner, "needle o") == ["Old"]
        assert find(owner, "hay 3") == ["Hay"]


@pytest.mark.django_db(transaction=True)
def test_the_index_can_be_written_anew(owner: Any, capsys: pytest.CaptureFixture[str]) -> None:
    make_thread(owner, ("alpha", "beta"), title="A")
    SearchEntry.objects.all().delete()
    assert find(owner, "beta") == []

    call_command("chatapp_reindex")

    assert "2 messages can be found" in capsys.readouterr().out
    assert find(owner, "beta") == ["A"]


@pytest.mark.django_db
def test_many_are_shown_twenty_at_a_time_in_few_queries(
    owner: Any, owner_client: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(25):
        make_thread(owner, ("kettle", "ok"), title=f"T{number}")

    with django_assert_max_num_queries(7):
        found = searching.find(owner, "kettle")

    assert (len(found.hits), found.has_more) == (20, True)
    data = owner_client.get("/chat/search/?q=kettle&format=json").json()
    assert data["hits"][0]["title"] == "T24"
    assert data["hits"][0]["snippet"] == [{"text": "kettle", "match": True}]


@pytest.mark.django_db
def test_the_page_works_without_script(owner: Any, owner_client: Client) -> None:
    thread = make_thread(owner, ("Hi", "A kettle."), title="Tea")

    html = owner_client.get("/chat/search/?q=kettle").content.decode()

    assert f'href="/chat/{thread.pk}/#m-{thread.head_id}"' in html
    assert "A <mark>kettle</mark>." in html
    assert "<script" not in html
    assert "Nothing found." in owner_client.get("/chat/search/?q=teapot").content.decode()
    assert owner_client.post("/chat/search/").status_code == 405
