"""What the commands share in reading numbers and printing tables."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Sequence

__all__ = ["at_least_zero", "positive", "quantity", "scaled", "table"]

SUFFIXES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "b": 10**9}


def positive(text: str) -> int:
    """A whole number of at least 1, for argparse."""
    value = quantity(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1. Got {text!r}")
    return value


def at_least_zero(text: str) -> int:
    """A whole number of at least 0, for argparse."""
    return quantity(text)


def quantity(text: str) -> int:
    """A count with an optional suffix: 500, 50k, 1.5M, 2G."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([kKmMgGbB]?)", text.strip())
    if match is None:
        raise argparse.ArgumentTypeError(f"must be a number such as 500, 50k or 1.5M. Got {text!r}")
    return round(float(match[1]) * SUFFIXES[match[2].lower()])


def scaled(value: float) -> str:
    """A count for people: 1234567 → 1.23M."""
    for size, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{suffix}"
    return f"{value:.3g}"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Left-aligned first column, the others right-aligned."""
    lines = [list(header), *[list(row) for row in rows]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    texts = []
    for line in lines:
        cells = [
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        texts.append("  ".join(cells).rstrip())
    return "\n".join([texts[0], "  ".join("-" * width for width in widths), *texts[1:]])
