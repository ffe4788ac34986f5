"""Tables: whatever shape the data has, one shape is stored. Sorting, filtering and paging are the server's work."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from django.utils.translation import gettext_lazy as _
from pydantic import model_validator

from chatapp.parts import part

from .frames import read_frame
from .kinds import Artifact
from .values import PLAIN, to_scalar

PAGE_ROWS: Final = 100
"""Rows that are shown at once."""

MAX_COLUMNS: Final = 100
MAX_CELLS: Final = 1_000_000
MAX_TEXT: Final = 8_000_000
"""Characters in all cells together."""

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What makes a program for tables take the text behind it for a formula."""

_SCALARS: Final = frozenset(PLAIN)


class Selection(NamedTuple):
    """Some rows of a table."""

    start: int
    rows: Sequence[Sequence[Any]]
    total: int
    """How many rows match the filter."""


@part
class TableArtifact(Artifact):
    """A table that sorts, filters and pages: `TableArtifact(data=…, columns=None, title="")`.

    `data` is a list of dicts, a dict of lists, a single dict, a frame or series of pandas or polars, or a list of
    lists with `columns`. `columns` chooses and orders. What means the same gives equal parts.
    """

    kind = "table-artifact"
    icon = "table"
    name = _("Table")

    columns: list[str]
    rows: list[list[Any]]
    """Text, numbers, truths and nothing; dates and the like became text."""

    if TYPE_CHECKING:

        def __init__(
            self, *, data: Any, columns: Sequence[str] | None = None, title: str = "", for_model: bool = False
        ) -> None: ...

    @model_validator(mode="before")
    @classmethod
    def _normalise(cls, values: Any) -> Any:
        if not isinstance(values, Mapping) or "data" not in values:
            return values  # as it is stored
        if "rows" in values:
            raise ValueError("data and rows exclude each other; give the whole table as data")
        values = dict(values)
        columns, rows = read_table(values.pop("data"), values.pop("columns", None))
        return {**values, "columns": columns, "rows": rows}

    @model_validator(mode="after")
    def _check_bounds(self) -> "TableArtifact":
        width, length = len(self.columns), len(self.rows)
        if not width:
            raise ValueError("data has no columns; give it a dict for each row, or name the columns")
        if width > MAX_COLUMNS or width * length > MAX_CELLS:
            most = f"at most {MAX_COLUMNS} columns and {MAX_CELLS:,} cells can be shown"
            raise ValueError(f"data has {width:,} columns and {length:,} rows; {most}")
        size = 0
        for row in self.rows:
            if len(row) != width or not _SCALARS.issuperset(map(type, row)):
                raise ValueError(f"a row is {str(row)[:80]}; it needs {width} cells, each text, number, truth or None")
            size += sum(len(cell) for cell in row if type(cell) is str)
        if size > MAX_TEXT:
            raise ValueError(f"data has {size:,} characters of text; at most {MAX_TEXT:,} can be shown")
        return self

    @property
    def extension(self) -> str:
        return "csv"

    @property
    def media_type(self) -> str:
        return "text/csv; charset=utf-8"

    @property
    def plain(self) -> str:
        return ": ".join(filter(None, [self.title.strip(), ", ".join(self.columns)]))

    @property
    def source(self) -> str:
        return write_csv(self.columns, self.rows)

    @property
    def is_numeric(self) -> list[bool]:
        """For each column whether it holds numbers only."""
        kinds = (set(map(type, column)) - {type(None)} for column in zip(*self.rows, strict=True))
        found = [bool(kind) and kind <= {int, float} for kind in kinds]
        return found or [False] * len(self.columns)

    def select(
        self,
        *,
        start: int = 0,
        count: int = PAGE_ROWS,
        sort: int | None = None,
        is_descending: bool = False,
        wanted: str = "",
    ) -> Selection:
        """Rows that have the `wanted` text in a cell, sorted by a column. Empty cells come last in either order."""
        rows: Sequence[Sequence[Any]] = self.rows
        if text := wanted.strip().casefold():
            rows = [row for row in rows if any(text in show_cell(cell).casefold() for cell in row)]
        if sort is not None:
            filled = [row for row in rows if row[sort] is not None]
            filled.sort(key=lambda row: _get_order(row[sort]), reverse=is_descending)
            rows = [*filled, *(row for row in rows if row[sort] is None)]
        return Selection(start, rows[start : start + count], len(rows))


