"""Warnings: works on a laptop, fails or leaks in production."""

import importlib.metadata
from collections.abc import Sequence
from typing import Any, Final

from channels.layers import InMemoryChannelLayer, channel_layers
from django.apps import AppConfig
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Warning
from django.core.exceptions import ImproperlyConfigured
from django.utils.version import get_version_tuple

from chatapp import registry
from chatapp.checks.providers import find_provider_problems, is_missing_key
from chatapp.conf import settings

# Earlier ones have published holes that matter here: pages cached for the wrong person, websocket messages of any size.
SAFE_VERSIONS: Final = {"Django": (5, 2, 15), "daphne": (4, 2, 2)}

PUBSUB_HINT: Final = "Use channels_redis.pubsub.RedisPubSubChannelLayer; REDIS_URL does so in the hosted site."

AppConfigs = Sequence[AppConfig] | None


def check_keys(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """W002: providers that need a key have one. A warning, because a key may be absent where the site is only built."""
    return [
        Warning(
            f"A provider cannot answer: {problem}",
            hint="Set the environment variable, or OPTIONS['api_key'].",
            id="chatapp.W002",
        )
        for alias, problem in find_provider_problems().items()
        if is_missing_key(problem)
    ]


def check_connections(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """W003: database connections do not pile up in threads."""
    return [
        Warning(
            f"DATABASES[{alias!r}] keeps connections (CONN_MAX_AGE is not 0): under ASGI every thread would keep one.",
            hint="Set CONN_MAX_AGE to 0. For PostgreSQL, set OPTIONS['pool'] as well.",
            id="chatapp.W003",
        )
        for alias, database in django_settings.DATABASES.items()
        if database.get("CONN_MAX_AGE", 0) != 0
    ]


def check_sqlite(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """W006: SQLite lets readers read while one writes, and writers wait for each other."""
    return [
        Warning(
            f"DATABASES[{alias!r}] is SQLite in its default mode: two answers at once end in 'database is locked'.",
            hint=(
                "Set OPTIONS to {'timeout': 20, 'transaction_mode': 'IMMEDIATE', "
                "'init_command': 'PRAGMA journal_mode=WAL;'}."
            ),
            id="chatapp.W006",
        )
        for alias, database in django_settings.DATABASES.items()
        if database.get("ENGINE") == "django.db.backends.sqlite3" and not _is_shared(database.get("OPTIONS", {}))
    ]


def _is_shared(options: Any) -> bool:
    return options.get("transaction_mode") == "IMMEDIATE" and "wal" in str(options.get("init_command", "")).lower()


def check_layer(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """W001: several processes can hear each other. W011: what they say is not dropped."""
    try:
        layer = channel_layers["default"]
    except Exception:  # site.check_layer says so
        return []
    if isinstance(layer, InMemoryChannelLayer):
        return [
            Warning(
                "The channel layer lives in the memory of one process: a tab served by another one does not follow.",
                hint=f"{PUBSUB_HINT} With a single process, silence this check.",
                id="chatapp.W001",
            )
        ]
    if type(layer).__module__ == "channels_redis.core":
        return [
            Warning(
                "This channel layer stores messages and silently drops what is over its capacity.",
                hint=PUBSUB_HINT,
                id="chatapp.W011",
            )
        ]
    return []


def check_csp(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """W004: a content security policy stands behind the sanitiser."""
    if any("csp" in name.lower() or "content_security_policy" in name.lower() for name in django_settings.MIDDLEWARE):
        return []
    return [
        Warning(
            "No middleware sends a Content-Security-Policy: what a model says is kept harmless by the sanitiser alone.",
            hint=(
                "On Django 6 use django.middleware.csp.ContentSecurityPolicyMiddleware, before that django-csp. "
                "docs/security.md has a policy that chatapp keeps to. If a proxy sends the header, silence this check."
            ),
            id="chatapp.W004",
        )
    ]


def check_hosts(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """W007: the site knows its own name, which sockets compare with the page's origin."""
    if "*" not in django_settings.ALLOWED_HOSTS:
        return []
    return [
        Warning(
            "ALLOWED_HOSTS admits every name, so a page under a foreign name that points here may open sockets.",
            hint="List the names of the site in ALLOWED_HOSTS.",
            id="chatapp.W007",
        )
    ]


def check_error_texts(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """W008: people do not see the text of unexpected errors."""
    try:
        errors = settings.ERRORS
    except ImproperlyConfigured:
        return []  # check_settings has said so
    shown = ("actual", "auto") if django_settings.DEBUG else ("actual",)
    found = ["CHATAPP['ERRORS']"] if errors in shown else []
    found += [f"{type(item).__qualname__}.on_error" for item in registry.get_all() if item.on_error in shown]
    return [
        Warning(
            f"People see the text of unexpected errors, which may name paths and addresses ({where}).",
            hint="Set it to 'sanitize', or to 'auto' with DEBUG off.",
            id="chatapp.W008",
        )
        for where in found
    ]


def check_sessions(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """W009: a session can be ended, and foreign pages cannot ride on it."""
    found: list[CheckMessage] = []
    if django_settings.SESSION_ENGINE == "django.contrib.sessions.backends.signed_cookies":
        found.append(
            Warning(
                "Sessions live in cookies only, so signing out does not end them: a copied cookie still opens sockets.",
                hint="Use the database or the cache for SESSION_ENGINE.",
                id="chatapp.W009",
            )
        )
    if django_settings.SESSION_COOKIE_SAMESITE not in ("Lax", "Strict"):
        found.append(
            Warning(
                "The session cookie is sent with requests from foreign pages.",
                hint="Set SESSION_COOKIE_SAMESITE to 'Lax'.",
                id="chatapp.W009",
            )
        )
    return found


def check_versions(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """W010: what stands in front of chatapp has no published holes that matter here."""
    return [
        Warning(
            f"{name} {importlib.metadata.version(name)} has published security holes.",
            hint=f"Install {name} {'.'.join(map(str, safe))} or newer.",
            id="chatapp.W010",
        )
        for name, safe in SAFE_VERSIONS.items()
        if get_version_tuple(importlib.metadata.version(name)) < safe
    ]
