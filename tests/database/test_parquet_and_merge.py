"""Experience that leaves a database and enters another: exactly, once, and checked on the way."""

from __future__ import annotations

import hashlib
from pathlib import Path

import duckdb
import pytest

from presage.database import Database, write_seed
from presage.database.connection import Connection
from presage.database.migrate import migrate
from presage.errors import InvalidArgument, InvalidDatabase, StorageFull
from presage.records.testing import (
    architecture_record,
    dataset_record,
    experiment_entry,
    prediction_entry,
    probe_entry,
)

NASTY = [0.1 + 0.2, 1 / 3, 5e-324, 1.0]


def fill(path: Path, numbers: range) -> Path:
    with Database.open(path) as database:
        database.add_experiments(
            [experiment_entry(i, dataset=dataset_record(f"d{i % 3}"), curve=NASTY, train_losses=NASTY) for i in numbers]
        )
        database.add_experiments([experiment_entry(9000 + numbers.start, status="diverged")])
        database.add_experiments(
            [experiment_entry(8000, architecture=architecture_record(8000, None, None), seed=numbers.start)]
        )
        database.add_probe(probe_entry(seed=numbers.start))
        database.add_predictions([prediction_entry(numbers.start)])
    return path


def digests(folder: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.iterdir())}


def everything(database: Database) -> list[object]:
    read = (
        database.datasets, database.recipes, database.architecture_records,
        database.experiment_records, database.probes, database.predictions,
    )  # fmt: skip
    return [part() for part in read]


def test_parquet_out_and_in_is_exact_and_the_second_time_adds_nothing(tmp_path: Path) -> None:
    with (
        Database.open(fill(tmp_path / "a.duckdb", range(50))) as a,
        Database.open(tmp_path / "b.duckdb") as b,
    ):
        a.export_parquet(tmp_path / "out")
        report = b.import_parquet(tmp_path / "out")
        assert (report.experiments, report.probes, report.predictions, report.refused) == (52, 1, 1, ())
        assert everything(a) == everything(b)
        assert a.content_hash() == b.content_hash()
        again = b.import_parquet(tmp_path / "out")
        assert (again.added, again.already) == (0, 54)
        b.export_parquet(tmp_path / "again")
        assert digests(tmp_path / "out") == digests(tmp_path / "again")
        assert b.check() == []


def test_merging_is_idempotent_and_its_order_does_not_matter(tmp_path: Path) -> None:
    left, right = fill(tmp_path / "l.duckdb", range(40)), fill(tmp_path / "r.duckdb", range(20, 60))
    before = right.read_bytes()
    with Database.open(tmp_path / "lr.duckdb") as lr, Database.open(tmp_path / "rl.duckdb") as rl:
        lr.merge(left)
        report = lr.merge(right)
        assert (report.experiments, report.already) == (20 + 2, 20)
        rl.merge(right)
        rl.merge(left)
        assert everything(lr) == everything(rl)
        assert lr.merge(left).added == 0
        assert everything(lr) == everything(rl)
        assert lr.check() == []
    assert right.read_bytes() == before


def test_merging_refuses_contradictions_by_key_and_takes_the_rest(tmp_path: Path) -> None:
    with Database.open(tmp_path / "a.duckdb") as a, Database.open(tmp_path / "b.duckdb") as b:
        a.add_experiments([experiment_entry(1, accuracy=0.5)])
        b.add_experiments([experiment_entry(1, accuracy=0.9), experiment_entry(2)])
    with Database.open(tmp_path / "a.duckdb") as a:
        report = a.merge(tmp_path / "b.duckdb")
        assert report.experiments == 1
        assert len(report.refused) == 1
        assert report.refused[0].where.startswith(f"{tmp_path / 'b.duckdb'} experiments ")
        assert a.merge(tmp_path / "b.duckdb").refused == report.refused


def test_a_database_is_not_merged_into_itself_nor_with_what_is_none(tmp_path: Path) -> None:
    path = fill(tmp_path / "a.duckdb", range(3))
    with Database.open(path) as database:
        with pytest.raises(InvalidArgument, match="another file than the database itself"):
            database.merge(path)
        (tmp_path / "text").write_text("hello")
        with pytest.raises(InvalidDatabase, match="not a DuckDB database"):
            database.merge(tmp_path / "text")
        with pytest.raises(InvalidArgument, match="existing file"):
            database.merge(tmp_path / "missing.duckdb")


