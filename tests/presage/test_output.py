"""Numbers and tables as people write and read them."""

from __future__ import annotations

import argparse

import pytest

from presage.output import at_least_zero, milliseconds, positive, scaled, seed, share, table


@pytest.mark.parametrize(
    ("text", "value"), [("500", 500), ("50k", 50_000), ("1.5M", 1_500_000), ("2G", 2 * 10**9), (" 7 ", 7), ("0", 0)]
)
def test_a_count_may_have_a_suffix(text: str, value: int) -> None:
    assert at_least_zero(text) == value


@pytest.mark.parametrize("text", ["", "k", "-3", "1e9999", "nan", "1,5", "3 000", "0x10", "１２a", "1.5", "0.0001k"])
def test_what_is_no_count_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        at_least_zero(text)


@pytest.mark.parametrize("text", ["0", "0.4", "-1", "-1k", "abc"])
def test_what_is_not_positive_is_told_the_whole_rule(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=rf"must be a whole number of at least 1, .*\. Got '{text}'"):
        positive(text)


def test_seeds_shares_and_milliseconds_have_their_bounds() -> None:
    assert (seed("0"), seed("2147483647")) == (0, 2**31 - 1)
    assert (share("0"), share("1"), milliseconds("2.5")) == (0.0, 1.0, 2.5)
    for read, wrong in (
        (seed, ("-1", "2147483648", "1.0", "1k", "abc", "")),
        (share, ("-0.1", "1.1", "nan", "inf", "abc")),
        (milliseconds, ("0", "-1", "nan", "inf", "abc")),
    ):
        for text in wrong:
            with pytest.raises(argparse.ArgumentTypeError, match=f"Got '{text}'"):
                read(text)


@pytest.mark.parametrize(
    ("value", "text"), [(7, "7"), (999, "999"), (1234, "1.23k"), (1_234_567, "1.23M"), (2.5e9, "2.5G")]
)
def test_counts_for_people(value: float, text: str) -> None:
    assert scaled(value) == text


def test_a_table_aligns_names_left_and_numbers_right() -> None:
    assert table(("name", "n"), [("a", "1"), ("longer", "100")]) == (
        "name      n\n------  ---\na         1\nlonger  100"
    )
