"""The words of passages, for retrieval: one row for each piece of each document, indexed like the words of messages.

Written by FullTextRetriever; see chatapp/fulltext.py. The documents stay in the site's own tables: what may be found
is said by a query over those, which is a condition of the search itself.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db import connections, models
from django.db.models import CharField, QuerySet
from django.db.models.functions import Cast

from chatapp.models.search import WordsField, write_match, write_owner, write_term
from chatapp.terms import Term


class PassageEntry(models.Model):
    """The words of one piece of one document."""

    source = models.CharField(max_length=200)
    """Which model and which of its fields: "help.page/title,body"."""

    object_id = models.CharField(max_length=64)
    """Primary key of the document, as its column has it, as text."""

    place = models.PositiveIntegerField()
    """Which piece it is, from 0."""

    words = WordsField()
    """Those of the title and those of the piece."""

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["source", "object_id", "place"], name="chatapp_passage_once")
        ]

    def __str__(self) -> str:
        return f"{self.source}:{self.object_id}:{self.place}"


class Found(NamedTuple):
    """A piece of a document that was found."""

    object_id: str
    place: int
    score: float


def find(source: str, terms: Sequence[Term], documents: QuerySet[Any], *, limit: int) -> list[Found]:
    """Pieces of these documents with any of these terms, the best first: rare words count more than frequent ones."""
    connection = connections[documents.db]
    among = documents.order_by().values(chatapp_key=Cast("pk", CharField()))
    try:
        allowed, values = among.query.get_compiler(using=documents.db).as_sql()
    except EmptyResultSet:
        return []
    if not terms:
        return []
    write = _write_for_postgresql if connection.vendor == "postgresql" else _write_for_sqlite
    sql, parameters = write(source, terms, allowed, values)
    with connection.cursor() as cursor:
        cursor.execute(sql, [*parameters, limit])
        return [Found(*row) for row in cursor.fetchall()]


def _write_for_sqlite(source: str, terms: Sequence[Term], allowed: str, values: Sequence[Any]) -> tuple[str, list[Any]]:
    asked = " OR ".join(write_match(term) for term in terms)
    sql = (  # `allowed` was written by Django; all values are parameters.
        "SELECT entry.object_id, entry.place, -bm25(chatapp_passages, 0.0, 1.0) AS score "  # noqa: S608
        "FROM chatapp_passages JOIN chatapp_passageentry entry ON entry.id = chatapp_passages.rowid "
        f"WHERE chatapp_passages MATCH %s AND entry.source = %s AND entry.object_id IN ({allowed}) "
        "ORDER BY score DESC, entry.object_id, entry.place LIMIT %s"
    )
    # The tokenizer takes the name of a source apart, in the index as in the question.
    return sql, [f'source: "{source}" AND words: ({asked})', source, *values]


def _write_for_postgresql(
    source: str, terms: Sequence[Term], allowed: str, values: Sequence[Any]
) -> tuple[str, list[Any]]:
    asked = [write_term(term) for term in terms]
    counts = ", ".join(f"count(*) FILTER (WHERE words @@ %s::tsquery) AS n{place}" for place in range(len(asked)))
    # Its rank knows no rare words; what they are worth is counted among what was found.
    worth = " + ".join(
        f"ln(1 + total / (n{place} + 0.5)) * ts_rank(words, %s::tsquery, 1)" for place in range(len(asked))
    )
    sql = (  # `allowed` was written by Django; all values are parameters.
        "WITH found AS MATERIALIZED (SELECT object_id, place, words FROM chatapp_passageentry "  # noqa: S608
        f"WHERE words @@ %s::tsquery AND source = %s AND object_id IN ({allowed})), "
        f"counts AS (SELECT count(*)::float AS total, {counts} FROM found) "
        f"SELECT object_id, place, {worth} AS score FROM found, counts "
        "ORDER BY score DESC, object_id, place LIMIT %s"
    )
    wanted = f"'@{write_owner(source)}' & ({' | '.join(asked)})"
    return sql, [wanted, source, *values, *asked, *asked]
