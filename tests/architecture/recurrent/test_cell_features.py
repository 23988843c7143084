"""Features of cells are those counted by hand, the same however a cell is written, and apart for cells that differ."""

from __future__ import annotations

import numpy as np
import pytest

from presage.architecture.recurrent.builder import CellBuilder
from presage.architecture.recurrent.features import CELL_FEATURES, cell_features
from presage.architecture.recurrent.published import PUBLISHED, published
from presage.architecture.recurrent.registry import CELL_SPACES, get_cell_space


def told(name: str) -> dict[str, float]:
    return dict(zip(CELL_FEATURES, cell_features([published(name)])[0].tolist(), strict=True))


def test_features_of_the_lstm_and_of_the_cell_of_darts() -> None:
    lstm = told("lstm")
    assert (lstm["matrices"], lstm["matrices_of_input"], lstm["states"], lstm["depth"]) == (4, 4, 2, 1)
    assert (lstm["products"], lstm["blends"], lstm["handed_on"]) == (3, 0, 0)
    darts = told("darts_v2")
    assert (darts["matrices"], darts["matrices_of_input"], darts["depth"], darts["shortest"]) == (18, 2, 5, 2)
    assert (darts["mean_of"], darts["blends"], darts["handed_on"]) == (8, 9, 1)
    functions = ("tanh", "relu", "identity", "sigmoid")
    assert [darts[f"{name}_nodes"] for name in functions] == [3, 3, 1, 2]
    assert [darts[f"{name}_at_output"] for name in functions] == [2 / 8, 3 / 8, 1 / 8, 2 / 8]
    assert darts["tanh_first"] == 1
    assert darts["log_parameters"] == pytest.approx(np.log(20), abs=0.01)  # of 18 matrices two read the input, too


def test_features_do_not_depend_on_how_a_cell_is_written() -> None:
    one, other = CellBuilder(), CellBuilder()
    first = one.finish(one.mean(one.activation("tanh", one.matrix(one.x, one.h)), one.h))
    other.matrix(other.h)  # read by nothing
    second = other.finish(other.mean(other.h, other.activation("tanh", other.matrix(other.h, other.x))))
    assert first.hash != ""
    assert np.array_equal(*cell_features([first, second]))


@pytest.mark.parametrize("name", CELL_SPACES)
def test_cells_of_every_space_have_finite_features_of_their_own(name: str) -> None:
    space = get_cell_space(name)
    found = cell_features(space.cells(space.sample(30, np.random.default_rng(0))))
    assert found.shape == (30, len(CELL_FEATURES))
    assert np.isfinite(found).all()
    assert len(np.unique(found, axis=0)) > 25


def test_no_cells_have_no_features() -> None:
    assert cell_features([]).shape == (0, len(CELL_FEATURES))
    assert len({tuple(row) for row in cell_features([published(name) for name in PUBLISHED])}) == len(PUBLISHED)
