"""Cells are predicted from what others scored on other texts, with intervals that texts left out have calibrated."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from presage.architecture.recurrent.features import cell_features
from presage.architecture.recurrent.spaces import RnnEnas
from presage.errors import InvalidArgument
from presage.surrogate.cells.experience import CellExperience
from presage.surrogate.cells.predictor import WORST, CellPredictor, judged, left_out
from presage.surrogate.metrics import kendall_tau
from tests.surrogate.cells.conftest import DEPTH

MakeUp = Callable[..., CellExperience]


def test_it_learns_what_makes_a_cell_good(made_up: MakeUp) -> None:
    fitted = CellPredictor().fit(made_up())
    space = RnnEnas(nodes=6)
    cells = space.cells(space.sample(60, np.random.default_rng(7)))
    found = fitted.predict(cells)
    assert len(found) == 60
    assert kendall_tau(cell_features(cells)[:, DEPTH], found.value) > 0.7
    assert fitted.tau_ > 0.5
    other_way = CellPredictor().fit(made_up(sign=-1.0)).predict(cells)
    assert kendall_tau(cell_features(cells)[:, DEPTH], other_way.value) < -0.7


def test_of_noise_it_claims_nothing(made_up: MakeUp) -> None:
    fitted = CellPredictor().fit(made_up(sign=0.0, noise=0.05))
    assert abs(fitted.tau_) < 0.25


def test_a_text_that_is_left_out_teaches_nothing_about_itself(made_up: MakeUp) -> None:
    experience = made_up()
    first = experience.text == 0
    other = replace(experience, relative=np.where(first, experience.relative + 0.1, experience.relative))
    np.testing.assert_array_equal(left_out(other)[first], left_out(experience)[first])
    assert not np.array_equal(left_out(other)[~first], left_out(experience)[~first])


def test_only_cells_of_no_other_text_are_judged_by(made_up: MakeUp) -> None:
    experience = made_up(texts=3)
    own = tuple(str(at) for at in range(120))
    rows = judged(replace(experience, cells=(*own[:40], own[0], *own[41:])))
    assert [int(one.sum()) for one in rows] == [39, 39, 40]


def test_intervals_hold_what_they_promise_and_promise_nothing_of_too_few_texts(made_up: MakeUp) -> None:
    many = made_up(texts=12, each=20)
    fitted = CellPredictor().fit(many)
    inside = np.abs(many.relative - left_out(many)) <= fitted.half_width_
    assert 0.88 <= inside.mean() <= 0.95
    few = CellPredictor().fit(made_up(texts=4))
    assert math.isinf(few.half_width_)
    assert few.told["half_width"] is None
    json.dumps(few.told, allow_nan=False)


def test_how_bad_a_bad_cell_was_does_not_matter(made_up: MakeUp) -> None:
    experience = made_up()
    worst = np.arange(len(experience)) % 10 == 0
    bad, terrible = (
        CellPredictor().fit(replace(experience, relative=np.where(worst, share, experience.relative)))
        for share in (0.3, 40.0)
    )
    space = RnnEnas(nodes=6)
    cells = space.cells(space.sample(20, np.random.default_rng(3)))
    np.testing.assert_array_equal(bad.predict(cells).value, terrible.predict(cells).value)


def test_cells_like_those_that_diverged_are_said_to_diverge_and_are_chosen_last(made_up: MakeUp) -> None:
    experience = made_up(sign=0.0, noise=0.01)
    deep = experience.features[:, DEPTH] > np.quantile(experience.features[:, DEPTH], 0.8)
    diverged = replace(experience, diverged=deep.astype(float), relative=np.where(deep, np.nan, experience.relative))
    fitted = CellPredictor().fit(diverged)
    space = RnnEnas(nodes=6)
    cells = space.cells(space.sample(60, np.random.default_rng(7)))
    found = fitted.predict(cells)
    among = cell_features(cells)[:, DEPTH] > np.quantile(experience.features[:, DEPTH], 0.8)
    assert 5 < among.sum() < 30
    assert found.diverges[among].min() > 0.5 > found.diverges[~among].max()
    assert found.expected[among].min() > found.expected[~among].max()
    np.testing.assert_allclose(found.expected, found.value + found.diverges * (WORST - found.value))
    assert CellPredictor().fit(experience).predict(cells).diverges.max() == 0.0


def test_one_experience_gives_one_predictor(made_up: MakeUp) -> None:
    space = RnnEnas(nodes=6)
    cells = space.cells(space.sample(20, np.random.default_rng(3)))
    one, other = (CellPredictor().fit(made_up()).predict(cells).value for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_too_few_texts_are_refused(made_up: MakeUp) -> None:
    with pytest.raises(InvalidArgument, match="at least 3 texts"):
        CellPredictor().fit(made_up(texts=2))
