from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ChatappConfig(AppConfig):
    """Discovers `assistants.py` of every installed app and registers the system checks."""

    name = "chatapp"
    verbose_name = _("Chat")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Imported here: checks and receivers import models, which do not exist before the apps are loaded.
        from chatapp import actions, checks, library, queueing, registry

        registry.autodiscover()
        checks.register_all()
        actions.connect_receivers()
        queueing.connect_receivers()
        library.connect()
