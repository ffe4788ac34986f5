"""Run as a program by documents.py: a PDF on standard input, its text as JSON on standard output.

    python -I pdfreader.py <pages> <characters> <seconds>

Imports nothing of chatapp, so that it starts at once and has nothing to lose.
"""

import io
import json
import logging
import sys
from contextlib import suppress

MEMORY_BYTES = 1024 * 1024 * 1024


def bound(seconds: int) -> None:
    """Let this process have so much and no more, where the system can."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def read(data: bytes, pages: int, characters: int) -> dict[str, object]:
    """What is in the document."""
    from pypdf import PdfReader

    logging.disable(logging.CRITICAL)
    document = PdfReader(io.BytesIO(data))
    if document.is_encrypted and not document.decrypt(""):
        return {"is_locked": True, "text": ""}
    said: list[str] = []
    left = characters
    for _number, page in zip(range(pages), document.pages, strict=False):
        text = (page.extract_text() or "").strip()[:left]
        said.append(text)
        left -= len(text)
        if left <= 0:
            break
    return {"is_locked": False, "text": "\n\n".join(filter(None, said))}


if __name__ == "__main__":
    most_pages, most_characters, most_seconds = map(int, sys.argv[1:])
    bound(most_seconds)
    json.dump(read(sys.stdin.buffer.read(), most_pages, most_characters), sys.stdout)
