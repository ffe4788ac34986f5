"""Values of other libraries as JSON can have them."""

import math
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Final
from uuid import UUID

from django.utils.functional import Promise

MAX_DEPTH: Final = 60
"""Levels of lists and objects in one another; beyond it nobody can read them, and the programs around it recurse."""

_NOTHING: Final = ("NaTType", "NAType")

PLAIN: Final = (str, int, float, bool, type(None))


def to_scalar(value: Any, where: str) -> str | int | float | bool | None:
    """The value as text, number, truth or nothing. A number that is none (NaN, infinity) is nothing, and so is what
    pandas has for a missing value; its periods and intervals are text.

    Raises ValueError that says what was found, and where.
    """
    if isinstance(value, Enum):
        value = value.value
    if type(value).__name__ in _NOTHING:
        return None
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, UUID | Promise | timedelta) or type(value).__module__.partition(".")[0] == "pandas":
        return str(value)
    if isinstance(value, Decimal):
        value = float(value)
    elif type(value) not in PLAIN and callable(getattr(value, "item", None)):
        value = value.item()  # numpy's numbers
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None:
        return None
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    known = "str, int, float, bool, None, date, datetime, timedelta, Decimal or UUID"
    raise ValueError(f"{where} is {type(value).__module__}.{type(value).__qualname__}; it may be {known}")


def to_json(value: Any, where: str = "data", depth: int = 0) -> Any:
    """The value with everything in it as JSON can have it: dicts with text as keys, lists, scalars.

    Raises ValueError that says what was found, and where.
    """
    if depth > MAX_DEPTH:
        raise ValueError(f"{where[:80]}… is more than {MAX_DEPTH} levels deep")
    if isinstance(value, Mapping):
        return {_to_key(key, where): to_json(item, f"{where}[{key!r}]", depth + 1) for key, item in value.items()}
    if not isinstance(value, PLAIN):
        for name in ("tolist", "to_list"):  # arrays of numpy, series of pandas and polars
            if callable(getattr(value, name, None)):
                value = getattr(value, name)()
                break
    if isinstance(value, list | tuple | set | frozenset):
        return [to_json(item, f"{where}[{place}]", depth + 1) for place, item in enumerate(value)]
    return to_scalar(value, where)


def _to_key(key: Any, where: str) -> str:
    if isinstance(key, str):
        return str(key)
    if isinstance(key, int | float | UUID | date | Enum | None):
        return str(to_scalar(key, where))
    raise ValueError(f"{where} has a key {key!r}; the keys of JSON are text")
