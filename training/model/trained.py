"""`TrainedModel`: a trained network with all that is needed to use it on new images."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from presage.architecture.graph import Architecture
from presage.architecture.serial import from_json, to_json
from presage.architecture.torch_bridge.build import build
from presage.display import accuracies, facts, scaled
from presage.errors import InvalidArgument
from presage.speakable import named
from presage.training.datasets.value_range import Depth
from presage.training.model.images import Picture, Unreadable, batches, of_files
from presage.training.model.program import Program
from presage.training.recipe import Recipe
from presage.training.recipe_words import recipe_words

if TYPE_CHECKING:
    from torch import nn

    from presage.training.data import DeviceData
    from presage.training.datasets.image_dataset import ImageDataset
    from presage.training.fitting import TrainingResult

__all__ = ["TrainedModel", "trained_model"]

_SHOWN = 12  # classes that a notebook names


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """What `presage.load` gives: classifies images of any size. It can be pickled and copied.

    Attributes:
        architecture: in canonical form; of several networks as one (`members`), theirs side by side.
        module: the network on the CPU, in evaluation mode; takes normalised images (b, c, s, s).
        classes: names of its k outputs.
        input_shape: (c, s, s), what the network takes.
        mean, deviation: (c,) of the training images, in units of 0 to 255.
        dataset: name of the dataset it was trained on, "" where unknown.
        stored_side: side of the squares that image files of the dataset were reduced to, in pixels, before the
            recipe's side; None where they were not square, or unknown.
        recipe: how it was trained; None where unknown.
        accuracy, test_accuracy: trained accuracies, in [0, 1]; None where unknown.
        balanced_accuracy, test_balanced_accuracy: means over the classes of the same; None where classes are about
            equally frequent, too.
        depth: how values of more than 8 bits of image files became 0 … 255 in the training; None where there were none.
        stopped_after: epochs after which the training was stopped, before the end of its recipe; None where it was not.
        members: hashes of the networks whose mean it is (`presage.training.model.ensemble`); empty where it is one.
    """

    architecture: Architecture
    module: nn.Module
    classes: tuple[str, ...]
    input_shape: tuple[int, int, int]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    dataset: str = ""
    stored_side: int | None = None
    recipe: Recipe | None = None
    accuracy: float | None = None
    test_accuracy: float | None = None
    balanced_accuracy: float | None = None
    test_balanced_accuracy: float | None = None
    depth: Depth | None = None
    stopped_after: int | None = None
    members: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of its weights, in the order of their names: 64 hex digits."""
        sha = hashlib.sha256()
        for name, value in sorted(self.module.state_dict().items()):
            sha.update(name.encode())
            sha.update(value.detach().cpu().contiguous().numpy().tobytes())
        return sha.hexdigest()

    def program(self) -> Program:
        """Preprocessing and network as one module: uint8 images (b, c, h, w) → logits (b, k)."""
        mirroring = self.recipe is not None and self.recipe.test_mirroring
        return Program(self.module, self.input_shape[1], self.mean, self.deviation, mirroring=mirroring).eval()

    def predict(self, images: Picture | Iterable[Picture]) -> list[str]:
        """The likeliest class of each image, as its name. Images as `predict_proba` takes them."""
        return [self.classes[best] for best in self.predict_proba(images).argmax(axis=1)]

    def predict_proba(self, images: Picture | Iterable[Picture]) -> NDArray[np.float64]:
        """Probabilities (n, k) of the classes, in the order of `classes`.

        Args:
            images: a file, a folder (all image files below it, sorted), a Pillow image, or many of them in one list;
                or uint8 arrays (h, w), (h, w, c), (n, h, w) or (n, h, w, c), of any size, grey or in colour.

        Raises:
            InvalidArgument: what is no image, or cannot be read; names it.
        """
        logits = self.logits(images)
        return np.asarray(torch.softmax(torch.from_numpy(logits).double(), dim=1).numpy())

    @torch.inference_mode()
    def classify_files(self, files: Sequence[Path]) -> list[NDArray[np.float64] | Unreadable]:
        """Probabilities (k,) of the classes for each image file, or why it cannot be read; each is read once."""
        program = self.program()
        read, unreadable = of_files(files, self.input_shape[0], self.stored_side, self.depth)
        rows = iter([row for batch in read for row in torch.softmax(program(batch).double(), dim=1).numpy()])
        return [next(rows) if wrong is None else wrong for wrong in unreadable]

    @torch.inference_mode()
    def logits(self, images: Picture | Iterable[Picture]) -> NDArray[np.float32]:
        """Logits (n, k), before the softmax. Images as `predict_proba` takes them."""
        program = self.program()
        parts = [program(batch) for batch in batches(images, self.input_shape[0], self.stored_side, self.depth)]
        if not parts:
            raise InvalidArgument("images", "TrainedModel", "hold at least one image", "none")
        return np.asarray(torch.cat(parts).numpy())

    def __getstate__(self) -> dict[str, Any]:
        """The fields, with the network as its architecture and the bytes of its weights (safetensors)."""
        from safetensors.torch import save

        weights = save({name: value.contiguous() for name, value in self.module.state_dict().items()})
        return {**vars(self), "architecture": to_json(self.architecture), "module": weights}

    def __setstate__(self, state: dict[str, Any]) -> None:
        from safetensors.torch import load

        architecture = from_json(state["architecture"])
        module = build(architecture, state["input_shape"], len(state["classes"])).eval()
        module.load_state_dict(load(state["module"]))
        vars(self).update({**state, "architecture": architecture, "module": module})

    def __repr__(self) -> str:
        c, side, _ = self.input_shape
        trained = f", trained {self.accuracy:.3f} on validation images of {self.dataset}" if self.accuracy else ""
        how = f", recipe: {recipe_words(self.recipe)}" if self.recipe else ""
        size = f"{side}x{side}x{c}"
        return f"TrainedModel({named(self.architecture.hash)}, {len(self.classes)} classes, {size}{trained}{how})"

    def _repr_html_(self) -> str:
        c, side, _ = self.input_shape
        learned = sum(parameter.numel() for parameter in self.module.parameters())
        shown = ", ".join(self.classes[:_SHOWN]) + (", …" if len(self.classes) > _SHOWN else "")
        said = [
            ("trained", accuracies(self.accuracy, self.balanced_accuracy)),
            ("test", accuracies(self.test_accuracy, self.test_balanced_accuracy)),
            ("dataset", self.dataset),
            ("by the recipe", recipe_words(self.recipe) if self.recipe else ""),
            ("the mean of", ", ".join(map(named, self.members))),
            ("stopped", "" if self.stopped_after is None else f"after {self.stopped_after} epochs, before the end"),
            ("classes", f"{len(self.classes)}: {shown}"),
            ("takes", f"images of any size, as {side}x{side} {'in colour' if c == 3 else 'grey'}"),
            ("parameters", scaled(learned)),
            ("to use it", "model.predict(images), of files, a folder, arrays or Pillow images"),
        ]
        return facts(named(self.architecture.hash), [(name, what) for name, what in said if what])


def trained_model(
    architecture: Architecture, dataset: ImageDataset, data: DeviceData, recipe: Recipe, result: TrainingResult
) -> TrainedModel:
    """What a training left, as a model.

    Raises:
        InvalidArgument: the training did not finish.
    """
    if result.module is None or result.accuracy is None:
        raise InvalidArgument("result", "trained_model", "be of a training that finished", result.status)
    _, h, w = dataset.shape
    return TrainedModel(
        architecture=architecture.canonical,
        module=result.module.cpu().eval(),
        classes=tuple(dataset.classes),
        input_shape=data.input_shape,
        mean=_numbers(data.mean.tolist()),
        deviation=_numbers(data.deviation.tolist()),
        dataset=dataset.name,
        stored_side=h if h == w else None,
        recipe=recipe,
        accuracy=result.accuracy,
        test_accuracy=result.test_accuracy,
        balanced_accuracy=result.balanced_accuracy,
        test_balanced_accuracy=result.test_balanced_accuracy,
        depth=dataset.depth,
    )


def _numbers(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
