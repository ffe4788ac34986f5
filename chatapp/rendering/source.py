"""Markdown as text: what is done to the source before the parser sees it, and what is read from it line by line.

The scrubbed source has no C0 control but tab and newline. That makes `GUARD` free to stand for a `<` which the parser
must not see as HTML, at the same place and of the same length in bytes.
"""

import re
from typing import NamedTuple

GUARD = "\x01"
"""Stands for a `<` in parser input, never in what the writer puts out."""

# C0 but tab and newline, DEL, C1, the byte order mark, the two overrides of text direction, noncharacters, and the tag
# characters, which are invisible and have been used to smuggle instructions.
_INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202d\u202e\ufeff\ufffe\uffff\U000e0000-\U000e007f]")
_SURROGATE = re.compile("[\ud800-\udfff]")

# HTML blocks that end at their end tag only would swallow the rest of an answer that never closes them.
_UNBOUNDED_HTML = re.compile(r"<(?=[!?]|(?:script|pre|style|textarea)(?:[\s>]|$))", re.IGNORECASE)

_FENCE = re.compile(r" {0,3}(?=[`~])(`{3,}(?!.*`)|~{3,})[ \t]*(.*)")


def normalize_newlines(text: str) -> str:
    """`text` with every line ending as one newline."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def scrub(text: str) -> str:
    """`text` without what cannot be shown: controls, direction overrides, tag characters; U+FFFD for lone surrogates.

    Looks at one character at a time, so pieces may be scrubbed one by one.
    """
    if text.isascii() and text.isprintable():
        return text
    return _SURROGATE.sub("\ufffd", _INVISIBLE.sub("", text))


def guard(text: str) -> str:
    """Parser input for `text`: only HTML that ends with its line or at a blank line is left to be seen as HTML."""
    return _UNBOUNDED_HTML.sub(GUARD, text) if "<" in text else text


def unguard(text: str) -> str:
    """What was said where the parser gave `text`."""
    return text.replace(GUARD, "<") if GUARD in text else text


def escape(text: str) -> str:
    """HTML of `text` between tags."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace(GUARD, "&lt;")


def escape_attribute(text: str) -> str:
    """HTML of `text` between double quotes."""
    return escape(text).replace('"', "&quot;")


def normalize_label(label: str) -> str:
    """The form under which labels of links and footnotes are equal."""
    return " ".join(label.split()).casefold()


class Fence(NamedTuple):
    """The opening line of a code fence at top level."""

    character: str
    length: int
    indent: int
    """Spaces before the fence; as many are taken from each line of code."""
    info: str

    def is_closed_by(self, line: str) -> bool:
        """Whether `line` ends the code."""
        bare = line.rstrip(" \t\n")
        run = bare.lstrip(" ")
        return len(bare) - len(run) <= 3 and len(run) >= self.length and run == self.character * len(run)

    def may_be_closed_by(self, beginning: str) -> bool:
        """Whether a line that begins so could still end the code, or has not shown its first character of code."""
        bare = beginning.rstrip(" \t")
        run = bare.lstrip(" ")
        return len(bare) - len(run) <= 3 and run == self.character * len(run)

    def code(self, line: str) -> str:
        """The code in `line`."""
        return line[min(self.indent, len(line) - len(line.lstrip(" "))) :]


def parse_fence(line: str) -> Fence | None:
    """The fence that `line` opens, if it opens one."""
    match = _FENCE.match(line)
    if match is None:
        return None
    run = match[1]
    return Fence(run[0], len(run), len(line) - len(line.lstrip(" ")), match[2].strip())


def parse_language(info: str) -> str:
    """The language that the info string of a fence names, or "" when that is no plain name."""
    word = info.split(None, 1)[0] if info.strip() else ""
    return word if re.fullmatch(r"[a-zA-Z0-9_+#.-]{1,30}", word) else ""
