"""What is in a file: whether it is what its name says, its text for the model, and the bytes that are kept.

The extension says what a file claims to be, and its bytes have to agree. What is kept of an image is drawn anew, so
that nothing but the picture is in it.
"""

import json
from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _

from chatapp.errors import Refused
from chatapp.scrubbing import scrub

from . import documents, images
from .kinds import MEDIA_TYPES, get_extension, get_look

MAX_TEXT_CHARS: Final = 200_000
"""How much of the text of a file is kept for the model and for `get_context`."""

_BINARY: Final = (
    b"%PDF-",
    b"\x89PNG",
    b"GIF8",
    b"\xff\xd8\xff",
    b"PK\x03\x04",
    b"MZ\x90",
    b"\x7fELF",
    b"\x1f\x8b",
    b"{\\rtf",
)
"""How files begin that are no text, whatever they are called."""

_WIDE: Final = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """A file that was looked into."""

    name: str
    media_type: str
    data: bytes
    """What is to be kept."""

    text: str = ""
    """For the model. Empty for an image."""

    width: int | None = None
    height: int | None = None

    notice: str = ""
    """What the person should know: something was changed, or could not be read."""


def examine(name: str, data: bytes) -> Contents:
    """Look into a file of a known kind.

    Raises Refused with a sentence: it is empty, it is not what its name says, it cannot be read.
    """
    extension = get_extension(name)
    media_type = MEDIA_TYPES.get(extension, "")
    if not media_type:
        raise Refused("file_type", _("“%(name)s” is of a kind that cannot be sent.") % {"name": name}, status=415)
    if not data:
        raise Refused("file_empty", _("“%(name)s” is empty.") % {"name": name})
    look = get_look(media_type)
    if look == "image":
        picture = images.read_image(data, media_type, name)
        shown = f"{name[: -len(extension)]}png" if picture.media_type != media_type else name
        return Contents(
            name=shown,
            media_type=picture.media_type,
            data=picture.data,
            width=picture.width,
            height=picture.height,
            notice=picture.notice,
        )
    if look == "pdf":
        if b"%PDF-" not in data[:1024]:
            raise _is_other(name)
        text, notice = documents.read_pdf(data, name, MAX_TEXT_CHARS)
        return Contents(name=name, media_type=media_type, data=data, text=scrub(text), notice=notice)
    text = _decode(name, data)
    if extension in ("json", "ipynb"):
        try:
            json.loads(text)
        except (ValueError, RecursionError) as error:
            raise Refused("file_content", _("“%(name)s” is not valid JSON.") % {"name": name}, status=415) from error
    # One encoding for whoever opens it later.
    return Contents(name=name, media_type=media_type, data=text.encode(), text=scrub(text)[:MAX_TEXT_CHARS])


def _decode(name: str, data: bytes) -> str:
    if data.startswith(_BINARY):
        raise _is_other(name)
    encoding = "utf-16" if data.startswith(_WIDE) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        sentence = _("“%(name)s” is not plain text. If it is, please save it as UTF-8 and try again.") % {"name": name}
        raise Refused("file_content", sentence, status=415) from error
    if "\0" in text:
        raise _is_other(name)
    return text


def _is_other(name: str) -> Refused:
    sentence = _("“%(name)s” is not what its name says. Please send the file under its real name.") % {"name": name}
    return Refused("file_content", sentence, status=415)
