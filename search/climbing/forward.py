"""`ForwardSearch`: networks grown by the candidates that lower the loss most, along a convex hull (Petridish)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from presage.architecture.graph import Architecture
from presage.architecture.morphing.branching import Branch, Shared, told_of, with_branches
from presage.architecture.morphing.cells import Cell
from presage.architecture.morphing.inserting import AVERAGE_POOL, CONVOLUTION, MAX_POOL, SEPARABLE
from presage.errors import InvalidArchitecture
from presage.files import write_json
from presage.reading import read_as
from presage.search.climbing.climb import END, Climb, OnEpoch, grown_from, network_of, timed
from presage.search.climbing.drawing import places_of
from presage.search.climbing.grown import CHILD, CLIMBED, START, Grown
from presage.search.climbing.hull import on_hull
from presage.search.run.attempts import attempt_by_epochs, settled
from presage.search.shrinking.retraining import Retrainer
from presage.training.fitting import TrainingResult, fit
from presage.training.model.folder import load_model
from presage.training.morphing.candidates import CandidateLayers

__all__ = ["ForwardSearch"]

_OPERATIONS = (
    (SEPARABLE, 3), (SEPARABLE, 5), (CONVOLUTION, 3), (MAX_POOL, 3), (AVERAGE_POOL, 3), (AVERAGE_POOL, 1),
)  # fmt: skip
"""What candidates compute: an average over one pixel is a skip connection."""
_SOURCES = 4  # nodes that are read for each node that is added to
_MOST = 3  # candidates that are chosen for a node, as in the paper
_PENALTY = 1e-3
_CHOSEN = "candidates.json"


class ForwardSearch(Climb):
    """Grows networks from a small one, each step a child of one on the lower convex hull of multiply-adds and error.

    A step trains the parent on with candidates beside it for a few epochs (`presage.training.morphing.candidates`),
    adds the three of the largest α for each node, with what they learned, and trains the child as long. Which parent is
    drawn, rarer the more children it has. Killed at any moment and asked again, it goes on from the last epoch.

    Reference: Hu et al., *Efficient Forward Architecture Search*, 2019, arXiv 1905.13360 (the macro search: of networks
    without cells; `presage.search.climbing.cell_search.CellSearch` is the other one).
    """

    targets = 3
    """Nodes that are added to in one step."""

    def climb(self, start: Grown, on_epoch: OnEpoch) -> list[Grown]:
        """The children, step by step, those on the hull chosen; and the most accurate of all, trained on.

        Args:
            start: a trained network, the first parent.
        """
        pool, visits = [start], {start.name: 0}
        for step in range(1, self._settings.steps + 1):
            rng = np.random.default_rng([self._seed, step])
            parents = [pool[at] for at in _hull(pool)]
            rarer = np.array([1 / (1 + visits[one.name]) for one in parents])
            parent = parents[int(rng.choice(len(parents), p=rarer / rarer.sum()))]
            visits[parent.name] += 1
            child = self._child(parent, step, rng, on_epoch)
            if child is not None:
                pool.append(child)
                visits[child.name] = 0
        hull = set(_hull(pool))
        found = [replace(one, chosen=at in hull) for at, one in enumerate(pool) if one.role != START]
        best = max(pool, key=lambda one: one.accuracy or 0.0)
        assert best.model is not None  # as all of the pool have
        last, folder = load_model(best.model), self._folder.last
        whole = Retrainer(self._trainer, self._trainer.recipe, self._seed)
        row = timed(folder, lambda: whole.row(last.architecture, folder, on_epoch, network_of(Path(str(best.model)))))
        epochs = self._trainer.recipe.epochs
        return [*found, grown_from(CLIMBED, END, last.architecture, (), epochs, folder, row, self._allowance)]

    def _child(self, parent: Grown, step: int, rng: np.random.Generator, on_epoch: OnEpoch) -> Grown | None:
        """The parent with what its candidates learned; None where there is no room, or a training failed."""
        folder = self._folder.child(step, 1)
        assert parent.model is not None  # as all of the pool have
        before = load_model(parent.model).architecture
        candidates = self._candidates(before, rng)
        if not candidates:
            return None
        kept = read_as(folder / _CHOSEN, lambda told: ([int(at) for at in told["chosen"]], list(told["weights"])))

        def train() -> dict[str, Any]:
            nonlocal kept
            if kept is None:
                found = self._learned(parent, candidates, folder, on_epoch)
                if found is None:
                    return {"status": "crashed", "accuracy": None, "test_accuracy": None}
                chosen = self._within(before, candidates, found)
                kept = chosen, found.weights()
                Retrainer(self._trainer, self._brief, self._seed).keep(found.child(chosen), folder)
                write_json(folder / _CHOSEN, {"chosen": kept[0], "weights": kept[1]})
            graph = self._with(before, [candidates[at] for at in kept[0]])
            return Retrainer(self._trainer, self._brief, self._seed, test=False).row(graph, folder, on_epoch)

        row = timed(folder, train)
        if kept is None or row["accuracy"] is None:
            return None
        graph = self._with(before, [candidates[at] for at in kept[0]])
        told = (f"of {parent.name}", *(f"{told_of(candidates[at])} (α {kept[1][at]:.2f})" for at in kept[0]))
        epochs = 2 * self._settings.child_epochs
        return grown_from(CHILD, f"{step}-1", graph, told, epochs, folder, row, self._allowance)

    def _cells(self, architecture: Architecture) -> Sequence[Cell]:
        """Where candidates can be: of each repetition the nodes; here of the whole network, which has none."""
        shapes = architecture.shapes(self._allowance.input_shape, self._allowance.classes)
        return [tuple(places_of(architecture, shapes))]

    def _candidates(self, architecture: Architecture, rng: np.random.Generator) -> list[Shared]:
        """The candidates of a step: for some nodes, drawn, each operation on some earlier ones, the nearest first."""
        cells = self._cells(architecture)
        places = np.arange(1, len(cells[0])) if cells else np.arange(0)
        found: list[Shared] = []
        for to in sorted(rng.permutation(places)[: self.targets].tolist()):
            sources = 0
            for source in reversed(range(to)):
                ends = [(cell[source], cell[to]) for cell in cells]
                if any(before > after for before, after in ends):
                    continue
                offered = [tuple(Branch(*both, *operation) for both in ends) for operation in _OPERATIONS]
                fitting = [one for one in offered if self._fits(architecture, [one])]
                found += fitting
                sources += bool(fitting)
                if sources == _SOURCES:
                    break
        return found

    def _with(self, architecture: Architecture, candidates: Sequence[Shared]) -> Architecture:
        """The network with candidates.

        Raises:
            InvalidArchitecture: there are no such branches.
        """
        branches = [branch for one in candidates for branch in one]
        shape, classes = self._allowance.input_shape, self._allowance.classes
        return with_branches(architecture, shape, classes, branches).architecture

    def _fits(self, architecture: Architecture, candidates: Sequence[Shared]) -> bool:
        """Whether there are such branches, within the limits."""
        try:
            return self._allowance.share(self._with(architecture, candidates)) <= 1
        except InvalidArchitecture:
            return False

    def _learned(
        self, parent: Grown, candidates: list[Shared], folder: Path, on_epoch: OnEpoch
    ) -> CandidateLayers | None:
        """The parent's candidates after their training; None where that failed."""
        data, apart = self._trainer.data, folder / "candidates"
        apart.mkdir(parents=True, exist_ok=True)
        found = CandidateLayers(
            network_of(Path(str(parent.model)))(), data.input_shape, data.classes, candidates, _PENALTY, self._seed
        )

        def train(tell: OnEpoch) -> TrainingResult:
            return fit(
                found.module, data, self._brief, seed=self._seed, checkpoint=apart / "checkpoint.pt", on_epoch=tell,
                test=False, depth=False,
            )  # fmt: skip

        result = attempt_by_epochs(apart, train, on_epoch)
        settled(apart)
        return None if isinstance(result, str) or result.accuracy is None else found

    def _within(self, before: Architecture, candidates: list[Shared], found: CandidateLayers) -> list[int]:
        """The chosen candidates, the weakest left out until the limits allow."""
        weights, chosen = found.weights(), found.chosen(_MOST)
        while chosen and not self._fits(before, [candidates[at] for at in chosen]):
            chosen.remove(min(chosen, key=lambda at: abs(weights[at])))
        return chosen


def _hull(pool: list[Grown]) -> list[int]:
    """Places of the networks on the lower convex hull of multiply-adds and validation error."""
    return on_hull([one.multiply_adds for one in pool], [1 - (one.accuracy or 0.0) for one in pool])
