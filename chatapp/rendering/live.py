"""The text of a block that is still being said, as it will probably go on.

Only the live element is rendered from this; nothing is settled by it. Half a tag, the first characters of a list or a
rule and the address of an unfinished link are kept back, and what is open is closed, so that raw marks do not flash by.
"""

import re

from .tags import cut_unfinished_tag

_MAX_MARKED = 2000  # characters of a paragraph that are searched for open marks

# A line of these only may become a list, a rule, a heading's underline or a fence: it decides nothing yet.
_UNDECIDED_LINE = re.compile(r"[ \t>]*(?:[-=*+#_`~|:> \t]+|\d{1,9}[.)][ \t]*)")
_UNFINISHED_LINK = re.compile(r"\[([^\[\]\n]*)\](?:\([^()\s]*)\Z")
_MARKS = re.compile(r"\\.|`+|\*\*|~~", re.DOTALL)


def complete(text: str) -> str:
    """`text` with what has begun at its end kept back or closed."""
    text = cut_unfinished_tag(text)
    line = text.rfind("\n") + 1
    if line == len(text):
        return text
    if _UNDECIDED_LINE.fullmatch(text, line):
        return text[:line]
    if text[-1] in "*_~`":
        text = text.rstrip("*_~`")
    bracket = text.rfind("[", line)
    link = _UNFINISHED_LINK.match(text, bracket) if bracket >= 0 else None
    if link:
        text = text[:bracket].removesuffix("!") + link[1]
    # Marks do not reach over a paragraph, an item of a list or a cell.
    begin = max(text.rfind("\n\n") + 2, text.rfind("\n- ") + 3, text.rfind("\n* ") + 3, text.rfind("|") + 1, 0)
    if len(text) - begin > _MAX_MARKED or text.startswith(("    ", "\t"), line):
        return text
    marks = _list_open_marks(text, begin)
    return text.rstrip() + marks if marks else text


def _list_open_marks(text: str, begin: int) -> str:
    """What ends the code, or else the bold and the struck text, that are open at the end of `text`."""
    opened: list[str] = []
    for match in _MARKS.finditer(text, begin):
        mark = match[0]
        if mark[0] == "\\" or (opened and opened[-1][0] == "`" and mark != opened[-1]):
            continue
        if mark in opened:
            del opened[opened.index(mark) :]
        elif text[match.end() : match.end() + 1].strip():
            opened.append(mark)
    return "".join(reversed(opened)) if opened and len(opened[-1]) <= 2 else ""
