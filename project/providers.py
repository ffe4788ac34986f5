"""Who answers in the hosted site: decided once, from the environment, when the process starts."""

import http.client
import json
from contextlib import closing
from typing import Any

from .environment import Environment

OLLAMA_ADDRESS = ("127.0.0.1", 11434)
OLLAMA_PROBE_SECONDS = 0.3

OPENAI_PROVIDER = "chatapp.providers.openai.OpenAIProvider"
SCRIPTED = "scripted"

DEFAULT_MODEL = "gpt-5-mini"
"""Asked for where OPENAI_MODEL names none."""


def get_providers(environment: Environment) -> dict[str, Any]:
    """The `PROVIDERS` of CHATAPP. Empty for `scripted`: without a provider the guide speaks.

    Without CHATAPP_PROVIDER: OpenAI if there is a key or an address, else an Ollama that answers on its usual port,
    else the guide. The port is asked only then, for at most OLLAMA_PROBE_SECONDS.
    """
    name, model = environment.CHATAPP_PROVIDER, environment.OPENAI_MODEL
    key, base_url = environment.OPENAI_API_KEY.get_secret_value(), environment.OPENAI_BASE_URL
    if not name and (key or base_url):
        name = "openai"
    if not name or (name == "ollama" and not model):
        found = find_ollama_model()
        model = model or found
        name = name or ("ollama" if found else SCRIPTED)
    if name == SCRIPTED:
        return {}
    options: dict[str, Any] = {"preset": name}
    if name == "openai":
        options |= {"api_key": key} if key else {}
        options |= {"base_url": base_url} if base_url else {}
    options["model"] = model or DEFAULT_MODEL
    return {"default": {"BACKEND": OPENAI_PROVIDER, "OPTIONS": options}}


def find_ollama_model() -> str:
    """The newest model of an Ollama on this machine; empty when none answers or it has no model."""
    try:
        with closing(http.client.HTTPConnection(*OLLAMA_ADDRESS, timeout=OLLAMA_PROBE_SECONDS)) as connection:
            connection.request("GET", "/api/tags")
            answer = json.loads(connection.getresponse().read(1_000_000))
        return str(answer["models"][0]["name"])
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError):
        # Nobody there, or somebody else: both mean "no Ollama".
        return ""
