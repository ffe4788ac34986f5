"""Folders of a person's list: make one, name it, open and close it, delete it. What is in it is never touched."""

from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from chatapp.errors import Refused
from chatapp.models import Folder
from chatapp.models.calls import in_database
from chatapp.policy import get_policy
from chatapp.runs.hub import get_hub
from chatapp.scrubbing import scrub

MAX_FOLDERS: Final = 100
"""Folders that one person may have."""


async def create_folder(user: Any, name: str) -> Folder:
    """A new folder at the end of the others, or the one that has this name.

    Raises Refused: it has no name, or there are too many (422); nobody is signed in (404).
    """
    folder = await _store_folder(user, _clean(name))
    await get_hub().list_changed(str(user.pk))
    return folder


async def rename_folder(user: Any, folder: int, name: str) -> str:
    """Give it another name; the name as it is stored. An empty one changes nothing.

    Raises Refused: another one has it (409), no such folder (404).
    """
    stored = await _store_name(user, folder, name)
    await get_hub().list_changed(str(user.pk))
    return stored


async def open_folder(user: Any, folder: int, *, to: bool = True) -> None:
    """Show what is in it, or (`to` False) hide that, on all pages from now on. Raises Refused: no such folder (404)."""
    await _store_open(user, folder, is_open=to)
    await get_hub().list_changed(str(user.pk))


async def delete_folder(user: Any, folder: int) -> None:
    """Delete it; what was in it stands under its day again. Raises Refused: no such folder (404)."""
    await _store_gone(user, folder)
    await get_hub().list_changed(str(user.pk))


def _clean(name: str) -> str:
    name = " ".join(scrub(name).split())[:80]
    if not name:
        raise Refused("no_name", _("Please give the folder a name."))
    return name


def _no_such_folder() -> Refused:
    return Refused("no_folder", _("There is no such folder."), status=404)


@in_database
def _store_folder(user: Any, name: str) -> Folder:
    if not getattr(user, "is_authenticated", False):
        raise _no_such_folder()
    mine = get_policy().get_folders(user)
    known = mine.filter(name=name).first()
    if known is not None:
        return known
    last = mine.order_by("-position").first()
    if mine.count() >= MAX_FOLDERS:
        sentence = _("You have %(limit)s folders; more are not possible.") % {"limit": MAX_FOLDERS}
        raise Refused("too_many_folders", sentence)
    position = last.position + 1 if last is not None else 0
    return Folder.objects.get_or_create(owner=user, name=name, defaults={"position": position})[0]


@in_database
def _store_name(user: Any, pk: int, name: str) -> str:
    folder = get_policy().get_folders(user).filter(pk=pk).first()
    if folder is None:
        raise _no_such_folder()
    if not name.strip():
        return folder.name
    folder.name = _clean(name)
    try:
        with transaction.atomic():
            folder.save(update_fields=["name"])
    except IntegrityError as error:
        raise Refused("name_taken", _("You have a folder with this name already."), status=409) from error
    return folder.name


@in_database
def _store_open(user: Any, pk: int, *, is_open: bool) -> None:
    if not get_policy().get_folders(user).filter(pk=pk).update(is_open=is_open):
        raise _no_such_folder()


@in_database
def _store_gone(user: Any, pk: int) -> None:
    folder = get_policy().get_folders(user).filter(pk=pk).first()
    if folder is None:
        raise _no_such_folder()
    folder.delete()
