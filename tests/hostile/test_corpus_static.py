"""Every payload of the corpus, whole and while it streams, passes the static check."""

import re
from collections.abc import Iterable
from typing import Any

import pytest
from django.template import Context, Template

from chatapp.rendering.document import join, render_document
from chatapp.rendering.markdown import MarkdownStream, _Markdown, render
from chatapp.rendering.source import normalize_newlines, scrub
from chatapp.rendering.thinking import ThinkingSplitter

from .checker import Problem, find_problems, find_text_problems
from .corpus import FAMILIES, PAYLOADS, Payload

SHORT = 60  # characters; a shorter payload is cut at each of them
LONG = 2_000  # a longer one is cut into seven pieces
TOKEN = re.compile(r"\w+|\s+|[^\w\s]")

each_payload = pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: payload.id)
each_family = pytest.mark.parametrize("family", FAMILIES)


def cut(text: str) -> list[str]:
    """`text` at every token boundary, and at every character if it is short; coarsely if it is huge."""
    if len(text) > LONG:
        return [text[at : at + len(text) // 7 + 1] for at in range(0, len(text), len(text) // 7 + 1)]
    return list(text) if len(text) <= SHORT else TOKEN.findall(text)


def list_payloads(family: str) -> list[Payload]:
    """The payloads of one family."""
    return [payload for payload in PAYLOADS if payload.family == family]


def stream_and_check(pieces: Iterable[str]) -> tuple[str, list[Problem]]:
    """What the page holds after `pieces` have come, and what was wrong with anything that it was sent."""
    problems: list[Problem] = []
    stream = MarkdownStream()
    for piece in pieces:
        stream.append(piece)
        step = stream.step()
        for html in (step.settled, step.live):
            problems += find_problems(html) if html else []
        problems += find_text_problems(step.live_append) if step.live_append else []
    last = stream.finish()
    for html in (last.settled, last.rewrite, *last.corrections.values()):
        problems += find_problems(html) if html else []
    return stream.settled_html, problems


def test_the_corpus_is_large_and_its_texts_differ() -> None:
    texts = [payload.text for payload in PAYLOADS if payload.family != "field"]

    assert len(PAYLOADS) >= 300
    assert len(set(texts)) == len(texts)
    assert len({payload.id for payload in PAYLOADS}) == len(PAYLOADS)


@each_payload
def test_a_payload_is_harmless_on_a_page(payload: Payload) -> None:
    assert find_problems(render(payload.text)) == []


@each_payload
def test_a_payload_is_harmless_while_it_streams_and_ends_as_on_a_page(payload: Payload) -> None:
    html, problems = stream_and_check(cut(payload.text))

    assert problems == []
    assert html == render(payload.text)


@each_family
def test_payloads_are_harmless_behind_another_text(family: str) -> None:
    for payload in list_payloads(family):
        assert find_problems(render(f"A paragraph.\n{payload.text}\n\nAnother [x] one.")) == [], payload.id


@each_family
def test_the_html_of_payloads_is_bounded(family: str) -> None:
    for payload in list_payloads(family):
        assert len(render(payload.text)) < 20_000 + 40 * len(payload.text), payload.id


@each_family
def test_no_payload_is_lost_between_answer_and_thinking(family: str) -> None:
    for payload in list_payloads(family):
        splitter = ThinkingSplitter()

        parts = [part for piece in cut(payload.text) for part in splitter.feed(piece)] + splitter.finish()

        assert "".join(text for _, text in parts) == payload.text, payload.id


@each_family
def test_an_open_host_opens_no_other(family: str, settings: Any) -> None:
    settings.CHATAPP = {"IMAGE_HOSTS": ("img.example",)}

    for payload in list_payloads(family):
        assert find_problems(render(payload.text), image_hosts=("img.example",)) == [], payload.id


# Two layers, each by itself


class WithoutSanitizer(_Markdown):
    """Renders as ever, but leaves out the last step."""

    def sanitize(self, html: str) -> str:
        """`html` as it is."""
        return html


@each_family
def test_the_writer_alone_writes_nothing_harmful(family: str) -> None:
    engine = WithoutSanitizer()

    for payload in list_payloads(family):
        html = join(engine, render_document(engine, scrub(normalize_newlines(payload.text))))

        # What a link says about us is the sanitiser's to add.
        assert {problem.code for problem in find_problems(html)} <= {"rel", "target"}, payload.id


@each_family
def test_the_sanitiser_alone_lets_nothing_harmful_pass(family: str) -> None:
    for payload in list_payloads(family):
        html = MarkdownStream.engine.sanitize(scrub(payload.text))

        # That MathML holds text only, which buttons there are, and what entities stand for, is the writer's care.
        problems = {problem.code for problem in find_problems(html)}
        assert problems <= {"mathml-token", "button", "invisible"}, payload.id


# Titles, names, file names


@pytest.mark.parametrize("payload", list_payloads("field"), ids=lambda payload: payload.id)
def test_a_payload_in_a_field_is_text(payload: Payload) -> None:
    html = Template('<p title="{{ title }}">{{ title }}</p>').render(Context({"title": payload.text}))

    assert re.fullmatch(r'<p title="[^"<>]*">[^<>]*</p>', html)