def rewrite(folder: Path, table: str, select: str) -> None:
    file = folder / f"{table}.parquet"
    with duckdb.connect() as raw:
        rows = select.format(f"read_parquet('{file}')")
        raw.execute(f"COPY ({rows}) TO '{file}.new' (FORMAT parquet)")
    Path(f"{file}.new").replace(file)


_NO_NUMBERS = ("", "4 ", "-1", "1e3", "٣", "9" * 5000)


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    with Database.open(fill(tmp_path / "a.duckdb", range(10))) as database:
        database.export_parquet(tmp_path / "out")
    return tmp_path / "out"


def test_poisoned_parquet_rows_are_refused_by_row_and_the_rest_enters(exported: Path, tmp_path: Path) -> None:
    rewrite(
        exported, "experiments", "SELECT * REPLACE (if(parameters = 1003, 1.5, accuracy) AS accuracy) FROM {}"
    )  # fmt: skip
    rewrite(exported, "datasets", "SELECT * FROM {} WHERE name <> 'd1'")
    with Database.open(tmp_path / "b.duckdb") as database:
        report = database.import_parquet(exported)
        assert len([r for r in report.refused if "is not in the table `datasets`" in r.why]) == 3
        assert len([r for r in report.refused if "must lie in [0, 1]. Got 1.5" in r.why]) == 1
        assert all(r.where.startswith(f"{exported / 'experiments.parquet'} row ") for r in report.refused)
        assert report.experiments == 12 - 4
        assert database.check() == []


def test_a_folder_without_parquet_or_with_other_files_is_said(exported: Path, tmp_path: Path) -> None:
    with Database.open(tmp_path / "b.duckdb") as database:
        with pytest.raises(InvalidArgument, match=r"hold files such as experiments.parquet"):
            database.import_parquet(tmp_path)
        (exported / "probes.parquet").write_bytes(b"PAR1 nonsense")
        with pytest.raises(InvalidDatabase, match=r"probes.parquet is no Parquet file"):
            database.import_parquet(exported)
        assert database.info().rows["experiments"] == 0  # all or nothing
        rewrite(exported, "experiments", "SELECT * EXCLUDE (accuracy) FROM {}")
        with pytest.raises(InvalidDatabase, match=r"experiments.parquet lacks the column `accuracy`"):
            database.import_parquet(exported)


@pytest.mark.parametrize(
    ("version", "said"),
    [("99", "schema version 99, newer"), *((one, "damaged: its schema version is no number") for one in _NO_NUMBERS)],
)
def test_parquet_of_a_newer_presage_or_of_no_version_is_said(
    exported: Path, tmp_path: Path, version: str, said: str
) -> None:
    file = exported / "datasets.parquet"
    with duckdb.connect() as raw:
        raw.execute(
            f"COPY (FROM '{file}') TO '{file}.new' (FORMAT parquet, KV_METADATA {{presage_schema: '{version}'}})"
        )
    Path(f"{file}.new").replace(file)
    with (
        Database.open(tmp_path / "b.duckdb") as database,
        pytest.raises(InvalidDatabase, match=said),
    ):
        database.import_parquet(exported)


def test_a_folder_with_a_quote_in_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "it's mine"
    with Database.open(fill(tmp_path / "a.duckdb", range(3))) as a, Database.open(tmp_path / "b.duckdb") as b:
        a.export_parquet(folder)
        assert b.import_parquet(folder).experiments == 5


@pytest.fixture
def package_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for the installed package's folder, with an empty seed."""
    import presage.database.shipped as shipped

    package = tmp_path / "package"
    (package / "seed").mkdir(parents=True)
    monkeypatch.setattr(shipped, "files", lambda name: package)
    return package / "seed"


