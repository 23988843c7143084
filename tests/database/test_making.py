"""A new database is made whole or not at all, on a disk that has no room for it and beside others that make it too."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

import pytest

from presage.database import Database
from presage.database.failures import raise_translated
from presage.errors import InvalidDatabase, StorageFailed, StorageFull

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")

_LIMITED = """
import resource, signal, sys
from presage.database import Database
from presage.errors import StorageFull
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    Database.open(sys.argv[1]).close()
except StorageFull as error:
    print(error)
"""


@pytest.mark.parametrize("room", [0, 4096, 14_000, 300_000])
def test_without_room_there_is_no_file_and_later_it_is_made(room: int, tmp_path: Path) -> None:
    path = tmp_path / "x.duckdb"
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED, str(path), str(room)], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(f"The disk filled up while writing {path};"), done.stdout
    assert list(tmp_path.iterdir()) == []
    with Database.open(path) as database:
        assert database.info().to_json()["rows"]["experiments"] == 0
    assert [file.name for file in tmp_path.iterdir()] == ["x.duckdb"]


def test_a_file_that_comes_meanwhile_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, link = tmp_path / "x.duckdb", os.link

    def beaten(source: Path, target: Path) -> None:
        monkeypatch.setattr(os, "link", link)
        with Database.open(target) as other:  # somebody else makes it just now
            other.connection.run("UPDATE migrations SET name = 'theirs' WHERE version = 1")
        link(source, target)

    monkeypatch.setattr(os, "link", beaten)
    with Database.open(path) as database:
        assert database.connection.rows("SELECT name FROM migrations WHERE version = 1") == [("theirs",)]
    assert [file.name for file in tmp_path.iterdir()] == ["x.duckdb"]


def test_a_file_system_without_links_gets_one_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*paths: Any) -> NoReturn:
        raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(os, "link", refused)
    with Database.open(tmp_path / "x.duckdb") as database:
        assert database.info().to_json()["rows"]["experiments"] == 0
    assert [file.name for file in tmp_path.iterdir()] == ["x.duckdb"]


def test_a_link_to_a_file_that_is_not_there_yet_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link.duckdb").symlink_to(tmp_path / "real.duckdb")
    Database.open(tmp_path / "link.duckdb").close()
    assert (tmp_path / "link.duckdb").is_symlink()
    assert (tmp_path / "real.duckdb").is_file()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("TransactionContext Error: Failed to commit: Could not write file: Input/output error", StorageFailed),
        ("Failed to commit: Could not write file: Read-only file system", StorageFailed),
        ("Failed to commit: Could not write file: No space left on device", StorageFull),
        ("Could not read enough bytes", InvalidDatabase),
    ],
)
def test_errors_of_the_disk_are_told_from_damage(text: str, kind: type[Exception]) -> None:
    import duckdb

    with pytest.raises(kind, match=r"x\.duckdb"):
        raise_translated(duckdb.IOException(text), Path("x.duckdb"))
