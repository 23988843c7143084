"""`HillClimb`: neural architecture search by hill climbing (NASH)."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from presage.architecture.costs import costs
from presage.architecture.graph import Architecture
from presage.architecture.morphing.morphism import Morphism
from presage.architecture.torch_bridge.build import Network
from presage.files import read_json, write_json
from presage.search.climbing.climb_folder import ClimbFolder
from presage.search.climbing.drawing import descendant
from presage.search.climbing.grown import CHILD, CLIMBED, Grown
from presage.search.climbing.settings import ClimbSettings
from presage.search.run.trainer import RecipeTrainer
from presage.search.shrinking.allowance import Allowance
from presage.search.shrinking.retraining import Retrainer
from presage.surrogate.proxies.minibatch import Minibatch
from presage.training.model.folder import load_model
from presage.training.morphing.morphed import morphed

if TYPE_CHECKING:
    from presage.training.loop import EpochRecord

__all__ = ["END", "Climb", "HillClimb", "OnEpoch", "grown_from", "network_of", "timed"]

_SETTLING = 256  # training images, whose statistics fresh normalisations begin with
_PROCESSOR = "processor.json"
END = "end"
"""Name of the network that a climb comes to."""

OnEpoch = Callable[["EpochRecord"], None]


class Climb(ABC):
    """A way to grow a network, step by step.

    Args:
        trainer: trains by the recipe, whose epochs are those of the last training.
        allowance: limits that no child is over.
    """

    def __init__(
        self, trainer: RecipeTrainer, allowance: Allowance, settings: ClimbSettings, folder: ClimbFolder, seed: int
    ) -> None:
        self._trainer, self._allowance, self._settings = trainer, allowance, settings
        self._folder, self._seed = folder, seed
        self._brief = replace(trainer.recipe, epochs=settings.child_epochs)

    @classmethod  # noqa: B027 - most ways refuse none
    def check(cls, name: str, architecture: Architecture, allowance: Allowance) -> None:
        """Raises InvalidArgument for a network, so called by the user, that cannot be grown in this way."""

    @abstractmethod
    def climb(self, start: Grown, on_epoch: OnEpoch) -> list[Grown]:
        """The children, step by step, and the network at the end, trained on.

        Args:
            start: a trained network, the first parent.
        """


class HillClimb(Climb):
    """Grows a network by random network morphisms, the best child of each step the parent of the next.

    Each child has a short training from the weights that it inherits, by a learning rate that begins anew and falls by
    a cosine (SGDR, arXiv 1608.03983). Killed at any moment and asked again, it goes on from the last epoch: all is
    drawn by the seed, the step and the child's number.

    Reference: Elsken et al., *Simple and Efficient Architecture Search for CNNs*, 2017, arXiv 1711.04528, algorithm 1.
    """

    def climb(self, start: Grown, on_epoch: OnEpoch) -> list[Grown]:
        """The children, step by step, and the last parent, trained on.

        Args:
            start: a trained network, the first parent.
        """
        found: list[Grown] = []
        assert start.model is not None  # it is trained
        parent, brief = Path(start.model), Retrainer(self._trainer, self._brief, self._seed, test=False)
        for step in range(1, self._settings.steps + 1):
            children = [
                self._child(brief, parent, step, number, on_epoch) for number in range(1, self._settings.neighbours + 1)
            ]
            trained = [one for one in children if one.accuracy is not None and one.model is not None]
            best = max(trained, key=lambda one: one.accuracy or 0.0, default=None)
            found += [replace(one, chosen=one is best) for one in children]
            if best is None:
                break
            parent = self._folder.child(step, int(best.name.split("-")[1]))
        last, folder = load_model(parent), self._folder.last
        whole = Retrainer(self._trainer, self._trainer.recipe, self._seed)
        begin = network_of(parent)
        row = timed(folder, lambda: whole.row(last.architecture, folder, on_epoch, begin))
        epochs = self._trainer.recipe.epochs
        return [*found, grown_from(CLIMBED, END, last.architecture, (), epochs, folder, row, self._allowance)]

    def _child(self, brief: Retrainer, parent: Path, step: int, number: int, on_epoch: OnEpoch) -> Grown:
        """The parent after some morphisms, or, the last of a step, as it is; trained for few epochs."""
        folder = self._folder.child(step, number)
        before = load_model(parent).architecture
        graph, told, morphisms = before, tuple[str, ...](), list[Morphism]()
        if number < self._settings.neighbours:
            rng = np.random.default_rng([self._seed, step, number])
            graph, told = descendant(before, self._allowance, self._settings.morphisms, rng, morphisms.append)

        def begin() -> Network:
            network, data = network_of(parent)(), self._trainer.data
            images = Minibatch.of(data, _SETTLING, self._seed).images.cpu()
            for place, morphism in enumerate(morphisms):
                seed = int(np.random.default_rng([self._seed, step, number, place]).integers(2**31))
                network = morphed(network, morphism, data.input_shape, data.classes, seed=seed, images=images)
            return network

        row = timed(folder, lambda: brief.row(graph, folder, on_epoch, begin))
        return grown_from(
            CHILD, f"{step}-{number}", graph, told, self._settings.child_epochs, folder, row, self._allowance
        )


def grown_from(
    role: str, name: str, graph: Architecture, how: tuple[str, ...], epochs: int, folder: Path, row: dict[str, Any],
    allowance: Allowance,
) -> Grown:  # fmt: skip
    """A network that was trained from inherited weights in a folder, by the row of that training."""
    found = costs(graph, allowance.input_shape, allowance.classes)
    return Grown(
        role, name, graph.hash, how, found.parameters, found.multiply_adds, epochs, True,
        row["status"], row["accuracy"], row["test_accuracy"], row["processor_seconds"],
        None if row["accuracy"] is None else str(folder),
    )  # fmt: skip


def timed(folder: Path, train: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The row of a training with the `processor_seconds` that it took here, kept in its folder from then on."""
    kept = read_json(folder / _PROCESSOR)
    began = time.process_time()
    row = train()
    if not isinstance(kept, int | float):
        kept = round(time.process_time() - began, 3)
        write_json(folder / _PROCESSOR, kept)
    return {**row, "processor_seconds": kept}


def network_of(folder: Path) -> Callable[[], Network]:
    """Gives the trained network of a folder, on the CPU."""

    def load() -> Network:
        network = load_model(folder).module.cpu()
        assert isinstance(network, Network)  # as every model in a folder is
        return network

    return load
