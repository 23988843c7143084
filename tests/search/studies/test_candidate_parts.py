"""Large predicted studies: Parquet files beside a journal that has what a dashboard needs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import optuna
import pytest

from presage.errors import WrongInput
from presage.search.studies import journal as journals
from presage.search.studies.candidate_parts import CandidateParts, rows_in
from presage.search.studies.journal import CANDIDATE, CANDIDATES, Journal
from presage.search.studies.predicted import PredictedStudy, read_candidates
from presage.search.studies.scored_columns import ScoredColumns
from presage.search.studies.scored_trial import ScoredTrial
from tests.search.studies.test_predicted import SPACE, _same, _study

CODES = SPACE.sample(30, np.random.default_rng(0))


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Studies of more than 100 are large."""
    monkeypatch.setattr(journals, "WHOLE", 100)
    monkeypatch.setattr(journals, "SAMPLED", 40)


def study(folder: Path, strategy: str = "evolution") -> PredictedStudy:
    folder.mkdir(exist_ok=True)
    return _study(folder / "journal.log", strategy)


def stored(folder: Path) -> Path:
    return folder / CANDIDATES / "predicted"


def trials(values: int) -> list[ScoredTrial]:
    """Scored ones, one that failed, one of which less is said."""
    return [
        ScoredTrial(
            code.tolist(), (0.1 * at, 7.5)[:values] if at != 3 else (),
            {"lower": at / 7, "key": f"{at:016x}", "cost": at} | ({} if at == 5 else {"word": "near", "far": 0.25}),
            {"presage:batch": at // 10, "parent": [1, {"a": "ä"}]},
        )
        for at, code in enumerate(CODES)
    ]  # fmt: skip


@pytest.mark.parametrize("values", [1, 2])
def test_what_was_written_is_read_back_to_the_last_digit(tmp_path: Path, values: int) -> None:
    parts = CandidateParts(tmp_path / "c", SPACE, values)
    assert (parts.rows, list(parts.read())) == (0, [])
    read = CandidateParts(tmp_path / "c", SPACE, values)
    for start, end in ((0, 10), (10, 10), (10, 11), (11, 30)):
        parts.write(trials(values)[start:end])
    assert parts.rows == rows_in(tmp_path / "c") == 30
    assert [trial for columns in read.read() for trial in columns] == trials(values)


@pytest.mark.parametrize("strategy", ["evolution", "random", "nsgaii"])
def test_a_large_study_is_the_study_it_would_be_in_a_journal(
    tmp_path: Path, strategy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = study(tmp_path / "parts", strategy).run(330)
    recorder = Journal(tmp_path / "parts" / "journal.log").recorder("predicted", ("maximize",), SPACE)
    assert _same(read_candidates(recorder), found)
    assert rows_in(stored(tmp_path / "parts")) == 330
    monkeypatch.setattr(journals, "WHOLE", 1000)
    assert _same(study(tmp_path / "journal", strategy).run(330), found)
    assert not stored(tmp_path / "journal").exists()


@pytest.mark.parametrize("kept", [0, 1, 2, 3])
def test_cut_off_after_any_part_it_becomes_the_study_it_would_have_been(tmp_path: Path, kept: int) -> None:
    whole = study(tmp_path / "whole").run(400)
    study(tmp_path / "cut").run(300)
    for path in sorted(stored(tmp_path / "cut").iterdir())[kept:]:
        path.unlink()
    if kept == 0:  # as at the moment before the first part: the journal has what fits
        lines = (tmp_path / "cut" / "journal.log").read_bytes().splitlines(True)
        full = [line for line in lines if b'"candidate"' not in line]
        (tmp_path / "cut" / "journal.log").write_bytes(b"".join(full))
    assert _same(study(tmp_path / "cut").run(400), whole)


def test_a_study_that_an_earlier_version_began_goes_on_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = study(tmp_path / "whole").run(400)
    monkeypatch.setattr(journals, "WHOLE", 10_000)
    study(tmp_path / "old").run(230)
    monkeypatch.setattr(journals, "WHOLE", 100)
    assert _same(study(tmp_path / "old").run(400), whole)
    assert rows_in(stored(tmp_path / "old")) == 400


def test_a_study_of_known_size_is_kept_in_parts_from_its_first_batch_on(tmp_path: Path) -> None:
    short = study(tmp_path / "run")
    short.run(60)
    assert rows_in(stored(tmp_path / "run")) == 0
    seen: list[int] = []
    whole = study(tmp_path / "run").run(330, lambda done: seen.append(rows_in(stored(tmp_path / "run"))))
    assert seen[0] == 80  # with those that only the journal had
    assert _same(study(tmp_path / "again").run(330), whole)


def test_two_journals_in_one_folder_have_candidates_of_their_own(tmp_path: Path) -> None:
    values = {name: np.linspace(0, at, 300).tolist() for at, name in enumerate(("first.log", "second.log"), 1)}
    codes = SPACE.sample(300, np.random.default_rng(0)).tolist()

    def kept(name: str) -> list[float]:
        recorder = Journal(tmp_path / name).recorder("predicted", ("maximize",), SPACE)
        return [trial.values[0] for trial in recorder.read()]

    for name, told in values.items():
        recorder = Journal(tmp_path / name).recorder("predicted", ("maximize",), SPACE)
        recorder.write([ScoredTrial(code, (value,)) for code, value in zip(codes, told, strict=True)])
    assert {name: kept(name) for name in values} == values
    (tmp_path / f"second.log-{CANDIDATES}").rename(tmp_path / CANDIDATES)  # as an earlier version left them
    assert kept("second.log") == values["second.log"]


def test_a_short_study_is_not_read_from_the_candidates_of_the_usual_journal_beside_it(tmp_path: Path) -> None:
    codes = SPACE.sample(300, np.random.default_rng(0)).tolist()

    def write(name: str, count: int, value: float) -> None:
        recorder = Journal(tmp_path / name).recorder("predicted", ("maximize",), SPACE)
        recorder.write([ScoredTrial(code, (value,)) for code in codes[:count]])

    write("other.log", 50, 0.25)  # all in its journal
    write("journal.log", 300, 0.5)
    for name, kept in (("other.log", [0.25] * 50), ("journal.log", [0.5] * 300)):
        recorder = Journal(tmp_path / name).recorder("predicted", ("maximize",), SPACE)
        assert [trial.values[0] for trial in recorder.read()] == kept


def test_columns_are_the_trials_one_by_one() -> None:
    told = trials(2)
    columns = ScoredColumns.of(told, len(SPACE.parameters), 2)
    assert (list(columns), list(columns[4:9]), columns[3]) == (told, told[4:9], told[3])
    assert ScoredColumns.of(columns, len(SPACE.parameters), 2) is columns
    assert columns.scored.tolist() == [at != 3 for at in range(30)]


def test_the_journal_has_the_first_the_best_and_a_sample(tmp_path: Path) -> None:
    found = study(tmp_path / "run").run(330)
    opened = optuna.load_study(
        study_name="predicted",
        storage=optuna.storages.JournalStorage(
            optuna.storages.journal.JournalFileBackend(str(tmp_path / "run" / "journal.log"))
        ),
    )
    best = np.maximum.accumulate(np.nan_to_num(found.value, nan=-np.inf))
    new = np.flatnonzero(np.diff(best, prepend=-np.inf) > 0)
    expected = [row for row in range(330) if row < 100 or row % 40 == 0 or row in new]
    rows = [trial.user_attrs.get(CANDIDATE, trial.number) for trial in opened.trials]
    assert rows == expected
    assert len(rows) < 150
    assert opened.best_value == found.value.max()
    for row, trial in zip(rows, opened.trials, strict=True):
        assert trial.value == found.value[row]
        assert trial.params == SPACE.params(found.codes[row])


def test_any_program_reads_all_of_them(tmp_path: Path) -> None:
    found = study(tmp_path / "run").run(230)
    name = SPACE.parameters[0].name
    asked = f"SELECT \"parameter {name}\", predicted, parameters FROM '{stored(tmp_path / 'run')}/*.parquet'"
    rows = duckdb.sql(asked).fetchall()
    assert [row[0] for row in rows] == found.codes[:, 0].tolist()
    assert [row[1] for row in rows] == found.value.tolist()
    assert [row[2] for row in rows] == found.costs[:, 0].tolist()


def _flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    path.write_bytes(content)


def _other(path: Path, change: str) -> None:
    changed = duckdb.sql(f"SELECT {change} FROM '{path}'").fetchnumpy()
    path.unlink()
    with duckdb.connect() as connection:
        connection.register("changed", changed)
        connection.execute(f"COPY changed TO '{path}' (FORMAT parquet)")


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"PAR1" * 10),
        _flipped,
        lambda path: path.rename(path.with_name("000000100-000000201.parquet")),
        lambda path: _other(path, "* EXCLUDE (value)"),
        lambda path: _other(path, '* REPLACE (255 AS "parameter width0")'),
        lambda path: _other(path, "* REPLACE ('x' AS \"parameter width0\")"),
        lambda path: _other(path, "* REPLACE ('x' AS value)"),
        lambda path: _other(path, "* REPLACE ('[1' AS system)"),
        lambda path: _other(path, "* REPLACE ('7' AS system)"),
        lambda path: _other(path, "* REPLACE ([1.5] AS value)"),
        lambda path: _other(path, "* EXCLUDE (parameters)"),
    ],
)
def test_a_damaged_part_is_said_to_be_and_nothing_is_written(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    study(tmp_path / "run").run(330)
    damage(sorted(stored(tmp_path / "run").iterdir())[1])
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    with pytest.raises(WrongInput, match=r"damaged|no Parquet file"):
        study(tmp_path / "run").run(400)
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()} == before
