"""`manage.py chatapp_reindex`: write the words that are searched anew, from the messages."""

from typing import Any

from django.core.management import BaseCommand
from django.db import connection, transaction

from chatapp.models import Thread, search
from chatapp.searching import reindex


class Command(BaseCommand):
    """Needed only after rows were written past chatapp, by SQL or by a restore of some of the tables."""

    help = "Write the words that are searched anew, from the messages. Search works meanwhile."

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and say how many messages can be found."""
        with transaction.atomic(), connection.cursor() as cursor:
            for line in search.INSTALL.get(connection.vendor, ()):
                cursor.execute(line)
            if connection.vendor == "sqlite":
                cursor.execute("INSERT INTO chatapp_search(chatapp_search) VALUES ('rebuild')")
        self.stdout.write(f"{reindex(Thread.objects.filter(stream=''))} messages can be found")
