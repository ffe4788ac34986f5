"""`manage.py chatapp_ask [QUESTION]`: any assistant in the terminal."""

import asyncio
import logging
import os
import sys
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.core.management import BaseCommand, CommandError, CommandParser

from chatapp import registry
from chatapp.errors import Refused
from chatapp.management.asking import Conversation
from chatapp.management.printing import JsonPrinter, Printer
from chatapp.management.terminal import Interrupted, Terminal
from chatapp.models import Run, Thread
from chatapp.models.calls import in_database
from chatapp.runs.draining import drain
from chatapp.runs.trash import purge

from .chatapp_import import find_user

STOPPED = 130
"""Exit code after Ctrl-C, as shells have it."""


class Command(BaseCommand):
    """Exit codes: 0 it answered, 1 it failed or was refused, 2 it was called wrongly, 130 it was stopped by Ctrl-C."""

    help = (
        "Ask an assistant and print its answer as it comes. Without a question, a conversation; piped in, the question "
        "is what comes. The answer goes to the standard output, thinking, tools and questions to the other one."
    )

    requires_system_checks = ()  # They take longer than many an answer.

    def add_arguments(self, parser: CommandParser) -> None:
        """Who, whom, what."""
        parser.add_argument("question", nargs="?", default="", help="without it, or with -, it is read")
        parser.add_argument("--assistant", default="", help="slug; without it the default one")
        parser.add_argument("--user", default="", help="name of the person who asks; needed if there are several")
        parser.add_argument("--model", default="", help="model that answers")
        parser.add_argument("--thread", type=UUID, help="id of the conversation to go on with; without it a new one")
        parser.add_argument("--temporary", action="store_true", help="nothing of it is kept")
        parser.add_argument("--json", action="store_true", help="a JSON object in a line for whatever happens")

    def handle(self, *args: Any, **options: Any) -> None:
        """Ask, and end with the exit code."""
        before = logging.root.manager.disable
        if options["verbosity"] < 2:
            logging.disable(logging.INFO)  # Where the log goes to the terminal it would stand in the answer.
        try:
            code = self._ask(options)
        finally:
            logging.disable(before)
        if code:
            sys.exit(code)

    def _ask(self, options: dict[str, Any]) -> int:
        slug, thread_id = options["assistant"], options["thread"]
        if slug and registry.get(slug) is None:
            known = ", ".join(assistant.slug for assistant in registry.get_all())
            raise CommandError(f"there is no assistant {slug!r}; there are {known}")
        if options["temporary"] and thread_id is not None:
            raise CommandError("a conversation that is there cannot become temporary; leave out --thread")
        user = find_user(options["user"]) if options["user"] else _find_only_user()
        if thread_id is not None and not Thread.objects.filter(pk=thread_id, owner=user, deleted_at=None).exists():
            raise CommandError(f"{user.get_username()} has no conversation {thread_id}")
        is_tty = sys.stdin.isatty()
        question = options["question"]
        if question in ("", "-") and not is_tty:
            question = sys.stdin.read()
            if not question.strip():
                raise CommandError("nothing was asked: the input is empty")
        try:
            return asyncio.run(self._talk(user, question.strip(), options, sys.stdin.fileno() if is_tty else None))
        except (Refused, ImproperlyConfigured) as error:
            raise CommandError(str(error)) from None
        except BrokenPipeError:
            # Nobody reads any more; what is still to be written at the end of the process goes nowhere.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1

    async def _talk(self, user: Any, question: str, options: dict[str, Any], fd: int | None) -> int:
        has_colour = self.stderr.isatty() and not options["no_color"] and "NO_COLOR" not in os.environ
        kind = JsonPrinter if options["json"] else Printer
        printer = kind(self.stdout, self.stderr, has_colour=has_colour)
        with Terminal(fd) as terminal:
            conversation = Conversation(
                user,
                printer,
                terminal,
                thread_id=options["thread"],
                assistant=options["assistant"],
                model=options["model"],
                is_temporary=options["temporary"],
            )
            try:
                if question and question != "-":
                    return _get_code(await conversation.ask(question, is_last=True))
                return await _go_on(conversation, printer, terminal)
            finally:
                await drain()
                if options["temporary"]:
                    await in_database(purge)(conversation.thread_id)


async def _go_on(conversation: Conversation, printer: Printer, terminal: Terminal) -> int:
    """Ask what is typed until there is nothing more."""
    while True:
        printer.ask("> ")
        try:
            line = await terminal.read()
        except Interrupted:
            printer.ask("\n")
            return STOPPED
        if line is None:
            printer.ask("\n")
            return 0
        if line.strip():
            try:
                await conversation.ask(line.strip())
            except Refused as refused:
                printer.note(str(refused))


def _get_code(run: Run | None) -> int:
    if run is None or run.state == Run.State.COMPLETE:
        return 0
    return STOPPED if run.state == Run.State.STOPPED else 1


def _find_only_user() -> Any:
    people = list(get_user_model()._default_manager.filter(is_active=True)[:2])
    if len(people) != 1:
        raise CommandError("say who asks: --user NAME" if people else "there is nobody yet: manage.py createsuperuser")
    return people[0]
