"""`presage grow`: the whole command on a tiny dataset."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import presage as presage_api
from presage.architecture.graph import Architecture, Node
from presage.architecture.morphing.cells import repeated_cells
from presage.architecture.operations import (
    Activation,
    AdaptiveAveragePool,
    BatchNorm,
    Classifier,
    Convolution,
    Flatten,
    Input,
)
from presage.architecture.serial import dumps
from presage.database import Database
from presage.errors import InvalidArgument, UnknownName
from presage.training.model.folder import load_model
from presage.training.recipe import Recipe

Run = Callable[..., Any]
QUICK = ("--epochs", 2, "--image-side", 8, "--train-images", 60, "--set", "least_epoch_images=60")
CLIMB = ("--steps", 2, "--neighbours", 3, "--morphisms", 2, "--child-epochs", 1)


def chain(*widths: int) -> str:
    """JSON of layers of these widths, one behind the other."""
    layers = [one for width in widths for one in (Convolution(width), BatchNorm(), Activation())]
    whole = (Input(), *layers, AdaptiveAveragePool(), Flatten(), Classifier())
    return dumps(Architecture(tuple(Node(one, (at - 1,) if at else ()) for at, one in enumerate(whole))))


@pytest.fixture
def network(tmp_path: Path) -> Path:
    path = tmp_path / "network.json"
    path.write_text(chain(4, 6))
    return path


@pytest.fixture
def words(network: Path, shapes_npz: Path, tmp_path: Path) -> tuple[object, ...]:
    kept = ("--database", tmp_path / "x.duckdb", "--run", tmp_path / "run")
    return ("grow", network, shapes_npz, "--json", *kept, *QUICK, *CLIMB)


def told_of(networks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**one, "processor_seconds": 0} for one in networks]


def test_children_inherit_and_only_what_began_with_fresh_weights_is_an_experiment(
    presage: Run, words: tuple[object, ...], tmp_path: Path
) -> None:
    outcome = presage(*words, "--max-params", "9k")
    assert outcome.code == 0, outcome.err
    networks = outcome.json["networks"]
    roles = [one["role"] for one in networks]
    # 2 · 2 epochs at both ends and 2 · 3 · 1 of the children are five trainings of two epochs
    assert roles == ["start", *["child"] * 6, "climbed", "from scratch", *["random"] * 5]
    assert all(one["inherited"] == (one["role"] in ("child", "climbed")) for one in networks)
    for step in (networks[1:4], networks[4:7]):
        best = max(one["accuracy"] for one in step)
        assert next(one for one in step if one["accuracy"] == best)["chosen"]
        assert sum(one["chosen"] for one in step) == 1
        assert step[2]["how"] == []  # the parent itself, trained on
        assert all(one["test_accuracy"] is None for one in step)  # test images choose nothing
    start, scratch = networks[0], networks[8]
    assert networks[3]["hash"] == start["hash"]
    chosen = [one for one in networks if one["chosen"]]
    assert networks[7]["hash"] == scratch["hash"] == chosen[-1]["hash"]
    assert networks[6]["hash"] == chosen[0]["hash"]
    assert all(one["parameters"] <= 9_000 for one in networks)
    asked = json.loads((tmp_path / "run" / "grow.json").read_text())
    with Database.open(tmp_path / "x.duckdb") as database:
        records = database.experiment_records(dataset=asked["settings"]["dataset"])
        stored = {one.architecture for one in records if one.status == "finished"}
    fresh = {one["hash"] for one in networks if not one["inherited"]}
    assert stored == fresh
    assert len(records) == len(fresh)
    best = load_model(tmp_path / "run" / "best")
    assert best.architecture.hash in {start["hash"], scratch["hash"]}
    assert outcome.json["answer"].startswith("network.json grown to ")


def test_a_forward_search_adds_what_its_candidates_learned(
    presage: Run, words: tuple[object, ...], tmp_path: Path
) -> None:
    outcome = presage(*words, "--strategy", "forward", "--max-params", "9k")
    assert outcome.code == 0, outcome.err
    networks = outcome.json["networks"]
    # 2 · 2 epochs at both ends, and twice 1 + 1 of candidates and children, are four trainings of two epochs
    assert [one["role"] for one in networks] == ["start", "child", "child", "climbed", "from scratch", *["random"] * 4]
    start, first, second, climbed, scratch = networks[:5]
    assert first["how"][0] == f"of {start['name']}"
    assert any("branch (" in words and "α" in words for words in first["how"])
    assert first["parameters"] > start["parameters"]
    assert second["how"][0].removeprefix("of ") in (start["name"], first["name"])
    most = max(one["accuracy"] for one in networks[:3])
    assert climbed["hash"] in {one["hash"] for one in networks[:3] if one["accuracy"] == most}
    assert climbed["hash"] == scratch["hash"]
    assert all(one["parameters"] <= 9_000 for one in networks)
    assert not (tmp_path / "run" / "climb" / "1-1" / "candidates" / "checkpoint.pt").exists()
    again = presage(*words, "--strategy", "forward", "--max-params", "9k")
    assert again.json == outcome.json
    with Database.open(tmp_path / "x.duckdb") as database:
        dataset = json.loads((tmp_path / "run" / "grow.json").read_text())["settings"]["dataset"]
        stored = {one.architecture for one in database.experiment_records(dataset=dataset)}
    assert stored == {one["hash"] for one in networks if not one["inherited"]}


def test_a_cell_grows_in_all_of_its_repetitions(
    presage: Run, words: tuple[object, ...], network: Path, tmp_path: Path
) -> None:
    asked = ("--strategy", "forward-cells", "--max-params", "9k", "--skip-random")
    refused = presage(*words, *asked)
    assert refused.code == 2
    assert "The `NETWORK` of `presage grow` must repeat a cell, for `--strategy forward-cells`." in refused.err
    assert not (tmp_path / "run").exists()
    network.write_text(chain(4, 4, 4))
    outcome = presage(*words, *asked)
    assert outcome.code == 0, outcome.err
    networks = outcome.json["networks"]
    assert [one["role"] for one in networks] == ["start", "child", "child", "climbed", "from scratch"]
    first = networks[1]
    assert any("and likewise in 1 more cell (α" in how for how in first["how"])
    grown = load_model(tmp_path / "run" / "climb" / "1-1").architecture
    assert len(grown.nodes) > 13  # as many as the start has
    cells = repeated_cells(grown, (1, 8, 8), 3)
    assert len(cells) == 2
    assert sum(map(len, cells)) - 2 + 3 + 4 == len(grown.nodes)  # beside the cells a layer, the input and the end
    assert all(one["parameters"] <= 9_000 for one in networks)
    assert presage(*words, *asked).json == outcome.json


def test_a_budget_picks_from_the_gallery_of_a_run_that_has_ended(
    presage: Run, words: tuple[object, ...], tmp_path: Path
) -> None:
    words = (*words, "--skip-random", "--steps", 1, "--neighbours", 2)
    first = presage(*words).json
    start, kept = first["networks"][0], {one["name"]: one for one in first["networks"] if one["accuracy"] is not None}
    told = presage(*words, "--pick-macs", start["multiply_adds"]).json
    picked = told.pop("picked")
    assert told == first  # nothing is trained again
    assert picked["multiply_adds"] <= start["multiply_adds"]
    assert picked["accuracy"] == max(
        one["accuracy"] for one in kept.values()
        if one["multiply_adds"] <= start["multiply_adds"] and (one["chosen"] or one["role"] != "child")
    )  # fmt: skip
    assert load_model(tmp_path / "run" / "picked").architecture.hash == picked["hash"]
    assert presage(*words, "--pick-params", "10M").json["picked"]["accuracy"] == max(
        one["accuracy"] for one in kept.values() if one["chosen"] or one["role"] != "child"
    )
    none = presage(*words, "--quiet", "--pick-params", 3)
    assert none.code == 2
    assert "is within 3 parameters. It has" in none.err
    assert none.err.count("\n") == 1


def test_the_function_does_the_same(network: Path, shapes_npz: Path, tmp_path: Path) -> None:
    found = presage_api.grow(
        str(network), str(shapes_npz), max_params=9_000, run_folder=tmp_path / "run", database=tmp_path / "x.duckdb",
        recipe=Recipe(epochs=1, image_side=8, train_images=60, least_epoch_images=60), progress=False, steps=1,
        neighbours=2, morphisms=1, child_epochs=1, random=False,
    )  # fmt: skip
    assert [one.role for one in found.networks] == ["start", "child", "child", "climbed", "from scratch"]
    assert found.answer in repr(found)
    assert found.best is not None
    assert found.load().architecture.hash == found.best.hash
    small = found.within(parameters=found.networks[0].parameters)
    assert small is not None
    assert small.parameters <= found.networks[0].parameters
    assert found.within(multiply_adds=1) is None
    with pytest.raises(UnknownName, match="Did you mean `steps`"):
        presage_api.grow(str(network), str(shapes_npz), progress=False, step=3)
    with pytest.raises(InvalidArgument, match="`max_macs` of `presage grow` must be above the"):
        presage_api.grow(
            str(network), str(shapes_npz), max_macs=5, progress=False, database=tmp_path / "x.duckdb",
            recipe=Recipe(epochs=1, image_side=8),
        )  # fmt: skip


def test_asked_again_nothing_is_trained_again_and_other_words_are_refused(
    presage: Run, words: tuple[object, ...]
) -> None:
    first = presage(*words, "--max-macs", "200k", "--skip-random").json
    again = presage(*words, "--max-macs", "200k", "--skip-random").json
    assert again == first
    other = presage(*words, "--max-macs", "200k", "--skip-random", "--steps", 3)
    assert other.code == 2
    assert "The `--steps` of `presage grow` must stay 2" in other.err


@pytest.mark.parametrize(
    ("strategy", "widths", "until"),
    [
        ("hill-climb", (4, 6), "1-2/retraining.json"),
        ("forward", (4, 6), "1-1/candidates/curve.json"),
        ("forward-cells", (4, 4, 4), "1-1/candidates/curve.json"),
    ],
)
def test_killed_it_comes_to_the_same(
    words: tuple[object, ...], network: Path, tmp_path: Path, strategy: str, widths: tuple[int, ...], until: str
) -> None:
    network.write_text(chain(*widths))
    asked = ("--skip-random", "--quiet", "--strategy", strategy, "--child-epochs", "2")
    command = [sys.executable, "-m", "presage", *map(str, words), *asked]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    running = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    row, deadline = tmp_path / "run" / "climb" / until, time.monotonic() + 300
    while not row.exists() and running.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert running.returncode == -signal.SIGKILL
    assert not (tmp_path / "run" / "result.json").exists()
    start = next((tmp_path / "run" / "networks").glob("*/weights.safetensors"))
    written = start.stat().st_mtime_ns
    resumed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert start.stat().st_mtime_ns == written  # what was done is not done again
    whole = [*command]
    whole[whole.index(str(tmp_path / "run"))] = str(tmp_path / "other")
    whole[whole.index(str(tmp_path / "x.duckdb"))] = str(tmp_path / "y.duckdb")
    at_once = subprocess.run(whole, env=environment, capture_output=True, text=True, check=True)
    one, other = json.loads(resumed.stdout)["networks"], json.loads(at_once.stdout)["networks"]
    assert [(a["hash"], a["accuracy"], a["chosen"]) for a in one] == [
        (b["hash"], b["accuracy"], b["chosen"]) for b in other
    ]


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (
            ("--max-params", "50"),
            r"The `--max-params` of `presage grow` must be above the 293 parameters of",
        ),
        (("--strategy", "forwards"), "Did you mean `forward`?"),
        (("--neighbours", "1"), "The `--neighbours` of `presage grow` must be at least 2"),
        (("--steps", "0"), "The `--steps` of `presage grow` must be a whole number of at least 1"),
    ],
)
def test_what_cannot_be_is_one_line(
    presage: Run, words: tuple[object, ...], option: tuple[str, ...], said: str
) -> None:
    outcome = presage(*words, "--quiet", *option)
    assert outcome.code == 2
    assert said in outcome.err
    assert outcome.err.count("\n") == 1


def test_a_budget_that_nothing_can_meet_is_refused_before_anything_is_trained(
    presage: Run, words: tuple[object, ...], tmp_path: Path
) -> None:
    refused = presage(*words, "--quiet", "--pick-macs", 1)
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "is within 1 multiply-adds. It has" in refused.err
    assert not (tmp_path / "run" / "result.json").exists()
