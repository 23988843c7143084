"""Experiments by column: what predictors and evaluations read, without a Python object for each row."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from presage.database.frames import frame
from presage.display import html_table, paragraphs

__all__ = ["ExperimentColumns", "SimilarExperiments"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[np.object_]
Arrays = list[Floats]

_PLAIN = (
    "architecture", "seed", "status", "accuracy", "test_accuracy", "parameters", "multiply_adds", "activation_bytes",
    "depth", "seconds",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class ExperimentColumns:
    """n experiments by column.

    Attributes:
        datasets: fingerprints that occur, sorted.
        recipes: recipe hashes that occur, sorted.
        dataset: (n,) int64, position in `datasets`.
        recipe: (n,) int64, position in `recipes`.
        architecture: (n,) architecture hashes (str).
        seed: (n,) int64.
        status: (n,) str, each one of `presage.records.experiment.STATUSES`.
        accuracy: (n,) trained validation accuracy; NaN unless finished.
        test_accuracy: (n,) trained test accuracy; NaN where not computed.
        parameters: (n,) int64.
        multiply_adds: (n,) int64.
        activation_bytes: (n,) int64, bytes.
        depth: (n,) int64.
        seconds: (n,) float64.
        curve: n arrays (e,) of validation accuracies; None unless asked for.
        train_losses: n arrays (e,); None unless asked for.
        depth_accuracies: n arrays; None unless asked for.
    """

    datasets: tuple[str, ...]
    recipes: tuple[str, ...]
    dataset: Ints
    recipe: Ints
    architecture: Texts
    seed: Ints
    status: Texts
    accuracy: Floats
    test_accuracy: Floats
    parameters: Ints
    multiply_adds: Ints
    activation_bytes: Ints
    depth: Ints
    seconds: Floats
    curve: Arrays | None = None
    train_losses: Arrays | None = None
    depth_accuracies: Arrays | None = None

    def __len__(self) -> int:
        return len(self.seed)

    def to_frame(self, **beside: list[Any]) -> Any:
        """A row each, without curves: a `pandas.DataFrame` where pandas is installed, else a DuckDB relation, which all
        that reads Arrow takes (``polars.DataFrame(frame)``).

        Args:
            beside: more columns, n values each.
        """
        columns = {
            "dataset": [self.datasets[at] for at in self.dataset],
            "recipe": [self.recipes[at] for at in self.recipe],
            **{name: getattr(self, name).tolist() for name in _PLAIN},
            **beside,
        }
        return frame(list(columns), zip(*columns.values(), strict=True))

    def __repr__(self) -> str:
        return f"ExperimentColumns({len(self):,} experiments on {len(self.datasets)} datasets)"

    def best(self, count: int) -> list[int]:
        """Rows of the so many most accurate, best first."""
        found: list[int] = np.argsort(-self.accuracy, kind="stable")[:count].tolist()
        return found

    def take(self, rows: npt.NDArray[Any]) -> Self:
        """The rows chosen by positions or by a boolean mask (n,)."""
        positions = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        chosen: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                value = value[positions]
            elif isinstance(value, list):
                value = [value[i] for i in positions]
            chosen[field.name] = value
        return type(self)(**chosen)


@dataclass(frozen=True, eq=False)
class SimilarExperiments:
    """What the DCN query recalls.

    Attributes:
        experiments: finished experiments on datasets of like difficulty.
        dcn: of each dataset in `experiments.datasets`, mean over probe seeds.
        tolerance: largest |DCN - DCN_j| that was allowed in the end.
        widened: whether that is more than was asked for.
        note: one line to show the user.
    """

    experiments: ExperimentColumns
    dcn: tuple[float, ...]
    tolerance: float
    widened: bool
    note: str

    def __len__(self) -> int:
        return len(self.experiments)

    def to_frame(self) -> Any:
        """The experiments, as `ExperimentColumns.to_frame`, with the DCN of their datasets beside."""
        columns = self.experiments
        return columns.to_frame(dcn=[self.dcn[at] for at in columns.dataset])

    def __repr__(self) -> str:
        return f"SimilarExperiments({self.note})"

    def _repr_html_(self) -> str:
        """By dataset: DCN, experiments, and the accuracies there."""
        found = self.experiments
        rows = []
        for at, (dataset, dcn) in enumerate(zip(found.datasets, self.dcn, strict=True)):
            there = found.accuracy[found.dataset == at]
            rows.append((dataset[:8], f"{dcn:.3f}", f"{len(there):,}", f"{there.mean():.3f}", f"{there.max():.3f}"))
        header = ("dataset (fingerprint)", "DCN", "experiments", "mean accuracy", "best")
        return paragraphs([self.note]) + html_table(header, rows)
