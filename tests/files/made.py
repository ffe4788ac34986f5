"""Files as people send them, made here."""

import io
import struct
import zlib
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

EXE = b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff" + bytes(range(256))


def make_image(format_: str = "PNG", size: tuple[int, int] = (4, 3), **options: Any) -> bytes:
    """An image of one colour."""
    file = io.BytesIO()
    Image.new("RGB", size, "teal").save(file, format_, **options)
    return file.getvalue()


def make_png_with_secret(secret: str) -> bytes:
    """An image that says more than one sees."""
    notes = PngInfo()
    notes.add_text("Comment", secret)
    return make_image(pnginfo=notes)


def make_gif(size: tuple[int, int], frames: int = 3) -> bytes:
    """An image that moves."""
    file = io.BytesIO()
    pictures = [Image.new("RGB", size, (40 * number, 90, 90)) for number in range(frames)]
    pictures[0].save(file, "GIF", save_all=True, append_images=pictures[1:], comment=b"secret")
    return file.getvalue()


def make_bomb() -> bytes:
    """A PNG of a few hundred bytes that claims to be a square kilometre of pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


def make_pdf(*pages: str, password: str = "") -> bytes:
    """A document with these words on its pages."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", "", "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids = []
    for words in pages:
        said = f"BT /F1 12 Tf 50 700 Td ({words}) Tj ET"
        kids.append(f"{len(objects) + 1} 0 R")
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents {len(objects) + 2} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
        objects.append(f"<< /Length {len(said)} >>\nstream\n{said}\nendstream")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    text, places = "%PDF-1.4\n", []
    for number, item in enumerate(objects, 1):
        places.append(len(text))
        text += f"{number} 0 obj\n{item}\nendobj\n"
    start = len(text)
    rows = "".join(f"{place:010d} 00000 n \n" for place in places)
    text += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{rows}"
    text += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"
    return _lock(text.encode(), password) if password else text.encode()


def _lock(data: bytes, password: str) -> bytes:
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(data)))
    writer.encrypt(password, algorithm="RC4-128")
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()
