"""The far end: a call that was sent to another machine, done as if its files were there."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from presage.training.cluster.meanwhile import meanwhile
from presage.training.cluster.parcels import Parcel, unpacked
from presage.training.job import EPOCHS, stop

__all__ = ["CHECKPOINT_SECONDS", "Parcels", "Tell", "done_there"]

Bytes = npt.NDArray[np.uint8]
Parcels = Mapping[str, Parcel]
"""Folders that a message names, by its field."""
Tell = Callable[[str, Bytes | None], bool]
"""Tell of the epochs so far, and of a checkpoint; whether to go on."""

CHECKPOINT_SECONDS = 20.0
"""Between two checkpoints that are sent."""
_TELL_SECONDS = 0.5


def done_there(
    call: Callable[[dict[str, Any]], dict[str, Any]],
    message: Mapping[str, Any],
    parcels: Parcels,
    checkpoint: Bytes | None,
    fetch: Callable[[Any], Bytes],
    tell: Tell,
) -> tuple[dict[str, Any], Bytes | None]:
    """The answer of a call, and the last checkpoint of a training that ended.

    Args:
        call: takes a message of plain objects. Its fields `parcels` are folders; `checkpoint` a file that it writes.
        checkpoint: what to go on from.
        fetch: gives the bytes of a parcel's file.
        tell: called twice a second or so.
    """
    here = {**message, **{field: str(unpacked(parcel, fetch)) for field, parcel in parcels.items()}}
    if "checkpoint" not in message:
        return call(here), None
    with tempfile.TemporaryDirectory(prefix="presage-") as name:
        file = Path(name) / Path(message["checkpoint"]).name
        here["checkpoint"] = str(file)
        if checkpoint is not None:
            checkpoint.tofile(file)
        with meanwhile(lambda ended: _tell_until(ended, file, tell)):
            answer = call(here)
        return answer, np.fromfile(file, np.uint8) if file.exists() else None


def _tell_until(ended: threading.Event, file: Path, tell: Tell) -> None:
    """Tell of what is written beside the checkpoint `file`."""
    epochs, sent, waited = file.with_name(EPOCHS), 0, 0.0
    while True:
        text = epochs.read_text() if epochs.exists() else ""
        checkpoint = None
        if waited >= CHECKPOINT_SECONDS and file.exists() and file.stat().st_mtime_ns != sent:
            sent, waited = file.stat().st_mtime_ns, 0.0
            checkpoint = np.fromfile(file, np.uint8)
        if not tell(text, checkpoint):
            stop(file)
        if ended.wait(_TELL_SECONDS):
            return
        waited += _TELL_SECONDS
