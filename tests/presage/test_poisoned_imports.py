"""Wrong or poisoned experience at the door: each bad row is refused by name, the rest enters, however it arrives."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from presage.architecture.costs import costs
from presage.architecture.graph import Architecture, Node
from presage.architecture.operations import Classifier, Convolution, Flatten, Identity, Input
from presage.architecture.serial import dumps, to_json
from presage.architecture.spaces import get_space
from presage.database import Database
from presage.records import ArchitectureRecord, ExperimentEntry, entry_to_json
from presage.records.testing import dataset_record, experiment_entry, probe_entry
from presage.training.recipe import Recipe
from presage.training.recording import recipe_record

CARRIERS = ("shard", "parquet", "duckdb")
EPOCHS = 4
SPACE = get_space("nb201:cells=1,width=4")
CODES = SPACE.sample(200, np.random.default_rng(1))


@cache
def network(number: int) -> tuple[Architecture, dict[str, Any]]:
    """A network unlike those of all other numbers, and its parameters in the space."""
    others = {network(before)[0].hash for before in range(number)}
    for code in CODES[number:]:
        architecture = SPACE.decode(SPACE.params(code)).canonical
        if architecture.hash not in others:
            return architecture, SPACE.params(code)
    raise AssertionError("too few networks were drawn")


def entry(number: int, accuracy: float = 0.7, **changed: Any) -> ExperimentEntry:
    """A true experiment: costs as computed, curve to the end. No other number shares a row with it."""
    architecture, params = network(number)
    dataset = dataset_record(f"made-up-{number}")
    recipe = Recipe(epochs=EPOCHS, batch=16 + number)
    found = costs(architecture, (1, recipe.image_side, recipe.image_side), dataset.classes)
    true = {name: getattr(found, name) for name in ("parameters", "multiply_adds", "activation_bytes", "depth")}
    curve = [0.1] * (recipe.epochs - 1) + [accuracy]
    return experiment_entry(
        number,
        dataset=dataset,
        architecture=ArchitectureRecord(architecture.hash, to_json(architecture), SPACE.name, params),
        recipe=recipe_record(recipe),
        seed=100 + number,
        **{"accuracy": accuracy, "curve": curve, "train_losses": curve, **true, **changed},
    )


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Poison:
    """One way to spoil an experiment, known by its number: as an edit of its line, and as SQL on a database with it."""

    number: int
    edit: Callable[[dict[str, Any]], None]
    sql: str
    why: str


Spoil = Callable[[int], Poison]


def field(name: str, value: object, sql: str, why: str, row: str = "experiment") -> Spoil:
    """A field of the experiment, or of its dataset, takes another value."""

    def spoil(number: int) -> Poison:
        def edit(line: dict[str, Any]) -> None:
            line[row][name] = value

        where = {"experiment": f"seed = {100 + number}", "dataset": f"name = 'made-up-{number}'"}
        return Poison(number, edit, f"UPDATE {row}s SET {name} = {sql} WHERE {where[row]}", why)

    return spoil


def other(row: str, text_of: Callable[[ExperimentEntry], str], why: str, rehash: bool = True) -> Spoil:
    """The network or the recipe is another text; with `rehash` its hash is that of the text."""

    def spoil(number: int) -> Poison:
        true = entry(number)
        known, text = getattr(true.experiment, row), text_of(true)
        made = sha256(text) if rehash else known
        identity = {name: getattr(true.experiment, name) for name in ("dataset", "architecture", "recipe")} | {
            row: made
        }
        name = sha256("/".join([*identity.values(), str(true.experiment.seed)]))

        def edit(line: dict[str, Any]) -> None:
            line[row] |= {"hash": made, "json": json.loads(text)}
            line["experiment"][row] = made

        sql = (
            f"UPDATE {row}s SET hash = '{made}', json = '{text}' WHERE hash = '{known}'; "
            f"UPDATE experiments SET {row} = '{made}', id = '{name}' WHERE {row} = '{known}'"
        )
        return Poison(number, edit, sql, why)

    return spoil


def recipe_with(**change: object) -> Callable[[ExperimentEntry], str]:
    return lambda true: json.dumps({**true.recipe.json, **change}, sort_keys=True, separators=(",", ":"))


ROUNDABOUT = Architecture(
    (Node(Input()), Node(Identity(), (0,)), Node(Convolution(4), (1,)), Node(Flatten(), (2,)), Node(Classifier(), (3,)))
)
UNKNOWN = json.dumps(
    {"format": "presage-architecture", "version": 1, "nodes": [{"op": "teleport", "inputs": []}]}, separators=(",", ":")
)
OTHER_TIME = "be a time in UTC"

POISONS = (
    field("accuracy", 1.5, "1.5", r"`accuracy` of `experiment` must lie in \[0, 1\]. Got 1.5"),
    field("accuracy", -0.1, "-0.1", r"must lie in \[0, 1\]. Got -0.1"),
    field("accuracy", float("nan"), "'nan'", r"must lie in \[0, 1\]. Got nan"),
    field("accuracy", 0.6, "0.6", "`accuracy` of `experiment` must be the last of its curve, 0.7. Got 0.6"),
    field("test_accuracy", 2.0, "2.0", r"`test_accuracy` .* Got 2.0"),
    field("curve", [0.1, 0.1, 7.0, 0.7], "[0.1, 0.1, 7.0, 0.7]", r"`curve\[2\]` .* Got 7.0"),
    field("curve", [0.1, 0.7], "[0.1, 0.7]", r"`train_losses` .* as long as the curve \(2\). Got 4"),
    field("train_losses", [1.0, float("inf")], "[1.0, 'inf'::DOUBLE]", r"`train_losses\[1\]` .* be finite"),
    field("depth_accuracies", [0.2, 1.2], "[0.2, 1.2]", r"`depth_accuracies\[1\]` .* Got 1.2"),
    field("parameters", -5, "-5", "`parameters` .* at least 0. Got -5"),
    field("parameters", 5, "5", r"`parameters` of `experiment` must be [\d,]+ for 1 channels, 10 classes .* Got 5"),
    field("multiply_adds", 10**15, "1e15", r"`multiply_adds` of `experiment` must be .* Got 1,000,000,000,000,000"),
    field("activation_bytes", 7, "7", "`activation_bytes` of `experiment` must be .* Got 7"),
    field("depth", 999, "999", "`depth` of `experiment` must be .* Got 999"),
    field("seconds", -1.0, "-1.0", "`seconds` .* Got -1.0"),
    field("created_at", "22.11.2026 04:11", "'22.11.2026 04:11'", OTHER_TIME),
    field("created_at", "2026-11-22T04:11:00", "'2026-11-22T04:11:00'", OTHER_TIME),
    field("created_at", "2026-11-22T04:11:00+02:00", "'2026-11-22T04:11:00+02:00'", OTHER_TIME),
    field("classes", 100, "100", "dataset 'made-up-[0-9]+' with classes 10; it cannot have 100", "dataset"),
    field("channels", 3, "3", "with channels 1; it cannot have 3", "dataset"),
    field("height", 64, "64", "with height 8; it cannot have 64", "dataset"),
    field("train_images", 9, "9", "with train_images 1437; it cannot have 9", "dataset"),
    other("architecture", lambda true: UNKNOWN, "is none: Node 0: No operation is named `teleport`"),
    other("architecture", lambda true: dumps(ROUNDABOUT), "must be in canonical form, whose hash is"),
    other("recipe", recipe_with(batch=5), "`hash` of `recipe` must be the SHA-256", rehash=False),
    other("recipe", recipe_with(magic=1), "The recipe .* is none: No field of `Recipe` is named `magic`"),
    other("recipe", recipe_with(batch=0), "The recipe .* is none: The `batch` of `Recipe` must"),
    other("recipe", recipe_with(batch="auto"), "The recipe .* is none: a training has a batch and a side in numbers"),
    other("recipe", recipe_with(epochs=2), "`curve` of `experiment` must have one value for each of .* 2 epochs"),
)


def carried(carrier: str, folder: Path, entries: list[ExperimentEntry], poisons: Sequence[Poison] = ()) -> Path:
    """Experiments, some of them spoilt, as a shard, a folder of Parquet or a database."""
    if carrier == "shard":
        lines = [entry_to_json(one) for one in entries]
        for poison in poisons:
            poison.edit(lines[poison.number])
        shard = folder / "given.jsonl"
        shard.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return shard
    path = folder / "given.duckdb"
    with Database.open(path) as given:
        given.add_experiments(entries)
    with duckdb.connect(str(path)) as raw:
        for poison in poisons:
            raw.execute(poison.sql)
        if carrier == "duckdb":
            return path
        (folder / "given").mkdir()
        for table in ("datasets", "architectures", "recipes", "experiments"):
            leave_out = "EXCLUDE (id)" if table == "experiments" else ""
            raw.execute(f"COPY (SELECT * {leave_out} FROM {table}) TO '{folder}/given/{table}.parquet'")
    return folder / "given"


@pytest.mark.parametrize("carrier", CARRIERS)
def test_poisoned_rows_are_refused_by_name_and_the_rest_enters(presage: Callable, tmp_path: Path, carrier: str) -> None:
    """Every experiment of an odd number is spoilt, each in its own way; the even ones are true."""
    poisons = [spoil(2 * at + 1) for at, spoil in enumerate(POISONS)]
    entries = [entry(number) for number in range(2 * len(POISONS))]
    own = tmp_path / "own.duckdb"
    with Database.open(own) as database:
        database.add_probes(probe_entry(one.dataset) for one in entries)  # the datasets are known
    given = carried(carrier, tmp_path, entries, poisons)
    outcome = presage("database", "import", given, "--database", own, "--json")
    refused = [(row["where"], row["why"]) for row in outcome.json["refused"]]
    assert outcome.code == 2
    assert outcome.json["experiments"] == len(POISONS), refused
    for poison in poisons:
        assert any(re.search(poison.why, why) for _, why in refused), poison.why
    assert all("\n" not in why and len(why) < 400 for _, why in refused)
    if carrier == "shard":
        why_of = dict(refused)
        assert len(why_of) == len(refused) == len(poisons)
        assert all(re.search(poison.why, why_of[f"{given}:{poison.number + 1}"]) for poison in poisons)
    else:
        named = r"/\w+\.parquet row \d+" if carrier == "parquet" else r" \w+ [0-9a-f]{12}…"
        assert all(re.fullmatch(re.escape(str(given)) + named, where) for where, _ in refused), refused
    with Database.open(own, read_only=True) as database:
        assert {row.seed for row in database.experiment_records()} == {100 + 2 * at for at in range(len(POISONS))}
        assert database.check() == []
    again = presage("database", "import", given, "--database", own, "--json")
    assert (again.code, again.json["experiments"], again.json["already"]) == (2, 0, len(POISONS))
    assert [(row["where"], row["why"]) for row in again.json["refused"]] == refused


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_duplicate_with_another_result_is_refused_and_the_first_stays(
    presage: Callable, tmp_path: Path, carrier: str
) -> None:
    own, others = tmp_path / "own.duckdb", tmp_path / "others"
    others.mkdir()
    with Database.open(own):  # empty: the shipped experience is not wanted here
        pass
    first = carried(carrier, tmp_path, [entry(number) for number in range(3)])
    assert presage("database", "import", first, "--database", own).code == 0
    second = carried(carrier, others, [entry(0), entry(1, accuracy=0.9), entry(2)])
    outcome = presage("database", "import", second, "--database", own)
    head, *rows = outcome.out.splitlines()
    assert outcome.code == 2
    assert head == "Added 0 experiments, 0 probes, 0 predictions; 2 were there already; 1 refused."
    assert len(rows) == 1
    assert "known with another result: accuracy 0.7 is stored, 0.9 was given" in rows[0]
    with Database.open(own, read_only=True) as database:
        assert [row.accuracy for row in database.experiment_records() if row.seed == 101] == [0.7]


def test_a_false_claim_about_a_dataset_nobody_knew_does_not_keep_the_true_ones_out(
    presage: Callable, experienced: Path, tmp_path: Path
) -> None:
    """It comes first, but its network would have other parameters."""
    lines = [entry_to_json(entry(number)) for number in (0, 1, 2)]
    for number, line in enumerate(lines):
        line["dataset"] |= {"fingerprint": "ab" * 32, "name": "new", "classes": 11 if number == 0 else 10}
        line["experiment"]["dataset"] = "ab" * 32
    shard = tmp_path / "given.jsonl"
    shard.write_text("".join(json.dumps(line) + "\n" for line in lines))
    outcome = presage("database", "import", shard, "--database", experienced, "--json")
    assert (outcome.code, outcome.json["experiments"]) == (2, 2)
    assert [row["where"] for row in outcome.json["refused"]] == [f"{shard}:1"]
    assert "11 classes" in outcome.json["refused"][0]["why"]


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("dcn", 0.9, "The `dcn` of `probe` must be the DCN of its curve, 0.7. Got 0.9."),
        ("curve", [], "The `curve` of `dcn` must hold at least one epoch. Got []."),
        ("description", {"colour": 1e300}, "The `description.colour` of `probe` must be within ±100,000. Got 1e+300."),
        ("description", {"log_classes": 3.0}, "The `description.log_classes` of `probe` must be 2.30259. Got 3."),
        ("description", {"color": 1.0}, "No entry of a probe's `description` is named `color`. Did you mean `colour`?"),
    ],
)
def test_a_probe_that_is_not_what_it_follows_from_is_refused(
    presage: Callable, experienced: Path, tmp_path: Path, field: str, value: object, why: str
) -> None:
    lines = [
        entry_to_json(probe_entry(dataset_record("made-up-0"), seed=seed, curve=[0.3, 0.6, 0.7], version="1"))
        for seed in (7, 8)
    ]
    lines[1]["probe"][field] = value
    shard = tmp_path / "given.jsonl"
    shard.write_text("".join(json.dumps(line) + "\n" for line in lines))
    outcome = presage("database", "import", shard, "--database", experienced, "--json")
    assert (outcome.code, outcome.json["probes"]) == (2, 1)
    (refused,) = outcome.json["refused"]
    assert refused["where"] == f"{shard}:2"
    assert refused["why"].startswith(why)
