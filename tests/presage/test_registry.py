"""Implementations by name: loaded when asked for, unknown names answered with the nearest."""

from __future__ import annotations

import math
import sys

import pytest

from presage.errors import UnknownName
from presage.registry import Registered, Registry

ROOTS = Registry(
    "root",
    {"square": Registered("math:sqrt", "of two"), "colour": Registered("colorsys:rgb_to_hsv", "of none")},
)


def test_an_implementation_is_imported_when_it_is_asked_for() -> None:
    sys.modules.pop("colorsys", None)
    assert ROOTS.summaries() == {"square": "of two", "colour": "of none"}
    assert "colorsys" not in sys.modules
    assert ROOTS.load("colour") is sys.modules["colorsys"].rgb_to_hsv
    assert ROOTS.load("square") is math.sqrt


def test_names_are_listed_with_the_default_first() -> None:
    assert ROOTS.listed("colour") == "colour (default) or square"
    assert Registry("root", {"square": ROOTS["square"]}).listed("square") == "square (default)"
    assert Registry("root", dict.fromkeys("abc", ROOTS["square"])).listed("b") == "b (default), a or c"


def test_names_keep_their_order() -> None:
    assert list(ROOTS) == ["square", "colour"]
    assert len(ROOTS) == 2


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownName) as caught:
        ROOTS.load("squares")
    assert str(caught.value) == "No root is named `squares`. Did you mean `square`? Known: colour, square."


def test_it_is_a_mapping() -> None:
    assert "cube" not in ROOTS
    assert ROOTS.get("cube") is None
