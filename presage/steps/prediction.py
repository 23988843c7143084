"""Train-free accuracy of networks on a dataset."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from presage.progress import OnStage
from presage.reading import reading
from presage.steps.expected import note_fit
from presage.steps.extrapolation import Extrapolation, extrapolation
from presage.steps.fits import Fit, LearnedFrom, fit_for
from presage.terminal import one_line

if TYPE_CHECKING:
    from presage.architecture.batch.graph_batch import GraphBatch
    from presage.architecture.costs import Costs
    from presage.architecture.graph import Architecture
    from presage.architectures import NamedArchitecture
    from presage.database import Database
    from presage.database.learned import Learned
    from presage.search.studies.scorer import TaskPredictor
    from presage.surrogate import Experience, Prediction, Predictor, Task
    from presage.training import ImageDataset, Recipe

__all__ = [
    "BoundPredictor",
    "Evidence",
    "Predicted",
    "bind",
    "costed",
    "predicted",
    "read_evidence",
    "read_experience",
]

UNKNOWN = 0.75
"""Distance, at least, of a network that has an operation which none of the experience has: "beyond"."""


@dataclass(frozen=True)
class Predicted:
    """One architecture's *predicted* accuracy on a dataset, with its costs there.

    Attributes:
        name: what the user called the architecture.
        hash: of its canonical form.
        accuracy: predicted validation accuracy, in [0, 1].
        lower, upper: ends of the interval that holds `level` of the networks on a dataset never seen.
        level: share of networks that the interval is meant to hold.
        parameters, multiply_adds: of the network for one image of the recipe's size.
        trained: mean trained accuracy of this very network on this dataset by this recipe, where the database has it.
        recipe_words: the recipe that all this is about, in words.
        extrapolation: how far it goes beyond experience, in size, training and kind of network: "within",
            "near", "beyond" or "far"; "" where the predictor does not tell.
        distance: the same as a number, 0 within; None where the predictor does not tell.
        notes: what was changed to make the network fit images and classes, and what else to know of it.
    """

    name: str
    hash: str
    accuracy: float
    lower: float
    upper: float
    level: float
    parameters: int
    multiply_adds: int
    trained: float | None = None
    recipe_words: str = ""
    extrapolation: str = ""
    distance: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def beyond_experience(self) -> bool:
        """Whether it reaches beyond experience ("beyond" or "far"): the interval is wide, and the value a guess."""
        return self.extrapolation in ("beyond", "far")

    def __repr__(self) -> str:
        interval = f"{self.level:.0%} interval {self.lower:.3f} to {self.upper:.3f}"
        return f"Predicted({one_line(self.name)}: {self.accuracy:.3f}, {interval})"


@dataclass(frozen=True)
class BoundPredictor:
    """A fitted predictor with the one task, a dataset and a recipe, that it is asked about.

    Attributes:
        predictor: fitted to the experience, and told what was trained on this task.
        task: all that it may know of the dataset and the recipe.
        trained: mean trained accuracy of each network (hash) that was trained on the task.
        extrapolation: what its predictions rest on.
        operations: names of those that networks of the experience are made of.
        learned_from: how much it was fitted to, and told; None where it is not known.
    """

    predictor: TaskPredictor
    task: Task
    trained: Mapping[str, float]
    extrapolation: Extrapolation
    operations: frozenset[str] = frozenset()
    learned_from: LearnedFrom | None = None

    def predict(self, graphs: GraphBatch) -> Prediction:
        """Predicted accuracies of n architectures on the task."""
        return self.predictor.predict(graphs, self.task)


@dataclass(frozen=True)
class Evidence:
    """What the database holds that bears on one task, read in one opening.

    Attributes:
        fit: what the predictor is fitted to, and the n networks trained on the task that it is told.
        experience: what it is fitted to; None where it need not be fitted.
        own: architecture JSON of those n networks.
        task, trained, extrapolation, operations: as in `BoundPredictor`.
    """

    fit: Fit
    experience: Experience | None
    own: Sequence[str]
    task: Task
    trained: Mapping[str, float]
    extrapolation: Extrapolation
    operations: frozenset[str]


def costed(
    dataset: ImageDataset, architectures: Sequence[NamedArchitecture], recipe: Recipe
) -> list[tuple[NamedArchitecture, Costs]]:
    """Architectures with what they cost on a dataset's images, as the recipe resizes them.

    Raises:
        InvalidArchitecture: one that cannot take the images, or is too large to be built; names it.
    """
    from presage.architectures import costs_of

    shape = (dataset.shape[0], recipe.image_side, recipe.image_side)
    return [(named, costs_of(named, shape, len(dataset.classes))) for named in architectures]


def predicted(
    bound: BoundPredictor, asked: Sequence[tuple[NamedArchitecture, Costs]], recipe_words: str = ""
) -> list[Predicted]:
    """The answer to each architecture, in the order given."""
    from presage.architecture.batch.graph_batch import GraphBatch
    from presage.surrogate.predictors.prediction import extrapolation_of

    answer = bound.predict(GraphBatch.of([named.architecture.canonical for named, _ in asked]))
    unknown = [_unknown(named.architecture, bound.operations) for named, _ in asked]
    told: list[float | None] = [None] * len(asked) if answer.distance is None else answer.distance.tolist()
    distances = [max(one, UNKNOWN) if new and one is not None else one for one, new in zip(told, unknown, strict=True)]
    return [
        Predicted(
            name=named.name,
            hash=named.architecture.hash,
            accuracy=float(answer.value[row]),
            lower=float(answer.lower[row]),
            upper=float(answer.upper[row]),
            level=answer.level,
            parameters=costs.parameters,
            multiply_adds=costs.multiply_adds,
            trained=bound.trained.get(named.architecture.hash),
            recipe_words=recipe_words,
            extrapolation=extrapolation_of(distances[row]),
            distance=distances[row],
            notes=(*named.notes, *unknown[row]),
        )
        for row, (named, costs) in enumerate(asked)
    ]


def _unknown(architecture: Architecture, known: frozenset[str]) -> tuple[str, ...]:
    """What a network is made of that none of the experience has, as a note."""
    if not known:
        return ()
    names = {node.operation.name for node in architecture.canonical.nodes} - known
    if not names:
        return ()
    listed = ", ".join(sorted(name.replace("_", " ") for name in names))
    return (f"no network of the experience has {listed}",)


def read_evidence(
    database: Database, dataset: ImageDataset, recipe: Recipe, is_fitted: Callable[[str], bool], *, refit: bool = False
) -> Evidence:
    """All that predictions for a probed dataset rest on.

    Args:
        is_fitted: whether the predictor fitted to a content (hash) is kept.
        refit: it is to be fitted to all that there is, the newest experiments too.

    Raises:
        WrongInput: a row of the database is damaged; `presage database check` names all.
    """
    with reading(f"The experience in {database.path}"):
        return _evidence(database, dataset, recipe, is_fitted, refit)


def _evidence(
    database: Database, dataset: ImageDataset, recipe: Recipe, is_fitted: Callable[[str], bool], refit: bool
) -> Evidence:
    from presage.probe import PROBE_VERSION
    from presage.surrogate.data.loading import task_of

    fit = fit_for(database, dataset.fingerprint, recipe.hash, whole=refit)
    told = fit.told.architecture.tolist()
    texts = database.architectures(set(told))
    return Evidence(
        fit=fit,
        experience=None if is_fitted(fit.content) else read_experience(database, fit.learned),
        own=[texts[key] for key in told],
        task=task_of(database, dataset.fingerprint, recipe.to_json(), recipe.hash, PROBE_VERSION),
        trained=_trained_before(database, (dataset.fingerprint, recipe.hash)),
        extrapolation=extrapolation(database.experiments(ordered=False), recipe),
        operations=database.operations(),
    )


def read_experience(database: Database, learned: Learned | None = None) -> Experience:
    """What a predictor is fitted to: everything, but for what waits for the next fit; of very many experiments a sample
    (`presage.database.sampled`)."""
    from presage.database import SampledDatabase
    from presage.probe import PROBE_VERSION
    from presage.surrogate import load_experience

    with reading(f"The experience in {database.path}"):
        return load_experience(SampledDatabase(database, learned), probe_version=PROBE_VERSION)


def bind(
    evidence: Evidence, unfitted: Predictor, cache: Path, reread: Callable[[], Experience], progress: OnStage
) -> BoundPredictor:
    """The predictor for the task of the evidence: as shipped or kept where it learned from just that, else fitted.

    Args:
        cache: folder of fitted predictors.
        reread: reads the experience, where a predictor that was kept turns out to be damaged.
    """
    from presage.architecture.batch.graph_batch import GraphBatch
    from presage.architecture.serial import loads
    from presage.surrogate import fitted

    def experience() -> Experience:
        return reread() if evidence.experience is None else evidence.experience

    def tell(done: int, total: int) -> None:  # of a fit: also where what was kept cannot be read
        progress("fit predictor, once", done, total)

    def waiting() -> None:
        progress("wait for another presage, which fits the predictor", 0, 1)

    stage = "read predictor" if evidence.experience is None else "fit predictor, once"
    progress(stage, 0, 1)
    began = time.monotonic()
    learned = fitted(unfitted, evidence.fit.content, experience, cache, tell, waiting)
    if evidence.experience is not None:
        note_fit(cache, unfitted, time.monotonic() - began, len(evidence.experience))
    progress(stage, 1, 1)
    predictor: TaskPredictor = learned
    if evidence.own:
        with reading("The experience in the database"):
            parsed = {text: loads(text) for text in set(evidence.own)}
            graphs = GraphBatch.of([parsed[text] for text in evidence.own])
        predictor = learned.condition_on(graphs, evidence.fit.told.accuracy, evidence.task)
    return BoundPredictor(
        predictor, evidence.task, evidence.trained, evidence.extrapolation, evidence.operations,
        evidence.fit.learned_from,
    )  # fmt: skip


def _trained_before(database: Database, task: tuple[str, str]) -> dict[str, float]:
    accuracies: dict[str, list[float]] = {}
    dataset, recipe = task
    for record in database.experiment_records(dataset=dataset, recipe=recipe, status="finished"):
        if record.accuracy is not None:
            accuracies.setdefault(record.architecture, []).append(record.accuracy)
    return {key: sum(values) / len(values) for key, values in accuracies.items()}
