"""Retrieval from a site's own models by the full-text search of its database: no service, no vectors.

PostgreSQL has tsvector, SQLite has FTS5; the words are split by ourselves (terms.py), so that both find the same. What
a person may read is a query of the site's own, and a condition of the search.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.db import connections, models, router, transaction
from django.db.models import QuerySet
from django.db.models.signals import post_delete, post_save

from chatapp import handlers
from chatapp.models import PassageEntry, passages
from chatapp.models.calls import in_database
from chatapp.models.search import MAX_WORDS, Words, write_owner
from chatapp.retrieval import LIMIT, Passage
from chatapp.terms import list_terms, split_words
from chatapp.turn import Turn

PASSAGE_CHARS: Final = 1200
"""About how long a passage is: a few paragraphs, so that five of them are a page."""

_SENTENCE_END: Final = re.compile(r"[.!?…](?=\s)|[。！？]")
_BATCH: Final = 200
_CANDIDATES: Final = 3
"""Pieces that are looked at for each that is wanted: several may be of one document that changed meanwhile."""

_declared: dict[str, "FullTextRetriever"] = {}


class FullTextRetriever:
    """Finds passages in the rows of a model.

        def list_pages(user):
            return Page.objects.filter(team__members=user)

        retriever = FullTextRetriever(Page, fields=["title", "body"], queryset_for=list_pages)

    Rows are indexed when they are saved and taken out when they are deleted. What goes past the ORM's signals
    (bulk_create, update, SQL), and what was there before, needs `manage.py chatapp_reindex`.
    """

    def __init__(
        self,
        model: type[models.Model],
        *,
        fields: Sequence[str],
        queryset_for: Callable[..., QuerySet[Any]],
        url_for: Callable[[Any], str] | None = None,
    ) -> None:
        """The first of several `fields` is the title; the others are what is read and found, as text.

        `queryset_for` takes `user`, `turn`, both or nothing, and gives the rows that may be found for them: it becomes
        a part of the search's own query. `url_for` gives the address of a row; without it its `get_absolute_url` does,
        if it has one. Raises TypeError and ImproperlyConfigured for a declaration that cannot work.
        """
        where = f"FullTextRetriever({model.__name__})"
        self.model = model
        self.fields = tuple(fields)
        if not self.fields or isinstance(fields, str):
            raise ImproperlyConfigured(f'{where}: fields is {fields!r}; name at least one: fields=["title", "body"]')
        for name in self.fields:
            try:
                model._meta.get_field(name)
            except FieldDoesNotExist as error:
                known = ", ".join(field.name for field in model._meta.concrete_fields)
                raise ImproperlyConfigured(f"{where} has no field {name!r}; it has {known}") from error
        self.source = f"{model._meta.label_lower}/{','.join(self.fields)}"[:200]
        self._queryset_for = queryset_for
        self._names = handlers.check_arguments(queryset_for, where, known=("turn", "user"), name="queryset_for")
        self._url_for = url_for
        _declared[self.source] = self
        # Strong, and once for each source: a module that is loaded anew declares it again.
        post_save.connect(_index_saved, sender=model, dispatch_uid="chatapp.fulltext")
        post_delete.connect(_forget_deleted, sender=model, dispatch_uid="chatapp.fulltext")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.source}>"

    async def retrieve(self, query: str, *, turn: Turn, limit: int = LIMIT) -> list[Passage]:
        """The passages of this person's rows with any of the words of the query, the best first."""
        return await in_database(self.retrieve_sync)(query, turn=turn, limit=limit)

    def retrieve_sync(self, query: str, *, turn: Turn, limit: int = LIMIT) -> list[Passage]:
        """See retrieve."""
        documents: Any = self._queryset_for(**handlers.get_values(self._names, turn))
        if not isinstance(documents, QuerySet) or not issubclass(documents.model, self.model):
            raise TypeError(f"queryset_for of {self!r} gave {documents!r}; give a queryset of {self.model.__name__}")
        found = passages.find(self.source, list_terms(query), documents, limit=limit * _CANDIDATES)
        pk = self.model._meta.pk
        # By the same query again: nothing that it does not give is ever read.
        rows = documents.in_bulk([pk.to_python(each.object_id) for each in found])
        known = [(each, rows[key]) for each in found if (key := pk.to_python(each.object_id)) in rows]
        pieces = {row.pk: self.split(row) for _each, row in known}
        return [
            self._make_passage(row, pieces[row.pk][each.place], each.score)
            for each, row in known
            if each.place < len(pieces[row.pk])  # Else it was shortened meanwhile.
        ][:limit]

    def _make_passage(self, row: Any, text: str, score: float) -> Passage:
        get_url = self._url_for or (type(row).get_absolute_url if hasattr(row, "get_absolute_url") else None)
        return Passage(
            text=text,
            title=self.get_title(row),
            url=(get_url(row) or "") if get_url else "",
            id=f"{self.model._meta.label_lower}:{row.pk}",
            score=score,
        )

    def get_title(self, row: Any) -> str:
        """What a row is called."""
        return str((getattr(row, self.fields[0]) if len(self.fields) > 1 else row) or "")

    def split(self, row: Any) -> list[str]:
        """The pieces of a row, as they are found; the same each time."""
        names = self.fields[1:] or self.fields
        return split_text("\n\n".join(str(getattr(row, name) or "") for name in names))

    def index(self, rows: Iterable[Any]) -> int:
        """Write the words of these rows anew; how many passages there are of them."""
        rows = list(rows)
        using = router.db_for_write(PassageEntry)
        entries = []
        for row in rows:
            title = list(split_words(self.get_title(row))) if len(self.fields) > 1 else []
            # A row whose text is empty may have a name that says enough.
            for place, piece in enumerate(self.split(row) or [""][: len(title)]):
                words = Words(write_owner(self.source), [*title, *split_words(piece)][:MAX_WORDS])
                entries.append(PassageEntry(source=self.source, object_id=_get_key(row), place=place, words=words))
        with transaction.atomic(using=using):
            self.forget(rows)
            PassageEntry.objects.using(using).bulk_create(entries, batch_size=500)
        return len(entries)

    def forget(self, rows: Iterable[Any]) -> None:
        """Take these rows out of the index."""
        PassageEntry.objects.filter(source=self.source, object_id__in=[_get_key(row) for row in rows]).delete()

    def reindex(self) -> int:
        """Write the words of all rows anew; how many passages there are."""
        PassageEntry.objects.filter(source=self.source).delete()
        count, batch = 0, []
        for row in self.model._base_manager.order_by("pk").iterator(chunk_size=_BATCH):
            batch.append(row)
            if len(batch) == _BATCH:
                count += self.index(batch)
                batch = []
        return count + self.index(batch)


