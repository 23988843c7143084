"""Real numbers that operations hold, as pairs of integers: 0.1 is ``(1, -1)``, the significand and the power of ten.

Nine digits tell any two numbers of float32 apart, and fit an integer of 32 bits.
"""

from __future__ import annotations

from decimal import Decimal

from presage.architecture.operation import LARGEST, Pair

__all__ = ["DECIMAL", "decimal", "value_of"]

DECIMAL = (-LARGEST, LARGEST)
"""Bounds of a field that holds such a pair."""


def decimal(value: float) -> Pair:
    """The pair nearest to a finite number, its significand without trailing zeros."""
    sign, digits, exponent = Decimal(f"{value:.8e}").as_tuple()
    significand = int("".join(map(str, digits)))
    if significand == 0:
        return 0, 0
    power = int(exponent)
    while significand % 10 == 0:
        significand //= 10
        power += 1
    return (-significand if sign else significand), power


def value_of(pair: Pair) -> float:
    """The number that a pair stands for."""
    return float(f"{pair[0]}e{max(-400, min(400, pair[1]))}")
