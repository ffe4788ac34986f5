"""The plan that an assistant shows above the composer: a list of tasks, replaced as a whole each time.

It belongs to the thread and to no message; the model never gets it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, StrictInt, StrictStr, ValidationError, field_validator

from chatapp.scrubbing import scrub

MAX_ITEMS: Final = 200


class TodoItem(BaseModel):
    """One task."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: StrictInt | StrictStr
    title: str
    status: Literal["not-started", "in-progress", "completed"] = "not-started"

    @field_validator("title")
    @classmethod
    def _scrub_title(cls, title: str) -> str:
        return scrub(title)[:500]

    @field_validator("id")
    @classmethod
    def _scrub_id(cls, name: int | str) -> int | str:
        return scrub(name) if isinstance(name, str) else name


@dataclass(frozen=True, slots=True)
class TodoUpdate:
    """The plan as it is now, in place of the one before. An empty list takes it away."""

    items: Sequence[TodoItem | Mapping[str, Any]]
    """Each may come as a dict of its fields; read they are TodoItem."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "items", check_todos(self.items))


def check_todos(items: Iterable[TodoItem | Mapping[str, Any]]) -> tuple[TodoItem, ...]:
    """The tasks; each may come as a dict of its fields. Raises ValueError for anything else, and for too many."""
    if isinstance(items, str | Mapping):
        raise ValueError(f"todos must be a list of TodoItem, not {type(items).__name__}")
    checked = tuple(item if isinstance(item, TodoItem) else TodoItem.model_validate(item) for item in items)
    if len(checked) > MAX_ITEMS:
        raise ValueError(f"{len(checked)} todos are too many; at most {MAX_ITEMS} are shown")
    return checked


def dump_todos(items: Iterable[TodoItem]) -> list[dict[str, Any]]:
    """The JSON that `load_todos` reads back."""
    return [item.model_dump() for item in items]


def load_todos(rows: Any) -> tuple[TodoItem, ...]:
    """The tasks that were stored; those that nobody understands are left out."""
    found = []
    for row in rows if isinstance(rows, list) else ():
        try:
            found.append(TodoItem.model_validate(row))
        except ValidationError:
            continue
    return tuple(found)


def are_all_done(items: Sequence[TodoItem]) -> bool:
    """Whether nothing is left to do."""
    return all(item.status == "completed" for item in items)
