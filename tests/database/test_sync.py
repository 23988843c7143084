"""Databases that exchange what they hold through a shared place."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from presage.database import Database, SyncReport, shared_place, sync
from presage.database.parts import is_part
from presage.database.shared_places import ObjectStore, SharedFolder, SharedPlace
from presage.errors import InvalidArgument, PlaceUnreachable
from presage.records.entries import Entry
from presage.records.testing import experiment_entry, prediction_entry, probe_entry


def opened(path: Path) -> Callable[[], Database]:
    return lambda: Database.open(path, from_seed=False)


def made(path: Path, *entries: Entry) -> Callable[[], Database]:
    with Database.open(path, from_seed=False) as database:
        for entry in entries:
            database._add([entry])
    return opened(path)


def holds(database: Callable[[], Database]) -> set[str]:
    with database() as one:
        rows = [*one.experiment_records(), *one.probes(), *one.predictions()]
        assert one.check() == []
    return {row.identity for row in rows}


@pytest.fixture(params=["folder", "objects"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> SharedPlace:
    if request.param == "folder":
        return SharedFolder(tmp_path / "shared")
    fsspec = pytest.importorskip("fsspec", reason="fsspec comes with torch")
    return ObjectStore(fsspec.filesystem("memory"), f"/bucket-{tmp_path.name}/team", "memory://bucket/team")


def test_two_databases_come_to_hold_the_same_and_repeating_changes_nothing(place: SharedPlace, tmp_path: Path) -> None:
    one = made(tmp_path / "one.duckdb", experiment_entry(1), probe_entry())
    two = made(tmp_path / "two.duckdb", experiment_entry(2), experiment_entry(1), prediction_entry(1))
    first = sync(one, place)
    assert (first.pulled.added, first.parts_pulled, first.pushed) == (0, 0, {"experiments": 1, "probes": 1})
    second = sync(two, place)
    assert (second.pulled.experiments, second.pulled.probes, second.pulled.already) == (0, 1, 1)
    assert second.pushed == {"experiments": 1, "predictions": 1}
    assert sync(one, place).pulled.added == 2
    assert holds(one) == holds(two)
    assert len(holds(one)) == 4
    before = place.names()
    for database in (one, two):
        again = sync(database, place)
        assert (again.pulled.added, again.parts_pulled, again.parts_pushed) == (0, 0, 0)
    assert place.names() == before
    assert all(map(is_part, before))
    assert "0 parts read. Added 0 experiments" in again.text()


def test_a_conflict_is_named_at_each_sync_and_neither_side_is_lost(tmp_path: Path) -> None:
    place = SharedFolder(tmp_path / "shared")
    mine, theirs = experiment_entry(1, accuracy=0.5), experiment_entry(1, accuracy=0.75)
    one, two = made(tmp_path / "one.duckdb", mine, experiment_entry(2)), made(tmp_path / "two.duckdb", theirs)
    sync(one, place)
    for _ in range(2):
        report = sync(two, place)
        assert [("known with another result" in str(refusal)) for refusal in report.pulled.refused] == [True]
        assert report.pushed == {}
    with two() as database:
        assert {row.accuracy for row in database.experiment_records()} == {
            0.75,
            experiment_entry(2).experiment.accuracy,
        }
    with one() as database:
        assert 0.5 in {row.accuracy for row in database.experiment_records()}


def test_a_success_replaces_a_failure_everywhere(tmp_path: Path) -> None:
    place = SharedFolder(tmp_path / "shared")
    one = made(tmp_path / "one.duckdb", experiment_entry(1, status="diverged"))
    two = made(tmp_path / "two.duckdb", experiment_entry(1))
    sync(one, place)
    assert sync(two, place).pushed == {"experiments": 1}
    sync(one, place)
    for database in (one, two):
        with database() as open_one:
            assert [row.status for row in open_one.experiment_records()] == ["finished"]
    late = made(tmp_path / "late.duckdb")
    sync(late, place)
    with late() as open_one:
        assert [row.status for row in open_one.experiment_records()] == ["finished"]


def test_damaged_forged_and_foreign_parts_are_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    place = SharedFolder(tmp_path / "shared")
    one, two = made(tmp_path / "one.duckdb", experiment_entry(1)), made(tmp_path / "two.duckdb")
    sync(one, place)
    (good,) = place.names()

    def forged(table: str, sql: str) -> None:
        draft = tmp_path / "draft.parquet"
        duckdb.sql(f"COPY ({sql}) TO '{draft}' (FORMAT parquet)")
        content = draft.read_bytes()
        (place.folder / f"{table}-{hashlib.sha256(content).hexdigest()}.parquet").write_bytes(content)

    forged("experiments", "SELECT 1 AS experiment, 2 AS dataset, 3 AS architecture, 4 AS recipe")
    forged("probes", "SELECT 'x' AS other")
    whole = f"SELECT * REPLACE (struct_update(experiment, accuracy := 7.0) AS experiment) FROM '{place.folder / good}'"
    forged("experiments", whole)
    (place.folder / f"experiments-{'0' * 64}.parquet").write_bytes((place.folder / good).read_bytes())
    (place.folder / "notes.txt").write_text("not a part")
    refused = "\n".join(map(str, (report := sync(two, place)).pulled.refused))
    assert report.pulled.experiments == 1
    for words in ("damaged: its content is not", "must hold a row", "cannot be read", "`accuracy`"):
        assert words in refused, refused
    assert len(holds(two)) == 1
    assert sync(two, place).parts_pushed == 0


def test_entries_pass_the_roofs_checks(tmp_path: Path) -> None:
    from presage.errors import InvalidExperience

    def check(entry: Entry) -> None:
        raise InvalidExperience("not this one")

    place = SharedFolder(tmp_path / "shared")
    sync(made(tmp_path / "one.duckdb", experiment_entry(1)), place)
    report = sync(made(tmp_path / "two.duckdb"), place, None, check)
    assert [refusal.why for refusal in report.pulled.refused] == ["not this one"]
    assert report.pulled.added == 0


def test_a_database_taken_back_to_an_older_copy_takes_in_again_what_it_lost(tmp_path: Path) -> None:
    place = SharedFolder(tmp_path / "shared")
    one, two = made(tmp_path / "one.duckdb", experiment_entry(1)), made(tmp_path / "two.duckdb", experiment_entry(2))
    sync(one, place)
    before = (tmp_path / "two.duckdb").read_bytes()
    sync(two, place)
    assert len(holds(two)) == 2
    (tmp_path / "two.duckdb").write_bytes(before)
    assert sync(two, place).pulled.experiments == 1
    assert len(holds(two)) == 2


def test_a_place_that_cannot_be_used_is_said_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    for wrong in ("ftp://host/x", "s3://", "s3://x::memory://y", str(tmp_path / "file")):
        with pytest.raises(InvalidArgument, match="The `PLACE` of `presage database sync` must be"):
            shared_place(wrong)
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(InvalidArgument, match=r"pip install 'presage\[gs\]'"):
        shared_place("gs://bucket/prefix")

    class Gone:
        def ls(self, *_: object, **__: object) -> None:
            raise TimeoutError("no\nanswer")

    with pytest.raises(PlaceUnreachable, match=r"^The shared place s3://b cannot be reached: no answer\."):
        ObjectStore(Gone(), "b", "s3://b").names()


CHILD = """
import sys
from pathlib import Path
from presage.database import Database, sync
from presage.database.shared_places import SharedFolder
from presage.records.testing import experiment_entry
database, shared, first, rounds = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
for number in range(first, first + rounds):
    with Database.open(database, from_seed=False) as open_one:
        open_one.add_experiments([experiment_entry(number)])
    sync(lambda: Database.open(database, from_seed=False), SharedFolder(shared))
