"""Fitted predictors, kept by the content they were trained on: the same experience is never learned from twice.

A folder's name is the hash of the experience, the predictor's name and settings, and the code that learns and encodes.
Whatever is wrong with a kept predictor, it is fitted again; a cache never makes anything fail.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from presage.errors import PresageError, StorageFull
from presage.surrogate.data.experience import Experience
from presage.surrogate.predictors.predictor import Predictor
from presage.surrogate.predictors.storage import load_predictor, save_predictor

__all__ = ["cache_key", "code_version", "fitted"]

KEPT = 24
"""Predictors kept in one folder; the longest unused are removed."""


def fitted(
    predictor: Predictor,
    content: str,
    experience: Callable[[], Experience],
    folder: Path | None,
    progress: Callable[[int, int], None] | None = None,
) -> Predictor:
    """The predictor fitted to the experience whose content hash is `content`: from `folder` if it is there, else anew.

    Args:
        predictor: an unfitted predictor; says kind and settings.
        content: hash of the experience: `Database.content_hash` and what selected its rows, or `Experience.digest`.
        experience: called only where the predictor has to be fitted.
        folder: where fitted predictors are kept; None keeps none.
        progress: called with (finished steps, all steps) while it is fitted.
    """
    if folder is None:
        return predictor.fit(experience(), progress=progress)
    path = folder / cache_key(predictor, content)
    if path.is_dir():
        try:
            kept = load_predictor(path)
            path.touch()
            return kept
        except (PresageError, OSError):
            shutil.rmtree(path, ignore_errors=True)
    predictor.fit(experience(), progress=progress)
    try:
        save_predictor(predictor, path)
        _prune(folder)
    except (StorageFull, OSError):  # a full disk costs time at the next call, nothing now
        shutil.rmtree(path, ignore_errors=True)
    return predictor


def cache_key(predictor: Predictor, content: str) -> str:
    """Name of the folder that keeps this predictor fitted to this content."""
    described = [predictor.name, predictor.settings(), content, code_version()]
    return f"{predictor.name}-{hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:32]}"


@cache
def code_version() -> str:
    """SHA-256 of the source of everything that learns or encodes: other code never reads what this code fitted."""
    sha = hashlib.sha256()
    for package in ("presage.architecture", "presage.surrogate"):
        for name, file in sorted(_sources(resources.files(package))):
            sha.update(f"{package}/{name}\n".encode())
            sha.update(file.read_bytes())
    return sha.hexdigest()


def _sources(folder: Traversable, within: str = "") -> Iterator[tuple[str, Traversable]]:
    """Every Python file under a folder, by its path there."""
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _sources(entry, f"{within}{entry.name}/")
        elif entry.name.endswith(".py"):
            yield within + entry.name, entry


def _prune(folder: Path) -> None:
    kept = [path for path in folder.iterdir() if (path / "predictor.json").is_file()]
    for path in sorted(kept, key=lambda path: path.stat().st_mtime, reverse=True)[KEPT:]:
        shutil.rmtree(path, ignore_errors=True)
