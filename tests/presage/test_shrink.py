"""`presage shrink`: the whole command on a tiny dataset."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
import torch

import presage as presage_api
from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.costs import costs
from presage.architecture.serial import dumps
from presage.architecture.spaces import get_space
from presage.database import Database
from presage.errors import InvalidArgument
from presage.search.shrinking import subject
from presage.session import Session
from presage.steps.extrapolation import Extrapolation
from presage.steps.fits import LearnedFrom
from presage.surrogate.predictors.prediction import Prediction
from presage.training.model.folder import load_model
from presage.training.pruning.sparse import nonzero, prunable
from presage.training.recipe import Recipe

Run = Callable[..., Any]
QUICK = ("--epochs", 2, "--image-side", 8, "--train-images", 60, "--set", "least_epoch_images=60")


class BySize:
    """Predicts by the number of nodes; what predictors learn is tested elsewhere, and takes a while."""

    trained: Mapping[str, float] = MappingProxyType({})
    operations: frozenset[str] = frozenset()
    extrapolation = Extrapolation(of_recipe=0, largest=10)
    learned_from = LearnedFrom(fitted_to=40, told=0, waiting=2)

    def predict(self, graphs: GraphBatch) -> Prediction:
        value = 0.5 + np.diff(graphs.node_start) / 1000
        return Prediction(value, value - 0.1, value + 0.1, 0.9)


@pytest.fixture(autouse=True)
def by_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Session, "bound_predictor", lambda *_: BySize())


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """A residual network of 3 stages, 41,427 parameters on the dataset's images."""
    space = get_space("blocks:blocks=2,width=8")
    params = {parameter.name: "S" for parameter in space.parameters}
    path = tmp_path / "network.json"
    path.write_text(dumps(space.decode(params)))
    return path


@pytest.fixture
def words(network: Path, shapes_npz: Path, tmp_path: Path) -> tuple[object, ...]:
    kept = ("--database", tmp_path / "x.duckdb", "--run", tmp_path / "run")
    return ("shrink", network, shapes_npz, "--candidates", 8, "--shortlist", 2, "--json", *kept, *QUICK)


def test_the_answer_is_within_the_limit_beside_a_plain_version(
    presage: Run, words: tuple[object, ...], tmp_path: Path
) -> None:
    outcome = presage(*words, "--max-params", "9k")
    assert outcome.code == 0, outcome.err
    told = outcome.json
    roles = [one["role"] for one in told["networks"]]
    assert roles == ["original", "plain", "short-list", "short-list"]
    assert any("2 newer ones wait for the next fit" in note for note in told["notes"])
    original, *smaller = told["networks"]
    assert original["parameters"] > 9_000 / 0.3
    for one in smaller:
        assert 0.95 <= one["share"] <= 1
        assert one["parameters"] == pytest.approx(9_000, rel=0.05)
        assert one["status"] == "finished"
        assert (Path(one["model"]) / "weights.safetensors").is_file()
    assert told["answer"].startswith("network.json at ")
    assert "of its parameters: predicted" in told["answer"]
    assert "scaled down plainly" in told["answer"]
    best = max(one["accuracy"] for one in smaller)
    assert told["best"] in {one["hash"] for one in smaller if one["accuracy"] == best}
    assert load_model(tmp_path / "run" / "best").architecture.hash == told["best"]
    assert told["answer"].endswith("which is better.") == (best > max(one["accuracy"] for one in smaller[1:]))
    with Database.open(tmp_path / "x.duckdb") as database:
        trained = {one.architecture for one in database.experiment_records(status="finished")}
    assert {one["hash"] for one in told["networks"]} <= trained


