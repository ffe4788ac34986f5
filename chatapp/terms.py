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

MAX_QUESTION_CHARS: Final = 2000
"""What is read of a question."""

MAX_QUESTION_TERMS: Final = 24
"""How many terms of a question count."""

MAX_WORD_CHARS: Final = 64
"""What is known of a word."""

_NO_SPACES: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
    "\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_LETTER: Final = re.compile(f"[{_NO_SPACES}]")
_WORD: Final = re.compile(f"(?![\\W_])[{_NO_SPACES}]|(?:(?![{_NO_SPACES}])[^\\W_])+")
_ASCII_WORD: Final = re.compile("[a-z0-9]+")
"""The same for folded ASCII, in half the time."""

_PIECE: Final = re.compile(r'"([^"]*)"?|([^\s"]+)')
_LATIN_END: Final = "\u0530"
"""Latin, Greek and Cyrillic letters stand below: only these lose their accents."""

_MARKS: Final = re.compile(r"(?<!\w)[*`#|~>]+|[*`#|~>]+(?!\w)")
"""Marks of Markdown, which nobody reads in a snippet."""

_SPACES: Final = re.compile(r"[*`#|~>\s]+")

_EMPTY_WORDS: Final = frozenset(
    " ".join(
        (
            # English
            "a about all also am an and any are as at be been but by can could did do does for from had has have",
            "he her his how i if in into is it its just me may might more most must my no not of on or our out",
            "please she should so some than that the their them then there these they this those to up us was we",
            "were what when where which who whom whose why will with would you your",
            # German
            "aber als am an auch auf aus bei bin bis bist da dann das dass dein dem den der des dir doch du ein",
            "eine einem einen einer eines er es hab habe haben hat ich ihr im in ist ja kann mein meine mich mir",
            "mit nach nicht noch nur oder sich sie sind so uber um und uns unser von warum was wenn wer werden",
            "wie wir wird wo zu zum zur",
            # French, Spanish, Italian, Portuguese
            "au aux avec c ce ces cette comment d dans de des du elle en est et il ils j je l la le les leur m ma",
            "mais mes mon n ne nos notre nous ou par pas pour pourquoi qu quand que quel quelle qui s sa se ses",
            "sur ta te tu un une vos votre vous y como con cual cuando del donde el ella ellos eres es esta este",
            "hay las lo los mi nosotros o para pero por porque quien se ser si soy su sus tiene un una usted yo",
            "al alla anche che chi come cosa da dal dalla dei della delle di dove e gli ha ho i io lei loro lui",
            "nel nella non per perche piu quale quando questo sono sul ao as com da das do dos ele ela em eu isso",
            "mais meu minha na nao nas nos os ou qual quem sao seu sua tem um uma voce",
        )
    ).split()
)
"""Words that hold a sentence together, folded, in the languages in which most questions are asked. Not those that are
something to ask about in another of them: war, die, son."""

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
    word = _ASCII_WORD if text.isascii() else _WORD
    return (found[0][:MAX_WORD_CHARS] for found in word.finditer(fold(text)))


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


def list_terms(question: str) -> list[Term]:
    """What a question in anybody's words is about: each word that says something, once, for a search for any of them.

    Words that only hold a sentence together are left out. The end of a longer word may be another one, so that
    "refunds" finds "refund" in about any language with endings. Letters of scripts without spaces go in pairs.
    """
    words = list(split_words(question[:MAX_QUESTION_CHARS]))
    terms: dict[Term, None] = {}
    for before, word, after in zip(["", *words], words, [*words[1:], ""], strict=False):
        if _LETTER.match(word):
            if _LETTER.match(after):
                terms[Term((word, after))] = None
            elif not _LETTER.match(before):
                terms[Term((word,))] = None
        elif word not in _EMPTY_WORDS:
            end = 0 if len(word) < 5 or word[-1].isdigit() else 1 if len(word) < 7 else 2 if len(word) < 9 else 3
            terms[Term((word[: len(word) - end],), is_prefix=end > 0)] = None
    return list(terms)[:MAX_QUESTION_TERMS]


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
