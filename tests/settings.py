"""Settings of the test suite: the smallest site that can host chatapp, without `project`.

TEST_DATABASE_URL: another database than a SQLite file in a temporary folder.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import dj_database_url

_folder = Path(tempfile.mkdtemp(prefix="chatapp-tests-"))
atexit.register(shutil.rmtree, _folder, ignore_errors=True)

SECRET_KEY = "only-for-tests"
DEBUG = False
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "daphne",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "django_htmx",
    "chatapp",
    "tests",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "tests.urls"
ASGI_APPLICATION = "tests.asgi.application"
STATIC_URL = "/static/"
STATIC_ROOT = _folder / "static"
MEDIA_ROOT = _folder / "media"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "chatapp:list"
# Hashing passwords well takes most of the time of a suite that makes many people.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {
    "default": dict(dj_database_url.parse(os.environ.get("TEST_DATABASE_URL", f"sqlite:///{_folder}/db.sqlite3")))
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"] |= {
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;",
        },
        # A file, as in a real site: a database in memory does not know waiting for another writer.
        "TEST": {"NAME": str(_folder / "test.sqlite3")},
    }

CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
# Tests send faster than people do; those of the pause between two messages set it.
CHATAPP = {"TITLES": "words", "SEND_COOLDOWN_MS": 0}
