"""Probes as plain values: what a shard's line holds and the database stores."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import mean
from typing import Any

from presage.probe.neighbours import Known
from presage.probe.run import ProbeRun
from presage.training.shards import read_lines, shard_paths

__all__ = ["known_datasets", "probe_row", "recorded_probes"]


def probe_row(run: ProbeRun) -> dict[str, Any]:
    """The row of a probe; numbers are rounded to 6 digits, seconds to 3. Its identity is (dataset, version, seed)."""
    return {
        "dataset": run.fingerprint,
        "version": run.version,
        "seed": run.seed,
        "dcn": round(run.dcn, 6),
        "curve": [round(value, 6) for value in run.curve],
        "seconds": round(run.seconds, 3),
        "device": run.device,
        "versions": run.versions,
        "description": {name: round(value, 6) for name, value in run.description.items()},
        "created_at": run.created_at,
    }


def recorded_probes(folder: Path) -> list[dict[str, Any]]:
    """The probe lines, ``{"dataset": row, "probe": row, …}``, of all shards in `folder`; none where it is not there.

    Raises:
        InvalidExperience: a line that is no line of experience; names file and line.
    """
    return [line for path in shard_paths(folder) for line in read_lines(path) if line["kind"] == "probe"]


def known_datasets(lines: Iterable[Mapping[str, Any]], version: str) -> list[Known]:
    """The datasets of these lines that `version` of the probe has measured, with their mean DCN over seeds."""
    by_dataset: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for line in lines:
        if line["probe"]["version"] == version:
            by_dataset[line["dataset"]["fingerprint"]].append(line)
    return [
        Known(
            found[0]["dataset"]["name"],
            mean(line["probe"]["dcn"] for line in found),
            found[0]["probe"]["description"],
            fingerprint,
            version,
        )
        for fingerprint, found in by_dataset.items()
    ]
