"""The notebooks: they run, by their short values, and what is committed of them is whole and tells of no machine."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")
nbformat = pytest.importorskip("nbformat")

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def execute() -> ModuleType:
    spec = importlib.util.spec_from_file_location("execute_notebooks", NOTEBOOKS[0].with_name("execute.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(
    notebook: Path, execute: ModuleType, experienced: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PRESAGE_DATABASE", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(notebook.parents[1]))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # networks so small that more threads mostly wait for each other
    before = experienced.read_bytes()
    if notebook.stem != "first_steps":  # which predicts: from little, for the shipped experience takes a minute to fit
        experienced.unlink()
    found = execute.executed(notebook, tmp_path, short=True)
    used = experienced.exists() and experienced.read_bytes() != before
    assert used is ("DATABASE" in found.cells[1].source)  # and no other was
    shown = execute.cleaned(found, tmp_path)
    assert str(tmp_path) not in nbformat.writes(shown)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_is_committed_was_run_to_its_end(notebook: Path) -> None:
    text = notebook.read_text(encoding="utf-8")
    found = nbformat.reads(text, as_version=4)
    counts = [cell.execution_count for cell in found.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))
    assert not [one for cell in found.cells for one in cell.get("outputs", ()) if one.output_type == "error"]
    assert not re.search(r"/(home|root|tmp|work|usr)/", text)
    assert len(text) < 300_000


def test_links_of_the_notebooks_lead_somewhere() -> None:
    for notebook in NOTEBOOKS:
        for cell in nbformat.read(notebook, as_version=4).cells:
            for target in re.findall(r"\]\((?!https?://)([^)#]+)", cell.source if cell.cell_type == "markdown" else ""):
                assert (notebook.parent / target).exists(), f"{notebook.name}: {target}"
