"""The hosted site as stories need it: everything as in `project.settings`, with shorter waits.

SITE_CHATAPP: JSON, overrides keys of CHATAPP. SITE_LAYER: dotted path of another channel layer. SITE_PASSWORD: of the
database, which SQLite does not ask for.
"""

import json
import os

from project.settings import *  # noqa: F403
from project.settings import CHANNEL_LAYERS, CHATAPP, DATABASES, INSTALLED_APPS

# The catalogue of tests/assistants.py and of the stage, after the site's own: /chat/new/asker/ and others.
INSTALLED_APPS += ["tests", "tests.stage"]
ROOT_URLCONF = "tests.stage.urls"
CHATAPP |= json.loads(os.environ.get("SITE_CHATAPP", "{}"))

# Hashing passwords well takes most of the time of a story in which somebody signs up.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

DATABASES["default"] |= {"PASSWORD": os.environ.get("SITE_PASSWORD", "")}

if layer := os.environ.get("SITE_LAYER"):
    CHANNEL_LAYERS["default"] = {"BACKEND": layer}
elif "CONFIG" in CHANNEL_LAYERS["default"]:
    # Publish and subscribe know no database numbers: other sites may be talking over the same Redis.
    CHANNEL_LAYERS["default"]["CONFIG"]["prefix"] = os.environ["SITE_PREFIX"]
