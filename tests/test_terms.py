"""Words as a search knows them."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatapp.terms import MAX_TERMS, Term, contains, cut_snippet, fold, mark_matches, parse_query, split_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Where is MY parcel?", ["where", "is", "my", "parcel"]),
        ("Zürich, Łódź, ÅNGSTRÖM", ["zurich", "łodz", "angstrom"]),
        ("Zu\u0308rich", ["zurich"]),
        ("e-mail foo.bar/baz_qux", ["e", "mail", "foo", "bar", "baz", "qux"]),
        ("東京タワー is tall", ["東", "京", "タ", "ワ", "ー", "is", "tall"]),
        ("한국어 문장", ["한국어", "문장"]),
        ("ＡＢＣ１", ["abc1"]),
        ("'; DROP TABLE -- \x00 💥", ["drop", "table"]),
    ],
)
def test_case_and_accents_do_not_count_and_letters_without_spaces_are_words(text: str, words: list[str]) -> None:
    assert list(split_words(text)) == words


@pytest.mark.parametrize(
    ("query", "terms"),
    [
        ("refund win", [Term(("refund",)), Term(("win",), is_prefix=True)]),
        ("refund win ", [Term(("refund",)), Term(("win",))]),
        ('"return window" or', [Term(("return", "window")), Term(("or",), is_prefix=True)]),
        ('"return win', [Term(("return", "win"))]),
        ("e-mail", [Term(("e", "mail"), is_prefix=True)]),
        ("東京", [Term(("東", "京"))]),
        ("!!! ---", []),
        ('"', []),
        ("", []),
    ],
)
def test_a_query_is_words_of_which_the_last_may_be_only_begun(query: str, terms: list[Term]) -> None:
    assert parse_query(query) == terms


@given(st.text())
def test_places_in_a_folded_text_are_places_in_the_text(text: str) -> None:
    assert len(fold(text)) == len(unicodedata.normalize("NFC", text))


@given(st.text(max_size=600), st.text(max_size=40))
def test_a_snippet_is_a_piece_of_the_text_and_its_marks_are_what_was_looked_for(text: str, query: str) -> None:
    terms = parse_query(query)

    pieces = cut_snippet(text, terms)

    assert len(terms) <= MAX_TERMS
    assert all(contains(piece.text, [term for term in terms if contains(piece.text, [term])]) for piece in pieces)
    assert all(any(contains(piece.text, [term]) for term in terms) for piece in pieces if piece.is_match)
    assert sum(len(piece.text) for piece in pieces) < 250


def test_a_snippet_is_taken_where_most_of_the_words_are() -> None:
    text = f"A window. {'Nothing here. ' * 40}**So** the 30-day window for a `refund` is open. {'More. ' * 80}"

    pieces = cut_snippet(text, parse_query("refund wind"))

    said = "".join(piece.text for piece in pieces)
    assert "So the 30-day window for a refund is open." in said
    assert said.startswith("… ")
    assert said.endswith(" …")
    assert [piece.text for piece in pieces if piece.is_match] == ["window", "refund"]


def test_a_long_text_is_searched_quickly() -> None:
    text = "lorem ipsum dolor " * 20_000 + "needle"

    assert [piece.text for piece in cut_snippet(text, parse_query("needle")) if piece.is_match] == ["needle"]
    assert re.search("needle", fold(text))


def test_a_title_is_marked_as_a_whole() -> None:
    pieces = mark_matches("Über die Züge", parse_query("uber zug"))

    assert [(piece.text, piece.is_match) for piece in pieces] == [("Über", True), (" die ", False), ("Züge", True)]


@given(st.text("aB1_ .-\n'", max_size=60))
def test_the_quick_way_for_ascii_splits_as_the_other_one_does(text: str) -> None:
    *others, last = split_words(text + " ж")
    assert (list(split_words(text)), last) == (others, "ж")