def test_asked_again_nothing_is_trained_again(presage: Run, words: tuple[object, ...], tmp_path: Path) -> None:
    first = presage(*words, "--max-macs", "100k").json
    again = presage(*words, "--max-macs", "100k").json
    assert again == first
    other = presage(*words, "--max-macs", "80k")
    assert other.code == 2
    assert "The `limits` of `presage shrink` must stay" in other.err
    one = tmp_path / "run" / "networks" / first["networks"][2]["hash"][:16]
    (one / "experiment.json").unlink()  # as if it had been killed in the middle of this training
    (tmp_path / "run" / "result.json").unlink()
    resumed = presage(*words, "--max-macs", "100k").json
    for was, now in zip(first["networks"], resumed["networks"], strict=True):
        assert {**was, "seconds": 0} == {**now, "seconds": 0}


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        (("--max-params", "10M"), r"The `--max-params` of `presage shrink` must be below the [\d,]+ parameters of"),
        (("--max-macs", "10M"), r"The `--max-macs` of `presage shrink` must be below the [\d,]+ multiply-adds of"),
        (("--max-params", "50"), r"No smaller version of network.json is within 50 parameters. With one channel"),
        (("--max-latency", "60000"), r"The `--max-latency` of `presage shrink` must be below the [\d.]+ milliseconds"),
        ((), r"The `--max-params` of `presage shrink` must be given, or"),
    ],
)
def test_what_cannot_be_is_one_line(presage: Run, words: tuple[object, ...], limit: tuple[str, ...], said: str) -> None:
    outcome = presage(*words, "--quiet", *limit)
    assert outcome.code == 2
    assert re.match(f"presage: {said}", outcome.err), outcome.err
    assert outcome.err.count("\n") == 1


