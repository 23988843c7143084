"""Fitted predictors, kept by the content they were trained on: the same experience is never learned from twice.

A folder's name is the hash of the experience, the predictor's name and settings, and the code that learns and encodes.
The predictor fitted to the shipped experience is shipped under such a name too (`SHIPPED`): where it is the one asked
for, nothing is fitted at all. Only these, and what this user's presage wrote here and nobody has changed since, are
read (`presage.surrogate.predictors.sealing`). Whatever is wrong with a kept predictor, it is fitted again; a cache
never makes anything fail.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from filelock import FileLock, Timeout

from presage.errors import PresageError, StorageFull
from presage.surrogate.data.experience import Experience
from presage.surrogate.predictors.code_version import code_version
from presage.surrogate.predictors.predictor import Predictor
from presage.surrogate.predictors.sealing import own_key
from presage.surrogate.predictors.storage import load_predictor, save_predictor

__all__ = ["KEPT", "SHIPPED", "cache_key", "fitted", "is_kept", "shipped"]

KEPT = 24
"""Predictors kept in one folder; the longest unused are removed."""
SHIPPED = "shipped"
"""Folder of the package that holds what `make fitted` fitted to the shipped experience, under its key."""
_LOCK = ".fitting.lock"


def fitted(
    predictor: Predictor,
    content: str,
    experience: Callable[[], Experience],
    folder: Path | None,
    progress: Callable[[int, int], None] | None = None,
    waiting: Callable[[], None] | None = None,
) -> Predictor:
    """The predictor fitted to the experience whose content hash is `content`: as kept where it is, else anew.

    Of several processes that want one predictor at once, the first fits it and the others wait.

    Args:
        predictor: an unfitted predictor; says kind and settings.
        content: hash of the experience: `Database.content_hash` and what selected its rows, or `Experience.digest`.
        experience: called only where the predictor has to be fitted.
        folder: where fitted predictors are kept; None keeps none.
        progress: called with (finished steps, all steps) while it is fitted.
        waiting: called once where another process is fitting, before this one waits for it.
    """
    if folder is None:
        return predictor.fit(experience(), progress=progress)
    name = cache_key(predictor, content)
    key, path = own_key(), folder / name
    kept = _shipped(name) or _kept(path, key)
    if kept is not None:
        return kept
    with _alone(folder, waiting):
        kept = _kept(path, key)  # by another process meanwhile
        if kept is not None:
            return kept
        predictor.fit(experience(), progress=progress)
        if key is not None:
            try:
                save_predictor(predictor, path, _named(key, name))
                _prune(folder)
            except (StorageFull, OSError):  # a full disk costs time at the next call, nothing now
                shutil.rmtree(path, ignore_errors=True)
    return predictor


def cache_key(predictor: Predictor, content: str) -> str:
    """Name of the folder that keeps this predictor fitted to this content."""
    described = [predictor.name, predictor.settings(), content, code_version()]
    return f"{predictor.name}-{hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:32]}"


def is_kept(predictor: Predictor, content: str, folder: Path) -> bool:
    """Whether there is a folder for the predictor fitted to this content; `fitted` says whether it can be used."""
    name = cache_key(predictor, content)
    return (shipped() / name).is_dir() or (folder / name).is_dir()


def shipped() -> Traversable:
    """The folder of the package with the shipped predictor in it."""
    return resources.files("presage.surrogate") / SHIPPED


def _shipped(name: str) -> Predictor | None:
    place = shipped() / name
    try:
        return load_predictor(place, name.encode()) if place.is_dir() else None
    except (PresageError, OSError):  # a damaged installation
        return None


def _kept(path: Path, key: bytes | None) -> Predictor | None:
    if key is None or not path.is_dir():
        return None
    try:
        kept = load_predictor(path, _named(key, path.name))
        path.touch()
        return kept
    except (PresageError, OSError):
        shutil.rmtree(path, ignore_errors=True)
        return None


def _named(key: bytes, name: str) -> bytes:
    """A key for one name: what was kept under another does not pass for it."""
    return key + name.encode()


@contextmanager
def _alone(folder: Path, waiting: Callable[[], None] | None) -> Iterator[None]:
    """Holds the folder, so that one process fits at a time; goes on without where it cannot be held."""
    lock = None
    with suppress(OSError, NotImplementedError):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / _LOCK)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if waiting:
                waiting()
            lock.acquire()
    try:
        yield
    finally:
        if lock is not None:
            lock.release()


def _prune(folder: Path) -> None:
    kept = [path for path in folder.iterdir() if (path / "predictor.json").is_file()]
    for path in sorted(kept, key=lambda path: path.stat().st_mtime, reverse=True)[KEPT:]:
        shutil.rmtree(path, ignore_errors=True)
