"""Tags of the templates of artifacts."""

import re
from typing import Any

from django import template
from django.utils.safestring import SafeString

from chatapp.artifacts import CodeArtifact, ImageArtifact, JsonArtifact, MarkdownArtifact, TableArtifact
from chatapp.artifacts.tables import PAGE_ROWS
from chatapp.files.parts import FilePart
from chatapp.rendering import artifacts, markdown
from chatapp.rendering.source import scrub

register = template.Library()

_PLACE = re.compile(r"m-([0-9a-f-]{36})-(\d+)")


@register.simple_tag
def artifact_url(part_id: str) -> str:
    """Address of what this part holds; empty for one that is not in a stored message."""
    place = _PLACE.fullmatch(part_id)
    return artifacts.get_address(place[1], int(place[2])) if place else ""


@register.simple_tag
def file_url(part: FilePart) -> str:
    """Address of this file."""
    return artifacts.get_file_address(part.attachment)


@register.filter
def shown(text: str) -> str:
    """The text without what cannot be seen and might mislead, such as changes of its direction."""
    return scrub(text)


@register.simple_tag
def draw_code(part: CodeArtifact) -> SafeString:
    """See rendering.artifacts."""
    return artifacts.draw_code(part)


@register.simple_tag
def draw_document(part: MarkdownArtifact) -> SafeString:
    """Markdown as everywhere."""
    return markdown.render(part.content)


@register.simple_tag
def draw_tree(part: JsonArtifact) -> SafeString:
    """See rendering.artifacts."""
    return artifacts.draw_tree(part)


@register.simple_tag
def image_host(part: ImageArtifact) -> str:
    """See rendering.artifacts.get_image_host."""
    return artifacts.get_image_host(part)


@register.simple_tag
def first_page(part: TableArtifact) -> dict[str, Any]:
    """What the template of a table shows before anybody has sorted, filtered or turned its pages."""
    selection = part.select()
    is_numeric = part.is_numeric
    return {
        "heads": list(zip(part.columns, is_numeric, strict=True)),
        "rows": artifacts.draw_rows(artifacts.show_cells(selection), is_numeric),
        "size": PAGE_ROWS,
        "total": selection.total,
        "total_text": f"{selection.total:,}",
        "status": artifacts.describe(selection),
    }
