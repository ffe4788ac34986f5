"""The ASGI application of a site that adds nothing to it: `ASGI_APPLICATION = "chatapp.asgi.application"`.

A site that has more to serve writes an asgi.py of its own; see chatapp.routing.application.
"""

from django.core.asgi import get_asgi_application

pages = get_asgi_application()  # before the sockets: their consumers import models

from chatapp.routing import application as join_sockets  # noqa: E402

application = join_sockets(pages)
