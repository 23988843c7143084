"""Import of Parquet by columns: faster, and otherwise just as row by row: the same rows, refusals and words."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from presage.database import Database, ImportReport, shared_place, sync
from presage.database.merge import table_reader
from presage.database.tables import entries_of_tables
from presage.records.entries import entry_to_json
from presage.vetting import check_architecture, check_entry
from presage.vetting_columns import vouch


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some of the shipped experiments, with predictions and failures none."""
    folder = tmp_path_factory.mktemp("exported")
    with Database.open(folder / "seed.duckdb", from_seed=True) as database:
        database.connection.script(
            "DELETE FROM experiments WHERE id NOT IN (SELECT id FROM experiments ORDER BY id LIMIT 120);"
            "DELETE FROM architectures WHERE hash NOT IN (SELECT architecture FROM experiments);"
            "DELETE FROM text_experiments; DELETE FROM cells"
        )
        database.export_parquet(folder / "out")
    return folder / "out"


def change(source: Path, folder: Path, **selects: str) -> Path:
    """A copy whose tables are what these SELECTs make of `{0}`."""
    folder.mkdir()
    for file in source.iterdir():
        select = selects.get(file.stem, "FROM {0}").replace("{0}", f"read_parquet('{file}')")
        with duckdb.connect() as raw:
            raw.execute(f"COPY ({select}) TO '{folder / file.name}' (FORMAT parquet)")
    return folder


def both(folder: Path, scratch: Path, before: Path | None = None) -> tuple[ImportReport, ImportReport]:
    """What comes of an import by columns and of one row by row, which leave the same behind."""
    reports, contents = [], []
    for name, by_columns in (("columns", True), ("rows", False)):
        path = scratch / f"{name}.duckdb"
        path.unlink(missing_ok=True)
        with Database.open(path, from_seed=False) as database:
            if before is not None:
                database.import_parquet(before)
            told = vouch if by_columns else None
            reports.append(database.import_parquet(folder, check_architecture, check_entry, vouch=told))
            assert database.check() == []
            contents.append(
                [
                    database.connection.rows(f"SELECT * FROM {table} ORDER BY ALL")
                    for table in ("datasets", "recipes", "architectures", "experiments", "probes", "predictions")
                ]
            )
    assert contents[0] == contents[1]
    return reports[0], reports[1]


def test_sound_experiments_enter_by_columns_without_one_being_read_alone(exported: Path, tmp_path: Path) -> None:
    asked: list[str] = []

    def asked_alone(text: str) -> None:
        asked.append(text)
        check_architecture(text)

    with Database.open(tmp_path / "own.duckdb", from_seed=False) as database:
        dry = database.import_parquet(exported, asked_alone, check_entry, vouch=vouch, dry_run=True)
        assert (dry.experiments, len(database.experiments())) == (120, 0)
        report = database.import_parquet(exported, asked_alone, check_entry, vouch=vouch)
        assert len(set(asked)) < 30  # those of wiring that only their canonical form can judge
        again = database.import_parquet(exported, check_architecture, check_entry, vouch=vouch)
        assert (again.added, again.already, again.refused) == (0, report.added, ())
    assert both(exported, tmp_path) == (report, report)


BROKEN = (
    "1.5 AS accuracy", "'nan'::DOUBLE AS accuracy", "accuracy / 2 AS accuracy", "NULL::DOUBLE AS accuracy",
    "-0.1 AS test_accuracy", "2.0 AS balanced_accuracy", "parameters + 1 AS parameters",
    "multiply_adds - 1 AS multiply_adds", "activation_bytes + 4 AS activation_bytes", "depth + 1 AS depth",
    "-1::BIGINT AS seed", "NULL::BIGINT AS seed", "[0.5, NULL]::DOUBLE[] AS curve", "[2.0]::DOUBLE[] AS curve",
    "NULL::DOUBLE[] AS curve", "[]::DOUBLE[] AS curve", "curve[1:2] AS curve", "['inf'::DOUBLE] AS train_losses",
    "['nan'::DOUBLE] AS depth_accuracies", "-1.0 AS seconds", "'inf'::DOUBLE AS seconds", "'' AS device",
    "chr(0) AS precision", "'[1]' AS versions", "'{\"b\": 1}' AS versions", "'{' AS versions",
    "'2026-02-30T00:00:00Z' AS created_at", "'2026-11-22T07:20:34' AS created_at", "'yesterday' AS created_at",
    "'2026-11-22 07:20:34+00:00' AS created_at", "'why' AS failure", "'' AS source", "'mine' AS source",
    "'diverged' AS status", "'unknown' AS status", "repeat('0', 64) AS dataset", "repeat('0', 64) AS architecture",
    "'x' AS recipe",
)  # fmt: skip
"""Of one row each."""


