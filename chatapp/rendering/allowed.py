"""The HTML that may stand in a message: the sanitiser's lists. The writer writes nothing else; both are tested alone.

No id, no name, no style, no attribute that a script listens to but those of the suggestion button.
"""

from typing import Any

from . import maths
from .highlighting import CLASSES

TAGS = {
    *("p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "li", "hr", "pre", "code", "div"),
    *("table", "thead", "tbody", "tr", "th", "td"),
    *("a", "br", "em", "strong", "del", "sub", "sup", "kbd", "mark", "span", "button", "details", "summary"),
}
ATTRIBUTES: dict[str, set[str]] = {
    # Nothing on every element; the sanitiser would let `title` and `lang` pass.
    "*": set(),
    "a": {"href", "title"},
    "button": {"data-suggestion"},
    "div": {"data-language"},
    "ol": {"start"},
}
IMAGE_ATTRIBUTES = {"img": {"src", "alt", "title"}}
"""For documents in which images may be shown at all."""

MATHS_ATTRIBUTES = {tag: set(maths.ATTRIBUTES) for tag in maths.TAGS}
"""For HTML in which the writer has just put MathML: its token elements are a way back into HTML."""

_ALIGNMENTS = {"align": {"left", "center", "right"}}
REST: dict[str, Any] = {
    "tag_attribute_values": {
        "button": {"type": {"button"}, "data-submit": {""}, "tabindex": {"0", "-1"}},
        "img": {"loading": {"lazy"}, "referrerpolicy": {"no-referrer"}},
        "td": _ALIGNMENTS,
        "th": _ALIGNMENTS,
    },
    "allowed_classes": {
        "a": {"chat-remote-image"},
        "button": {"chat-suggestion", "chat-card"},
        "code": {"chat-tex"},
        "div": {"chat-code", "chat-table", "chat-html"},
        "ol": {"chat-cards", "chat-notes"},
        "pre": {"chat-plain"},
        "span": {"chat-remote-image", "chat-task", *CLASSES},
        "sup": {"chat-note-ref", "chat-note-label"},
        "ul": {"chat-cards"},
    },
    "set_tag_attribute_values": {"a": {"target": "_blank"}},
    "link_rel": "noopener noreferrer nofollow",
    "url_schemes": {"http", "https", "mailto"},
    "url_relative": "deny",
}
"""The sanitiser's other arguments. Relative links are refused: a model cannot know where it is read."""
