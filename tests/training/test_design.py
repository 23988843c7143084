from __future__ import annotations

import itertools
from collections import Counter
from importlib import resources

import numpy as np
import pytest

from architecture.build import build
from architecture.costs import costs
from architecture.spaces import get_space
from training import design
from training.design import CORE_SIZE, MOST_MULTIPLY_ADDS, Planned, core, sequence

FIRST, SECOND = "0123456789abcdef" * 4, "fedcba9876543210" * 4


@pytest.fixture(scope="module")
def planned() -> list[Planned]:
    return list(itertools.islice(sequence(FIRST), 60))


def multiply_adds(plan: Planned) -> int:
    return costs(plan.candidate.architecture, (3, 16, 16), 10).multiply_adds


def test_a_longer_sequence_only_adds(planned: list[Planned]) -> None:
    again = list(itertools.islice(sequence(FIRST), 40))
    assert [(p.candidate.architecture.hash, p.seed) for p in again] == [
        (p.candidate.architecture.hash, p.seed) for p in planned[:40]
    ]


def test_no_experiment_comes_twice(planned: list[Planned]) -> None:
    identities = [(plan.candidate.architecture.hash, plan.seed) for plan in planned]
    assert len(set(identities)) == len(identities)


def test_the_core_is_shared_and_the_rest_is_not(planned: list[Planned]) -> None:
    other = list(itertools.islice(sequence(SECOND), 60))
    hashes = [{p.candidate.architecture.hash for p in plan if p.kind == "core"} for plan in (planned, other)]
    assert hashes[0] == hashes[1] == {candidate.architecture.hash for candidate in core()}
    fresh = [{p.candidate.architecture.hash for p in plan if p.kind == "fresh"} for plan in (planned, other)]
    assert len(fresh[0] & fresh[1]) <= 3
    assert not fresh[0] & hashes[0]


def test_one_in_twelve_repeats_a_core_network_with_a_second_seed(planned: list[Planned]) -> None:
    repeats = [plan for plan in planned if plan.kind == "repeat"]
    assert len(repeats) == 5
    assert {plan.seed for plan in repeats} == {1}
    assert [plan.candidate for plan in repeats] == list(core()[:5])
    assert {plan.seed for plan in planned if plan.kind != "repeat"} == {0}


def test_half_of_each_part_comes_from_each_space(planned: list[Planned]) -> None:
    assert Counter(candidate.space for candidate in core()) == {"chain": CORE_SIZE // 2, "nb201": CORE_SIZE // 2}
    fresh = Counter(plan.candidate.space for plan in planned if plan.kind == "fresh")
    assert abs(fresh["chain"] - fresh["nb201"]) <= 4  # a network drawn a second time is passed over


def test_costs_are_spread_and_under_the_cap(planned: list[Planned]) -> None:
    for kind in ("core", "fresh"):
        sizes = [multiply_adds(p) for p in planned if p.kind == kind and p.candidate.space == "chain"]
        assert max(sizes) <= MOST_MULTIPLY_ADDS
        quantiles = np.searchsorted(np.exp(design._cost_spread("chain")), sizes) / len(design._cost_spread("chain"))
        assert np.histogram(quantiles, bins=4, range=(0, 1))[0].min() >= len(sizes) // 8


def test_the_core_has_weak_and_strong_networks() -> None:
    norms = Counter(candidate.params["norm"] for candidate in core() if candidate.space == "chain")
    assert set(norms) == {"none", "batch", "group"}


def test_the_shipped_core_is_what_its_parameters_say() -> None:
    assert len(core()) == CORE_SIZE
    assert len({candidate.architecture.hash for candidate in core()}) == CORE_SIZE
    for candidate in core():
        decoded = get_space(candidate.space).decode(candidate.params)
        assert decoded.hash == candidate.architecture.hash
    assert resources.files("training").joinpath("core.json").is_file()


def test_a_core_drawn_anew_keeps_its_promises() -> None:
    drawn = design.choose_core(size=12, seed=5)
    assert len({candidate.architecture.hash for candidate in drawn}) == 12
    assert [candidate.space for candidate in drawn] == ["chain", "nb201"] * 6
    assert drawn == design.choose_core(size=12, seed=5)


@pytest.mark.parametrize("shape", [(1, 16, 16), (3, 8, 8)])
def test_every_planned_network_can_be_built(planned: list[Planned], shape: tuple[int, int, int]) -> None:
    for plan in planned:
        build(plan.candidate.architecture.canonical, shape, 7)