def test_rows_that_break_a_rule_are_refused_as_row_by_row(exported: Path, tmp_path: Path) -> None:
    cases: dict[str, str] = {}
    for row, one in enumerate(BROKEN):
        value, _, name = one.rpartition(" AS ")
        cases[name] = cases.get(name, "CASE") + f" WHEN file_row_number = {2 * row} THEN {value}"
    replaced = ", ".join(f"{case} ELSE {name} END AS {name}" for name, case in cases.items())
    numbered = f"read_parquet('{exported / 'experiments.parquet'}', file_row_number = true)"
    select = f"SELECT * EXCLUDE (file_row_number) FROM (SELECT * REPLACE ({replaced}) FROM {numbered})"
    folder = change(exported, tmp_path / "changed", experiments=select)
    by_columns, by_rows = both(folder, tmp_path)
    assert by_columns == by_rows
    assert len(by_rows.refused) >= len(BROKEN) - 6  # some are taken in, though not by columns


def test_columns_of_other_types_are_read_row_by_row(exported: Path, tmp_path: Path) -> None:
    select = "SELECT * REPLACE (accuracy::FLOAT AS accuracy, seed::VARCHAR AS seed) FROM {0}"
    by_columns, by_rows = both(change(exported, tmp_path / "changed", experiments=select), tmp_path)
    assert by_columns == by_rows
    assert by_rows.refused


@pytest.mark.parametrize(
    ("table", "select"),
    [
        (
            "architectures",
            "SELECT * REPLACE (CASE hash(json) % 4 WHEN 0 THEN json || ' ' WHEN 1 THEN replace(json, '\"bias\":true', "
            "'\"bias\":1') ELSE json END AS json, if(hash(json) % 5 = 0, '', space) AS space, "
            "CASE hash(json) % 7 WHEN 0 THEN '{} ' WHEN 1 THEN 'no object' ELSE params END AS params) FROM {0}",
        ),
        (
            "architectures",
            "SELECT * REPLACE (sha256(replace(json, 'relu', 'tanhh')) AS hash, replace(json, 'relu', 'tanhh') AS json) "
            "FROM {0}",
        ),
        ("architectures", "FROM {0} UNION ALL (FROM {0} LIMIT 20)"),
        ("architectures", "FROM {0} LIMIT 60"),
        ("datasets", "FROM {0} UNION ALL (SELECT * REPLACE (classes + 1 AS classes) FROM {0} LIMIT 4)"),
        ("recipes", "SELECT * REPLACE (replace(json, '\"epochs\":', '\"epochs\":1') AS json) FROM {0}"),
        ("recipes", "FROM {0} LIMIT 3"),
        ("experiments", "FROM {0} UNION ALL (SELECT * REPLACE (0.25 AS test_accuracy) FROM {0} LIMIT 20)"),
        ("experiments", "SELECT * EXCLUDE (source, balanced_accuracy) FROM {0}"),
        ("experiments", "SELECT *, 1 AS row_number FROM {0}"),
        ("experiments", "SELECT 1 AS ROW_NUMBER, * FROM {0}"),
        ("experiments", "SELECT *, 1 AS File_Row_Number FROM {0}"),
        ("experiments", "SELECT * EXCLUDE (source), chr(0) AS SOURCE FROM {0}"),
        ("architectures", "SELECT 1 AS ROW_NUMBER, * FROM {0}"),
        ("experiments", "FROM {0} LIMIT 0"),
    ],
)
def test_tables_that_do_not_fit_together_are_refused_as_row_by_row(
    exported: Path, tmp_path: Path, table: str, select: str
) -> None:
    by_columns, by_rows = both(change(exported, tmp_path / "changed", **{table: select}), tmp_path)
    assert by_columns == by_rows


def test_what_contradicts_the_database_is_refused_and_the_rest_enters(exported: Path, tmp_path: Path) -> None:
    half = change(exported, tmp_path / "half", experiments="FROM {0} LIMIT 60")
    other = change(
        exported,
        tmp_path / "other",
        experiments="SELECT * REPLACE (if(seed % 2 = 0, test_accuracy / 2, test_accuracy) AS test_accuracy) FROM {0}",
        datasets="SELECT * REPLACE (if(name < 'f', classes + 1, classes)::INTEGER AS classes) FROM {0}",
    )
    by_columns, by_rows = both(other, tmp_path, before=half)
    assert by_columns == by_rows
    assert all([by_columns.refused, by_columns.experiments, by_columns.already])