def _get_order(cell: Any) -> tuple[int, Any]:
    return (1, cell.casefold()) if isinstance(cell, str) else (0, cell)


def show_cell(cell: Any) -> str:
    """The cell as people read it."""
    if cell is None:
        return ""
    return str(cell).lower() if isinstance(cell, bool) else str(cell)


def read_table(data: Any, columns: Any = None) -> tuple[list[str], list[list[Any]]]:
    """Columns and rows of data in any of the shapes that TableArtifact knows.

    Raises ValueError that says what was found and what would be right.
    """
    if isinstance(columns, str) or not (columns is None or isinstance(columns, Iterable)):
        raise ValueError(f"columns is {columns!r}; give it a list of names")
    names = None if columns is None else [str(name) for name in columns]
    found, rows = _read(data, names)
    if names is None or names == found:
        return found, rows
    if missing := [name for name in names if name not in found]:
        raise ValueError(f"columns has {missing[0]!r}, which data does not have; it has {', '.join(found)}")
    places = [found.index(name) for name in names]
    return names, [[row[place] for place in places] for row in rows]


def _read(data: Any, names: list[str] | None) -> tuple[list[str], list[list[Any]]]:
    known: list[str] = []
    if not isinstance(data, Mapping | list | tuple) and (frame := read_frame(data)) is not None:
        heads, lines = frame
        return heads, [_read_row(line, heads, place) for place, line in enumerate(lines, 1)]
    if isinstance(data, Mapping):
        data = _read_mapping(data, known)
    if not isinstance(data, list | tuple):
        right = "a list of dicts, a dict of lists, a single dict, or a frame of pandas or polars"
        raise ValueError(f"data is {type(data).__module__}.{type(data).__qualname__}; it may be {right}")
    if names and data and all(isinstance(row, list | tuple) for row in data):
        if odd := [row for row in data if len(row) != len(names)]:
            raise ValueError(f"a row has {len(odd[0])} cells, and there are {len(names)} columns")
        return names, [_read_row(row, names, place) for place, row in enumerate(data, 1)]
    for place, row in enumerate(data, 1):
        if not isinstance(row, Mapping):
            raise ValueError(f"row {place} of data is {type(row).__qualname__}; it may be a dict of columns and cells")
    keys = dict.fromkeys([*known, *(str(key) for row in data for key in row)])
    found = list(keys) or list(names or ())
    rows = [{str(key): cell for key, cell in row.items()} for row in data]
    return found, [_read_row([row.get(key) for key in found], found, place) for place, row in enumerate(rows, 1)]


def _read_mapping(data: Mapping[Any, Any], known: list[str]) -> list[dict[Any, Any]]:
    """The rows of a dict of lists, or the one row of a dict of cells."""
    lists = {key: list(cells) for key, cells in data.items() if isinstance(cells, list | tuple)}
    if not lists:
        return [dict(data)] if data else []
    if len(lists) < len(data):
        other = next(key for key in data if key not in lists)
        raise ValueError(f"data has lists, and {data[other]!r} at {other!r}; give each column a list, or each a cell")
    lengths = {key: len(cells) for key, cells in lists.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"the lists of data differ in length: {', '.join(f'{k!r} {n}' for k, n in lengths.items())}")
    known += [str(key) for key in data]
    return [dict(zip(lists, cells, strict=True)) for cells in zip(*lists.values(), strict=True)]


def _read_row(cells: Iterable[Any], names: Sequence[str], place: int) -> list[Any]:
    return [
        cell if type(cell) in _QUICK else to_scalar(cell, f"row {place}, column {name!r}")
        for cell, name in zip(cells, names, strict=True)
    ]


_QUICK = (str, int, bool)


def write_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """The table as CSV. A text that a program might take for a formula gets an apostrophe in front."""
    out = io.StringIO()
    writer = csv.writer(out)
    for row in (columns, *rows):
        writer.writerow([_neutralise(cell) if isinstance(cell, str) else show_cell(cell) for cell in row])
    return out.getvalue()


def _neutralise(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA) else cell
