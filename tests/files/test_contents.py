"""What is in a file has to agree with its name, and only what one sees of an image is kept."""

import io
import sys

import pytest
from PIL import Image

from chatapp.errors import Refused
from chatapp.files import documents, images
from chatapp.files.contents import MAX_TEXT_CHARS, examine

from .made import EXE, make_bomb, make_gif, make_image, make_pdf, make_png_with_secret


def look_at(data: bytes) -> Image.Image:
    """The image in these bytes."""
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("virus.csv", EXE, "not what its name says"),
        ("virus.txt", b"\x7fELF\x02\x01", "not what its name says"),
        ("page.md", make_pdf("Hi"), "not what its name says"),
        ("nul.txt", b"a\x00b", "not what its name says"),
        ("latin.txt", "größer".encode("latin-1"), "save it as UTF-8"),
        ("not.json", b"{", "not valid JSON"),
        ("deep.json", b"[" * 200_000, "not valid JSON"),
        ("empty.txt", b"", "is empty"),
        ("a.exe", EXE, "of a kind that cannot be sent"),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "of a kind that cannot be sent"),
        ("a.png", b"<html><script>alert(1)</script>", "not an image of the kind"),
        ("a.png", make_image("JPEG"), "not an image of the kind"),
        ("a.png", make_image()[:45], "not an image of the kind"),
        ("a.png", make_bomb(), "too many pixels"),
        ("a.pdf", b"MZ and more", "not what its name says"),
        ("a.pdf", b"%PDF-1.7\nnothing", "damaged"),
        ("a.pdf", make_pdf("Hi", password="open"), "locked by a password"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused_with_a_sentence(name: str, data: bytes, words: str) -> None:
    with pytest.raises(Refused, match=words):
        examine(name, data)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("a,b\n1,ü\n".encode(), "a,b\n1,ü\n"),
        (b"\xef\xbb\xbfa,b", "a,b"),
        ("a,ü".encode("utf-16"), "a,ü"),
    ],
)
def test_text_is_kept_as_utf_8_whatever_unicode_it_came_in(data: bytes, text: str) -> None:
    contents = examine("a.csv", data)

    assert (contents.media_type, contents.text, contents.data) == ("text/csv", text, text.encode())


def test_the_text_of_a_long_file_is_kept_in_part_and_the_file_whole() -> None:
    contents = examine("a.log", b"x" * (MAX_TEXT_CHARS + 10))

    assert (len(contents.text), len(contents.data)) == (MAX_TEXT_CHARS, MAX_TEXT_CHARS + 10)


def test_a_large_image_is_made_smaller_and_a_small_one_keeps_its_size() -> None:
    large, small = examine("a.png", make_image(size=(4000, 2000))), examine("b.png", make_image(size=(40, 20)))

    assert (large.width, large.height) == look_at(large.data).size == (1568, 784)
    assert (small.width, small.height) == look_at(small.data).size == (40, 20)


def test_what_is_hidden_in_an_image_is_not_kept() -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "secret"
    photo = examine("a.jpg", make_image("JPEG", (40, 20), exif=exif, comment=b"secret"))
    note = examine("a.png", make_png_with_secret("secret") + b"<script>secret</script>")

    assert b"secret" not in photo.data + note.data
    assert look_at(photo.data).size == (20, 40)  # It was taken with the camera on its side.


@pytest.mark.parametrize("format_", ["JPEG", "WEBP"])
def test_images_stay_of_their_kind(format_: str) -> None:
    contents = examine(f"a.{format_.lower()}", make_image(format_))

    assert contents.media_type == f"image/{format_.lower()}"
    assert look_at(contents.data).format == format_


def test_a_large_gif_becomes_a_png_with_a_notice_and_a_small_one_goes_on_moving() -> None:
    large, small = examine("Big.GIF", make_gif((2000, 100))), examine("a.gif", make_gif((20, 10)))

    assert (large.name, large.media_type, large.width) == ("Big.png", "image/png", 1568)
    assert "stands still" in large.notice
    assert (small.name, small.media_type, small.notice) == ("a.gif", "image/gif", "")
    assert getattr(look_at(small.data), "n_frames", 1) == 3
    assert b"secret" not in small.data


def test_a_small_image_of_an_image() -> None:
    data, media_type = images.make_thumb(examine("a.png", make_image(size=(1000, 500))).data)

    assert (look_at(data).size, media_type) == ((480, 240), "image/png")


def test_the_text_of_a_document_is_read_page_by_page() -> None:
    contents = examine("a.pdf", make_pdf("The first page", "The second page"))

    assert contents.text == "The first page\n\nThe second page"
    assert contents.media_type == "application/pdf"


def test_no_more_of_a_document_is_read_than_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAX_PAGES", 1)

    assert documents.read_pdf(make_pdf("abcdefghij", "two"), "a.pdf", 200)[0] == "abcdefghij"
    assert documents.read_pdf(make_pdf("abcdefghij"), "a.pdf", 3)[0] == "abc"


def test_a_document_without_text_is_taken_with_a_notice() -> None:
    contents = examine("scan.pdf", make_pdf(""))

    assert contents.text == ""
    assert "no text that could be read" in contents.notice


def test_a_document_that_takes_for_ever_is_taken_without_its_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(documents, "SECONDS", 0.2)
    monkeypatch.setattr(documents, "_READER", "-")  # Python reads its program from the input, and waits for the end.

    text, notice = documents.read_pdf(b"while True: pass\n", "a.pdf", 100)

    assert (text, "took too long" in notice) == ("", True)


@pytest.mark.parametrize(("name", "data"), [("a.png", make_image()), ("a.pdf", make_pdf("Hi"))])
def test_without_the_libraries_images_and_documents_are_refused_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, name: str, data: bytes
) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.setattr(images, "find_spec", lambda name: None)
    monkeypatch.setattr(documents, "find_spec", lambda name: None)

    with pytest.raises(Refused, match="cannot be read on this site"):
        examine(name, data)
