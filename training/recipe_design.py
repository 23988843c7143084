"""Which experiments a campaign over many recipes runs on a dataset: the first so many of an endless, fixed sequence.

Rounds of `ROUND` experiments. Each round has a *focus*, a recipe by which several networks are trained, so that their
order by that recipe is known: core networks of `presage.training.design` (their pair is the shipped experience, where
each was trained by the shipped recipe), and *scaled* networks, deeper, wider or of more cells (new ones, and those of
the round before, which are so trained by two recipes). A scaled network is also trained by the recipe that the focus
differs from in one factor. Beside the focus, core and scaled networks are trained by further recipes, each by its own.
Every twelfth experiment repeats an earlier one with a second seed.

Recipes, core networks, spaces and costs are all walked through by multiples of the golden ratio from a start that the
dataset's fingerprint tells, so that any stretch is about balanced. A longer sequence only adds to a shorter one:
recipes that came later come in a part of their own (`RECIPE_PARTS`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import islice
from math import ceil

import numpy as np
from numpy.typing import NDArray

from presage.architecture.batch.costs import batch_costs
from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.batch.shapes import batch_shapes
from presage.architecture.spaces import get_space
from presage.errors import InvalidArchitecture
from presage.records.dataset import DatasetRecord
from presage.training.design import GOLDEN, Candidate, Planned, core, seed_of
from presage.training.recipe import Recipe
from presage.training.training_images import training_images

__all__ = [
    "RECIPE_PARTS",
    "ROUND",
    "SCALED",
    "RecipePart",
    "Sizes",
    "estimated_seconds",
    "recipe_sequence",
    "recipes",
    "sizes_of",
]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

ROUND = 12


@dataclass(frozen=True)
class RecipePart:
    """A stretch of the sequence. Fixed for good once experiments were made by it.

    Attributes:
        files: beside this one, with the recipes of the part.
        length: experiments before the next part begins, whole or half rounds; None in the last part, which has no end.
    """

    files: tuple[str, ...]
    length: int | None


RECIPE_PARTS = (
    RecipePart(("recipes_1.json",), 4),
    RecipePart(("recipes_2.json",), 6),
    RecipePart(("recipes_1.json", "recipes_2.json"), None),
)
"""The second file has what recipes gained later: random erasing, mixup, cutmix, policies, averaged weights."""

SCALED: tuple[tuple[str, ...], ...] = (
    ("chain", "chain:layers=12", "chain:layers=16", "chain:layers=24"),
    (
        *("nb201:cells=1,width=16", "nb201:cells=2", "nb201:cells=2,width=16", "nb201:cells=3,width=16"),
        *("nb201:cells=5", "nb201:cells=5,width=16", "nb201:cells=1,width=32", "nb201:cells=2,width=32"),
        *("nb201:cells=5,width=32", "nb201:cells=1,width=64"),
    ),
    (
        *("mobile:stages=3,width=24", "mobile:stages=4", "mobile:stages=4,blocks=4,width=24"),
        *("mobile:stages=5,blocks=4,width=16", "mobile:stages=6,width=24,reductions=4", "mobile:stages=5,width=32"),
        "mobile:stages=6,width=48,reductions=3",
    ),
    (
        *("blocks", "blocks:blocks=3", "blocks:blocks=4", "blocks:blocks=6,width=8", "blocks:blocks=2,width=32"),
        *("blocks:blocks=3,width=32", "blocks:blocks=4,width=24", "blocks:blocks=2,width=48"),
        *("blocks:blocks=3,width=64", "blocks:blocks=6,width=32"),
    ),
    (
        *("enas_macro", "enas_macro:layers=8,width=16", "enas_macro:layers=12,width=12"),
        *("enas_macro:layers=12,width=24", "enas_macro:layers=8,width=32", "enas_macro:layers=16,width=8"),
        *("enas_macro:layers=12,width=48", "enas_macro:layers=24,width=16"),
    ),
    (
        *("enas_micro", "enas_micro:cells=6", "enas_micro:nodes=3,cells=6,width=16", "enas_micro:cells=8,width=12"),
        *("enas_micro:width=24", "enas_micro:nodes=5,cells=6,width=16"),
        *("enas_micro:cells=6,width=32", "enas_micro:width=48"),
    ),
    (
        *("darts", "darts:cells=5", "darts:cells=8", "darts:cells=5,width=16", "darts:width=24"),
        *("darts:cells=8,width=16", "darts:cells=14"),
        "darts:cells=8,width=32",
    ),
)
"""Spaces that scaled networks are drawn from, by family; families take turns."""

MOST_SECONDS = 180.0
"""Of one core, estimated: costlier experiments are never planned."""

MOST_MULTIPLY_ADDS = 60_000_000
"""Of one image at the recipe's side."""

