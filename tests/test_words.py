"""One vocabulary: code, help and pages speak of what is there, by the names that it has now."""

from __future__ import annotations

import importlib
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = tuple(sorted(path.name for path in (ROOT / "presage").iterdir() if path.is_symlink()))
FOLDERS = (*PACKAGES, "presage", "tests", "benchmarks", "docs")
MOST_LINES = 400

IDENTIFIERS = {
    "Strands": "Segments",
    "Reading": "CanonicalView",
    "Draft": "GraphBatchBuilder",
    "Sweep": "scan",
    "sweep": "scan",
    "InformedPredictor": "ConditionedPredictor",
    "TaskScorer": "a scorer bound to its task",
    "training_calls": "the trainer",
    "Workplace": "Session",
    "presage_errors": "presage.errors",
    "take_in": "import_experience",
    "traits": "meta_features",
    "doubt": "std_error",
    "Crew": "WorkerPool",
    "crew": "worker_pool",
}
"""Identifier that was given up → what is said instead."""

WORDS = {
    "strands?": "segment",
    "sweeps?": "scan",
    "crews?": "worker pool",
    "workplaces?": "session",
    "presage_errors": "presage.errors",
    "training_calls": "trainer",
    "take_in": "import_experience",
}
"""Word that was given up in texts, as a pattern → what is said instead. The changelog may speak of the past."""

ALIASES = {
    "InformedPredictor": {
        "surrogate/__init__.pyi",
        "surrogate/predictors/conditioning.py",
        "tests/surrogate/predictors/test_conditioning.py",
    }
}
"""Identifier → files that still serve it to those who wrote it before."""


@cache
def files(*suffixes: str) -> tuple[Path, ...]:
    """Files of the repository with these suffixes; what is reached through the links in presage/ is there once."""
    found = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.suffix in suffixes]
    found += [path for path in ROOT.iterdir() if path.suffix in suffixes and path.is_file()]
    return tuple(sorted({path.resolve() for path in found if "__pycache__" not in path.parts and path.is_file()}))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def texts() -> Iterator[tuple[Path, str]]:
    """Code and pages; not this file, which names what was given up, nor the changelog, which tells of the past."""
    for path in files(".py", ".pyi", ".md", ".html", ".toml", ".sql"):
        if path != Path(__file__).resolve() and path.name != "CHANGELOG.md":
            yield path, path.read_text(encoding="utf-8")


def test_no_file_is_too_long_to_read() -> None:
    long = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in files(".py", ".pyi", ".html")}
    assert len(long) > 300
    assert {path: lines for path, lines in long.items() if lines > MOST_LINES} == {}


def test_no_identifier_that_was_given_up_is_left() -> None:
    found = []
    for path in files(".py", ".pyi"):
        tokens = tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)
        used = {token.string for token in tokens if token.type == tokenize.NAME} & IDENTIFIERS.keys()
        used |= {path.stem} & IDENTIFIERS.keys()
        found += [f"{name(path)}: {one}" for one in used if name(path) not in ALIASES.get(one, set())]
    assert found == []


@pytest.mark.parametrize("word", WORDS)
def test_no_text_says_a_word_that_was_given_up(word: str) -> None:
    pattern = re.compile(rf"\b{word}\b", re.IGNORECASE)
    assert [name(path) for path, text in texts() if pattern.search(text)] == []


def test_no_two_classes_have_one_name() -> None:
    found: dict[str, list[str]] = {}
    for path in files(".py"):
        if path.relative_to(ROOT).parts[0] in (*PACKAGES, "presage"):
            for made in re.findall(r"^class ([A-Za-z]\w+)", path.read_text(encoding="utf-8"), re.MULTILINE):
                found.setdefault(made, []).append(name(path))
    assert len(found) > 200
    assert {made: paths for made, paths in found.items() if len(paths) > 1} == {}


DOTTED = re.compile(r"\bpresage(?:\.[A-Za-z_]\w*)+")
BARE = re.compile(rf"`((?:{'|'.join(PACKAGES)})(?:\.[A-Za-z_]\w*)+)")
WRITTEN = re.compile(rf"(?<![\w/.-])(?:{'|'.join(FOLDERS)})/[\w/.*-]*[\w/*]")


@cache
def resolves(dotted: str) -> bool:
    """Whether `presage.search.run_search` is a module, or something that a module or class has."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


def test_every_name_of_presage_that_is_written_is_there() -> None:
    missing = {f"{name(path)}: {dotted}" for path, text in texts() for dotted in DOTTED.findall(text)
               if not resolves(dotted)}  # fmt: skip
    assert missing == set()


def test_names_are_written_from_presage_on() -> None:
    bare = {f"{name(path)}: {dotted}" for path, text in [*texts(), changelog()] for dotted in BARE.findall(text)
            if resolves(f"presage.{dotted}")}  # fmt: skip
    assert bare == set()


def changelog() -> tuple[Path, str]:
    path = ROOT / "CHANGELOG.md"
    return path, path.read_text(encoding="utf-8")


def test_every_file_that_a_page_names_is_there() -> None:
    pages = [(path, text) for path, text in texts() if path.suffix in (".md", ".toml")]
    missing = {f"{name(path)}: {written}" for path, text in pages for written in WRITTEN.findall(text)
               if not any(ROOT.glob(written.rstrip("/")))}  # fmt: skip
    assert missing == set()


def test_a_name_that_is_not_there_is_seen() -> None:
    assert resolves("presage.search.run_search")
    assert not resolves("presage.search.run_serach")
    assert not resolves("presage.serach")
    assert BARE.findall("`search.scores` and `presage.search.scores`") == ["search.scores"]
    assert WRITTEN.findall("see tests/test_words.py, presage/search/*.py.") == [
        "tests/test_words.py",
        "presage/search/*.py",
    ]
