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
    kept: Path | None = None,
    progress: OnStage = no_progress,
) -> Inspection:
    """Look for duplicates, leaks, faults, outliers, rare classes and suspected wrong labels.

    Args:
        out: folder for ``inspection.html``, ``inspection.csv`` and ``inspection.json``; None writes none.
        kept: folder where what was found is kept, and found again as long as nothing has changed.

    Raises:
        InvalidArgument: a folder that cannot be written in.
    """
    from presage.probe.inspection.inspect import inspect_dataset
    from presage.report.inspection import write_inspection
    from presage.steps.kept_inspections import KeptInspections, inspection_key

    if out is not None:
        check_folder(out, "--out", "presage probe")
    key = inspection_key(dataset, seed) if kept is not None else None
    store = KeptInspections(kept) if kept is not None and key is not None else None
    known = store.find(key, dataset.name) if store is not None and key is not None else None
    found = known or inspect_dataset(dataset, seed=seed, progress=progress)
    if known is None and store is not None and key is not None and key == inspection_key(dataset, seed):
        store.keep(key, found)
    if out is not None:
        write_inspection(out, found, dataset)
    return found
