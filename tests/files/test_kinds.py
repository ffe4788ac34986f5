"""Which files can be sent: by their names, and as assistants declare it."""

from typing import Any

import pytest

import chatapp
from chatapp.files.kinds import MEDIA_TYPES, clean_name, get_extension, read_declared

LISTED = {
    *("png", "jpeg", "gif", "webp", "pdf", "md", "txt", "csv", "json", "py", "js", "ts", "r", "yaml", "toml", "qmd"),
    *("rmd", "ipynb", "rst", "tex", "sql", "sh", "html", "css", "xml", "ini", "cfg", "log"),
}


def test_all_kinds_that_people_expect_have_a_type() -> None:
    assert set(MEDIA_TYPES) >= LISTED
    assert (MEDIA_TYPES["csv"], MEDIA_TYPES["ipynb"]) == ("text/csv", "application/x-ipynb+json")


@pytest.mark.parametrize(
    ("declared", "extensions"),
    [
        (["pdf", ".csv"], ["csv", "pdf"]),
        (["PDF", " .Csv "], ["csv", "pdf"]),
        (["image/*"], ["gif", "jpeg", "jpg", "png", "webp"]),
        (["image"], ["gif", "jpeg", "jpg", "png", "webp"]),
        (("application/pdf",), ["pdf"]),
        (["image/png", "png"], ["png"]),
    ],
)
def test_a_list_of_extensions_and_types_limits_what_can_be_sent(declared: Any, extensions: list[str]) -> None:
    accepted = read_declared(declared, "here")

    assert accepted is not None
    assert list(accepted.extensions) == extensions
    assert accepted.attribute == ",".join(f".{extension}" for extension in extensions)


def test_off_is_false_and_an_empty_list_and_on_is_everything() -> None:
    everything = read_declared(True, "here")

    assert read_declared(False, "here") is None
    assert read_declared([], "here") is None
    assert everything is not None
    assert set(everything.extensions) == set(MEDIA_TYPES)


@pytest.mark.parametrize(
    ("declared", "error", "words"),
    [
        ("pdf", TypeError, "must be True, False or a list"),
        (None, TypeError, "must be True, False or a list"),
        ([7], TypeError, "neither an extension nor a media type"),
        (["exe"], ValueError, "'exe', which nobody can read"),
        (["video/*"], ValueError, "nobody can read"),
        ([""], ValueError, "nobody can read"),
        (["image/svg+xml"], ValueError, "nobody can read"),
    ],
)
def test_what_is_no_declaration_fails_where_the_assistant_is_declared(
    declared: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        type("Taker", (chatapp.Assistant,), {"attachments": declared})()


@pytest.mark.parametrize(
    ("name", "extension"),
    [("a.CSV", "csv"), ("a.tar.gz", "gz"), ("noext", ""), (".csv", ""), ("a.", ""), ("a.b/c", "b/c"), ("", "")],
)
def test_the_last_part_of_a_name_decides_and_its_case_does_not(name: str, extension: str) -> None:
    assert get_extension(name) == extension


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:\\temp\\a.csv", "a.csv"),
        ("a\nb\x00.txt", "a b.txt"),
        ("x" * 300 + ".csv", "x" * 146 + ".csv"),
    ],
)
def test_of_a_name_only_what_can_be_shown_is_kept(name: str, shown: str) -> None:
    assert clean_name(name) == shown
