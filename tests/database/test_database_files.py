"""Files that cannot be used: each is one clear line, and what is stored stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from presage.database import Database, check_file
from presage.errors import DatabaseBusy, InvalidArgument, InvalidDatabase, StorageFull, WrongInput
from presage.records.testing import experiment_entry, probe_entry

ROOT = Path(__file__).resolve().parents[2]


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    """A second Python process, run until it prints its first line."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "ready"
    return process


HOLD = """
import sys, time
from presage.database import Database
database = Database.open(sys.argv[1])
print("ready", flush=True)
time.sleep(float(sys.argv[2]))
database.close()
"""


def test_a_file_held_by_another_process_is_said_with_its_pid_after_a_bounded_wait(tmp_path: Path) -> None:
    holder = start(HOLD, tmp_path / "x.duckdb", 60)
    try:
        for read_only in (False, True):
            begin = time.monotonic()
            with pytest.raises(DatabaseBusy, match=rf"is in use by \S+ \(PID {holder.pid}\); waited 0.3 s") as caught:
                Database.open(tmp_path / "x.duckdb", wait_seconds=0.3, read_only=read_only)
            assert 0.3 <= time.monotonic() - begin < 5
            assert "\n" not in str(caught.value)
    finally:
        holder.kill()
        holder.wait()


def test_opening_waits_for_a_holder_that_lets_go(tmp_path: Path) -> None:
    holder = start(HOLD, tmp_path / "x.duckdb", 0.5)
    with Database.open(tmp_path / "x.duckdb", wait_seconds=30) as database:
        assert database.datasets() == []
    assert holder.wait() == 0


def test_two_connections_of_one_process_see_each_other(tmp_path: Path) -> None:
    with Database.open(tmp_path / "x.duckdb") as a, Database.open(tmp_path / "x.duckdb") as b:
        a.add_experiments([experiment_entry(1)])
        assert len(b.experiments()) == 1
        with pytest.raises(DatabaseBusy, match="already open in this process"):
            Database.open(tmp_path / "x.duckdb", read_only=True)


def test_opening_and_closing_a_second_connection_keeps_the_lock_of_the_first(tmp_path: Path) -> None:
    code = HOLD.replace(
        "print(",
        "Database.open(sys.argv[1]).close(); database.info(); database.export_parquet(sys.argv[3]); print(",
    )
    holder = start(code, tmp_path / "x.duckdb", 60, tmp_path / "out")
    try:
        with pytest.raises(DatabaseBusy):
            Database.open(tmp_path / "x.duckdb", wait_seconds=0)
    finally:
        holder.kill()
        holder.wait()


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    path = tmp_path / "x.duckdb"
    with Database.open(path) as database:
        database.add_experiments([experiment_entry(i) for i in range(200)])
    return path


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def overwrite(path: Path) -> None:
    path.write_bytes(b"this is no database\n" * 1000)


def damage_header(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:12288] = bytes(8192)
    path.write_bytes(content)


def newer_schema(path: Path) -> None:
    with duckdb.connect(str(path)) as raw:
        raw.execute("INSERT INTO migrations VALUES (999, 'from_the_future', '2030-01-01T00:00:00+00:00')")


def foreign(path: Path) -> None:
    path.unlink()
    with duckdb.connect(str(path)) as raw:
        raw.execute("CREATE TABLE cats (name VARCHAR)")


