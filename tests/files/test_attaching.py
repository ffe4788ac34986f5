"""From the message box into the conversation: staging, sending, and what goes with what is deleted."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from asgiref.sync import sync_to_async
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db.models.functions import Now

import chatapp
from chatapp import actions, attaching, queueing, tidying
from chatapp.attaching import PathNotAllowed
from chatapp.errors import Refused
from chatapp.models import Attachment, Message
from chatapp.models.files import get_storage
from chatapp.parts import TextPart
from chatapp.providers.scripted import gate
from chatapp.runs import attachments
from chatapp.runs.transcript import to_chat_messages
from tests.line import Line

from .made import EXE, make_gif, make_image


class Taker(chatapp.Assistant):
    """Takes everything."""

    attachments = True


class Reader(chatapp.Assistant):
    """Takes tables and moving images."""

    attachments = [".csv", "gif"]


@pytest.fixture
def taker(line: Line) -> Line:
    """A line whose assistant takes files."""
    line.declares(Taker)
    return line


async def stage(line: Line, name: str = "orders.csv", data: bytes = b"order,total\n1,2\n", **given: Any) -> Attachment:
    """The owner puts a file beside the message box."""
    user = given.pop("user", line.owner)
    row, _notice = await attaching.astage(user, line.thread_id, SimpleUploadedFile(name, data), **given)
    return row


async def send(line: Line, *files: Attachment, text: str = "", client_id: UUID | None = None) -> actions.Posted:
    """The owner sends a message with these files."""
    ids = [file.pk for file in files]
    return await actions.post_message(
        line.owner, line.thread_id, text=text, client_id=client_id or uuid4(), attachments=ids
    )


def is_kept(row: Attachment) -> bool:
    """Whether the content of a file lies in the storage."""
    return get_storage().exists(str(row.file.name))


async def test_a_staged_file_has_a_name_of_ours_in_storage_and_its_own_in_the_row(taker: Line) -> None:
    row = await stage(taker, "../Orders €.CSV")

    assert (row.name, row.media_type, row.size_bytes) == ("Orders €.CSV", "text/csv", 16)
    assert row.file.name == f"{row.pk.hex[:2]}/{row.pk.hex}"
    assert is_kept(row)
    assert (row.owner_id, row.staged_for, row.thread_id) == (taker.owner.pk, taker.thread_id, None)


async def test_the_same_bytes_again_are_the_same_file(taker: Line) -> None:
    first, again = await stage(taker), await stage(taker, "copy.csv")

    assert again.pk == first.pk
    assert await Attachment.objects.acount() == 1


@pytest.mark.parametrize(
    ("name", "data", "status", "words"),
    [
        ("noext", b"x", 415, "has no extension"),
        ("virus.csv", EXE, 415, "not what its name says"),
        ("a.txt", b"x", 415, "cannot be sent here. What can: csv, gif."),
        ("a.csv", b"x" * 501, 413, "too large; at most 500 B"),
    ],
)
async def test_what_cannot_be_staged_leaves_nothing_behind(
    line: Line, name: str, data: bytes, status: int, words: str
) -> None:
    line.declares(Reader)
    line.sets(MAX_ATTACHMENT_BYTES=500)

    with pytest.raises(Refused, match=words) as refused:
        await stage(line, name, data)

    assert refused.value.status == status
    assert not await Attachment.objects.aexists()


async def test_a_name_in_capitals_is_of_the_same_kind(line: Line) -> None:
    line.declares(Reader)

    assert (await stage(line, "a.CSV")).media_type == "text/csv"


async def test_an_assistant_that_takes_no_files_refuses_them(line: Line) -> None:
    with pytest.raises(Refused, match="Files cannot be sent in this conversation"):
        await stage(line)


async def test_the_twin_decides_for_each_person(line: Line) -> None:
    class Choosy(chatapp.Assistant):
        """Takes files of the owner only."""

        def get_attachments(self, user: Any) -> Any:
            return ["csv"] if user == line.owner else []

    line.declares(Choosy)

    assert (await stage(line)).name == "orders.csv"
    with pytest.raises(Refused, match="cannot be sent in this conversation"):
        await stage(line, user=await sync_to_async(type(line.owner).objects.create_user)("other"))


async def test_nobody_stages_anything_for_a_thread_of_somebody_else(taker: Line, stranger: Any) -> None:
    await taker.answer()

    with pytest.raises(Refused) as refused:
        await stage(taker, user=stranger)

    assert refused.value.status == 404


async def test_so_many_in_a_minute_and_so_much_at_all(taker: Line) -> None:
    taker.sets(UPLOADS_PER_MINUTE=1, ATTACHMENT_QUOTA_BYTES=20)
    await stage(taker)
    with pytest.raises(Refused, match="very fast"):
        await stage(taker, "b.txt", b"b")
    taker.sets(UPLOADS_PER_MINUTE=60)

    with pytest.raises(Refused, match="no room left"):
        await stage(taker, "b.txt", b"b" * 5)


async def test_a_full_disk_is_a_sentence_and_no_row(taker: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("django.core.files.storage.FileSystemStorage._save", fail)

    with pytest.raises(Refused, match="could not be stored") as refused:
        await stage(taker)

    assert refused.value.status == 507
    assert not await Attachment.objects.aexists()


async def test_a_message_takes_its_files_along_and_needs_no_text(taker: Line) -> None:
    table, image = await stage(taker), await stage(taker, "a.png", make_image())

    posted = await send(taker, image, table)
    await taker.ended()

    message = await Message.objects.aget(pk=posted.message_id)
    assert [getattr(part, "name", "") for part in message.load_parts()] == ["a.png", "orders.csv"]
    assert message.text == ""
    assert (await taker.thread()).title == "a.png, orders.csv"
    rows = {row.pk: row async for row in Attachment.objects.all()}
    assert {(row.thread_id, row.message_id, row.staged_for) for row in rows.values()} == {
        (taker.thread_id, message.pk, None)
    }


async def test_files_stand_before_the_text(taker: Line) -> None:
    posted = await send(taker, await stage(taker), text="What is in it?")
    await taker.ended()

    message = await Message.objects.aget(pk=posted.message_id)
    first, second = message.load_parts()
    assert isinstance(first, chatapp.FilePart)
    assert (first.preview, first.look, first.size) == ("order,total\n1,2\n", "text", "16 B")
    assert isinstance(second, TextPart)


async def test_neither_text_nor_files_is_nothing(taker: Line) -> None:
    with pytest.raises(Refused, match="write something first"):
        await send(taker)


async def test_the_same_message_again_is_one_message_and_other_files_make_it_another(taker: Line) -> None:
    client_id, row = uuid4(), await stage(taker)
    first = await send(taker, row, text="Hi", client_id=client_id)
    await taker.ended()

    again = await send(taker, row, text="Hi", client_id=client_id)
    with pytest.raises(Refused, match="was sent before"):
        await send(taker, text="Hi", client_id=client_id)

    assert (again.message_id, again.is_new) == (first.message_id, False)


async def test_a_file_that_is_not_there_not_staged_or_not_theirs_refuses_the_message(
    taker: Line, stranger: Any
) -> None:
    sent = await stage(taker)
    await send(taker, sent)
    await taker.ended()
    foreign = await stage(taker, "b.txt", b"b")
    await Attachment.objects.filter(pk=foreign.pk).aupdate(owner=stranger)
    elsewhere = await stage(taker, "c.txt", b"c")
    await Attachment.objects.filter(pk=elsewhere.pk).aupdate(staged_for=uuid4())
    count = await Message.objects.acount()

    for row in (Attachment(pk=uuid4()), sent, foreign, elsewhere):
        with pytest.raises(Refused, match="not there any more"):
            await send(taker, row, text="Hi")

    assert await Message.objects.acount() == count


async def test_one_file_too_many_and_bytes_too_many_are_refused_and_stay_staged(taker: Line) -> None:
    taker.sets(MAX_ATTACHMENTS=1, MAX_TOTAL_ATTACHMENT_BYTES=16)
    one, two = await stage(taker), await stage(taker, "b.txt", b"b")

    with pytest.raises(Refused, match="At most 1 file can"):
        await send(taker, one, two)
    taker.sets(MAX_ATTACHMENTS=20)
    with pytest.raises(Refused, match="may have 16 B together"):
        await send(taker, one, two)

    assert await Attachment.objects.filter(staged_for=taker.thread_id).acount() == 2
    assert await taker.count() == (0, 0, 0)


async def test_a_kind_that_another_assistant_took_is_refused_by_this_one(taker: Line) -> None:
    row = await stage(taker, "a.txt", b"a")
    taker.declares(Reader)

    with pytest.raises(Refused, match="of a kind that cannot be sent here"):
        await send(taker, row)


async def test_a_gif_that_became_a_png_is_taken_where_gifs_are(line: Line) -> None:
    line.declares(Reader)

    await send(line, await stage(line, "a.gif", make_gif((1600, 20))))
    await line.ended()

    assert (await Attachment.objects.aget()).message_id is not None


async def test_what_waits_to_be_sent_has_its_files_with_it(line: Line) -> None:
    line.declares(type("Queueing", (Taker,), {"while_running": "queue", "__doc__": "Queues."}))
    line.says("One", gate("hold"))
    await line.post()
    await line.provider.reached("hold")

    kept, lost = await stage(line), await stage(line, "b.txt", b"b")
    await send(line, kept, text="Two?")
    posted = await send(line, lost, text="Three?")
    await queueing.unqueue(line.owner, line.thread_id, posted.message_id)
    line.provider.release("hold")
    await line.ended(2)

    assert not await sync_to_async(is_kept)(lost)
    run = await line.run()
    assert run.prompt is not None
    history = await sync_to_async(to_chat_messages)(run.thread, [run.prompt])
    assert [file.name for file in history[0].attachments] == ["orders.csv"]


async def test_what_is_taken_away_before_it_is_sent_is_gone(taker: Line, stranger: Any) -> None:
    row = await stage(taker)
    with pytest.raises(Refused):
        await attaching.remove(stranger, taker.thread_id, row.pk)

    await attaching.remove(taker.owner, taker.thread_id, row.pk)

    assert not await sync_to_async(is_kept)(row)
    assert not await Attachment.objects.aexists()


async def test_files_go_with_their_thread_and_with_their_owner(taker: Line, settings: Any) -> None:
    settings.CHATAPP = {**settings.CHATAPP, "UNDO_SECONDS": 0}
    sent = await stage(taker)
    await send(taker, sent)
    await taker.ended()
    waiting = await stage(taker, "b.txt", b"b")

    await tidying.delete(taker.owner, taker.thread_id)
    assert not await sync_to_async(is_kept)(sent)
    assert await sync_to_async(is_kept)(waiting)
    await taker.owner.adelete()

    assert not await sync_to_async(is_kept)(waiting)
    assert not await Attachment.objects.aexists()


async def test_what_is_never_sent_is_purged_after_a_day_and_what_was_sent_stays(
    taker: Line, capsys: pytest.CaptureFixture[str]
) -> None:
    sent, young, old = [await stage(taker, f"{name}.txt", name.encode()) for name in ("sent", "young", "old")]
    await send(taker, sent)
    await taker.ended()
    await Attachment.objects.exclude(pk=young.pk).aupdate(created_at=Now() - attachments.STAGED - timedelta(minutes=1))

    await sync_to_async(call_command)("chatapp_sweep")

    assert "1 files purged" in capsys.readouterr().out
    assert {row.pk async for row in Attachment.objects.all()} == {sent.pk, young.pk}
    assert not await sync_to_async(is_kept)(old)


async def test_code_attaches_only_files_below_the_allowed_folders(taker: Line, tmp_path: Any) -> None:
    await taker.answer()
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for folder in (inside, outside):
        folder.mkdir()
        (folder / "a.csv").write_text(folder.name)
    (inside / "link.csv").symlink_to(outside / "a.csv")
    (inside / "folder").symlink_to(outside)
    with pytest.raises(PathNotAllowed):
        await chatapp.attach_path(taker.thread_id, inside / "a.csv")
    taker.sets(CONTEXT_ALLOWED_ROOTS=(str(inside),))

    part = await chatapp.attach_path(taker.thread_id, inside / "a.csv")

    row = await Attachment.objects.aget(pk=part.attachment)
    assert (row.text, row.thread_id, row.owner_id, row.staged_for) == (
        "inside",
        taker.thread_id,
        taker.owner.pk,
        None,
    )
    for path in (
        outside / "a.csv",
        inside / ".." / "outside" / "a.csv",
        inside / "link.csv",
        inside / "folder" / "a.csv",
        inside / "nothing.csv",
        inside,
        "a.csv",
    ):
        with pytest.raises(PathNotAllowed):
            await chatapp.attach_path(taker.thread_id, path)


async def test_an_answer_gives_a_file_to_the_person(line: Line, tmp_path: Any) -> None:
    (tmp_path / "report.csv").write_text("a,b\n")
    line.sets(CONTEXT_ALLOWED_ROOTS=(str(tmp_path),))

    @line.declares
    async def writer(turn: chatapp.Turn) -> Any:
        """Gives a file."""
        assert turn.thread_id is not None
        return await chatapp.attach_path(turn.thread_id, tmp_path / "report.csv", name="Your report.csv")

    await line.answer()

    (part,) = await line.parts()
    assert isinstance(part, chatapp.FilePart)
    assert part.name == "Your report.csv"
