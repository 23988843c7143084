"""Numbers and tables as people write and read them."""

from __future__ import annotations

import argparse

import pytest

from presage.output import positive, quantity, scaled, table


@pytest.mark.parametrize(
    ("text", "value"), [("500", 500), ("50k", 50_000), ("1.5M", 1_500_000), ("2G", 2 * 10**9), (" 7 ", 7), ("0", 0)]
)
def test_a_count_may_have_a_suffix(text: str, value: int) -> None:
    assert quantity(text) == value


@pytest.mark.parametrize("text", ["", "k", "-3", "1e9999", "nan", "1,5", "3 000", "0x10", "１２a"])
def test_what_is_no_count_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        quantity(text)


def test_nought_is_not_positive() -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        positive("0.4")


@pytest.mark.parametrize(
    ("value", "text"), [(7, "7"), (999, "999"), (1234, "1.23k"), (1_234_567, "1.23M"), (2.5e9, "2.5G")]
)
def test_counts_for_people(value: float, text: str) -> None:
    assert scaled(value) == text


def test_a_table_aligns_names_left_and_numbers_right() -> None:
    assert table(("name", "n"), [("a", "1"), ("longer", "100")]) == (
        "name      n\n------  ---\na         1\nlonger  100"
    )
