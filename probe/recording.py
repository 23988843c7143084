"""Probes as records of experience, and what the shards of a folder hold of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from statistics import mean

from presage.probe.ladder import RungRun
from presage.probe.neighbours import KnownDataset
from presage.probe.run import ProbeRun
from presage.records.entries import ProbeEntry
from presage.records.probe import ProbeRecord
from presage.records.shards import read_entries, shard_paths
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.recording import dataset_record

__all__ = ["known_datasets", "probe_entry", "recorded_probes", "rung_entry"]


def probe_entry(run: ProbeRun, dataset: ImageDataset) -> ProbeEntry:
    """A probe with the dataset it is of; numbers are rounded to 6 digits, seconds to 3.

    Raises:
        InvalidExperience: it is of another dataset.
    """
    probe = ProbeRecord(
        dataset=run.fingerprint,
        version=run.version,
        seed=run.seed,
        dcn=round(run.dcn, 6),
        curve=tuple(round(value, 6) for value in run.curve),
        seconds=round(run.seconds, 3),
        device=run.device,
        versions=run.versions,
        description={name: round(value, 6) for name, value in run.description.items()},
        created_at=run.created_at,
    )
    return ProbeEntry(dataset_record(dataset), probe)


def rung_entry(run: RungRun, dataset: ImageDataset) -> ProbeEntry:
    """A rung of the ladder with the dataset it is of, as a probe of a version of its own; rounded as `probe_entry`.

    Raises:
        InvalidExperience: it is of another dataset.
    """
    probe = ProbeRecord(
        dataset=run.fingerprint,
        version=run.rung.version,
        seed=run.seed,
        dcn=round(run.accuracy, 6),
        curve=tuple(round(value, 6) for value in run.curve),
        seconds=round(run.seconds, 3),
        device=run.device,
        versions=run.versions,
        description=run.trained_with,
        created_at=run.created_at,
    )
    return ProbeEntry(dataset_record(dataset), probe)


def recorded_probes(folder: Path) -> list[ProbeEntry]:
    """The probes in all shards of `folder`; none where it is not there.

    Raises:
        InvalidExperience: a line that is no line of experience; names file and line.
    """
    found = (entry for path in shard_paths(folder) for entry in read_entries(path))
    return [entry for entry in found if isinstance(entry, ProbeEntry)]


def known_datasets(entries: Iterable[ProbeEntry], version: str) -> list[KnownDataset]:
    """The datasets of these that `version` of the probe has measured, with their mean DCN over seeds."""
    by_dataset: dict[str, list[ProbeEntry]] = defaultdict(list)
    for entry in entries:
        if entry.probe.version == version:
            by_dataset[entry.dataset.fingerprint].append(entry)
    return [
        KnownDataset(
            found[0].dataset.name,
            mean(entry.probe.dcn for entry in found),
            found[0].probe.description,
            fingerprint,
            version,
        )
        for fingerprint, found in by_dataset.items()
    ]
