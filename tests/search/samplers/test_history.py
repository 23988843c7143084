from __future__ import annotations

import numpy as np
import pytest

from presage.search.samplers import ReinforceSampler, regularized_evolution
from presage.search.samplers.history import History, code_words
from presage.search.strategies import get_proposer
from presage.search.testing import TinySpace

SPACE = TinySpace(layers=5)


def filled(size: int, parameters: int = 3) -> tuple[History, np.ndarray]:
    rng = np.random.default_rng(0)
    codes, values = rng.integers(0, 5, (size, parameters)), rng.random((size, 2))
    values[::3, 1] = np.nan
    found = History(parameters, 2)
    for at in range(0, size, 700):  # past the room it begins with, several times
        found.extend(codes[at : at + 700], values[at : at + 700])
    return found, codes


def test_a_candidate_is_scored_where_every_objective_is_a_number() -> None:
    found, _ = filled(3000)
    assert np.array_equal(found.scored, np.isfinite(found.values).all(axis=1))
    assert np.array_equal(found.first(1500).scored, found.scored[:1500])


def test_what_it_holds_is_what_is_among_its_codes_and_grows_with_them() -> None:
    found, codes = filled(40)
    asked = np.random.default_rng(1).integers(0, 5, (200, 3))
    for more in ([], [0], [3, 4]):
        found.extend(asked[more], np.zeros((len(more), 2)))
        known = {tuple(code) for code in found.codes.tolist()}
        expected = [tuple(code) in known for code in asked.tolist()]
        assert found.holds(code_words(asked)).tolist() == expected
    assert len(codes) == 40


@pytest.mark.parametrize("size", [500, 5000])
def test_evolution_looks_at_each_recorded_candidate_once(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []

    def counted(codes: np.ndarray) -> np.ndarray:
        looked.append(len(codes))
        return code_words(codes)

    monkeypatch.setattr(regularized_evolution, "code_words", counted)
    known, proposer = History(len(SPACE.parameters)), get_proposer("evolution", 0)
    rng = np.random.default_rng(0)
    known.extend(SPACE.sample(size, rng), rng.random((size, 1)))
    for number in range(4):
        proposals = proposer.propose(SPACE, known, 50, (number,))
        known.extend(proposals.codes, rng.random((50, 1)))
    assert looked[:2] == [50, size]  # children, then all that is recorded
    assert max(looked[2:]) == 50


def test_reinforce_compares_a_history_that_only_grew_no_more_and_another_one_from_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(0)
    codes, values = SPACE.sample(400, rng), rng.random((400, 1))

    def of(size: int) -> History:
        made = History(len(SPACE.parameters))
        made.extend(codes[:size], values[:size])
        return made

    sampler, grown = ReinforceSampler(0), of(200)
    sampler.propose(SPACE, grown, 10, (0,))
    grown.extend(codes[200:], values[200:])
    compared: list[int] = []
    monkeypatch.setattr(
        "presage.search.samplers.reinforce.np.array_equal",
        lambda one, other, equal_nan=False: compared.append(len(one)) or bool((one == other).all()),
    )
    found = sampler.propose(SPACE, grown, 10, (1,))
    assert not compared
    again = sampler.propose(SPACE, of(400), 10, (1,))
    assert compared
    anew = ReinforceSampler(0).propose(SPACE, of(400), 10, (1,))
    assert np.array_equal(found.codes, again.codes)
    assert np.array_equal(found.codes, anew.codes)
