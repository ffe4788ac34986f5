"""The test site as a server sees it."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
pages = get_asgi_application()  # before the sockets: their consumers import models

from chatapp.routing import application as join_sockets  # noqa: E402

application = join_sockets(pages)
