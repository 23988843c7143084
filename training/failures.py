"""Ends of a training that are no success: what is recorded for each, and how to recognise it."""

from __future__ import annotations

import traceback
from pathlib import Path

import torch

from presage.errors import Diverged, OutOfMemory, PresageError
from presage.records.experiment import DIVERGED, OUT_OF_MEMORY, PRUNED

__all__ = ["StopTraining", "TrainingCrashed", "crash_line", "failure_of"]


class StopTraining(PresageError):  # a verdict, not an error
    """Raised by `on_epoch` to end a training early: a pruner's verdict, recorded as `pruned` with its text.

    Args:
        text: the verdict.
        by_clock: whether it is about the time and not the epoch: a training in another process, which may be farther
            than what was told of it, ends where it is, and keeps its weights; one that is done by then is done.
    """

    def __init__(self, text: str, *, by_clock: bool = False) -> None:
        super().__init__(text)
        self.by_clock = by_clock


class TrainingCrashed(PresageError):
    """A training in another process raised what is no result, or ended its process; the text is one line."""


_MEMORY_SIGNS = ("out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory")


def failure_of(error: BaseException) -> tuple[str, str] | None:
    """``(status, reason)`` to record for an exception that ended a training; None where it is a mistake, not an end."""
    text = " ".join(str(error).split())[:300]
    if isinstance(error, StopTraining):
        return PRUNED, text or "stopped by the caller"
    if isinstance(error, Diverged):
        return DIVERGED, text
    if isinstance(error, OutOfMemory | MemoryError | torch.OutOfMemoryError):
        return OUT_OF_MEMORY, text or "the device's memory was exhausted"
    if isinstance(error, RuntimeError) and any(sign in text.lower() for sign in _MEMORY_SIGNS):
        return OUT_OF_MEMORY, text
    return None


def crash_line(error: BaseException) -> str:
    """One line about what a library raised over one network: kind, place, text."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(place.filename).name}:{place.lineno}: {error}"
