"""Parts of an evaluation worked out on an executor: each is left where finished parts are kept, and read from there.

What is learned from goes to the workers as one file, what is asked of them as plain objects. Results do not depend on
the executor, for a part is worked out by the same code as here; one thread each.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, as_completed
from contextlib import contextmanager
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from presage.errors import InvalidArgument, StorageFull
from presage.files import replacing
from presage.surrogate.data.experience import Experience
from presage.surrogate.data.snapshot import load_snapshot, save_snapshot
from presage.surrogate.predictors.code_version import code_version
from presage.surrogate.predictors.predictor import Predictor, StepCallback
from presage.training.orphans import remove_when_orphaned

__all__ = ["described", "kept", "kept_in", "kept_or", "make", "named", "read", "worked_out"]

Request = dict[str, Any]
Work = Callable[[Request], None]
T = TypeVar("T")


@contextmanager
def kept_in(cache: Path | None, executor: Executor | None) -> Iterator[Path | None]:
    """The folder of finished parts; one for the block where workers need one and there is none."""
    if cache is not None or executor is None:
        yield cache
        return
    with TemporaryDirectory(prefix="presage-evaluation-") as folder:
        yield Path(folder)


def named(folder: Path | None, kind: str, experience: Experience, *asked: Any) -> Path | None:
    """Where a part is kept: by the content it is learned from, the code, and what is asked, plain objects."""
    if folder is None:
        return None
    told = [experience.digest, code_version("surrogate/evaluation/"), *asked]
    return folder / f"{kind}-{hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]}.json"


def kept(path: Path | None, made: Callable[[Any], T]) -> list[T] | None:
    """What a part came to, from its file, each entry `made` of what stands there; None where there is none, or a
    damaged one."""
    if path is None:
        return None
    try:
        return [made(entry) for entry in json.loads(path.read_text(encoding="utf-8"))] or None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def kept_or(
    path: Path | None, made: Callable[[Any], T], work_out: Callable[[], list[T]], plain: Callable[[T], Any]
) -> list[T]:
    """`kept`, or else what `work_out` finds, which is left in the file, each entry as `plain` objects."""
    there = kept(path, made)
    if there is not None:
        return there
    found = work_out()
    if path is not None:
        with replacing(path) as draft:
            draft.write_text(json.dumps([plain(one) for one in found]), encoding="utf-8")
    return found


def worked_out(
    work: Work,
    requests: Sequence[Request],
    experience: Experience,
    executor: Executor,
    progress: StepCallback | None,
    total: int,
) -> int:
    """Calls `work`, a function that is importable by name, with each request and the file of the experience in it.

    Args:
        work: leaves what it found in a file.
        requests: plain objects, one for each part that is missing, with its "path"; a single one is left to the
            caller.
        experience: what is learned from; `read` gives it to `work`.
        executor: where.
        progress: called with (finished parts, all parts).
        total: parts, those that were not missing among them.

    Returns:
        How many parts `progress` was told of.

    Raises:
        OSError: the folder of finished parts cannot be made.
        StorageFull: the disk of a worker is full; parts that were finished stand.
        Exception: what the executor raises for a call that raised, or that ended its worker twice.
    """
    if len(requests) < 2:
        return 0
    Path(requests[0]["path"]).parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="presage-experience-") as folder:
        path = Path(folder) / "experience.npz"
        save_snapshot(experience, path)
        module, name = work.__module__, work.__qualname__
        told = [{**request, "experience": str(path)} for request in requests]
        futures = [executor.submit(_attempt, module, name, request) for request in told]
        try:
            for done, future in enumerate(as_completed(futures), start=1):
                if (full := future.result()) is not None:
                    raise StorageFull(full)
                if progress:
                    progress(total - len(requests) + done, total)
        finally:
            for future in futures:
                future.cancel()
    return total


def _attempt(module: str, name: str, request: Request) -> str | None:
    """Works a part out; the line to say where the disk is full: errors of a worker have no class of their own."""
    remove_when_orphaned(Path(request["experience"]).parent)
    try:
        getattr(import_module(module), name)(request)
    except StorageFull as error:
        return str(error)
    return None


@lru_cache(maxsize=1)
def read(path: str) -> Experience:
    """The experience of a request, read once by each worker, with the encodings that earlier parts needed."""
    return load_snapshot(Path(path))


def described(predictor: Predictor) -> list[Any]:
    """An unfitted predictor as plain objects.

    Raises:
        InvalidArgument: where its class cannot be imported by name.
    """
    kind = type(predictor)
    if kind.__module__ == "__main__" or getattr(import_module(kind.__module__), kind.__qualname__, None) is not kind:
        raise InvalidArgument("predictors", "evaluate", "be importable by name for workers", kind.__qualname__)
    return [kind.__module__, kind.__qualname__, predictor.settings()]


def make(module: str, name: str, settings: dict[str, Any]) -> Predictor:
    """The reverse of `described`.

    Raises:
        InvalidArgument: where the name is not that of a predictor.
    """
    kind = getattr(import_module(module), name)
    if not (isinstance(kind, type) and issubclass(kind, Predictor)):
        raise InvalidArgument("predictors", "evaluate", "be predictors", name)
    return kind(**settings)
