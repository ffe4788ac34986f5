"""Files that people send: where they lie, and whether they can be read."""

from pathlib import Path
from typing import Any

from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import FileSystemStorage, storages

from chatapp import registry
from chatapp.checks.site import AppConfigs
from chatapp.conf import settings
from chatapp.files import documents, images
from chatapp.files.kinds import MEDIA_TYPES, get_look, read_declared
from chatapp.models.files import choose_storage


def check_storage(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """E020: the storage for files is known. W020: no address of the site leads into it."""
    try:
        alias = settings.ATTACHMENT_STORAGE
    except ImproperlyConfigured:
        return []  # check_settings has said so
    if alias and alias not in storages.backends:
        hint = f"Add {alias!r} to STORAGES, or leave ATTACHMENT_STORAGE empty for a private folder."
        return [
            Error(
                f"CHATAPP['ATTACHMENT_STORAGE'] is {alias!r}, which is not in STORAGES.", hint=hint, id="chatapp.E020"
            )
        ]
    storage = choose_storage()
    is_served = django_settings.MEDIA_URL not in ("", "/")
    media = Path(str(django_settings.MEDIA_ROOT) or "media").resolve()
    if is_served and isinstance(storage, FileSystemStorage) and Path(storage.location).is_relative_to(media):
        return [
            Warning(
                "The files that people send in chats lie below MEDIA_ROOT, which MEDIA_URL may give to everybody.",
                hint="Name a storage with a folder of its own in CHATAPP['ATTACHMENT_STORAGE'], or leave it empty.",
                id="chatapp.W020",
            )
        ]
    return []


def check_libraries(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """W021: what assistants take can be read."""
    looks = set()
    for assistant in registry.get_all():
        accepted = read_declared(assistant.attachments, assistant.slug)
        looks |= {get_look(MEDIA_TYPES[extension]) for extension in (accepted.extensions if accepted else ())}
    missing = [
        f"{name} for {what}"
        for look, is_available, name, what in (
            ("image", images.is_available(), "Pillow", "images"),
            ("pdf", documents.is_available(), "pypdf", "PDF files"),
        )
        if look in looks and not is_available
    ]
    return [
        Warning(
            f"An assistant takes files that cannot be read without {item}; people are told so when they send one.",
            hint="pip install 'django-chatapp[files]', or leave these kinds out of its `attachments`.",
            id="chatapp.W021",
        )
        for item in missing
    ]
