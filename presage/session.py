"""`Session`: one user's database, device and seed, and the steps that the commands and the Python API are made of.

The database is opened for each step and let go of at once: training in between does not keep other processes out.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from presage_errors import InvalidArchitecture, InvalidArgument

if TYPE_CHECKING:
    from architecture.costs import Costs
    from architecture.spaces import Space
    from database import (
        Database,
        ExperimentEntry,
        ExperimentRecord,
        ImportReport,
        PredictionEntry,
        ProbeRecord,
    )
    from presage.architectures import NamedArchitecture
    from probe import DifficultyCard, Known
    from search import Progress as SearchProgress
    from search import Scorer, ScorerFactory, SearchResult, SearchSettings, Verified
    from search.scorer import TaskPredictor
    from surrogate import Experience, Prediction, Predictor, Task
    from surrogate.appraisal import Appraisal
    from training import EpochRecord, ImageDataset, Recipe
    from training.campaign import Summary

__all__ = ["Predicted", "Session", "Step", "Trained", "no_progress"]

Step = Callable[[str, int, int | None], None]
"""``step(stage, done, total)``: how far the work is."""

MOST_GIVEN = 300
"""Networks trained on a dataset up to which predictions there are corrected by them; with more, all is fitted anew."""
SEEDS = 3
"""Probes of a dataset that no probe is known of."""


def no_progress(stage: str, done: int, total: int | None) -> None:
    """Tell nobody."""


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


@dataclass(frozen=True)
class Trained:
    """One architecture's *trained* accuracy: validation after the last epoch, and test, computed once.

    Attributes:
        name: what the user called the architecture.
        hash: of its canonical form.
        status: `finished`, `diverged` or `out_of_memory`.
        accuracy: on the validation images, in [0, 1]; None unless finished.
        test_accuracy: on the test images; None unless finished.
        parameters, multiply_adds: of the network for one image of the recipe's size.
        seconds: of training.
        failure: one line; None when finished.
        reused: the same training (dataset, network, recipe, seed) was in the database and was not repeated.
    """

    name: str
    hash: str
    status: str
    accuracy: float | None
    test_accuracy: float | None
    parameters: int
    multiply_adds: int
    seconds: float
    failure: str | None
    reused: bool = False


@dataclass
class Session:
    """What a user's commands share.

    Args:
        database: the experiment database; None for the user's own (`$PRESAGE_DATABASE`, or the platform's data folder).
        device: `auto`, `cpu` or `cuda`.
        seed: of everything random.
        step: told how far the work is.
        predictor: name of the accuracy predictor.
        skip_corrupt: pass over images that cannot be read.
    """

    database: str | Path | None = None
    device: str = "auto"
    seed: int = 0
    step: Step = no_progress
    predictor: str = "ensemble"
    skip_corrupt: bool = False
    _datasets: dict[str, ImageDataset] = field(default_factory=dict, repr=False)

    def open(self) -> Database:
        """The database, open; filled with the shipped experience when it is new."""
        from database import Database

        own = self.database is None and "PRESAGE_DATABASE" not in os.environ
        if own:
            return Database.open()
        return Database.open(self.path, from_seed=True, seed_only_if_empty=True)

    @property
    def path(self) -> Path:
        """Where the database is, or will be."""
        from database import default_path

        if self.database is not None:
            return Path(self.database)
        named = os.environ.get("PRESAGE_DATABASE")
        return Path(named) if named else default_path()

    def cache(self, name: str) -> Path:
        """A folder beside the database for what can always be computed again."""
        return self.path.parent / f"{self.path.stem}-cache" / name

    def dataset(self, spec: str | ImageDataset) -> ImageDataset:
        """The dataset that a word names, read once."""
        from training import load_dataset

        if not isinstance(spec, str):
            return spec
        if spec not in self._datasets:
            self._datasets[spec] = load_dataset(
                spec,
                skip_corrupt=self.skip_corrupt,
                on_progress=lambda done, total: self.step("read images", done, total),
            )
        return self._datasets[spec]

    # difficulty

    def probe(self, dataset: ImageDataset, seeds: int = SEEDS) -> DifficultyCard:
        """Probe the dataset with seeds `seed`, `seed` + 1, …; the DCNs enter the database.

        A seed that was probed before keeps its stored DCN: on another processor, or a GPU, the last digits differ.
        """
        from database import DatasetRecord, ProbeEntry, ProbeRecord
        from probe import PROBE_RECIPE, PROBE_VERSION, difficulty_card, probe_row, run_probe
        from training.rows import dataset_row

        if seeds < 1:
            raise InvalidArgument("seeds", "probe", "be at least 1", seeds)
        runs = []
        for number in range(seeds):

            def tell(record: EpochRecord, before: int = number * PROBE_RECIPE.epochs) -> None:
                self.step("probe", before + record.epoch + 1, seeds * PROBE_RECIPE.epochs)

            runs.append(run_probe(dataset, seed=self.seed + number, device=self.device, on_epoch=tell))
        row = DatasetRecord.from_json(dataset_row(dataset))
        with self.open() as database:
            stored = {run.seed for run in database.probes(dataset=dataset.fingerprint, version=PROBE_VERSION)}
            fresh = [run for run in runs if run.seed not in stored]
            database.add_probes(ProbeEntry(row, ProbeRecord.from_json(probe_row(run))) for run in fresh)
            known = self._known(database)
        return difficulty_card(runs, known)

    def task(self, dataset: ImageDataset, recipe: Recipe) -> Task:
        """All that a predictor may know of the dataset; probes it first where no probe is stored."""
        from probe import PROBE_VERSION
        from surrogate.loading import task_of

        if not self._is_probed(dataset):
            self.probe(dataset)
        with self.open() as database:
            return task_of(database, dataset.fingerprint, recipe.to_json(), recipe.hash, PROBE_VERSION)

    def _is_probed(self, dataset: ImageDataset) -> bool:
        from probe import PROBE_VERSION

        with self.open() as database:
            return bool(database.probes(dataset=dataset.fingerprint, version=PROBE_VERSION))

    def _known(self, database: Database) -> list[Known]:
        """Every probed dataset of the database, for the card's neighbours."""
        from probe import PROBE_VERSION, Known

        runs: dict[str, list[ProbeRecord]] = {}
        for run in database.probes(version=PROBE_VERSION):
            runs.setdefault(run.dataset, []).append(run)
        return [
            Known(
                record.name,
                sum(run.dcn for run in runs[record.fingerprint]) / len(runs[record.fingerprint]),
                runs[record.fingerprint][0].description,
                record.fingerprint,
                PROBE_VERSION,
            )
            for record in database.datasets()
            if record.fingerprint in runs
        ]

    # prediction

    def fitted(self, without: tuple[str, str] | None = None) -> Predictor:
        """The predictor, fitted to everything in the database: from the cache where it has learned from that before.

        Args:
            without: a dataset (fingerprint) and a recipe (hash) whose experiments it is not to learn from.
        """
        from probe import PROBE_VERSION
        from surrogate import fitted, get_predictor, load_experience

        unfitted = get_predictor(self.predictor, seed=self.seed)
        with self.open() as database:
            content = database.content_hash(without=without)

        def experience() -> Experience:
            with self.open() as database:
                found = load_experience(database, probe_version=PROBE_VERSION)
            return found if without is None else found.without_task(*without)

        def tell(done: int, total: int) -> None:
            self.step("fit predictor, once", done, total)

        tell(0, 1)
        found = fitted(unfitted, content, experience, self.cache("predictors"), tell)
        tell(1, 1)
        return found

    def informed(self, dataset: ImageDataset, recipe: Recipe) -> TaskPredictor:
        """The predictor for one dataset: learned from all others, and given what was trained on this one.

        So a network that has just been trained on the dataset counts at once, and nothing is fitted anew.
        """
        from architecture.batch import GraphBatch
        from architecture.serial import loads
        from probe import PROBE_VERSION

        if not self._is_probed(dataset):
            self.probe(dataset)
        own = (dataset.fingerprint, recipe.hash)
        with self.open() as database:
            probed = sorted({run.dataset for run in database.probes(version=PROBE_VERSION)})
            trained = database.experiments(datasets=[own[0]], recipe=own[1])
            others = len(database.experiments(datasets=probed)) - len(trained)
            texts = database.architectures(sorted(set(trained.architecture.tolist())))
        if not others or len(trained) > MOST_GIVEN:
            return self.fitted()
        predictor = self.fitted(without=own)
        if not len(trained):
            return predictor
        graphs = GraphBatch.of([loads(texts[key]) for key in trained.architecture.tolist()])
        return predictor.given(graphs, trained.accuracy, self.task(dataset, recipe))

    def predict(
        self, dataset: ImageDataset, architectures: Sequence[NamedArchitecture], recipe: Recipe
    ) -> list[Predicted]:
        """Train-free accuracy of architectures on a dataset, in the order given.

        Raises:
            InvalidArchitecture: one that cannot take the dataset's images, or is too large to be built; names it.
            UnknownName: no predictor of that name.
        """
        from architecture.batch import GraphBatch
        from surrogate import get_predictor

        get_predictor(self.predictor, seed=self.seed)  # refused before anything is probed
        shape = (dataset.shape[0], recipe.image_side, recipe.image_side)
        costs = [_costs(named, shape, len(dataset.classes)) for named in architectures]
        task = self.task(dataset, recipe)
        graphs = [named.architecture.canonical for named in architectures]
        answer: Prediction = self.informed(dataset, recipe).predict(GraphBatch.of(graphs), task)
        with self.open() as database:
            known = self._trained(database, dataset, recipe)
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

    def experience_of(self, recipe: Recipe) -> int:
        """How many finished experiments of the database used exactly this recipe."""
        with self.open() as database:
            return len(database.experiments(recipe=recipe.hash))

    def _trained(self, database: Database, dataset: ImageDataset, recipe: Recipe) -> dict[str, float]:
        accuracies: dict[str, list[float]] = {}
        for record in database.experiment_records(dataset=dataset.fingerprint, recipe=recipe.hash, status="finished"):
            if record.accuracy is not None:
                accuracies.setdefault(record.architecture, []).append(record.accuracy)
        return {key: sum(values) / len(values) for key, values in accuracies.items()}

    def evaluate(
        self,
        predictors: Sequence[str],
        *,
        studies: Sequence[str] | None = None,
        folds: int | None = None,
        families: Mapping[str, str] | None = None,
        draws: int = 8,
    ) -> Appraisal:
        """Every named predictor on datasets, or families of them, left out whole; all studies unless some are named."""
        from surrogate import get_predictor, load_experience
        from surrogate.appraisal import STUDIES, appraise
        from surrogate.core_networks import core_networks
        from surrogate.difficulty import study_difficulty
        from surrogate.shots import ShotPlan

        unfitted = [get_predictor(name, seed=self.seed) for name in predictors]
        asked = tuple(STUDIES) if studies is None else tuple(studies)
        with self.open() as database:
            experience = load_experience(database)
            difficulty = study_difficulty(database, experience, core_networks(experience)) if "dcn" in asked else None
        return appraise(
            experience,
            unfitted,
            studies=asked,
            difficulty=difficulty,
            folds=folds,
            families=families,
            shots=ShotPlan(draws=draws, seed=self.seed),
            cache=self.cache("evaluation"),
            progress=lambda done, total: self.step("evaluate", done, total),
            seed=self.seed,
        )

    # experience

    def populate(
        self, specs: Sequence[str], out: Path, count: int, recipe: Recipe, *, workers: int = 1, probes: int = SEEDS
    ) -> tuple[Summary, ImportReport]:
        """Probe datasets and train the first `count` networks of the design on each.

        Results go to shards in `out`, then into the database.
        Killed at any moment and repeated, it goes on where it was.
        """
        from training import Campaign

        campaign = Campaign(specs, out, count, recipe, workers, self.device)
        for spec in specs:
            dataset = self.dataset(spec)
            if not self._is_probed(dataset):
                self.probe(dataset, probes)
        with self.open() as database:
            stored = database.experiments(recipe=recipe.hash, status=None)
        known = (
            (stored.datasets[dataset], str(architecture), recipe.hash, int(seed))
            for dataset, architecture, seed in zip(stored.dataset, stored.architecture, stored.seed, strict=True)
        )
        campaign = replace(campaign, known=frozenset(known))
        summary = campaign.run(lambda progress: self.step("populate", progress.done, progress.total))
        return summary, self.take_in([out] if any(out.glob("*.jsonl")) else [])

    def take_in(self, paths: Sequence[Path]) -> ImportReport:
        """Take shards, folders of shards or of Parquet files, or other databases into the database.

        Raises:
            InvalidArgument: a path that does not exist; nothing was taken in then.
        """
        from database import ImportReport
        from presage.vetting import check_architecture, check_entry

        for path in paths:
            if not path.exists():
                raise InvalidArgument("PATH", "presage database import", "exist", str(path))
        reports = []
        with self.open() as database:
            for path in paths:
                if path.is_dir() and any(path.glob("*.parquet")):
                    reports.append(database.import_parquet(path, check_architecture, check_entry))
                elif path.is_dir() or path.suffix == ".jsonl":
                    reports.append(database.import_shards([path], check_architecture, check_entry))
                else:
                    reports.append(database.merge(path, check_architecture, check_entry))
        return ImportReport(
            experiments=sum(report.experiments for report in reports),
            probes=sum(report.probes for report in reports),
            predictions=sum(report.predictions for report in reports),
            already=sum(report.already for report in reports),
            refused=tuple(refusal for report in reports for refusal in report.refused),
            notes=tuple(note for report in reports for note in report.notes),
        )

    # training

    def train(self, dataset: ImageDataset, architectures: Sequence[NamedArchitecture], recipe: Recipe) -> list[Trained]:
        """Train each architecture fully; each result enters the database as soon as it is there.

        What the database knows of the same network, recipe and seed is given again, not trained again.
        """
        from database import ArchitectureRecord, DatasetRecord, ExperimentEntry, ExperimentRecord, RecipeRecord
        from training import fit, prepare
        from training.hardware import choose_device
        from training.rows import architecture_row, dataset_row, experiment_row, recipe_row

        data = prepare(dataset, recipe, choose_device(self.device))
        for named in architectures:
            _costs(named, data.input_shape, data.classes)
        done: list[Trained] = []
        total = len(architectures) * recipe.epochs
        for number, named in enumerate(architectures):

            def tell(record: EpochRecord, before: int = number * recipe.epochs) -> None:
                self.step("train", before + record.epoch + 1, total)

            known = self._finished(dataset, named, recipe)
            if known is not None:
                done.append(_trained(named, known, reused=True))
                self.step("train", (number + 1) * recipe.epochs, total)
                continue
            result = fit(named.architecture, data, recipe, seed=self.seed, on_epoch=tell)
            record = ExperimentRecord.from_json(
                experiment_row(dataset.fingerprint, named.architecture, recipe, self.seed, result)
            )
            entry = ExperimentEntry(
                DatasetRecord.from_json(dataset_row(dataset)),
                ArchitectureRecord.from_json(architecture_row(named.architecture)),
                RecipeRecord.from_json(recipe_row(recipe)),
                record,
            )
            with self.open() as database:
                database.add_experiments([entry])
            done.append(_trained(named, record))
        return done

    def _finished(self, dataset: ImageDataset, named: NamedArchitecture, recipe: Recipe) -> ExperimentRecord | None:
        """The very training that is about to begin, where it was finished before."""
        wanted = {"dataset": dataset.fingerprint, "architecture": named.architecture.hash, "recipe": recipe.hash}
        with self.open() as database:
            records = database.experiment_records(**wanted, status="finished")
        return next((record for record in records if record.seed == self.seed), None)

    # search

    def search(
        self, dataset: ImageDataset, *, space: Space, recipe: Recipe, settings: SearchSettings, run_folder: Path
    ) -> SearchResult:
        """Probe, recall, fit, search on predictions, train the short-list; everything in `run_folder`, with a report.

        A search that was stopped goes on where it was when it is asked for again with the same folder and settings.
        """
        from presage.report import write_report
        from search import run_search
        from search.feasible import check_feasible
        from search.latency import LatencyMeter
        from search.one_shot_strategies import check_serves
        from surrogate import get_predictor

        get_predictor(self.predictor, seed=self.seed)  # refused before anything is probed
        check_serves(settings.strategy, space)
        shape, classes = (dataset.shape[0], recipe.image_side, recipe.image_side), len(dataset.classes)
        latency = None
        if settings.needs_latency:
            latency = LatencyMeter(
                space,
                shape,
                classes,
                settings.latency_batch,
                self.device,
                self.cache("latency"),
                on_network=lambda done, total: self.step("measure latency, once", done, total),
            )
        check_feasible(space, settings.limits, shape, classes, None if latency is None else latency.model)
        scorer = self._scorers(dataset, recipe, settings.score)
        run_folder.mkdir(parents=True, exist_ok=True)
        self.card(dataset, run_folder)

        def tell(progress: SearchProgress) -> None:
            stage = {
                "supernet": "train the super-net",
                "predict": f"search by {settings.score}" if settings.score != "predicted" else "search on predictions",
                "train": "train the short-list",
                "baseline": "random baseline",
            }
            rounds = f" (round {progress.round_number})" if settings.rounds > 1 and progress.round_number else ""
            self.step(stage.get(progress.stage, progress.stage) + rounds, progress.done, progress.total)

        result = run_search(
            dataset,
            space=space,
            recipe=recipe,
            settings=settings,
            scorer=scorer,
            run_folder=run_folder,
            database=_OpenedForEachCall(self),
            device=self.device,
            latency=latency,
            on_progress=tell,
        )
        write_report(run_folder, space)
        return result

    def _scorers(self, dataset: ImageDataset, recipe: Recipe, score: str) -> ScorerFactory | None:
        """What gives the scorer of each round of a search, by the name of the score; None for a super-net, which the
        search trains itself.

        Raises:
            InvalidArgument: a score whose scorer only a caller of `search.run_search` can bring.
        """
        from search import PredictorScorer
        from search.one_shot_strategies import SUPERNET
        from search.scores import PROXY, get_score

        if score == SUPERNET:
            return None
        if not get_score(score).predicts and not score.startswith(PROXY):
            rule = "be predicted, ucb, supernet or a zero-cost proxy"
            raise InvalidArgument("score", "presage search", rule, score, "For others, call search.run_search.")

        def scorer(round_number: int, verified: Sequence[Verified]) -> Scorer:
            if not score.startswith(PROXY):
                return PredictorScorer(self.informed(dataset, recipe), self.task(dataset, recipe), self.predictor)
            from surrogate.proxies import Minibatch, ProxyScorer
            from training import prepare

            minibatch = Minibatch.of(prepare(dataset, recipe, self.device))
            return ProxyScorer(minibatch, score.removeprefix(PROXY), self.seed, self.device)

        return scorer

    def card(self, dataset: ImageDataset, run_folder: Path) -> str:
        """The difficulty card as text; probes the dataset unless the run folder keeps its card already.

        ``card.json`` has, beside the card, the DCN of each seed and of every known dataset: what the report draws.

        Raises:
            InvalidArgument: the run folder keeps the card of another dataset.
        """
        path = run_folder / "card.json"
        if path.exists():
            kept = json.loads(path.read_text(encoding="utf-8"))
            if kept.get("fingerprint") == dataset.fingerprint:
                return str(kept["text"])
            rule = f"hold no run on another dataset (`{kept.get('name')}`)"
            raise InvalidArgument("--run", "presage search", rule, str(run_folder), "Name another folder.")
        card = self.probe(dataset)
        with self.open() as database:
            runs = database.probes(dataset=card.fingerprint, version=card.version)
            known = {item.name: item.dcn for item in self._known(database) if item.fingerprint != card.fingerprint}
        seeds = [run.dcn for run in runs if run.seed in card.seeds]
        content = {**card.to_json(), "seed_dcns": seeds, "known_dcns": known, "text": card.text()}
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(content), encoding="utf-8")
        partial.replace(path)
        return card.text()

    def recall(self, dataset: ImageDataset) -> str:
        """What the database holds of datasets of like difficulty, in one line."""
        from probe import PROBE_VERSION

        with self.open() as database:
            dcn = database.difficulties(PROBE_VERSION)[dataset.fingerprint]
            found = database.similar(dcn, exclude=[dataset.fingerprint], version=PROBE_VERSION)
        return found.note


