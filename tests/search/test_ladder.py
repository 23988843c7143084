"""Decisions of ASHA and Hyperband, against what their papers say."""

from __future__ import annotations

from collections import Counter

import pytest

from presage.errors import UnknownName
from presage.search.ladder import LADDERS, Brackets, Ladder, Schedule, ladder, planned_epochs, rungs


def climbed(schedule: Schedule, values: list[float | None]) -> list[tuple[int, int]]:
    """The jobs, where a network is as good at every rung as `values` says."""
    jobs = []
    while (job := schedule.next()) is not None:
        jobs.append(job)
        schedule.tell(*job, values[job[0]])
    return jobs


@pytest.mark.parametrize(
    ("epochs", "share", "expected"),
    [(12, 1 / 9, (4, 12)), (27, 1 / 27, (1, 3, 9, 27)), (12, 1 / 3, (4, 12)), (12, 1 / 12, (1, 4, 12)), (1, 0.1, (1,))],
)
def test_rungs_are_thirds_down_to_a_share(epochs: int, share: float, expected: tuple[int, ...]) -> None:
    assert rungs(epochs, share) == expected


def test_asha_promotes_as_soon_as_a_third_allows() -> None:
    """Algorithm 2 by hand: the best of the first three goes on before the fourth begins."""
    jobs = climbed(Ladder(range(9), (1, 3, 9), eager=True), [0.1, 0.3, 0.2, 0.9, 0.8, 0.7, 0.4, 0.5, 0.6])
    assert jobs == [
        (0, 1), (1, 1), (2, 1), (1, 3), (3, 1), (3, 3), (4, 1), (5, 1), (4, 3), (3, 9), (6, 1), (7, 1), (8, 1), (5, 3),
    ]  # fmt: skip


def test_halving_waits_for_the_whole_rung_and_keeps_the_best() -> None:
    values: list[float | None] = [0.1, 0.3, 0.2, 0.9, 0.8, 0.7, 0.4, 0.5, 0.6]
    jobs = climbed(Ladder(range(9), (1, 3, 9), eager=False), values)
    assert jobs == [*((at, 1) for at in range(9)), (3, 3), (4, 3), (5, 3), (3, 9)]


def test_hyperband_has_the_brackets_of_its_paper() -> None:
    """Table 1 of 1603.06560, R = 9, η = 3, of 17 networks: 9 from 1 epoch, 5 from 3, 3 from 9."""
    jobs = climbed(Brackets(range(17), (1, 3, 9)), [1.0 - at / 20 for at in range(17)])
    begun: dict[int, int] = {}
    for network, epochs in jobs:
        begun.setdefault(network, epochs)
    assert Counter(begun.values()) == {1: 9, 3: 5, 9: 3}
    assert {network for network, epochs in begun.items() if epochs == 9} == {0, 1, 2}
    assert Counter(epochs for _, epochs in jobs) == {1: 9, 3: 5 + 3, 9: 3 + 1 + 1}


@pytest.mark.parametrize("name", LADDERS)
@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 27, 40])
def test_one_at_least_comes_to_its_end_and_nobody_is_trained_twice(name: str, count: int) -> None:
    jobs = climbed(ladder(name, count, 27, 1 / 27), [float(at * 7 % count) for at in range(count)])
    assert any(epochs == 27 for _, epochs in jobs)
    assert len(set(jobs)) == len(jobs)
    assert {network for network, _ in jobs} == set(range(count))
    for network in range(count):
        own = [epochs for at, epochs in jobs if at == network]
        assert own == sorted(own)


@pytest.mark.parametrize("name", LADDERS)
def test_failures_are_passed_over(name: str) -> None:
    values = [None if at % 2 else float(at) for at in range(20)]
    jobs = climbed(ladder(name, 20, 9, 1 / 9), values)
    assert any(epochs == 9 and values[at] is not None for at, epochs in jobs)
    begun = dict(reversed(jobs))
    assert all(epochs == begun[at] for at, epochs in jobs if values[at] is None)


@pytest.mark.parametrize("name", LADDERS)
def test_where_all_fail_it_ends(name: str) -> None:
    assert len(climbed(ladder(name, 6, 9, 1 / 9), [None] * 6)) == 6


def test_the_same_is_asked_until_it_is_told() -> None:
    schedule = ladder("asha", 5, 9, 1 / 9)
    assert schedule.next() == schedule.next() == (0, 1)


def test_planned_epochs_are_far_fewer_than_all() -> None:
    assert planned_epochs("asha", 27, 9, 1 / 9) == 27 * 1 + 9 * 2 + 3 * 6
    assert planned_epochs("hyperband", 17, 9, 1 / 9) == 9 + 3 * 2 + 1 * 6 + 5 * 3 + 1 * 6 + 3 * 9


def test_another_name_is_refused() -> None:
    with pytest.raises(UnknownName, match="asha, hyperband"):
        ladder("ashra", 3, 9, 0.1)
