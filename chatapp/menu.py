"""The settings that an assistant offers: what each item of its menu is, and which values it takes.

A declaration is checked when it is made; what a browser sends is read by `read_value`, which trusts nothing.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final, Literal

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

CLEAR_HISTORY: Final = "clear-history"
"""Id of the action that clears the conversation by itself."""

MODEL: Final = "model"
"""Id of the choice between the models of an assistant."""

ItemType = Literal["action", "toggle", "select", "range", "number", "separator"]

_ID = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}\Z")
_YES, _NO = ("true", "on", "1", "yes"), ("false", "off", "0", "no", "")


class SettingsItem(BaseModel):
    """One line of the settings of an assistant."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    id: str
    """Key of its value in `turn.settings` and `Thread.settings`. Letters, digits, hyphens and underscores."""

    label: str | Promise = ""
    """What people read. Empty: from the id; a separator has none."""

    type: ItemType = "action"
    """action: a button without a value. toggle: a bool. select: one of `options`. range: a number on a slider. number:
    one in a field, which may be empty (None). separator: a line."""

    value: Any = None
    """The default. A toggle is off, a select begins with its first option, a range with `min`, if it is left out."""

    options: Sequence[str | tuple[str, str | Promise]] | None = None
    """Of a select: texts, or pairs of a value and what people read."""

    min: float | None = None
    """Least value of a range (0) or number (none)."""

    max: float | None = None
    """Greatest value of a range (1) or number (none)."""

    step: float | None = Field(default=None, gt=0)
    """From one value of a range (0.1) or number (any) to the next. A whole one makes a number whole."""

    help: str | Promise = ""
    """A sentence below it."""

    locked: bool = False
    """The value is shown and nobody may change it."""

    @field_validator("id")
    @classmethod
    def _check_id(cls, name: str) -> str:
        if not _ID.match(name):
            raise ValueError("id must begin with a letter and have only letters, digits, hyphens and underscores")
        return name

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, given: Any) -> Any:
        if not isinstance(given, Mapping) or given.get("type") != "range":
            return given
        values = dict(given)
        for name, default in (("min", 0.0), ("max", 1.0), ("step", 0.1)):
            if values.get(name) is None:
                values[name] = default
        return values

    @model_validator(mode="after")
    def _check(self) -> "SettingsItem":
        if self.type == "select" and not self.options:
            raise ValueError("a select needs options")
        if self.type != "select" and self.options is not None:
            raise ValueError(f"only a select has options, not a {self.type}")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is more than max {self.max:g}")
        if not self.has_value:
            if self.value is not None:
                raise ValueError(f"a {self.type} has no value")
            return self
        value = self.value
        if value is None:
            value = {"toggle": False, "range": self.min}.get(self.type)
            value = self.choices[0][0] if self.type == "select" else value
        self.__dict__["value"] = read_value(self, value)
        return self

    @property
    def has_value(self) -> bool:
        """Whether there is something to choose."""
        return self.type not in ("action", "separator")

    @property
    def is_number(self) -> bool:
        """Whether its value is a number."""
        return self.type in ("range", "number")

    @property
    def title(self) -> str:
        """What people read."""
        return str(self.label) or self.id.replace("-", " ").replace("_", " ").capitalize()

    @property
    def choices(self) -> list[tuple[str, str]]:
        """The options of a select, each as a value and what people read."""
        pairs = [(option, option) if isinstance(option, str) else option for option in self.options or ()]
        return [(value, str(label)) for value, label in pairs]


def check_items(items: Iterable[SettingsItem | Mapping[str, Any]], where: str) -> tuple[SettingsItem, ...]:
    """The items; each may come as a dict of its fields. Raises ValueError for two with one id, and for what is none."""
    if isinstance(items, str | Mapping):
        raise ValueError(f"{where} must be a list of chatapp.SettingsItem, not {type(items).__name__}")
    checked = tuple(item if isinstance(item, SettingsItem) else SettingsItem.model_validate(item) for item in items)
    seen: set[str] = set()
    for item in checked:
        if item.id in seen:
            raise ValueError(f"{where} has two items with the id {item.id!r}; give one of them another id")
        seen.add(item.id)
    return checked


def read_value(item: SettingsItem, given: Any) -> Any:
    """The value that was given for this item, of the right type. Raises ValueError with a sentence for a person."""
    if item.type == "toggle":
        if isinstance(given, str) and given.lower() in (*_YES, *_NO):
            return given.lower() in _YES
        if isinstance(given, bool):
            return given
        raise ValueError(_("This can only be on or off."))
    if item.type == "select":
        if isinstance(given, str) and given in dict(item.choices):
            return given
        raise ValueError(_("This is not one of the choices."))
    if item.type == "number" and (given is None or (isinstance(given, str) and not given.strip())):
        return None
    return _read_number(item, given)


def _read_number(item: SettingsItem, given: Any) -> float | int:
    try:
        number = math.nan if isinstance(given, bool) else float(given)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(_("This must be a number."))
    low, high = item.min, item.max
    if (low is not None and number < low) or (high is not None and number > high):
        if low is None:
            raise ValueError(_("This can be %(max)s at most.") % {"max": write_number(high)})
        if high is None:
            raise ValueError(_("This must be %(min)s at least.") % {"min": write_number(low)})
        ends = {"min": write_number(low), "max": write_number(high)}
        raise ValueError(_("This must be between %(min)s and %(max)s.") % ends)
    if item.type == "number" and item.step is not None and item.step.is_integer():
        if not number.is_integer():
            raise ValueError(_("This must be a whole number."))
        return int(number)
    return number


def write_number(number: Any) -> str:
    """A number as HTML has it: 4096, 0.5; nothing for None."""
    if number is None:
        return ""
    return str(int(number)) if float(number).is_integer() else repr(float(number))


@dataclass(frozen=True, slots=True)
class Menu:
    """The settings of an assistant as they hold for one person in one thread."""

    items: tuple[SettingsItem, ...] = ()
    """In order; `locked` also says what the site locks."""

    values: Mapping[str, Any] = field(default_factory=dict)
    """What holds, by id."""

    @property
    def digest(self) -> str:
        """Something that differs whenever what is shown would."""
        shown = [(item.id, self.values.get(item.id), item.locked) for item in self.items]
        return sha256(repr(shown).encode()).hexdigest()[:16]

    @property
    def model(self) -> str:
        """The model that was chosen, as people read it; empty if there is no choice."""
        item = self.get(MODEL)
        return dict(item.choices).get(self.values[MODEL], "") if item is not None and item.type == "select" else ""

    def get(self, key: str) -> SettingsItem | None:
        """The item with this id."""
        return next((item for item in self.items if item.id == key), None)
