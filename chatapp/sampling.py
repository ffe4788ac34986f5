"""What a model is told about how to answer: six numbers, declared once for the request, the form and the checks."""

from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from typing import Any, Final

from django.utils.translation import gettext_lazy as _
from pydantic import BaseModel, ConfigDict, Field

from chatapp.menu import SettingsItem


class ModelConfig(BaseModel):
    """What was chosen for one answer; None leaves it to the provider, which is then sent nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    model: str | None = None
    max_tokens: int | None = Field(None, ge=1, le=4096)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, ge=0, le=1)
    top_k: int | None = Field(None, ge=1, le=100)
    frequency_penalty: float | None = Field(None, ge=-2, le=2)
    presence_penalty: float | None = Field(None, ge=-2, le=2)

    def get_options(self) -> dict[str, Any]:
        """The chosen sampling options by their wire names, without the model."""
        return {name: value for name in SAMPLING if (value := getattr(self, name)) is not None}


SAMPLING: Final = ("max_tokens", "temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty")
"""Names of the numbers, in the order of the form."""

_STARTS: Final[Mapping[str, tuple[float, float, Any, Any]]] = {
    "max_tokens": (4096, 1, _("Longest answer"), _("In tokens, which are about three quarters of a word each.")),
    "temperature": (0.5, 0.1, _("Temperature"), _("Low answers are sober and alike, high ones full of surprises.")),
    "top_p": (1, 0.1, _("Top P"), _("Only the likeliest words that make up this share are considered.")),
    "top_k": (40, 1, _("Top K"), _("Only so many of the likeliest words are considered. Some models ignore it.")),
    "frequency_penalty": (0, 1, _("Frequency penalty"), _("Above 0 words that were said often become less likely.")),
    "presence_penalty": (0, 1, _("Presence penalty"), _("Above 0 words that were said at all become less likely.")),
}
"""Of each number: where its control begins, its step, its label and its help."""


def list_controls(declared: Mapping[str, Any]) -> tuple[SettingsItem, ...]:
    """The controls of the six numbers, which begin with what an assistant declares, else with their defaults."""
    return tuple(
        item if item.id not in declared else item.model_copy(update={"value": declared[item.id]})
        for item in _list_controls()
    )


@cache
def _list_controls() -> tuple[SettingsItem, ...]:
    return tuple(
        SettingsItem(id=name, type="number", label=label, help=help, value=value, step=step, **_get_ends(name))
        for name, (value, step, label, help) in _STARTS.items()
    )


def _get_ends(name: str) -> dict[str, float]:
    """The least and the greatest value, as the model above declares them."""
    found = ModelConfig.model_fields[name].metadata
    least, greatest = (next(getattr(end, at) for end in found if hasattr(end, at)) for at in ("ge", "le"))
    return {"min": least, "max": greatest}


def check_config(declared: Mapping[str, Any]) -> dict[str, Any]:
    """The sampling options of a declaration. Raises a ValidationError for a name or value that is none."""
    checked = ModelConfig.model_validate(dict(declared))
    return {name: getattr(checked, name) for name in declared}


def get_digest(declared: Mapping[str, Any]) -> str:
    """Something that differs whenever the declared configuration does; empty without one."""
    return sha256(repr(sorted(declared.items())).encode()).hexdigest()[:16] if declared else ""
