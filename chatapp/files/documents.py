"""The text of PDF documents, read in a process of its own.

A PDF is a program of sorts, and a hostile one may compute for ever or fill the memory: the process that reads it has
limits, and its end is nobody's concern. pypdf is the extra `files`.
"""

import json
import logging
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from django.utils.translation import gettext as _

from chatapp.errors import Refused

logger = logging.getLogger("chatapp.files")

MAX_PAGES: Final = 200
SECONDS: Final = 20
"""For one document, with the start of the process."""

_READER: Final = Path(__file__).with_name("pdfreader.py")


def is_available() -> bool:
    """Whether pypdf is installed."""
    return find_spec("pypdf") is not None


def read_pdf(data: bytes, name: str, max_chars: int) -> tuple[str, str]:
    """The text of the first MAX_PAGES pages, at most so many characters; and what the person should know, if anything.

    Raises Refused: it is locked by a password, it is damaged, pypdf is not installed.
    """
    if not is_available():
        raise Refused("no_pdf", _("PDF files cannot be read on this site. Its staff can find out why."), status=415)
    named = {"name": name}
    arguments = [sys.executable, "-I", str(_READER), str(MAX_PAGES), str(max_chars), str(SECONDS)]
    try:
        # Nothing in the arguments is anybody's choice but ours.
        done = subprocess.run(arguments, input=data, capture_output=True, timeout=SECONDS, check=True)  # noqa: S603
        found = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        return "", _("“%(name)s” is sent, but reading its text took too long.") % named
    except (subprocess.CalledProcessError, ValueError) as error:
        logger.info("a PDF cannot be read: %s", getattr(error, "stderr", error))
        raise Refused("file_content", _("“%(name)s” is damaged and cannot be read.") % named, status=415) from None
    if found["is_locked"]:
        sentence = _("“%(name)s” is locked by a password. Please send it without one.") % named
        raise Refused("file_locked", sentence, status=415)
    if not found["text"].strip():
        return "", _("“%(name)s” has no text that could be read; perhaps its pages are pictures.") % named
    return found["text"], ""