@dataclass(frozen=True)
class _OpenedForEachCall:
    """A session's database as a search uses it: hours of training do not keep other processes out of it."""

    session: Session

    def experiment_records(self, *, dataset: str, recipe: str) -> list[ExperimentRecord]:
        with self.session.open() as database:
            return database.experiment_records(dataset=dataset, recipe=recipe)

    def add_experiments(self, entries: Iterable[ExperimentEntry]) -> object:
        with self.session.open() as database:
            return database.add_experiments(entries)

    def add_predictions(self, entries: Iterable[PredictionEntry]) -> object:
        with self.session.open() as database:
            return database.add_predictions(entries)


def _costs(named: NamedArchitecture, input_shape: Sequence[int], classes: int) -> Costs:
    from architecture.build import MOST_PARAMETERS
    from architecture.costs import costs

    try:
        found = costs(named.architecture.canonical, input_shape, classes)
    except InvalidArchitecture as error:
        shape = "×".join(map(str, input_shape))
        hint = " Try a larger --image-side." if _takes_larger(named, input_shape, classes) else ""
        raise InvalidArchitecture(f"{named.name} cannot take images of {shape}: {error}{hint}") from None
    if found.parameters > MOST_PARAMETERS:
        raise InvalidArchitecture(
            f"{named.name} must have at most {MOST_PARAMETERS:,} parameters. Got {found.parameters:,}."
        )
    return found


def _takes_larger(named: NamedArchitecture, input_shape: Sequence[int], classes: int) -> bool:
    """Whether the network takes images of two, four or eight times the side."""
    from architecture.costs import costs

    channels, *sides = input_shape
    for times in (2, 4, 8):
        try:
            costs(named.architecture.canonical, (channels, *(times * side for side in sides)), classes)
        except InvalidArchitecture:
            continue
        return True
    return False


def _trained(named: NamedArchitecture, record: ExperimentRecord, *, reused: bool = False) -> Trained:
    return Trained(
        name=named.name,
        hash=named.architecture.hash,
        status=record.status,
        accuracy=record.accuracy,
        test_accuracy=record.test_accuracy,
        parameters=record.parameters,
        multiply_adds=record.multiply_adds,
        seconds=record.seconds,
        failure=record.failure,
        reused=reused,
    )
