"""How many tokens a message is, estimated before it is sent.

Without a vocabulary the length decides, by the class of the characters: four letters of ASCII to a token (OpenAI's own
rule of thumb, help.openai.com/articles/4936856), two of other alphabets (Cyrillic, Greek, Arabic, letters with
accents), one of Chinese, Japanese and Korean, and one and a half tokens for an emoji. That is a quarter for each ASCII
character and (UTF-8 bytes - characters) / 2 for the rest, which costs a microsecond.

If tiktoken is installed, and the vocabulary of the model is in its cache already, what comes near the limit is counted
exactly, in a thread. Nothing is ever fetched from the network: without the file the estimate stands.
"""

import asyncio
import hashlib
import importlib.util
import json
import os
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

MESSAGE_TOKENS: Final = 4
"""What each message costs beside its words: its role, and the marks around it."""

IMAGE_TOKENS: Final = 1_000
"""What an image costs; about what the large providers count for one of 1024 by 1024."""

MAX_KEPT: Final = 50_000
"""Texts whose exact count is remembered, by a digest of each."""

_VOCABULARIES: Final[Mapping[str, tuple[str, str]]] = {
    "cl100k_base": (
        "https://openaipublic.blob.core.windows.net/encodings/cl100k_base.tiktoken",
        "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    ),
    "o200k_base": (
        "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken",
        "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    ),
}
"""Where tiktoken would fetch them, which names their files in its cache, and their SHA-256."""

_counted: OrderedDict[bytes, int] = OrderedDict()

Count = Callable[[str], int]


def count_text(text: str) -> int:
    """The estimate for a text; see above."""
    if text.isascii():
        return -(-len(text) // 4)
    ascii_chars = len(text.encode("ascii", "ignore"))
    others = len(text.encode("utf-8", "surrogatepass")) - len(text)
    return -(-(ascii_chars + 2 * others) // 4)


def count_message(message: Mapping[str, Any], count: Count = count_text) -> int:
    """The estimate for a message of a request, images and calls of tools included."""
    content = message.get("content")
    if isinstance(content, str) and "tool_calls" not in message:
        return MESSAGE_TOKENS + count(content)
    images = sum(part.get("type") != "text" for part in content) if isinstance(content, list) else 0
    return MESSAGE_TOKENS + images * IMAGE_TOKENS + sum(map(count, _list_texts(message)))


def count_tools(tools: Sequence[Mapping[str, Any]]) -> int:
    """The estimate for what a request says of its tools."""
    return count_text(json.dumps(tools)) if tools else 0


async def count_messages(messages: Sequence[Mapping[str, Any]], model: str, *, near: int) -> list[int]:
    """The tokens of each of these messages; exact ones if they are more than `near` together and can be counted."""
    sizes = [count_message(message) for message in messages]
    if sum(sizes) <= near or importlib.util.find_spec("tiktoken") is None:
        return sizes
    return await asyncio.to_thread(_count_exactly, messages, model) or sizes


def _list_texts(message: Mapping[str, Any]) -> Iterator[str]:
    content = message.get("content") or ""
    yield from (
        [content] if isinstance(content, str) else (part["text"] for part in content if part.get("type") == "text")
    )
    for call in message.get("tool_calls") or ():
        yield call["function"]["name"]
        yield call["function"]["arguments"]


def _count_exactly(messages: Sequence[Mapping[str, Any]], model: str) -> list[int] | None:
    encoding = load_encoding(model)
    if encoding is None:
        return None

    def count(text: str) -> int:
        key = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16, key=encoding.name.encode())
        digest = key.digest()
        known = _counted.get(digest)
        if known is None:
            # What looks like a special token is text here, as it is for the provider.
            known = _counted[digest] = len(encoding.encode(text, disallowed_special=()))
            while len(_counted) > MAX_KEPT:
                _counted.popitem(last=False)
        return known

    return [count_message(message, count) for message in messages]


@cache
def load_encoding(model: str) -> Any | None:
    """The tiktoken encoding of a model; None if the model, the library or the file of its vocabulary is not here.

    Blocks while it reads the file (a few MB, once for each model).
    """
    try:
        import tiktoken

        name = tiktoken.encoding_name_for_model(model)
    except (ImportError, KeyError):
        return None
    if not _is_here(name):
        return None
    try:
        return tiktoken.get_encoding(name)
    except Exception:  # The file was taken away meanwhile, and there is no network.
        return None


def _is_here(name: str) -> bool:
    """Whether tiktoken would find this vocabulary without the network. A file of other content it would fetch anew."""
    url, digest = _VOCABULARIES.get(name, ("", ""))
    folder = os.environ.get("TIKTOKEN_CACHE_DIR", os.environ.get("DATA_GYM_CACHE_DIR"))
    if folder is None:
        folder = str(Path(tempfile.gettempdir(), "data-gym-cache"))
    if not url or not folder:
        return False
    path = Path(folder, hashlib.sha1(url.encode(), usedforsecurity=False).hexdigest())
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == digest
    except OSError:
        return False
