from __future__ import annotations

import hashlib
import itertools
from collections import Counter

import numpy as np
import pytest

from presage.architecture.costs import costs
from presage.architecture.spaces import get_space
from presage.architecture.torch_bridge.build import build
from presage.training import design
from presage.training.design import MOST_MULTIPLY_ADDS, PARTS, Planned, core, sequence

FIRST, SECOND = "0123456789abcdef" * 4, "fedcba9876543210" * 4


START = PARTS[0].length or 0  # of the second part
CORES = [core()[: PARTS[0].core_size], core()[PARTS[0].core_size :]]


@pytest.fixture(scope="module")
def whole() -> list[Planned]:
    return list(itertools.islice(sequence(FIRST), START + 60))


@pytest.fixture(scope="module")
def planned(whole: list[Planned]) -> list[Planned]:
    return whole[:60]


def multiply_adds(plan: Planned) -> int:
    return costs(plan.candidate.architecture, (3, 16, 16), 10).multiply_adds


def test_a_longer_sequence_only_adds(planned: list[Planned]) -> None:
    again = list(itertools.islice(sequence(FIRST), 40))
    assert [(p.candidate.architecture.hash, p.seed) for p in again] == [
        (p.candidate.architecture.hash, p.seed) for p in planned[:40]
    ]


def test_the_first_part_is_what_the_shipped_experience_was_made_by(whole: list[Planned]) -> None:
    made = "".join(f"{plan.position}{plan.candidate.architecture.hash}{plan.seed}{plan.kind}" for plan in whole[:80])
    assert hashlib.sha256(made.encode()).hexdigest().startswith("388e738abf806e9d")


def test_no_experiment_comes_twice(whole: list[Planned]) -> None:
    identities = [(plan.candidate.architecture.hash, plan.seed) for plan in whole]
    assert len(set(identities)) == len(identities)
    assert [plan.position for plan in whole] == list(range(len(whole)))


def test_the_core_is_shared_and_the_rest_is_not(planned: list[Planned]) -> None:
    other = list(itertools.islice(sequence(SECOND), 60))
    hashes = [{p.candidate.architecture.hash for p in plan if p.kind == "core"} for plan in (planned, other)]
    assert hashes[0] == hashes[1] == {candidate.architecture.hash for candidate in CORES[0]}
    fresh = [{p.candidate.architecture.hash for p in plan if p.kind == "fresh"} for plan in (planned, other)]
    assert len(fresh[0] & fresh[1]) <= 3
    assert not fresh[0] & hashes[0]


def test_one_in_twelve_repeats_a_core_network_with_a_second_seed(planned: list[Planned]) -> None:
    repeats = [plan for plan in planned if plan.kind == "repeat"]
    assert len(repeats) == 5
    assert {plan.seed for plan in repeats} == {1}
    assert [plan.candidate for plan in repeats] == list(CORES[0][:5])
    assert {plan.seed for plan in planned if plan.kind != "repeat"} == {0}


def test_half_of_each_part_comes_from_each_space(planned: list[Planned]) -> None:
    assert Counter(candidate.space for candidate in CORES[0]) == {"chain": 14, "nb201": 14}
    fresh = Counter(plan.candidate.space for plan in planned if plan.kind == "fresh")
    assert abs(fresh["chain"] - fresh["nb201"]) <= 4  # a network drawn a second time is passed over


def test_the_second_part_is_mostly_from_the_spaces_that_came_later(whole: list[Planned]) -> None:
    later, spaces = whole[START:], PARTS[1].spaces[:5]
    assert Counter(candidate.space for candidate in CORES[1]) == dict.fromkeys(spaces, 2)
    assert [plan.candidate for plan in later if plan.kind == "core"] == list(CORES[1])
    repeated = [plan.candidate for plan in later if plan.kind == "repeat"]
    assert repeated == list(CORES[1][: len(repeated)])
    fresh = Counter(plan.candidate.space for plan in later if plan.kind == "fresh")
    assert set(fresh) == set(PARTS[1].spaces)
    assert min(fresh[space] for space in spaces[1:]) > max(fresh["chain"], fresh["nb201"], fresh["darts:width=4"])


def test_costs_are_spread_and_under_the_cap(planned: list[Planned]) -> None:
    for kind in ("core", "fresh"):
        sizes = [multiply_adds(p) for p in planned if p.kind == kind and p.candidate.space == "chain"]
        assert max(sizes) <= MOST_MULTIPLY_ADDS
        quantiles = np.searchsorted(np.exp(design._cost_spread("chain")), sizes) / len(design._cost_spread("chain"))
        assert np.histogram(quantiles, bins=4, range=(0, 1))[0].min() >= len(sizes) // 8


def test_the_core_has_weak_and_strong_networks() -> None:
    norms = Counter(candidate.params["norm"] for candidate in core() if candidate.space == "chain")
    assert set(norms) == {"none", "batch", "group"}


def test_the_shipped_cores_are_what_their_parameters_say() -> None:
    assert [len(members) for members in CORES] == [part.core_size for part in PARTS]
    assert len({candidate.architecture.hash for candidate in core()}) == len(core())
    for candidate in core():
        decoded = get_space(candidate.space).decode(candidate.params)
        assert decoded.hash == candidate.architecture.hash


def test_a_core_drawn_anew_keeps_its_promises() -> None:
    drawn = design.choose_core(("chain", "nb201"), size=12, seed=5)
    assert len({candidate.architecture.hash for candidate in drawn}) == 12
    assert [candidate.space for candidate in drawn] == ["chain", "nb201"] * 6
    assert drawn == design.choose_core(("chain", "nb201"), size=12, seed=5)


@pytest.mark.parametrize("shape", [(1, 16, 16), (3, 8, 8)])
def test_every_planned_network_can_be_built(whole: list[Planned], shape: tuple[int, int, int]) -> None:
    for plan in whole[:12] + whole[START:]:
        build(plan.candidate.architecture.canonical, shape, 7)
