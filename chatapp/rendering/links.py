"""Where a link or an image of a model may lead."""

import re
from collections.abc import Collection, Iterator
from functools import lru_cache
from urllib.parse import urlsplit

MAX_URL = 4000
"""Characters."""

# A host must follow at once: browsers read `https:path` as relative, and a backslash as a slash. No user name before
# it: in `https://bank.example@evil.example` it looks like the host.
_WEB = re.compile(r"https?://[^\s/?#@\\<>\"'`\x00-\x1f\x7f]+(?:[/?#][^\s\\\x00-\x1f\x7f]*)?", re.IGNORECASE)
_BARE = re.compile(r"(?<![a-zA-Z0-9])https?://[^\s<>\"'`\\\x00-\x1f]{1,2000}", re.IGNORECASE)
_PUNCTUATION = "?!.,:;*_~'\""
_MAIL = re.compile(r"mailto:[^\s\\<>\"\x00-\x1f\x7f]+@[^\s\\<>\"\x00-\x1f\x7f]+", re.IGNORECASE)


@lru_cache(maxsize=512)
def clean_url(url: str) -> str:
    """`url` if a person may be led there, else "". Schemes: http, https, mailto; nothing relative, nothing too long."""
    if len(url) > MAX_URL:
        return ""
    url = url.strip().replace(" ", "%20")
    if _MAIL.fullmatch(url):
        return url
    return url if _WEB.fullmatch(url) and get_host(url) else ""


@lru_cache(maxsize=512)
def get_host(url: str) -> str:
    """Host of a web address in lower case, with its port if it names one; "" if it cannot be told."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        return f"{host}:{parts.port}" if parts.port else host
    except ValueError:
        return ""


def is_open(url: str, hosts: Collection[str]) -> bool:
    """Whether an image may be loaded from there. `hosts` are exact: a subdomain is another host."""
    return url[:4].lower() == "http" and get_host(url) in hosts


def split_bare_links(text: str) -> Iterator[tuple[str, str]]:
    """Pieces of `text`, each with the address that it is or "". Punctuation behind an address is no part of it."""
    position = 0
    for match in _BARE.finditer(text):
        found = match[0].rstrip(_PUNCTUATION)
        for _ in range(found.count(")") - found.count("(")):
            found = found.removesuffix(")").rstrip(_PUNCTUATION)
        url = clean_url(found)
        if url:
            yield text[position : match.start()], ""
            yield found, url
            position = match.start() + len(found)
    yield text[position:], ""
