"""What the DCN is worth by itself: does it order datasets as training does, is it stable, and what does it cost?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from presage.surrogate.data.experience import Experience
from presage.surrogate.evaluation.tables import Table, mean_of, number
from presage.surrogate.metrics import spearman
from presage.surrogate.predictors.recipe_effect import usual_tasks

if TYPE_CHECKING:
    from presage.database import Database

__all__ = ["DatasetDifficulty", "DifficultyStudy", "study_difficulty"]


@dataclass(frozen=True)
class DatasetDifficulty:
    """One dataset as probed and as trained on.

    Attributes:
        dataset: its name.
        seed_dcns: DCN by seed of the probe.
        probe_seconds: of one probe, the median over its seeds.
        networks, mean_accuracy: networks trained on it, and their mean trained accuracy.
        core_networks, core_mean_accuracy: the same over the networks that are the same on every dataset.
        core_seconds: of training one of those fully, the median; None where there are none.
    """

    dataset: str
    seed_dcns: tuple[float, ...]
    probe_seconds: float
    networks: int
    mean_accuracy: float
    core_networks: int
    core_mean_accuracy: float | None
    core_seconds: float | None

    @property
    def dcn(self) -> float:
        """Mean over the seeds."""
        return float(np.mean(self.seed_dcns))


@dataclass(frozen=True)
class DifficultyStudy:
    """The DCN of every dataset beside what networks scored there."""

    datasets: tuple[DatasetDifficulty, ...]

    def rank_correlation(self, *, core: bool = False, rows: Sequence[int] | None = None) -> float | None:
        """Spearman's ρ of DCN with mean trained accuracy; with `core`, of the networks that are the same everywhere."""
        chosen = [self.datasets[row] for row in (range(len(self.datasets)) if rows is None else rows)]
        pairs = [(one.dcn, one.core_mean_accuracy if core else one.mean_accuracy) for one in chosen]
        known = [(dcn, accuracy) for dcn, accuracy in pairs if accuracy is not None]
        if len(known) < 3:
            return None
        return spearman([accuracy for _, accuracy in known], [dcn for dcn, _ in known])

    def seed_correlations(self) -> tuple[float, ...]:
        """ρ with mean trained accuracy had only one seed been probed, for each seed that every dataset has."""
        seeds = min(len(one.seed_dcns) for one in self.datasets)
        accuracy = [one.mean_accuracy for one in self.datasets]
        return tuple(spearman(accuracy, [one.seed_dcns[seed] for one in self.datasets]) for seed in range(seeds))

    def spreads(self) -> list[float]:
        """Standard deviation of the DCN over seeds, by dataset with at least two."""
        return [float(np.std(one.seed_dcns, ddof=1)) for one in self.datasets if len(one.seed_dcns) > 1]

    def times_cheaper(self) -> float | None:
        """How many times longer one core network's full training takes than one probe: the median over datasets."""
        ratios = [one.core_seconds / one.probe_seconds for one in self.datasets if one.core_seconds is not None]
        return float(np.median(ratios)) if ratios else None

    def summary(self) -> dict[str, float | None]:
        """Every number that the study comes to."""
        spreads, seeds = self.spreads(), self.seed_correlations()
        core = [one.core_networks * one.core_seconds for one in self.datasets if one.core_seconds is not None]
        probe = [one.probe_seconds for one in self.datasets]
        return {
            "spearman": self.rank_correlation(),
            "spearman_core": self.rank_correlation(core=True),
            "spearman_one_seed_least": min(seeds, default=None),
            "spearman_one_seed_most": max(seeds, default=None),
            "seed_deviation_mean": mean_of(spreads),
            "seed_deviation_most": max(spreads, default=None),
            "probe_seconds_median": float(np.median(probe)),
            "core_network_seconds_median": float(np.median([s for one in self.datasets if (s := one.core_seconds)]))
            if core
            else None,
            "times_cheaper_than_a_core_network": self.times_cheaper(),
            "times_cheaper_than_the_core": float(np.median(core)) / float(np.median(probe)) if core else None,
        }

    def tables(self) -> tuple[Table, ...]:
        """The summary, and the datasets."""
        words = {
            "spearman": "Spearman of DCN with mean trained accuracy",
            "spearman_core": "the same, over networks trained on every dataset",
            "spearman_one_seed_least": "the same with one seed's probe, worst seed",
            "spearman_one_seed_most": "the same with one seed's probe, best seed",
            "seed_deviation_mean": "standard deviation of a DCN over seeds, mean of datasets",
            "seed_deviation_most": "the same, at most",
            "probe_seconds_median": "seconds of one probe, median",
            "core_network_seconds_median": "seconds of training one core network fully, median",
            "times_cheaper_than_a_core_network": "one core network ÷ one probe, median of datasets",
            "times_cheaper_than_the_core": "training the whole core ÷ one probe",
        }
        summary = self.summary()
        rows = tuple((text, number(summary[name])) for name, text in words.items() if summary[name] is not None)
        by_dataset = tuple(
            (
                one.dataset,
                number(one.dcn),
                number(float(np.std(one.seed_dcns, ddof=1)) if len(one.seed_dcns) > 1 else None),
                str(one.networks),
                number(one.mean_accuracy),
                number(one.core_mean_accuracy),
                number(one.probe_seconds, 1),
                number(one.core_seconds, 1),
            )
            for one in sorted(self.datasets, key=lambda one: one.dcn)
        )
        heads = (
            "dataset", "DCN", "± seeds", "networks", "mean accuracy", "of the core", "probe s", "core network s",
        )  # fmt: skip
        return (
            Table("dcn", f"The DCN of {len(self.datasets)} datasets", ("what", "value"), rows),
            Table("dcn-by-dataset", "DCN and trained accuracy by dataset", heads, by_dataset),
        )

    def to_json(self) -> dict[str, Any]:
        """Summary and datasets."""
        return {"summary": self.summary(), "datasets": [{**asdict(one), "dcn": one.dcn} for one in self.datasets]}


