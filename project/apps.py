"""The hosted site as an app: its assistants, commands and checks are found like anybody's."""

from django.apps import AppConfig
from django.core import checks


class ProjectConfig(AppConfig):
    """Registers the site's own checks."""

    name = "project"

    def ready(self) -> None:
        from .checks import check_guests  # once the settings are complete

        checks.register(check_guests)
