"""Paths as users write them, databases that may only be read, machines without a home, and many at once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from presage.database import Database
from presage.database.paths import default_path
from presage.errors import InvalidArgument
from presage.places import user_path
from presage.records.testing import dataset_record, experiment_entry
from presage.session import Session

Run = Callable[..., Any]


def test_tildes_are_homes_and_other_signs_stand_for_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_path("~/x.duckdb") == tmp_path / "x.duckdb"
    assert user_path("a~b/[1]*?$HOME") == Path("a~b/[1]*?$HOME")
    for wrong in ("", "  ", "a\0b", "~nobody-of-this-name/x"):
        with pytest.raises(InvalidArgument, match="must be a path that can be"):
            user_path(wrong)


def test_a_tilde_leads_home_in_every_option_and_in_python(
    presage: Run, experienced: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert presage("database", "export", "~/out", "--database", f"~/{experienced.name}").code == 0
    assert (tmp_path / "out" / "experiments.parquet").is_file()
    assert Session(f"~/{experienced.name}").path == experienced
    with Database.open(f"~/{experienced.name}", read_only=True) as database:
        assert len(database.experiments()) == 48
    refused = presage("search", "digits", "--run", "~/out/experiments.parquet")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert str(tmp_path / "out") in refused.err
    assert not (tmp_path / "~").exists()


def test_a_database_in_memory_is_none_that_learns(presage: Run) -> None:
    for words in (("database", "info"), ("predict", "digits", "{}"), ("train", "digits", "{}")):
        refused = presage(*words, "--database", ":memory:")
        assert refused.code == 2
        assert "a database in memory" in refused.err or "ARCH" in refused.err
    with pytest.raises(InvalidArgument, match="lost in the end"):
        Session(":memory:").open()


def test_brackets_in_a_folder_name_are_no_pattern(tmp_path: Path) -> None:
    for number, name in enumerate(("ex1", "ex[1]")):
        with Database.open(tmp_path / f"{number}.duckdb") as database:
            database.add_experiments([experiment_entry(number, dataset=dataset_record(name))])
            database.export_parquet(tmp_path / name)
    with Database.open(tmp_path / "mine.duckdb") as database:
        assert database.import_parquet(tmp_path / "ex[1]").experiments == 1
        assert [one.name for one in database.datasets()] == ["ex[1]"]
        shutil.rmtree(tmp_path / "ex[1]")
        with pytest.raises(InvalidArgument, match="hold files such as"):
            database.import_parquet(tmp_path / "ex[1]")


@pytest.fixture
def readable(experienced: Path) -> Iterator[Path]:
    """A database in a folder, both of which anybody may read and nobody but root may write."""
    folder = Path(tempfile.mkdtemp(prefix="presage-readable-"))
    path = folder / "experience.duckdb"
    shutil.copy(experienced, path)
    path.chmod(0o444)
    folder.chmod(0o555)
    yield path
    folder.chmod(0o755)
    shutil.rmtree(folder)


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root may write anything")
def test_a_database_that_may_only_be_read_is_read(readable: Path) -> None:
    before = readable.read_bytes()
    out = Path(tempfile.mkdtemp(prefix="presage-out-"))
    out.chmod(0o777)
    try:
        for words in (
            ["database", "info"], ["database", "query", "--dcn", "0.6", "--least", "1"],
            ["database", "check"], ["database", "export", str(out / "it")],
        ):  # fmt: skip
            found = unprivileged([*words, "--database", str(readable)])
            assert (found.returncode, found.stderr) == (0, ""), found.stderr
        assert (out / "it" / "experiments.parquet").is_file()
    finally:
        shutil.rmtree(out)
    assert readable.read_bytes() == before


def unprivileged(words: list[str], **environment: str | None) -> subprocess.CompletedProcess[str]:
    """The command line as a user without a name, and without rights to what is not theirs."""
    drop = ["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups"] if os.geteuid() == 0 else []
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"} | environment
    env = {name: value for name, value in env.items() if value is not None}
    code = "import sys; from presage.cli import main; sys.exit(main())"
    return subprocess.run(
        [*drop, sys.executable, "-c", code, *words], capture_output=True, text=True, check=False, env=env
    )


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="needs a user without a name")
def test_without_a_home_one_is_told_what_to_give(experienced: Path) -> None:
    refused = unprivileged(["database", "info"], HOME=None, XDG_DATA_HOME=None)
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert "HOME is not set" in refused.stderr
    assert "--database" in refused.stderr


def test_the_default_path_needs_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)

    def none(*_: object) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", none)
    with pytest.raises(InvalidArgument, match="HOME is not set"):
        default_path()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--database", "X y", "database", "info"], "`presage database info --database 'X y'`"),
        (["--json", "predict", "digits"], "`presage predict digits --json`"),
        (["--database", "train", "search"], "`presage search --database train`"),
        (["--database", "x"], "after a command, one of: demo, probe"),
    ],
)
def test_options_before_the_command_are_told_their_place(presage: Run, words: list[str], says: str) -> None:
    refused = presage(*words)
    assert refused.code == 2
    assert says in refused.err


def test_readers_are_many_at_once_and_beside_who_writes_in_the_same_process(experienced: Path) -> None:
    first, second = Database.to_read(experienced), Database.to_read(experienced)
    code = f"from presage.database import Database; print(len(Database.to_read({str(experienced)!r}).experiments()))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout == "48\n"
    first.close()
    second.close()
    with Database.open(experienced) as writing, Database.to_read(experienced) as reading:
        assert len(reading.experiments()) == len(writing.experiments()) == 48


def test_readers_make_what_is_not_there_and_bring_it_up_to_date(tmp_path: Path) -> None:
    released = Path(__file__).parents[1] / "database" / "released" / "schema_0001.duckdb"
    shutil.copy(released, tmp_path / "old.duckdb")
    with Database.to_read(tmp_path / "old.duckdb") as database:
        assert len(database.experiments()) == 1
    with Database.to_read(tmp_path / "new.duckdb", from_seed=True) as database:
        assert len(database.experiments()) > 1000
