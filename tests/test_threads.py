"""The list of conversations: pins, archive, folders, deleting with a way back, temporary chats, and 5,000 threads."""

import os
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chatapp import arranging, foldering, tidying
from chatapp.errors import Refused
from chatapp.models import Folder, Message, Run, Thread
from chatapp.policy import get_policy
from chatapp.providers.scripted import gate
from chatapp.runs import listing, trash
from chatapp.runs.follower import Follower, Gone
from chatapp.runs.hub import get_hub
from chatapp.testing.page import Page
from tests.conftest import POSTGRES_URL, make_thread
from tests.line import Line

PARTIAL = {"HX-Request": "true"}


def make_many(owner: Any, count: int, **values: Any) -> list[Thread]:
    """Threads without messages, each a minute older than the one before."""
    now = timezone.now()
    return Thread.objects.bulk_create(
        Thread(
            owner=owner,
            assistant="model",
            title=f"Thread {number}",
            updated_at=now - timedelta(minutes=number),
            **values,
        )
        for number in range(count)
    )


def list_mine(user: Any) -> listing.ThreadPage:
    """The first page of a person's list."""
    policy = get_policy()
    return listing.list_threads(policy.get_threads(user), folders=policy.get_folders(user), current=None, limit=100)


def get_titles(page: listing.ThreadPage) -> dict[str, list[str]]:
    """The titles under each heading."""
    return {group.label: [item.title for item in group.items] for group in page.groups}


def read_items(html: str) -> list[str]:
    """Ids of the rows in a piece of the list, in order."""
    return [piece.partition('"')[0] for piece in html.split('data-chat-item="')[1:]]


def read_end(html: str) -> str:
    """The cursor at the end of a piece of the list."""
    return html.partition('data-chat-end="')[2].partition('"')[0]


alist_titles = sync_to_async(lambda user: get_titles(list_mine(user)))
amake_thread = sync_to_async(make_thread)


async def pass_undo_time() -> None:
    """The time in which a deletion can be undone is over."""
    await Thread.objects.filter(deleted_at__isnull=False).aupdate(deleted_at=timezone.now() - timedelta(seconds=11))


# ---- pin, archive, move


async def test_what_is_pinned_stands_on_top_until_it_is_unpinned(line: Line) -> None:
    old = await amake_thread(line.owner, title="Old", updated_at=timezone.now() - timedelta(minutes=1))
    await amake_thread(line.owner, title="New")

    await arranging.pin(line.owner, [old.pk])
    pinned = await alist_titles(line.owner)
    await arranging.pin(line.owner, [old.pk], to=False)

    assert pinned == {"Pinned": ["Old"], "Today": ["New"]}
    assert [title for titles in (await alist_titles(line.owner)).values() for title in titles] == ["New", "Old"]


async def test_what_is_archived_is_in_no_list_and_keeps_everything(line: Line) -> None:
    thread = await amake_thread(line.owner, ("Hi", "Hello."), title="Put away")

    await arranging.archive(line.owner, [thread.pk])

    assert await alist_titles(line.owner) == {}
    assert await Message.objects.filter(thread=thread).acount() == 2
    browser = AsyncClient()
    await browser.aforce_login(line.owner)
    page = (await browser.get("/chat/archived/")).content.decode()
    assert "Put away" in page
    assert "Hello." in (await browser.get(f"/chat/{thread.pk}/")).content.decode()

    response = await browser.post(
        "/chat/threads/arrange/", {"thread": str(thread.pk), "do": "unarchive", "next": "archived"}
    )
    assert (response.status_code, response["Location"]) == (303, "/chat/archived/")
    assert await alist_titles(line.owner) == {"Today": ["Put away"]}


async def test_a_conversation_moves_into_a_folder_and_out_again(line: Line) -> None:
    thread = await amake_thread(line.owner, title="Parcels")
    folder = await foldering.create_folder(line.owner, "  Work \n things ")

    await arranging.move(line.owner, [thread.pk], folder.pk)
    inside = await alist_titles(line.owner)
    await arranging.move(line.owner, [thread.pk], None)

    assert inside == {"Work things": ["Parcels"]}
    assert await alist_titles(line.owner) == {"Work things": [], "Today": ["Parcels"]}


