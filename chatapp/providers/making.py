"""Providers by name, made by code: `make_provider("ollama", model="llama3.2")`.

What a site configures has an alias of its own (see base.get_provider); this is for tests, scripts and notebooks.
"""

import difflib
from collections.abc import Mapping
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured

from .base import Provider, make_backend
from .presets import PRESETS

BACKENDS: Final[Mapping[str, str]] = {
    "callback": "chatapp.providers.callback.CallbackProvider",
    "guide": "chatapp.providers.guide.GuideProvider",
    "scripted": "chatapp.providers.scripted.ScriptedProvider",
}
"""Those that need no preset. Whoever speaks Chat Completions has one: see presets.PRESETS."""

_CHAT: Final = "chatapp.providers.openai.OpenAIProvider"


def make_provider(name: str, **options: Any) -> Provider:
    """A new provider of this name: a preset, such as "openai" or "ollama", or "callback", "guide" or "scripted".

    The options are those of its class (see docs/clients.md). Raises ValueError for a name that is not known, and
    ImproperlyConfigured for options that cannot be, or when the package that it needs is missing.
    """
    if name not in {*BACKENDS, *PRESETS}:
        names = sorted({*BACKENDS, *PRESETS})
        near = difflib.get_close_matches(name, names, n=3)
        hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"known are {', '.join(names)}"
        raise ValueError(f"provider {name!r} is not known; {hint}")
    if name in BACKENDS:
        return make_backend(BACKENDS[name], options, f"make_provider({name!r})")
    if options.get("preset", name) != name:
        raise ImproperlyConfigured(f"make_provider({name!r}) has its preset by its name; leave preset out")
    return make_backend(_CHAT, {**options, "preset": name}, f"make_provider({name!r})")
