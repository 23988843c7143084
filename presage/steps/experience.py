"""What fills the database: experiments by design, and experience from elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from presage.errors import InvalidArgument
from presage.progress import OnStage, no_progress
from presage.steps.imports.published import NETWORKS, SOURCE

if TYPE_CHECKING:
    from presage.database import Database, ImportReport, SyncReport
    from presage.steps.imports.trainings import ImportedTrainings
    from presage.training import ImageDataset, Recipe

__all__ = [
    "ImportOptions", "check_importable", "import_experience", "known_experiments", "read_tables",
    "stored_recipe", "sync_experience",
]  # fmt: skip

_NO_EXPERIENCE = frozenset({".json", ".npz", ".txt"})
"""Ends of the names of files that are neither shards, tables nor databases."""


@dataclass(frozen=True)
class ImportOptions:
    """How experience is taken in.

    Attributes:
        dry_run: report what would enter, and leave the database as it is.
        renamed: column of a table of trainings, as presage calls it → as the file does.
        trust_code: import the modules that a table of trainings names, and call their callables.
        networks: cells of `nasbench201` on each of its datasets; None for all.
    """

    dry_run: bool = False
    renamed: Mapping[str, str] = field(default_factory=dict)
    trust_code: bool = False
    networks: int | None = NETWORKS


def known_experiments(database: Database, recipe: Recipe | None = None) -> frozenset[tuple[str, str, str, int]]:
    """Dataset, architecture, recipe and seed of every experiment by a recipe, or by any, finished or failed."""
    stored = database.experiments(recipe=None if recipe is None else recipe.hash, status=None)
    return frozenset(
        (stored.datasets[dataset], str(architecture), stored.recipes[by], int(seed))
        for dataset, architecture, by, seed in zip(
            stored.dataset, stored.architecture, stored.recipe, stored.seed, strict=True
        )
    )


def stored_recipe(database: Database, digest: str) -> Recipe | None:
    """The stored recipe whose hash begins so; None where none does.

    Raises:
        InvalidArgument: several do.
    """
    from presage.training import Recipe

    found = [record for record in database.recipes() if record.hash.startswith(digest)]
    if len(found) > 1:
        raise InvalidArgument("recipe", "presage", "be more of one recipe's hash (several begin so)", digest)
    return Recipe.from_json(found[0].json) if found else None


def check_importable(paths: Sequence[Path]) -> None:
    """Refuse paths that do not exist or are no experience, before anything is taken in.

    Raises:
        InvalidArgument: names the path.
    """
    for path in paths:
        if _is_published(path):
            continue
        if not path.exists():
            raise InvalidArgument("PATH", "presage database import", "exist", str(path))
        images = path.is_dir() and not any(any(path.glob(kind)) for kind in ("*.jsonl", "*.parquet"))
        if images or (path.is_file() and path.suffix in _NO_EXPERIENCE):
            tables = "a table of trainings (*.csv, *.parquet)"
            rule = f"be shards (*.jsonl), a folder of them or of Parquet files, {tables}, or a database"
            hint = f"For images, type `presage probe {path}`, or `presage populate {path}` to train networks on them."
            raise InvalidArgument("PATH", "presage database import", rule, str(path), hint)


def _is_published(path: Path) -> bool:
    return str(path) == SOURCE and not path.exists()


def read_tables(
    paths: Sequence[Path],
    opened: Callable[[], Database],
    load: Callable[[str], ImageDataset],
    options: ImportOptions,
    progress: OnStage = no_progress,
) -> dict[Path, ImportedTrainings]:
    """Those of the paths that are tables of trainings, or `nasbench201`, read while the database is closed.

    Raises:
        InvalidArgument: a file that is no table, or lacks a column; or the package of the benchmark is not there.
    """
    from presage.database import TABLE_FILES
    from presage.probe import PROBE_VERSION
    from presage.steps.imports.nasbench201 import read_published
    from presage.steps.imports.own_trainings import read_own_trainings

    def told(done: int, total: int) -> None:
        progress(f"read {SOURCE}", done, total)

    published = [path for path in paths if _is_published(path)]
    tables = [path for path in paths if path.is_file() and path.suffix.lower() in TABLE_FILES]
    if not tables and not published:
        return {}
    with opened() as database:
        known, probed = database.datasets(), {run.dataset for run in database.probes(version=PROBE_VERSION)}
    return {
        path: read_own_trainings(path, known, probed, load, renamed=options.renamed, trust_code=options.trust_code)
        for path in tables
    } | {path: read_published(known, probed, options.networks, told) for path in published}


def import_experience(
    database: Database,
    paths: Sequence[Path],
    tables: Mapping[Path, ImportedTrainings] | None = None,
    options: ImportOptions | None = None,
) -> ImportReport:
    """Take shards, folders of shards or of Parquet files, tables of trainings, or other databases into the database.

    Args:
        tables: those of the paths that are tables of trainings, as `read_tables` read them.
    """
    from presage.database import ImportReport
    from presage.vetting import check_architecture, check_entry
    from presage.vetting_columns import vouch

    tables, dry_run = tables or {}, options is not None and options.dry_run
    reports = []
    for path in paths:
        if path in tables:
            own = tables[path]
            report = database.import_entries(own.placed, check_architecture, check_entry, vouch=vouch, dry_run=dry_run)
            reports.append(replace(report, refused=(*own.refused, *report.refused), notes=(*own.notes, *report.notes)))
        elif path.is_dir() and any(path.glob("*.parquet")):
            reports.append(database.import_parquet(path, check_architecture, check_entry, vouch=vouch, dry_run=dry_run))
        elif path.is_dir() or path.suffix == ".jsonl":
            reports.append(
                database.import_shards([path], check_architecture, check_entry, vouch=vouch, dry_run=dry_run)
            )
        else:
            reports.append(database.merge(path, check_architecture, check_entry, vouch=vouch, dry_run=dry_run))
    return ImportReport.of_all(reports, dry_run=dry_run)


def sync_experience(opened: Callable[[], Database], place: str, progress: OnStage = no_progress) -> SyncReport:
    """Exchange experience with a team's folder or bucket; see `presage.database.sync`."""
    from presage.database import shared_place, sync
    from presage.vetting import check_architecture, check_entry
    from presage.vetting_columns import vouch

    return sync(opened, shared_place(place), check_architecture, check_entry, progress, vouch)
