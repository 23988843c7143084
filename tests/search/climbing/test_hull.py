"""The lower convex hull, on points that can be drawn on paper."""

from __future__ import annotations

from presage.search.climbing.hull import on_hull


def test_what_is_dearer_and_no_better_is_not_on_it() -> None:
    assert on_hull([1, 2, 3], [0.5, 0.6, 0.4]) == [0, 2]
    assert on_hull([2, 1], [0.5, 0.5]) == [1]


def test_what_a_mixture_of_two_beats_is_not_on_it() -> None:
    assert on_hull([0, 1, 2], [1.0, 0.6, 0.0]) == [0, 2]  # half and half of the others has an error of .5
    assert on_hull([0, 1, 2], [1.0, 0.4, 0.0]) == [0, 1, 2]


def test_of_equals_the_first_counts_and_one_alone_is_on_it() -> None:
    assert on_hull([1, 1], [0.5, 0.5]) == [0]
    assert on_hull([7], [0.9]) == [0]
