"""Predictors by name, and their settings as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from presage.errors import UnknownName
from presage.surrogate.predictors.predictor import Predictor, Setting

__all__ = ["PREDICTORS", "get_predictor", "predictor_class"]

PREDICTORS: Mapping[str, tuple[str, str]] = {
    "boosted-trees": ("presage.surrogate.predictors.boosted_trees", "BoostedTrees"),
    "kernel-ridge": ("presage.surrogate.predictors.kernel_ridge", "KernelRidge"),
    "tap-lstm": ("presage.surrogate.predictors.tap_lstm", "TapLSTM"),
    "ensemble": ("presage.surrogate.predictors.ensemble", "Ensemble"),
    "dataset-mean": ("presage.surrogate.predictors.baselines", "DatasetMean"),
    "cost-only": ("presage.surrogate.predictors.baselines", "CostOnly"),
    "nearest-dataset": ("presage.surrogate.predictors.baselines", "NearestDataset"),
}
"""Module and class of every predictor, by its `name`; a module is imported when its predictor is asked for."""


def predictor_class(name: str) -> type[Predictor]:
    """The class of the predictor named `name`.

    Raises:
        UnknownName: for a name that is not in `PREDICTORS`.
    """
    if name not in PREDICTORS:
        raise UnknownName("predictor", name, PREDICTORS)
    module, attribute = PREDICTORS[name]
    found: type[Predictor] = getattr(import_module(module), attribute)
    return found


def get_predictor(name: str, **settings: Setting) -> Predictor:
    """An unfitted predictor: ``get_predictor("boosted-trees", seed=1)``.

    Raises:
        UnknownName: for an unknown predictor or setting; names the nearest known one.
    """
    made = predictor_class(name)
    known = made().settings()
    for setting in settings:
        if setting not in known:
            raise UnknownName(f"setting of `{name}`", setting, known)
    return made(**settings)
