"""Checkpoints of a training: written whole or not at all, read without running code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import torch

from presage.errors import InvalidArgument, PresageError, StorageFull
from presage.files import replacing
from presage.reading import check_plain

__all__ = ["load_checkpoint", "restoring", "save_checkpoint"]

_FULL = "enforce fail at inline_container"
"""What torch says when the disk fills up."""


def save_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Write `state` (tensors and plain values) beside `path`, then put it in its place in one step.

    Raises:
        StorageFull: where the disk is full; an older checkpoint at `path` is untouched.
    """
    try:
        with replacing(path) as draft, draft.open("wb") as stream:
            torch.save(dict(state), stream)
    except RuntimeError as error:
        if _FULL not in str(error):
            raise
        raise StorageFull(f"The disk is full: {path} was not written. What was stored before is whole.") from None


def load_checkpoint(path: Path, device: torch.device) -> dict[str, Any] | None:
    """The state saved at `path`; None where there is none.

    Raises:
        InvalidArgument: where the file is no checkpoint.
    """
    if not path.exists():
        return None
    with restoring(path):
        check_plain(path)
        with ZipFile(path) as archive:
            if archive.testzip() is not None:  # torch itself takes whatever numbers are there
                raise ValueError
        state = torch.load(path, map_location=device, weights_only=True)
        if not isinstance(state, dict):
            raise TypeError
    return state


@contextmanager
def restoring(path: Path) -> Iterator[None]:
    """One error for whatever a damaged checkpoint makes torch, or who restores from it, raise.

    Raises:
        InvalidArgument: as `load_checkpoint`.
    """
    try:
        yield
    except (PresageError, MemoryError):
        raise
    except Exception:
        raise InvalidArgument("checkpoint", "train", "be a file that presage wrote", str(path), "Delete it.") from None
