"""Folders and databases that cannot be made or opened are refused in one line, before any long work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from presage.database import Database, check_opens
from presage.errors import InvalidArgument, InvalidDatabase

COMMANDS = [
    ("search digits", "--run", "--run"), ("demo", "--run", "--run"), ("populate digits", "--out", "--out"),
    ("evaluate", "--out", "--out"), ("database export", None, "DIR"),
]  # fmt: skip


def one_line(outcome, *words: str) -> None:
    assert outcome.code == 2
    assert outcome.out == ""
    (line,) = outcome.err.splitlines()  # no bar of progress either: nothing was begun
    for word in words:
        assert word in line


@pytest.mark.parametrize(("words", "option", "named"), COMMANDS)
def test_a_folder_that_cannot_be_made_is_refused_first(
    presage: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, option: str | None, named: str
) -> None:
    monkeypatch.setattr("presage.session.Session.open", lambda self: pytest.fail("work was begun"))
    (tmp_path / "file").write_text("")
    for folder in (Path("/proc/foo"), tmp_path / "file" / "folder", tmp_path / "file"):
        given = (folder,) if option is None else (option, folder)
        rule = "must be a folder that can be made and written in"
        one_line(
            presage(*words.split(), *given, "--database", tmp_path / "x.duckdb"), f"The `{named}`", rule, str(folder)
        )
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("words", ["probe DATA", "search DATA", "predict DATA NET", "train DATA NET", "populate DATA"])
def test_a_database_that_cannot_be_opened_is_refused_before_the_dataset_is_read(
    presage: Callable, shapes_npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("presage.session.Session.dataset", lambda *given: pytest.fail("work was begun"))
    net = tmp_path / "net.jsonl"
    net.write_text(presage("sample", "nb201").out)
    given = [{"DATA": shapes_npz, "NET": net}.get(word, word) for word in words.split()]
    one_line(presage(*given, "--database", shapes_npz), "is not a DuckDB database", str(shapes_npz))
    one_line(presage(*given, "--database", "/proc/x.duckdb"), "must be a file that exists or can be made", "/proc/x")


@pytest.mark.parametrize("name", ["some.json", "some.csv"])
def test_a_file_that_duckdb_would_open_in_memory_is_no_database(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text('{"a": 1}')
    for read_only in (True, False):
        with pytest.raises(InvalidDatabase, match=f"{name} is not a DuckDB database"):
            Database.open(path, read_only=read_only)
    assert path.read_text() == '{"a": 1}'


def test_asking_makes_no_database_and_changes_none(tmp_path: Path) -> None:
    check_opens(tmp_path / "new.duckdb")
    assert not list(tmp_path.iterdir())
    with pytest.raises(InvalidArgument, match="must lie in an existing folder"):
        check_opens(tmp_path / "no" / "new.duckdb")
    with Database.open(tmp_path / "old.duckdb", from_seed=False):
        pass
    check_opens(tmp_path / "old.duckdb")
    with Database.open(tmp_path / "old.duckdb") as database:
        assert database.info().rows["experiments"] == 0


def test_a_path_where_no_file_can_be_made_is_not_called_damaged() -> None:
    with pytest.raises(InvalidArgument, match=r"must be a file that exists or can be made\. Got '/proc/x\.duckdb'"):
        Database.open("/proc/x.duckdb")
