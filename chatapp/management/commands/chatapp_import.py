"""`manage.py chatapp_import --user NAME FILE`: conversations of a file for one person."""

from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management import BaseCommand, CommandError, CommandParser

from chatapp.errors import Refused
from chatapp.importing import store_file


def find_user(name: str) -> Any:
    """The person with this name. Raises CommandError."""
    model = get_user_model()
    try:
        return model._default_manager.get_by_natural_key(name)
    except model.DoesNotExist as error:
        raise CommandError(f"there is no {name!r}") from error


class Command(BaseCommand):
    """All of a file or nothing of it."""

    help = "Store the conversations of a JSON file (of chatapp_export, of the page, or of ChatGPT) for one person."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whose, and where from."""
        parser.add_argument("--user", required=True, help="name of the person")
        parser.add_argument("--again", action="store_true", help="also what was imported before")
        parser.add_argument("file")

    def handle(self, *args: Any, **options: Any) -> None:
        """Store them, and say how many there were."""
        try:
            content = Path(options["file"]).read_bytes()
            imported = store_file(find_user(options["user"]), content, again=options["again"])
        except (OSError, Refused) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{len(imported.threads)} conversations imported, {imported.repeated} were here before")