async def test_a_deleted_folder_leaves_what_was_in_it(line: Line) -> None:
    folder = await foldering.create_folder(line.owner, "Work")
    await amake_thread(line.owner, title="Parcels", folder=folder)

    await foldering.delete_folder(line.owner, folder.pk)

    assert await alist_titles(line.owner) == {"Today": ["Parcels"]}


async def test_a_folder_that_is_closed_stays_closed_and_asks_nothing_of_what_is_in_it(line: Line) -> None:
    folder = await foldering.create_folder(line.owner, "Work")
    await amake_thread(line.owner, title="Parcels", folder=folder)

    await foldering.open_folder(line.owner, folder.pk, to=False)

    assert await alist_titles(line.owner) == {"Work": []}
    await foldering.open_folder(line.owner, folder.pk)
    assert await alist_titles(line.owner) == {"Work": ["Parcels"]}


async def test_the_name_of_a_folder_is_there_once(line: Line) -> None:
    work = await foldering.create_folder(line.owner, "Work")
    home = await foldering.create_folder(line.owner, "Home")

    assert (await foldering.create_folder(line.owner, "Work")).pk == work.pk
    assert await foldering.rename_folder(line.owner, home.pk, " ") == "Home"
    with pytest.raises(Refused, match="already") as refused:
        await foldering.rename_folder(line.owner, home.pk, "Work")
    assert refused.value.status == 409
    with pytest.raises(Refused, match="name"):
        await foldering.create_folder(line.owner, "\x00 ")
    assert await foldering.rename_folder(line.owner, home.pk, "House") == "House"


async def test_there_is_a_limit_for_folders_and_for_what_is_done_at_once(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foldering, "MAX_FOLDERS", 1)
    await foldering.create_folder(line.owner, "One")

    with pytest.raises(Refused, match="more are not possible"):
        await foldering.create_folder(line.owner, "Two")
    with pytest.raises(Refused, match="At most 500"):
        await arranging.pin(line.owner, [uuid4() for _ in range(501)])


async def test_what_is_somebody_elses_does_not_exist(line: Line, stranger: Any) -> None:
    thread = await amake_thread(line.owner, title="Mine")
    folder = await foldering.create_folder(line.owner, "Work")
    mine = await amake_thread(stranger, title="Theirs")

    for verb in (arranging.pin, arranging.archive, arranging.delete):
        with pytest.raises(Refused) as refused:
            await verb(stranger, [thread.pk])
        assert refused.value.status == 404
    for change in (
        arranging.move(stranger, [mine.pk], folder.pk),
        foldering.rename_folder(stranger, folder.pk, "Ours"),
        foldering.open_folder(stranger, folder.pk, to=False),
        foldering.delete_folder(stranger, folder.pk),
    ):
        with pytest.raises(Refused) as refused:
            await change
        assert refused.value.status == 404
    await arranging.delete(line.owner, [thread.pk])
    with pytest.raises(Refused):
        await arranging.restore(stranger, [thread.pk])

    assert await alist_titles(stranger) == {"Today": ["Theirs"]}
    assert await alist_titles(line.owner) == {"Work": []}


async def test_several_are_changed_at_once_and_what_is_gone_is_in_nobodys_way(line: Line) -> None:
    one, two = [await amake_thread(line.owner, title=title) for title in ("One", "Two")]

    assert await arranging.archive(line.owner, [one.pk, two.pk, uuid4()]) == 2

    assert await alist_titles(line.owner) == {}


# ---- deleting, and taking that back


