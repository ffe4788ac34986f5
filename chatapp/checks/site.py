"""Errors: the site cannot work like this."""

from collections.abc import Iterator, Sequence
from types import FunctionType
from typing import Any, Final

from channels.layers import channel_layers
from channels.routing import ProtocolTypeRouter, URLRouter, get_default_application
from channels.sessions import SessionMiddleware
from django.apps import AppConfig, apps
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.asgi import ASGIHandler
from django.utils.module_loading import import_string

from chatapp import registry
from chatapp.checks.providers import find_provider_problems, is_missing_key
from chatapp.conf import read_settings, settings
from chatapp.consumers import ThreadConsumer
from chatapp.policy import Policy
from chatapp.routing import ReadOnlySession

REQUIRED_APPS: Final = ("django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "django_htmx")

REQUIRED_MIDDLEWARE: Final = (
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
)

REQUIRED_CONTEXT_PROCESSORS: Final = (
    "django.template.context_processors.request",
    "django.contrib.auth.context_processors.auth",
)

AppConfigs = Sequence[AppConfig] | None


def check_settings(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """E001: the CHATAPP dict is valid."""
    try:
        read_settings(getattr(django_settings, "CHATAPP", {}))
    except ImproperlyConfigured as error:
        return [
            Error(line, hint="Correct CHATAPP in the settings; docs/settings.md lists its keys.", id="chatapp.E001")
            for line in str(error).splitlines()
        ]
    return []


def check_asgi(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """E002: the site has an ASGI application with the socket routes. E007: its sockets know who is signed in."""
    hint = "Write application = chatapp.routing.application(get_asgi_application()) in asgi.py, and name it there."
    try:
        application = get_default_application()
    except ImproperlyConfigured as error:
        return [Error(f"The ASGI application cannot be loaded: {error}", hint=hint, id="chatapp.E002")]
    ways = list(_list_ways(application))
    ours = [way for way in ways if getattr(way[-1], "consumer_class", None) is ThreadConsumer]
    if not ours:
        # Otherwise the site has put something of its own around everything, and one cannot see where requests go.
        is_known = any(isinstance(way[-1], ASGIHandler | ProtocolTypeRouter | URLRouter) for way in ways)
        return [Error("The ASGI application has no route to the sockets.", hint=hint, id="chatapp.E002")] * is_known
    if not any(isinstance(layer, SessionMiddleware | ReadOnlySession) for way in ours for layer in way):
        return [
            Error(
                "The sockets do not know who is signed in: there is no session around their routes.",
                hint="Use chatapp.routing.application(), or wrap them in channels.sessions.SessionMiddlewareStack.",
                id="chatapp.E007",
            )
        ]
    return []


def check_apps(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """E003: apps, middleware and context processors that the pages need. W005: runserver speaks websockets."""
    missing = [f"{name!r} in INSTALLED_APPS" for name in REQUIRED_APPS if not apps.is_installed(name)]
    middleware = [import_string(name) for name in django_settings.MIDDLEWARE]
    for name in REQUIRED_MIDDLEWARE:
        wanted = import_string(name)
        if not any(isinstance(item, type) and issubclass(item, wanted) for item in middleware):
            missing.append(f"{name!r} in MIDDLEWARE")
    for engine in django_settings.TEMPLATES:
        if engine["BACKEND"] == "django.template.backends.django.DjangoTemplates":
            options: Any = engine.get("OPTIONS", {})
            processors = options.get("context_processors", [])
            missing += [
                f"{name!r} in the context_processors of TEMPLATES"
                for name in REQUIRED_CONTEXT_PROCESSORS
                if name not in processors
            ]
    found: list[CheckMessage] = [Error(f"{name} is missing.", hint="Add it.", id="chatapp.E003") for name in missing]
    if not apps.is_installed("daphne"):
        found.append(
            Warning(
                "Without 'daphne' in INSTALLED_APPS, manage.py runserver does not speak websockets.",
                hint="Put 'daphne' first in INSTALLED_APPS. If nobody uses runserver, silence this check.",
                id="chatapp.W005",
            )
        )
    return found


def check_layer(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """E004: there is a channel layer, and it can be loaded."""
    hint = "Set CHANNEL_LAYERS['default'], such as {'BACKEND': 'channels_redis.pubsub.RedisPubSubChannelLayer', …}."
    if "default" not in getattr(django_settings, "CHANNEL_LAYERS", {}):
        return [Error("There is no channel layer: a tab would not learn what others do.", hint=hint, id="chatapp.E004")]
    try:
        channel_layers["default"]
    except Exception as error:  # whatever a backend raises about its configuration
        return [Error(f"The channel layer cannot be made: {error}", hint=hint, id="chatapp.E004")]
    return []


def check_assistants(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """E005: there are assistants, they are declared well, and who shall answer for them is known."""
    assistants = registry.get_all()
    problems = list(registry.get_problems())
    if not assistants:
        problems.append("No assistant is registered")
    for assistant in assistants:
        cls = type(assistant)
        where = f"{cls.__module__}.{cls.__qualname__}"
        problems += [f"{where}: {problem}" for problem in assistant.check()]
    problems += [problem for problem in find_provider_problems().values() if not is_missing_key(problem)]
    return [
        Error(
            f"{problem}.",
            hint="Declare assistants in the assistants.py of an installed app; docs/tutorial.md shows how.",
            id="chatapp.E005",
        )
        for problem in problems
    ]


def check_policy(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """E006: POLICY names a policy."""
    hint = "Name a subclass of chatapp.policy.Policy in CHATAPP['POLICY']."
    try:
        path = settings.POLICY
    except ImproperlyConfigured:
        return []  # check_settings has said so
    try:
        policy = import_string(path)
    except ImportError as error:
        return [Error(f"CHATAPP['POLICY'] cannot be imported: {error}.", hint=hint, id="chatapp.E006")]
    if not (isinstance(policy, type) and issubclass(policy, Policy)):
        return [Error(f"CHATAPP['POLICY'] is {path!r}, which is not a policy.", hint=hint, id="chatapp.E006")]
    return []


def _list_ways(application: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The ways that a request may take through an ASGI application, each as its layers, outermost first."""
    way = (*above, application)
    yield way
    for inner in _get_inner(application):
        if not any(inner is layer for layer in way):
            yield from _list_ways(inner, way)


def _get_inner(application: Any) -> Iterator[Any]:
    """What an ASGI application passes requests on to, as far as it shows."""
    if isinstance(application, ProtocolTypeRouter):
        yield from application.application_mapping.values()
    elif isinstance(application, URLRouter):
        yield from (route.callback for route in application.routes)
    elif isinstance(application, FunctionType) and not hasattr(application, "consumer_class"):
        yield from (cell.cell_contents for cell in application.__closure__ or () if callable(cell.cell_contents))
    else:
        yield from (
            getattr(application, name) for name in ("inner", "app", "application") if hasattr(application, name)
        )
