"""Suggestions of a model: buttons of ours in the text, and lists of them as cards."""

from typing import Any

import html5lib
import pytest

from chatapp.rendering.markdown import MarkdownStream, render

from .page import stream

ONE = '<span class="suggestion">One</span>'
TWO = '<span class="suggestion">Two</span>'


def list_buttons(html: str) -> list[tuple[str, str, bool]]:
    """Of each button: its name, what the page is told to use instead of it, and whether it is sent at once."""
    tree = html5lib.parseFragment(html, treebuilder="etree", namespaceHTMLElements=False)
    return [
        ("".join(button.itertext()), button.get("data-suggestion"), "data-submit" in button.attrib)
        for button in tree.iter("button")
    ]


@pytest.mark.parametrize(
    ("source", "button"),
    [
        ('<span class="suggestion">Ask *me*</span>', ("Ask me", "", False)),
        ("<kbd class=suggestion>x</kbd>", ("x", "", False)),
        ("<mark class='a suggestion b'>x</mark>", ("x", "", False)),
        ('<sup data-suggestion="other">x</sup>', ("x", "other", False)),
        ('<span data-suggestion="">x</span>', ("x", "", False)),
        ('<span data-suggestion=" two  words ">x</span>', ("x", "two  words", False)),
        ('<span class="suggestion submit">x</span>', ("x", "", True)),
        ('<span class="suggestion" data-suggestion-submit="true">x</span>', ("x", "", True)),
        ('<span class="suggestion" data-suggestion-submit>x</span>', ("x", "", True)),
        ('<span class="suggestion" data-suggestion-submit="no">x</span>', ("x", "", False)),
        ('<SPAN CLASS="suggestion" title="Head" id=a onclick=b>x</SPAN>', ("x", "", False)),
    ],
)
def test_an_element_that_is_a_suggestion_becomes_a_button(source: str, button: tuple[str, str, bool]) -> None:
    html = render(f"before {source} after")

    assert list_buttons(html) == [button]
    assert 'type="button"' in html
    assert "title" not in html
    assert "onclick" not in html


@pytest.mark.parametrize(
    "source",
    [
        "<span>x</span>",
        '<span class="suggestions">x</span>',
        '<div class="suggestion">x</div>',
        '<button class="suggestion">x</button>',
        '`<span class="suggestion">x</span>`',
        '<span class="suggestion">never ended',
        '[<span class="suggestion">x</span>](https://a.example)',
        '<span class="suggestion">[x](https://a.example)</span>',
    ],
)
def test_what_is_no_suggestion_or_could_be_no_button_is_text(source: str) -> None:
    assert list_buttons(render(source)) == []


def test_what_an_entity_hides_in_a_suggestion_is_scrubbed_like_what_is_said() -> None:
    html = render('<span data-suggestion="a&#8238;b&#1;c&quot; onclick=x">x</span>')

    assert list_buttons(html) == [("x", 'abc" onclick=x', False)]


def test_a_picture_can_be_pressed_where_it_is_shown(settings: Any) -> None:
    source = '<span data-suggestion="show it">![A map](https://img.example/x.png)</span>'
    assert "<button" not in render(source)

    settings.CHATAPP = {"IMAGE_HOSTS": ("img.example",)}

    assert list_buttons(render(source)) == [("", "show it", False)]
    assert 'alt="A map"' in render(source)


# Cards


@pytest.mark.parametrize(
    "source",
    [
        f"- {ONE}\n- {TWO}",
        f"* {ONE}\n\n* {TWO}\n",
        f"1. {ONE}\n2. {TWO}",
        f"- {ONE}\n- <kbd class='suggestion submit'>*Two* `code` $x$<br>and more</kbd>",
        f"text\n\n- {ONE}\n\nmore text",
    ],
)
def test_a_list_of_nothing_but_suggestions_becomes_cards(source: str) -> None:
    html = render(source)

    assert 'class="chat-cards"' in html
    assert html.count('class="chat-suggestion chat-card"') == source.count("suggestion")


