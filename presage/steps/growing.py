"""A small network grown by network morphisms: its climb, the end of it from scratch, random networks beside it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from presage.errors import InvalidArgument, NothingFeasible
from presage.files import write_json
from presage.folders import check_folder
from presage.search.climbing import OWNER
from presage.steps.brief_store import BriefStore
from presage.steps.prediction import costed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from presage.architecture.graph import Architecture
    from presage.architectures import NamedArchitecture
    from presage.search.climbing.climb import Climb
    from presage.search.climbing.climb_folder import ClimbFolder
    from presage.search.climbing.grown import Grown, GrowResult
    from presage.search.climbing.settings import ClimbSettings
    from presage.search.limits import Limits
    from presage.search.run.trainer import RecipeTrainer
    from presage.search.shrinking.allowance import Allowance
    from presage.search.shrinking.training import VersionTrainer
    from presage.steps.whole_search import Searcher
    from presage.training import EpochRecord, ImageDataset, Recipe

__all__ = ["check_pick", "grow", "pick"]

_ARGUMENTS = {"parameters": "max_params", "multiply_adds": "max_macs"}


def grow(
    session: Searcher, network: NamedArchitecture, dataset: ImageDataset, recipe: Recipe, settings: ClimbSettings,
    limits: Limits, run_folder: Path,
) -> GrowResult:  # fmt: skip
    """As `presage.session.Session.grow`, which calls it."""
    from presage.search.climbing.climb_folder import ClimbFolder

    recipe.check_trainable()
    check_folder(run_folder, "--run", OWNER)
    session.check_database()
    costed(dataset, [network], recipe)
    allowance = _allowance(limits, dataset, recipe)
    _check_limits(network, allowance)
    _way(settings).check(network.name, network.architecture.canonical, allowance)
    folder = ClimbFolder(run_folder)
    with folder.owned():
        growing = _Growing(session, network, dataset, recipe, settings, allowance, folder)
        folder.settle(growing.asked)
        result = growing.result()
        write_json(folder.result, result.to_json())
    return result


def _allowance(limits: Limits, dataset: ImageDataset, recipe: Recipe) -> Allowance:
    """Limits for networks on the dataset's images as the recipe has them."""
    from presage.search.shrinking.allowance import Allowance

    shape = (dataset.shape[0], recipe.image_side, recipe.image_side)
    return Allowance(limits, shape, len(dataset.classes))


def _way(settings: ClimbSettings) -> type[Climb]:
    """What grows networks by the strategy of the settings."""
    from presage.search.climbing.cell_search import CellSearch
    from presage.search.climbing.climb import HillClimb
    from presage.search.climbing.forward import ForwardSearch
    from presage.search.climbing.settings import FORWARD, FORWARD_CELLS, HILL_CLIMB

    return {HILL_CLIMB: HillClimb, FORWARD: ForwardSearch, FORWARD_CELLS: CellSearch}[settings.strategy]


def _check_limits(network: NamedArchitecture, allowance: Allowance) -> None:
    """Refuse limits that cannot be told of children, and those that the network itself is over."""
    for name, most in allowance.limits.set.items():
        if name not in _ARGUMENTS:
            raise InvalidArgument("limits", OWNER, f"be of {', '.join(_ARGUMENTS)}", name)
        share = allowance.shares(network.architecture)[name]
        if share >= 1:
            rule = f"be above the {round(share * most):,} {name.replace('_', '-')} of {network.name}"
            raise InvalidArgument(_ARGUMENTS[name], OWNER, rule, most)


