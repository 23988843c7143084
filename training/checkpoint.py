"""Checkpoints of a training: written whole or not at all, read without running code."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import torch

from presage.errors import InvalidArgument, StorageFull
from presage.files import replacing

__all__ = ["load_checkpoint", "save_checkpoint"]

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
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except (OSError, RuntimeError, EOFError, BadZipFile, pickle.UnpicklingError, ValueError, KeyError):
        raise InvalidArgument("checkpoint", "train", "be a file that presage wrote", str(path), "Delete it.") from None
    if not isinstance(state, dict):
        raise InvalidArgument("checkpoint", "train", "be a file that presage wrote", str(path), "Delete it.")
    return state
