"""Train-free accuracy of networks on a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from presage.steps.difficulty import ensure_probed
from presage.workplace import Workplace

if TYPE_CHECKING:
    from presage.architectures import NamedArchitecture
    from presage.database import Database
    from presage.search.studies.scorer import TaskPredictor
    from presage.surrogate import Experience, Prediction, Predictor, Task
    from presage.training import ImageDataset, Recipe

__all__ = ["Predicted", "fitted", "informed", "predict", "task"]

MOST_GIVEN = 300
"""Networks trained on a dataset up to which predictions there are corrected by them; with more, all is fitted anew."""


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


def predict(
    place: Workplace, dataset: ImageDataset, architectures: Sequence[NamedArchitecture], recipe: Recipe
) -> list[Predicted]:
    """Train-free accuracy of architectures on a dataset, in the order given.

    Raises:
        InvalidArchitecture: one that cannot take the dataset's images, or is too large to be built; names it.
        UnknownName: no predictor of that name.
    """
    from presage.architecture.batch.graph_batch import GraphBatch
    from presage.architectures import costs_of
    from presage.surrogate import get_predictor

    get_predictor(place.predictor, seed=place.seed)  # refused before anything is probed
    shape = (dataset.shape[0], recipe.image_side, recipe.image_side)
    costs = [costs_of(named, shape, len(dataset.classes)) for named in architectures]
    known_of_it = task(place, dataset, recipe)
    graphs = [named.architecture.canonical for named in architectures]
    answer: Prediction = informed(place, dataset, recipe).predict(GraphBatch.of(graphs), known_of_it)
    with place.open() as database:
        known = _trained_before(database, dataset, recipe)
    return [
        Predicted(
            name=named.name,
            hash=named.architecture.hash,
            accuracy=float(answer.value[row]),
            lower=float(answer.lower[row]),
            upper=float(answer.upper[row]),
            level=answer.level,
            parameters=costs[row].parameters,
            multiply_adds=costs[row].multiply_adds,
            trained=known.get(named.architecture.hash),
        )
        for row, named in enumerate(architectures)
    ]


def task(place: Workplace, dataset: ImageDataset, recipe: Recipe) -> Task:
    """All that a predictor may know of the dataset; probes it first where no probe is stored."""
    from presage.probe import PROBE_VERSION
    from presage.surrogate.data.loading import task_of

    ensure_probed(place, dataset)
    with place.open() as database:
        return task_of(database, dataset.fingerprint, recipe.to_json(), recipe.hash, PROBE_VERSION)


def fitted(place: Workplace, without: tuple[str, str] | None = None) -> Predictor:
    """The predictor, fitted to everything in the database: from the cache where it has learned from that before.

    Args:
        without: a dataset (fingerprint) and a recipe (hash) whose experiments it is not to learn from.
    """
    from presage.probe import PROBE_VERSION
    from presage.surrogate import fitted as fitted_or_kept
    from presage.surrogate import get_predictor, load_experience

    unfitted = get_predictor(place.predictor, seed=place.seed)
    with place.open() as database:
        content = database.content_hash(without=without)

    def experience() -> Experience:
        with place.open() as database:
            found = load_experience(database, probe_version=PROBE_VERSION)
        return found if without is None else found.without_task(*without)

    def tell(done: int, total: int) -> None:
        place.step("fit predictor, once", done, total)

    tell(0, 1)
    found = fitted_or_kept(unfitted, content, experience, place.cache("predictors"), tell)
    tell(1, 1)
    return found


def informed(place: Workplace, dataset: ImageDataset, recipe: Recipe) -> TaskPredictor:
    """The predictor for one dataset: learned from all others, and given what was trained on this one.

    So a network that has just been trained on the dataset counts at once, and nothing is fitted anew.
    """
    from presage.architecture.batch.graph_batch import GraphBatch
    from presage.architecture.serial import loads
    from presage.probe import PROBE_VERSION

    ensure_probed(place, dataset)
    own = (dataset.fingerprint, recipe.hash)
    with place.open() as database:
        probed = sorted({run.dataset for run in database.probes(version=PROBE_VERSION)})
        trained = database.experiments(datasets=[own[0]], recipe=own[1])
        others = len(database.experiments(datasets=probed)) - len(trained)
        texts = database.architectures(sorted(set(trained.architecture.tolist())))
    if not others or len(trained) > MOST_GIVEN:
        return fitted(place)
    predictor = fitted(place, without=own)
    if not len(trained):
        return predictor
    graphs = GraphBatch.of([loads(texts[key]) for key in trained.architecture.tolist()])
    return predictor.condition_on(graphs, trained.accuracy, task(place, dataset, recipe))


def _trained_before(database: Database, dataset: ImageDataset, recipe: Recipe) -> dict[str, float]:
    accuracies: dict[str, list[float]] = {}
    for record in database.experiment_records(dataset=dataset.fingerprint, recipe=recipe.hash, status="finished"):
        if record.accuracy is not None:
            accuracies.setdefault(record.architecture, []).append(record.accuracy)
    return {key: sum(values) / len(values) for key, values in accuracies.items()}
