"""The networks that a search trained, each a model in a folder: all of the short-list, and the best once more."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from presage.errors import InvalidArgument, InvalidModel, WrongInput
from presage.reading import read_as
from presage.training.model.readme import how_to_use as _how_to_use

if TYPE_CHECKING:
    from torch import nn

    from presage.search.result import Verified
    from presage.training.datasets.image_dataset import ImageDataset
    from presage.training.model.trained import TrainedModel
    from presage.training.recipe import Recipe

__all__ = ["how_to_use", "load_network", "publish", "publish_model"]


def publish(source: Path, target: Path, best: Verified, dataset: ImageDataset, recipe: Recipe) -> None:
    """Write the best network, whose folder is `source`, once more into `target`, with a program that needs no presage.

    What lies there already is left alone when it is this very network.
    """
    from presage.training.model.folder import load_model

    model = load_model(source)
    if model.recipe is None:  # trained by a version that kept no more than the network
        _, h, w = dataset.shape
        model = replace(
            model,
            recipe=recipe,
            dataset=dataset.name,
            stored_side=h if h == w else None,
            accuracy=best.accuracy,
            test_accuracy=best.test_accuracy,
        )
    publish_model(model, source, target)


def publish_model(model: TrainedModel, source: Path, target: Path) -> None:
    """Write the model of the folder `source` into `target`, with a program that needs no presage.

    What lies there already is left alone when it has these very weights.
    """
    from presage.training.model.folder import ARCHITECTURE, PROGRAM

    digests = [read_as(folder / ARCHITECTURE, lambda told: told.get("weights_sha256")) for folder in (target, source)]
    if not (target / PROGRAM).exists() or digests[0] is None or digests[0] != digests[1]:
        _save(model, target)


def _save(model: TrainedModel, target: Path) -> None:
    """With the exported program; where torch cannot export the network, a search still ends well, without."""
    from presage.training.model.folder import save_model

    try:
        save_model(model, target)
    except WrongInput:  # a full disk, say
        raise
    except Exception as error:
        warnings.warn(f"The best network has no exported program: {type(error).__name__}: {error}", stacklevel=2)
        save_model(model, target, program=False)


def how_to_use(folder: Path) -> str:
    """Python that uses the network of a folder on images of any size. Run it where the folder lies."""
    from presage.training.model.folder import ARCHITECTURE, PROGRAM

    channels = read_as(folder / ARCHITECTURE, lambda described: int(described["input_shape"][0])) or 1
    return _how_to_use(folder.name, channels, program=(folder / PROGRAM).exists())


def load_network(folder: str | Path) -> nn.Module:
    """The network that a search left in a folder: its `best`, or one of its `networks`; see `presage.load` for more.

    Returns:
        A module in evaluation mode for images (b, c, h, w), with buffers `mean` and `deviation` (c, 1, 1) that
        normalise pixels of 0 to 255, and `classes`, the names of its outputs.

    Raises:
        InvalidArgument: the folder holds no such network.
    """
    import torch

    from presage.training.model.folder import load_model

    try:
        model = load_model(folder)
    except InvalidModel as error:
        raise InvalidArgument("folder", "load_network", "hold a trained network", str(folder), str(error)) from None
    module = model.module
    for name, values in (("mean", model.mean), ("deviation", model.deviation)):
        module.register_buffer(name, torch.tensor(values).view(-1, 1, 1), persistent=False)
    module.classes = list(model.classes)  # type: ignore[assignment]
    return module
