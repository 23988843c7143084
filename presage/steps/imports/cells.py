"""What single cells say: numbers, yes and no, accuracies in either unit, moments."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from presage.errors import InvalidExperience, shown

__all__ = ["AccuracyUnit", "moment", "number", "refused", "truth", "whole"]

_YES, _NO = ("true", "yes", "1", "on"), ("false", "no", "0", "off")


def refused(column: str, rule: str, got: object, hint: str = "") -> InvalidExperience:
    """*The `epochs` of `row` must be a whole number. Got 'ten'.*"""
    return InvalidExperience(f"The `{column}` of `row` must {rule}. Got {shown(got, 60)}.{' ' + hint if hint else ''}")


def number(column: str, cell: Any) -> float:
    """A finite number."""
    try:
        value = float(cell) if not isinstance(cell, bool) else math.nan
    except (TypeError, ValueError, OverflowError):
        value = math.nan
    if not math.isfinite(value):
        raise refused(column, "be a number", cell)
    return value


def whole(column: str, cell: Any) -> int:
    """A whole number, also written as ``50000.0`` or ``5e4``."""
    value = number(column, cell)
    if value != int(value):
        raise refused(column, "be a whole number", cell)
    return int(value)


def truth(column: str, cell: Any) -> bool:
    """Yes or no."""
    word = str(cell).strip().lower()
    if word not in _YES + _NO:
        raise refused(column, "be true or false", cell)
    return word in _YES


def moment(column: str, cell: Any) -> str:
    """A moment, ISO 8601, in UTC; one without a zone is taken as UTC."""
    try:
        found = cell if isinstance(cell, datetime) else datetime.fromisoformat(str(cell))
    except ValueError:
        raise refused(column, "be a date or time such as 2026-11-22 or 2026-11-22T04:11:00+00:00", cell) from None
    in_utc = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    return in_utc.isoformat(timespec="seconds")


class AccuracyUnit:
    """Whether the accuracies of a table are shares of 1 or percents: one unit for the whole table.

    Where at least half of them, but for those with a percent sign, are over 1, all are percents; one that is not over
    1 is refused then, for it may be a share. Else all are shares, and one that is over 1 is refused: a slip of one row
    does not decide for the others. A cell with a percent sign is a percent whatever the others are.
    """

    def __init__(self, cells: Iterable[Any]) -> None:
        plain = [value for cell in cells if (value := self._plain(cell))]  # 0 is 0 in either unit
        over = sum(value > 1 for value in plain)
        self.percent = 0 < len(plain) <= 2 * over

    @staticmethod
    def _plain(cell: Any) -> float | None:
        try:
            value = float(cell)
        except (TypeError, ValueError):
            return None
        return value if math.isfinite(value) and not isinstance(cell, bool) else None

    def share(self, column: str, cell: Any) -> float:
        """The accuracy in [0, 1].

        Raises:
            InvalidExperience: no number, out of range, or of a unit that cannot be told.
        """
        text = str(cell).strip()
        if text.endswith("%"):
            return self._within(column, number(column, text[:-1]), 100.0, cell)
        value = number(column, cell)
        if not self.percent:
            if 1 < value <= 100:
                raise refused(column, "be between 0 and 1 as most of the others are", cell, f"Or write {value:g}%.")
            return self._within(column, value, 1.0, cell)
        if 0 < value <= 1:
            rule = "be in percent as most of the others are"
            raise refused(column, rule, cell, f"If it is a percent, write {value:g}%.")
        return self._within(column, value, 100.0, cell)

    @staticmethod
    def _within(column: str, value: float, most: float, cell: Any) -> float:
        if not 0 <= value <= most:
            raise refused(column, f"lie in [0, {most:g}]", cell)
        return round(value / most, 8)
