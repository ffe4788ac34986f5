"""`manage.py chatapp_models [ALIAS] [--json]`: what the providers offer."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management import BaseCommand, CommandError, CommandParser

from chatapp.conf import settings
from chatapp.errors import ProviderError
from chatapp.providers.base import close_providers
from chatapp.providers.listing import refresh


class Command(BaseCommand):
    """Asks, prints, and keeps what was said where pages find it; see chatapp.providers.listing."""

    help = (
        "List the models that a provider offers, by default every provider of CHATAPP['PROVIDERS'], and keep the list "
        "for the settings in which people choose one."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Whose, and in which form."""
        parser.add_argument("alias", nargs="?", default="", help="of one provider; without it all of them are asked")
        parser.add_argument("--json", action="store_true", help="one JSON object: the names by alias")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print what was said; what one could not say is told at the end."""
        wanted = [options["alias"]] if options["alias"] else sorted(settings.PROVIDERS) or ["default"]
        found, problems = asyncio.run(_ask(wanted))
        if options["json"]:
            self.stdout.write(json.dumps(found, ensure_ascii=False, indent=2))
        else:
            for alias, models in found.items():
                for name in models:
                    self.stdout.write(name if options["alias"] else f"{alias}/{name}")
        if problems:
            raise CommandError("\n".join(problems))


async def _ask(aliases: Sequence[str]) -> tuple[dict[str, list[str]], list[str]]:
    """What each said, and a sentence for each that did not."""
    found: dict[str, list[str]] = {}
    problems = []
    try:
        for alias in aliases:
            try:
                found[alias] = list(await refresh(alias))
            except ProviderError as error:
                problems.append(f"{alias}: {error.cause or error}.")
            except ImproperlyConfigured as error:
                problems.append(str(error))
    finally:
        await close_providers()
    return found, problems
