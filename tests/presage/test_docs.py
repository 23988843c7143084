"""The generated blocks of the documentation."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture
def generate(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    for name in ("COLUMNS", "NO_COLOR"):
        monkeypatch.setenv(name, "")  # put back afterwards: the generator sets them
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_block_of_every_page_can_be_written_and_written_again(generate: ModuleType) -> None:
    named = set()
    for page in DOCS.glob("*.md"):
        text = page.read_text(encoding="utf-8")
        named |= {match["name"] for match in generate.BLOCK.finditer(text)}
        once = generate.fresh(text)
        assert generate.fresh(once) == once
    assert named == set(generate.GENERATORS)


def test_the_pages_name_every_command_table_and_space(generate: ModuleType) -> None:
    from presage.architecture.spaces import SPACES
    from presage.cli import COMMANDS

    assert all(f"## presage {name}\n" in generate.command_line() for name in COMMANDS)
    assert all(f"`{name}`" in generate.spaces() for name in SPACES)
    assert "### `experiments`" in generate.schema()


def test_links_between_the_pages_lead_somewhere() -> None:
    import re

    for page in DOCS.glob("*.md"):
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
