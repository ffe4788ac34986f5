"""Images, drawn anew: nothing of what was hidden in a file is in the one that is kept.

Pillow is the extra `files`; it is imported with the first image.
"""

import io
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext as _

from chatapp.errors import Refused

if TYPE_CHECKING:
    from PIL import Image

LONGEST_EDGE: Final = 1568
"""Pixels; models look at nothing finer."""

THUMB_EDGE: Final = 480
"""Pixels of a small image, sharp at half that size."""

MAX_PIXELS: Final = 50_000_000
"""Of an image, and of all frames of a moving one together."""

_FORMATS: Final = {"image/png": "PNG", "image/jpeg": "JPEG", "image/gif": "GIF", "image/webp": "WEBP"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An image that was drawn anew."""

    data: bytes
    media_type: str
    width: int
    height: int
    notice: str = ""


def is_available() -> bool:
    """Whether Pillow is installed."""
    return find_spec("PIL") is not None


def read_image(data: bytes, media_type: str, name: str) -> Picture:
    """The image, upright, no edge longer than LONGEST_EDGE, without metadata. A large GIF becomes a PNG that stands
    still, with a notice.

    Raises Refused: it is no image of this type, it has too many pixels, Pillow is not installed.
    """
    if not is_available():
        raise Refused("no_images", _("Images cannot be read on this site. Its staff can find out why."), status=415)
    from PIL import Image, ImageOps, ImageSequence

    format_ = _FORMATS[media_type]
    try:
        with Image.open(io.BytesIO(data), formats=[format_]) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise _has_too_many_pixels(name)
            frames = getattr(image, "n_frames", 1)
            is_large = max(width, height) > LONGEST_EDGE or width * height * frames > MAX_PIXELS
            if format_ == "GIF" and not is_large:
                moving = [_clean(frame.convert("RGBA")) for frame in ImageSequence.Iterator(image)]
                pause = image.info.get("duration", 100)
                written = _write(moving[0], "GIF", rest=moving[1:], duration=pause)
                return Picture(data=written, media_type=media_type, width=width, height=height)
            image.seek(0)
            upright = ImageOps.exif_transpose(image)
            still = _clean(_simplify(upright, format_))
            still.thumbnail((LONGEST_EDGE, LONGEST_EDGE), Image.Resampling.LANCZOS)
            kept = "PNG" if format_ == "GIF" else format_
            written = _write(still, kept)
    except Refused:
        raise
    except Image.DecompressionBombError as error:
        raise _has_too_many_pixels(name) from error
    except Exception as error:
        # Whatever a broken file makes of a decoder: it is no image to us.
        sentence = _("“%(name)s” is not an image of the kind that its name says, or it is damaged.") % {"name": name}
        raise Refused("file_content", sentence, status=415) from error
    notice = _("“%(name)s” was large and is sent as an image that stands still.") % {"name": name}
    return Picture(
        data=written,
        media_type="image/png" if kept == "PNG" else media_type,
        width=still.width,
        height=still.height,
        notice=notice if format_ == "GIF" else "",
    )


def _has_too_many_pixels(name: str) -> Refused:
    return Refused("image_large", _("“%(name)s” has too many pixels.") % {"name": name}, status=413)


def make_thumb(data: bytes) -> tuple[bytes, str]:
    """A small image of one that was stored, and its media type."""
    from PIL import Image

    with Image.open(io.BytesIO(data), formats=list(_FORMATS.values())) as image:
        kept = "JPEG" if image.format == "JPEG" else "PNG"
        small = _clean(_simplify(image, kept))
        small.thumbnail((THUMB_EDGE, THUMB_EDGE), Image.Resampling.LANCZOS)
        return _write(small, kept), f"image/{kept.lower()}"


def _simplify(image: "Image.Image", format_: str) -> "Image.Image":
    """In a mode that the format has and that can be scaled."""
    if format_ == "JPEG":
        return image.convert("L" if image.mode == "L" else "RGB")
    if image.mode in ("L", "RGB", "RGBA"):
        return image.copy()
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _clean(image: "Image.Image") -> "Image.Image":
    image.info.clear()
    return image


def _write(image: "Image.Image", format_: str, *, rest: "list[Image.Image] | None" = None, duration: int = 0) -> bytes:
    file = io.BytesIO()
    if rest:
        image.save(file, format_, save_all=True, append_images=rest, duration=duration, loop=0, disposal=2)
    elif format_ in ("JPEG", "WEBP"):
        image.save(file, format_, quality=88)
    else:
        image.save(file, format_)
    return file.getvalue()
