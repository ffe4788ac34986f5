"""TeX formulas as MathML, so that a page needs no script for them.

The converter's own text output undoes the escaping of what the model wrote, and its tree takes `href`, `class` and
`style` from TeX commands. So its tree is walked here: known elements, known attributes with harmless values, escaped
text. A formula with anything else in it, or one that the converter does not understand, is shown as it was written.
"""

import html
import re
from functools import lru_cache
from typing import NamedTuple
from xml.etree.ElementTree import Element

from latex2mathml.converter import convert_to_element

from .source import escape, escape_attribute

MAX_TEX = 2000  # characters; the converter takes up to 10 µs for each
EFFORT = 4
"""What a character of TeX costs, in characters of highlighted code."""

_MAX_DEPTH = 40
_MAX_LENGTH = 60_000
_MAX_SHIFTS = 20  # negative spaces; more of them could lay a formula over something else

# Token elements hold text only: in HTML they are the places where MathML ends and HTML begins.
_TOKENS = frozenset({"mi", "mn", "mo", "mtext"})
_LAYOUT = frozenset(
    {
        *("math", "mrow", "mfrac", "msqrt", "mroot", "mstyle", "mpadded", "mphantom", "menclose", "mspace"),
        *("msub", "msup", "msubsup", "munder", "mover", "munderover", "mtable", "mtr", "mtd"),
    }
)
TAGS = _TOKENS | _LAYOUT

_WORD = re.compile(r"[a-z]{1,20}(?: [a-z]{1,20}){0,30}")
_LENGTH = re.compile(
    r"[+-]?(?:\d?(?:\.\d{1,4})?(?:em|ex)|\d{1,2}(?:\.\d{1,4})?(?:px|pt|mm)?)(?: \d?(?:\.\d{1,4})?em){0,30}"
)
_COLOR = re.compile(r"#?[a-zA-Z0-9]{1,20}")
_VALUES = {
    **dict.fromkeys(("display", "displaystyle", "stretchy", "fence", "form", "separator", "movablelimits"), _WORD),
    **dict.fromkeys(("largeop", "accent", "accentunder", "mathvariant", "notation"), _WORD),
    **dict.fromkeys(("columnalign", "rowlines", "columnlines"), _WORD),
    **dict.fromkeys(("lspace", "rspace", "minsize", "maxsize", "linethickness", "scriptlevel"), _LENGTH),
    **dict.fromkeys(("width", "height", "depth", "voffset", "rowspacing", "columnspacing"), _LENGTH),
    **dict.fromkeys(("mathcolor", "mathbackground"), _COLOR),
}
ATTRIBUTES = frozenset(_VALUES)
# Browsers have forgotten the names of these widths.
_WIDTHS = {
    **{"thinmathspace": "0.167em", "mediummathspace": "0.222em", "thickmathspace": "0.278em"},
    **{
        "negativethinmathspace": "-0.167em",
        "negativemediummathspace": "-0.222em",
        "negativethickmathspace": "-0.278em",
    },
}

# Macros can double at each step; nothing that defines one is converted.
_DEFINES = re.compile(r"\\(?:[a-zA-Z]*def|let|[a-zA-Z]*new(?:command|environment)|[a-zA-Z]*Declare[a-zA-Z]*)(?![a-z])")
# The converter knows the numbered and starred forms only; numbers would start again with each formula.
_ENVIRONMENT = re.compile(
    r"\\(begin|end)\s*\{(align|aligned|alignedat|eqnarray|gather|gathered|gather\*|multline\*?)\}"
)
_ENVIRONMENTS = {"align": "align*", "aligned": "align*", "alignedat": "align*", "eqnarray": "align*"}


class Formula(NamedTuple):
    """One formula of a text."""

    tex: str
    display: bool
    """Whether it stands on lines of its own."""
    source: str
    """As it was written, with its delimiters."""


class _Unknown(Exception):
    """The formula cannot be shown as MathML."""


def render_formula(formula: Formula) -> str | None:
    """MathML of a formula; None if it is too long or cannot be converted."""
    return None if len(formula.tex) > MAX_TEX else _convert(formula.tex, formula.display)


@lru_cache(maxsize=256)
def _convert(tex: str, display: bool) -> str | None:
    if _DEFINES.search(tex) or _get_depth(tex) > _MAX_DEPTH:
        return None
    tex = _ENVIRONMENT.sub(lambda found: rf"\{found[1]}{{{_ENVIRONMENTS.get(found[2], 'matrix')}}}", tex)
    try:
        root = convert_to_element(tex, display="block" if display else "inline")
        pieces: list[str] = []
        _write(root, pieces, 0)
        result = "".join(pieces)
    except Exception:
        # The converter raises whatever its walk stumbles over: IndexError, StopIteration, KeyError, its own.
        return None
    return result if len(result) <= _MAX_LENGTH and result.count('="-') <= _MAX_SHIFTS else None


def _get_depth(tex: str) -> int:
    depth = deepest = 0
    for brace in re.findall(r"[{}]|\\(?:left|right|begin|end)(?![a-zA-Z])", tex):
        depth += 1 if brace in ("{", r"\left", r"\begin") else -1
        deepest = max(deepest, depth)
    return deepest


def _write(element: Element, pieces: list[str], depth: int) -> None:
    tag = element.tag
    if depth > 4 * _MAX_DEPTH or tag not in TAGS or (tag in _TOKENS and len(element)):
        raise _Unknown(tag)
    text = html.unescape(element.text or "")
    if text.startswith("\\") or (text.strip() and tag not in _TOKENS):
        raise _Unknown(text)
    pieces.append(f"<{tag}")
    for name, value in element.items():
        allowed = _VALUES.get(name)
        value = _WIDTHS.get(value, value)
        if allowed is not None and allowed.fullmatch(value):
            pieces.append(f' {name}="{escape_attribute(value)}"')
    pieces.append(f">{escape(text)}" if tag in _TOKENS else ">")
    for child in element:
        _write(child, pieces, depth + 1)
    pieces.append(f"</{tag}>")
