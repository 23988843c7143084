"""The surrogate floor: experience → accuracy predictors with calibrated intervals, and how good they are.

::

    with Database.open() as database:
        experience = load_experience(database)
    predictor = Ensemble().fit(experience)
    prediction = predictor.predict(graphs, task)      # value, lower, upper: (n,) each
    knowing = predictor.given(some, accuracies, task)  # once some networks have been trained on the task

Importing it loads neither torch nor LightGBM.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from surrogate.baselines import CostOnly, DatasetMean, NearestDataset
    from surrogate.boosted_trees import BoostedTrees
    from surrogate.cache import fitted
    from surrogate.conformal import ConformalIntervals
    from surrogate.ensemble import Ensemble
    from surrogate.evaluation import evaluate
    from surrogate.experience import Experience
    from surrogate.few_shot import InformedPredictor
    from surrogate.kernel_ridge import KernelRidge
    from surrogate.loading import load_experience, make_task
    from surrogate.prediction import Estimate, Prediction
    from surrogate.predictor import Predictor, TaskScorer
    from surrogate.registry import PREDICTORS, get_predictor
    from surrogate.scores import EvaluationTable, Score
    from surrogate.storage import load_predictor, save_predictor
    from surrogate.tap_lstm import TapLSTM
    from surrogate.task import Task
    from surrogate.within_space import WithinSpace

_HOME = {
    "BoostedTrees": "boosted_trees",
    "ConformalIntervals": "conformal",
    "CostOnly": "baselines",
    "DatasetMean": "baselines",
    "Ensemble": "ensemble",
    "Estimate": "prediction",
    "EvaluationTable": "scores",
    "Experience": "experience",
    "InformedPredictor": "few_shot",
    "KernelRidge": "kernel_ridge",
    "NearestDataset": "baselines",
    "PREDICTORS": "registry",
    "Prediction": "prediction",
    "Predictor": "predictor",
    "Score": "scores",
    "TapLSTM": "tap_lstm",
    "Task": "task",
    "TaskScorer": "predictor",
    "WithinSpace": "within_space",
    "evaluate": "evaluation",
    "fitted": "cache",
    "get_predictor": "registry",
    "load_experience": "loading",
    "load_predictor": "storage",
    "make_task": "loading",
    "save_predictor": "storage",
}

__all__ = [
    "PREDICTORS",
    "BoostedTrees",
    "ConformalIntervals",
    "CostOnly",
    "DatasetMean",
    "Ensemble",
    "Estimate",
    "EvaluationTable",
    "Experience",
    "InformedPredictor",
    "KernelRidge",
    "NearestDataset",
    "Prediction",
    "Predictor",
    "Score",
    "TapLSTM",
    "Task",
    "TaskScorer",
    "WithinSpace",
    "evaluate",
    "fitted",
    "get_predictor",
    "load_experience",
    "load_predictor",
    "make_task",
    "save_predictor",
]


def __getattr__(name: str) -> Any:
    """Import on first use: torch and LightGBM take seconds that a caller who needs neither must not pay."""
    if name not in _HOME:
        raise AttributeError(f"module 'surrogate' has no attribute {name!r}")
    return getattr(import_module(f"surrogate.{_HOME[name]}"), name)
