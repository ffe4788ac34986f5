"""Entry for servers: `daphne project.asgi:application`, `uvicorn --ws websockets-sansio project.asgi:application`."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
pages = get_asgi_application()  # before the sockets: their consumers import models

from chatapp.routing import application as join_sockets  # noqa: E402

application = join_sockets(pages)