@pytest.mark.parametrize(
    "source",
    [
        f"- {ONE}\n- {TWO} stray",
        f"- {ONE}\n- Try {TWO}",
        f"- {ONE}\n- words",
        f"- {ONE} {TWO}",
        f"- {ONE}\n\n  {TWO}",
        f"- {ONE}\n- [ ] {TWO}",
        f"- {ONE}\n-\n",
        f"- {ONE}\n  - {TWO}",
        f"- nested:\n  - {ONE}\n  - {TWO}",
        f"> - {ONE}\n> - {TWO}",
        f"- {ONE}\n- <span class='suggestion'></span>",
        f"- {ONE}\n- <span class='suggestion'>see https://a.example</span>",
        f"- {ONE}\n- <span class='suggestion'>never ended",
    ],
)
def test_one_stray_word_and_a_list_stays_a_list(source: str) -> None:
    html = render(source)

    assert "chat-card" not in html
    assert "<li>" in html
    assert list_buttons(html)[0][0] == "One"


def test_a_title_is_the_heading_of_its_card_and_no_attribute() -> None:
    html = render(
        '- <span class="suggestion" title="Write &amp; send">Draft the reply</span>\n'
        '- <span class="suggestion" title=" ">Plain</span>\n'
        '- <span class="suggestion" title="Other" data-suggestion="Say this">Shown</span>'
    )

    assert "<strong>Write &amp; send</strong> <span>Draft the reply</span>" in html
    assert list_buttons(html) == [
        ("Write & send Draft the reply", "", False),
        ("Plain", "", False),
        ("Other Shown", "Say this", False),
    ]
    assert "title" not in html


def test_cards_of_an_ordered_list_say_their_numbers() -> None:
    html = render(f'7. {ONE}\n8. <span class="suggestion" title="Second">2</span>')

    assert [name for name, _, _ in list_buttons(html)] == ["7. One", "8. Second 2"]


def test_one_card_of_a_grid_is_reached_with_the_tab_key() -> None:
    html = render(f"- {ONE}\n- {TWO}\n- {TWO}")

    assert (html.count('tabindex="0"'), html.count('tabindex="-1"')) == (1, 2)
    assert html.index('tabindex="0"') < html.index('tabindex="-1"')


@pytest.mark.parametrize(
    "source", [f"- {ONE}\n- {TWO}\n", f"1. {ONE}\n\n2. <span class='suggestion submit' title='x > y'>a **b**</span>"]
)
def test_while_it_comes_a_list_that_may_become_cards_shows_blank_ones_only(source: str) -> None:
    growing = MarkdownStream()
    seen = set()

    for character in source:
        growing.append(character)
        growing.step()
        assert "<button" not in growing.live_html, growing.live_html
        assert "suggestion" not in growing.live_html, growing.live_html
        seen.add(growing.live_html.partition("</ul>")[0].count("<li></li>"))
    growing.finish()

    assert seen >= {0, 1, 2}
    assert growing.settled_html == render(source)
    assert list_buttons(growing.settled_html)[0][0].endswith("One")


def test_a_list_that_turns_out_to_be_one_stops_waiting() -> None:
    growing = MarkdownStream(f"- {ONE}\n- {TWO}")
    growing.step()
    assert "<li></li><li></li>" in growing.live_html

    growing.append(" and a word")
    growing.step()

    assert [name for name, _, _ in list_buttons(growing.live_html)] == ["One", "Two"]


def test_cards_are_drawn_once_a_new_block_follows() -> None:
    page = stream([f"- {ONE}\n- {TWO}\n", "\nAnd now?\n", "Well"])

    assert page.html == render(f"- {ONE}\n- {TWO}\n\nAnd now?\nWell")


def test_a_suggestion_of_which_nothing_is_said_yet_is_not_shown() -> None:
    growing = MarkdownStream('See <span class="suggestion" data-suggestion="a > b">')
    growing.step()

    assert growing.live_html == "<p>See</p>"
