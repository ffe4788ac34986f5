"""The short way of a settled paragraph that is words and nothing else.

Most paragraphs are, and the longest of all are: what a model says without end is seldom a table. No character of such a
text means anything to the parser or to the sanitiser, so the two would give it back as it came, in several times the
time, in which nobody else has a turn. What they would do with it is what the tests hold this to.
"""

import re
from typing import Final

_MARKS: Final = ("`", "*", "_", "[", "]", "<", ">", "&", "$", "|", "~", "\\", "\t", "://", " \n")
"""What may mean something to the parser, to the sanitiser, or to who looks for addresses."""

_OTHER_LINE: Final = re.compile(r"\n[\W\d_]")
"""A line that may begin something else, or a blank one."""

_OTHER_BLANK: Final = re.compile(r"[^\S \n]")
"""A blank that is written otherwise in HTML, or that may be cut away."""


def write_paragraph(source: str) -> str | None:
    """HTML of a block that is one paragraph, and words alone; None of any other, which needs the parser."""
    text = source.strip("\n")
    is_plain = (
        text[:1].isalpha()
        and not text.endswith(" ")
        and not any(mark in text for mark in _MARKS)
        and _OTHER_LINE.search(text) is None
        and (text.isascii() or _OTHER_BLANK.search(text) is None)
    )
    return f"<p>{text}</p>" if is_plain else None
