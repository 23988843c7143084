"""Predictors by name, and their settings as JSON. Importing it loads none of them: `--help` is made from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from presage.errors import UnknownName
from presage.registry import Registered, Registry

if TYPE_CHECKING:
    from presage.surrogate.predictors.predictor import Predictor, Setting

__all__ = ["PREDICTORS", "get_predictor"]

_HERE = "presage.surrogate.predictors"

PREDICTORS: Registry[Registered] = Registry(
    "predictor",
    {
        "boosted-trees": Registered(
            f"{_HERE}.boosted_trees:BoostedTrees",
            "LightGBM on graph features (operation counts, longest and shortest paths by operation, degrees, channel "
            "and resolution profile, receptive field …), costs, the dataset's description and its DCN",
        ),
        "kernel-ridge": Registered(
            f"{_HERE}.kernel_ridge:KernelRidge", "networks that are alike, on tasks that are alike, score alike"
        ),
        "tap-lstm": Registered(
            f"{_HERE}.tap_lstm:TapLSTM",
            "two stacked LSTMs read a network layer by layer; the accuracy predicted for each prefix is fed forward, "
            "and compared in training with what detached linear heads read out at that depth",
        ),
        "ensemble": Registered(
            f"{_HERE}.ensemble:Ensemble", "the weighted mean of these three; datasets left out choose the weights"
        ),
        "dataset-mean": Registered(
            f"{_HERE}.baselines:DatasetMean",
            "baseline: the mean accuracy of datasets of like difficulty, the same for every network",
        ),
        "cost-only": Registered(
            f"{_HERE}.baselines:CostOnly", "baseline: how large a network is, not what it is made of"
        ),
        "nearest-dataset": Registered(
            f"{_HERE}.baselines:NearestDataset", "baseline: what like networks scored on the dataset of nearest DCN"
        ),
    },
)
"""By the `name` of each."""


def get_predictor(name: str, **settings: Setting) -> Predictor:
    """An unfitted predictor: ``get_predictor("boosted-trees", seed=1)``.

    Raises:
        UnknownName: for an unknown predictor or setting; names the nearest known one.
    """
    kind: type[Predictor] = PREDICTORS.load(name)
    known = kind().settings()
    for setting in settings:
        if setting not in known:
            raise UnknownName(f"setting of `{name}`", setting, known)
    return kind(**settings)
