"""Text that means harm: what a model, or a person, might say in order to get out of its message.

A payload that works does one of three things, all of which a browser can be asked about: it sets `window.pwned`, it
requests an address with `canary` in it, or it changes something outside the message. A payload of the family `field` is
for titles, names and file names as well as for messages; one of `dos` costs time or space.

The catalogue is made of vectors, and of the places in Markdown where a vector may stand. Each bug that is found gets a
line.
"""

from typing import NamedTuple

from .vectors import addresses, elements, structure, suggestions, texts
from .vectors.marks import CANARY, RUN


class Payload(NamedTuple):
    """One hostile text."""

    id: str
    """Family and number; a payload is only ever added at the end of its family."""

    family: str
    text: str


CORE = (
    f"<script>{RUN}</script>",
    f"<img src=x onerror={RUN}>",
    f"<svg onload={RUN}>",
    f"[x](javascript:{RUN})",
    f"![x]({CANARY}.png)",
    "<div id=chat-title hx-swap-oob=true>pwned</div>",
    f"<hx-x onmouseover={RUN}>",
    "</div></div>pwned",
)
"""One vector of each kind, to be put into every place below."""

PLACES = (
    "# {}",
    "{}\n===",
    "- {}\n- x",
    "1. x\n\n   {}",
    "> {}",
    "> - # {}",
    "| {} | x |\n|---|---|\n| x | {} |",
    "**{}**",
    "~~*{}*~~",
    "[{}](https://a.example)",
    "[x](https://a.example '{}')",
    "![{}](https://canary.example/x.png)",
    "`{}`",
    "```\n{}\n```",
    "```{}\nx\n```",
    "```html\n{}\n```",
    "    {}",
    "\\({}\\)",
    "$$\n{}\n$$",
    "\\(\\text{{}}\\)",
    "x[^1]\n\n[^1]: {}",
    "[x]\n\n[x]: https://a.example '{}'",
    "<kbd>{}</kbd>",
    "<details>\n<summary>{}</summary>\n\n{}\n\n</details>",
    "<details><summary>x</summary>{}</details>",
    "<span class=suggestion>{}</span>",
    "<span class=suggestion data-suggestion='{}'>x</span>",
    "<div>\n{}\n</div>",
    "- [ ] {}",
    "<!-- {} -->",
    "<https://a.example/{}>",
    "https://a.example/{}",
    "x\\\n{}\n\n---\n{}",
)
"""Places in Markdown where a vector may stand."""

FAMILIES: dict[str, tuple[str, ...]] = {
    "script": elements.SCRIPT,
    "handler": elements.HANDLER,
    "htmx": elements.HTMX,
    "oob": elements.OOB,
    "htmx-rewrite": elements.REWRITE,
    "breakout": structure.BREAKOUT,
    "svg-math": structure.SVG_MATH,
    "mxss": structure.MXSS,
    "clobber": structure.CLOBBER,
    "md-link": addresses.LINK,
    "exfil": addresses.EXFIL,
    "css": structure.CSS,
    "template": texts.TEMPLATE,
    "unicode": texts.UNICODE,
    "field": texts.FIELD,
    "dos": texts.DOS,
    "suggestion": suggestions.SUGGESTION,
    "place": tuple(place.replace("{}", vector) for vector in CORE for place in PLACES),
}

PAYLOADS: list[Payload] = [
    Payload(f"{family}-{number:03}", family, text)
    for family, texts_of_family in FAMILIES.items()
    for number, text in enumerate(texts_of_family, start=1)
]