async def test_a_deleted_conversation_is_nowhere_and_comes_back_whole(line: Line) -> None:
    await line.answer("Where?")
    browser = AsyncClient()
    await browser.aforce_login(line.owner)

    await arranging.delete(line.owner, [line.thread_id])

    assert await alist_titles(line.owner) == {}
    for path in ("", "export/", "live/"):
        assert (await browser.get(f"/chat/{line.thread_id}/{path}")).status_code == 404
    assert 'name="thread" value="' + str(line.thread_id) in (await browser.get("/chat/")).content.decode()
    with pytest.raises(Refused):
        await line.post("And?")

    await arranging.restore(line.owner, [line.thread_id])

    assert len(await alist_titles(line.owner)) == 1
    assert Page((await browser.get(f"/chat/{line.thread_id}/")).content.decode()).texts == ["Where?", "Hello."]
    assert await line.count() == (1, 2, 1)
    assert await arranging.restore(line.owner, [line.thread_id]) == 0  # Another tab was faster.


async def test_when_the_time_is_over_the_next_who_looks_deletes_everything(line: Line) -> None:
    await line.answer()
    await tidying.delete(line.owner, line.thread_id)
    await trash.aempty()
    assert await line.count() == (1, 2, 1)

    await pass_undo_time()
    with pytest.raises(Refused, match="any more") as refused:
        await arranging.restore(line.owner, [line.thread_id])
    assert refused.value.status == 410
    browser = AsyncClient()
    await browser.aforce_login(line.owner)
    page = (await browser.get("/chat/")).content.decode()

    assert "Conversation deleted" not in page
    assert await line.count() == (0, 0, 0)


async def test_a_process_with_readers_deletes_for_good_what_others_left(line: Line) -> None:
    thread = await amake_thread(line.owner, ("Hi", "Hello."))
    await arranging.delete(line.owner, [thread.pk])
    await pass_undo_time()
    reader = Follower(get_hub(), user=line.owner, thread_id=line.thread_id, is_new=True)
    await get_hub().join(reader)

    await get_hub().look()

    assert await line.count() == (0, 0, 0)
    await get_hub().leave(reader)


async def test_deleting_stops_the_answer_at_once_and_sends_nothing_that_waits(line: Line) -> None:
    line.sets(WHILE_RUNNING="queue")
    provider = line.says("Hi", gate("hold"))
    await line.post()
    await provider.reached("hold")
    await line.post("And then?")

    await arranging.delete(line.owner, [line.thread_id])
    await line.ended()

    assert [run.state async for run in Run.objects.filter(kind="reply")] == ["stopped"]
    assert len(provider.requests) == 1


async def test_open_pages_get_the_list_and_the_way_back_before_they_close(line: Line) -> None:
    await line.answer()
    follower = Follower(get_hub(), user=line.owner, thread_id=line.thread_id)
    await get_hub().join(follower)
    follower.resume({}, None)
    frames = follower.frames()
    await anext(frames)

    await arranging.delete(line.owner, [line.thread_id])
    last = (await anext(frames)).html
    while "chat-undo" not in last:
        last = (await anext(frames)).html
    with pytest.raises(Gone):
        await anext(frames)

    assert "Undo" in last
    await get_hub().leave(follower)


async def test_deletions_of_one_moment_come_back_together(line: Line) -> None:
    one, two, three = [await amake_thread(line.owner) for _ in range(3)]
    await arranging.delete(line.owner, [one.pk, two.pk])
    await arranging.delete(line.owner, [three.pk])

    deletions = await sync_to_async(lambda: trash.list_deletions(get_policy().get_deleted(line.owner)))()

    assert [set(deletion.threads) for deletion in deletions] == [{one.pk, two.pk}, {three.pk}]
    assert all(9 < deletion.seconds <= 10 for deletion in deletions)


async def test_a_site_without_undo_deletes_at_once(line: Line) -> None:
    line.sets(UNDO_SECONDS=0)
    await line.answer()

    await tidying.delete(line.owner, line.thread_id)

    assert await line.count() == (0, 0, 0)


async def test_deleting_the_last_conversation_leaves_a_usable_page(line: Line) -> None:
    await line.answer()
    browser = AsyncClient()
    await browser.aforce_login(line.owner)

    response = await browser.post(f"/chat/{line.thread_id}/delete/", follow=True)

    assert response.status_code == 200
    assert 'name="text"' in response.content.decode()


# ---- temporary chats


