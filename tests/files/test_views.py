"""Files over HTTP: in by a form or by script, out only to who may read them, and never as a page."""

from typing import Any
from uuid import UUID, uuid4

import pytest_asyncio
from asgiref.sync import sync_to_async
from channels.testing import ApplicationCommunicator
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import AsyncClient

import chatapp
from chatapp import intake
from chatapp.models import Attachment, Message
from chatapp.models.files import get_storage
from chatapp.testing import Page
from tests.line import Line

from .made import EXE, make_image


class Taker(chatapp.Assistant):
    """Takes everything."""

    attachments = True


@pytest_asyncio.fixture
async def taker(line: Line) -> Line:
    """A line whose assistant takes files."""
    line.declares(Taker)
    return line


@pytest_asyncio.fixture
async def browser(taker: Line) -> AsyncClient:
    """A browser in which the owner is signed in."""
    browser = AsyncClient()
    await browser.aforce_login(taker.owner)
    return browser


def make_file(name: str = "orders.csv", data: bytes = b"order,total\n") -> SimpleUploadedFile:
    """A file in a form."""
    return SimpleUploadedFile(name, data)


async def upload(browser: AsyncClient, line: Line, *files: SimpleUploadedFile) -> Any:
    """What script gets."""
    path = f"/chat/{line.thread_id}/files/"
    return await browser.post(path, {"files": list(files or [make_file()])}, headers={"HX-Request": "true"})


async def upload_one(browser: AsyncClient, line: Line, *file: SimpleUploadedFile) -> str:
    """Stage a file; its address."""
    (row,) = (await upload(browser, line, *file)).json()["files"]
    return f"/chat/files/{row['id']}/"


async def send(browser: AsyncClient, line: Line, **fields: Any) -> Any:
    """What a form without script gets."""
    data = {"text": "", "client_id": str(uuid4()), **fields}
    return await browser.post(f"/chat/{line.thread_id}/messages/", data)


async def test_script_uploads_a_file_and_gets_the_pill(browser: AsyncClient, taker: Line) -> None:
    response = await upload(browser, taker, make_file("<b>.csv"))

    (file,) = response.json()["files"]
    row = await Attachment.objects.aget()
    assert (file["id"], file["name"], file["size_bytes"]) == (str(row.pk), "<b>.csv", 12)
    assert "&lt;b&gt;.csv" in file["html"]
    assert "<b>.csv" not in file["html"]


async def test_one_refused_file_does_not_take_the_others_down(browser: AsyncClient, taker: Line) -> None:
    response = await upload(browser, taker, make_file(), make_file("virus.csv", EXE))

    assert response.status_code == 415
    assert [file["name"] for file in response.json()["files"]] == ["orders.csv"]
    assert "not what its name says" in response.json()["error"]


async def test_a_form_without_script_comes_back_to_the_thread(browser: AsyncClient, taker: Line) -> None:
    await taker.answer()

    response = await browser.post(f"/chat/{taker.thread_id}/files/", {"files": [make_file()]})

    assert (response.status_code, response["Location"]) == (303, f"/chat/{taker.thread_id}/")
    page = (await browser.get(f"/chat/{taker.thread_id}/")).content.decode()
    assert "orders.csv" in page
    row = await Attachment.objects.aget()
    away = await browser.post(f"/chat/{taker.thread_id}/files/{row.pk}/remove/")
    assert away.status_code == 303
    assert not await Attachment.objects.aexists()


async def test_files_are_sent_with_the_form_of_the_message(browser: AsyncClient, taker: Line) -> None:
    response = await send(browser, taker, text="Same?", files=[make_file(), make_file("a.png", make_image())])
    await taker.ended()

    assert response.status_code == 303
    message = await Message.objects.aget(role="user")
    assert [part.kind for part in message.load_parts()] == ["file", "file", "text"]
    page = Page((await browser.get(f"/chat/{taker.thread_id}/")).content.decode())
    assert "orders.csv" in page.thread
    assert "?thumb=1" in page.thread
    assert not await Attachment.objects.filter(staged_for__isnull=False).aexists()


async def test_a_message_that_is_refused_keeps_its_files_beside_the_box(browser: AsyncClient, taker: Line) -> None:
    taker.sets(MAX_MESSAGE_CHARS=3)

    response = await send(browser, taker, text="Too long", files=[make_file()])

    assert response.status_code == 422
    row = await Attachment.objects.aget()
    assert f'name="attachments" value="{row.pk}"' in response.content.decode()
    again = await send(browser, taker, text="Ok", attachments=[str(row.pk)])
    await taker.ended()
    assert again.status_code == 303
    assert (await Attachment.objects.aget()).message_id is not None


async def test_one_file_too_many_is_refused_with_a_notice(browser: AsyncClient, taker: Line) -> None:
    taker.sets(MAX_ATTACHMENTS=1)

    response = await send(browser, taker, files=[make_file(), make_file("b.txt", b"b")])

    assert response.status_code == 422
    assert "At most 1 file" in " ".join(Page(response.content.decode()).notices)
    assert not await Message.objects.aexists()


