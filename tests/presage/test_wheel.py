"""What is built from the repository: one import name, which leaves every other to the user."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FLOORS = sorted(path.name for path in (ROOT / "presage").iterdir() if path.is_symlink())
"""Top-level folders that presage/ links to."""

CODE = (".py", ".pyi", "py.typed")
DATA = {"database/migrations", "database/seed", "report", "training"}
"""Folders of presage with files that are no Python."""

SCRIPT = """
import sys
from pathlib import Path

import {modules}

assert all(module.MINE for module in ({modules},))
from torch import nn

import presage
from presage.training import Recipe

assert Path(presage.__file__).is_relative_to(sys.prefix), presage.__file__
images, experience = sys.argv[1:]
fast = Recipe(epochs=1, train_images=40, validation_images=20, test_images=20, least_epoch_images=1)
module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
(row,) = presage.predict(images, module, predictor="dataset-mean", database=experience)
assert 0 <= row.lower <= row.accuracy <= row.upper <= 1
found = presage.search(
    images, space="nb201", recipe=fast, predictor="dataset-mean", database=experience, run_folder="run",
    strategy="random", candidates=20, shortlist=1,
)
assert found.best is not None
assert Path("run/report.html").exists()
assert all(module.MINE for module in ({modules},))
print("done")
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of what the repository holds, links as links."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "clone"
    copy.mkdir()
    for name in (*FLOORS, "presage"):
        shutil.copytree(ROOT / name, copy / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    pip(sys.executable, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(copy))
    (built,) = folder.glob("*.whl")
    return built


def pip(python: Path | str, *words: str) -> None:
    command = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check", "--quiet", *words]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr


def test_a_wheel_holds_presage_and_nothing_else_and_all_that_it_needs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert {name.partition("/")[0] for name in packed} == {"presage"}
    assert len(FLOORS) >= 7
    here = {f"presage/{path.relative_to(ROOT)}" for floor in FLOORS for path in (ROOT / floor).rglob("*.*")}
    here |= {path.relative_to(ROOT).as_posix() for path in (ROOT / "presage").rglob("*.*")}
    assert {name for name in here - packed if not name.endswith((".pyc", ".md"))} == set()
    assert {name.partition("/")[2].rpartition("/")[0] for name in packed if not name.endswith(CODE)} == DATA


@pytest.mark.slow
def test_presage_works_beside_modules_of_the_same_names_as_its_folders(
    wheel: Path, tmp_path: Path, shapes_npz: Path, experienced: Path
) -> None:
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    # What presage needs is taken from here, without what makes this checkout importable: only site folders have links.
    (own,) = environment.rglob("site-packages")
    (own / "needed.pth").write_text("\n".join({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}))
    pip(python, "install", "--no-deps", "--no-index", str(wheel))
    user = tmp_path / "user"
    user.mkdir()
    modules = [*FLOORS, "errors", "files", "report"]
    for name in modules:
        (user / f"{name}.py").write_text("MINE = True\n", encoding="utf-8")
    (user / "script.py").write_text(SCRIPT.format(modules=", ".join(modules)), encoding="utf-8")
    surroundings = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    surroundings["OMP_NUM_THREADS"] = "1"  # as for all tests of the roof: cores are shared
    command = [python, "script.py", shapes_npz, experienced]
    outcome = subprocess.run(command, cwd=user, env=surroundings, capture_output=True, text=True, check=False)
    assert outcome.stdout.endswith("done\n"), outcome.stderr
    version = [python, "-m", "presage", "--version"]
    outcome = subprocess.run(version, cwd=user, env=surroundings, capture_output=True, text=True, check=False)
    assert outcome.stdout == f"{metadata.version('presage')}\n", outcome.stderr
