"""Prepared data of many datasets and recipes, the latest used kept within a limit of memory."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import torch

from presage.training.data import DeviceData, prepare
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.datasets.loading import load_dataset
from presage.training.recipe import Recipe
from presage.training.saved_images import load_images

__all__ = ["PreparedData"]

_Key = tuple[object, ...]


class PreparedData:
    """Gives the data that a recipe trains on, each prepared once as long as memory allows.

    Args:
        device: where images are put.
        most_bytes: of prepared images, and again of datasets as read. The latest of either always stays.
        cache: as `load_dataset` has it.
    """

    def __init__(self, device: torch.device, most_bytes: int = 1_000_000_000, *, cache: Path | None = None) -> None:
        self.device = device
        self.most_bytes = most_bytes
        self.cache = cache
        self._read: OrderedDict[str, ImageDataset] = OrderedDict()
        self._prepared: OrderedDict[_Key, DeviceData] = OrderedDict()

    def __call__(self, spec: str, recipe: Recipe, images: str | None = None) -> DeviceData:
        """The dataset at `spec` as `recipe` has it. Recipes that treat images alike share it.

        Args:
            images: folder of `presage.training.saved_images` that has them, where `spec` cannot be read.
        """
        key = (
            spec,
            *(recipe.image_side, recipe.train_images, recipe.test_images),
            *(recipe.validation_fraction, recipe.validation_images, recipe.split_seed),
        )
        if key not in self._prepared:
            self._prepared[key] = prepare(self._dataset(spec, images), recipe, self.device)
        self._prepared.move_to_end(key)
        while len(self._prepared) > 1 and sum(map(_prepared_bytes, self._prepared.values())) > self.most_bytes:
            self._prepared.popitem(last=False)
        return self._prepared[key]

    def _dataset(self, spec: str, images: str | None) -> ImageDataset:
        if spec not in self._read:
            self._read[spec] = load_images(Path(images)) if images else load_dataset(spec, cache=self.cache)
        self._read.move_to_end(spec)
        while len(self._read) > 1 and sum(map(_read_bytes, self._read.values())) > self.most_bytes:
            self._read.popitem(last=False)
        return self._read[spec]


def _prepared_bytes(data: DeviceData) -> int:
    return data.x_train.nbytes + data.x_validation.nbytes + data.x_test.nbytes


def _read_bytes(dataset: ImageDataset) -> int:
    return dataset.x_train.nbytes + dataset.x_test.nbytes
