"""A network of the user's made smaller: versions proposed, predicted, short-listed, trained beside a plain one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from presage.errors import InvalidArgument
from presage.files import write_json
from presage.folders import check_folder
from presage.reading import read_as
from presage.search.shrinking import OWNER
from presage.steps.brief_store import BriefStore
from presage.steps.prediction import costed, predicted

if TYPE_CHECKING:
    from presage.architecture.graph import Architecture
    from presage.architecture.torch_bridge.build import Network
    from presage.architectures import NamedArchitecture
    from presage.search.limits import Limits
    from presage.search.run.trainer import RecipeTrainer
    from presage.search.shrinking.allowance import Allowance
    from presage.search.shrinking.proposing import Smaller
    from presage.search.shrinking.retraining import Retrainer
    from presage.search.shrinking.shrink_folder import ShrinkFolder
    from presage.search.shrinking.shrunk import ShrinkPlan, ShrinkResult, Shrunk, Version
    from presage.search.shrinking.subject import ShrinkSubject
    from presage.search.shrinking.training import VersionTrainer
    from presage.steps.prediction import Predicted
    from presage.steps.whole_search import Searcher
    from presage.training import EpochRecord, ImageDataset, Recipe
    from presage.training.model.trained import TrainedModel

__all__ = ["CANDIDATES", "SHORTLIST", "ShrinkSettings", "shrink"]

CANDIDATES, SHORTLIST = 100, 3
_FISHER_BATCHES = 8  # of 64 training images, on which the channels of a trained network are judged
_SPARSE = (
    "Sparse networks: as many parameters that are not zero as the plain version has; multiply-adds and milliseconds as "
    "torch runs them, zeros included."
)
_INHERITED = "Pruned networks go on from trained weights: theirs are the epochs of two trainings."


@dataclass(frozen=True)
class ShrinkSettings:
    """How a network is shrunk.

    Attributes:
        limits: of parameters, multiply-adds, latency; one at least.
        candidates: versions that are predicted.
        shortlist: of these, how many are trained.
        original: whether the network itself is trained too, to tell what shrinking costs.
        sparse: whether it is trained sparse too, with as many parameters that are not zero as the plain version has.
    """

    limits: Limits
    candidates: int = CANDIDATES
    shortlist: int = SHORTLIST
    original: bool = True
    sparse: bool = False

    def __post_init__(self) -> None:
        for name in ("candidates", "shortlist"):
            if getattr(self, name) < 1:
                raise InvalidArgument(name, OWNER, "be at least 1", getattr(self, name))
        if not self.limits.set:
            rule = "be given, or `max_macs`, or `max_latency`"
            raise InvalidArgument("max_params", OWNER, rule, None)


def shrink(
    session: Searcher, network: NamedArchitecture, dataset: ImageDataset, recipe: Recipe, settings: ShrinkSettings,
    run_folder: Path, model: TrainedModel | None = None,
) -> ShrinkResult:  # fmt: skip
    """As `presage.session.Session.shrink`, which calls it."""
    from presage.search.shrinking.shrink_folder import ShrinkFolder
    from presage.search.shrinking.subject import ShrinkSubject
    from presage.surrogate import get_predictor

    recipe.check_trainable()
    get_predictor(session.predictor)  # refused before anything is probed
    check_folder(run_folder, "--run", OWNER)
    session.check_database()
    costed(dataset, [network], recipe)
    shape = (dataset.shape[0], recipe.image_side, recipe.image_side)
    subject = ShrinkSubject(network.name, network.architecture.canonical, shape, len(dataset.classes), session.device)
    subject.check(settings.limits)
    if model is not None:
        _check_model(model, network.name, dataset, shape)
    folder = ShrinkFolder(run_folder)
    with folder.owned():
        shrinking = _Shrinking(session, subject, dataset, recipe, settings, folder, model)
        folder.settle(shrinking.asked)
        result = shrinking.result()
        write_json(folder.result, result.to_json())
    return result


def _check_model(model: TrainedModel, name: str, dataset: ImageDataset, shape: tuple[int, int, int]) -> None:
    """Refuse a trained network of other classes or images: what it learned would be of no use."""
    if model.classes != tuple(dataset.classes):
        raise InvalidArgument("NETWORK", OWNER, f"be trained on the classes of {dataset.name}", name)
    if model.input_shape != shape:
        side, rule = model.input_shape[1], f"take images of {'×'.join(map(str, shape))}"
        raise InvalidArgument("NETWORK", OWNER, rule, name, f"Try --image-side {side}.")


@dataclass(eq=False)
class _Shrinking:
    """The steps of one shrinking."""

    session: Searcher
    subject: ShrinkSubject
    dataset: ImageDataset
    recipe: Recipe
    settings: ShrinkSettings
    folder: ShrinkFolder
    model: TrainedModel | None

    @cached_property
    def trainer(self) -> RecipeTrainer:
        """Trains on the dataset by the recipe."""
        from presage.search.run.trainer import RecipeTrainer

        return RecipeTrainer(self.dataset, self.recipe, self.session.device)

    @cached_property
    def retrainer(self) -> Retrainer:
        """The same, from weights that are there."""
        from presage.search.shrinking.retraining import Retrainer

        return Retrainer(self.trainer, self.recipe, self.session.seed)

    @property
    def asked(self) -> dict[str, Any]:
        """What must be asked for again to go on."""
        return {
            "network": self.subject.architecture.hash,
            "dataset": self.dataset.fingerprint,
            "recipe": self.recipe.to_json(),
            "seed": self.session.seed,
            "limits": self.settings.limits.to_json(),
            "candidates": self.settings.candidates,
            "shortlist": self.settings.shortlist,
            "predictor": self.session.predictor,
            **({} if self.model is None else {"weights": self.model.digest}),
        }

    def allowance(self) -> Allowance:
        """The limits on these images, with what estimates latencies where they are about them."""
        from presage.search.latency.model import LatencyModel
        from presage.search.shrinking.allowance import Allowance
        from presage.search.shrinking.latency import latency_of_versions

        limits, subject, path = self.settings.limits, self.subject, self.folder.latency
        if limits.latency_seconds is not None and not path.exists():
            subject.check_latency(limits.latency_seconds)
            tell = partial(self.session.progress, "measure latency, once")
            fitted = latency_of_versions(
                subject.architecture, subject.input_shape, subject.classes, subject.measure, tell
            )
            write_json(path, fitted.to_json())
        model = None if limits.latency_seconds is None else read_as(path, LatencyModel.from_json)
        return Allowance(limits, subject.input_shape, subject.classes, model)

    def plan(self) -> ShrinkPlan:
        """What is to be trained, as predicted: chosen once and kept, for each training changes predictions."""
        from presage.search.shrinking.shrunk import ShrinkPlan

        if not self.folder.versions.exists():
            write_json(self.folder.versions, self._planned().to_json())
        found = read_as(self.folder.versions, ShrinkPlan.from_json)
        assert found is not None  # it was just written
        return found

    def _planned(self) -> ShrinkPlan:
        from presage.search.shrinking.choosing import chosen
        from presage.search.shrinking.potential import FisherPotential
        from presage.search.shrinking.proposing import BLOCKS, Smaller, proposed
        from presage.search.shrinking.shrunk import ORIGINAL, PLAIN, PRUNED, SHORT_LIST, ShrinkPlan, Version
        from presage.surrogate.proxies.minibatch import Minibatch

        allowance, session, subject = self.allowance(), self.session, self.subject
        plain = subject.plain(allowance)
        drawn = proposed(
            subject.architecture, allowance, self.settings.candidates, session.seed,
            partial(session.progress, "propose smaller versions"),
        )  # fmt: skip
        found = [one for one in drawn if one.architecture.hash != plain.architecture.hash]
        whole = Smaller(subject.architecture, "", "", allowance.share(subject.architecture))
        pruned = self._pruned(allowance)
        rows, notes = self._predicted([one.architecture for one in (whole, plain, *found, *pruned)])
        minibatch = Minibatch.of(self.trainer.data, seed=session.seed)
        potential, fisher = FisherPotential(minibatch, session.seed, session.device), [-inf] * len(found)
        swapped = [at for at, one in enumerate(found) if one.kind == BLOCKS]
        for number, at in enumerate(swapped, start=1):
            value = potential(found[at].architecture)
            fisher[at] = -inf if value is None else value
            session.progress("Fisher potential", number, len(swapped))
        most = self.settings.limits.latency_seconds
        picked = chosen(
            found, [row.accuracy for row in rows[2 : 2 + len(found)]], fisher, self.settings.shortlist,
            lambda one: most is None or subject.measure(one.architecture) <= most,
        )  # fmt: skip
        listed = [(ORIGINAL, whole, rows[0]), (PLAIN, plain, rows[1])]
        listed += [(SHORT_LIST, found[at], rows[2 + at]) for at in picked]
        listed += [(PRUNED, one, row) for one, row in zip(pruned, rows[2 + len(found) :], strict=True)]
        seconds = subject.measure_all([one.architecture for _, one, _ in listed])
        versions = [
            Version(
                one.architecture, role, one.kind, one.how, row.parameters, row.multiply_adds, one.share,
                row.accuracy, row.lower, row.upper, potential(one.architecture), measured,
            )
            for (role, one, row), measured in zip(listed, seconds, strict=True)
        ]  # fmt: skip
        return ShrinkPlan(tuple(versions), len(found), notes)

    def _pruned(self, allowance: Allowance) -> list[Smaller]:
        """The trained network without some of its channels, in two ways; their weights are kept for `result`."""
        from presage.search.shrinking.proposing import Smaller
        from presage.search.shrinking.pruned import by_fisher, by_magnitude
        from presage.surrogate.proxies.minibatch import BATCH, Minibatch

        if self.model is None:
            return []
        network, data = self._given(), self.trainer.data
        images = Minibatch.of(data, _FISHER_BATCHES * BATCH, self.session.seed)
        found = []
        for one in (by_magnitude(network, allowance), by_fisher(network, allowance, images)):
            if one is not None:
                self.retrainer.keep(one.network, self.folder.pruned(one.kind))
                before = self.retrainer.scored(one.network).accuracy
                how = f"{one.how}, {before:.3f} before it is trained on"
                found.append(Smaller(one.network.architecture, one.kind, how, one.share))
        return found

    def _predicted(self, graphs: Sequence[Architecture]) -> tuple[list[Predicted], tuple[str, ...]]:
        """What is predicted of networks, and what else to know of that."""
        from presage.architectures import NamedArchitecture

        bound = self.session.bound_predictor(self.dataset, self.recipe)
        named = [NamedArchitecture(graph.hash, graph) for graph in graphs]
        rows = predicted(bound, costed(self.dataset, named, self.recipe))
        notes = bound.extrapolation.notes([row.multiply_adds for row in rows])
        learned_from = bound.learned_from
        return rows, (*notes, *([learned_from.words] if learned_from is not None and learned_from.waiting else []))

    def result(self) -> ShrinkResult:
        """Plan, train, and say what came of it; the best lies in the folder's `best` then."""
        from presage.search.shrinking.shrunk import ShrinkResult
        from presage.training.recipe_words import words_on
        from presage.training.recording import dataset_record

        plan = self.plan()
        versions = (*plan.versions, *(self._sparse(plan) if self.settings.sparse else ()))
        done: list[Shrunk] = []
        total = len(versions) * self.recipe.epochs
        for number, version in enumerate(versions):
            before = number * self.recipe.epochs

            def tell(record: EpochRecord, before: int = before) -> None:
                self.session.progress("train", before + record.epoch + 1, total)

            done.append(self._trained(version, tell))
            self.session.progress("train", before + self.recipe.epochs, total)
        found = ShrinkResult(
            network=self.subject.name,
            dataset=self.dataset.name,
            limits=self.allowance().words(self.subject.architecture),
            candidates=plan.candidates,
            recipe=self.recipe.to_json(),
            recipe_words=words_on(self.recipe, dataset_record(self.dataset)),
            networks=tuple(done),
            notes=(
                *plan.notes,
                *([] if self.model is None else [_INHERITED]),
                *([_SPARSE] if self.settings.sparse else []),
            ),
            folder=self.folder.path,
        )
        self._publish(found)
        return found

    def _trained(self, version: Version, tell: Callable[[EpochRecord], None]) -> Shrunk:
        """A network trained, or what is known of it."""
        from presage.search.shrinking.shrunk import ORIGINAL, PRUNED, SPARSE, Shrunk

        if version.role == SPARSE:
            return self._trained_sparse(version, tell)
        if version.role == PRUNED:
            folder = self.folder.pruned(version.kind)
            return Shrunk.of(version, self.retrainer.row(version.architecture, folder, tell), folder)
        if version.role != ORIGINAL:
            row = self._versions.row(version.architecture, tell, model=True)
            return Shrunk.of(version, row, self.folder.network(version.hash))
        if self.model is not None:
            return self._as_it_is(version)
        if not self.settings.original:
            return Shrunk(version)
        row = self._versions.row(version.architecture, tell, model=self.settings.sparse)
        return Shrunk.of(version, row, None)

    def _sparse(self, plan: ShrinkPlan) -> Iterator[Version]:
        """The network itself with as many parameters that are not zero as the plain version has."""
        from presage.search.shrinking.shrunk import SPARSE
        from presage.search.shrinking.sparsifying import HOW

        original, plain, *_ = plan.versions
        bare = replace(original, parameters=plain.parameters, predicted=None, lower=None, upper=None, fisher=None)
        for kind, how in HOW.items():
            yield replace(bare, role=SPARSE, kind=kind, how=how)

    def _trained_sparse(self, version: Version, tell: Callable[[EpochRecord], None]) -> Shrunk:
        from presage.architecture.torch_bridge.build import Network
        from presage.search.shrinking.shrunk import Shrunk
        from presage.search.shrinking.sparsifying import begun
        from presage.training.model.folder import load_model

        def trained() -> Network:
            self._versions.row(version.architecture, lambda record: None, model=True)
            network = load_model(self.folder.network(version.hash)).module
            assert isinstance(network, Network)  # as every model in a folder is
            return network

        folder, seed = self.folder.pruned(version.kind), self.session.seed
        begin = partial(begun, version.kind, version.architecture, version.parameters, self.trainer, seed, trained)
        row = self.retrainer.row(version.architecture, folder, tell, begin, sparse=True)
        latency, left = row.get("latency_seconds", version.latency_seconds), row.get("nonzero", version.parameters)
        return Shrunk.of(replace(version, latency_seconds=latency, parameters=left), row, folder)

    def _given(self) -> Network:
        """The trained network, where the dataset is."""
        from presage.architecture.torch_bridge.build import Network

        network = None if self.model is None else self.model.module.to(self.trainer.data.device)
        assert isinstance(network, Network)  # as every model in a folder is; who calls this has looked
        return network

    def _as_it_is(self, version: Version) -> Shrunk:
        """The trained network that was given."""
        from presage.records.experiment import FINISHED
        from presage.search.shrinking.shrunk import Shrunk

        network = self._given()
        test = len(self.trainer.data.x_test) > 0
        tested = self.retrainer.scored(network, test=True).accuracy if test else None
        return Shrunk(version, FINISHED, self.retrainer.scored(network).accuracy, tested, reused=True)

    @cached_property
    def _versions(self) -> VersionTrainer:
        from presage.search.shrinking.training import VersionTrainer

        store, seed = BriefStore(self.session.open), self.session.seed
        return VersionTrainer(self.trainer, self.dataset, self.recipe, seed, self.folder, store)

    def _publish(self, result: ShrinkResult) -> None:
        """The best, once more, with a program that needs no presage."""
        from presage.search.run.export import publish_model
        from presage.training.model.folder import load_model

        if result.best is not None and result.best.model is not None:
            source = Path(result.best.model)
            publish_model(load_model(source), source, self.folder.best)
