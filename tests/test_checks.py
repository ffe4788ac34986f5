"""Each system check by its id: quiet on a good site, loud on a bad one."""

import importlib.metadata
from typing import Any

import pytest
from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings as django_settings
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.asgi import get_asgi_application
from django.core.checks import CheckMessage, run_checks
from django.test import override_settings

import chatapp
from chatapp import registry, routing
from chatapp.checks import AT_EVERY_START, BEFORE_GOING_LIVE, deployment

# Since Django 6.1 the checks of models ask the database what it can do.
pytestmark = pytest.mark.django_db

POSTGRES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "chat", "CONN_MAX_AGE": 0}}
REDIS_PUBSUB = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": ["redis://127.0.0.1:6379"]},
    }
}
REDIS_CORE = {"default": {**REDIS_PUBSUB["default"], "BACKEND": "channels_redis.core.RedisChannelLayer"}}
IN_MEMORY = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
GUIDE = {"BACKEND": "chatapp.providers.guide.GuideProvider"}
OPENAI = {"BACKEND": "chatapp.providers.openai.OpenAIProvider", "OPTIONS": {"model": "gpt-5-mini"}}

pages = get_asgi_application()
no_sockets = ProtocolTypeRouter({"http": pages})
no_auth = ProtocolTypeRouter({"http": pages, "websocket": URLRouter(routing.websocket_urlpatterns)})
by_hand = ProtocolTypeRouter(
    {"http": pages, "websocket": AuthMiddlewareStack(URLRouter(routing.websocket_urlpatterns))}
)


async def of_the_site(scope: Any, receive: Any, send: Any) -> None:
    """An application that somebody wrote around everything."""
    await by_hand(scope, receive, send)


class OurSessions(SessionMiddleware):
    """A site's own."""


class NotAPolicy:
    """Has the right place and the wrong kind."""


def find(*, deploy: bool = False) -> dict[str, CheckMessage]:
    """What chatapp's checks say now, by id."""
    messages = run_checks(include_deployment_checks=deploy)
    return {message.id: message for message in messages if message.id and message.id.startswith("chatapp.")}


def find_deployment() -> dict[str, CheckMessage]:
    """See find; also what only `check --deploy` says."""
    return find(deploy=True)


def without(setting: list[str], name: str) -> list[str]:
    """The list without one item. Fails if it is not in there."""
    assert name in setting
    return [item for item in setting if item != name]


def test_the_test_site_has_nothing_to_complain_of() -> None:
    assert find() == {}


def test_every_check_of_the_package_is_registered() -> None:
    assert len(AT_EVERY_START) == 11
    assert len(BEFORE_GOING_LIVE) == 6


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"FLUSH_SECOND": 1}, "CHATAPP['FLUSH_SECOND'] is not known; did you mean 'FLUSH_SECONDS'?"),
        ({"FLUSH_SECONDS": -1}, "CHATAPP['FLUSH_SECONDS']: Input should be greater than 0"),
        (["FLUSH_SECONDS"], "CHATAPP must be a dict, not list"),
    ],
)
def test_e001_names_what_is_wrong_in_the_settings(values: Any, sentence: str) -> None:
    with override_settings(CHATAPP=values):
        assert find()["chatapp.E001"].msg == sentence


def test_invalid_settings_are_reported_once_and_not_by_every_check() -> None:
    with override_settings(CHATAPP={"NONSENSE": 1}):
        assert set(find_deployment()) - {"chatapp.W001", "chatapp.W004"} == {"chatapp.E001"}


@pytest.mark.parametrize(
    "path", ["", "nowhere", "tests.test_checks.no_such_name", "tests.test_checks.pages", f"{__name__}.no_sockets"]
)
def test_e002_an_asgi_application_without_sockets(path: str) -> None:
    with override_settings(ASGI_APPLICATION=path):
        assert "chatapp.E002" in find()


@pytest.mark.parametrize("name", ["by_hand", "of_the_site"])
def test_e002_is_quiet_about_routes_that_are_there_or_cannot_be_seen(name: str) -> None:
    with override_settings(ASGI_APPLICATION=f"{__name__}.{name}"):
        assert find() == {}