MOST_PARAMETERS = 20_000_000
MOST_ACTIVATION_BYTES = 2_000_000_000
MOST_IMAGE_BYTES = 160_000_000
_NODE_SECONDS, _MULTIPLY_ADD_SECONDS, _ELEMENT_SECONDS = 1e-4, 5e-11, 4e-9
_KEPT_FOR_BACKWARD = 2.5  # bytes of memory to bytes of outputs
_SCALED_SECONDS = (8.0, 170.0)  # wanted of a scaled network by the focus recipe, evenly in the logarithm
_DRAWS = 3  # from each space of a family, among which the one nearest to the cost wanted is taken
_TRIES = 4  # families tried for a scaled network
_STREAM = 1_000  # keeps the draws apart from those of `presage.training.design`


@dataclass(frozen=True)
class _Choice:
    """A recipe of the list, and the one that it is to be compared with."""

    recipe: Recipe
    base: Recipe


@cache
def recipes(files: tuple[str, ...]) -> tuple[_Choice, ...]:
    """The recipes of these files, one after the other."""
    found = []
    for file in files:
        text = resources.files("presage.training").joinpath(file).read_text(encoding="utf-8")
        found += [
            _Choice(Recipe.from_json(entry["fields"]), Recipe.from_json(entry["base"])) for entry in json.loads(text)
        ]
    return tuple(found)


def recipe_sequence(dataset: DatasetRecord) -> Iterator[Planned]:
    """The experiments on a dataset, in order, without end; no two are the same.

    Args:
        dataset: its fingerprint, channels, classes and number of training images tell them.
    """
    walk = _Walk(dataset)
    position = 0
    for number, part in enumerate(RECIPE_PARTS):
        for candidate, recipe, seed, kind in islice(walk.rounds(number, part.files), part.length):
            yield Planned(position, candidate, seed, kind, recipe)
            position += 1


@dataclass(frozen=True, eq=False)
class Sizes:
    """What tells the seconds and the memory that `n` architectures take, each (n,) int64, of one image.

    Attributes:
        nodes: operations.
        elements: outputs of all operations together.
        multiply_adds, parameters: as in `presage.architecture.costs.Costs`.
    """

    nodes: Ints
    elements: Ints
    multiply_adds: Ints
    parameters: Ints


def sizes_of(batch: GraphBatch, dataset: DatasetRecord, side: int) -> Sizes:
    """Sizes for the dataset's images at this side.

    Raises:
        InvalidArchitecture: where some architecture does not take such images.
    """
    shape, classes = (dataset.channels, side, side), dataset.classes
    counted = batch_costs(batch, shape, classes)
    elements = np.add.reduceat(batch_shapes(batch, shape, classes).size, batch.node_start[:-1])
    return Sizes(np.diff(batch.node_start), elements, counted.multiply_adds, counted.parameters)


def estimated_seconds(sizes: Sizes, dataset: DatasetRecord, recipe: Recipe) -> Floats:
    """Seconds of one core that training takes, (n,); infinite where size or memory forbids it.

    A sum of three terms, fitted on 46 trainings from all spaces at sides of 16 to 48 and batches of 32 to 256; most of
    them lie within a factor of two of it.
    """
    n = training_images(dataset, recipe)
    validated = max(min(recipe.validation_images, dataset.train_images - n), 0)
    images = recipe.epochs * (ceil(recipe.least_epoch_images / n) * n + validated / 3)
    batch = min(recipe.batch, n)
    seconds = (
        _NODE_SECONDS * sizes.nodes * images / batch
        + _MULTIPLY_ADD_SECONDS * sizes.multiply_adds * images
        + _ELEMENT_SECONDS * sizes.elements * images
    )
    allowed = (
        (sizes.multiply_adds <= MOST_MULTIPLY_ADDS)
        & (sizes.parameters <= MOST_PARAMETERS)
        & (4 * sizes.elements * max(_KEPT_FOR_BACKWARD * batch, 250) <= MOST_ACTIVATION_BYTES)
    )
    return np.where(allowed, seconds, np.inf)


