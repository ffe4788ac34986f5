"""Parts of the site's own: HTML that its code made, and its templates."""

import json
from typing import ClassVar

import pytest
from django.template import engines
from django.test import override_settings
from django.utils.safestring import mark_safe
from pydantic import ValidationError

import chatapp
from chatapp import parts
from chatapp.parts import load_part
from chatapp.rendering import renderer

from .test_drawing import Drawing, draw_stored
from .test_renderer import MESSAGE

CARD = (
    '<form action="/orders/{{ number }}/" method="post"><b>{{ name }}</b>'
    '<button hx-post="/orders/{{ number }}/" hx-swap="outerHTML">Return it</button></form>'
)
BROKEN = "{% load nothing_of_that_name %}"


@pytest.fixture(autouse=True)
def _templates() -> object:
    """Two templates of the site's own."""
    (engine,) = [dict(engines.templates["django"])]
    options = {**engine["OPTIONS"], "loaders": [
        ("django.template.loaders.locmem.Loader", {"shop/card.html": CARD, "shop/broken.html": BROKEN}),
        "django.template.loaders.app_directories.Loader",
    ]}  # fmt: skip
    with override_settings(TEMPLATES=[{**engine, "APP_DIRS": False, "OPTIONS": options}]):
        yield


def draw_live(*items: object) -> str:
    """The parts as a page shows them that saw them come."""
    drawing = Drawing()
    for item in items:
        drawing.say(item)
    drawing.end()
    return drawing.shown


def draw_one(part: chatapp.Part) -> str:
    """The HTML of a stored part, letter by letter."""
    return renderer.render_stored_part(MESSAGE, 0, part)


def store(part: chatapp.Part) -> chatapp.Part:
    """The part as it comes back from the database."""
    return load_part(json.loads(json.dumps(part.dump())))


CARD_PART = chatapp.TemplatePart(template="shop/card.html", context={"number": 7, "name": "<Tea>"}, text="Order 7")


@pytest.mark.parametrize(
    "part",
    [chatapp.HtmlPart(html="<b>a</b>"), chatapp.HtmlPart(html="<b>a</b>", trusted=True), CARD_PART],
    ids=["html", "trusted", "template"],
)
def test_a_part_of_the_sites_own_is_drawn_the_same_live_and_from_the_database(
    part: chatapp.Part,
) -> None:
    assert store(part) == part
    assert draw_live("Look:", part, "Done.") == draw_stored(
        [chatapp.TextPart(text="Look:"), store(part), chatapp.TextPart(text="Done.")]
    )


def test_html_of_the_site_is_shown_as_it_is_and_a_plain_string_never_is() -> None:
    shown = draw_live(mark_safe("*x* <b>y</b>"))
    assert "*x* <b>y</b>" in shown

    shown = draw_one(chatapp.TextPart(text='*x* <button hx-get="/">y</button>'))
    assert "<em>x</em>" in shown
    assert "<button" not in shown


def test_html_that_nobody_vouches_for_is_sanitised_last() -> None:
    part = chatapp.HtmlPart(
        html='<table id="t" style="x"><tr><td onclick="x()">7</td></tr></table><script>x()</script>'
        '<img src="https://far/x.png"><a href="javascript:x()" hx-get="/">a</a><iframe src="//far"></iframe>'
        "<math><mtext><script>x()</script></mtext></math>"
    )

    shown = draw_one(part)

    assert "<td>7</td>" in shown
    for piece in ("script", "onclick", "style", "<img", "javascript", "hx-get", "iframe", "far", "<math", 'id="t"'):
        assert piece not in shown


def test_a_template_gets_its_context_escaped() -> None:
    shown = draw_one(CARD_PART)

    assert "<b>&lt;Tea&gt;</b>" in shown
    assert 'hx-post="/orders/7/"' in shown


@pytest.mark.parametrize(
    ("part", "is_closed"),
    [
        (chatapp.TextPart(text="a"), True),
        (chatapp.ThinkingPart(text="a"), True),
        (chatapp.NoticePart(code="a", message="b"), True),
        (chatapp.ErrorPart(code="a", message="b"), True),
        (chatapp.UnknownPart(data={"kind": "gone"}), True),
        (chatapp.HtmlPart(html="<b>a</b>"), True),
        (chatapp.HtmlPart(html="<b>a</b>", trusted=True), False),
        (CARD_PART, False),
    ],
    ids=["text", "thinking", "notice", "error", "unknown", "html", "trusted", "template"],
)
def test_htmx_works_in_the_sites_own_parts_only(part: chatapp.Part, is_closed: bool) -> None:
    assert (" hx-disable" in draw_stored([part])) is is_closed


@pytest.mark.parametrize("template", ["shop/nothing.html", "shop/broken.html"], ids=["missing", "broken"])
def test_a_template_that_cannot_be_drawn_is_a_neutral_box_and_the_rest_is_shown(
    template: str, caplog: pytest.LogCaptureFixture
) -> None:
    part = chatapp.TemplatePart(template=template)

    shown = draw_stored([chatapp.TextPart(text="Before"), part, chatapp.TextPart(text="After")])

    assert "Before" in shown
    assert "After" in shown
    assert "This part of the message cannot be shown here." in shown
    assert repr(template) in caplog.text


def test_a_kind_without_a_template_is_a_neutral_box(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(parts, "_registry", dict(parts._registry))

    @chatapp.part
    class Bare(chatapp.Part):
        kind: ClassVar[str] = "bare"

    assert "This part of the message cannot be shown here." in draw_stored([Bare()])
    assert "a part of kind bare cannot be drawn" in caplog.text


def test_what_they_say_in_words_is_found_and_copied() -> None:
    assert parts.plain_text([chatapp.HtmlPart(html="<p>a &amp;\n b</p>"), CARD_PART]) == "a & b\n\nOrder 7"


def test_a_context_that_is_no_json_is_refused_where_the_part_is_made() -> None:
    with pytest.raises(ValidationError, match="context"):
        chatapp.TemplatePart(template="shop/card.html", context={"order": object()})