@pytest.mark.parametrize(
    ("setting", "name"),
    [
        ("INSTALLED_APPS", "django_htmx"),
        ("MIDDLEWARE", "django.contrib.auth.middleware.AuthenticationMiddleware"),
        ("MIDDLEWARE", "django.contrib.sessions.middleware.SessionMiddleware"),
        ("MIDDLEWARE", "django.middleware.csrf.CsrfViewMiddleware"),
    ],
)
def test_e003_something_that_the_pages_need_is_missing(settings: Any, setting: str, name: str) -> None:
    with override_settings(**{setting: without(getattr(settings, setting), name)}):
        assert find()["chatapp.E003"].msg == f"{name!r} in {setting} is missing."


def test_e003_a_subclass_of_a_middleware_will_do(settings: Any) -> None:
    settings.MIDDLEWARE = [
        "tests.test_checks.OurSessions" if "SessionMiddleware" in name else name for name in settings.MIDDLEWARE
    ]

    assert find() == {}


def test_e003_a_context_processor_is_missing(settings: Any) -> None:
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "OPTIONS": {"context_processors": []}}]

    assert find()["chatapp.E003"].msg.endswith("in the context_processors of TEMPLATES is missing.")


@pytest.mark.parametrize("layers", [{}, {"default": {"BACKEND": "no.such.Layer"}}])
def test_e004_no_channel_layer(layers: Any) -> None:
    with override_settings(CHANNEL_LAYERS=layers):
        assert "chatapp.E004" in find()


def test_e005_no_assistant() -> None:
    with registry.override():
        assert find()["chatapp.E005"].msg == "No assistant is registered."


def test_e005_an_assistant_that_declares_nonsense() -> None:
    class Odd(chatapp.Assistant):
        suggestions = [3]  # type: ignore[list-item]  # the mistake

    with registry.override(Odd):
        assert "suggestion 3 is neither" in find()["chatapp.E005"].msg


def test_e005_two_assistants_with_one_slug() -> None:
    class First(chatapp.Assistant):
        slug = "desk"

    class Second(chatapp.Assistant):
        slug = "desk"

    with registry.override(First, Second):
        assert "slug 'desk'" in find()["chatapp.E005"].msg


def test_e005_an_assistant_whose_provider_is_unknown() -> None:
    class Lost(chatapp.Assistant):
        provider = "elsewhere"

    with registry.override(Lost):
        assert "elsewhere" in find()["chatapp.E005"].msg


def test_e005_a_provider_with_an_option_that_is_not_known() -> None:
    provider = {**OPENAI, "OPTIONS": {"model": "m", "api_key": "k", "modle": "m"}}

    with override_settings(CHATAPP={"PROVIDERS": {"default": provider}}):
        assert "'modle'" in find()["chatapp.E005"].msg


@pytest.mark.parametrize("path", ["no.such.Policy", "tests.test_checks.NotAPolicy", "nonsense"])
def test_e006_the_policy_is_none(path: str) -> None:
    with override_settings(CHATAPP={"POLICY": path}):
        assert set(find()) == {"chatapp.E006"}


def test_e007_sockets_that_do_not_know_who_is_signed_in() -> None:
    with override_settings(ASGI_APPLICATION=f"{__name__}.no_auth"):
        assert set(find()) == {"chatapp.E007"}


def test_w001_a_layer_in_memory_is_for_one_process() -> None:
    with override_settings(CHANNEL_LAYERS=IN_MEMORY):
        assert "chatapp.W001" in find_deployment()
        assert "chatapp.W001" not in find()

    with override_settings(CHANNEL_LAYERS=REDIS_PUBSUB):
        assert "chatapp.W001" not in find_deployment()


def test_w002_a_provider_without_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with override_settings(CHATAPP={"PROVIDERS": {"default": OPENAI}}):
        assert set(find()) == {"chatapp.W002"}
        message = find()["chatapp.W002"].msg
        assert 'CHATAPP["PROVIDERS"][\'default\']["OPTIONS"]' in message
        assert "OPENAI_API_KEY" in message

    monkeypatch.setenv("OPENAI_API_KEY", "sk-made-up-for-this-test")
    with override_settings(CHATAPP={"PROVIDERS": {"default": OPENAI, "other": GUIDE}}):
        assert find() == {}


