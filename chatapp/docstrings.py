"""What a docstring says of a function and of its arguments, in the styles of Google, NumPy and Sphinx."""

import inspect
import re
from collections.abc import Callable
from typing import Any, Final

_GOOGLE: Final = r"(?:Args|Arguments|Keyword Args|Keyword Arguments|Returns|Yields|Raises|Examples?|Notes?):[ ]*\n"
_NUMPY: Final = r"(?:Other )?[A-Z]\w+(?: Also)?[ ]*\n-{3,}[ ]*(?:\n|\Z)"
_SECTION: Final = re.compile(rf"^({_GOOGLE}|{_NUMPY}|Parameters:[ ]*\n)", re.MULTILINE)
_REST: Final = r"((?:.|\n(?=[ \t]))*)"
_ARGUMENT: Final = re.compile(rf"^\*?\*?(\w+)(?: ?\([^\n]*?\))?:(?!:) *{_REST}", re.MULTILINE)
_UNDERLINED: Final = re.compile(rf"^(\w+(?:, ?\w+)*)[ ]*(?::[^\n]*)?\n(?=[ \t]){_REST}", re.MULTILINE)
_PARAM: Final = re.compile(rf"^:(?:param|parameter|arg|argument) (?:[^:\n]+ )?(\w+): *{_REST}\n?", re.MULTILINE)
_FIELD: Final = re.compile(rf"^:(?:type|rtype|returns?|raises?|yields?)\b[^:\n]*: *{_REST}\n?", re.MULTILINE)


def read_docstring(function: Callable[..., Any]) -> tuple[str, dict[str, str]]:
    """The words before the first section, and what is said of each argument by its name."""
    text = inspect.getdoc(function) or ""
    described = {name: _fold(words) for name, words in _PARAM.findall(text)}
    head, *sections = _SECTION.split(text)
    for title, body in zip(sections[::2], sections[1::2], strict=True):
        if not title.startswith(("Arg", "Keyword Arg", "Param", "Other Param")):
            continue
        is_underlined = "\n-" in title
        for names, words in (_UNDERLINED if is_underlined else _ARGUMENT).findall(inspect.cleandoc(body) + "\n"):
            described |= dict.fromkeys(re.split(", ?", names), _fold(words))
    return _FIELD.sub("", _PARAM.sub("", head)).strip(), described


def _fold(words: str) -> str:
    return " ".join(words.split())
