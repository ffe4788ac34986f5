"""Words as a search knows them: folded, split, asked for, and shown again with the place where they were found.

The same words for every database: what PostgreSQL and SQLite store and are asked for was split here. Case and accents
do not count. Scripts that put no space between words (Chinese, Japanese, Thai, …) are split into letters, and letters
in a row are a phrase, so that any piece of such a text is found.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

MAX_QUERY_CHARS: Final = 400
"""What is read of a query."""

MAX_TERMS: Final = 12
"""How many terms of a query count."""

MAX_WORD_CHARS: Final = 64
"""What is known of a word."""

_NO_SPACES: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
    "\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_LETTER: Final = re.compile(f"[{_NO_SPACES}]")
_WORD: Final = re.compile(f"(?![\\W_])[{_NO_SPACES}]|(?:(?![{_NO_SPACES}])[^\\W_])+")
_PIECE: Final = re.compile(r'"([^"]*)"?|([^\s"]+)')
_LATIN_END: Final = "\u0530"
"""Latin, Greek and Cyrillic letters stand below: only these lose their accents."""

_MARKS: Final = re.compile(r"(?<!\w)[*`#|~>]+|[*`#|~>]+(?!\w)")
"""Marks of Markdown, which nobody reads in a snippet."""

_SPACES: Final = re.compile(r"[*`#|~>\s]+")

_BEFORE: Final = 48
_SNIPPET_CHARS: Final = 180


class _Folding(dict[int, int]):
    """One letter for each letter, made when it is first met: places in a folded text are places in the text."""

    def __missing__(self, code: int) -> int:
        lower = chr(code).lower()
        bare = "".join(char for char in unicodedata.normalize("NFKD", lower) if not unicodedata.combining(char)).lower()
        folded = bare if len(bare) == 1 and bare < _LATIN_END else lower
        found = self[code] = ord(folded) if len(folded) == 1 else code
        return found


_folding: Final = _Folding()


class Term(NamedTuple):
    """Words that have to stand in this order, one after the other."""

    words: tuple[str, ...]
    is_prefix: bool = False
    """The last word is the beginning of one: somebody is still typing it."""


class Piece(NamedTuple):
    """A piece of a snippet."""

    text: str
    is_match: bool


def fold(text: str) -> str:
    """The text without case and accents, of the same length as its composed form (NFC)."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", text).translate(_folding)


def split_words(text: str) -> Iterator[str]:
    """The words of a text, folded, in order."""
    return (found[0][:MAX_WORD_CHARS] for found in _WORD.finditer(fold(text)))


def parse_query(query: str) -> list[Term]:
    """What a person looks for: all of these terms. "Quoted words" are one; the last word may be only begun.

    Never raises. Without a letter or digit in the query there are no terms.
    """
    query = query[:MAX_QUERY_CHARS]
    terms: list[Term] = []
    for found in _PIECE.finditer(query):
        quoted, plain = found.groups()
        words = tuple(split_words(quoted if quoted is not None else plain))
        if words:
            is_last = plain is not None and found.end() == len(query) and not _LETTER.match(words[-1])
            terms.append(Term(words, is_last))
    return terms[: MAX_TERMS - 1] + terms[-1:] if len(terms) > MAX_TERMS else terms


def contains(text: str, terms: Sequence[Term]) -> bool:
    """Whether all terms stand in this text; for short ones, that are in no index."""
    folded = fold(text)
    if not all(word in folded for term in terms for word in term.words):
        return False  # as nearly always, and much quicker
    return all(re.search(_write_pattern(term), folded) for term in terms)


def cut_snippet(text: str, terms: Sequence[Term]) -> list[Piece]:
    """The place of a text where most of the terms are, with the matches marked; its beginning if there are none."""
    text = unicodedata.normalize("NFC", _SPACES.sub(" ", _MARKS.sub("", text))).strip()
    folded = fold(text)
    found = [match.span() for match, _ in zip(_find_all(folded, terms), range(200), strict=False)]
    best = max(found, key=lambda at: len({folded[a:b] for a, b in found if at[0] <= a < at[0] + 100}), default=(0, 0))
    start = max(0, best[0] - _BEFORE)
    if start:  # At the beginning of a word, if there is one before the match.
        space = text.find(" ", start, best[0])
        start = space + 1 if space >= 0 else start
    end = min(len(text), start + _SNIPPET_CHARS)
    if end < len(text):
        space = text.rfind(" ", max(best[1], end - 30), end)
        end = space if space > 0 else end
    return list(_mark(text, start, end, found))


def mark_matches(text: str, terms: Sequence[Term]) -> list[Piece]:
    """The whole of a short text with the matches marked."""
    text = unicodedata.normalize("NFC", text)
    return list(_mark(text, 0, len(text), [match.span() for match in _find_all(fold(text), terms)]))


def _mark(text: str, start: int, end: int, found: Sequence[tuple[int, int]]) -> Iterator[Piece]:
    at = start
    if start:
        yield Piece("… ", is_match=False)
    for first, last in found:
        if first >= at and last <= end:
            if first > at:
                yield Piece(text[at:first], is_match=False)
            yield Piece(text[first:last], is_match=True)
            at = last
    if at < end:
        yield Piece(text[at:end], is_match=False)
    if end < len(text):
        yield Piece(" …", is_match=False)


def _find_all(folded: str, terms: Sequence[Term]) -> Iterator[re.Match[str]]:
    return re.finditer("|".join(_write_pattern(term) for term in terms) or r"(?!)", folded)


def _write_pattern(term: Term) -> str:
    """A regular expression for folded texts. What separates words may be anything but a word."""
    begins = "" if _LETTER.match(term.words[0]) else r"(?<![^\W_])"
    ends = "" if _LETTER.match(term.words[-1]) else r"[^\W_]*" if term.is_prefix else r"(?![^\W_])"
    return begins + r"[\W_]*".join(re.escape(word) for word in term.words) + ends