def test_the_users_own_database_starts_from_the_seed_once(
    tmp_path: Path, package_seed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr("sys.platform", "linux")
    with Database.open() as own:  # no seed is shipped: an empty database, not an error
        assert own.path == tmp_path / "data" / "presage" / "experience.duckdb"
        assert len(own.experiments()) == 0
    with Database.open(fill(tmp_path / "a.duckdb", range(20))) as source:
        size = write_seed(source, package_seed)
        assert size == sum(f.stat().st_size for f in package_seed.iterdir())
        checked = source.experiment_records(), source.probes()
    assert not (package_seed / "predictions.parquet").exists()
    with Database.open() as own:
        assert own.info().rows["experiments"] == 22
        assert (own.experiment_records(), own.probes()) == checked  # copied unchecked, and yet the same
        assert own.check() == []
        own.connection.run("DELETE FROM probes")
    with Database.open() as own:
        assert own.probes() == []  # a seed taken in once is not looked at again
    with Database.open(fill(tmp_path / "b.duckdb", range(30))) as source:
        write_seed(source, package_seed)
    with Database.open() as own:  # a newer presage ships a larger seed
        assert own.info().rows["experiments"] == 32
    with Database.open(tmp_path / "other.duckdb") as other:
        assert len(other.experiments()) == 0
    with Database.open(tmp_path / "other.duckdb", from_seed=True) as other:
        assert len(other.experiments()) == 31


def test_a_database_whose_maker_was_killed_before_filling_it_is_filled_later(
    tmp_path: Path, package_seed: Path
) -> None:
    with Database.open(fill(tmp_path / "a.duckdb", range(5))) as source:
        write_seed(source, package_seed)
    connection = Connection(tmp_path / "killed.duckdb")  # the schema is there, nothing else
    migrate(connection)
    connection.close()
    for name in ("killed", "new"):
        for _ in range(2):
            with Database.open(tmp_path / f"{name}.duckdb", from_seed=True, seed_only_if_empty=True) as database:
                assert database.info().rows["experiments"] == 7
    with Database.open(tmp_path / "mine.duckdb"):  # empty on purpose
        pass
    with Database.open(tmp_path / "mine.duckdb", from_seed=True, seed_only_if_empty=True) as database:
        assert database.info().rows["experiments"] == 0
        database.add_probe(probe_entry())
        database.connection.run("DELETE FROM seeds")  # as one made by an earlier presage
    with Database.open(tmp_path / "mine.duckdb", from_seed=True, seed_only_if_empty=True) as database:
        assert database.info().rows["experiments"] == 0


def test_a_disk_that_fills_up_during_an_export_is_said_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(sql: str) -> None:
        raise StorageFull(f"The disk filled up while writing {tmp_path / 'a.duckdb'}.")

    with Database.open(fill(tmp_path / "a.duckdb", range(3))) as database:
        monkeypatch.setattr(database.connection, "run", full)
        with pytest.raises(StorageFull, match=f"^The disk filled up while writing {tmp_path / 'out'}"):
            database.export_parquet(tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_damaged_seed_is_said_and_not_taken_in(tmp_path: Path, package_seed: Path) -> None:
    with Database.open(fill(tmp_path / "a.duckdb", range(5))) as source:
        write_seed(source, package_seed)
    (package_seed / "probes.parquet").write_bytes(b"PAR1")
    with pytest.raises(InvalidDatabase, match="Install presage anew"):
        Database.open(tmp_path / "x.duckdb", from_seed=True)
    with Database.open(tmp_path / "x.duckdb") as database:
        assert database.info().rows["experiments"] == 0


def test_the_shipped_seed_is_sound_and_small(tmp_path: Path) -> None:
    folder = Path(__file__).resolve().parents[2] / "database" / "seed"
    assert 0 < sum(file.stat().st_size for file in folder.glob("*.parquet")) < 12e6
    with Database.open(tmp_path / "x.duckdb") as database:
        report = database.import_parquet(folder)
        assert report.refused == ()
        assert report.experiments > 0
        assert database.check() == []


@pytest.mark.parametrize("table", ["datasets", "architectures", "recipes"])
def test_a_folder_without_a_table_that_others_refer_to_is_refused_in_one_line(tmp_path: Path, table: str) -> None:
    with Database.open(fill(tmp_path / "a.duckdb", range(5))) as a, Database.open(tmp_path / "b.duckdb") as b:
        a.export_parquet(tmp_path / "out")
        (tmp_path / "out" / f"{table}.parquet").unlink()
        with pytest.raises(InvalidArgument, match=rf"{table}\.parquet is missing\.$"):
            b.import_parquet(tmp_path / "out")
        assert b.info().rows["experiments"] == 0
