"""Errors are one line of bearable length, whatever value was wrong."""

from __future__ import annotations

import pytest

from presage.errors import InvalidArgument, shown


class Odd:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")


class Verbose:
    def __repr__(self) -> str:
        return "x\n" * 10_000


@pytest.mark.parametrize(
    "value", [0, -1.5, "text", b"bytes", None, True, [1, "a"], (2,), {"b": 1, "a": [2]}, {3}, 10**30]
)
def test_a_short_value_is_shown_as_it_is(value: object) -> None:
    assert shown(value) == repr(value)


@pytest.mark.parametrize(
    "value",
    [
        "x" * 10**7,
        b"x" * 10**7,
        list(range(10**6)),
        {n: n for n in range(10**6)},
        10**5000,
        Odd(),
        Verbose(),
        "a\nb" * 99,
    ],
    ids=["text", "bytes", "list", "object", "integer", "no repr", "verbose", "lines"],
)
def test_a_huge_or_odd_value_is_one_short_line(value: object) -> None:
    line = str(InvalidArgument("epochs", "Recipe", "be at least 1", value))
    assert line.startswith("The `epochs` of `Recipe` must be at least 1. Got ")
    assert len(line) < 200
    assert "\n" not in line


def test_what_is_nested_without_end_is_shown_to_some_depth() -> None:
    endless: list[object] = []
    endless.append(endless)
    assert len(shown(endless)) <= 120
    deep: object = 1
    for _ in range(100_000):
        deep = [deep]
    assert len(shown(deep)) <= 120
