"""What is installed: a wheel from a clean copy has one top-level name, all data, and leaves a user's names alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DATA = {".pyi", ".sql", ".parquet", ".json", ".safetensors", ".txt", ".html", ".css", ".js", ".svg"}
USERS = (
    "training", "search", "database", "probe", "surrogate", "architecture", "errors", "records", "files", "registry",
    "lazy", "session", "cli", "report", "conftest",
)  # fmt: skip
"""Modules of the user's own, which presage must never import in place of its own."""

QUICK = """
import presage
from presage.training import Recipe

recipe = Recipe(epochs=1, train_images=40)
quick = {"recipe": recipe, "predictor": "cost-only", "database": "experience.duckdb"}
(row,) = presage.predict("shapes.npz", "network.jsonl", **quick)
assert 0 <= row.lower <= row.accuracy <= row.upper <= 1
found = presage.search("shapes.npz", space="nb201", candidates=20, shortlist=1, run_folder="run", final=0, **quick)
assert found.best.accuracy is not None
print(presage.__file__)
"""

TYPED = """
from typing import assert_type

import presage
from presage.probe import DifficultyCard
from presage.search import SearchResult

assert_type(presage.search("digits"), SearchResult)
assert_type(presage.probe("digits", seeds=1), DifficultyCard)
assert_type(presage.predict("digits", "x.json")[0].accuracy, float)
presage.search(digits=1)
"""


def done(words: Sequence[object], folder: Path) -> str:
    """Output of a command that ends well, run in a folder that no checkout is known in."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MYPYPATH")}
    ran = subprocess.run([*map(str, words)], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-4000:]
    return ran.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built offline from what git would give someone else: no ignored file, links as links."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("needs git and a checkout, to know which files are the project's")
    folder = tmp_path_factory.mktemp("clean")
    listed = done(["git", "ls-files", "-z", "-co", "--exclude-standard"], ROOT)
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_symlink() or (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)
    offline = ("--no-build-isolation", "--no-deps", "--no-index", "--quiet")
    done([sys.executable, "-m", "pip", "wheel", *offline, "--wheel-dir", "built", "."], folder)
    (built,) = (folder / "built").glob("presage-*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a fresh environment with presage from the wheel; the libraries are those of this environment."""
    folder = tmp_path_factory.mktemp("environment")
    done([sys.executable, "-m", "venv", "--without-pip", folder], folder)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    offline = ("--no-deps", "--no-index", "--quiet")
    done([sys.executable, "-m", "pip", "--python", python, "install", *offline, wheel], folder)
    asked = "import sysconfig; print(sysconfig.get_path('purelib'))"
    own = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    Path(done([python, "-c", asked], folder).strip(), "libraries.pth").write_text("\n".join(sorted(own)) + "\n")
    return python


@pytest.fixture
def users_folder(shapes_npz: Path, experienced: Path, tmp_path: Path) -> Path:
    """A folder with the user's own modules, each of which must stay unread."""
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in USERS:
        (folder / f"{name}.py").write_text(f"raise RuntimeError('presage imported {name}.py of the user')\n")
    shutil.copy(shapes_npz, folder / "shapes.npz")
    shutil.copy(experienced, folder / "experience.duckdb")
    return folder


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_the_package_under_one_name(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        names = set(opened.namelist())
    (about,) = {name.partition("/")[0] for name in names} - {"presage"}
    assert about.endswith(".dist-info")
    package = ROOT / "presage"
    folders = [package, *(path for path in package.iterdir() if path.is_symlink())]
    files = {
        path.relative_to(ROOT).as_posix()
        for folder in folders
        for path in folder.rglob("*")
        if path.suffix in {".py", *DATA} or path.name == "py.typed"
    }
    assert {name for name in names if name.startswith("presage/")} == files
    assert {Path(name).suffix for name in files} >= DATA
    assert len([name for name in files if name.endswith("/py.typed")]) > 1
    assert "presage/database/seed/experiments.parquet" in files


@pytest.mark.slow
def test_beside_a_users_modules_of_the_same_names_presage_finds_its_own(
    python: Path, users_folder: Path, tmp_path: Path
) -> None:
    sampled = done([python, "-m", "presage", "sample", "nb201"], users_folder)
    (users_folder / "network.jsonl").write_text(sampled)
    (users_folder / "mine.py").write_text(QUICK)
    place = done([python, "mine.py"], users_folder).split()[-1]
    assert Path(place).is_relative_to(python.parents[1])
    assert (users_folder / "run" / "report.html").exists()
    script = done([python.with_name("presage"), "--version"], users_folder)
    assert script == "0.1.0\n"


@pytest.mark.slow
def test_a_typed_program_of_a_user_is_checked_strictly(python: Path, tmp_path: Path) -> None:
    (tmp_path / "typed.py").write_text(TYPED)
    words = [sys.executable, "-m", "mypy", "--strict", "--python-executable", python, "--cache-dir", tmp_path / "cache"]
    ran = subprocess.run([*map(str, words), "typed.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    *errors, told = ran.stdout.splitlines()
    assert {error.partition(":")[2].partition(":")[0] for error in errors} == {"11"}, ran.stdout
    assert told.startswith("Found ")  # the wrong call is found, and nothing else