def study_difficulty(database: Database, experience: Experience, core: frozenset[str]) -> DifficultyStudy:
    """The DCNs of the datasets of `experience` beside their trained accuracies by the recipe of most datasets.

    Datasets that were trained on by other recipes alone have no part in it.

    Args:
        database: where the probes and the seconds are.
        experience: of that database.
        core: hashes of the networks that are the same on every dataset.
    """
    from presage.surrogate.data.loading import probes_by_dataset

    probes = probes_by_dataset(database, None)
    columns = database.experiments(datasets=list(experience.fingerprints), arrays=False)
    usual = usual_tasks(experience)
    by_usual = np.isin(experience.task_index, usual)
    recipe = experience.tasks[int(usual[0])].recipe
    is_core = np.isin(columns.architecture.astype(str), sorted(core))
    is_core &= np.array([of == recipe for of in columns.recipes], np.bool_)[columns.recipe]
    of_experience = np.isin(experience.hashes, sorted(core))
    name = {task.fingerprint: task.name for task in experience.tasks}
    found = []
    for index, fingerprint in enumerate(experience.fingerprints):
        rows = np.flatnonzero((experience.group == index) & by_usual)
        if not len(rows):
            continue
        common = rows[of_experience[rows]]
        position = columns.datasets.index(fingerprint)
        seconds = columns.seconds[(columns.dataset == position) & is_core]
        found.append(
            DatasetDifficulty(
                dataset=name[fingerprint],
                seed_dcns=tuple(run.dcn for run in probes[fingerprint]),
                probe_seconds=float(np.median([run.seconds for run in probes[fingerprint]])),
                networks=len(np.unique(experience.hashes[rows])),
                mean_accuracy=float(experience.accuracy[rows].mean()),
                core_networks=len(np.unique(experience.hashes[common])),
                core_mean_accuracy=float(experience.accuracy[common].mean()) if len(common) else None,
                core_seconds=float(np.median(seconds)) if len(seconds) else None,
            )
        )
    return DifficultyStudy(tuple(found))