Drawn = tuple[Candidate, Recipe, int, str]


class _Walk:
    """Where the sequence of a dataset stands. All that it draws follows from the dataset's record."""

    def __init__(self, dataset: DatasetRecord) -> None:
        self.dataset = dataset
        self.key = [*seed_of(dataset.fingerprint), _STREAM]
        phases = np.random.default_rng(self.key).random(5)
        self.core_walk = _golden(phases[0])
        self.family_walk = _golden(phases[1])
        self.seconds_walk = _golden(phases[2])
        self.focus_phase, self.other_phase = phases[3:]
        self.core_sizes: dict[int, Sizes] = {}
        self.seen: set[tuple[str, str]] = set()
        self.fresh: set[str] = {candidate.architecture.hash for candidate in core()}
        self.first: list[tuple[Candidate, Recipe]] = []
        self.position = self.repeats = self.draws = 0
        self.before: list[Candidate] = []  # scaled networks of the round before

    def rounds(self, number: int, files: tuple[str, ...]) -> Iterator[Drawn]:
        """The experiments of the part of this number."""
        choices = self._affordable(recipes(files))
        focus = _unrepeated((self.focus_phase + number * GOLDEN) % 1, len(choices))
        other = _unrepeated((self.other_phase + number * GOLDEN) % 1, len(choices))
        while True:
            yield from self._round(choices[next(focus)], [choices[next(other)] for _ in range(4)])

    def _round(self, focus: _Choice, others: Sequence[_Choice]) -> Iterator[Drawn]:
        before = [*self.before, None, None][:2]
        a = self._scaled([focus.recipe, focus.base])
        self.before = [] if a is None else [a]
        first = len(self.first)
        yield from self._core(focus.recipe)
        common = self.first[first][0] if len(self.first) > first else None
        yield from self._trained(a, focus.recipe)
        yield from self._core(others[0].recipe)
        yield from self._trained(a, focus.base)
        if common is not None and focus.base != Recipe() and self._possible(common, focus.base):
            yield from self._trained(common, focus.base, "core")
        else:
            yield from self._core(focus.recipe)
        b = self._scaled([focus.recipe, others[1].recipe])
        self.before += [] if b is None else [b]
        yield from self._trained(b, focus.recipe)
        yield from self._trained(b, others[1].recipe)
        yield from self._again(before[0], focus.recipe)
        yield from self._core(others[2].recipe)
        yield from self._again(before[1], focus.recipe)
        yield from self._core(focus.recipe)

    def _again(self, candidate: Candidate | None, recipe: Recipe) -> Iterator[Drawn]:
        """A scaled network of the round before, or a new one where there is none or it costs too much now."""
        if candidate is None or not self._possible(candidate, recipe):
            candidate = self._scaled([recipe, Recipe()])
            yield from self._trained(candidate, recipe)
        else:
            yield from self._trained(candidate, recipe)

    def _core(self, recipe: Recipe) -> Iterator[Drawn]:
        """The next core network that `recipe` can train within the limits and has not yet."""
        seconds = self._seconds_of_core(recipe)
        for _ in range(20 * len(core())):
            row = int(next(self.core_walk) * len(core()))
            if seconds[row] <= MOST_SECONDS and (core()[row].architecture.hash, recipe.hash) not in self.seen:
                yield from self._recorded(core()[row], recipe, "core")
                return

    def _trained(self, candidate: Candidate | None, recipe: Recipe, kind: str = "scaled") -> Iterator[Drawn]:
        if candidate is not None and (candidate.architecture.hash, recipe.hash) not in self.seen:
            yield from self._recorded(candidate, recipe, kind)

    def _recorded(self, candidate: Candidate, recipe: Recipe, kind: str) -> Iterator[Drawn]:
        self.seen.add((candidate.architecture.hash, recipe.hash))
        self.first.append((candidate, recipe))
        self.position += 1
        yield candidate, recipe, 0, kind
        if self.position % ROUND == ROUND - 1:
            earlier, by = self.first[self.repeats * ROUND // 2]
            self.repeats += 1
            self.position += 1
            yield earlier, by, 1, "repeat"

    def _scaled(self, by: Sequence[Recipe]) -> Candidate | None:
        """A new network that can be trained by all these recipes, with about the cost wanted by the first."""
        low, high = np.log(_SCALED_SECONDS)
        wanted = low + next(self.seconds_walk) * (high - low)
        for _ in range(_TRIES):
            family = SCALED[int(next(self.family_walk) * len(SCALED))]
            self.draws += 1
            rng = np.random.default_rng([*self.key, self.draws])
            nearest: tuple[float, Candidate] | None = None
            for name in family:
                space = get_space(name)
                codes = space.sample(_DRAWS, rng)
                try:
                    batch = space.decode_batch(codes)
                    found = [self._seconds(batch, recipe) for recipe in by]
                except InvalidArchitecture:
                    continue
                possible = np.max(found, axis=0) <= MOST_SECONDS
                distance = np.where(possible, np.abs(np.log(found[0]) - wanted), np.inf)
                row = int(np.argmin(distance))
                if np.isfinite(distance[row]) and (nearest is None or distance[row] < nearest[0]):
                    params = space.params(codes[row])
                    candidate = Candidate(space.decode(params), space.name, dict(params))
                    if candidate.architecture.hash not in self.fresh:
                        nearest = (float(distance[row]), candidate)
            if nearest is not None:
                self.fresh.add(nearest[1].architecture.hash)
                return nearest[1]
        return None

    def _seconds(self, batch: GraphBatch, recipe: Recipe) -> Floats:
        return estimated_seconds(sizes_of(batch, self.dataset, recipe.image_side), self.dataset, recipe)

    def _possible(self, candidate: Candidate, recipe: Recipe) -> bool:
        try:
            return bool(self._seconds(GraphBatch.of([candidate.architecture]), recipe)[0] <= MOST_SECONDS)
        except InvalidArchitecture:
            return False

    def _seconds_of_core(self, recipe: Recipe) -> Floats:
        side = recipe.image_side
        if side not in self.core_sizes:
            self.core_sizes[side] = sizes_of(_core_batch(), self.dataset, side)
        return estimated_seconds(self.core_sizes[side], self.dataset, recipe)

    def _affordable(self, choices: Sequence[_Choice]) -> list[_Choice]:
        """The recipes that make a difference on this dataset and train half of the core within the limits."""
        found: dict[str, _Choice] = {}
        shipped = self._effective(Recipe())
        for choice in choices:
            n = training_images(self.dataset, choice.recipe)
            wide = n * self.dataset.channels * choice.recipe.image_side**2 > MOST_IMAGE_BYTES
            few = choice.recipe.train_images is not None and choice.recipe.train_images < self.dataset.classes
            effective = self._effective(choice.recipe)
            if wide or few or effective == shipped or effective in found:
                continue
            if np.median(self._seconds_of_core(choice.recipe)) <= MOST_SECONDS / 2:
                found[effective] = choice
        return list(found.values())

    def _effective(self, recipe: Recipe) -> str:
        """The recipe with the cap that it has on this dataset: two that only differ in a cap not reached are equal."""
        shown = recipe.to_json()
        return json.dumps({**shown, "train_images": training_images(self.dataset, recipe)}, sort_keys=True)


@cache
def _core_batch() -> GraphBatch:
    return GraphBatch.of([candidate.architecture for candidate in core()])


def _golden(start: float) -> Iterator[float]:
    value = start
    while True:
        yield value
        value = (value + GOLDEN) % 1


def _unrepeated(start: float, size: int) -> Iterator[int]:
    """Rows of a list of this size, each once before any comes again, evenly spread at every length."""
    walk = _golden(start)
    left: list[int] = []
    while True:
        left = left or list(range(size))
        wanted = next(walk) * size
        row = min(left, key=lambda found: (abs(found + 0.5 - wanted), found))
        left.remove(row)
        yield row
