"""Servers that speak the OpenAI protocol, by name: `{"preset": "ollama", "model": "llama3.2"}`.

To add one, add a line. A preset only fills in what OPTIONS leave out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """Where a provider listens, and where its key is found."""

    base_url: str
    """Up to and without "/chat/completions"."""

    api_key_env: str = ""
    """Environment variable that holds the key. Empty: it needs none."""

    max_tokens_field: str = "max_tokens"
    """What the option `max_tokens` is called there."""

    unknown_options: frozenset[str] = frozenset()
    """Options that are refused there, and so are never sent."""


PRESETS: Final[Mapping[str, Preset]] = MappingProxyType(
    {
        "openai": Preset(
            base_url="https://api.openai.com/v1",
            api_key_env="OPENAI_API_KEY",
            # Its newer models refuse the old name.
            max_tokens_field="max_completion_tokens",
            unknown_options=frozenset({"top_k"}),
        ),
        "ollama": Preset(base_url="http://127.0.0.1:11434/v1"),
    }
)
