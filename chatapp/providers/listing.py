"""Which models a provider offers: what it says, read and kept.

The list is kept in Django's cache. Nobody waits for it: a page takes what is there, and says that it wants a newer one;
the hub of the process asks in the background (see runs.hub), and so does `manage.py chatapp_models`. When the provider
does not answer, the old list holds.
"""

import json
import logging
import time
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

from asgiref.sync import sync_to_async
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured

from chatapp.conf import settings
from chatapp.errors import ProviderError

from .base import get_provider

logger = logging.getLogger(__name__)

MAX_MODELS: Final = 1000
MAX_NAME_CHARS: Final = 128  # of Run.model
MAX_LIST_BYTES: Final = 16 * 1024 * 1024  # some say a lot about each of hundreds
AGAIN_SECONDS: Final = 60.0
"""After this a list that could not be had is asked for again."""

_wanted: set[str] = set()


def find_offer(alias: str, *, is_wanted: bool = False) -> Sequence[str] | None:
    """The models of MODELS in CHATAPP["PROVIDERS"][alias], or what the provider said if that, or `is_wanted`, asks for
    it; empty if nothing does. None: the provider has not said yet. Called in the database thread."""
    entry = settings.PROVIDERS.get(alias)
    declared = entry.MODELS if entry is not None else ()
    if declared != "provider" and (declared or not is_wanted):
        return declared
    kept = _read(alias)
    if kept is None or time.time() - kept["at"] > settings.MODELS_SECONDS:
        _wanted.add(alias)
    return None if kept is None else kept["models"]


async def refresh(alias: str) -> Sequence[str]:
    """Ask the provider and keep what it says. Raises ProviderError or ImproperlyConfigured; then the old list holds."""
    models = list(await get_provider(alias).list_models())
    await sync_to_async(_write)(alias, models)
    return models


async def refresh_wanted() -> None:
    """Ask for the lists that pages wanted, each at most once in AGAIN_SECONDS over all processes."""
    while _wanted:
        alias = _wanted.pop()
        if await sync_to_async(_may_ask)(alias):
            try:
                await refresh(alias)
            except (ProviderError, ImproperlyConfigured) as error:
                logger.warning("provider %r did not say which models it has: %s", alias, error)


def has_wanted() -> bool:
    """Whether refresh_wanted has something to do."""
    return bool(_wanted)


def read_models(body: bytes) -> list[str]:
    """The names in a list of models, in order, whatever its shape. Raises ProviderError("garbled").

    As OpenAI has it ("data"), Ollama and Google ("models"), or a bare list, as Together gives; each an object or a
    name. Names that cannot be stored are left out.
    """
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, Mapping):
        found = found.get("data") if found.get("data") is not None else found.get("models")
    if not isinstance(found, list):
        raise ProviderError("garbled", "the list of models has neither data nor models")
    names = [_read_name(item) for item in found]
    return list(dict.fromkeys(filter(None, names)))[:MAX_MODELS]


def _read_name(item: Any) -> str:
    if isinstance(item, Mapping):
        item = item.get("id") or item.get("name") or item.get("model")
    is_usable = isinstance(item, str) and len(item) <= MAX_NAME_CHARS and item.isprintable()
    return item.strip() if is_usable else ""


def _read(alias: str) -> dict[str, Any] | None:
    try:
        kept: dict[str, Any] | None = cache.get(_get_key(alias))
    except Exception:  # A cache that is down raises what its library likes; a page does without a list.
        logger.exception("the cache does not answer")
        return None
    return kept


def _write(alias: str, models: list[str]) -> None:
    cache.set(_get_key(alias), {"models": models, "at": time.time()}, timeout=None)


def _may_ask(alias: str) -> bool:
    try:
        return bool(cache.add(f"{_get_key(alias)}:asked", 1, timeout=AGAIN_SECONDS))
    except Exception:  # See _read.
        logger.exception("the cache does not answer")
        return False


def _get_key(alias: str) -> str:
    """Of another address or preset there is another list."""
    entry = settings.PROVIDERS.get(alias)
    options = entry.OPTIONS if entry is not None else {}
    what = [alias, entry.BACKEND if entry else "", options.get("preset"), options.get("base_url")]
    return f"chatapp:models:{sha256(repr(what).encode()).hexdigest()[:32]}"
