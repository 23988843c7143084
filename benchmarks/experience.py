"""The shipped experience made larger: what a campaign need not run again, and the seed with what was finished.

    python benchmarks/experience.py known KNOWN.json [FOLDER ...]
    python benchmarks/experience.py merge OUT [FOLDER ...]

A FOLDER holds shards of a campaign (`*.jsonl`) or Parquet files as `presage database export` writes them. `known`
lists the experiments of the shipped seed and of the folders as identities, for `--known` of
`python -m presage.training.campaign`. `merge` writes the shipped seed with those of the folders to OUT, each row
checked as `presage database import` does it, then reads OUT back into an empty database, checks it, and says what is in
it; exit code 1 where anything is refused.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from presage.database import Database, ImportReport, write_seed
from presage.vetting import check_architecture, check_entry


def import_all(database: Database, folders: Sequence[Path]) -> list[ImportReport]:
    """Import shards and Parquet files, every row checked."""
    reports = []
    for folder in folders:
        if any(folder.glob("*.parquet")):
            reports.append(database.import_parquet(folder, check_architecture, check_entry))
        else:
            reports.append(database.import_shards([folder], check_architecture, check_entry))
    return reports


def known(out: Path, folders: Sequence[Path]) -> int:
    """Write the identities of all experiments, whatever became of them."""
    with TemporaryDirectory() as scratch, Database.open(Path(scratch) / "known.duckdb", from_seed=True) as database:
        reports = import_all(database, folders)
        found = database.experiments(status=None)
        identities = sorted(
            [found.datasets[dataset], str(architecture), found.recipes[recipe], int(seed)]
            for dataset, architecture, recipe, seed in zip(
                found.dataset, found.architecture, found.recipe, found.seed, strict=True
            )
        )
    out.write_text(json.dumps(identities), encoding="utf-8")
    print(f"{len(identities):,} experiments are known.")
    return _refused(reports)


def merge(out: Path, folders: Sequence[Path]) -> int:
    """Write the larger seed and read it back."""
    out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as scratch:
        with Database.open(Path(scratch) / "merged.duckdb", from_seed=True) as database:
            reports = import_all(database, folders)
            size = write_seed(database, out)
            expected = database.content_hash()
        for folder, report in zip(folders, reports, strict=True):
            print(f"{folder.name}: {report.experiments:,} added, {report.already:,} there before")
        with Database.open(Path(scratch) / "again.duckdb", from_seed=False) as database:
            again = database.import_parquet(out, check_architecture, check_entry)
            damage = database.check()
            same = database.content_hash() == expected
            info = database.info()
            recipes = Counter(record.recipe for record in database.experiment_records())
    print(f"{again.experiments:,} experiments and {again.probes:,} probes read back, {len(damage)} damaged.")
    print(f"{sum(one.finished > 0 for one in info.datasets)} datasets, {len(recipes)} recipes, {size / 1e6:.2f} MB.")
    for line in damage:
        print(line, file=sys.stderr)
    if not same:
        print("What was read back is not what was written.", file=sys.stderr)
    return max(_refused([*reports, again]), int(bool(damage) or not same))


def _refused(reports: Sequence[ImportReport]) -> int:
    refused = [row for report in reports for row in report.refused]
    for row in refused:
        print(row, file=sys.stderr)
    return int(bool(refused))


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("step", choices=["known", "merge"])
    parser.add_argument("out", type=Path)
    parser.add_argument("folders", type=Path, nargs="*", metavar="FOLDER")
    given = parser.parse_args()
    return {"known": known, "merge": merge}[given.step](given.out, given.folders)


if __name__ == "__main__":
    sys.exit(main())
