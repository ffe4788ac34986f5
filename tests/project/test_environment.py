"""The environment is read strictly: what cannot be understood is refused with a sentence."""

import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from project import providers
from project.environment import Environment, read_environment
from project.providers import get_providers

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Environment.model_fields:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SECRET_KEY", "x" * 50)


def read_settings(expression: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Import project.settings in a process of its own and print an expression of it, `s`."""
    return subprocess.run(
        [sys.executable, "-c", f"import project.settings as s; print(({expression}))"],
        cwd=ROOT,
        env={**{"PATH": os.environ["PATH"], "SECRET_KEY": "x" * 50, "CHATAPP_PROVIDER": "scripted"}, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("DEBUG", "ture", "DEBUG: Input should be a valid boolean"),
        ("SECURE", "perhaps", "SECURE: Input should be a valid boolean"),
        ("SIGNUP_OPEN", "2", "SIGNUP_OPEN: Input should be a valid boolean"),
        ("LOG_FORMAT", "xml", "LOG_FORMAT: Input should be 'json' or 'text'"),
        ("LOG_LEVEL", "LOUD", "LOG_LEVEL: Input should be 'DEBUG', 'INFO', 'WARNING', 'ERROR' or 'CRITICAL'"),
        ("CHATAPP_TITLES", "poems", "CHATAPP_TITLES: Input should be 'model', 'words' or 'off'"),
        ("CHATAPP_LIMITS", "no", "CHATAPP_LIMITS: Input should be 'on' or 'off'"),
        ("CHATAPP_PROVIDER", "Open AI", "CHATAPP_PROVIDER: String should match pattern"),
    ],
)
def test_nonsense_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(ImproperlyConfigured) as caught:
        read_environment()

    assert sentence in str(caught.value)


def test_a_refused_value_is_never_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEBUG", "sk-a-key-in-the-wrong-place")

    with pytest.raises(ImproperlyConfigured) as caught:
        read_environment()

    assert "sk-a-key" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_everything_that_is_wrong_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEBUG", "ture")
    monkeypatch.setenv("LOG_FORMAT", "xml")

    with pytest.raises(ImproperlyConfigured, match=r"(?s)DEBUG: .*LOG_FORMAT: "):
        read_environment()


def test_without_a_secret_key_the_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SECRET_KEY")

    with pytest.raises(ImproperlyConfigured, match=r"SECRET_KEY is missing\. Set it to at least 50 random characters"):
        read_environment()


def test_debug_needs_no_secret_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SECRET_KEY")
    monkeypatch.setenv("DEBUG", "1")

    assert read_environment().secret_key.startswith("django-insecure-")


def test_an_empty_variable_counts_as_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DEBUG", "SECURE", "LOG_FORMAT", "ALLOWED_HOSTS", "CHATAPP_PROVIDER"):
        monkeypatch.setenv(name, "")

    environment = read_environment()

    assert (environment.DEBUG, environment.is_secure, environment.LOG_FORMAT) == (False, True, "text")


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_HOSTS", "chat.example.org, example.org,")

    assert read_environment().ALLOWED_HOSTS == ["chat.example.org", "example.org"]


@pytest.mark.parametrize(("value", "prefix"), [("", ""), ("/", ""), ("assistant", "/assistant"), ("/a/b/", "/a/b")])
def test_the_sub_path_is_written_in_any_way(monkeypatch: pytest.MonkeyPatch, value: str, prefix: str) -> None:
    monkeypatch.setenv("SCRIPT_NAME", value)

    found = read_environment().SCRIPT_NAME

    assert found == prefix


@pytest.mark.parametrize(
    ("debug", "secure", "is_secure"), [("0", "", True), ("1", "", False), ("0", "0", False), ("1", "1", True)]
)
def test_https_is_the_rule_unless_debug_or_secure_say_otherwise(
    monkeypatch: pytest.MonkeyPatch, debug: str, secure: str, is_secure: bool
) -> None:
    monkeypatch.setenv("DEBUG", debug)
    monkeypatch.setenv("SECURE", secure)

    assert read_environment().is_secure is is_secure


def test_keys_do_not_show_when_the_environment_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-to-be-seen")

    assert "sk-not" not in repr(read_environment())


# Who answers


class _Ollama(http.server.BaseHTTPRequestHandler):
    answer = b'{"models": [{"name": "llama3.2:latest"}, {"name": "qwen"}]}'

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """No Ollama answers: the port is one that nobody listens at."""
    monkeypatch.setattr(providers, "OLLAMA_ADDRESS", ("127.0.0.1", 9))


@pytest.fixture
def ollama(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[_Ollama]]:
    """An Ollama with two models."""
    server = http.server.HTTPServer(("127.0.0.1", 0), _Ollama)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setattr(providers, "OLLAMA_ADDRESS", server.server_address)
    yield _Ollama
    server.shutdown()
    thread.join()
    server.server_close()


def get_default(**values: str) -> dict[str, object]:
    """The options of the default provider for these variables; empty for the guide."""
    found = get_providers(Environment.model_validate(values))
    return found["default"]["OPTIONS"] if found else {}


@pytest.mark.usefixtures("nobody")
def test_without_anything_the_guide_answers() -> None:
    assert get_providers(Environment()) == {}


@pytest.mark.usefixtures("ollama")
def test_an_ollama_on_its_usual_port_answers_with_its_first_model() -> None:
    assert get_default() == {"preset": "ollama", "model": "llama3.2:latest"}


@pytest.mark.parametrize("answer", [b'{"models": []}', b"[]", b"hello", b'{"models": null}'])
def test_an_ollama_without_a_model_or_something_else_does_not_answer(
    ollama: type[_Ollama], monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    monkeypatch.setattr(ollama, "answer", answer)

    assert get_default() == {}


@pytest.mark.usefixtures("ollama")
@pytest.mark.parametrize(
    ("values", "options"),
    [
        ({"OPENAI_API_KEY": "k"}, {"preset": "openai", "api_key": "k", "model": "gpt-5-mini"}),
        (
            {"OPENAI_BASE_URL": "http://127.0.0.1:1/v1", "OPENAI_MODEL": "m"},
            {"preset": "openai", "base_url": "http://127.0.0.1:1/v1", "model": "m"},
        ),
        ({"CHATAPP_PROVIDER": "scripted", "OPENAI_API_KEY": "k"}, {}),
        (
            {"CHATAPP_PROVIDER": "ollama", "OPENAI_API_KEY": "k", "OPENAI_MODEL": "q"},
            {"preset": "ollama", "model": "q"},
        ),
        ({"CHATAPP_PROVIDER": "groq", "OPENAI_MODEL": "m"}, {"preset": "groq", "model": "m"}),
    ],
)
def test_who_is_named_answers_and_no_port_is_asked(
    ollama: type[_Ollama], monkeypatch: pytest.MonkeyPatch, values: dict[str, str], options: dict[str, str]
) -> None:
    monkeypatch.setattr(providers, "find_ollama_model", lambda: pytest.fail("the port was asked"))

    assert get_default(**values) == options


# The settings that follow


def test_the_settings_fail_with_the_sentence_and_not_in_the_middle() -> None:
    done = read_settings("s.DEBUG", SECRET_KEY="")

    assert done.returncode == 1
    assert "SECRET_KEY is missing" in done.stderr


def test_manage_says_what_is_wrong_without_a_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "SECRET_KEY": "x", "LOG_LEVEL": "LOUD"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == "The environment is not right."
    assert "Traceback" not in done.stderr


def test_production_is_https_only_with_cookies_to_match() -> None:
    done = read_settings("s.SECURE_SSL_REDIRECT, s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SECURE_HSTS_SECONDS")

    assert done.stdout.strip() == "(True, True, True, 31536000)"


def test_redis_serves_the_layer_and_the_cache() -> None:
    done = read_settings(
        "s.CHANNEL_LAYERS['default']['BACKEND'], s.CACHES['default']['BACKEND']", REDIS_URL="redis://127.0.0.1:6379/3"
    )

    assert done.stdout.strip() == (
        "('channels_redis.pubsub.RedisPubSubChannelLayer', 'django.core.cache.backends.redis.RedisCache')"
    )


def test_postgres_gets_a_pool_and_keeps_no_connections() -> None:
    done = read_settings(
        "s.DATABASES['default']['OPTIONS']['pool']['max_size'], s.DATABASES['default']['CONN_MAX_AGE']",
        DATABASE_URL="postgres://chat:secret@db.example.org:5432/chat",
    )

    assert done.stdout.strip() == "(20, 0)"


def test_a_sub_path_reaches_addresses_and_cookies() -> None:
    done = read_settings("s.STATIC_URL, s.FORCE_SCRIPT_NAME, s.SESSION_COOKIE_PATH", SCRIPT_NAME="/assistant/")

    assert done.stdout.strip() == "('/assistant/static/', '/assistant', '/assistant/')"
