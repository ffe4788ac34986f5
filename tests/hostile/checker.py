"""A static check of HTML that a message may hold, written without looking at how it was made.

`find_problems` reads the HTML twice: as text, for what a page might do to it before parsing, and as a tree built by
html5lib in the place where it will stand. Each problem is a code and the thing found.
"""

import re
from functools import cache
from typing import Any, NamedTuple

import html5lib

XHTML = "{http://www.w3.org/1999/xhtml}"
MATHML = "{http://www.w3.org/1998/Math/MathML}"

ELEMENTS: dict[str, frozenset[str]] = {
    **dict.fromkeys(("p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "li", "hr", "br"), frozenset()),
    **dict.fromkeys(("em", "strong", "del", "sub", "kbd", "mark", "details", "summary"), frozenset()),
    **dict.fromkeys(("table", "thead", "tbody", "tr"), frozenset()),
    **dict.fromkeys(("th", "td"), frozenset({"align"})),
    **dict.fromkeys(("pre", "code", "span", "sup"), frozenset({"class"})),
    "ul": frozenset({"class"}),
    "ol": frozenset({"class", "start"}),
    "div": frozenset({"class", "data-language"}),
    "a": frozenset({"class", "href", "title", "rel", "target"}),
    "button": frozenset({"class", "type", "data-suggestion", "data-submit", "tabindex"}),
}
"""Elements and their attributes. Images are checked apart."""

TOKENS = {"mi", "mn", "mo", "mtext"}
MATHML_ELEMENTS = TOKENS | {
    *("math", "mrow", "mfrac", "msqrt", "mroot", "mstyle", "mpadded", "mphantom", "menclose", "mspace"),
    *("msub", "msup", "msubsup", "munder", "mover", "munderover", "mtable", "mtr", "mtd"),
}
MATHML_VALUE = re.compile(r"#?[a-zA-Z0-9+. -]{0,200}")
FORBIDDEN_MATHML = re.compile(r"href|src|class|style|id|name|definitionurl|on.*|data-.*|xlink.*|xmlns.*|.*:.*")

VOID = {"br", "hr", "img"}
CLASSES = re.compile(r"(?:chat-[a-z-]+|[a-z]{1,3}[0-9]?)")
WEB = re.compile(r"(?:https?://[^\s/\\@?#]+(?:[/?#][^\s\\]*)?|mailto:[^\s\\]+@[^\s\\]+)", re.IGNORECASE)
INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202d\u202e\ufffe\uffff\U000e0000-\U000e007f\ud800-\udfff]")
TAG = re.compile(r"<[a-zA-Z/!?](?:[^\"'>]|\"[^\"]*\"|'[^']*')*>?")
VALUE = re.compile(r"\"[^\"]*\"|'[^']*'")


class Problem(NamedTuple):
    """Something that must not be in a message."""

    code: str
    found: str


def find_problems(html: str, *, image_hosts: tuple[str, ...] = ()) -> list[Problem]:
    """What is wrong with `html` as the content of a message; empty when it is safe."""
    return [*_check_text(html), *_check_trees(_get_skeleton(html), image_hosts)]


def _get_skeleton(html: str) -> str:
    """`html` with an `x` for each text: a stream shows the same tree many times, and text cannot change it.

    Where something looks like a tag that does not end, there is no telling, and the HTML stays as it is.
    """
    tags = list(TAG.finditer(html))
    if not all(tag[0].endswith(">") for tag in tags):
        return html
    pieces = []
    position = 0
    for tag in tags:
        text = html[position : tag.start()]
        if "<" in text:
            return html
        pieces += ["x" if text.strip() else text, tag[0]]
        position = tag.end()
    rest = html[position:]
    return html if "<" in rest else "".join([*pieces, "x" if rest.strip() else rest])


@cache
def _check_trees(html: str, image_hosts: tuple[str, ...]) -> tuple[Problem, ...]:
    return (*_check_containment(html), *_check_tree(html, image_hosts))


def find_text_problems(escaped: str) -> list[Problem]:
    """What is wrong with `escaped` as text that is put into a page by itself: a live_append, a title."""
    problems = [Problem("markup", escaped)] if "<" in escaped else []
    return [*problems, *_check_text(escaped)]


def _check_text(html: str) -> list[Problem]:
    """What can be seen before parsing: htmx rewrites the text of a fragment, attribute values included."""
    problems = [Problem("invisible", ascii(found)) for found in INVISIBLE.findall(html)]
    opened: list[str] = []
    for tag in TAG.findall(html):
        name = re.sub(r"[</>].*|\s.*", "", tag.lstrip("</"), flags=re.DOTALL)
        if tag.startswith("</"):
            if not opened or opened.pop() != name:
                problems.append(Problem("unbalanced", tag))
        elif name not in VOID:
            opened.append(name)
        problems += [Problem("htmx-rewrite", tag) for value in VALUE.findall(tag) if "<" in value]
        if not tag.endswith(">"):
            problems.append(Problem("open-tag", tag))
        if re.match(r"</?hx|<!|<\?", tag, re.IGNORECASE):
            problems.append(Problem("htmx-rewrite", tag))
    return [*problems, *(Problem("unbalanced", name) for name in opened)]


def _check_containment(html: str) -> list[Problem]:
    """Whether all of it stays where it is put, and what stands behind it stays where it was."""
    page = f'<!DOCTYPE html><html><body><div id="before"><div id="inside">{html}</div><p id="last">last</p></div>'
    page += '<p id="after">after</p></body></html>'
    body = next(html5lib.parse(page, namespaceHTMLElements=False).iter("body"))
    outer = [(child.tag, child.get("id")) for child in body]
    if outer != [("div", "before"), ("p", "after")] or "".join(body[1].itertext()) != "after":
        return [Problem("breakout", str(outer))]
    inner = [(child.tag, child.get("id")) for child in body[0]]
    if inner != [("div", "inside"), ("p", "last")] or "".join(body[0][1].itertext()) != "last" or body[0].text:
        return [Problem("breakout", str(inner))]
    return []


def _check_tree(html: str, image_hosts: tuple[str, ...]) -> list[Problem]:
    """What can be seen in the tree that a browser builds."""
    problems: list[Problem] = []
    for element in html5lib.parseFragment(html).iter():
        if not isinstance(element.tag, str):
            problems.append(Problem("comment", str(element.text)))
        elif element.tag.startswith(XHTML):
            problems += _check_html_element(element, image_hosts)
        elif element.tag.startswith(MATHML):
            problems += _check_mathml_element(element)
        elif element.tag != "DOCUMENT_FRAGMENT":
            problems.append(Problem("element", element.tag))
    return problems


def _check_html_element(element: Any, image_hosts: tuple[str, ...]) -> list[Problem]:
    tag = element.tag.removeprefix(XHTML)
    if tag == "img":
        return _check_image(element, image_hosts)
    if tag not in ELEMENTS:
        return [Problem("element", tag)]
    problems = []
    for name, value in element.attrib.items():
        if name not in ELEMENTS[tag]:
            problems.append(Problem("attribute", f"{tag} {name}={value!r}"))
        elif name == "href" and not WEB.fullmatch(value):
            problems.append(Problem("url", value))
        elif name == "class" and not all(CLASSES.fullmatch(word) for word in value.split()):
            problems.append(Problem("class", value))
    if tag == "a" and not ({"noopener", "noreferrer", "nofollow"} <= set((element.get("rel") or "").split())):
        problems.append(Problem("rel", str(element.attrib)))
    if tag == "a" and element.get("target") != "_blank":
        problems.append(Problem("target", str(element.attrib)))
    if tag == "button" and (
        element.get("type") != "button"
        or element.get("class") not in ("chat-suggestion", "chat-suggestion chat-card")
        or element.get("tabindex", "0") not in ("0", "-1")
    ):
        problems.append(Problem("button", str(element.attrib)))
    if tag in ("a", "button") and any(
        inner.tag in (f"{XHTML}a", f"{XHTML}button") for inner in element.iterfind(".//")
    ):
        problems.append(Problem("nested", tag))
    return problems


def _check_image(element: Any, image_hosts: tuple[str, ...]) -> list[Problem]:
    address = re.fullmatch(r"https?://([^/?#@\\\s]+)(?:[/?#].*)?", element.get("src") or "", re.DOTALL)
    if address is None or address[1].lower() not in image_hosts:
        return [Problem("image", str(element.attrib))]
    unknown = set(element.attrib) - {"src", "alt", "title", "loading", "referrerpolicy"}
    return [Problem("attribute", f"img {name}") for name in unknown]


def _check_mathml_element(element: Any) -> list[Problem]:
    tag = element.tag.removeprefix(MATHML)
    if tag not in MATHML_ELEMENTS:
        return [Problem("element", f"math {tag}")]
    problems = [Problem("mathml-token", tag)] if tag in TOKENS and len(element) else []
    for name, value in element.attrib.items():
        if FORBIDDEN_MATHML.fullmatch(str(name).lower()) or not MATHML_VALUE.fullmatch(value):
            problems.append(Problem("attribute", f"{tag} {name}={value!r}"))
    return problems