def get_retrievers() -> list[FullTextRetriever]:
    """Those of the site, in order of declaration."""
    return list(_declared.values())


def split_text(text: str, *, most: int = PASSAGE_CHARS) -> list[str]:
    """A text in pieces of about this many characters, each of whole paragraphs if they are not too long themselves."""
    pieces: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text.replace("\r\n", "\n")):
        for part in _cut(paragraph.strip(), most):
            if pieces and len(pieces[-1]) + len(part) + 2 <= most:
                pieces[-1] = f"{pieces[-1]}\n\n{part}"
            elif part:
                pieces.append(part)
    return pieces


def _cut(paragraph: str, most: int) -> Iterable[str]:
    """A long paragraph behind the last sentence that fits, or else the last word."""
    while len(paragraph) > most:
        head = paragraph[:most]
        end = max((found.end() for found in _SENTENCE_END.finditer(head)), default=0)
        end = end if end > most // 2 else head.rfind(" ") + 1
        end = end if end > most // 2 else most
        yield paragraph[:end].strip()
        paragraph = paragraph[end:].strip()
    yield paragraph


def _get_key(row: Any) -> str:
    """A primary key as its column has it: SQLite writes a UUID without hyphens."""
    pk = row._meta.pk
    connection = connections[router.db_for_read(type(row), instance=row)]
    return str(pk.get_db_prep_value(row.pk, connection, prepared=False))


def _index_saved(sender: Any, instance: Any, **kwargs: Any) -> None:
    for retriever in get_retrievers():
        if retriever.model is sender:
            retriever.index([instance])


def _forget_deleted(sender: Any, instance: Any, **kwargs: Any) -> None:
    for retriever in get_retrievers():
        if retriever.model is sender:
            retriever.forget([instance])
