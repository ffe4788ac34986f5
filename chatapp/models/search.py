"""The words of messages, for search: one row for each, indexed by whatever full-text search the database has.

Written by `Message` itself whenever its text is (see MessageQuerySet), in the same transaction. What is in the index
is a candidate only: whoever searches asks the policy, and looks at the message, before anything is shown.
"""

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection, models

from chatapp.terms import Term, split_words

if TYPE_CHECKING:
    from chatapp.models.threads import Message

MAX_WORDS: Final = 50_000
"""How many words of one message can be found; PostgreSQL holds no more than a megabyte of them in a row."""

_MAX_BYTES: Final = 500_000
_LAST_PLACE: Final = 16_000
_PLACES: Final = 250
"""PostgreSQL knows no place of a word behind the first number, and no more places of one word than the second."""

RECENT: Final = 1500
"""So many of the newest messages are looked through one by one before the index is asked."""


def write_install(table: str, name: str, scope: str) -> dict[str, Sequence[str]]:
    """What a table with `words` needs beside its columns to be searched, by the vendor of the database; each line may
    be run again.

    `name` is what it is called: the index of PostgreSQL gets it with "_words", the FTS5 table of SQLite gets it as it
    is. `scope` is the column in which a search stays.
    """
    insert = f"INSERT INTO {name}(rowid, {scope}, words) VALUES (new.id, new.{scope}, new.words)"  # noqa: S608  # names of ours
    delete = (
        f"INSERT INTO {name}({name}, rowid, {scope}, words) "  # noqa: S608
        f"VALUES ('delete', old.id, old.{scope}, old.words)"
    )
    return {
        "postgresql": [f"CREATE INDEX IF NOT EXISTS {name}_words ON {table} USING gin (words) WITH (fastupdate = off)"],
        "sqlite": [
            f"CREATE VIRTUAL TABLE IF NOT EXISTS {name} USING fts5({scope}, words, content='{table}', "
            "content_rowid='id', tokenize='unicode61 remove_diacritics 0', prefix='2 3')",
            f"CREATE TRIGGER IF NOT EXISTS {name}_insert AFTER INSERT ON {table} BEGIN {insert}; END",
            f"CREATE TRIGGER IF NOT EXISTS {name}_delete AFTER DELETE ON {table} BEGIN {delete}; END",
            f"CREATE TRIGGER IF NOT EXISTS {name}_update AFTER UPDATE ON {table} BEGIN {delete}; {insert}; END",
        ],
    }


def write_remove(name: str) -> dict[str, Sequence[str]]:
    """Takes away what write_install made."""
    return {
        "postgresql": [f"DROP INDEX IF EXISTS {name}_words"],
        "sqlite": [
            *(f"DROP TRIGGER IF EXISTS {name}_{event}" for event in ("insert", "delete", "update")),
            f"DROP TABLE IF EXISTS {name}",
        ],
    }


TABLES: Final = (
    ("chatapp_searchentry", "chatapp_search", "owner_id"),
    ("chatapp_passageentry", "chatapp_passages", "source"),
)
"""What is searched: table, name and scope, as write_install takes them."""


def install(apps: Any, schema_editor: Any) -> None:
    """For the migration: what the tables need beside their columns."""
    for table in TABLES:
        for line in write_install(*table).get(schema_editor.connection.vendor, ()):
            schema_editor.execute(line, None)


def remove(apps: Any, schema_editor: Any) -> None:
    """For the migration, backwards."""
    for _table, name, _scope in TABLES:
        for line in write_remove(name).get(schema_editor.connection.vendor, ()):
            schema_editor.execute(line, None)


class Words(NamedTuple):
    """What is stored of a text."""

    owner: str
    """In whose words a search stays: a person's, a source's. See write_owner."""

    words: Sequence[str]


class WordsField(models.Field):  # type: ignore[type-arg]  # Django's own class takes no arguments
    """A tsvector where there is one, else the words with a space between them. Written, asked for, and never read.

    The owner is a lexeme of the tsvector too, so that one GIN index serves both conditions, without an extension.
    """

    def db_type(self, connection: Any) -> str:
        return "tsvector" if connection.vendor == "postgresql" else "text"

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if not isinstance(value, Words):
            return value
        return _write_vector(value) if connection.vendor == "postgresql" else " ".join(value.words)


class SearchEntry(models.Model):
    """The words of one message."""

    message = models.OneToOneField("chatapp.Message", on_delete=models.CASCADE, related_name="+")
    """Whose words they are."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    """Owner of the thread: nobody searches in the words of others."""

    words = WordsField()
    """See WordsField."""

    said_at = models.DateTimeField()
    """When the message was stored; the newest are found first."""

    class Meta:
        indexes: ClassVar = [models.Index(fields=["owner", "-said_at"], name="chatapp_search_recent")]

    def __str__(self) -> str:
        return str(self.message_id)


def index(messages: Iterable["Message"], *, are_new: bool = False) -> int:
    """Store the words of these messages; how many of them can be found now. `message.thread` should be loaded.

    Not those without words, of visitors, of instructions, and of what a site streams outside of conversations.
    """
    entries, empty = [], []
    for message in messages:
        thread = message.thread
        if thread.owner_id is None or thread.stream or message.role not in ("user", "assistant"):
            continue
        words = [word for word, _ in zip(split_words(message.text), range(MAX_WORDS), strict=False)]
        if not words:
            empty.append(message.pk)
            continue
        value = Words(write_owner(thread.owner_id), words)
        entries.append(
            SearchEntry(message_id=message.pk, owner_id=thread.owner_id, words=value, said_at=message.created_at)
        )
    if empty and not are_new:
        SearchEntry.objects.filter(message__in=empty).delete()
    if entries:
        SearchEntry.objects.bulk_create(
            entries,
            batch_size=500,
            update_conflicts=True,
            unique_fields=["message"],
            update_fields=["owner", "words", "said_at"],
        )
    return len(entries)


def write_owner(owner_id: Any) -> str:
    """A person's key, or the name of a source of passages, as one word."""
    return re.sub(r"\W", "", str(owner_id))


def find(owner_id: Any, terms: Sequence[Term], *, limit: int) -> list[UUID]:
    """Messages of this person's threads with all of these terms, about the newest first."""
    if not terms:
        return []
    return (_find_in_postgresql if connection.vendor == "postgresql" else _find_in_sqlite)(owner_id, terms, limit)


def _find_in_sqlite(owner_id: Any, terms: Sequence[Term], limit: int) -> list[UUID]:
    asked = " AND ".join(write_match(term) for term in terms)
    found = SearchEntry.objects.extra(  # FTS5 has no other door; what is asked is a parameter
        where=["id IN (SELECT rowid FROM chatapp_search WHERE chatapp_search MATCH %s ORDER BY rowid DESC LIMIT %s)"],
        params=[f'owner_id: "{write_owner(owner_id)}" AND words: ({asked})', limit],
    )
    return list(found.order_by("-said_at").values_list("message_id", flat=True))


def _find_in_postgresql(owner_id: Any, terms: Sequence[Term], limit: int) -> list[UUID]:
    """First among the newest, where frequent words soon are enough; then by the index, which is quick for rare ones.

    The planner would have to guess which of the two it is, for one person's words, and sometimes guesses wrong.
    """
    asked = [write_term(term) for term in terms]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT message_id FROM (SELECT message_id, words, said_at FROM chatapp_searchentry "
            "WHERE owner_id = %s ORDER BY said_at DESC LIMIT %s) recent "
            "WHERE words @@ %s::tsquery ORDER BY said_at DESC LIMIT %s",
            [owner_id, RECENT, " & ".join(asked), limit],
        )
        found = [pk for (pk,) in cursor.fetchall()]
        if len(found) == limit:
            return found
        cursor.execute("SELECT 1 FROM chatapp_searchentry WHERE owner_id = %s LIMIT %s", [owner_id, RECENT + 1])
        if len(cursor.fetchall()) <= RECENT:
            return found  # That was all there is.
        # The beginning of a short word is the beginning of very many: the index is asked for the rest, if there is any.
        narrow = [text for text, term in zip(asked, terms, strict=True) if not _is_broad(term)]
        if not narrow and len(terms[-1].words[-1]) < 2:
            narrow = [f"'{terms[-1].words[-1]}'"]
        cursor.execute(
            "SELECT message_id FROM (SELECT message_id, words, said_at FROM chatapp_searchentry "
            "WHERE words @@ %s::tsquery OFFSET 0) known WHERE words @@ %s::tsquery ORDER BY said_at DESC LIMIT %s",
            [" & ".join([f"'@{write_owner(owner_id)}'", *(narrow or asked)]), " & ".join(asked), limit],
        )
        return [pk for (pk,) in cursor.fetchall()]


def _is_broad(term: Term) -> bool:
    return term.is_prefix and len(term.words) == 1 and len(term.words[0]) < 3


def write_match(term: Term) -> str:
    """A term for FTS5."""
    return f'"{" ".join(term.words)}"{" *" if term.is_prefix else ""}'


def write_term(term: Term) -> str:
    """A term for a tsquery. Words have letters and digits only, so nothing in them needs to be escaped."""
    words = [f"'{word}'" for word in term.words]
    if term.is_prefix:
        words[-1] += ":*"
    return f"({' <-> '.join(words)})"


def _write_vector(value: Words) -> str:
    """The text of a tsvector: each word with its places."""
    places: dict[str, list[str]] = {}
    size = 0
    for place, word in enumerate(value.words, 1):
        known = places.get(word)
        if known is None:
            size += len(word.encode()) + 4
            if size > _MAX_BYTES:
                break
            known = places[word] = []
        if len(known) < _PLACES and place <= _LAST_PLACE:
            known.append(str(place))
            size += 2
    vector = [f"'{word}':{','.join(known)}" if known else f"'{word}'" for word, known in places.items()]
    return " ".join([f"'@{value.owner}'", *vector])