def test_latency_is_estimated_for_all_and_measured_for_what_is_trained(
    presage: Run, words: tuple[object, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a clock that counts multiply-adds: a real one would make this a test of the machine."""

    def clock(architecture: Any, shape: Any, classes: int, **rest: Any) -> float:
        return 1e-9 * costs(architecture, shape, classes).multiply_adds

    monkeypatch.setattr(subject, "time_architecture", clock)
    told = presage(*words, "--max-latency", "0.1").json
    for one in told["networks"][1:]:
        assert one["latency_seconds"] <= 0.0001
    assert told["answer"].startswith("network.json at 0.1 ms at most: ")


def test_several_networks_are_refused(presage: Run, words: tuple[object, ...], network: Path, tmp_path: Path) -> None:
    both = tmp_path / "both.jsonl"
    both.write_text(network.read_text() + "\n" + network.read_text() + "\n")
    outcome = presage("shrink", both, *words[2:], "--max-params", "9k", "--quiet")
    assert outcome.code == 2
    assert "The `NETWORK` of `presage shrink` must name one network, not 2." in outcome.err


def test_the_network_itself_need_not_be_trained(presage: Run, words: tuple[object, ...]) -> None:
    told = presage(*words, "--max-params", "9k", "--skip-original").json
    assert told["networks"][0]["accuracy"] is None
    assert "trained 0." in told["answer"] or "trained 1." in told["answer"]


def test_channels_of_a_trained_network_are_removed_and_it_is_trained_on(
    presage: Run, words: tuple[object, ...], tmp_path: Path
) -> None:
    models = tmp_path / "models"
    trained = presage(
        "train", words[2], words[1], "--out", models, "--database", tmp_path / "x.duckdb", "--json", *QUICK
    )
    (row,) = trained.json["trained"]
    asked = ("shrink", row["model"], *words[2 : -len(QUICK)], "--max-macs", "150k")  # by the recipe of the model
    outcome = presage(*asked)
    assert outcome.code == 0, outcome.err
    told = outcome.json
    assert told["recipe"]["epochs"] == 2
    original, *_, by_magnitude, by_fisher = told["networks"]
    assert original["accuracy"] == pytest.approx(row["accuracy"], abs=1e-5)
    assert original["test_accuracy"] == pytest.approx(row["test_accuracy"], abs=1e-5)
    assert [one["kind"] for one in (by_magnitude, by_fisher)] == ["magnitude", "fisher"]
    for one in (by_magnitude, by_fisher):
        assert one["role"] == "pruned"
        assert 0.95 <= one["share"] <= 1
        assert one["status"] == "finished"
        assert "before it is trained on" in one["how"]
        assert load_model(one["model"]).accuracy == pytest.approx(one["accuracy"], abs=1e-5)
    assert by_magnitude["parameters"] == told["networks"][1]["parameters"]  # as wide as the plain version
    with Database.open(tmp_path / "x.duckdb") as database:  # none that began with trained weights
        assert by_fisher["hash"] not in {one.architecture for one in database.experiment_records()}
    assert presage(*asked).json == told


def test_a_network_trained_on_other_classes_is_refused(
    presage: Run, words: tuple[object, ...], shapes_npz: Path, tmp_path: Path
) -> None:
    models, other = tmp_path / "models", tmp_path / "other.npz"
    with np.load(shapes_npz) as arrays:
        few = {name: arrays[name] for name in arrays}
    for part in ("train", "test"):
        kept = few[f"y_{part}"] < 2
        few[f"x_{part}"], few[f"y_{part}"] = few[f"x_{part}"][kept], few[f"y_{part}"][kept]
    np.savez(other, **few)
    trained = presage("train", other, words[1], "--out", models, "--database", tmp_path / "x.duckdb", "--json", *QUICK)
    outcome = presage("shrink", trained.json["trained"][0]["model"], *words[2:], "--max-params", "9k", "--quiet")
    assert outcome.code == 2
    assert "The `NETWORK` of `presage shrink` must be trained on the classes of" in outcome.err


def test_sparse_networks_have_as_many_parameters_as_the_plain_version(
    presage: Run, words: tuple[object, ...], tmp_path: Path
) -> None:
    first = presage(*words, "--max-params", "9k").json  # without them: they may join later
    told = presage(*words, "--max-params", "9k", "--sparse").json
    original = {**first["networks"][0], "seconds": told["networks"][0]["seconds"]}  # trained again, for its weights
    assert told["networks"][:4] == [original, *first["networks"][1:]]
    plain, sparse = told["networks"][1], told["networks"][4:]
    assert [one["kind"] for one in sparse] == ["sparse-magnitude", "lottery-ticket", "snip"]
    for one in sparse:
        assert (one["role"], one["status"]) == ("sparse", "finished")
        assert one["parameters"] == plain["parameters"]
        assert one["multiply_adds"] == told["networks"][0]["multiply_adds"]
        assert one["latency_seconds"] > 0
        assert one["predicted"] is None
        assert nonzero(load_model(one["model"]).module) == plain["parameters"]
    zeros = [
        torch.cat([module.weight.flatten() == 0 for module in prunable(load_model(one["model"]).module)])
        for one in sparse
    ]
    assert torch.equal(zeros[0], zeros[1])  # the same weights, trained on and trained anew
    assert not torch.equal(zeros[0], zeros[2])
    assert told["best"] == first["best"]
    assert any("zeros included" in note for note in told["notes"])
    assert presage(*words, "--max-params", "9k", "--sparse").json == told


def test_the_function_does_the_same(network: Path, shapes_npz: Path, tmp_path: Path) -> None:
    found = presage_api.shrink(
        str(network), str(shapes_npz), max_params=9_000, run_folder=tmp_path / "run", database=tmp_path / "x.duckdb",
        recipe=Recipe(epochs=1, image_side=8, train_images=60, least_epoch_images=60), progress=False, candidates=4,
        shortlist=1,
    )  # fmt: skip
    assert [one.version.role for one in found.networks] == ["original", "plain", "short-list"]
    assert found.answer in repr(found)
    assert found.best is not None
    assert found.load().architecture.hash == found.best.version.hash
    with pytest.raises(InvalidArgument, match="`max_params` of `presage shrink` must be given"):
        presage_api.shrink(str(network), str(shapes_npz), progress=False, database=tmp_path / "x.duckdb")
