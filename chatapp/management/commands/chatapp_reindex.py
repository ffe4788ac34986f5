"""`manage.py chatapp_reindex`: write the words that are searched anew, from the messages and the documents."""

from typing import Any

from django.core.management import BaseCommand
from django.db import connection, transaction

from chatapp.fulltext import get_retrievers
from chatapp.models import Thread, search
from chatapp.searching import reindex


class Command(BaseCommand):
    """Needed only after rows were written past chatapp, by SQL or by a restore of some of the tables, and for the
    documents of a FullTextRetriever that were there before it."""

    help = "Write the words that are searched anew, from the messages and the documents. Search works meanwhile."

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and say how many messages can be found."""
        with transaction.atomic(), connection.cursor() as cursor:
            for table in search.TABLES:
                for line in search.write_install(*table).get(connection.vendor, ()):
                    cursor.execute(line)
                if connection.vendor == "sqlite":
                    name = table[1]
                    cursor.execute(f"INSERT INTO {name}({name}) VALUES ('rebuild')")  # noqa: S608  # a name of ours
        self.stdout.write(f"{reindex(Thread.objects.filter(stream=''))} messages can be found")
        for retriever in get_retrievers():
            with transaction.atomic():
                count = retriever.reindex()
            self.stdout.write(f"{count} passages of {retriever.source} can be found")