def test_a_failed_training_is_replaced_by_the_finished_one(exported: Path, tmp_path: Path) -> None:
    failed = change(
        exported,
        tmp_path / "failed",
        experiments="SELECT * REPLACE ('diverged' AS status, NULL::DOUBLE AS accuracy, NULL::DOUBLE AS test_accuracy, "
        "NULL::DOUBLE AS balanced_accuracy, NULL::DOUBLE AS test_balanced_accuracy, 'nan' AS failure) FROM {0} LIMIT 9",
    )
    by_columns, by_rows = both(exported, tmp_path, before=failed)
    assert by_columns == by_rows == replace(by_rows, experiments=120, already=by_rows.already)


def test_damaged_files_are_named_as_row_by_row(exported: Path, tmp_path: Path) -> None:
    folder = change(exported, tmp_path / "cut")
    for name in ("experiments.parquet", "architectures.parquet"):
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[: len(whole) // 2])
        said = []
        for told in (vouch, None):
            with Database.open(tmp_path / "own.duckdb", from_seed=False) as database:
                with pytest.raises(Exception, match=r"cannot be read|is no Parquet file") as error:
                    database.import_parquet(folder, check_architecture, check_entry, vouch=told)
                assert len(database.experiments()) == 0
            said.append(str(error.value))
        assert said[0] == said[1]
        (folder / name).write_bytes(whole)


def test_parts_of_a_shared_place_are_taken_in_by_columns_as_row_by_row(exported: Path, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    with Database.open(tmp_path / "theirs.duckdb", from_seed=False) as database:
        database.import_parquet(exported)
        database.connection.script(
            "UPDATE experiments SET parameters = parameters + 1 WHERE hash(id) % 9 = 0;"
            "UPDATE experiments SET created_at = 'never' WHERE hash(id) % 11 = 0;"
            "UPDATE experiments SET status = 'diverged', accuracy = NULL, test_accuracy = NULL, "
            "balanced_accuracy = NULL, test_balanced_accuracy = NULL, failure = 'nan' WHERE hash(id) % 13 = 0"
        )
    sync(lambda: Database.open(tmp_path / "theirs.duckdb"), shared_place(str(place)))
    reports, contents, asked = [], [], []
    for name, told in (("columns", vouch), ("rows", None)):
        own, alone = tmp_path / f"{name}.duckdb", list[str]()

        def asked_alone(text: str, alone: list[str] = alone) -> None:
            alone.append(text)
            check_architecture(text)

        def opened(own: Path = own) -> Database:
            return Database.open(own, from_seed=False)

        there = shared_place(str(place))
        reports.append([sync(opened, there, asked_alone, check_entry, vouch=told) for _ in range(2)])
        with opened() as database:
            assert database.check() == []
            contents.append(
                [
                    database.connection.rows(f"SELECT * FROM {table} ORDER BY ALL")
                    for table in ("datasets", "recipes", "architectures", "experiments", "probes", "part_rows")
                ]
            )
        asked.append(len(set(alone)))
    assert contents[0] == contents[1]
    told_by = [
        [(one.pulled.experiments, one.pulled.already, len(one.pulled.refused)) for one in two] for two in reports
    ]
    assert told_by[0] == told_by[1]
    assert min(told_by[0][0][0], told_by[0][0][2]) > 5
    assert [{str(row) for one in two for row in one.pulled.refused} for two in reports[:1]] == [
        {str(row) for one in two for row in one.pulled.refused} for two in reports[1:]
    ]
    assert asked[0] < asked[1] / 2


@pytest.mark.parametrize("table", ["experiment", "architecture"])
def test_rows_of_a_part_with_a_field_that_no_record_has_are_refused(exported: Path, tmp_path: Path, table: str) -> None:
    place = tmp_path / "place"
    place.mkdir()
    with Database.open(tmp_path / "theirs.duckdb", from_seed=False) as database:
        database.import_parquet(change(exported, tmp_path / "few", experiments="FROM {0} LIMIT 9"))
    sync(lambda: Database.open(tmp_path / "theirs.duckdb"), shared_place(str(place)))
    (part,) = place.rglob("experiments-*.parquet")
    draft = tmp_path / "draft"
    with duckdb.connect() as raw:
        more = f"SELECT * REPLACE (struct_insert({table}, more := 1) AS {table}) FROM '{part}'"
        raw.execute(f"COPY ({more}) TO '{draft}' (FORMAT parquet)")
    part.unlink()
    digest = hashlib.sha256(draft.read_bytes()).hexdigest()
    draft.rename(part.with_name(f"experiments-{digest}.parquet"))
    with Database.open(tmp_path / "own.duckdb", from_seed=False) as database:
        pass
    found = sync(
        lambda: Database.open(tmp_path / "own.duckdb"), shared_place(str(place)), check_architecture, check_entry,
        vouch=vouch,
    )  # fmt: skip
    assert found.pulled.experiments == 0
    assert f"`{table}` has no field `more`" in str(found.pulled.refused[0])


_CHANGED = (
    "parameters = parameters + 1", "accuracy = 2.0", "id = repeat('0', 64)", "seed = seed + 1", "device = ''",
    "versions = '{'", "curve = curve[1:2]", "created_at = 'yesterday'", "status = 'diverged'", "source = 'mine'",
)  # fmt: skip


class _Noting:
    """Checks architectures, and notes which it was asked about."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def __call__(self, text: str) -> None:
        self.seen.add(text)
        check_architecture(text)


def test_a_database_is_merged_by_columns_as_row_by_row(exported: Path, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs.duckdb"
    shutil.copy(exported.parent / "seed.duckdb", theirs)
    with Database.open(theirs) as database:
        ids = [identity for (identity,) in database.connection.rows("SELECT id FROM experiments ORDER BY id")]
        for identity, change_ in zip(ids[::11], _CHANGED, strict=False):
            database.connection.run(f"UPDATE experiments SET {change_} WHERE id = ?", [identity])
    before = theirs.read_bytes()
    contents, reports, asked = [], [], []
    for name, told in (("columns", vouch), ("rows", None)):
        asked_alone = _Noting()
        asked.append(asked_alone.seen)
        with Database.open(tmp_path / f"{name}.duckdb", from_seed=False) as database:
            reports.append(database.merge(theirs, asked_alone, check_entry, vouch=told))
            again = database.merge(theirs, check_architecture, check_entry, vouch=told)
            assert (again.added, again.already, again.refused) == (0, reports[-1].added, reports[-1].refused)
            contents.append(
                [
                    database.connection.rows(f"SELECT * FROM {table} ORDER BY ALL")
                    for table in ("datasets", "recipes", "architectures", "experiments", "probes", "predictions")
                ]
            )
    assert contents[0] == contents[1]
    assert reports[0] == reports[1]
    assert 6 <= len(reports[0].refused) <= len(_CHANGED)
    assert len(asked[0]) < 45 < len(asked[1])
    assert theirs.read_bytes() == before


def test_shards_and_entries_are_vouched_for_as_they_are_checked_one_by_one(exported: Path, tmp_path: Path) -> None:
    with Database.open(exported.parent / "seed.duckdb", read_only=True) as database:
        entries = list(entries_of_tables(table_reader(database.connection), lambda where, why: None))
    lines = [json.loads(json.dumps(entry_to_json(placed.entry))) for placed in entries]
    own = [line for line in lines if "experiment" in line]
    for at, name in enumerate(("parameters", "multiply_adds", "activation_bytes", "depth", "seed", "accuracy")):
        own[7 * at]["experiment"][name] += 0.0625 if name == "accuracy" else 1
    own[50]["dataset"]["classes"] += 1  # of a fingerprint that others have, too
    own[57]["recipe"]["json"]["epochs"] = 3
    own[64]["experiment"]["parameters"] = 2**62
    own[71]["architecture"]["hash"] = own[71]["experiment"]["architecture"] = "0" * 64
    shard = tmp_path / "shard.jsonl"
    shard.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    contents, reports, asked = [], [], []
    for name, told in (("vouched", vouch), ("asked", None)):
        asked_alone = _Noting()
        asked.append(asked_alone.seen)
        with Database.open(tmp_path / f"{name}.duckdb", from_seed=False) as database:
            reports.append(database.import_shards([shard], asked_alone, check_entry, vouch=told))
            tables = ("datasets", "recipes", "architectures", "experiments", "probes", "predictions")
            contents.append([database.connection.rows(f"SELECT * FROM {table} ORDER BY ALL") for table in tables])
    assert contents[0] == contents[1]
    assert reports[0] == reports[1]
    assert len(reports[0].refused) >= 7
    assert len(asked[0]) < 45 < len(asked[1])
