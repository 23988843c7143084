"""What a database holds, counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from presage.database.connection import Connection
from presage.database.migrate import version
from presage.database.tables import RECORDS
from presage.display import html_table, paragraphs
from presage.records.probe import RUNG
from presage.terminal import one_line

__all__ = ["DatabaseInfo", "DatasetInfo", "info"]


MOST_RECIPES = 8
"""Recipes that are listed one by one."""


@dataclass(frozen=True)
class DatasetInfo:
    """One dataset: finished and failed experiments on it, their mean accuracy, its probes and mean DCN by version."""

    name: str
    fingerprint: str
    finished: int
    failed: int
    mean_accuracy: float | None
    probes: int
    dcn: dict[str, float]


@dataclass(frozen=True)
class DatabaseInfo:
    """Counts of a database.

    Attributes:
        path: the file.
        bytes: its size, what is not yet moved out of the write-ahead log included.
        schema_version: of the file.
        rows: by table.
        datasets: by name.
        spaces: experiments by space; a network of the user's own counts under "".
        recipes: experiments by recipe hash.
        statuses: experiments by how they ended.
        sources: where experiments were taken from → recipe hash → how many; those that presage trained are under "".
    """

    path: Path
    bytes: int
    schema_version: int
    rows: dict[str, int]
    datasets: tuple[DatasetInfo, ...]
    spaces: dict[str, int]
    recipes: dict[str, int]
    statuses: dict[str, int]
    sources: dict[str, dict[str, int]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain objects, lists and numbers."""
        return {**asdict(self), "path": str(self.path), "datasets": [asdict(d) for d in self.datasets]}

    def __repr__(self) -> str:
        return one_line(f"DatabaseInfo({self._title()})")

    def _repr_html_(self) -> str:
        header = ("dataset", "finished", "failed", "mean accuracy", "DCN")
        rows = [
            (
                one.name,
                f"{one.finished:,}",
                f"{one.failed:,}",
                "" if one.mean_accuracy is None else f"{one.mean_accuracy:.3f}",
                _dcn(one),
            )
            for one in self.datasets
        ]
        return paragraphs([self._title()]) + html_table(header, rows)

    def _title(self) -> str:
        rows = ", ".join(f"{n:,} {table}" for table, n in self.rows.items())
        return f"{self.path}: {self.bytes / 1e6:.1f} MB, schema {self.schema_version}; {rows}"

    def text(self, recipes: Mapping[str, str] | None = None) -> str:
        """A table to read; the mean accuracies are over networks by all of the recipes.

        Args:
            recipes: hash → a recipe in words, said beside its hash.
        """
        lines = [self._title(), ""]
        width = max([len(one_line(d.name)) for d in self.datasets], default=7)
        lines.append(f"{'dataset':{width}}  finished  failed  accuracy  DCN")
        for d in self.datasets:
            mean = "       –" if d.mean_accuracy is None else f"{d.mean_accuracy:8.3f}"
            lines.append(f"{one_line(d.name):{width}}  {d.finished:8}  {d.failed:6}  {mean}  {_dcn(d)}")
        for title, counts in (("space", self.spaces), ("status", self.statuses)):
            parts = (f"{name or 'own networks'} {n}" for name, n in counts.items())
            lines.append(f"by {title}: {', '.join(parts) or 'none'}")
        lines += ["by recipe:", *_by_recipe(self.recipes, recipes or {})] if self.recipes else ["by recipe: none"]
        totals = (f"{source or 'trained by presage'} {sum(counts.values())}" for source, counts in self.sources.items())
        lines.append(f"by source: {', '.join(totals) or 'none'}")
        for source, counts in self.sources.items():
            if source:
                lines += [f"{source}, by recipe:", *_by_recipe(counts, recipes or {})]
        return "\n".join(map(one_line, lines))


def _dcn(dataset: DatasetInfo) -> str:
    return ", ".join(f"{value:.3f} ({name})" for name, value in dataset.dcn.items()) or "not probed"


def _by_recipe(counts: Mapping[str, int], called: Mapping[str, str]) -> list[str]:
    """A line for each of the recipes that most experiments are by: hash, experiments, the recipe in words."""
    most = sorted(counts, key=lambda key: -counts[key])
    lines = [f"  {key[:12]} {counts[key]:6,}  {called.get(key, '')}".rstrip() for key in most[:MOST_RECIPES]]
    rest = most[MOST_RECIPES:]
    if rest:
        lines.append(f"  and {len(rest)} more with {sum(counts[key] for key in rest):,}: `--json` lists all")
    return lines


def info(connection: Connection) -> DatabaseInfo:
    """Count what an open database holds."""
    rows = {table: int(connection.rows(f"SELECT count(*) FROM {table}")[0][0]) for table in RECORDS}
    dcn: dict[str, dict[str, float]] = {}
    probes: dict[str, int] = {}
    for dataset, name, mean, n in connection.rows(
        "SELECT dataset, version, avg(dcn), count(*) FROM probes GROUP BY 1, 2 ORDER BY 1, 2"
    ):
        if RUNG in name:  # of the ladder, which is no probe of its own
            continue
        dcn.setdefault(dataset, {})[name] = mean
        probes[dataset] = probes.get(dataset, 0) + n
    datasets = tuple(
        DatasetInfo(name, key, finished, failed, mean, probes.get(key, 0), dcn.get(key, {}))
        for name, key, finished, failed, mean in connection.rows(
            "SELECT d.name, d.fingerprint, count(*) FILTER (e.status = 'finished'), "
            "count(*) FILTER (e.status <> 'finished'), avg(e.accuracy) "
            "FROM datasets d LEFT JOIN experiments e ON e.dataset = d.fingerprint GROUP BY 1, 2 ORDER BY 1, 2"
        )
    )
    spaces = connection.rows(
        "SELECT coalesce(a.space, ''), count(*) FROM experiments e JOIN architectures a ON a.hash = e.architecture "
        "GROUP BY 1 ORDER BY 1"
    )
    sources: dict[str, dict[str, int]] = {}
    for source, recipe, n in connection.rows(
        "SELECT coalesce(source, ''), recipe, count(*) FROM experiments GROUP BY 1, 2 ORDER BY 1, 2"
    ):
        sources.setdefault(source, {})[recipe] = n
    files = (connection.path, connection.path.with_name(f"{connection.path.name}.wal"))
    return DatabaseInfo(
        path=connection.path,
        bytes=sum(file.stat().st_size for file in files if file.exists()),
        schema_version=version(connection),
        rows=rows,
        datasets=datasets,
        spaces=dict(spaces),
        recipes=dict(connection.rows("SELECT recipe, count(*) FROM experiments GROUP BY 1 ORDER BY 1")),
        statuses=dict(connection.rows("SELECT status, count(*) FROM experiments GROUP BY 1 ORDER BY 1")),
        sources=sources,
    )