@pytest.mark.parametrize(
    ("spoil", "line"),
    [
        (cut, "is damaged or truncated"),
        (empty, "is not a DuckDB database"),
        (overwrite, "is not a DuckDB database"),
        (damage_header, "damaged|not a DuckDB|storage version"),
        (newer_schema, r"has schema version 999, newer than this presage knows \(6\). Update presage"),
        (foreign, "is a DuckDB database, but not one of presage's"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line(stored: Path, spoil: Callable[[Path], None], line: str) -> None:
    spoil(stored)
    with pytest.raises(InvalidDatabase, match=line) as caught:
        Database.open(stored)
    assert "\n" not in str(caught.value)
    assert str(stored) in str(caught.value)
    damage = check_file(stored)
    assert len(damage) == 1
    assert damage[0].what == str(caught.value)


def test_a_flipped_block_is_noticed_when_read_and_by_check(stored: Path) -> None:
    content = bytearray(stored.read_bytes())
    for at in range(3 * 4096 + 100, len(content), 262_144):  # one place in each block of 256 KiB
        content[at] ^= 0xFF
    stored.write_bytes(content)
    assert check_file(stored)
    with pytest.raises(InvalidDatabase, match="damaged"):
        Database.open(stored).experiments(arrays=True)


def test_a_file_that_duckdb_has_shortened_after_deletions_is_whole(stored: Path) -> None:
    size = stored.stat().st_size
    with duckdb.connect(str(stored)) as raw:
        raw.execute("DELETE FROM recipes; DELETE FROM experiments; DELETE FROM seeds")
    assert stored.stat().st_size < size
    with Database.open(stored) as database:
        assert database.add_experiments([experiment_entry(5)]).added == 1


@pytest.mark.parametrize(
    ("name", "read_only", "line"),
    [
        ("missing/x.duckdb", False, "must lie in an existing folder"),
        ("x.duckdb", True, "must be an existing file"),
        (".", False, "must be a file, not a folder"),
    ],
)
def test_a_path_that_cannot_be_opened_is_one_line(tmp_path: Path, name: str, read_only: bool, line: str) -> None:
    with pytest.raises(InvalidArgument, match=line):
        Database.open(tmp_path / name, read_only=read_only)


def test_reading_only_reads(stored: Path) -> None:
    with Database.open(stored, read_only=True) as database:
        assert len(database.experiments()) == 200
        with pytest.raises(WrongInput, match="must be False for a database that is written"):
            database.add_experiments([experiment_entry(999)])


def test_an_error_half_way_leaves_what_was_stored(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import presage.database.write as write

    insert = write.insert

    def failing(connection, kind, records):  # type: ignore[no-untyped-def]
        if kind.table == "experiments":
            raise RuntimeError("injected")
        insert(connection, kind, records)

    with Database.open(stored) as database:
        before = database.content_hash()
        monkeypatch.setattr(write, "insert", failing)
        with pytest.raises(RuntimeError, match="injected"):
            database.add_experiments([experiment_entry(i) for i in range(190, 300)])
        monkeypatch.undo()
        assert database.content_hash() == before
        assert database.info().rows["architectures"] == 200
        assert database.add_experiments([experiment_entry(i) for i in range(190, 300)]).added == 100
        assert database.check() == []


WRITE_FOREVER = """
import sys
from presage.database import Database
from presage.records.testing import experiment_entry
database = Database.open(sys.argv[1])
print("ready", flush=True)
number = int(sys.argv[2])
while True:
    database.add_experiments([experiment_entry(i) for i in range(number, number + 50)])
    number += 50
    print(number, flush=True)
"""


def test_kill_9_while_writing_loses_nothing_committed_and_leaves_no_half(tmp_path: Path) -> None:
    path = tmp_path / "x.duckdb"
    number = 0
    for delay in (0.11, 0.23, 0.37):
        writer = start(WRITE_FOREVER, path, number)
        time.sleep(delay)
        writer.send_signal(signal.SIGKILL)
        assert writer.stdout is not None
        said = [int(line) for line in writer.stdout.read().split()]
        writer.wait()
        acknowledged = max(said, default=number)
        with Database.open(path) as database:
            found = len(database.experiments())
            assert database.check() == []
        assert found % 50 == 0  # whole transactions only
        assert acknowledged <= found <= acknowledged + 50
        number = found


FILL_DISK = """
import resource, sys
from presage.database import Database
from presage.records.testing import experiment_entry
from presage.errors import StorageFull
database = Database.open(sys.argv[1])
size = database.path.stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))  # no file may grow beyond the database's size
print("ready", flush=True)
try:
    for start in range(1000, 100_000, 2000):
        database.add_experiments([experiment_entry(i) for i in range(start, start + 2000)])
        print(start + 2000, flush=True)
except StorageFull as error:
    print("full:", error, flush=True)
database.close()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files by setrlimit")
def test_a_disk_that_fills_up_is_said_and_nothing_stored_is_lost(stored: Path) -> None:
    writer = start(FILL_DISK, stored)
    assert writer.stdout is not None
    *said, last = writer.stdout.read().splitlines()
    assert writer.wait() == 0
    assert last.startswith("full: The disk filled up while writing")
    assert "nothing stored before is lost" in last
    with Database.open(stored) as database:
        assert len(database.experiments()) == 200 + (int(said[-1]) - 1000 if said else 0)
        assert database.check() == []
        assert database.add_experiments([experiment_entry(999_999)]).added == 1


def test_a_full_disk_on_export_is_said(stored: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    with Database.open(stored) as database, pytest.raises(StorageFull):
        database.connection.run("COPY (SELECT * FROM experiments) TO '/dev/full' (FORMAT parquet)")


def test_a_probe_survives_reopening_while_the_log_has_not_been_folded_in(tmp_path: Path) -> None:
    path = tmp_path / "x.duckdb"
    code = """
import os, sys
from presage.database import Database
from presage.records.testing import probe_entry
database = Database.open(sys.argv[1])
database.add_probe(probe_entry())
print("ready", flush=True)
os._exit(0)
"""
    start(code, path).wait()
    with Database.open(path, read_only=True) as database:
        assert database.probes() == [probe_entry().probe]
