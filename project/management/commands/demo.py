"""`manage.py demo`: the whole chat on one machine, with nothing to set up."""

import logging
import os
import socket
import sys
from argparse import ArgumentParser
from io import TextIOWrapper
from typing import Any, Final

from channels.routing import get_default_application
from daphne.access import AccessLogGenerator
from daphne.endpoints import build_endpoint_description_strings
from daphne.server import Server
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import BaseCommand, CommandError, call_command
from django.utils import autoreload
from twisted.internet import reactor  # the one that daphne.server has chosen

from chatapp.conf import settings as chatapp_settings
from project.samples import load_samples

HOST: Final = "127.0.0.1"
"""This machine only: the passwords are known to everybody."""

PORT: Final = 8000

PORTS_TO_TRY: Final = 10

PORT_VARIABLE: Final = "CHATAPP_DEMO_PORT"
"""How the reloader's child learns the port that its parent has found."""


class Command(BaseCommand):
    """Prepare the demo's database and serve it until Ctrl-C."""

    help = "Try the chat: makes a database with sample threads, two logins, and serves it. Needs nothing else."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """--port and --no-reload."""
        parser.add_argument("--port", type=int, help=f"Port to serve at. Default: the first free one from {PORT} on.")
        parser.add_argument("--no-reload", action="store_true", help="Do not start again when a file changes.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prepare once, serve, and end with status 0 on Ctrl-C."""
        if not settings.DEBUG:
            raise CommandError(
                "The demo makes accounts with passwords that everybody knows, so it runs with DEBUG=1 only. "
                "Unset DEBUG and DATABASE_URL to try it with a database of its own."
            )
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(line_buffering=True)  # who reads a pipe wants to see progress too
        logging.getLogger("daphne").setLevel(logging.WARNING)  # its greetings say less than ours
        try:
            if PORT_VARIABLE not in os.environ:  # not the reloader's child
                os.environ[PORT_VARIABLE] = str(find_port(options["port"]))
                self.prepare()
            port = int(os.environ[PORT_VARIABLE])
            if options["no_reload"]:
                self.serve(port, handles_signals=True)
            else:
                autoreload.run_with_reloader(self.serve, port, handles_signals=False)
        except KeyboardInterrupt:
            pass
        if os.environ.get(autoreload.DJANGO_AUTORELOAD_ENV) != "true":  # once, not in the reloader's child as well
            self.stdout.write("\nStopped.")

    def prepare(self) -> None:
        """Make the tables, the logins and the sample threads, as far as they are missing."""
        self.stdout.write(f"Preparing {settings.DATABASES['default']['NAME']}")
        self.stdout.write("  tables …")
        call_command("migrate", verbosity=0, interactive=False)
        self.stdout.write("  logins and sample threads …")
        people = get_user_model().objects
        if not people.filter(username="admin").exists():
            people.create_superuser("admin", password="admin")  # noqa: S106  # why the demo refuses without DEBUG
        if not people.filter(username="demo").exists():
            demo = people.create_user("demo", password="demo")  # noqa: S106  # as above
            load_samples(demo, assistant="guide")

    def serve(self, port: int, *, handles_signals: bool) -> None:
        """Serve until the process is told to end."""
        # Only now is the reactor ready for Ctrl-C: one that comes while it starts is lost.
        reactor.callWhenRunning(self.print_address, port)
        Server(
            application=get_default_application(),
            endpoints=build_endpoint_description_strings(host=HOST, port=port),
            signal_handlers=handles_signals,
            action_logger=AccessLogGenerator(self.stdout),
        ).run()

    def print_address(self, port: int) -> None:
        """Say where it is, who may sign in, and who answers."""
        provider = chatapp_settings.PROVIDERS.get("default")
        if provider:
            who = " ".join(str(provider.OPTIONS[name]) for name in ("preset", "model") if name in provider.OPTIONS)
        else:
            who = "a scripted guide, not a model. Set OPENAI_API_KEY or start Ollama for a real one"
        address = f"http://{HOST}:{port}/"
        self.stdout.write(f"""
  Open     {self.style.SUCCESS(address)}
  Sign in  demo / demo        or as staff: admin / admin at {address}admin/
  Look at  {address}catalogue/ as staff: every part in every state
  Answers  {who}
  Ctrl-C   ends it
""")


def find_port(wanted: int | None) -> int:
    """The wanted port, or the first free one. Raises CommandError when that is taken or none is free."""
    for port in [wanted] if wanted is not None else range(PORT, PORT + PORTS_TO_TRY):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except (OSError, OverflowError):
                continue
            return port
    if wanted is not None:
        raise CommandError(
            f"Port {wanted} is not free. Choose another one: manage.py demo --port {PORT + PORTS_TO_TRY}"
        )
    raise CommandError(
        f"Ports {PORT} to {PORT + PORTS_TO_TRY - 1} are all taken. Choose another one: manage.py demo --port 9000"
    )