async def test_a_temporary_chat_is_in_no_list_and_its_model_names_nothing(line: Line) -> None:
    line.sets(TITLES="model")
    provider = line.plays(["Hello."], ["A title"])
    browser = AsyncClient()
    await browser.aforce_login(line.owner)
    page = (await browser.get("/chat/?temporary=1")).content.decode()
    assert "&amp;temporary=1" in page

    fields = {"text": "A secret plan", "client_id": str(uuid4())}
    await browser.post(f"/chat/{line.thread_id}/messages/?temporary=1", fields)
    await line.ended()

    assert (await line.thread()).temporary is True
    assert await alist_titles(line.owner) == {}
    assert [request.kind for request in provider.requests] == ["reply"]
    assert "chat-temporary" in (await browser.get(f"/chat/{line.thread_id}/")).content.decode()


@pytest.mark.django_db
def test_temporary_chats_are_deleted_after_some_hours(owner: Any) -> None:
    before = timezone.now() - timedelta(hours=25)
    make_thread(owner, ("Hi", "Hello."), temporary=True, updated_at=before)
    young = make_thread(owner, temporary=True)
    kept = make_thread(owner, updated_at=before)

    assert trash.purge_temporary() == 1

    assert set(Thread.objects.all()) == {young, kept}


# ---- over HTTP


def test_a_form_without_script_does_it_and_goes_where_it_shows(owner_client: Client, owner: Any) -> None:
    thread = make_thread(owner, ("Hi", "Hello."))

    def arrange(**fields: str) -> str:
        response = owner_client.post("/chat/threads/arrange/", {"thread": str(thread.pk), **fields})
        assert response.status_code == 303
        return str(response["Location"])

    assert arrange(do="pin") == f"/chat/{thread.pk}/"
    assert arrange(do="move", name="Work") == f"/chat/{thread.pk}/"
    assert arrange(do="delete") == "/chat/"
    assert arrange(do="restore") == f"/chat/{thread.pk}/"
    thread.refresh_from_db()
    assert (thread.pinned, thread.folder, thread.deleted_at) == (True, Folder.objects.get(name="Work"), None)
    folder = Folder.objects.get()
    assert owner_client.post(f"/chat/folders/{folder.pk}/", {"do": "close"}, headers=PARTIAL).status_code == 204
    assert (
        owner_client.post(f"/chat/folders/{folder.pk}/", {"do": "rename", "name": "Home"})["Location"]
        == "/chat/threads/"
    )
    folder.refresh_from_db()
    assert (folder.name, folder.is_open) == ("Home", False)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"do": "pin"}, 422),
        ({"do": "pin", "thread": "nonsense"}, 422),
        ({"do": "explode", "thread": str(UUID(int=1))}, 422),
        ({"do": "pin", "thread": str(UUID(int=1))}, 404),
        ({"do": "move", "folder": "9", "thread": str(UUID(int=1))}, 404),
    ],
)
def test_what_cannot_be_done_says_why(owner_client: Client, fields: dict[str, str], status: int) -> None:
    assert owner_client.post("/chat/threads/arrange/", fields, headers=PARTIAL).status_code == status
    assert owner_client.post("/chat/threads/arrange/", fields).status_code == status


@pytest.mark.parametrize("query", ["after=nonsense", "after=0-x-y", "after=0-9" + "9" * 30 + "-1", "folder=7"])
def test_a_place_that_never_was_is_not_found(owner_client: Client, query: str) -> None:
    assert owner_client.get(f"/chat/threads/?{query}").status_code == 404


# ---- five thousand


def walk(browser: Client, folder: str = "") -> Iterable[str]:
    """The pieces of the list, one after the other."""
    html = browser.get(f"/chat/threads/?{folder}", headers=PARTIAL).content.decode()
    yield html
    while "data-chat-module" in html:
        html = browser.get(f"/chat/threads/?after={read_end(html)}", headers=PARTIAL).content.decode()
        yield html


