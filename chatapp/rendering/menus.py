"""The dialog "Settings": its controls as their template needs them, for the page and for the frames after it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from chatapp.menu import Menu, SettingsItem, write_number


@dataclass(frozen=True, slots=True)
class ControlView:
    """One line of the dialog."""

    item: SettingsItem
    value: Any
    problem: str = ""
    """Why what was sent for it was not taken."""

    @property
    def number(self) -> str:
        """The value of a number as HTML has it."""
        return write_number(self.value)

    @property
    def least(self) -> str:
        """The least value, in the same way; empty for none."""
        return write_number(self.item.min)

    @property
    def greatest(self) -> str:
        """The greatest value; empty for none."""
        return write_number(self.item.max)

    @property
    def step(self) -> str:
        """From one value to the next."""
        return write_number(self.item.step) or "any"


def render_menu(menu: Menu, problems: Mapping[str, str] | None = None) -> SafeString:
    """The controls, and beside each what was wrong with what was sent for it; a sentence if there are none."""
    controls = [ControlView(item, menu.values.get(item.id), (problems or {}).get(item.id, "")) for item in menu.items]
    return render_to_string("chatapp/_settings_body.html", {"controls": controls})