"""


@pytest.mark.slow
def test_eight_processes_that_are_killed_at_random_lose_and_double_nothing(tmp_path: Path) -> None:
    """Each adds experiments of its own and syncs; half are killed in the middle; then all are synced to the end."""
    draw, shared, rounds = random.Random(0), tmp_path / "shared", 3
    files = [tmp_path / f"{number}.duckdb" for number in range(8)]

    def child(number: int) -> subprocess.Popen[bytes]:
        words = [str(files[number]), str(shared), str(1 + number * rounds), str(rounds)]
        return subprocess.Popen([sys.executable, "-c", CHILD, *words])

    running = [child(number) for number in range(8)]
    for process in draw.sample(running, 4):
        time.sleep(draw.uniform(0.2, 1.5))
        os.kill(process.pid, signal.SIGKILL)
    for process in running:
        process.wait()
    assert all(process.wait() == 0 for process in [child(number) for number in range(8)])
    for _ in range(2):
        for file in files:
            sync(opened(file), SharedFolder(shared))
    expected = {experiment_entry(number).experiment.identity for number in range(1, 1 + 8 * rounds)}
    assert [holds(opened(file)) for file in files] == [expected] * 8
    fresh = made(tmp_path / "fresh.duckdb")
    assert sync(fresh, SharedFolder(shared)).pulled.refused == ()
    assert holds(fresh) == expected


def test_against_a_local_object_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = pytest.importorskip("moto.server", reason="needs moto[server] and s3fs")
    pytest.importorskip("s3fs", reason="needs moto[server] and s3fs")
    here = server.ThreadedMotoServer(port=0)
    here.start()
    try:
        host, port = here.get_host_and_port()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "testing")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        with pytest.raises(PlaceUnreachable, match="The shared place s3://team/x cannot be reached"):
            sync(made(tmp_path / "no.duckdb", experiment_entry(1)), shared_place("s3://team/x"))
        place = shared_place("s3://team/x")
        assert isinstance(place, ObjectStore)
        place.filesystem.mkdir("team")
        one, two = made(tmp_path / "one.duckdb", experiment_entry(1)), made(tmp_path / "two.duckdb", probe_entry())
        reports: list[SyncReport] = [sync(database, shared_place("s3://team/x")) for database in (one, two, one)]
        assert [report.pulled.added for report in reports] == [0, 1, 1]
        assert holds(one) == holds(two)
    finally:
        here.stop()