def test_five_thousand_are_read_page_by_page_in_order_none_twice_in_as_many_queries(
    owner_client: Client, owner: Any
) -> None:
    threads = make_many(owner, 5_000)
    Thread.objects.filter(pk__in=[thread.pk for thread in threads[2_000:2_150]]).update(pinned=True)
    # Many that were last changed in the same moment.
    Thread.objects.filter(pk__in=[thread.pk for thread in threads[300:450]]).update(updated_at=threads[300].updated_at)
    queries = []
    seen: list[str] = []
    pages = walk(owner_client)
    while True:
        with CaptureQueriesContext(connection) as counted:
            html = next(iter(pages), None)
        if html is None:
            break
        queries.append(len(counted))
        seen += read_items(html)

    expected = Thread.objects.order_by("-pinned", "-updated_at", "-pk").values_list("pk", flat=True)
    assert seen == [str(pk) for pk in expected]
    assert len(queries) == 50
    assert max(queries) <= queries[0] <= 5


def test_the_page_of_a_thread_takes_no_more_queries_with_five_thousand_beside_it(
    owner_client: Client, owner: Any
) -> None:
    thread = make_thread(owner, ("Hi", "Hello."))
    owner_client.get(f"/chat/{thread.pk}/")
    with CaptureQueriesContext(connection) as few:
        owner_client.get(f"/chat/{thread.pk}/")
    make_many(owner, 5_000)

    with CaptureQueriesContext(connection) as many:
        html = owner_client.get(f"/chat/{thread.pk}/").content.decode()

    assert len(many) == len(few)
    assert len(read_items(html)) == 100


def test_a_page_that_was_loaded_is_asked_for_again_by_its_ends(owner_client: Client, owner: Any) -> None:
    threads = make_many(owner, 250)
    first = owner_client.get("/chat/threads/", headers=PARTIAL).content.decode()
    second = owner_client.get(f"/chat/threads/?after={read_end(first)}", headers=PARTIAL).content.decode()
    # One goes from the second page to the top, so one is pushed off the first; one is archived, one comes back.
    Thread.objects.filter(pk=threads[150].pk).update(updated_at=timezone.now())
    Thread.objects.filter(pk=threads[160].pk).update(archived_at=timezone.now())

    now = owner_client.get("/chat/threads/", headers=PARTIAL).content.decode()
    again = owner_client.get(
        f"/chat/threads/?after={read_end(now)}&until={read_end(second)}", headers=PARTIAL
    ).content.decode()

    expected = [str(thread.pk) for thread in threads[:200] if thread not in (threads[150], threads[160])]
    assert read_items(now) + read_items(again) == [str(threads[150].pk), *expected]
    assert read_end(again) == read_end(second)


def test_a_folder_of_many_is_read_page_by_page_too(owner_client: Client, owner: Any) -> None:
    folder = Folder.objects.create(owner=owner, name="Work")
    threads = make_many(owner, 120, folder=folder)

    first = owner_client.get("/chat/threads/", headers=PARTIAL).content.decode()
    more = first.partition('hx-get="')[2].partition('"')[0].replace("&amp;", "&")
    second = owner_client.get(more, headers=PARTIAL).content.decode()

    assert read_items(first) + read_items(second) == [str(thread.pk) for thread in threads]


def test_what_was_archived_is_read_page_by_page(owner_client: Client, owner: Any) -> None:
    threads = make_many(owner, 130, archived_at=timezone.now())

    first = owner_client.get("/chat/archived/").content.decode()
    after = first.partition("?after=")[2].partition('"')[0]
    second = owner_client.get(f"/chat/archived/?after={after}").content.decode()

    pages = [html.count('name="next" value="archived"><button') for html in (first, second)]
    assert pages == [100, 30]
    assert threads


def test_without_script_more_is_a_page(owner_client: Client, owner: Any) -> None:
    make_many(owner, 101)
    first = owner_client.get("/chat/threads/", headers=PARTIAL).content.decode()

    page = owner_client.get(f"/chat/threads/?after={read_end(first)}").content.decode()

    assert "<h1>Conversations</h1>" in page
    assert "Thread 100" in page


