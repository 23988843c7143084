"""What predictors said of left-out datasets beside what was trained: all that an evaluation keeps of a fold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from presage.surrogate.data.task import Task
from presage.surrogate.evaluation.scores import TaskScore
from presage.surrogate.evaluation.shots import ShotScore
from presage.surrogate.metrics import kendall_tau
from presage.surrogate.predictors.prediction import Prediction

__all__ = ["Outcome"]

Floats = NDArray[np.float64]

LEAST_PAIRS = 3


@dataclass(frozen=True, eq=False)
class Outcome:
    """One left-out task: its n distinct networks as trained, and as predicted without any of them.

    Attributes:
        task: what the predictors knew of it.
        left_out: fingerprints of the datasets that no predictor had seen, the task's own among them.
        experiments: trainings on the task; some networks were trained with several seeds.
        hashes: (n,) of the networks.
        truth: (n,) trained accuracy, the mean over the seeds of a network.
        twice: (2, m) accuracies of the networks that were trained with two seeds; columns in no order of theirs.
        twice_hashes: (m,) which they are.
        predictions: predictor → what it said of the n networks.
        shots: scores of predictors that were given some trained networks of the task, and of their rival.
    """

    task: Task
    left_out: tuple[str, ...]
    experiments: int
    hashes: NDArray[np.str_]
    truth: Floats
    twice: Floats
    twice_hashes: NDArray[np.str_]
    predictions: Mapping[str, Prediction]
    shots: tuple[ShotScore, ...] = ()

    def two_seed_tau(self, among: frozenset[str] | None = None) -> float | None:
        """Kendall τ between two trainings of the same networks: what a ranking could reach. None where too few are."""
        chosen = np.array([among is None or network in among for network in self.twice_hashes.tolist()], bool)
        if chosen.sum() < LEAST_PAIRS:
            return None
        return kendall_tau(self.twice[0, chosen], self.twice[1, chosen])

    def score(self, predictor: str) -> TaskScore:
        """Every metric of one predictor over all networks."""
        said = self.predictions[predictor]
        return TaskScore.of(
            predictor, self.task, self.truth, said, experiments=self.experiments, two_seed=self.two_seed_tau()
        )

    def score_among(self, predictor: str, rows: NDArray[np.int64], said: Prediction | Floats) -> TaskScore:
        """Every metric over some of the networks, for a prediction (r,) of those."""
        among = frozenset(self.hashes[rows].tolist())
        return TaskScore.of(
            predictor,
            self.task,
            self.truth[rows],
            said,
            experiments=len(rows) + sum(network in among for network in self.twice_hashes.tolist()),
            two_seed=self.two_seed_tau(among),
        )

    def to_json(self) -> dict[str, Any]:
        """All of it, the task by its key."""
        return {
            "task": self.task.key,
            "left_out": list(self.left_out),
            "experiments": self.experiments,
            "hashes": self.hashes.tolist(),
            "truth": self.truth.tolist(),
            "twice": self.twice.tolist(),
            "twice_hashes": self.twice_hashes.tolist(),
            "predictions": {name: prediction_to_json(said) for name, said in self.predictions.items()},
            "shots": [asdict(score) for score in self.shots],
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any], tasks: Mapping[str, Task]) -> Outcome:
        """The reverse of `to_json`, with the tasks by their keys."""
        return cls(
            task=tasks[fields["task"]],
            left_out=tuple(fields["left_out"]),
            experiments=int(fields["experiments"]),
            hashes=np.array(fields["hashes"], np.str_),
            truth=np.array(fields["truth"], np.float64),
            twice=np.array(fields["twice"], np.float64).reshape(2, -1),
            twice_hashes=np.array(fields["twice_hashes"], np.str_),
            predictions={name: prediction_from_json(said) for name, said in fields["predictions"].items()},
            shots=tuple(ShotScore(**score) for score in fields["shots"]),
        )


def prediction_to_json(said: Prediction) -> dict[str, Any]:
    """Every digit of a prediction."""
    columns = {name: getattr(said, name).tolist() for name in ("value", "lower", "upper")}
    return {**columns, "level": said.level}


def prediction_from_json(fields: Mapping[str, Any]) -> Prediction:
    """A prediction from `prediction_to_json`."""
    value, lower, upper = (np.array(fields[name], np.float64) for name in ("value", "lower", "upper"))
    return Prediction(value, lower, upper, float(fields["level"]))
