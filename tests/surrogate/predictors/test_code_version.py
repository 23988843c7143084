"""Which code learns and encodes: all of it but for comments and docstrings, in every module that has a part."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import presage.surrogate
from presage.surrogate.predictors import code_version
from presage.surrogate.predictors.code_version import counts, without_words

PACKAGE = Path(presage.surrogate.__file__).parent
FLOORS = (PACKAGE, PACKAGE.parent / "architecture")


def _tree(source: str) -> str:
    """The code as Python sees it, without docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(body := getattr(node, "body", None), list):
            kept = [one for one in body if not (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))]
            node.body = kept or [ast.Pass()]  # type: ignore[attr-defined]
    return ast.dump(tree)


def test_only_words_are_left_out_of_every_module() -> None:
    """Compared with Python's own parser: the same code, and in it neither comments nor docstrings."""
    compared = 0
    for folder in FLOORS:
        for file in folder.rglob("*.py"):
            source = file.read_text(encoding="utf-8")
            left = without_words(source)
            try:
                assert _tree(left) == _tree(source), file
                compared += 1
            except SyntaxError:
                continue  # a class or function of nothing but a docstring
            assert left == without_words(left), file
    assert compared > 90


@pytest.mark.parametrize(
    "words",
    [
        '"""A module."""\n\n# why\nx = f(  # first\n    1)\n\n\ny = """a\n\n  # not a comment\n"""\n',
        '"""Another\nmodule, \\"\\"\\" told."""\nx = f(\n    # why\n    1)\ny = """a\n\n  # not a comment\n"""  # z',
    ],
)
def test_comments_docstrings_and_empty_lines_do_not_count(words: str) -> None:
    assert ast.dump(ast.parse(without_words(words))) == ast.dump(
        ast.parse('x = f(1)\ny = """a\n\n  # not a comment\n"""')
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 'a # b'", "x = 'a # c'"),
        ('x = f(\n    """a""",\n)', 'x = f(\n    """b""",\n)'),
        ("x = \\\n    'a'", "x = \\\n    'b'"),
        ('x = """a\n\nb"""', 'x = """a\nb"""'),
        ("def f():\n    return 1", "def f():\n  return 1"),
    ],
)
def test_whatever_may_act_counts(one: str, other: str) -> None:
    assert without_words(one) != without_words(other)


def test_a_change_of_code_is_another_version_and_a_change_of_words_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of every folder, however deep; but for those in which nothing is learned."""
    learning = ("architecture/canonical/form.py", "surrogate/data/logit.py", "surrogate/predictors/more/deeper.py")
    apart = ("surrogate/notes.txt", "training/loop.py", "surrogate/evaluation/scores.py")
    for name in (*learning, *apart):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    monkeypatch.setattr(code_version.resources, "files", lambda package: tmp_path / package.removeprefix("presage."))
    before = code_version.code_version.__wrapped__()
    for name in learning:
        (tmp_path / name).write_bytes(b'"""Words."""\r\nx = 1  # more\r\n')
        assert code_version.code_version.__wrapped__() == before, name
        (tmp_path / name).write_text("x = 2\n")
        after = code_version.code_version.__wrapped__()
        assert after != before, name
        before = after
    for name in apart:
        (tmp_path / name).write_text("x = 2\n")
    assert code_version.code_version.__wrapped__() == before


@pytest.mark.slow
def test_every_module_that_learns_or_predicts_counts() -> None:
    """Whatever fitting and asking the default ensemble imports of the two floors, but for what only stores."""
    script = """
import sys
from presage.surrogate import Ensemble
from presage.surrogate.testing import synthetic_experience
experience = synthetic_experience(4, 8)
before = set(sys.modules)  # its networks come from a space
Ensemble(folds=2).fit(experience).predict(experience.graphs, experience.tasks[0])
for name in sorted(set(sys.modules) - before):
    if name.startswith(("presage.surrogate", "presage.architecture")):
        print(name, sys.modules[name].__file__)
"""
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    stores = {"surrogate/testing.py", *(f"surrogate/predictors/{name}.py" for name in ("sealing", "storage"))}
    modules = dict(line.split(" ", 1) for line in found.splitlines())
    missing = {name for name in _names(modules) if not counts(name)} - stores
    assert "surrogate/predictors/tap_lstm.py" in _names(modules)
    assert missing == set()


def _names(modules: dict[str, str]) -> set[str]:
    """Files by their path in the package: `presage.surrogate.data.task` is ``surrogate/data/task.py``."""
    found = set()
    for name, file in modules.items():
        path = "/".join(name.split(".")[1:])
        found.add(f"{path}/__init__.py" if file.endswith("__init__.py") else f"{path}.py")
    return found


def test_scores_that_are_kept_hang_on_the_code_that_scores() -> None:
    assert not counts("surrogate/evaluation/scores.py")
    assert counts("surrogate/evaluation/scores.py", "surrogate/evaluation/")
    assert code_version.code_version("surrogate/evaluation/") != code_version.code_version()
