"""The documentation: its generated blocks, its code and its links."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import math
import re
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from presage.training import Recipe

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = [*DOCS.glob("*.md"), *DOCS.parent.glob("*.md")]


def code(page: Path) -> list[str]:
    """The Python of a page, block by block."""
    return re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


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
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("page", [page for page in PAGES if code(page)], ids=lambda page: page.name)
def test_what_the_code_of_a_page_imports_is_there(page: Path) -> None:
    for block in code(page):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    importlib.import_module(alias.name)
            elif isinstance(node, ast.ImportFrom):
                assert node.module is not None
                module = importlib.import_module(node.module)
                assert all(hasattr(module, alias.name) for alias in node.names)


def test_the_code_of_the_page_about_proxies_runs() -> None:
    from presage.architecture.spaces import get_space

    (block,) = code(DOCS / "proxies.md")
    space = get_space("chain:layers=2")
    first = {parameter.name: parameter.choices[0] for parameter in space.parameters}
    scope: dict[str, Any] = {"architecture": space.decode(first)}
    exec(block, scope)
    values = scope["proxies"](scope["architecture"], scope["minibatch"])
    assert len(values) == 7
    assert all(map(math.isfinite, values.values()))


@pytest.mark.slow
def test_the_code_of_the_page_about_the_estimator_runs(experienced: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from presage.search import FinalSettings
    from presage.session import Session

    search, tiny = Session.search, Recipe(epochs=1, image_side=8, train_images=200)

    def small(self: Session, dataset: Any, *, settings: Any, **others: Any) -> Any:
        few = replace(settings, candidates=20, shortlist=1)
        changed = {
            "settings": few,
            "recipe": tiny,
            "final": FinalSettings(replace(tiny, epochs=5, train_images=None), trials=0),
        }
        return search(replace(self, predictor="cost-only"), dataset, **{**others, **changed})

    monkeypatch.setattr(Session, "search", small)
    monkeypatch.setattr("presage.steps.difficulty.SEEDS", 1)
    monkeypatch.setenv("PRESAGE_DATABASE", str(experienced))
    (block,) = code(DOCS / "estimator.md")
    scope: dict[str, Any] = {}
    exec(block, scope)
    (trained,) = scope["found"].final.trainings
    assert scope["accuracy"] == pytest.approx(trained.test_accuracy, abs=0.1)  # two samples of the same images
    assert len(scope["labels"]) == len(scope["shares"]) == 450
    assert scope["found"].best.chosen.parameters <= 50_000
