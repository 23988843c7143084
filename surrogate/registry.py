"""Predictors by name, and their settings as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from presage_errors import UnknownName
from surrogate.predictor import Predictor, Setting

__all__ = ["PREDICTORS", "get_predictor", "predictor_class"]

PREDICTORS: Mapping[str, tuple[str, str]] = {
    "boosted-trees": ("surrogate.boosted_trees", "BoostedTrees"),
    "kernel-ridge": ("surrogate.kernel_ridge", "KernelRidge"),
    "tap-lstm": ("surrogate.tap_lstm", "TapLSTM"),
    "ensemble": ("surrogate.ensemble", "Ensemble"),
    "dataset-mean": ("surrogate.baselines", "DatasetMean"),
    "cost-only": ("surrogate.baselines", "CostOnly"),
    "nearest-dataset": ("surrogate.baselines", "NearestDataset"),
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
