"""The environment variables of the hosted site, typed; docs/settings.md lists the same names.

What cannot be understood is an ImproperlyConfigured that names the variable and never repeats its value, which may be
a key.
"""

import functools
from pathlib import Path
from typing import Annotated, Literal, Self

from django.core.exceptions import ImproperlyConfigured
from pydantic import BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

BASE_DIR = Path(__file__).resolve().parent.parent

# Django's own check (security.W009) knows this beginning and warns of it under `check --deploy`.
DEBUG_SECRET_KEY = "django-insecure-known-to-everybody-and-good-for-debug-only"  # noqa: S105  # it opens nothing


def _split(value: object) -> object:
    return [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value


def _normalize_prefix(value: object) -> object:
    return f"/{value.strip('/')}" if isinstance(value, str) and value.strip("/") else ""


Words = Annotated[list[str], NoDecode, BeforeValidator(_split)]


class Environment(BaseSettings):
    """What the outside decides about the hosted site. An empty variable counts as absent."""

    model_config = SettingsConfigDict(env_ignore_empty=True, hide_input_in_errors=True, frozen=True, extra="ignore")

    SECRET_KEY: SecretStr = SecretStr("")
    """Signs sessions. Required unless DEBUG is on."""

    DEBUG: bool = False
    """Error pages with tracebacks, static files without collectstatic, no https."""

    ALLOWED_HOSTS: Words = []
    """Host names of the site, separated by commas."""

    CSRF_TRUSTED_ORIGINS: Words = []
    """Origins (scheme, host and port) that may post and open sockets beside the site's own, separated by commas."""

    DATABASE_URL: str = f"sqlite:///{BASE_DIR / 'var' / 'db.sqlite3'}"
    """Where everything is stored: sqlite:///path or postgres://user:password@host:port/name."""

    REDIS_URL: str = ""
    """Joins several processes. Empty: in-memory layer and cache, good for one process."""

    OPENAI_API_KEY: SecretStr = SecretStr("")
    """Key of OpenAI or of whoever answers at OPENAI_BASE_URL."""

    OPENAI_BASE_URL: str = ""
    """Address of anything that speaks the API of OpenAI. Empty: OpenAI."""

    OPENAI_MODEL: str = ""
    """Model to ask for. Empty: the provider's own."""

    CHATAPP_PROVIDER: str = Field("", pattern=r"^[a-z0-9_-]*$")
    """Who answers: openai, ollama, scripted, or a preset of chatapp. Empty: see project/providers.py."""

    SIGNUP_OPEN: bool = False
    """Whether anybody may make an account."""

    GUESTS_ALLOWED: bool = False
    """Whether one may chat without an account. No effect yet; the check project.W001 says so."""

    MEDIA_ROOT: Path = BASE_DIR / "var" / "media"
    """Folder of uploaded files."""

    SCRIPT_NAME: Annotated[str, BeforeValidator(_normalize_prefix)] = ""
    """Sub-path under which the site lives, such as /assistant. Empty: at the root."""

    CHATAPP_TITLES: Literal["model", "words", "off"] = "model"
    """Who names a thread: the model, its first words, or nobody."""

    CHATAPP_LIMITS: Literal["on", "off"] = "on"
    """Rate limits, also of the login form. Off for load tests."""

    SECURE: bool | None = None
    """https redirect, secure cookies, HSTS. Default: on when DEBUG is off."""

    LOG_LEVEL: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    """From which level on the log is written."""

    LOG_FORMAT: Literal["json", "text"] = "text"
    """One JSON object a line, or lines for people."""

    @model_validator(mode="after")
    def _require_secret_key(self) -> Self:
        if not self.SECRET_KEY.get_secret_value() and not self.DEBUG:
            raise ValueError(
                "SECRET_KEY is missing. Set it to at least 50 random characters, the same in every process and at "
                "every start: python -c 'import secrets; print(secrets.token_urlsafe(50))'. To try things out, "
                "set DEBUG=1"
            )
        return self

    @property
    def is_secure(self) -> bool:
        """Whether the site is reached by https only."""
        return not self.DEBUG if self.SECURE is None else self.SECURE

    @property
    def has_limits(self) -> bool:
        """Whether the rate limits hold."""
        return self.CHATAPP_LIMITS == "on"

    @property
    def secret_key(self) -> str:
        """The key that signs sessions."""
        return self.SECRET_KEY.get_secret_value() or DEBUG_SECRET_KEY


@functools.cache
def get_environment() -> Environment:
    """The environment as it was when the process first asked. See read_environment."""
    return read_environment()


def read_environment() -> Environment:
    """Validate the environment. Raises ImproperlyConfigured with a line for each variable that is wrong."""
    try:
        return Environment()
    except ValidationError as error:
        lines = []
        for detail in error.errors(include_input=False, include_url=False):
            name = ".".join(str(step) for step in detail["loc"])
            lines.append(f"{name}: {detail['msg']}" if name else detail["msg"].removeprefix("Value error, "))
        raise ImproperlyConfigured("The environment is not right.\n" + "\n".join(lines)) from None
