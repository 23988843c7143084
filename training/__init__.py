"""The training floor of presage: datasets, recipes, the one training loop, and campaigns of experiments.

It yields records and knows no database.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from training.campaign import Campaign as Campaign
    from training.campaign import Progress as Progress
    from training.data import DeviceData as DeviceData
    from training.data import prepare as prepare
    from training.dataset import load_dataset as load_dataset
    from training.failures import StopTraining as StopTraining
    from training.fitting import TrainingResult as TrainingResult
    from training.fitting import fit as fit
    from training.image_dataset import ImageDataset as ImageDataset
    from training.loop import EpochRecord as EpochRecord
    from training.loop import evaluate as evaluate
    from training.loop import logits_of as logits_of
    from training.loop import train as train
    from training.recipe import Recipe as Recipe
    from training.splits import Split as Split
    from training.splits import split as split

_HOME = {
    "Campaign": "training.campaign",
    "Progress": "training.campaign",
    "DeviceData": "training.data",
    "prepare": "training.data",
    "load_dataset": "training.dataset",
    "StopTraining": "training.failures",
    "TrainingResult": "training.fitting",
    "fit": "training.fitting",
    "ImageDataset": "training.image_dataset",
    "EpochRecord": "training.loop",
    "evaluate": "training.loop",
    "logits_of": "training.loop",
    "train": "training.loop",
    "Recipe": "training.recipe",
    "Split": "training.splits",
    "split": "training.splits",
}

__all__ = [
    "Campaign",
    "DeviceData",
    "EpochRecord",
    "ImageDataset",
    "Progress",
    "Recipe",
    "Split",
    "StopTraining",
    "TrainingResult",
    "evaluate",
    "fit",
    "load_dataset",
    "logits_of",
    "prepare",
    "split",
    "train",
]


def __getattr__(name: str) -> Any:
    """Public names are imported when first used, so that a recipe can be read without loading torch."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return list(__all__)
