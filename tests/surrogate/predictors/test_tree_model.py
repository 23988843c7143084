"""LightGBM's trees in NumPy: equal to LightGBM's own to the last bit, and what is no such text is not read as one."""

from __future__ import annotations

import os
import subprocess
import sys

import lightgbm
import numpy as np
import pytest

from presage.architecture.compiled.compiling import SWITCH
from presage.errors import InvalidArgument
from presage.surrogate.predictors.tree_model import FEW, TreeModel
from presage.surrogate.predictors.tree_nodes import Nodes


def _trained(
    rounds: int = 40, leaves: int = 15, rows: int = 600, **more: object
) -> tuple[lightgbm.Booster, np.ndarray]:
    """Trees of seven columns, one constant and two with missing values, and rows of their kind."""
    rng = np.random.default_rng(3)
    x = rng.normal(0, 2, (rows, 7)).astype(np.float32)
    x[:, 2] = 1.0
    for column in (4, 5):
        x[rng.random(rows) < 0.3, column] = np.nan
    y = np.nan_to_num(x[:, 4]) * x[:, 0] + np.abs(x[:, 1]) + rng.normal(0, 0.1, rows)
    parameters = {"verbosity": -1, "num_leaves": leaves, "min_data_in_leaf": 3, "num_threads": 1, "seed": 1, **more}
    return lightgbm.train(parameters, lightgbm.Dataset(x, y), num_boost_round=rounds), x


@pytest.mark.parametrize("leaves", [2, 15, 90])
@pytest.mark.parametrize("missing", [True, False])
def test_few_and_many_rows_are_predicted_alike_to_the_last_bit(leaves: int, missing: bool) -> None:
    booster, x = _trained(leaves=leaves, use_missing=missing)
    x = np.concatenate([x, np.full((1, 7), np.nan, np.float32), np.zeros((1, 7), np.float32)])
    model = TreeModel(booster.model_to_string())
    assert model.nodes is not None
    for rows in (x, x[:1], x[:0]):
        if len(rows):
            np.testing.assert_array_equal(model.nodes.predict(rows), model.predict(rows, threads=1))
    assert model.nodes.predict(x).std() > 0.1


@pytest.mark.parametrize("leaves", [2, 15, 32])
@pytest.mark.parametrize("missing", [True, False])
def test_compiled_trees_are_lightgbms_to_the_last_bit(leaves: int, missing: bool) -> None:
    pytest.importorskip("numba", reason="the extra `fast` is not installed")
    from presage.surrogate.predictors.tree_splits import predicted

    booster, x = _trained(leaves=leaves, use_missing=missing)
    x = np.concatenate([x, np.full((1, 7), np.nan, np.float32), np.zeros((1, 7), np.float32)])
    splits = TreeModel(booster.model_to_string()).splits
    assert splits is not None
    at_threshold = np.repeat(splits.threshold[:50, None], 7, axis=1)  # on a split, and beside it
    beside = np.nextafter(at_threshold, np.float32(np.inf))
    for rows in (x, x[:1], at_threshold, beside):
        np.testing.assert_array_equal(predicted(splits, rows), booster.predict(rows))


def test_trees_of_more_leaves_than_a_mask_has_bits_are_left_to_lightgbm() -> None:
    pytest.importorskip("numba", reason="the extra `fast` is not installed")
    assert TreeModel(_trained(leaves=90)[0].model_to_string()).splits is None


def test_trees_of_one_leaf_are_a_constant() -> None:
    booster, x = _trained(rounds=3, rows=8, min_data_in_leaf=100)
    nodes = TreeModel(booster.model_to_string()).nodes
    assert nodes is not None
    np.testing.assert_array_equal(nodes.predict(x), booster.predict(x))


def test_few_rows_need_no_lightgbm() -> None:
    """Nor scikit-learn and scipy, which it imports."""
    booster, x = _trained()
    script = f"""
import sys
import numpy as np
from presage.surrogate.predictors.tree_model import TreeModel
found = TreeModel(sys.stdin.read()).predict(np.array({x[:3, :].tolist()}, np.float32))
print(found.tolist(), [name for name in ("lightgbm", "sklearn", "scipy") if name in sys.modules])
""".replace("nan", "np.nan")
    text = booster.model_to_string()
    found = subprocess.run([sys.executable, "-c", script], input=text, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == f"{booster.predict(x[:3]).tolist()} []"


def test_lightgbm_is_imported_once_numpy_was_given_many_rows() -> None:
    """And says the same to the last bit."""
    booster, x = _trained()
    script = f"""
import sys
import numpy as np
from presage.surrogate.predictors.tree_model import MANY, TreeModel
model, x = TreeModel(sys.stdin.read()), np.array({x[:3, :].tolist()}, np.float32)
found = []
for _ in range(MANY // 768 + 2):
    found.append(model.predict(np.tile(x, (256, 1)))[:3].tolist())
    if "lightgbm" in sys.modules:
        break
print(len(found) == MANY // 768 + 2, all(each == found[0] for each in found), found[0])
""".replace("nan", "np.nan")
    environment = {**os.environ, SWITCH: "0"}
    found = subprocess.run(
        [sys.executable, "-c", script],
        input=booster.model_to_string(),
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == f"True True {booster.predict(x[:3]).tolist()}"


@pytest.mark.usefixtures("compiled")
def test_compiled_trees_go_before_numpy_where_lightgbm_is_not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba", reason="the extra `fast` is not installed")
    booster, x = _trained()
    model = TreeModel(booster.model_to_string())
    monkeypatch.delitem(sys.modules, "lightgbm")
    monkeypatch.setattr(Nodes, "predict", lambda *_: pytest.fail("was walked by NumPy"))
    rows = np.resize(x, (FEW, x.shape[1]))
    np.testing.assert_array_equal(model.predict(rows), booster.predict(rows))


def test_what_is_not_read_is_left_to_lightgbm() -> None:
    booster, x = _trained(linear_tree=True)
    model = TreeModel(booster.model_to_string())
    assert model.nodes is None
    np.testing.assert_array_equal(model.predict(x[:4], 1), booster.predict(x[:4], num_threads=1))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("version=v4", "version=v5"),
        ("left_child=1 ", "left_child=0 "),
        ("left_child=1 ", "left_child=999 "),
        ("left_child=1 ", "left_child= "),
        ("num_leaves=15", "num_leaves=16"),
        ("leaf_value=", "leaf_value=x "),
        ("decision_type=2 ", "decision_type=1 "),
    ],
)
def test_other_and_damaged_texts_are_refused(old: str, new: str) -> None:
    text = _trained()[0].model_to_string()
    assert old in text
    with pytest.raises(InvalidArgument, match="LightGBM's text") as caught:
        Nodes.of(text.replace(old, new, 1))
    assert "\n" not in str(caught.value)
