"""The benchmark of strategies takes any table of scores: its argument, and a run of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from presage.search.testing import TinySpace

ROOT = Path(__file__).parents[2]


def _run(*words: object) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(ROOT / "benchmarks" / "strategies.py"), *map(str, words)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_table_of_any_space_is_searched_by_the_strategies_named(tmp_path: Path) -> None:
    space = TinySpace()
    names = [parameter.name for parameter in space.parameters]
    codes = np.stack(np.meshgrid(*(np.arange(size) for size in space.sizes), indexing="ij"), -1).reshape(-1, len(names))
    lines = [",".join([*names, "top1"])]
    for at, code in enumerate(codes):
        lines.append(",".join([*map(str, space.params(code).values()), str(at)]))
    path = tmp_path / "x.csv"
    path.write_text("\n".join(lines))
    table = f"tiny=presage.search.testing:TinySpace@{path}#top1@12"
    words = ("--tables", table, "--strategies", "random", "--seeds", 1, "--runs", tmp_path / "runs")
    done = _run(*words)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "runs" / "tiny" / "random-0.json").read_text())
    assert (found["queries"], found["table"], len(set(found["rows"]))) == (12, table, 12)


def test_what_is_no_table_is_said_in_a_line(tmp_path: Path) -> None:
    for text, wanted in (("nb201", "be NAME=SPACE@FILE#COLUMN"), (f"x=nb201@{tmp_path / 'no.csv'}", "existing file")):
        done = _run("--tables", text)
        assert done.returncode == 2
        assert wanted in done.stderr.splitlines()[-1]