def test_an_index_serves_the_list(owner: Any) -> None:
    make_many(owner, 5_000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE chatapp_thread")  # both databases know it
    mine = listing.get_listed(get_policy().get_threads(owner))
    after = listing.Cursor(False, timezone.now() - timedelta(minutes=2_500), uuid4())

    for rows in (mine[:101], listing._cut(mine, after)[:101]):
        plan = str(rows.explain())
        assert "chatapp_thread_listed" in plan
        assert "Sort" not in plan
        assert "TEMP B-TREE" not in plan  # which is how SQLite says it


@pytest.mark.needs_postgres
def test_the_same_on_postgresql() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__, "-k", "an_index_serves"]
    environment = {**os.environ, "TEST_DATABASE_URL": POSTGRES_URL.rpartition("/")[0] + "/chatapp_threads"}
    # One test covers a part of the code only; whoever measures coverage does not mean it.
    environment.pop("PYTEST_ADDOPTS", None)

    ended = subprocess.run(
        command, cwd=Path(__file__).parent.parent, env=environment, capture_output=True, text=True, timeout=120
    )

    assert ended.returncode == 0, ended.stdout
    assert "1 passed" in ended.stdout


def test_a_cursor_says_its_place_and_is_smaller_further_down() -> None:
    places = [
        listing.Cursor(True, datetime(2020, 1, 1, tzinfo=UTC), UUID(int=5)),
        listing.Cursor(False, listing.END_OF_TIME, UUID(int=0)),
        listing.Cursor(False, datetime(2026, 1, 1, tzinfo=UTC), UUID(int=2)),
        listing.Cursor(False, datetime(2026, 1, 1, tzinfo=UTC), UUID(int=1)),
        listing.Cursor(False, datetime(2020, 1, 1, microsecond=1, tzinfo=UTC), UUID(int=9)),
    ]

    assert [listing.parse_cursor(str(place)) for place in places] == places
    assert sorted(map(str, places), reverse=True) == [str(place) for place in places]


# ---- what has always been so


def test_a_new_chat_has_no_row_before_its_first_message(owner_client: Client) -> None:
    assert owner_client.get("/chat/").status_code == 200

    assert Thread.objects.count() == 0


async def test_what_is_said_in_one_conversation_is_never_in_another(line: Line) -> None:
    browser = AsyncClient()
    await browser.aforce_login(line.owner)
    first = line.thread_id
    await line.answer("Only here")
    line.thread_id = second = uuid4()
    line.says("Elsewhere.")
    await line.answer("Only there")

    for _switch in range(3):
        one = Page((await browser.get(f"/chat/{first}/")).content.decode())
        two = Page((await browser.get(f"/chat/{second}/")).content.decode())
        assert (one.texts, two.texts) == (["Only here", "Hello."], ["Only there", "Elsewhere."])


@pytest.mark.django_db
def test_what_is_done_to_the_list_in_memory_changes_nothing(owner: Any) -> None:
    make_thread(owner, title="One")

    page = list_mine(owner)
    page.groups[0].items.clear()
    page.groups.clear()

    assert get_titles(list_mine(owner)) == {"Today": ["One"]}


def test_a_new_chat_is_empty_and_the_old_one_has_its_messages_in_order(owner_client: Client, owner: Any) -> None:
    thread = make_thread(owner, ("One", "Two"), ("Three", "Four"))

    assert Page(owner_client.get("/chat/").content.decode()).texts == []
    assert Page(owner_client.get(f"/chat/{thread.pk}/").content.decode()).texts == ["One", "Two", "Three", "Four"]


def test_one_bad_part_takes_no_other_with_it(
    owner_client: Client, owner: Any, caplog: pytest.LogCaptureFixture
) -> None:
    thread = make_thread(owner, ("Hi", "Fine."), ("And?", "Secret words"))
    Message.objects.filter(text="Secret words").update(
        parts=[{"kind": "table", "rows": "Secret words"}, {"kind": "text", "text": "The rest."}]
    )

    html = owner_client.get(f"/chat/{thread.pk}/").content.decode()

    assert "Fine." in html
    assert "The rest." in html
    assert "Secret words" not in caplog.text