@dataclass(eq=False)
class _Growing:
    """The steps of one growing."""

    session: Searcher
    network: NamedArchitecture
    dataset: ImageDataset
    recipe: Recipe
    settings: ClimbSettings
    allowance: Allowance
    folder: ClimbFolder
    _done: int = 0

    @property
    def asked(self) -> dict[str, Any]:
        """What must be asked for again to go on."""
        return {
            "network": self.network.architecture.hash,
            "dataset": self.dataset.fingerprint,
            "recipe": self.recipe.to_json(),
            "seed": self.session.seed,
            "limits": self.allowance.limits.to_json(),
            **self.settings.to_json(),
        }

    @cached_property
    def trainer(self) -> RecipeTrainer:
        """Trains on the dataset by the recipe."""
        from presage.search.run.trainer import RecipeTrainer

        return RecipeTrainer(self.dataset, self.recipe, self.session.device)

    @cached_property
    def _from_scratch(self) -> VersionTrainer:
        from presage.search.shrinking.training import VersionTrainer

        store = BriefStore(self.session.open)
        return VersionTrainer(self.trainer, self.dataset, self.recipe, self.session.seed, self.folder, store)

    def result(self) -> GrowResult:
        """Train the start, climb, train the end from scratch and random networks; the best lies in `best` then."""
        from presage.search.climbing.grown import SCRATCH, START, GrowResult
        from presage.training.recipe_words import words_on
        from presage.training.recording import dataset_record

        done = [self._trained(START, self.network.architecture.canonical, ())]
        if done[0].model is not None:
            found = self._climbed(done[0])
            done += found
            if found[-1].model is not None:
                done.append(self._trained(SCRATCH, self._graph(found[-1]), ()))
        if self.settings.random:
            done += [self._random(number) for number in range(1, self._count() + 1)]
        self.session.progress("train", self._total(), self._total())
        result = GrowResult(
            network=self.network.name,
            dataset=self.dataset.name,
            recipe=self.recipe.to_json(),
            recipe_words=words_on(self.recipe, dataset_record(self.dataset)),
            networks=tuple(done),
            folder=self.folder.path,
        )
        if result.best is not None:
            _publish(result.best, self.folder.best)
        return result

    def _climbed(self, start: Grown) -> list[Grown]:
        climb = _way(self.settings)(self.trainer, self.allowance, self.settings, self.folder, self.session.seed)
        return climb.climb(start, self._tell)

    def _trained(self, role: str, architecture: Architecture, how: tuple[str, ...]) -> Grown:
        """A network trained from fresh weights by the recipe: an experiment, in the database too."""
        from presage.architecture.costs import costs
        from presage.search.climbing.climb import timed
        from presage.search.climbing.grown import Grown

        folder = self.folder.network(architecture.hash)
        row = timed(folder, lambda: self._from_scratch.row(architecture, self._tell, model=True))
        found = costs(architecture, self.allowance.input_shape, self.allowance.classes)
        return Grown(
            role, architecture.hash[:8], architecture.hash, how, found.parameters, found.multiply_adds,
            self.recipe.epochs, False, row["status"], row["accuracy"], row["test_accuracy"],
            row["processor_seconds"], None if row["accuracy"] is None else str(folder),
        )  # fmt: skip

    def _graph(self, one: Grown) -> Architecture:
        from presage.training.model.folder import load_model

        assert one.model is not None  # as who asks has looked
        return load_model(one.model).architecture.canonical

    def _count(self) -> int:
        """Random networks whose trainings have as many epochs as the whole climb, at least one."""
        return max(self.settings.epochs(self.recipe.epochs) // self.recipe.epochs, 1)

    def _total(self) -> int:
        """Epochs of all trainings."""
        whole = self.settings.epochs(self.recipe.epochs) + self.recipe.epochs
        return whole + (self._count() * self.recipe.epochs if self.settings.random else 0)

    def _random(self, number: int) -> Grown:
        """A network that morphisms without any choice among children could have come to."""
        import numpy as np

        from presage.search.climbing.drawing import descendant
        from presage.search.climbing.grown import RANDOM

        rng = np.random.default_rng([self.session.seed, 0, number])
        count = self.settings.morphisms * int(rng.integers(1, self.settings.steps + 1))
        graph, told = descendant(self.network.architecture.canonical, self.allowance, count, rng)
        return self._trained(RANDOM, graph.canonical, told)

    def _tell(self, record: EpochRecord) -> None:
        self._done += 1
        self.session.progress("train", min(self._done, self._total() - 1), self._total())


def check_pick(network: NamedArchitecture, budget: Limits, dataset: ImageDataset, recipe: Recipe) -> None:
    """Refuse a budget for `pick` that the network is over which growing begins with: nothing in a gallery is smaller.

    Raises:
        NothingFeasible: says what it has.
    """
    shares = _allowance(budget, dataset, recipe).shares(network.architecture)
    for name, most in budget.set.items():
        if shares[name] > 1:
            has = round(shares[name] * most)
            raise NothingFeasible(
                f"No network grown from {network.name} is within {_words({name: most})}. It has {has:,} itself."
            )


def pick(result: GrowResult, budget: Limits) -> Grown:
    """The most accurate network of a growing within a budget, left in the folder's `picked`.

    Args:
        budget: of parameters and multiply-adds.

    Raises:
        NothingFeasible: no trained network is within it; says what the smallest one has.
    """
    from presage.search.climbing.climb_folder import ClimbFolder

    found = result.within(**budget.set)
    if found is None:
        smallest = min(result.networks, key=lambda one: one.multiply_adds)
        raise NothingFeasible(
            f"No network of {result.folder} that was trained is within {_words(budget.set)}. The smallest has "
            f"{smallest.multiply_adds:,} multiply-adds and {smallest.parameters:,} parameters."
        )
    folder = ClimbFolder(result.folder)
    with folder.owned():
        _publish(found, folder.picked)
    return found


def _words(budget: Mapping[str, float]) -> str:
    return " and ".join(f"{most:,} {name.replace('_', '-')}" for name, most in budget.items())


def _publish(one: Grown, folder: Path) -> None:
    """A trained network once more, with a program that needs no presage."""
    from presage.search.run.export import publish_model
    from presage.training.model.folder import load_model

    assert one.model is not None  # as it has an accuracy
    publish_model(load_model(one.model), Path(one.model), folder)
