"""The configuration of a PyWry chat, for whoever brings one along: read, checked, and turned into a declaration."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class ChatConfig(BaseModel):
    """What PyWry calls ChatConfig, field by field. `Assistant.profile` takes one.

    Only what was given is taken over: what is left out stays as the assistant and its provider have it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    system_prompt: str | None = None
    """Becomes `Assistant.instructions`."""

    model: str = "gpt-4"
    """Becomes `Assistant.model`."""

    temperature: float = Field(0.7, ge=0, le=2)
    """Becomes an entry of `Assistant.options`."""

    max_tokens: int = Field(4096, ge=1)
    """Becomes an entry of `Assistant.options`."""

    streaming: bool = True
    """False becomes the entry {"stream": False} of `Assistant.options`: the model sends its answer as a whole."""

    persist: bool = False
    """Has no effect: every conversation is stored."""

    slash_commands: Sequence[str] = ("/clear", "/export", "/model", "/system")
    """Has no effect: commands are declared on the assistant."""

    provider: str | None = None
    """Becomes `Assistant.provider`: an alias in CHATAPP["PROVIDERS"]."""

    provider_config: Mapping[str, Any] = {}
    """Has no effect: what a provider needs stands in CHATAPP["PROVIDERS"], and keys in the environment."""

    def get_attributes(self) -> dict[str, Any]:
        """The attributes of an Assistant that say the same."""
        given = self.model_dump(exclude_unset=True, exclude_none=True)
        names = {"system_prompt": "instructions", "model": "model", "provider": "provider"}
        found = {name: given[key] for key, name in names.items() if key in given}
        options: dict[str, Any] = {key: given[key] for key in ("temperature", "max_tokens") if key in given}
        if not given.get("streaming", True):
            options["stream"] = False
        return found | ({"options": options} if options else {})
