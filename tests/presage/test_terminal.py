"""What others wrote reaches a terminal escaped, on every stream and in every encoding there is."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from presage.output import table
from presage.records.testing import dataset_record, experiment_entry
from presage.terminal import one_line, terminal

HOSTILE = "a\x1b[2Jb\nDONE\r\u202ec\x9b\x00"


def presage_process(*words: str, wrapped: str = "", **environment: str) -> subprocess.CompletedProcess[bytes]:
    """The command line in a process of its own, which a shell gives its streams."""
    line = f'exec "$0" -m presage "$@" {wrapped}'
    env = {**os.environ, **environment}
    return subprocess.run(["bash", "-c", line, sys.executable, *words], capture_output=True, env=env, check=False)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ü τ 漢", "plain ü τ 漢"),
        ("\x1b[2J", "\\x1b[2J"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\u202e\u2066", "\\u202e\\u2066"),
        ("\x9b", "\\x9b"),
        ("\udcff", "\\udcff"),
        (3, "3"),
    ],
)
def test_what_is_not_printed_as_itself_is_written_out(text: object, shown: str) -> None:
    assert one_line(text) == shown


def test_cells_of_tables_stay_on_their_line_and_in_their_column() -> None:
    found = table(("name", "n"), [(HOSTILE, "1"), ("b", "2")]).split("\n")
    assert len(found) == 4
    assert len({len(line) for line in found}) == 1
    assert "\x1b" not in "".join(found)


def test_streams_let_no_control_character_through(monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    with terminal():
        print(HOSTILE)
        print("bar\r", end="", file=sys.stderr)
    assert sys.stdout is out
    assert out.getvalue() == "a\\x1b[2Jb\nDONE\r\\u202ec\\x9b\\x00\n"
    assert err.getvalue() == "bar\r"


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [("ascii", "ue tau d +/- -> \\u6f22 a"), ("cp1252", "üe tau d ± -> \\u6f22 a"), ("utf-8", "üe τ Δ ± → 漢 a")],
)
def test_what_an_encoding_lacks_is_said_in_letters(encoding: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding, errors="strict"))
    with terminal():
        print("üe τ Δ ± → 漢 a", end="")
    assert raw.getvalue().decode(encoding) == shown


def test_no_error_of_stderr_ends_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Gone())
    with terminal():
        print("progress", file=sys.stderr, flush=True)


@pytest.fixture(scope="module")
def hostile_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from presage.database import Database

    path = tmp_path_factory.mktemp("names") / "x.duckdb"
    with Database.open(path) as database:
        database.add_experiments([experiment_entry(1, dataset=dataset_record(HOSTILE.replace("\0", "")))])
    return path


def test_names_in_a_database_and_of_files_are_escaped(
    presage: Callable[..., Any], hostile_database: Path, tmp_path: Path
) -> None:
    found = presage("database", "info", "--database", hostile_database)
    assert found.code == 0
    assert "\x1b" not in found.out
    assert sum(line.startswith("a\\x1b[2Jb\\nDONE\\r\\u202ec\\x9b") for line in found.out.splitlines()) == 1
    path = tmp_path / "x\x1b[2J\nDONE.npz"
    np.savez(path, x_train=np.zeros((4, 8, 8), np.uint8), y_train=np.zeros(5, np.int64))
    refused = presage("probe", path)
    assert refused.code == 2
    assert refused.err.count("\n") == 1
    assert "\x1b" not in refused.err


@pytest.mark.parametrize("encoding", ["ascii:strict", "cp1252:strict"])
def test_consoles_that_cannot_say_everything_end_no_command(encoding: str, hostile_database: Path) -> None:
    words = ("database", "query", "--help", "--database", str(hostile_database))
    found = presage_process(*words, PYTHONIOENCODING=encoding)
    assert (found.returncode, found.stderr) == (0, b"")
    assert b"|dDCN|" in found.stdout


def test_closed_streams_end_in_a_line_or_nothing(hostile_database: Path) -> None:
    before = hostile_database.read_bytes()
    words = ("database", "info", "--database", str(hostile_database))
    closed = presage_process(*words, wrapped=">&-")
    assert (closed.returncode, closed.stderr.count(b"\n")) == (1, 1)
    assert b"stdout is closed" in closed.stderr
    silent = presage_process(*words, wrapped="2>&-")
    assert silent.returncode == 0
    assert b"schema" in silent.stdout
    assert presage_process(*words, wrapped="<&- >&- 2>&-").returncode == 1
    full = presage_process(*words, wrapped=">/dev/full")
    assert (full.returncode, full.stderr) == (1, b"presage: What was to be printed is lost: No space left on device.\n")
    assert presage_process(*words, wrapped="| true").stderr == b""
    assert hostile_database.read_bytes() == before


def test_the_whole_text_of_a_card_is_on_its_lines() -> None:
    from presage.probe.card import DifficultyCard

    card: Any = SimpleNamespace(**dict.fromkeys(DifficultyCard.__dataclass_fields__, ""))
    card.name, card.dcn, card.version, card.chance, card.lift = HOSTILE, 0.5, "1", 0.5, 0.0
    card.outlook, card.nearest, card.recipe_words = (), (), ""
    card._rows = lambda: DifficultyCard._rows(card)
    card._spread = card._time = card._confused = card._noise = lambda: HOSTILE
    assert len(DifficultyCard.text(card).split("\n")) == 5


def test_help_on_a_terminal_has_no_escape_sequence_written_out() -> None:
    """Python 3.14 colours help where stdout is a terminal."""
    pty = pytest.importorskip("pty", reason="there are no pseudo-terminals here")
    ours, theirs = pty.openpty()
    surroundings = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | {"TERM": "xterm"}
    child = subprocess.Popen([sys.executable, "-m", "presage", "status", "--help"], stdout=theirs, env=surroundings)
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # EIO: the child has gone
        while piece := os.read(ours, 4096):
            shown += piece
    os.close(ours)
    assert child.wait() == 0
    assert b"usage: presage status" in shown
    assert b"\\x1b" not in shown
    assert b"\x1b" not in shown
