"""`manage.py chatapp_startassistant`: the files of a new assistant, and what to do with them."""

import difflib
import keyword
import re
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.apps import AppConfig, apps
from django.core.management import BaseCommand, CommandError

from chatapp import registry
from chatapp.starters import PROVIDERS, TEMPLATES, make_context, render_files
from chatapp.starters.project import add_variables, get_root, get_settings_module, list_lacking, write_settings

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[ _-][A-Za-z0-9]+)*")
_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z]+")


class Command(BaseCommand):
    """Writes new files only: what is there already is named, and nothing is written then."""

    requires_system_checks = ()  # They say what is missing, and so does this.

    help = (
        "Start an assistant: assistants.py with comments, a smoke test, and lines for .env.example. Prints what "
        "belongs into the settings, and where the key comes from.\n\nproviders:\n  "
        + "\n  ".join(f"{name:11} {starter.title}" for name, starter in PROVIDERS.items())
        + "\n\ntemplates:\n  "
        + "\n  ".join(f"{name:11} {template.description}" for name, template in TEMPLATES.items())
    )

    def create_parser(self, prog_name: str, subcommand: str, **options: Any) -> Any:
        """The help keeps its lines."""
        parser = super().create_parser(prog_name, subcommand, **options)
        parser.formatter_class = RawDescriptionHelpFormatter
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        """NAME, --provider, --template, and --app or --directory."""
        parser.add_argument("name", help='Of the assistant: "support", "order-desk" or OrderDesk.')
        parser.add_argument("--provider", required=True, metavar="PROVIDER", help="Who answers; see below.")
        parser.add_argument("--template", default="basic", metavar="TEMPLATE", help="Which example; basic by default.")
        place = parser.add_mutually_exclusive_group()
        place.add_argument("--app", help="An installed app to write it into. Without it a new app is made.")
        place.add_argument("--directory", help="Where the new app is made; where manage.py is by default.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Check everything first, then write, then say what is left to do."""
        provider, template = options["provider"], options["template"]
        _choose("provider", provider, PROVIDERS)
        _choose("template", template, TEMPLATES)
        words = _read_name(options["name"])
        root = get_root()
        app, folder, is_new = self._find_place("_".join(words), root, options["app"], options["directory"])
        context = make_context(
            provider=provider,
            template=template,
            app=app,
            class_name="".join(word[:1].upper() + word[1:] for word in words),
            title=" ".join(words).capitalize(),
        )
        files = {folder / path: text for path, text in render_files(template, context).items()}
        if is_new:
            files = {folder / "__init__.py": "", **files}
        there = [path for path in files if path.exists()]
        if there:
            named = ", ".join(_show(path, root) for path in there)
            way = "leave --app out, so that it gets an app of its own" if not is_new else "take another name"
            raise CommandError(f"{named} is there already, and nothing was written; {way}, or move what is there")
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        starter = PROVIDERS[provider]
        example = root / ".env.example"
        count = add_variables(example, starter.variables, f"{starter.title}, for chatapp")
        self._tell(root, [_show(path, root) for path in files], count, app, provider, template, is_new=is_new)

    def _find_place(self, module: str, root: Path, app: str | None, directory: str | None) -> tuple[str, Path, bool]:
        """Dotted name of the app, its folder, and whether it is new. Raises CommandError."""
        slug = module.replace("_", "-")
        taken = registry.get(slug)
        if taken is not None:
            where = f"{type(taken).__module__}.{type(taken).__qualname__}"
            raise CommandError(f"there is an assistant {slug!r} already: {where}; take another name")
        if app is not None:
            config = _find_app(app, root)
            return config.name, Path(config.path), False
        parent = Path(directory).resolve() if directory else root
        package = ".".join([*parent.relative_to(root).parts, module]) if parent.is_relative_to(root) else module
        if keyword.iskeyword(module) or not all(part.isidentifier() for part in package.split(".")):
            raise CommandError(f"{package!r} cannot be the name of a Python package; take another name or --directory")
        if not (parent / module).exists() and "." not in package and find_spec(module) is not None:
            raise CommandError(f"there is a Python module {module!r} already; take another name, such as {module}_chat")
        return package, parent / module, True

    def _tell(
        self, root: Path, written: list[str], count: int, app: str, provider: str, template: str, *, is_new: bool
    ) -> None:
        """What was written, and what is left to do."""
        starter = PROVIDERS[provider]
        self.stdout.write("Written:")
        for path in written:
            self.stdout.write(f"    {path}")
        if count:
            self.stdout.write(f"    .env.example ({count} variables)")
        blocks = {
            f"{get_settings_module().replace('.', '/')}.py": write_settings(starter, provider, app, is_new=is_new)
        }
        blocks |= list_lacking(app, template=template)
        for path, text in blocks.items():
            if text:
                self.stdout.write(f"\nAt the end of {path}:\n\n{_indent(text.strip())}")
        if starter.install:
            self.stdout.write(f"\nInstall:\n\n    pip install {starter.install}")
        self.stdout.write(f"\nThe key:\n\n    {starter.where}")
        if starter.key is not None:
            self.stdout.write(
                f"    It belongs into the environment of the server, as {starter.key.name}: from the secrets of your "
                "host, or from a\n    file .env that git ignores (set -a; . ./.env; set +a). Never into the settings, "
                "and never into git."
            )
        migrate = "migrate" if template == "rag" or is_new else "check"
        self.stdout.write(
            f"\nThen:\n\n    python manage.py {migrate}\n    python manage.py test {app}\n"
            f"    SMOKE_TEST=1 python manage.py test {app}  # asks the real model, for a few tokens"
        )


def _choose(noun: str, given: str, known: Any) -> None:
    if given not in known:
        near = difflib.get_close_matches(given, known, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise CommandError(f"--{noun} {given!r} is not known; known are {', '.join(known)}{hint}")


def _read_name(name: str) -> list[str]:
    """The words of a name, in lower case. Raises CommandError."""
    if not _NAME.fullmatch(name) or len(name) > 50:
        raise CommandError(
            f"the name {name!r} is not usable; take up to 50 letters and digits that begin with a letter, in "
            "words with - or _ between them, such as support or order-desk"
        )
    return [word.lower() for word in _WORDS.findall(name)]


def _find_app(given: str, root: Path) -> AppConfig:
    """The installed app of this label or name, if it is a part of the site. Raises CommandError."""
    own = [config for config in apps.get_app_configs() if Path(config.path).resolve().is_relative_to(root)]
    for config in apps.get_app_configs():
        if given in (config.label, config.name):
            if config in own and "site-packages" not in Path(config.path).parts:
                return config
            raise CommandError(f"the app {given!r} is no part of this site: it is in {config.path}")
    known = ", ".join(config.label for config in own) or "none yet"
    raise CommandError(f"there is no app {given!r}; apps of this site are: {known}. Without --app a new one is made")


def _show(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def _indent(text: str) -> str:
    return "\n".join(f"    {line}" if line else "" for line in text.splitlines())
