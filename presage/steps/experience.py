"""What fills the database: experiments by design, and experience from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from presage.errors import InvalidArgument
from presage.steps.difficulty import SEEDS, ensure_probed
from presage.workplace import Workplace

if TYPE_CHECKING:
    from presage.database import ImportReport
    from presage.training import Recipe
    from presage.training.campaign import Summary

__all__ = ["populate", "take_in"]

_NO_EXPERIENCE = frozenset({".json", ".csv", ".parquet", ".npz", ".txt"})
"""Ends of the names of files that are neither shards nor databases."""


def populate(
    place: Workplace,
    specs: Sequence[str],
    out: Path,
    count: int,
    recipe: Recipe,
    *,
    workers: int = 1,
    probes: int = SEEDS,
) -> tuple[Summary, ImportReport]:
    """Probe datasets and train the first `count` networks of the design on each.

    Results go to shards in `out`, then into the database; the report counts what entered it, the probes run here too.
    Killed at any moment and repeated, it goes on where it was.
    """
    from presage.training import Campaign

    campaign = Campaign(specs, out, count, recipe, workers, place.device)
    ran = sum(ensure_probed(place, place.dataset(spec), probes) for spec in specs)
    with place.open() as database:
        stored = database.experiments(recipe=recipe.hash, status=None)
    known = (
        (stored.datasets[dataset], str(architecture), recipe.hash, int(seed))
        for dataset, architecture, seed in zip(stored.dataset, stored.architecture, stored.seed, strict=True)
    )
    campaign = replace(campaign, known=frozenset(known))
    summary = campaign.run(lambda progress: place.step("populate", progress.done, progress.total))
    report = take_in(place, [out] if any(out.glob("*.jsonl")) else [])
    return summary, replace(report, probes=report.probes + ran)


def take_in(place: Workplace, paths: Sequence[Path]) -> ImportReport:
    """Take shards, folders of shards or of Parquet files, or other databases into the database.

    Raises:
        InvalidArgument: a path that does not exist; nothing was taken in then.
    """
    from presage.database import ImportReport
    from presage.vetting import check_architecture, check_entry

    for path in paths:
        if not path.exists():
            raise InvalidArgument("PATH", "presage database import", "exist", str(path))
        if path.is_file() and path.suffix in _NO_EXPERIENCE:
            rule = "be shards (*.jsonl), a folder of them or of Parquet files, or a database"
            raise InvalidArgument("PATH", "presage database import", rule, str(path))
    reports = []
    with place.open() as database:
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
