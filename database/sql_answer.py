"""The answer to a query of a user's own: rows that print as a table, and become a data frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from presage.database.frames import frame
from presage.display import html_table, paragraphs, table

__all__ = ["SqlAnswer"]

MOST_SHOWN = 20
"""Rows that are printed."""


@dataclass(frozen=True, repr=False)
class SqlAnswer:
    """n rows under the names of their columns; it can be looped over, row by row.

    Attributes:
        columns: their names.
        rows: n tuples, a value for each column.
    """

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self.rows)

    def to_frame(self) -> Any:
        """A `pandas.DataFrame` where pandas is installed, else a DuckDB relation, which all that reads Arrow takes
        (``polars.DataFrame(frame)``)."""
        return frame(self.columns, self.rows)

    def __repr__(self) -> str:
        lines = [table(self.columns, self._cells())] if self.columns else []
        return "\n".join([*lines, *self._left_out()])

    def _repr_html_(self) -> str:
        return html_table(self.columns, self._cells()) + paragraphs(self._left_out())

    def _cells(self) -> list[tuple[str, ...]]:
        return [tuple(map(_cell, row)) for row in self.rows[:MOST_SHOWN]]

    def _left_out(self) -> list[str]:
        more = len(self) - MOST_SHOWN
        return [f"… and {more:,} more of {len(self):,} rows"] if more > 0 else []


def _cell(value: object) -> str:
    if value is None:
        return ""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
