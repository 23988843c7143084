"""What fills the database: experiments by design, and experience from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from presage.errors import InvalidArgument

if TYPE_CHECKING:
    from presage.database import Database, ImportReport
    from presage.training import Recipe

__all__ = ["check_importable", "import_experience", "known_experiments"]

_NO_EXPERIENCE = frozenset({".json", ".csv", ".parquet", ".npz", ".txt"})
"""Ends of the names of files that are neither shards nor databases."""


def known_experiments(database: Database, recipe: Recipe | None = None) -> frozenset[tuple[str, str, str, int]]:
    """Dataset, architecture, recipe and seed of every experiment by a recipe, or by any, finished or failed."""
    stored = database.experiments(recipe=None if recipe is None else recipe.hash, status=None)
    return frozenset(
        (stored.datasets[dataset], str(architecture), stored.recipes[by], int(seed))
        for dataset, architecture, by, seed in zip(
            stored.dataset, stored.architecture, stored.recipe, stored.seed, strict=True
        )
    )


def check_importable(paths: Sequence[Path]) -> None:
    """Refuse paths that do not exist or are no experience, before anything is taken in.

    Raises:
        InvalidArgument: names the path.
    """
    for path in paths:
        if not path.exists():
            raise InvalidArgument("PATH", "presage database import", "exist", str(path))
        if path.is_file() and path.suffix in _NO_EXPERIENCE:
            rule = "be shards (*.jsonl), a folder of them or of Parquet files, or a database"
            raise InvalidArgument("PATH", "presage database import", rule, str(path))


def import_experience(database: Database, paths: Sequence[Path]) -> ImportReport:
    """Take shards, folders of shards or of Parquet files, or other databases into the database."""
    from presage.database import ImportReport
    from presage.vetting import check_architecture, check_entry

    reports = []
    for path in paths:
        if path.is_dir() and any(path.glob("*.parquet")):
            reports.append(database.import_parquet(path, check_architecture, check_entry))
        elif path.is_dir() or path.suffix == ".jsonl":
            reports.append(database.import_shards([path], check_architecture, check_entry))
        else:
            reports.append(database.merge(path, check_architecture, check_entry))
    return ImportReport(
        experiments=sum(report.experiments for report in reports),
        probes=sum(report.probes for report in reports),
        predictions=sum(report.predictions for report in reports),
        already=sum(report.already for report in reports),
        refused=tuple(refusal for report in reports for refusal in report.refused),
        notes=tuple(note for report in reports for note in report.notes),
    )