@pytest.mark.parametrize("age", [60, None])
def test_w003_connections_that_are_kept(monkeypatch: pytest.MonkeyPatch, age: int | None) -> None:
    monkeypatch.setattr(django_settings, "DATABASES", POSTGRES)
    assert deployment.check_connections(None) == []

    monkeypatch.setattr(django_settings, "DATABASES", {"default": {**POSTGRES["default"], "CONN_MAX_AGE": age}})
    assert [message.id for message in deployment.check_connections(None)] == ["chatapp.W003"]


@pytest.mark.parametrize(
    "name", ["csp.middleware.CSPMiddleware", "project.middleware.content_security_policy", "django.middleware.csp.X"]
)
def test_w004_no_content_security_policy(settings: Any, name: str) -> None:
    assert "chatapp.W004" in find_deployment()

    with override_settings(MIDDLEWARE=[*settings.MIDDLEWARE, name]):
        assert deployment.check_csp(None) == []


def test_w005_runserver_without_websockets(settings: Any) -> None:
    with override_settings(INSTALLED_APPS=without(settings.INSTALLED_APPS, "daphne")):
        assert set(find()) == {"chatapp.W005"}


def test_w006_sqlite_in_its_default_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    sqlite = {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}
    options = {"transaction_mode": "IMMEDIATE", "init_command": "PRAGMA journal_mode=WAL;"}

    monkeypatch.setattr(django_settings, "DATABASES", {"default": {**sqlite, "OPTIONS": options}})
    assert deployment.check_sqlite(None) == []

    monkeypatch.setattr(django_settings, "DATABASES", {"default": sqlite})
    assert [message.id for message in deployment.check_sqlite(None)] == ["chatapp.W006"]


def test_w007_every_host_is_allowed() -> None:
    with override_settings(ALLOWED_HOSTS=["*"]):
        assert "chatapp.W007" in find_deployment()

    with override_settings(ALLOWED_HOSTS=["chat.example.org"]):
        assert "chatapp.W007" not in find_deployment()


@pytest.mark.parametrize(
    ("errors", "debug", "warns"),
    [
        ("actual", False, True),
        ("auto", True, True),
        ("auto", False, False),
        ("sanitize", True, False),
        ("unhandled", True, False),
    ],
)
def test_w008_people_see_the_text_of_errors(errors: str, debug: bool, warns: bool) -> None:
    with override_settings(CHATAPP={"ERRORS": errors}, DEBUG=debug):
        assert ("chatapp.W008" in find_deployment()) is warns


def test_w008_an_assistant_of_which_people_see_the_text_of_errors() -> None:
    class Frank(chatapp.Assistant):
        """Says everything."""

        on_error = "actual"

    with registry.override(Frank):
        message = find_deployment()["chatapp.W008"]

    assert "Frank.on_error" in message.msg


@pytest.mark.parametrize(
    "values",
    [
        {"SESSION_ENGINE": "django.contrib.sessions.backends.signed_cookies"},
        {"SESSION_COOKIE_SAMESITE": "None"},
        {"SESSION_COOKIE_SAMESITE": False},
    ],
)
def test_w009_sessions_that_cannot_be_ended_or_are_lent(values: dict[str, Any]) -> None:
    assert "chatapp.W009" not in find_deployment()

    with override_settings(**values):
        assert "chatapp.W009" in find_deployment()


def test_w010_versions_with_holes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "chatapp.W010" not in find_deployment()

    monkeypatch.setattr(importlib.metadata, "version", lambda name: "4.2.1")
    assert "chatapp.W010" in find_deployment()


def test_w011_a_layer_that_drops() -> None:
    with override_settings(CHANNEL_LAYERS=REDIS_CORE):
        assert "chatapp.W011" in find_deployment()

    with override_settings(CHANNEL_LAYERS=REDIS_PUBSUB):
        assert "chatapp.W011" not in find_deployment()


def test_every_message_says_what_to_do() -> None:
    with override_settings(CHATAPP={"ERRORS": "actual"}, ALLOWED_HOSTS=["*"], CHANNEL_LAYERS={}, ASGI_APPLICATION=""):
        assert [message.id for message in find_deployment().values() if not message.hint] == []
