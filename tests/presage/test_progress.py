"""Progress bars."""

from __future__ import annotations

import subprocess
import sys

import pytest

from presage.progress import ProgressBars


def test_bars_are_drawn_on_stderr_one_for_each_stage(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressBars() as progress:
        for stage in ("probe", "train"):
            for done in range(1, 4):
                progress(stage, done, 3)
    out, err = capsys.readouterr()
    assert out == ""
    for stage in ("probe", "train"):
        assert [line for line in err.split("\n") if stage in line][-1].endswith("3/3, 00:00 left")


def test_a_stage_that_begins_again_gets_a_new_bar(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressBars() as progress:
        for _ in range(2):
            progress("fit predictor", 0, 1)
            progress("fit predictor", 1, 1)
    assert capsys.readouterr().err.count("\n") == 2


def test_quiet_draws_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressBars(quiet=True) as progress:
        progress("probe", 1, 2)
    assert capsys.readouterr().err == ""


def test_a_bar_starts_no_process_where_processes_are_spawned() -> None:
    code = (
        "import multiprocessing, os, sys\n"
        "from presage.progress import ProgressBars\n"
        "multiprocessing.set_start_method('spawn')\n"  # as by itself on macOS, and on Linux from Python 3.14 on
        "ProgressBars()('probe', 1, 3)\n"
        "from multiprocessing import resource_tracker\n"
        "print(resource_tracker._resource_tracker._pid)\n"
        "sys.stdout.flush()\n"
        "os._exit(0)"  # as a command that was interrupted ends
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "None\n"
    assert "leaked" not in ended.stderr
