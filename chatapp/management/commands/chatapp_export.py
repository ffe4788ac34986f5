"""`manage.py chatapp_export --user NAME`: somebody's conversations as one JSON file."""

import json
from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandParser

from chatapp.exporting import export_all
from chatapp.policy import get_policy

from .chatapp_import import find_user


class Command(BaseCommand):
    """Every branch and every thought; what the person was never shown is not in it."""

    help = "Write all conversations of one person as JSON, which chatapp_import reads again."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whose, and where to."""
        parser.add_argument("--user", required=True, help="name of the person")
        parser.add_argument("--output", help="file to write; without it to the terminal")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write them, and say how many there were."""
        data = export_all(get_policy().get_threads(find_user(options["user"])))
        text = json.dumps(data, ensure_ascii=False, indent=2)
        if options["output"] is None:
            self.stdout.write(text)
            return
        Path(options["output"]).write_text(text, encoding="utf-8")
        self.stdout.write(f"{len(data['threads'])} conversations written")
