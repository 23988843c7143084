"""`presage probe --inspect` and `presage.inspect`: what is wrong with the data, as text, page, CSV and JSON."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import presage as package
from presage.errors import DatasetWarning, InvalidArgument
from presage.probe.inspection.issue import Inspection
from presage.training.datasets.loading import load_dataset


@pytest.fixture
def root(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for i in range(40):
        path = tmp_path / "<b>shapes" / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (16, 16), dtype=np.uint8)).save(path)
    shutil.copy(tmp_path / "<b>shapes" / "a" / "0.png", tmp_path / "<b>shapes" / "b" / "=copy <i>.png")
    (tmp_path / "<b>shapes" / "notes.txt").touch()
    return tmp_path / "<b>shapes"


def test_the_command_tells_and_leaves_page_csv_and_json(presage: Callable, root: Path, tmp_path: Path) -> None:
    out = tmp_path / "found"
    words = (
        "probe",
        root,
        "--seeds",
        "1",
        "--no-ladder",
        "--inspect",
        "--out",
        out,
        "--database",
        tmp_path / "x.duckdb",
    )
    outcome = presage(*words)
    assert outcome.code == 0
    assert "1 file that is no image (`notes.txt`)" in outcome.err
    line = next(line for line in outcome.out.splitlines() if "the same as" in line)
    assert "=copy <i>.png" in line
    assert "a/0.png" in line
    assert str(out / "inspection.html") in outcome.out
    rows = list(csv.DictReader((out / "inspection.csv").open(encoding="utf-8")))
    (copy,) = [row for row in rows if row["kind"] in ("duplicate", "leaked")]
    assert {copy["image"].lstrip("'"), copy["like"].lstrip("'")} == {"a/0.png", "b/=copy <i>.png"}
    assert not [cell for row in rows for cell in row.values() if cell.startswith("=")]
    kept = Inspection.from_json(json.loads((out / "inspection.json").read_text(encoding="utf-8")))
    assert len(rows) == len(kept.issues)
    page = (out / "inspection.html").read_text(encoding="utf-8")
    assert page.count('<img src="data:image/png;base64,') >= 2
    assert "copy &lt;i&gt;.png" in page
    assert "<b>shapes" not in page
    assert "http" not in page
    again = presage(*words, "--json")
    told = json.loads(again.out)
    assert Inspection.from_json(told["inspection"]) == kept
    assert told["dcn"] > 0


def test_names_of_files_and_classes_that_are_no_utf8(presage: Callable, root: Path, tmp_path: Path) -> None:
    for before, after in (("a", b"\xe9"), ("b", b"\xe8")):
        try:
            (root / before).rename(root / os.fsdecode(after))
        except OSError:
            pytest.skip("this file system takes only names that are UTF-8")
    odd = os.fsdecode(b"\xff.png")
    shutil.copy(root / os.fsdecode(b"\xe8") / "1.png", root / os.fsdecode(b"\xe8") / odd)
    out = tmp_path / "found"
    words = ("probe", root, "--seeds", "1", "--no-ladder", "--inspect", "--out", out)
    outcome = presage(*words, "--database", tmp_path / "x.duckdb", "--json")
    assert outcome.code == 0
    told = Inspection.from_json(json.loads(outcome.out)["inspection"])
    names = {name for issue in told.issues for name in (issue.image, issue.like)}
    assert os.fsdecode(b"\xe8/") + odd in names
    assert "\\udce8" in {issue.label for issue in told.of("duplicate")}
    assert Inspection.from_json(json.loads((out / "inspection.json").read_bytes())) == told
    for written in ("inspection.csv", "inspection.html"):
        assert "\\udce8/\\udcff.png" in (out / written).read_text(encoding="utf-8")


def test_out_without_inspect_and_an_out_that_cannot_be_are_refused(
    presage: Callable, root: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    for words, line in (
        (("--out", tmp_path / "x"), "The `--out` of `presage probe` must stand beside --inspect."),
        (("--inspect", "--out", tmp_path / "file" / "x"), "must be a folder that can be made and written in"),
    ):
        outcome = presage("probe", root, *words, "--database", tmp_path / "x.duckdb")
        assert (outcome.code, outcome.out) == (2, "")
        assert line in outcome.err


def test_in_python_what_is_left_out_is_a_warning(root: Path, tmp_path: Path) -> None:
    with pytest.warns(DatasetWarning, match=r"1 file that is no image \(`notes\.txt`\)"):
        found = package.inspect(str(root), out=tmp_path / "found", database=tmp_path / "x.duckdb", device="cpu")
    assert found.train_images + found.test_images == 41
    assert (tmp_path / "found" / "inspection.html").exists()
    cache = tmp_path / "x-cache" / "images"
    assert not cache.exists() or not any(cache.iterdir())  # files that were made just now are not kept


def test_imbalance_is_said_by_commands_and_in_python(presage: Callable, root: Path, tmp_path: Path) -> None:
    for i in range(9):
        (root / "b" / f"{2 * i + 1}.png").unlink()
    a, b = np.bincount(load_dataset(root).y_train).tolist()
    assert a / b > 1.5
    line = f"Classes are unbalanced: {a} training images of a, {b} of b ({a / b:.1f} times)."
    outcome = presage("probe", root, "--seeds", "1", "--no-ladder", "--database", tmp_path / "x.duckdb")
    assert line in outcome.err
    with pytest.warns(DatasetWarning) as said, pytest.raises(InvalidArgument):
        package.predict(str(root), [], database=tmp_path / "x.duckdb")
    assert any(str(one.message).startswith(line) for one in said)


def test_warnings_about_the_data_are_said_with_quiet_too(presage: Callable, root: Path, tmp_path: Path) -> None:
    for i in range(9):
        (root / "b" / f"{2 * i + 1}.png").unlink()
    words = ("probe", root, "--seeds", "1", "--no-ladder", "--database", tmp_path / "x.duckdb", "--quiet")
    lines = presage(*words).err.splitlines()
    assert any("1 file that is no image (`notes.txt`)" in line for line in lines)
    assert any(line.startswith("presage: Classes are unbalanced") for line in lines)
    assert all(line.startswith("presage: ") for line in lines)  # and no progress
