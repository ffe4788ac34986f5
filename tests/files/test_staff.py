"""What staff see of files: checks at start, and whose they are; not what is in them."""

from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.files.storage import FileSystemStorage
from django.test import Client, override_settings

import chatapp
from chatapp import registry
from chatapp.files import documents, images
from chatapp.models import Attachment
from chatapp.models.files import choose_storage
from tests.conftest import make_thread

pytestmark = pytest.mark.django_db


def find() -> dict[str, str]:
    """What the checks say now, by id."""
    return {str(message.id): message.msg for message in run_checks()}


def test_a_storage_that_is_not_there_is_an_error(settings: Any) -> None:
    settings.CHATAPP = {"ATTACHMENT_STORAGE": "nowhere"}

    assert "'nowhere', which is not in STORAGES" in find()["chatapp.E020"]


def test_a_storage_that_everybody_can_read_is_a_warning(settings: Any) -> None:
    assert not {"chatapp.E020", "chatapp.W020"} & find().keys()
    settings.CHATAPP = {"ATTACHMENT_STORAGE": "default"}
    assert "chatapp.W020" not in find()

    with override_settings(MEDIA_URL="/media/"):
        assert "below MEDIA_ROOT" in find()["chatapp.W020"]


def test_by_default_files_lie_beside_what_is_served(settings: Any) -> None:
    storage = choose_storage()

    assert isinstance(storage, FileSystemStorage)
    assert Path(storage.location) == Path(settings.MEDIA_ROOT).with_name("chatapp-files")


@pytest.mark.parametrize(("declared", "is_said"), [(["pdf"], True), (["csv"], False), (False, False)])
def test_a_library_that_is_missing_is_said_where_it_is_needed(
    monkeypatch: pytest.MonkeyPatch, declared: Any, is_said: bool
) -> None:
    monkeypatch.setattr(images, "find_spec", lambda name: None)
    monkeypatch.setattr(documents, "find_spec", lambda name: None)

    with registry.override():
        chatapp.register(type("Taker", (chatapp.Assistant,), {"attachments": declared}))
        assert ("chatapp.W021" in find()) is is_said


def test_staff_see_whose_file_it_is_and_nothing_of_its_text(staff_client: Client, owner: Any) -> None:
    thread = make_thread(owner, ("Hi", "Hello."))
    row = Attachment.objects.create(
        owner=owner,
        thread=thread,
        file="00/0",
        name="<b>.csv",
        media_type="text/csv",
        size_bytes=6,
        sent_bytes=6,
        sha256="0" * 64,
        text="secret",
    )

    for path in ("", f"{row.pk}/change/"):
        html = staff_client.get(f"/admin/chatapp/attachment/{path}").content.decode()
        assert "<bdi>&lt;b&gt;.csv</bdi>" in html
        assert "secret" not in html
