"""What the commands share in reading numbers, and in printing them (`presage.display`)."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable
from decimal import Decimal

from presage.display import accuracies, beside, clock, extrapolates, reaching, scaled, table

__all__ = [
    "accuracies", "at_least_zero", "beside", "clock", "duration", "extrapolates", "milliseconds", "positive",
    "reaching", "scaled", "seed", "share", "table", "up_to",
]  # fmt: skip

SUFFIXES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "b": 10**9}
_LARGEST = 10**18
LARGEST_SEED = 2**31 - 1
"""What every library that takes a seed can hold."""


def positive(text: str) -> int:
    """A count of at least 1, for argparse: 500, 50k, 1.5M, 2G."""
    return _count(text, 1)


def up_to(most: int) -> Callable[[str], int]:
    """A count of at least 1 and at most `most`, for argparse."""

    def count(text: str) -> int:
        found = _count(text, 1)
        if found > most:
            raise argparse.ArgumentTypeError(f"must be at most {most:,}. Got {text!r}")
        return found

    return count


def at_least_zero(text: str) -> int:
    """A count of at least 0, for argparse."""
    return _count(text, 0)


def _count(text: str, least: int) -> int:
    match = re.fullmatch(r"(-?\d+(?:\.\d+)?)([kKmMgGbB]?)", text.strip())
    value = Decimal(match[1]) * SUFFIXES[match[2].lower()] if match else None
    if value is None or value < least or value > _LARGEST or value != int(value):
        rule = f"must be a whole number of at least {least}, such as 500, 50k or 1.5M"
        raise argparse.ArgumentTypeError(f"{rule}. Got {text!r}")
    return int(value)


def seed(text: str) -> int:
    """A seed, for argparse."""
    if not re.fullmatch(r"-?\d+", text) or not 0 <= int(text) <= LARGEST_SEED:
        rule = f"must be a whole number of at least 0 and at most {LARGEST_SEED}"
        raise argparse.ArgumentTypeError(f"{rule}. Got {text!r}")
    return int(text)


def share(text: str) -> float:
    """A number in [0, 1], for argparse."""
    value = _number(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"must be a number in [0, 1]. Got {text!r}")
    return value


def milliseconds(text: str) -> float:
    """A number above 0, for argparse."""
    value = _number(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number of milliseconds above 0, such as 2.5. Got {text!r}")
    return value


def duration(text: str) -> float:
    """Seconds, for argparse: 90s, 10m, 1h30m."""
    match = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", text.strip().lower())
    seconds = (
        sum(unit * int(count or 0) for unit, count in zip((3600, 60, 1), match.groups(), strict=True)) if match else 0
    )
    if not seconds:
        raise argparse.ArgumentTypeError(f"must be a time such as 90s, 10m or 1h30m. Got {text!r}")
    return float(seconds)


def _number(text: str) -> float:
    """A number; not a number where the text is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan
