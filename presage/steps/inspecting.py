"""What is wrong with a dataset's images, told and written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from presage.folders import check_folder
from presage.progress import OnStage, no_progress

if TYPE_CHECKING:
    from presage.probe.inspection.issue import Inspection
    from presage.training import ImageDataset

__all__ = ["inspect"]


def inspect(
    dataset: ImageDataset,
    *,
    out: Path | None = None,
    seed: int = 0,
    device: str = "auto",
    progress: OnStage = no_progress,
) -> Inspection:
    """Look for duplicates, leaks, faults, outliers, rare classes and suspected wrong labels.

    Args:
        out: folder for ``inspection.html``, ``inspection.csv`` and ``inspection.json``; None writes none.

    Raises:
        InvalidArgument: a folder that cannot be written in.
    """
    from presage.probe.inspection.inspect import inspect_dataset
    from presage.report.inspection import write_inspection

    if out is not None:
        check_folder(out, "--out", "presage probe")
    found = inspect_dataset(dataset, seed=seed, device=device, progress=progress)
    if out is not None:
        write_inspection(out, found, dataset)
    return found
