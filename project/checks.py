"""System checks of the hosted site."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Warning

from .environment import get_environment


def check_guests(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Say that GUESTS_ALLOWED promises something that is not there yet."""
    if not get_environment().GUESTS_ALLOWED:
        return []
    return [
        Warning(
            "GUESTS_ALLOWED is on, but this version knows no guests: a visitor still has to sign in.",
            hint="Unset GUESTS_ALLOWED, and set SIGNUP_OPEN=1 if anybody may make an account.",
            id="project.W001",
        )
    ]
