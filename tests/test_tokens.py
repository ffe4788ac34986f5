"""How many tokens something is: by the class of its characters, or counted where a vocabulary is at hand."""

import hashlib
import importlib.machinery
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatapp import tokens
from chatapp.tokens import count_message, count_messages, count_text, count_tools


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("abcd", 1),
        ("abcde", 2),
        ("word " * 80, 100),
        ("слово " * 100, 275),  # two letters of other alphabets, four blanks
        ("ñ" * 10, 5),
        ("日本語" * 10, 30),
        ("한국어", 3),
        ("🙂" * 2, 3),
        ("\ud800", 1),
    ],
)
def test_the_class_of_the_characters_decides(text: str, count: int) -> None:
    assert count_text(text) == count


@given(st.text(), st.text())
def test_more_text_is_never_fewer_tokens_and_two_texts_are_their_sum(one: str, other: str) -> None:
    together = count_text(one + other)

    assert max(count_text(one), count_text(other)) <= together <= count_text(one) + count_text(other)


def test_calls_of_tools_and_their_definitions_count() -> None:
    tool = {"id": "a", "type": "function", "function": {"name": "find", "arguments": '{"number": 17}'}}

    assert count_message({"role": "assistant", "content": None, "tool_calls": [tool]}) == 4 + 1 + 4
    assert count_message({"role": "tool", "tool_call_id": "a", "content": "in Bern!"}) == 4 + 2
    assert count_tools(()) == 0
    assert count_tools([{"type": "function"}]) == 6


# ---- with a vocabulary


class Encoding:
    """Counts words."""

    name = "o200k_base"

    def __init__(self) -> None:
        self.encoded: list[str] = []

    def encode(self, text: str, *, disallowed_special: Any) -> list[str]:
        self.encoded.append(text)
        return text.split()


@pytest.fixture
def encoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Encoding]:
    """A tiktoken that knows the model "gpt", whose vocabulary is in the cache."""
    encoding, data = Encoding(), b"the words"
    library = types.ModuleType("tiktoken")
    library.__spec__ = importlib.machinery.ModuleSpec("tiktoken", None)
    vars(library).update(encoding_name_for_model={"gpt": "o200k_base"}.__getitem__, get_encoding=lambda name: encoding)
    monkeypatch.setitem(sys.modules, "tiktoken", library)
    url = "https://example.com/words"
    monkeypatch.setattr(tokens, "_VOCABULARIES", {"o200k_base": (url, hashlib.sha256(data).hexdigest())})
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    (tmp_path / hashlib.sha1(url.encode(), usedforsecurity=False).hexdigest()).write_bytes(data)
    tokens.load_encoding.cache_clear()
    tokens._counted.clear()
    yield encoding
    tokens.load_encoding.cache_clear()
    tokens._counted.clear()


MESSAGES = [{"role": "user", "content": "one two"}, {"role": "user", "content": "three"}]


async def test_near_the_limit_it_is_counted_and_what_was_counted_is_known(encoding: Encoding) -> None:
    assert await count_messages(MESSAGES, "gpt", near=0) == [4 + 2, 4 + 1]
    assert await count_messages([*MESSAGES, MESSAGES[0]], "gpt", near=0) == [6, 5, 6]
    assert encoding.encoded == ["one two", "three"]


async def test_far_from_the_limit_nothing_is_counted(encoding: Encoding) -> None:
    assert await count_messages(MESSAGES, "gpt", near=100) == [4 + 2, 4 + 2]
    assert encoding.encoded == []


async def test_a_model_that_the_library_does_not_know_is_estimated(encoding: Encoding) -> None:
    assert await count_messages(MESSAGES, "llama", near=0) == [4 + 2, 4 + 2]


def _change_file(folder: Path, change: str) -> None:
    (file,) = folder.iterdir()
    file.unlink() if change == "missing" else file.write_bytes(b"other words")


@pytest.mark.parametrize("change", ["missing", "other"])
async def test_without_the_file_the_library_is_not_asked_for_it_would_fetch_it(
    encoding: Encoding, tmp_path: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(sys.modules["tiktoken"], "get_encoding", asked.append)
    _change_file(tmp_path, change)

    assert await count_messages(MESSAGES, "gpt", near=0) == [4 + 2, 4 + 2]
    assert asked == []


async def test_what_is_remembered_is_bounded(encoding: Encoding, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MAX_KEPT", 3)

    await count_messages([{"role": "user", "content": str(number)} for number in range(10)], "gpt", near=0)

    assert len(tokens._counted) == 3
