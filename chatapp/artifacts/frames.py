"""Frames and series of pandas and polars, read by what they can do: neither library is imported."""

from collections.abc import Sequence
from typing import Any


def read_frame(data: Any) -> tuple[list[str], list[Sequence[Any]]] | None:
    """Columns and rows of a frame or a series; None for anything else.

    The index of pandas is a column where it says something: when it has a name, or is not just numbers.
    """
    if not hasattr(data, "columns") and callable(getattr(data, "to_frame", None)):
        data = data.to_frame()  # a series
    columns = getattr(data, "columns", None)
    if columns is None or isinstance(data, type):
        return None
    if callable(getattr(data, "rows", None)):  # polars
        return [str(name) for name in columns], list(data.rows())
    if not hasattr(data, "iloc"):
        return None
    # By place: names may stand twice.
    cells = [data.iloc[:, place].tolist() for place in range(len(columns))]
    names = [str(name) for name in columns]
    index = data.index
    if any(name is not None for name in index.names) or index.dtype.kind not in "iu":
        labels = ["index"] if index.nlevels == 1 else [f"index {place}" for place in range(1, index.nlevels + 1)]
        known = zip(index.names, labels, strict=True)
        names = [*(label if name is None else str(name) for name, label in known), *names]
        cells = [*(index.get_level_values(place).tolist() for place in range(index.nlevels)), *cells]
    return names, list(zip(*cells, strict=True))
