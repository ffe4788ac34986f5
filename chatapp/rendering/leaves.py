"""HTML of the things in a document that hold no others: links, images, code, formulas, footnotes."""

from collections.abc import Collection, Iterable

from . import highlighting, maths
from .links import get_host, is_open
from .results import LinkDefinition, Note
from .source import escape, escape_attribute

CLOSE_CODE = "</code></pre></div>"


def open_code(language: str) -> str:
    """What stands before the code of a block; `language` may be ""."""
    named = f' data-language="{escape_attribute(language)}"' if language else ""
    return f'<div class="chat-code"{named}><pre><code>'


def write_code(code: str, language: str, *, is_highlighted: bool) -> str:
    """A block of code; the text of the HTML is exactly `code`."""
    html = highlighting.highlight(code, language) if is_highlighted else None
    return f"{open_code(language)}{escape(code) if html is None else html}{CLOSE_CODE}\n"


def write_formula(formula: maths.Formula, *, is_converted: bool) -> str:
    """A formula as MathML, or as it was written where it cannot be converted."""
    html = maths.render_formula(formula) if is_converted else None
    return html or f'<code class="chat-tex">{escape(formula.source)}</code>'


def open_link(target: LinkDefinition, *, is_image: bool = False) -> str:
    """The tag that begins a link; the sanitiser adds `rel` and `target`."""
    css_class = ' class="chat-remote-image"' if is_image else ""
    return f'<a{css_class} href="{escape_attribute(target.url)}"{_write_title(target)}>'


def write_image(target: LinkDefinition, alt: str) -> str:
    """An image that is loaded from where it is."""
    return (
        f'<img src="{escape_attribute(target.url)}" alt="{escape_attribute(alt)}"{_write_title(target)} '
        'loading="lazy" referrerpolicy="no-referrer">'
    )


def write_image_or_host(target: LinkDefinition, alt: str, hosts: Collection[str], *, is_in_link: bool) -> str:
    """An image from one of these hosts; for one from elsewhere, a link with the host in its place."""
    alt = " ".join(alt.split())
    host = get_host(target.url)
    if not host:
        return escape(alt)
    if is_open(target.url, hosts):
        return write_image(target, alt)
    text = escape(f"🖼 {alt} ({host})" if alt else f"🖼 {host}")
    return (
        f'<span class="chat-remote-image">{text}</span>'
        if is_in_link
        else f"{open_link(target, is_image=True)}{text}</a>"
    )


def write_notes(notes: Iterable[Note]) -> str:
    """The footnotes of a document as one block; "" if there are none."""
    items = "".join(f'<li><sup class="chat-note-label">{escape(label)}</sup> {html}</li>\n' for label, html in notes)
    return f'<ol class="chat-notes">\n{items}</ol>\n' if items else ""


def _write_title(target: LinkDefinition) -> str:
    return f' title="{escape_attribute(target.title)}"' if target.title else ""
