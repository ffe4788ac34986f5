"""The site for which something is started: where its files are, and what they still lack."""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import ENVIRONMENT_VARIABLE, settings
from django.urls import NoReverseMatch, reverse

from chatapp.starters import ProviderStarter, Variable, render


def get_root() -> Path:
    """The folder with manage.py: BASE_DIR, or the one we are in."""
    return Path(getattr(settings, "BASE_DIR", None) or Path.cwd()).resolve()


def get_settings_module() -> str:
    """Where the settings are, as `mysite.settings`."""
    return os.environ.get(ENVIRONMENT_VARIABLE, "settings")


def list_lacking(app: str, *, template: str) -> dict[str, str]:
    """What belongs at the end of which file of the site, by its name. Nothing that is there already."""
    package = get_settings_module().split(".")[0]
    context: dict[str, Any] = {"app": app, "label": app.rpartition(".")[2], "template": template, "package": package}
    context["has_chat"] = _has_address("chatapp:list")
    urls = "" if context["has_chat"] and template != "form" else render("urls.txt", context)
    asgi = "" if getattr(settings, "ASGI_APPLICATION", None) else render("asgi.txt", context)
    lacking = {f"{settings.ROOT_URLCONF.replace('.', '/')}.py": urls, f"{package}/asgi.py": asgi}
    return {name: text for name, text in lacking.items() if text}


def _has_address(name: str) -> bool:
    try:
        reverse(name)
    except NoReverseMatch:
        return False
    return True


def write_settings(provider: ProviderStarter, alias: str, app: str, *, is_new: bool) -> str:
    """What belongs at the end of the settings; empty if nothing does."""
    installed = set(settings.INSTALLED_APPS)
    first = [name for name in ("daphne",) if name not in installed]
    last = [name for name in ("django_htmx", app) if name not in installed and (name != app or is_new)]
    context = {
        "alias": alias,
        "provider": provider,
        "package": get_settings_module().split(".")[0],
        "first": first,
        "last": last,
        "has_settings": hasattr(settings, "CHATAPP"),
        "has_provider": alias in getattr(settings, "CHATAPP", {}).get("PROVIDERS", {}),
        "has_asgi": bool(getattr(settings, "ASGI_APPLICATION", None)),
        "has_layers": bool(getattr(settings, "CHANNEL_LAYERS", None)),
    }
    return render("settings.txt", context).strip("\n")


def add_variables(path: Path, variables: Iterable[Variable], title: str) -> int:
    """Append those that a file of examples does not name yet; how many."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    known = set(re.findall(r"^[ \t]*#?[ \t]*(?:export[ \t]+)?(\w+)[ \t]*=", text, re.MULTILINE))
    new = [variable for variable in variables if variable.name not in known]
    if new:
        gap = "" if not text else "\n" if text.endswith("\n") else "\n\n"
        lines = [f"# {title}", *map(_write_variable, new)]
        with path.open("a", encoding="utf-8") as file:
            file.write(gap + "\n".join(lines) + "\n")
    return len(new)


def _write_variable(variable: Variable) -> str:
    line = f"{'# ' if variable.is_optional else ''}{variable.name}={variable.value}"
    return f"# {variable.name}: {variable.comment}\n{line}" if variable.comment else line
