"""`manage.py chatapp_sweep`: end the runs whose process has died, delete what is over."""

from typing import Any

from django.core.management import BaseCommand

from chatapp.runs import attachments
from chatapp.runs.greetings import purge
from chatapp.runs.journal import sweep
from chatapp.runs.trash import empty, purge_temporary


class Command(BaseCommand):
    """Mark runs without a heartbeat as interrupted, as pages do when they look; and purge. This is for a timer."""

    help = (
        "Mark answers whose process has died as interrupted: text so far is kept, and people are offered Try again. "
        "Delete for good what people deleted, temporary chats after TEMPORARY_HOURS, and after a day threads that "
        "greeted somebody who never wrote, and files that were never sent."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Do all of it once and say how many there were."""
        self.stdout.write(f"{sweep()} interrupted")
        if count := purge() + empty() + purge_temporary():
            self.stdout.write(f"{count} purged")
        if count := attachments.purge():
            self.stdout.write(f"{count} files purged")
