"""The documentation as a site: built without a warning, whole, and asking nothing of anywhere else."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

pytest.importorskip("mkdocstrings", reason="mkdocstrings and mkdocs-material are not installed")
pytest.importorskip("material", reason="mkdocs-material is not installed")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built with warnings as errors: links, anchors, pages left out, names of the API that are not there."""
    folder = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    ran = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-4000:]
    return folder


def test_every_page_is_there(site: Path) -> None:
    for page in (ROOT / "docs").glob("*.md"):
        assert (site / f"{page.stem}.html").exists(), page.name
    assert (site / "changelog.html").exists()
    assert (site / "repository" / "notebooks" / "first_steps.ipynb").exists()


def test_the_api_is_made_from_docstrings(site: Path) -> None:
    text = re.sub(r"<[^>]+>", "", (site / "api" / "presage").with_suffix(".html").read_text(encoding="utf-8"))
    assert "max_params" in text
    assert "Search a space on predicted accuracy and train the short-list" in text
    assert "ImageClassifier" in text


def test_no_page_asks_anything_of_anywhere_else(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 30
    for page in pages:
        text = page.read_text(encoding="utf-8")
        asked = re.findall(r"<(?:script|img|iframe|source)[^>]+src=[\"']?(https?:[^\"'\s>]+)", text)
        asked += re.findall(r"<link[^>]+rel=[\"']?stylesheet[^>]+href=[\"']?(https?:[^\"'\s>]+)", text)
        assert not asked, (page.name, asked)


def test_its_search_works_from_a_folder(site: Path) -> None:
    index = (site / "search" / "search_index.js").read_text(encoding="utf-8")
    assert "Difficulty" in index or "difficulty" in index