async def test_the_button_is_there_only_where_files_can_be_sent(browser: AsyncClient, taker: Line) -> None:
    path = f"/chat/new/{Taker().slug}/"
    assert 'accept=".cfg,.css,.csv' in (await browser.get(path)).content.decode()
    assert 'enctype="multipart/form-data"' in (await browser.get(path)).content.decode()

    for declared in list[Any]((False, [])):
        taker.declares(type("Taker", (chatapp.Assistant,), {"attachments": declared}))
        page = (await browser.get(path)).content.decode()
        assert "chat-tray" not in page
        assert "Attach files" not in page
    assert (await upload(browser, taker)).status_code == 422


async def test_a_table_is_a_download_that_no_browser_draws(browser: AsyncClient, taker: Line) -> None:
    address = await upload_one(browser, taker, make_file("page.html", b"<script>alert(1)</script>"))

    response = await browser.get(address)

    assert response["Content-Disposition"] == 'attachment; filename="page.html"'
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert response["Cache-Control"] == "private, no-cache"
    assert response.content == b"<script>alert(1)</script>"
    assert (await browser.get(f"{address}?thumb=1")).status_code == 404


async def test_an_image_is_shown_and_small_when_it_is_asked_to_be(browser: AsyncClient, taker: Line) -> None:
    address = await upload_one(browser, taker, make_file("a.png", make_image(size=(1000, 500))))

    whole, small = await browser.get(address), await browser.get(f"{address}?thumb=1")

    assert whole["Content-Disposition"] == 'inline; filename="a.png"'
    assert (whole["Content-Type"], small["Content-Type"]) == ("image/png", "image/png")
    assert len(small.content) < len(whole.content)
    same = await browser.get(address, headers={"If-None-Match": whole["ETag"]})
    assert (same.status_code, same.content) == (304, b"")


async def test_nobody_else_gets_a_file_before_it_is_sent_or_after(
    browser: AsyncClient, taker: Line, stranger: Any
) -> None:
    address = await upload_one(browser, taker)
    other, nobody = AsyncClient(), AsyncClient()
    await other.aforce_login(stranger)

    for _ in range(2):
        assert (await other.get(address)).status_code == 404
        assert (await nobody.get(address)).status_code == 302
        assert (await browser.get(address)).status_code == 200
        await send(browser, taker, attachments=[address.split("/")[-2]])
    await taker.ended()


async def test_content_that_is_gone_is_not_found(browser: AsyncClient, taker: Line) -> None:
    address = await upload_one(browser, taker)
    await sync_to_async(get_storage().delete)(str((await Attachment.objects.aget()).file.name))

    assert (await browser.get(address)).status_code == 404


async def test_a_foreign_thread_takes_no_upload(browser: AsyncClient, taker: Line, stranger: Any) -> None:
    await taker.answer()
    other = AsyncClient()
    await other.aforce_login(stranger)

    response = await upload(other, taker)

    assert response.status_code == 404
    assert not await Attachment.objects.aexists()


# ---- before Django has read anything


async def answer(scope: Any, receive: Any, send: Any) -> None:
    """An application that reads all of a request."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"read"})


def knock(path: str, *headers: tuple[bytes, bytes]) -> ApplicationCommunicator:
    """A post to the application behind the limit."""
    scope = {"type": "http", "method": "POST", "path": path, "headers": list(headers)}
    return ApplicationCommunicator(intake.BoundedBodies(answer), scope)


async def hear(communicator: ApplicationCommunicator) -> tuple[int, bytes]:
    """Status and body of the answer."""
    start, body = await communicator.receive_output(), await communicator.receive_output()
    await communicator.wait()
    return start["status"], body["body"]


PATH = f"/site/chat/{UUID(int=1)}/files/"


async def test_too_much_is_refused_by_what_the_request_says_before_it_is_read(line: Line) -> None:
    line.sets(MAX_TOTAL_ATTACHMENT_BYTES=1000)

    status, body = await hear(knock(PATH, (b"content-length", b"99999999")))

    assert (status, body.decode()) == (413, "That was too large: the files of a message may have 1 KB together.")


async def test_too_much_is_refused_while_it_comes(line: Line) -> None:
    line.sets(MAX_TOTAL_ATTACHMENT_BYTES=1000)
    communicator = knock(PATH, (b"content-length", b"10"))
    for _ in range(5):
        await communicator.send_input({"type": "http.request", "body": bytes(100_000), "more_body": True})

    status, _body = await hear(communicator)

    assert status == 413
    assert communicator.input_queue.qsize() > 0


async def test_what_is_within_bounds_or_elsewhere_goes_through() -> None:
    for path, headers in ((PATH, []), ("/elsewhere/", [(b"content-length", b"999999999")])):
        communicator = knock(path, *headers)
        await communicator.send_input({"type": "http.request", "body": b"x"})
        assert await hear(communicator) == (200, b"read")
