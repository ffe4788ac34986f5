"""The corpus in every field of every artifact: it stays text, and what stands around it stays as it was."""

import re
from collections.abc import Iterator
from uuid import UUID

import html5lib
import pytest
from pydantic import ValidationError

import chatapp
from chatapp.artifacts import Artifact
from chatapp.rendering.renderer import render_stored_part
from chatapp.scrubbing import scrub
from tests.test_artifacts import PIXEL

from .checker import find_problems
from .corpus import FAMILIES, PAYLOADS

MESSAGE = UUID(int=7)
ESCAPES = {"invisible", "unbalanced", "htmx-rewrite", "open-tag", "comment", "breakout"}
"""Problems that no template of ours has, whatever elements it is made of."""

each_family = pytest.mark.parametrize("family", FAMILIES)


def list_texts(family: str) -> list[str]:
    """The payloads of a family as a run stores them, at a length that fits a field."""
    return [scrub(payload.text)[:1000] for payload in PAYLOADS if payload.family == family]


def draw(part: Artifact) -> str:
    """The part as a page shows it."""
    return str(render_stored_part(MESSAGE, 0, part))


def get_sheet(part: Artifact) -> str:
    """The HTML of what is in the frame."""
    html = draw(part)
    start = html.index(">", html.index('<div class="chat-sheet')) + 1
    return html[start : html.index("</div><template>", start)]


def get_skeleton(html: str) -> list[tuple[str, list[str]]]:
    """Elements and the names of their attributes."""
    tree = html5lib.parseFragment(html, namespaceHTMLElements=False)
    return [(str(node.tag), sorted(node.attrib)) for node in tree.iter()]


def fill_fields(text: str) -> Iterator[Artifact]:
    """Artifacts with the text in every field that is shown as text."""
    title = text[:200]
    yield chatapp.CodeArtifact(content="x", title=title)
    yield chatapp.CodeArtifact(content="x", language=text[:60])
    yield chatapp.MarkdownArtifact(content="x", title=title)
    yield chatapp.HtmlArtifact(content=text, title=title)
    yield chatapp.ImageArtifact(url=PIXEL, alt=text, title=title)
    yield chatapp.ImageArtifact(url="https://a.example/x.png", alt=text, title=title)
    yield chatapp.JsonArtifact(data={text: [text, {text: text}]}, title=title)
    yield chatapp.TableArtifact(data=[{text or "x": text, "y": text}], title=title)
    yield chatapp.ChartArtifact(figure={"data": [{"x": [text]}], "layout": {"title": text}}, title=title)
    yield chatapp.ChartArtifact(spec={"mark": text, "title": text})


def without_language(html: str) -> str:
    """`html` as if the code had none."""
    return re.sub(r'<code class="language-[a-z0-9_+#.-]{1,30}">', "<code>", html)


@pytest.mark.parametrize("family", [family for family in FAMILIES if family != "place"])
def test_a_payload_in_a_field_of_an_artifact_is_text(family: str) -> None:
    harmless = [get_skeleton(draw(part)) for part in fill_fields("zz")]
    harmless[1] = harmless[0]  # a plain word may be the name of a language

    for text in list_texts(family):
        for part, expected in zip(fill_fields(text), harmless, strict=True):
            html = draw(part)
            # Our own icons and the box of a filter end as the checker does not expect.
            found = {problem.code for problem in find_problems(re.sub(r"<svg .*?</svg>|<input [^<>]*>", "", html))}
            assert found & ESCAPES == set(), part
            assert get_skeleton(without_language(html)) == expected, part


@each_family
def test_a_payload_as_code_is_its_text(family: str) -> None:
    for text in list_texts(family):
        sheet = without_language(get_sheet(chatapp.CodeArtifact(content=text, language="html")))

        assert find_problems(sheet) == [], text


@each_family
def test_a_payload_as_a_document_is_as_harmless_as_in_an_answer(family: str) -> None:
    for text in list_texts(family):
        sheet = get_sheet(chatapp.MarkdownArtifact(content=text))

        assert find_problems(sheet.replace('<div class="chat-prose" dir="auto">', "<div>")) == [], text


@each_family
def test_a_payload_as_an_address_is_refused_or_a_link_to_the_web(family: str) -> None:
    for text in list_texts(family):
        with pytest.raises(ValidationError):
            chatapp.ImageArtifact(url=f" {text}", alt="x")
        try:
            part = chatapp.ImageArtifact(url=f"https://a.example/{text}", alt="x")
        except ValidationError:
            continue
        assert find_problems(get_sheet(part)) == [], text


@each_family
def test_a_payload_as_a_page_is_not_in_the_page(family: str) -> None:
    expected = draw(chatapp.HtmlArtifact(content="x"))
    version = chatapp.HtmlArtifact(content="x").version

    for text in list_texts(family):
        part = chatapp.HtmlArtifact(content=text)

        assert draw(part).replace(part.version, version) == expected


@each_family
def test_a_payload_in_a_chart_is_not_in_the_page(family: str) -> None:
    expected = draw(chatapp.ChartArtifact(figure={"data": [{"x": ["x"]}]}))
    version = chatapp.ChartArtifact(figure={"data": [{"x": ["x"]}]}).version

    for text in list_texts(family):
        part = chatapp.ChartArtifact(figure={"data": [{"x": [text], "name": text}]})

        assert draw(part).replace(part.version, version) == expected
