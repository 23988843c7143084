"""Ctrl-C and SIGTERM at any stage: one line, exit code 130 or 143, under two seconds, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from presage.interruption import GRACE

WITHIN = 2.0
LINE = "presage: interrupted. Type the same command to go on where it stopped.\n"

COMMAND = """
import signal, sys, time
from types import SimpleNamespace
from presage import cli
signal.signal(signal.SIGINT, signal.default_int_handler)  # of tests in the background it is ignored
{stage}
cli.command("report").run = lambda options: run()
sys.exit(cli.main(["report", "x"]))
"""

STAGES = {
    "python": """
def run():
    print("begun", flush=True)
    while True:
        time.sleep(0.01)
""",
    "a library that hears nothing": """
import hashlib
def run():
    print("begun", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"x", b"y", 2_000_000_000)
""",
    "threads that the pool waits for": """
import hashlib
from presage.surrogate.predictors.side_by_side import side_by_side
def run():
    print("begun", flush=True)
    side_by_side([lambda: hashlib.pbkdf2_hmac("sha256", b"x", b"y", 200_000_000)] * 3)
""",
    "a query": """
from pathlib import Path
from presage.database.connection import Connection
def run():
    connection = Connection(Path(":memory:"))
    print("begun", flush=True)
    connection.rows("SELECT count(*) FROM range(100000) a, range(100000) b, range(100) c WHERE a.range > b.range")
""",
    "an error that is caught": """
def run():
    print("begun", flush=True)
    while True:
        try:
            time.sleep(0.01)
        except Exception:
            pass
""",
    "a stubborn loop": """
def run():
    print("begun", flush=True)
    while True:
        try:
            time.sleep(0.01)
        except BaseException:
            pass
""",
}


def interrupted(code: str, number: int) -> tuple[int, str, float]:
    """Exit code, stderr, and seconds from the signal to the end."""
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=pipe, stderr=pipe, text=True, start_new_session=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    time.sleep(0.2)
    os.kill(process.pid, number)
    began = time.monotonic()
    try:
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    return process.returncode, err, time.monotonic() - began


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["int", "term"])
def test_every_stage_ends_in_a_line(stage: str, number: int, code: int) -> None:
    returned, err, seconds = interrupted(COMMAND.format(stage=STAGES[stage]), number)
    assert (returned, err.lstrip("\n")) == (code, LINE)
    assert seconds < WITHIN + 3 * GRACE  # machines of tests are busy; alone it is under two seconds


def test_a_signal_that_is_ignored_stays_so() -> None:
    stage = """
import signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
def run():
    print("begun", flush=True)
    time.sleep(1)
    return 0
"""
    assert interrupted(COMMAND.format(stage=stage), signal.SIGINT)[:2] == (0, "")


def test_what_python_does_on_its_way_out_is_not_waited_for() -> None:
    stage = """
import atexit
def run():
    atexit.register(print, "the way out", file=sys.stderr)
    print("begun", flush=True)
    time.sleep(60)
"""
    assert interrupted(COMMAND.format(stage=stage), signal.SIGTERM)[:2] == (143, LINE)


def test_what_is_written_beside_its_place_is_removed(tmp_path: Path) -> None:
    stage = f"""
import hashlib
from pathlib import Path
from presage.files import replacing, replacing_folder
def run():
    with replacing(Path({str(tmp_path)!r}) / "file") as draft, replacing_folder(Path({str(tmp_path)!r}) / "folder"):
        draft.write_text("half")
        print("begun", flush=True)
        hashlib.pbkdf2_hmac("sha256", b"x", b"y", 2_000_000_000)
"""
    assert interrupted(COMMAND.format(stage=stage), signal.SIGTERM)[0] == 143
    assert list(tmp_path.iterdir()) == []


def test_an_export_leaves_no_folder_behind(tmp_path: Path) -> None:
    stage = f"""
from pathlib import Path
from presage.database import Database
from presage.database.connection import Connection
before = Connection.run
def endless(self, sql, parameters=()):
    if sql.startswith("COPY (SELECT"):
        print("begun", flush=True)
        sql = "SELECT count(*) FROM range(100000) a, range(100000) b, range(100) c WHERE a.range > b.range"
    before(self, sql, parameters)
def run():
    with Database.open({str(tmp_path / "x.duckdb")!r}) as database:
        Connection.run = endless
        database.export_parquet({str(tmp_path / "out")!r})
"""
    assert interrupted(COMMAND.format(stage=stage), signal.SIGINT)[:2] == (130, LINE)
    assert list((tmp_path / "out").iterdir()) == []
