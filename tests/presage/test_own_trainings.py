"""One's own past trainings, a CSV or Parquet file: what enters, as what, and what is refused by file and row."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from presage import import_experience
from presage.architecture.costs import costs
from presage.architecture.graph import Architecture
from presage.architecture.serial import dumps
from presage.architecture.spaces import get_space
from presage.database import Database
from presage.probe import PROBE_VERSION
from presage.session import Session
from presage.steps.imports.columns import RECIPE_COLUMNS
from presage.training import Recipe

SPACE = get_space("nb201:cells=1,width=4")


@cache
def networks() -> tuple[Architecture, ...]:
    """Eight different networks."""
    codes = SPACE.sample(60, np.random.default_rng(1))
    found = {one.hash: one for one in (SPACE.decode(SPACE.params(code)).canonical for code in codes)}
    return tuple(found.values())[:8]


def row(number: int = 0, accuracy: object = 0.7, **more: object) -> dict[str, object]:
    """A training of a network on a dataset that the made-up database knows, by a recipe known in part."""
    given = {"network": dumps(networks()[number]), "dataset": "made-up-0", "accuracy": accuracy, "epochs": 30}
    return given | more


def written(path: Path, rows: Sequence[Mapping[str, object]], delimiter: str = ",") -> Path:
    """A CSV file; of a row only the cells that it has."""
    names = list(dict.fromkeys(name for one in rows for name in one))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def taken(presage: Callable, experienced: Path, tmp_path: Path) -> Callable[..., Any]:
    """Imports rows (or a file) and gives the answer: exit code, JSON, and the experiments that entered."""

    def take(given: Sequence[Mapping[str, object]] | Path, *words: object) -> Any:
        path = given if isinstance(given, Path) else written(tmp_path / "own.csv", given)
        outcome = presage("database", "import", path, "--database", experienced, "--json", *words)
        with Database.open(experienced, read_only=True) as database:
            own = [one for one in database.experiment_records() if one.source]
            assert database.check() == []
        answer = outcome.json
        return outcome.code, answer.get("message", answer), own

    return take


def test_a_row_enters_with_its_costs_as_computed_and_the_rest_of_its_recipe_unknown(
    taken: Callable, experienced: Path
) -> None:
    code, answer, (own,) = taken([row(0, 0.7, image_side=24, optimizer="SGD", flip="yes", test_accuracy=0.68)])
    assert (code, answer["experiments"], answer["refused"]) == (0, 1, [])
    assert (own.accuracy, own.test_accuracy, own.curve, own.seed) == (0.7, 0.68, (), 0)
    assert (own.source, own.device) == ("own trainings: own.csv", "unknown")
    found = costs(networks()[0], (1, 24, 24), 10)
    assert (own.parameters, own.multiply_adds, own.depth) == (found.parameters, found.multiply_adds, found.depth)
    recipe = Session(experienced).stored_recipe(own.recipe[:12])
    assert recipe is not None
    told = {"epochs", "image_side", "optimizer", "flip"}
    assert set(recipe.unknown) == set(RECIPE_COLUMNS) - told
    assert (recipe.epochs, recipe.image_side, recipe.optimizer, recipe.flip) == (30, 24, "sgd", True)
    assert recipe.train_images is None
    (said,) = [note for note in answer["notes"] if "--recipe" in note]
    assert "24 px, unknown number of images, 30 epochs, mirrored, SGD, the rest unknown" in said
    assert own.recipe[:12] in said


def test_the_same_file_again_and_a_longer_one_add_only_what_is_new(taken: Callable) -> None:
    rows = [row(0), row(1, 0.8), row(0, 0.71)]  # the first network twice: two seeds
    assert taken(rows)[1]["experiments"] == 3
    code, again, own = taken(rows)
    assert (code, again["experiments"], again["already"]) == (0, 0, 3)
    assert sorted((one.accuracy, one.seed) for one in own) == [(0.7, 0), (0.71, 1), (0.8, 0)]
    assert taken([*rows, row(2, 0.6)])[1]["experiments"] == 1
    code, answer, own = taken([row(0, 0.75)])  # the first training of this network, told otherwise
    assert (code, answer["experiments"], len(own)) == (2, 0, 4)
    assert "is known with another result: accuracy 0.7 is stored, 0.75 was given" in answer["refused"][0]["why"]


def test_percent_and_share_are_told_apart_by_the_whole_column_and_said(taken: Callable) -> None:
    code, answer, own = taken([row(0, 93.1), row(1, 88), row(2, "0.5%"), row(3, 0.93)])
    assert (code, sorted(one.accuracy for one in own)) == (2, [0.005, 0.88, 0.931])
    assert any("accuracies are percents, for half of them or more are over 1" in note for note in answer["notes"])
    (refused,) = answer["refused"]
    assert refused["where"].endswith("own.csv:5")
    assert refused["why"] == (
        "The `accuracy` of `row` must be in percent as most of the others are. Got '0.93'. "
        "If it is a percent, write 0.93%."
    )


def test_a_slip_of_one_row_does_not_decide_for_the_others(taken: Callable) -> None:
    code, answer, own = taken([row(0, 0.93), row(1, 0.88), row(2, 71), row(3, 0)])
    assert (code, sorted(one.accuracy for one in own)) == (2, [0.0, 0.88, 0.93])
    (refused,) = answer["refused"]
    assert refused["where"].endswith("own.csv:4")
    assert refused["why"] == (
        "The `accuracy` of `row` must be between 0 and 1 as most of the others are. Got '71'. Or write 71%."
    )


def test_what_others_call_a_column_is_understood_and_said(taken: Callable) -> None:
    code, answer, _ = taken([{**row(0), "lr": 0.01, "batch_size": 32}])
    assert code == 0
    for theirs, ours in (("lr", "learning_rate"), ("batch_size", "batch")):
        assert any(f"the column {theirs} was taken for `{ours}`." in note for note in answer["notes"])
    both = taken([{**row(1), "lr": 0.01, "learning_rate": 0.02}])[1]
    assert any("passed over: lr" in note for note in both["notes"])


def test_a_dry_run_makes_no_database(presage: Callable, shapes_npz: Path, tmp_path: Path) -> None:
    table = written(tmp_path / "own.csv", [row(0)])
    database = tmp_path / "new" / "experience.duckdb"
    database.parent.mkdir()
    answer = presage("database", "import", table, "--dry-run", "--database", database, "--json", "--quiet").json
    assert answer["dry_run"]
    assert list(database.parent.iterdir()) == []


def test_shares_stay_shares(taken: Callable) -> None:
    _, answer, own = taken([row(0, 0.93), row(1, 1.0), row(2, 0)])
    assert sorted(one.accuracy for one in own) == [0.0, 0.93, 1.0]
    assert not any("percent" in note for note in answer["notes"])


UNKNOWN = '{"format": "presage-architecture", "version": 1, "nodes": [{"op": "teleport", "inputs": []}]}'
SIZES = {"dataset_classes": 3, "dataset_images": 90, "dataset_side": 8}
POISONED: list[tuple[dict[str, object], str]] = [
    ({"accuracy": ""}, "The `accuracy` of `row` must be given."),
    ({"accuracy": "nan"}, "The `accuracy` of `row` must be a number. Got 'nan'."),
    ({"accuracy": -0.2}, r"The `accuracy` of `row` must lie in [0, 1]. Got '-0.2'."),
    ({"accuracy": "good"}, "The `accuracy` of `row` must be a number. Got 'good'."),
    ({"accuracy": "101%"}, "must lie in [0, 100]. Got '101%'."),
    ({"test_accuracy": "-1"}, "The `test_accuracy` of `row` must lie in [0, 1]"),
    ({"network": ""}, "The `network` of `row` must be given."),
    ({"network": "{}"}, "format"),
    ({"network": UNKNOWN}, "No operation is named `teleport`"),
    ({"network": "no_such_file.json"}, "must be architecture JSON, an existing file, or module:callable"),
    ({"network": "os:getcwd"}, "must name no code, for it would be run. Got 'os:getcwd'. Say --trust-code"),
    ({"dataset": "nowhere"}, "or the name of a dataset that the database knows. Got 'nowhere'."),
    ({"dataset": "ab" * 32}, "be the fingerprint of a dataset that the database knows"),
    ({"dataset_classes": 7}, "The `dataset_classes` of `row` must be 10, as known of 'made-up-0'"),
    ({"epochs": 0}, "The `epochs` of `Recipe` must be at least 1. Got 0."),
    ({"epochs": "ten"}, "The `epochs` of `row` must be a number. Got 'ten'."),
    ({"epochs": 2.5}, "The `epochs` of `row` must be a whole number."),
    ({"learning_rate": -1}, "The `learning_rate` of `Recipe` must be a positive number"),
    ({"flip": "maybe"}, "The `flip` of `row` must be true or false. Got 'maybe'."),
    ({"seed": -1}, "The `seed` of `experiment` must be at least 0. Got -1."),
    ({"seconds": -3}, "The `seconds` of `experiment` must be at least 0. Got -3.0."),
    ({"date": "22.11.2026"}, "The `date` of `row` must be a date or time"),
    ({"image_side": 4096}, "The `image_side` of `Recipe` must be within 4 and 1024"),
    ({"space": "nb201", "network": '{"edge0to1": "teleport"}'}, "edge"),
    ({"space": "nowhere", "network": "{}"}, "No space is named `nowhere`"),
    ({"recipe": '{"magic": 1}'}, "No field of `Recipe` is named `magic`"),
    ({"dataset_dcn": 1.5, "dataset": "x", **SIZES}, "The `dcn` of `probe` must lie in [0, 1]. Got 1.5."),
]  # fmt: skip


def test_each_poisoned_row_is_refused_by_file_and_row_and_the_true_ones_enter(taken: Callable, tmp_path: Path) -> None:
    rows: list[dict[str, object]] = []
    for spoilt, _ in POISONED:
        rows += [row(1, 0.8), row(0) | spoilt]
    code, answer, own = taken(rows)
    assert (code, len(own), {one.accuracy for one in own}) == (2, len(POISONED), {0.8})
    why = {one["where"]: one["why"] for one in answer["refused"]}
    for at, (spoilt, wanted) in enumerate(POISONED):
        assert f"{tmp_path / 'own.csv'}:{2 * at + 3}" in why, spoilt
        said = why.pop(f"{tmp_path / 'own.csv'}:{2 * at + 3}")
        assert wanted in said, (spoilt, said)
        assert "\n" not in said
        assert len(said) < 700
    assert why == {}


def test_a_dry_run_says_the_same_and_writes_nothing(presage: Callable, experienced: Path, tmp_path: Path) -> None:
    path = written(tmp_path / "own.csv", [row(0), row(1, "bad")])
    before = experienced.read_bytes()
    words = ("database", "import", path, "--database", experienced)
    dry = presage(*words, "--dry-run")
    head, *rest = dry.out.splitlines()
    assert dry.code == 2
    assert head == (
        "Would add 1 experiments, 0 probes, 0 predictions; 0 were there already; 1 refused. Nothing was written."
    )
    with Database.open(experienced, read_only=True) as database:
        assert not any(one.source for one in database.experiment_records())
    assert len(before) == experienced.stat().st_size
    assert presage(*words).out.splitlines()[1:] == rest


def test_networks_by_file_by_space_and_by_code(
    taken: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "one.json").write_text(dumps(networks()[0]))
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "own_nets.py").write_text(
        "from torch import nn\n"
        "def net():\n"
        "    pooled = (nn.AdaptiveAvgPool2d(1), nn.Flatten())\n"
        "    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), *pooled, nn.Linear(4, 10))\n"
    )
    params = SPACE.params(SPACE.sample(1, np.random.default_rng(5))[0])
    cell = "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|"
    rows = [
        row(network="nets/one.json"),
        row(network=json.dumps(params), space=SPACE.name),
        row(network=cell, space="nb201:cells=1,width=4"),
        row(network="own_nets:net"),
    ]
    code, answer, own = taken(rows, "--trust-code")
    assert (code, answer["refused"]) == (0, [])
    hashes = {one.architecture for one in own}
    assert networks()[0].hash in hashes
    assert SPACE.decode(params).hash in hashes
    assert len(hashes) == 4


def test_a_dataset_by_its_images_and_one_without_them(
    taken: Callable, experienced: Path, shapes_npz: Path, tmp_path: Path
) -> None:
    (tmp_path / "shapes.npz").write_bytes(shapes_npz.read_bytes())
    sizes = {"dataset_classes": 5, "dataset_images": 4000, "dataset_side": 40}
    rows = [
        row(0, dataset="shapes.npz"),
        row(1, dataset="our products", **sizes),
        row(2, dataset="our faults", dataset_dcn=0.62, **sizes),
        row(3, dataset="our faults"),
    ]
    code, answer, own = taken(rows)
    assert (code, answer["experiments"], answer["probes"]) == (0, 4, 1)
    with Database.open(experienced, read_only=True) as database:
        names = {record.fingerprint: record for record in database.datasets()}
        found = {names[one.dataset].name: names[one.dataset] for one in own}
        assert (found["our faults"].classes, found["our faults"].channels) == (5, 3)
        (probe,) = database.probes(dataset=found["our faults"].fingerprint)
        assert (probe.dcn, probe.version) == (0.62, PROBE_VERSION)
        assert database.dataset("shapes").train_images == 120
    never = [note.split(" was never probed")[0] for note in answer["notes"] if "never probed" in note]
    assert never == ["shapes", "our products"]
    assert (Session(experienced).open()).info().rows["probes"] == 5


def test_what_a_recipe_cannot_say_is_kept_as_unknown_and_said(taken: Callable, experienced: Path) -> None:
    _, answer, (own,) = taken([row(0, optimizer="lion", schedule="cosine", train_images="all")])
    recipe = Session(experienced).stored_recipe(own.recipe)
    assert recipe is not None
    assert (recipe.schedule, recipe.warmup, recipe.train_images) == ("one_cycle", 0.0, None)
    assert "optimizer" in recipe.unknown
    assert not {"schedule", "warmup", "train_images"} & set(recipe.unknown)
    assert any("no recipe can say optimizer lion (1 rows): kept as unknown" in note for note in answer["notes"])


def test_a_recipe_that_is_known_whole_is_the_one_that_presage_trains_by(taken: Callable) -> None:
    given = row(0, recipe="quick")
    del given["epochs"]
    assert taken([given])[2][0].recipe == Recipe().hash


def test_columns_are_found_in_any_case_renamed_and_told_where_they_mean_nothing(taken: Callable) -> None:
    given = {"Network": dumps(networks()[0]), "Dataset": "made-up-0", "val": 0.7, "Image Side": 24, "gpu": "H200"}
    code, answer, (own,) = taken([given], "--column", "accuracy=val")
    assert (code, own.accuracy) == (0, 0.7)
    assert any("columns of no meaning here were passed over: gpu" in note for note in answer["notes"])


@pytest.mark.parametrize("said", ["Val-Acc", "val_acc", "VAL ACC"])
def test_a_column_is_renamed_in_any_case_and_spelling_too(taken: Callable, said: str) -> None:
    given = {"network": dumps(networks()[0]), "dataset": "made-up-0", "Val-Acc": 0.7}
    code, _, (own,) = taken([given], "--column", f"accuracy={said}")
    assert (code, own.accuracy) == (0, 0.7)


@pytest.mark.parametrize(
    ("change", "words", "wanted"),
    [
        ({"accuracy": None}, (), "must have a column `accuracy`"),
        ({"epoch": 3}, (), "name its columns as documented. Got 'epoch'. Did you mean `epochs`?"),
        ({}, ("--column", "acuracy=x"), "must name a column of presage. Got 'acuracy'. Did you mean `accuracy`?"),
        ({}, ("--column", "accuracy=x"), "must name a column of"),
        ({}, ("--column", "accuracy"), "must be NAME=THEIRS"),
    ],
)
def test_wrong_columns_are_one_line_and_exit_code_2(
    taken: Callable, change: dict[str, object], words: tuple[str, ...], wanted: str
) -> None:
    given = {name: value for name, value in (row(0) | change).items() if value is not None and name != "epochs"}
    code, said, own = taken([given], *words)
    assert (code, own) == (2, [])
    assert wanted in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (b"", "must hold at least one row"),
        (b"network,dataset,accuracy\n", "must hold at least one row"),
        (b"network,dataset,accuracy,accuracy\na,b,1,2\n", "name each column once ('accuracy' is there twice)"),
        (b"network,dataset,accuracy\n\xff\xfe,b,1\n", "must be text in UTF-8"),
        (b'network,dataset,accuracy\n"a,b,1\n', "must be a CSV file"),
    ],
)
def test_what_is_no_table_is_one_line_and_exit_code_2(
    taken: Callable, tmp_path: Path, text: bytes, wanted: str
) -> None:
    path = tmp_path / "own.csv"
    path.write_bytes(text)
    code, said, _ = taken(path)
    assert code == 2
    assert wanted in said
    assert "\n" not in said
    (tmp_path / "own.parquet").write_bytes(b"not Parquet")
    code, said, _ = taken(tmp_path / "own.parquet")
    assert (code, said.count("\n")) == (2, 0)
    assert "must be a Parquet file" in said


def test_a_ragged_row_is_refused_and_cells_between_semicolons_are_read(taken: Callable, tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    text = dumps(networks()[0]).replace('"', '""')
    path.write_text(f'network;dataset;accuracy\n"{text}";made-up-0;0.7\nx;y\n')
    code, answer, own = taken(path)
    assert (code, len(own)) == (2, 1)
    assert answer["refused"] == [
        {"where": f"{path}:3", "why": "The row must have 3 cells, as the first has names. Got 2."}
    ]


def test_parquet_is_read_as_csv_is(taken: Callable, tmp_path: Path) -> None:
    path, source = tmp_path / "own.parquet", written(tmp_path / "source.csv", [row(0), row(1, 0.8)])
    duckdb.sql(f"COPY (SELECT * FROM read_csv('{source}')) TO '{path}'")
    code, answer, own = taken(path)
    assert (code, answer["experiments"], sorted(one.accuracy for one in own)) == (0, 2, [0.7, 0.8])


def test_predictions_by_a_stored_recipe_know_the_own_trainings_and_nothing_is_trained_by_it(
    presage: Callable, experienced: Path, shapes_npz: Path, tmp_path: Path
) -> None:
    rows = [row(number, 0.5 + 0.05 * number, dataset=str(shapes_npz), image_side=12) for number in range(6)]
    path = written(tmp_path / "own.csv", rows)
    answer = presage("database", "import", path, "--database", experienced, "--json").json
    digest = answer["notes"][0].rsplit(" ", 1)[1]
    net = tmp_path / "net.json"
    net.write_text(dumps(networks()[3]))
    words = (shapes_npz, net, "--recipe", digest, "--database", experienced)
    told = presage("predict", *words, "--predictor", "cost-only", "--json").json
    assert told["recipe"]["unknown"]
    assert told["predictions"][0]["trained"] == pytest.approx(0.65)
    refused = presage("train", *words)
    assert refused.code == 2
    assert "must be known whole to train by it" in refused.err
    nothing = presage("predict", shapes_npz, net, "--recipe", "0123456789ab", "--database", experienced)
    assert (nothing.code, "No recipe is named `0123456789ab`" in nothing.err) == (2, True)


def test_the_database_says_what_was_taken_from_where_by_recipe_in_words(
    taken: Callable, presage: Callable, experienced: Path
) -> None:
    own = taken([row(0), row(1, 0.8), row(2, 0.6, epochs=9)])[2]
    info = ("database", "info", "--database", experienced)
    counts = {recipe: sum(one.recipe == recipe for one in own) for recipe in {one.recipe for one in own}}
    found = presage(*info, "--json").json
    assert found["sources"] == {"": {Recipe().hash: 48}, "own trainings: own.csv": counts}
    text = presage(*info).out
    assert "by source: trained by presage 48, own trainings: own.csv 3" in text
    lines = text.splitlines()
    at = lines.index("own trainings: own.csv, by recipe:")
    assert lines[at + 1].endswith("     2  unknown side, unknown number of images, 30 epochs, the rest unknown")
    assert lines[at + 2].endswith("     1  unknown side, unknown number of images, 9 epochs, the rest unknown")


def test_python_takes_the_same_and_gives_a_report(experienced: Path, tmp_path: Path) -> None:
    table = written(tmp_path / "own.csv", [{"val": "70%", **row(0)} | {"accuracy": ""}])
    dry = import_experience(table, columns={"accuracy": "val"}, dry_run=True, database=experienced)
    assert (dry.experiments, dry.refused, dry.dry_run) == (1, (), True)
    assert import_experience(str(table), columns={"accuracy": "val"}, database=experienced).experiments == 1
    assert import_experience(table, columns={"accuracy": "val"}, database=experienced).already == 1
