"""Text of others for a model, between marks that it cannot forge: what stands there is data and gives no orders."""

import re
from typing import Final

from django.utils.html import escape

TAGS: Final = ("attachment", "passage")
"""The marks that there are: a file that somebody sent, a piece of a document that was found."""

_MARK: Final = re.compile(rf"<(?=/?(?:{'|'.join(TAGS)})\b)", re.IGNORECASE)


def fence(tag: str, text: str, **attributes: object) -> str:
    """The text between `<tag …>` and `</tag>`; marks of any kind in it are escaped, and so are the attributes."""
    head = "".join(f' {name}="{escape(value)}"' for name, value in attributes.items())
    return f"<{tag}{head}>\n{_MARK.sub('&lt;', text)}\n</{tag}>"
