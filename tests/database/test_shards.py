"""Import of shards: every wrong or poisoned line is refused by file and line, and the rest enters."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from presage.database import Database
from presage.errors import InvalidArchitecture, InvalidArgument, InvalidExperience
from presage.records import entry_from_json, entry_to_json
from presage.records.testing import dataset_record, experiment_entry, prediction_entry, probe_entry

Line = dict[str, Any]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database.open(tmp_path / "x.duckdb") as opened:
        yield opened


def line(number: int = 0, **changed: Any) -> Line:
    return entry_to_json(experiment_entry(number, **changed))


def write(path: Path, lines: list[Line | str]) -> Path:
    path.write_text("".join((x if isinstance(x, str) else json.dumps(x)) + "\n" for x in lines))
    return path


def test_every_kind_of_line_enters_and_a_second_import_adds_nothing(database: Database, tmp_path: Path) -> None:
    entries = [experiment_entry(0), probe_entry(), prediction_entry(0), experiment_entry(1, status="diverged")]
    shard = write(tmp_path / "a.jsonl", [entry_to_json(e) for e in entries])
    report = database.import_shards([shard])
    assert (report.experiments, report.probes, report.predictions, report.refused) == (2, 1, 1, ())
    again = database.import_shards([tmp_path])
    assert (again.added, again.already) == (0, 4)
    assert database.check() == []


def change(path: str, value: object) -> Callable[[Line], None]:
    def apply(line: Line) -> None:
        *parents, last = path.split(".")
        for name in parents:
            line = line[name]
        if value is ...:
            del line[last]
        else:
            line[last] = value

    return apply


POISON: list[tuple[str, Callable[[Line], None], str]] = [
    (
        "accuracy over 1",
        change("experiment.accuracy", 1.5),
        r"`accuracy` of `experiment` must lie in \[0, 1\]. Got 1.5",
    ),
    ("accuracy under 0", change("experiment.accuracy", -0.1), r"must lie in \[0, 1\]. Got -0.1"),
    ("accuracy NaN", change("experiment.accuracy", float("nan")), r"must lie in \[0, 1\]. Got nan"),
    ("accuracy as text", change("experiment.accuracy", "0.5"), "must be a number. Got '0.5'"),
    ("accuracy missing", change("experiment.accuracy", None), "must be a number. Got None"),
    ("accuracy a flag", change("experiment.accuracy", True), "must be a number. Got True"),
    ("test accuracy over 1", change("experiment.test_accuracy", 2), "`test_accuracy` .* Got 2.0"),
    ("curve outside", change("experiment.curve", [0.1, 7.0, 0.1, 0.2]), r"`curve\[1\]` .* Got 7.0"),
    ("curve too long", change("experiment.curve", [0.1] * 5), "curve"),
    ("curve no list", change("experiment.curve", {"0": 0.1}), "`curve` of `experiment` must be a list of numbers"),
    (
        "losses infinite",
        change("experiment.train_losses", [1.0, 1e999, 1, 1]),
        r"`train_losses\[1\]` .* finite. Got inf",
    ),
    ("losses contradict curve", change("experiment.train_losses", [1.0]), r"as long as the curve \(4\). Got 1"),
    ("negative parameters", change("experiment.parameters", -1), "must be at least 0. Got -1"),
    ("fractional parameters", change("experiment.parameters", 1.5), "must be a whole number. Got 1.5"),
    ("parameters beyond 64 bits", change("experiment.parameters", 2**63), "must be under 2⁶³"),
    ("unknown status", change("experiment.status", "great"), "must be one of finished, diverged"),
    ("failed with accuracy", change("experiment.status", "diverged"), "must be null where the status is diverged"),
    ("time without zone", change("experiment.created_at", "2026-11-22T04:11:00"), "must be a time in UTC"),
    ("time as number", change("experiment.created_at", 5), "must be a time in UTC"),
    ("field missing", change("experiment.seed", ...), "`experiment` lacks the field `seed`"),
    ("field misspelt", change("experiment.acuracy", 0.5), "has no field `acuracy`. Did you mean `accuracy`"),
    ("object missing", change("recipe", ...), "lacks the object `recipe`"),
    ("object too many", change("probe", {}), "has no object `probe`"),
    ("other dataset", change("experiment.dataset", "0" * 64), "must be the fingerprint of the dataset beside it"),
    ("other architecture", change("experiment.architecture", "0" * 64), "must be the hash of the architecture beside"),
    ("fingerprint no hash", change("dataset.fingerprint", "digits"), "must be a SHA-256 of 64 lower-case hex digits"),
    ("architecture changed", change("architecture.json.nodes", []), "must be the SHA-256 of its `json`"),
    ("recipe changed", change("recipe.json.epochs", 9), "must be the SHA-256 of its `json`"),
    ("NaN in recipe", change("recipe.json.epochs", float("nan")), "must be a JSON object of finite numbers"),
    ("one class", change("dataset.classes", 1), "`classes` of `dataset` must be at least 2. Got 1"),
    ("null character", change("dataset.name", "a\x00b"), "without null characters"),
    ("lone surrogate", change("dataset.name", "a\ud800"), "without null characters or lone surrogates"),
    ("other format", change("format", "nonsense"), "`format` of `line` must be 'presage-experience'"),
    ("newer version", change("version", 2), "newest that this presage knows. Got 2"),
    ("unknown kind", change("kind", "cat"), "must be one of experiment, probe, prediction"),
    ("experiment no object", change("experiment", [1]), "must be an object"),
]


@pytest.mark.parametrize(("poison", "why"), [pytest.param(p, w, id=name) for name, p, w in POISON])
def test_a_poisoned_line_is_refused_with_its_reason(poison: Callable[[Line], None], why: str) -> None:
    poisoned = copy.deepcopy(line(1))
    poison(poisoned)
    with pytest.raises(InvalidExperience, match=why) as caught:
        entry_from_json(json.loads(json.dumps(poisoned)))
    assert "\n" not in str(caught.value)


def test_poisoned_lines_are_named_by_file_and_line_and_the_rest_enters(database: Database, tmp_path: Path) -> None:
    lines: list[Line | str] = []
    for number, (_, poison, _) in enumerate(POISON):
        poisoned = line(number)
        poison(poisoned)
        lines += [poisoned, line(1000 + number)]
    shard = write(tmp_path / "a.jsonl", [*lines, "{broken", "[]", "null", '"text"', "", "[" * 100_000])
    report = database.import_shards([shard])
    assert report.experiments == len(POISON)
    places = [f"{shard}:{2 * i + 1}" for i in range(len(POISON))]
    after = 2 * len(POISON)
    assert [r.where for r in report.refused] == [*places, *(f"{shard}:{after + i}" for i in (1, 2, 3, 4, 6))]
    assert report.text().splitlines()[0] == (
        f"Added {len(POISON)} experiments, 0 probes, 0 predictions; 0 were there already; {len(POISON) + 5} refused."
    )
    assert database.check() == []


def test_refused_lines_are_named_up_to_a_number_and_all_are_counted(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("presage.database.write.MOST_NAMED", 3)
    shard = write(tmp_path / "a.jsonl", [*(f"no line {at}" for at in range(1500)), line()])
    report = database.import_shards([shard])
    assert (report.experiments, len(report.refused), report.unnamed) == (1, 3, 1497)
    head, *rows, last = report.text().splitlines()
    assert "1500 refused" in head
    assert [row.split(": ")[0] for row in rows] == [f"{shard}:{at}" for at in (1, 2, 3)]
    assert last == "and 1,497 more"


def test_a_duplicate_with_another_result_is_refused_and_the_first_stays(database: Database, tmp_path: Path) -> None:
    shard = write(tmp_path / "a.jsonl", [line(1, accuracy=0.5), line(1, accuracy=0.9), line(2)])
    report = database.import_shards([shard])
    assert report.experiments == 2
    assert [r.where for r in report.refused] == [f"{shard}:2"]
    assert "known with another result: accuracy 0.5 is stored, 0.9 was given" in report.refused[0].why
    assert sorted(database.experiments().accuracy) == [0.5, 0.502]


def test_a_known_fingerprint_with_other_facts_is_refused(database: Database, tmp_path: Path) -> None:
    false = dataset_record("mnist", fingerprint=dataset_record().fingerprint, classes=100)
    shard = write(tmp_path / "a.jsonl", [line(1), line(2, dataset=false)])
    report = database.import_shards([shard])
    assert [r.where for r in report.refused] == [f"{shard}:2"]
    assert "'digits' with classes 10; it cannot have 100" in report.refused[0].why


def test_a_torn_last_line_is_passed_over_with_a_note(database: Database, tmp_path: Path) -> None:
    shard = write(tmp_path / "a.jsonl", [line(1)])
    with shard.open("a") as file:
        file.write(json.dumps(line(2))[:200])
    report = database.import_shards([shard])
    assert (report.experiments, report.refused) == (1, ())
    assert report.notes == (f"{shard}:2: the last line is torn and was passed over.",)


def test_a_whole_last_line_without_its_newline_enters(database: Database, tmp_path: Path) -> None:
    shard = tmp_path / "a.jsonl"
    shard.write_text(json.dumps(line(1)))
    assert database.import_shards([shard]).experiments == 1


def test_a_torn_line_in_the_middle_is_refused(database: Database, tmp_path: Path) -> None:
    shard = write(tmp_path / "a.jsonl", [json.dumps(line(1))[:200], line(2)])
    report = database.import_shards([shard])
    assert report.experiments == 1
    assert report.refused[0].where == f"{shard}:1"
    assert report.refused[0].why.startswith("The line is no JSON")


def test_bytes_that_are_no_text_are_refused(database: Database, tmp_path: Path) -> None:
    shard = tmp_path / "a.jsonl"
    shard.write_bytes(b"\xff\xfe\x00\n" + json.dumps(line(1)).encode() + b"\n" + bytes(300) + b"\n")
    report = database.import_shards([shard])
    assert (report.experiments, [r.where for r in report.refused]) == (1, [f"{shard}:1", f"{shard}:3"])


def test_an_architecture_that_the_floor_above_refuses_is_named_once_asked(database: Database, tmp_path: Path) -> None:
    asked = []

    def refuse_odd(text: str) -> None:
        asked.append(text)
        if json.loads(text)["nodes"][0]["number"] % 2:
            raise InvalidArchitecture("The operation `odd` is unknown.")

    shard = write(tmp_path / "a.jsonl", [line(1), line(2), line(1, seed=1)])
    report = database.import_shards([shard], check_architecture=refuse_odd)
    assert report.experiments == 1
    assert [r.where for r in report.refused] == [f"{shard}:1", f"{shard}:3"]
    assert "The operation `odd` is unknown." in report.refused[0].why
    assert len(asked) == 2


def test_paths_that_hold_no_shards_are_said(database: Database, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="must exist"):
        database.import_shards([tmp_path / "missing.jsonl"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidArgument, match="folders of"):
        database.import_shards([tmp_path / "empty"])


def test_numbers_of_numpy_are_taken_as_plain_ones() -> None:
    numpy = pytest.importorskip("numpy")
    entry = experiment_entry(1, accuracy=numpy.float32(0.5), seed=numpy.int64(3), curve=numpy.linspace(0, 0.5, 4))
    assert type(entry.experiment.accuracy) is float
    assert type(entry.experiment.seed) is int
    assert entry == entry_from_json(json.loads(json.dumps(entry_to_json(entry))))
